"""Models that a user names: a shipped bundle or a catalog entry first, else counted from the Hub.

The Hub client is imported only for a name that is in neither.
"""

from __future__ import annotations

import datetime
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sizer.catalog.models import CatalogEntry, find
from sizer.errors import NotFoundError

if TYPE_CHECKING:
    from sizer.decision.candidates import Subject

__all__ = ["CountedSubject", "find_subject", "subject_of"]


@dataclass(frozen=True, kw_only=True)
class CountedSubject:
    """A model whose headers were counted, with what the catalog knows beside it."""

    id: str
    family: str
    basis: str
    total_parameters: int | None
    active_parameters: int | None
    context_tokens: int | None = None
    effective_context_tokens: int | None = None
    kv_cache_bytes_per_token: int | None = None
    licence: str | None = None
    task: str = "chat"
    released: datetime.date | None = None


def find_subject(name: str, *, offline: bool = False) -> Subject:
    """What is known about a model: the catalog's entry, else the count of its headers.

    Raises NotFoundError, UnavailableError or InvalidDataError where neither knows it.
    """
    try:
        return find(name)
    except NotFoundError as unknown:
        if "/" not in name and not name.endswith((".gguf", ".safetensors", ".json")):
            raise
        try:
            api: Any = importlib.import_module("sizer.api")
        except ImportError:
            raise unknown from None
        return subject_of(api.inspect(name, api.ReadSettings(offline=offline)), None)


def subject_of(inspection: Any, entry: CatalogEntry | None) -> CountedSubject:
    """An inspection as something to judge; window, cache and licence come from the catalog where it has them."""
    return CountedSubject(
        id=inspection.reference,
        family=entry.family if entry else "",
        basis=inspection.total_parameters_basis,
        total_parameters=inspection.total_parameters,
        active_parameters=inspection.active_parameters,
        context_tokens=entry.context_tokens if entry else None,
        effective_context_tokens=entry.effective_context_tokens if entry else None,
        kv_cache_bytes_per_token=entry.kv_cache_bytes_per_token if entry else None,
        licence=entry.licence if entry else None,
        task=entry.task if entry else "chat",
        released=entry.released if entry else None,
    )
