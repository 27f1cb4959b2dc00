"""A named model read and counted: its inspection, its memory at a context, its window and licence.

Kept apart, so that only a command that reads a model pays for importing what reads it.
"""

from __future__ import annotations

from sizer.api import ReadingSettings, read
from sizer.inspection import Inspection, examine, inspect_checkpoint
from sizer.sizing.memory import Memory
from sizer.sizing.model import SizingSettings
from sizer.values import frozen

__all__ = ["ReadModel", "read_model"]


@frozen
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
    inspection = inspect_checkpoint(checkpoint, parts, SizingSettings(context_tokens=context_tokens))
    licence = checkpoint.hub.licence if checkpoint.hub else None
    return ReadModel(
        inspection=inspection,
        memory=inspection.memory if len(parts) == 1 else None,  # a pipeline of several is not one model to run
        licence=licence.lower() if licence else None,
    )
