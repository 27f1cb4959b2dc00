"""Models measured for a policy: counted from headers, with window, licence and cache from the catalog beside them.

Offline, a model without a saved header bundle is taken from the catalog, as declared.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from sizer.catalog.models import CatalogEntry, find
from sizer.decision.footprint import assumptions, measure_footprint
from sizer.decision.policy import Measured, Policy, memory_context
from sizer.errors import NotFoundError, UnavailableError
from sizer.sizing.size_class import classify_pair

__all__ = ["measure_models", "measured_entry", "measured_inspection"]


def measure_models(names: Iterable[str], policy: Policy, *, offline: bool) -> tuple[Measured, ...]:
    """Each reference measured. Raises what reading a reference raises."""
    return tuple(_measure(name, policy, offline=offline) for name in names)


def measured_inspection(inspection: Any, entry: CatalogEntry | None, context_tokens: int) -> Measured:
    """An inspection as what a policy is held against."""
    weights = inspection.weights_bytes
    cache = entry.kv_cache_bytes_per_token if entry else None
    memory = None if weights is None else weights + (cache or 0) * context_tokens + assumptions().runtime_bytes_high
    return Measured(
        reference=inspection.reference,
        total_parameters=inspection.total_parameters,
        active_parameters=inspection.active_parameters,
        basis=inspection.total_parameters_basis,
        weights_bytes=weights,
        memory_bytes=memory,
        size_class=inspection.size_class,
        licence=entry.licence if entry else None,
        context_tokens=entry.context_tokens if entry else None,
        catalog_total_parameters=entry.total_parameters if entry else None,
        catalog_active_parameters=entry.active_parameters if entry else None,
        catalog_precision=(entry.total_precision, entry.active_precision) if entry else (1, 1),
        unknown_reason=inspection.total_parameters_reason or inspection.active_parameters_reason,
    )


def measured_entry(entry: CatalogEntry, context_tokens: int) -> Measured:
    """A catalog entry as what a policy is held against; its weights are taken at 16 bits."""
    footprint = None
    if entry.total_parameters is not None:
        footprint = measure_footprint(
            entry.total_parameters,
            bits=16,
            context_tokens=context_tokens,
            kv_cache_bytes_per_token=entry.kv_cache_bytes_per_token,
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
    context = memory_context(policy)
    entry = _entry(name)
    try:
        api: Any = importlib.import_module("sizer.api")
        inspection = api.inspect(name, api.ReadSettings(offline=offline))
    except (NotFoundError, UnavailableError, ImportError):
        if not offline or entry is None:
            raise
        return measured_entry(entry, context)
    return measured_inspection(inspection, entry, context)


def _entry(name: str) -> CatalogEntry | None:
    try:
        return find(name.partition("@")[0])
    except NotFoundError:
        return None
