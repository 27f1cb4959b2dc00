"""Models measured for a policy: counted from headers, with window, licence and cache from the catalog beside them.

Offline, a model without a saved header bundle is taken from the catalog, as declared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sizer.catalog.models import CatalogEntry, find
from sizer.decision.footprint import measure_footprint
from sizer.decision.policy import Measured, Policy, memory_context
from sizer.errors import NotFoundError, UnavailableError
from sizer.sizing.size_class import classify_pair

if TYPE_CHECKING:
    from sizer.decision.reading import ReadModel

__all__ = ["measure_models", "measured_entry", "measured_model"]


def measure_models(names: Iterable[str], policy: Policy, *, offline: bool) -> tuple[Measured, ...]:
    """Each reference measured. Raises what reading a reference raises."""
    return tuple(_measure(name, policy, offline=offline) for name in names)


def measured_model(model: ReadModel, entry: CatalogEntry | None) -> Measured:
    """A model that was read, as what a policy is held against; the catalog fills in what the files do not say."""
    inspection, memory = model.inspection, model.memory
    window = memory.longest_context_tokens if memory else None
    return Measured(
        reference=inspection.reference,
        total_parameters=inspection.total_parameters,
        active_parameters=inspection.active_parameters,
        basis=inspection.total_parameters_basis,
        weights_bytes=inspection.weights_bytes,
        memory_bytes=memory.total_bytes[1] if memory and memory.total_bytes else None,
        size_class=inspection.size_class,
        licence=model.licence or (entry.licence if entry else None),
        context_tokens=window or (entry.context_tokens if entry else None),
        catalog_total_parameters=entry.total_parameters if entry else None,
        catalog_active_parameters=entry.active_parameters if entry else None,
        catalog_precision=(entry.total_precision, entry.active_precision) if entry else (1, 1),
        unknown_reason=_unknown_reason(model),
    )


def measured_entry(entry: CatalogEntry, context_tokens: int) -> Measured:
    """A catalog entry as what a policy is held against; its weights are taken at 16 bits."""
    footprint = None
    if entry.total_parameters is not None:
        footprint = measure_footprint(
            entry.total_parameters,
            bits=16,
            kv_cache_bytes=entry.kv_cache_bytes(context_tokens),
            on_device=False,
        )
    return Measured(
        reference=entry.id,
        total_parameters=entry.total_parameters,
        active_parameters=entry.active_parameters,
        basis="declared",
        weights_bytes=None,
        memory_bytes=footprint.resident_bytes_high if footprint else None,
        size_class=classify_pair(entry.active_parameters, entry.total_parameters),
        licence=entry.licence,
        context_tokens=entry.context_tokens,
        catalog_total_parameters=entry.total_parameters,
        catalog_active_parameters=entry.active_parameters,
        unknown_reason="the catalog does not say",
    )


def _measure(name: str, policy: Policy, *, offline: bool) -> Measured:
    from sizer.decision.reading import read_model

    entry = _entry(name)
    context = memory_context(policy)
    try:
        return measured_model(read_model(name, offline=offline, context_tokens=context or None), entry)
    except (NotFoundError, UnavailableError):
        if not offline or entry is None:
            raise
        return measured_entry(entry, context)


def _unknown_reason(model: ReadModel) -> str:
    inspection = model.inspection
    reasons = (inspection.total_parameters_reason, inspection.active_parameters_reason)
    return next((reason for reason in (*reasons, model.memory.reason if model.memory else "") if reason), "")


def _entry(name: str) -> CatalogEntry | None:
    try:
        return find(name.partition("@")[0])
    except NotFoundError:
        return None
