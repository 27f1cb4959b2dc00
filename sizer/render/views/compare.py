"""`sizer compare` on the terminal: a row a figure, a column a model, the ratio to the first beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from sizer.comparison import ComparedModel, Comparison, ComparisonRow
from sizer.render.terminal import left_out, safe, table
from sizer.units import (
    format_bytes,
    format_count,
    format_integer,
    format_percent,
    format_rate,
    format_tokens,
)

__all__ = ["show"]

_TITLES = {
    "total_parameters": "total", "active_parameters": "active", "active_share": "active share",
    "active_compute_parameters": "active compute", "class_by_active": "class by active",
    "class_by_total": "class by total", "routed_experts": "experts", "experts_per_token": "experts a token",
    "shared_experts": "shared experts", "moe_layers": "mixture layers", "layers": "layers",
    "attention_layers": "of them growing", "keeps": "keeps", "longest_context_tokens": "longest context",
    "kv_cache_bytes_per_token": "cache a token", "kv_cache_bytes": "cache", "state_bytes": "state",
    "weights_bytes": "weights", "weight_bits": "bits a weight", "memory_bytes": "memory, at most",
    "model_type": "type", "quantization": "quantisation", "licence": "licence",
    "input_embedding": "input embedding", "lookup_tables": "lookup tables", "mixer": "attention / mixer",
    "dense_ffn": "dense FFN", "router": "router", "routed_experts.part": "routed experts", "norms": "norms",
    "output_head": "output head", "mtp": "extra layers", "other_encoders": "other encoders",
}  # fmt: skip
_FORMATS: dict[str, Callable[[float], str]] = {
    "parameters": format_count, "bytes": format_bytes, "share": format_percent, "bits": format_rate,
    "tokens_per_second": lambda value: f"{format_rate(value)}/s",
}  # fmt: skip
_LABEL, _VALUE, _RATIO = 18, 11, 6


def show(report: Comparison, console: Console) -> None:
    """As many models side by side as find room, the first always among them."""
    has_ratio = console.width >= 56
    room = max(1, (console.width - _LABEL - _VALUE - 4) // (_VALUE + 2 + (_RATIO + 2 if has_ratio else 0)))
    others = list(range(1, len(report.models)))
    for start in range(0, len(others), room):
        if start:
            console.print()
        console.print(_table(report, [0, *others[start : start + room]], has_ratio=has_ratio))
    console.print()
    if not has_ratio:
        console.print(left_out("ratio"))
    each = "" if report.sequences == 1 else f" in each of {format_integer(report.sequences)} sequences"
    said = [f"* differs; cache and memory at {format_integer(report.context_tokens)} tokens{each}"]
    if any(model.known_from == "catalog" for model in report.models):
        said.append("~ from the catalog, no headers read")
    if any(None in row.values for row in report.rows if not row.key.startswith("speed.")):
        said.append("- not known")
    if any(None in row.values for row in report.rows if row.key.startswith("speed.")):
        said.append("no ceiling (-) where a model does not fit, or its speed is not known")
    console.print(Text("; ".join(said), style="dim"))
    for notice in report.warnings:
        console.print(Text(f"warning: {safe(notice.message)}", style="yellow"))


def _table(report: Comparison, chosen: Sequence[int], *, has_ratio: bool) -> RenderableType:
    columns = [("", "left!")]
    for place in chosen:
        columns.append((_name(report.models[place]), "right"))
        if place and has_ratio:
            columns.append(("ratio", "right!"))
    rows: list[list[str | Text]] = []
    for row in report.rows:
        cells: list[str | Text] = [("* " if row.differs else "  ") + _title(row.key)]
        for place in chosen:
            cells.append(Text(_value(row, place), style="bold" if row.differs else ""))
            if place and has_ratio:
                cells.append(_ratio(row.ratios[place]))
        rows.append(cells)
    return table(columns, rows)


def _name(model: ComparedModel) -> str:
    mark = "~" if model.known_from == "catalog" else ""
    return mark + safe(model.repository.rstrip("/").rpartition("/")[2] or model.repository)


def _title(key: str) -> str:
    kind, _, name = key.partition(".")
    if kind == "part":
        return _TITLES.get(f"{name}.part", _TITLES.get(name, safe(name, _LABEL)))
    if kind in ("fits", "speed"):
        return f"{'fits' if kind == 'fits' else 'ceiling'} {safe(name, _LABEL - 6)}"
    return _TITLES.get(key, key)


def _value(row: ComparisonRow, place: int) -> str:
    value = row.values[place]
    if value is None:
        return "-"
    if isinstance(value, str):
        return safe(value, 60)
    if row.unit in _FORMATS:
        return _FORMATS[row.unit](value)
    return format_tokens(int(value)) if row.unit == "tokens" else format_integer(int(value))


def _ratio(ratio: float | None) -> str:
    return "" if not ratio else "=" if ratio == 1 else f"x{format_rate(ratio)}"
