"""Models that a user names: a catalog entry or a shipped header bundle first, else what the reference holds.

Only a repository that is in neither needs the Hub, and only then is its client imported.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

from sizer.catalog.models import find
from sizer.errors import NotFoundError
from sizer.reference import parse_reference
from sizer.values import frozen

if TYPE_CHECKING:
    from sizer.decision.candidates import Subject
    from sizer.decision.reading import ReadModel
    from sizer.sizing.memory import Memory

__all__ = ["ReadSubject", "find_subject", "subject_of"]


@frozen
class ReadSubject:
    """A model that was read for this recommendation."""

    id: str
    basis: str
    total_parameters: int | None
    active_parameters: int | None
    context_tokens: int | None
    kv_cache_bytes_per_token: int | None
    licence: str | None
    family: str = ""
    effective_context_tokens: int | None = None
    """Nobody tested it."""
    task: str = "chat"
    released: datetime.date | None = None


def find_subject(name: str, *, context_tokens: int, offline: bool = False) -> Subject:
    """What is known about a model: the catalog's entry, else the count of its headers and its cache at the context.

    Raises UsageError, NotFoundError, UnavailableError or InvalidDataError where neither knows it.
    """
    try:
        return find(name)
    except NotFoundError:
        reference = parse_reference(name)
        if reference.kind == "hub" and "/" not in (reference.repository or ""):
            raise
    from sizer.decision.reading import read_model
    from sizer.sources.bundle import find_shipped

    is_shipped = reference.repository is not None and not reference.revision and find_shipped(reference.repository)
    return subject_of(read_model(name, offline=offline or bool(is_shipped), context_tokens=context_tokens))


def subject_of(model: ReadModel) -> ReadSubject:
    """A model that was read, as something to judge."""
    inspection, memory = model.inspection, model.memory
    return ReadSubject(
        id=inspection.reference,
        basis=inspection.total_parameters_basis,
        total_parameters=inspection.total_parameters,
        active_parameters=inspection.active_parameters,
        context_tokens=memory.longest_context_tokens if memory else None,
        kv_cache_bytes_per_token=_cache_per_token(memory) if memory else None,
        licence=model.licence,
    )


def _cache_per_token(memory: Memory) -> int | None:
    """Bytes of cache a token of the context: full windows are then counted as what they hold, not as growing."""
    if memory.kv_cache_bytes is None:
        return None
    return math.ceil(memory.kv_cache_bytes / (memory.context_tokens * memory.sequences))
