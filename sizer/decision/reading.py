"""A named model read and counted: its inspection, its memory at a context, its window and licence.

Kept apart, so that only a command that reads a model pays for importing what reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sizer.api import ReadingSettings, read
from sizer.inspection import Inspection, PartAnatomy, examine, inspect_checkpoint
from sizer.sizing.memory import Memory
from sizer.sizing.model import size_model

__all__ = ["ReadModel", "read_model"]


@dataclass(frozen=True, kw_only=True)
class ReadModel:
    """One reference, counted and sized."""

    inspection: Inspection
    memory: Memory | None
    """At the context asked for; None where there is no language model with a config to size."""
    licence: str | None
    """In lower case, as the Hub has it; None where nobody asked the Hub."""


def read_model(name: str, *, offline: bool, context_tokens: int | None = None) -> ReadModel:
    """The model behind a reference. Raises what `sizer.api.read` raises."""
    checkpoint = read(name, ReadingSettings(offline=offline))
    parts = examine(checkpoint)
    inspection = inspect_checkpoint(checkpoint, parts)
    licence = checkpoint.hub.licence if checkpoint.hub else None
    return ReadModel(
        inspection=inspection,
        memory=_memory(parts, inspection, context_tokens),
        licence=licence.lower() if licence else None,
    )


def _memory(parts: tuple[PartAnatomy, ...], inspection: Inspection, context_tokens: int | None) -> Memory | None:
    """The memory of a checkpoint of one part; a pipeline of several is not one model to run."""
    if len(parts) != 1:
        return None
    [only] = parts
    sized = size_model(
        only.anatomy,
        only.part.config,
        inspection.weights_bytes,
        weights_basis=inspection.weights_bytes_basis,
        context_tokens=context_tokens,
        smallest=False,
    )
    return sized.memory
