"""Models that a user names: a catalog entry or a shipped header bundle first, else what the reference holds.

Only a repository that is in neither needs the Hub, and only then is its client imported.
"""

from __future__ import annotations

import datetime
import math
from fractions import Fraction
from typing import TYPE_CHECKING

from sizer.catalog.models import find
from sizer.errors import NotFoundError
from sizer.reference import parse_reference
from sizer.values import frozen

if TYPE_CHECKING:
    from sizer.decision.candidates import Subject
    from sizer.decision.reading import ReadModel
    from sizer.inspection import Inspection
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
    kept_bytes_per_token: Fraction | None
    """Cache and state a token of the context it was read for."""
    licence: str | None
    unknown_reason: str = ""
    """Why the total or the active count is not known."""
    family: str = ""
    effective_context_tokens: int | None = None
    """Nobody tested it."""
    task: str = "chat"
    released: datetime.date | None = None

    def needs_scaling(self, context_tokens: int) -> bool:
        """Never: its context is what its own config.json declares."""
        return False

    def kv_cache_bytes(self, context_tokens: int) -> int | None:
        """Cache and state of one sequence of that length, by what a token of the context it was read for takes."""
        return None if self.kept_bytes_per_token is None else math.ceil(self.kept_bytes_per_token * context_tokens)


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
        kept_bytes_per_token=_kept_per_token(memory) if memory else None,
        licence=model.licence,
        unknown_reason=_unknown_reason(inspection),
    )


def _unknown_reason(inspection: Inspection) -> str:
    if inspection.total_parameters is None:
        return inspection.total_parameters_reason
    return inspection.active_parameters_reason if inspection.active_parameters is None else ""


def _kept_per_token(memory: Memory) -> Fraction | None:
    """Bytes a token of the context: full windows are then counted as what they hold, not as growing."""
    if memory.kv_cache_bytes is None or memory.state_bytes is None:
        return None
    return Fraction(memory.kv_cache_bytes + memory.state_bytes, memory.context_tokens * memory.sequences)
