"""Models side by side: the same figures of each, which of them differ, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sizer.anatomy.parameters import Experts
from sizer.catalog.models import CatalogEntry
from sizer.errors import SizerError
from sizer.inspection import Inspection, find_gap
from sizer.notices import Notice
from sizer.sizing.size_class import classify_pair, label
from sizer.values import frozen

__all__ = ["ComparedModel", "Comparison", "ComparisonRow", "Figures", "compare", "figures_of", "figures_of_entry"]


@frozen
class ComparedModel:
    """One of the models."""

    reference: str
    repository: str
    commit: str | None
    known_from: str
    """`headers`, or `catalog` where no headers could be read."""


@frozen
class ComparisonRow:
    """One figure of every model."""

    key: str
    unit: str
    """`parameters`, `bytes`, `tokens`, `count`, `share`, `bits`, `tokens_per_second` or `text`."""
    values: tuple[int | float | str | None, ...]
    """One a model: null where it is not known, 0 where the model has none (experts, a part)."""
    ratios: tuple[float | None, ...]
    """Each value over the first; null for text and where one is not known."""
    differs: bool
    """Whether two known values are not the same."""


@frozen
class Comparison:
    """The report of `sizer compare`."""

    models: tuple[ComparedModel, ...]
    context_tokens: int
    """For the cache and the memory."""
    sequences: int
    rows: tuple[ComparisonRow, ...]
    """Rows that no model has a value for are left out."""
    warnings: tuple[Notice, ...] = ()
    """Of models that lack files: why their figures are unknown. The code is that of the error."""


@frozen
class Figures:
    """The figures of one model, by key."""

    model: ComparedModel
    values: dict[str, Any]
    gap: SizerError | None = None
    """Why figures are unknown, where files are missing."""


_Get = Callable[[Inspection], Any]
_ROWS: tuple[tuple[str, str], ...] = (
    ("total_parameters", "parameters"), ("active_parameters", "parameters"), ("active_share", "share"),
    ("active_compute_parameters", "parameters"), ("class_by_active", "text"), ("class_by_total", "text"),
    ("routed_experts", "count"), ("experts_per_token", "count"), ("shared_experts", "count"), ("moe_layers", "count"),
    ("layers", "count"), ("attention_layers", "count"), ("keeps", "text"), ("longest_context_tokens", "tokens"),
    ("kv_cache_bytes_per_token", "bytes"), ("kv_cache_bytes", "bytes"), ("state_bytes", "bytes"),
    ("weights_bytes", "bytes"), ("weight_bits", "bits"), ("memory_bytes", "bytes"), ("model_type", "text"),
    ("quantization", "text"), ("licence", "text"),
)  # fmt: skip


def compare(models: Sequence[Figures], *, context_tokens: int, sequences: int) -> Comparison:
    """The models side by side; ratios are to the first."""
    rows = [*_ROWS]
    for model in models:
        rows += [(key, _unit_of(key)) for key in model.values if key not in dict(rows)]
    made = [_row(key, unit, [_value(model, key) for model in models]) for key, unit in rows]
    return Comparison(
        models=tuple(model.model for model in models),
        context_tokens=context_tokens,
        sequences=sequences,
        rows=tuple(row for row in made if any(value is not None for value in row.values)),
        warnings=tuple(
            Notice(code=model.gap.code, message=f"{model.model.reference}: {model.gap}")
            for model in models
            if model.gap
        ),
    )


def _value(model: Figures, key: str) -> Any:
    """A figure of a model; of a part that it does not have, where its parts are known, 0."""
    has_parts = key.startswith("part.") and any(other.startswith("part.") for other in model.values)
    return model.values.get(key, 0 if has_parts else None)


def figures_of(report: Inspection) -> Figures:
    """The figures of an inspected model, with one row a component and, where places were asked for, a place.

    Of one whose files are missing only what config.json says: what the other files hold is not the model.
    """
    total, active, memory, experts = report.total_parameters, report.active_parameters, report.memory, report.experts
    values: dict[str, Any] = {
        "total_parameters": total,
        "active_parameters": active,
        "active_share": active / total if active is not None and total else None,
        "active_compute_parameters": report.active_compute_parameters,
        "class_by_active": report.size_class.by_active and label(report.size_class.by_active),
        "class_by_total": report.size_class.by_total and label(report.size_class.by_total),
        **_experts(experts),
        "layers": memory.layer_count,
        "attention_layers": memory.attention_layers,
        "keeps": ", ".join(dict.fromkeys(row.kind.replace("_", " ") for row in memory.layers)) or None,
        "longest_context_tokens": memory.longest_context_tokens,
        "kv_cache_bytes_per_token": memory.kv_cache_bytes_per_token,
        "kv_cache_bytes": memory.kv_cache_bytes,
        "state_bytes": memory.state_bytes,
        "weights_bytes": report.weights_bytes,
        "weight_bits": report.weights_bytes * 8 / total if report.weights_bytes is not None and total else None,
        "memory_bytes": memory.total_bytes[1] if memory.total_bytes else None,
        "model_type": report.model_type,
        "quantization": report.quantization or "none",
    }
    for fit in report.fit:
        if fit.is_asked:
            values[f"fits.{fit.on}"] = fit.fits
            decode = fit.speed.decode if fit.speed else None
            values[f"speed.{fit.on}"] = decode.ceiling_tokens_per_second if decode else None
    values |= {f"part.{part.name}": part.total_parameters for part in report.components}
    model = ComparedModel(
        reference=report.reference, repository=report.repository, commit=report.commit, known_from="headers"
    )
    gap = find_gap(report.reading, report.warnings)
    if gap is not None and total is None:
        values = {key: values[key] for key in ("model_type", "weights_bytes")}
    return Figures(model=model, values=values, gap=gap)


def _experts(experts: Experts | None) -> dict[str, int | None]:
    """The figures of a mixture; zeros of a dense model, and null where what it is is not known."""
    keys = ("routed_experts", "experts_per_token", "shared_experts", "moe_layers")
    if experts is None or experts.moe_layers or experts.reason:
        return {key: getattr(experts, key, None) for key in keys}
    return dict.fromkeys(keys, 0)


def figures_of_entry(reference: str, entry: CatalogEntry, *, context_tokens: int, sequences: int) -> Figures:
    """The figures that the catalog has."""
    total, active, cache = entry.total_parameters, entry.active_parameters, entry.kv_cache_bytes_per_token
    pair = classify_pair(active, total)
    is_dense = not entry.is_moe and active is not None and active == total
    values = {
        "total_parameters": total,
        "active_parameters": active,
        "active_share": min(1.0, active / total) if active is not None and total else None,
        "class_by_active": pair.by_active and label(pair.by_active),
        "class_by_total": pair.by_total and label(pair.by_total),
        "routed_experts": 0 if is_dense else entry.routed_experts,
        "experts_per_token": 0 if is_dense else entry.experts_per_token,
        "longest_context_tokens": entry.context_tokens,
        "kv_cache_bytes_per_token": cache,
        "kv_cache_bytes": cache * context_tokens * sequences if cache is not None else None,
        "licence": entry.licence,
    }
    model = ComparedModel(reference=reference, repository=entry.id, commit=None, known_from="catalog")
    return Figures(model=model, values=values)


def _row(key: str, unit: str, values: list[Any]) -> ComparisonRow:
    known = [value for value in values if value is not None]
    return ComparisonRow(
        key=key,
        unit=unit,
        values=tuple(values),
        ratios=tuple(_ratio(unit, values[0], value) for value in values),
        differs=any(value != known[0] for value in known[1:]),
    )


def _ratio(unit: str, first: Any, value: Any) -> float | None:
    if unit == "text" or not first or value is None:
        return None
    return float(value / first)


def _unit_of(key: str) -> str:
    kind = key.partition(".")[0]
    return {"part": "parameters", "fits": "text", "speed": "tokens_per_second"}.get(kind, "text")
