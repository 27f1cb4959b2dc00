"""`sizer inspect` on the terminal: the answer in one line, then where every parameter sits."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sizer.anatomy.parameters import Experts
from sizer.catalog.claims import Claim
from sizer.inspection import Inspection, Inspections
from sizer.render.terminal import bar, heading, is_unicode, key_values, left_out, safe, table
from sizer.render.views.sizing import show_fit, show_fit_rows, show_memory
from sizer.sizing.size_class import label
from sizer.units import format_bytes, format_count, format_integer, format_percent, plural

__all__ = ["show", "show_many"]

_BASIS_MARK = {"counted": "", "declared": " (declared)", "estimated": " (estimated)", "unknown": ""}
_OTHERS_SHOWN = 30
_TABLE_WIDTH = 72
"""Columns from which on a table has room for its numbers."""
_LABEL_WIDTH = 40
"""Columns from which on labels have a column of their own."""
_CONVENTIONS = {"everything in": "the embeddings"}
_TITLES = {
    "input_embedding": "input embedding", "lookup_tables": "lookup tables", "mixer": "attention / mixer",
    "dense_ffn": "dense FFN", "router": "router", "shared_experts": "shared experts",
    "routed_experts": "routed experts", "norms": "norms", "output_head": "output head",
    "mtp": "extra layers (MTP)", "vision": "vision", "audio": "audio",
    "other_encoders": "other encoders", "projector": "projector",
    "adapter": "adapter", "other": "other",
}  # fmt: skip


def headline(report: Inspection) -> str:
    """The answer in one line that a person can repeat."""
    name = safe(report.repository)
    total = report.total_parameters
    if total is None:
        return f"{name}: size unknown - {safe(report.total_parameters_reason)}"
    if report.format == "adapter":
        base = safe(report.base_model or "an unnamed model")
        return f"{name}: an adapter of {format_count(total)} parameters for {base}"
    said = f"{name}: {format_count(total)} total{_BASIS_MARK[report.total_parameters_basis]}"
    active = report.active_parameters
    if active is None:
        if report.active_parameters_range:
            low, high = report.active_parameters_range
            return f"{said}, active unknown (between {format_count(low)} and {format_count(high)})"
        return said
    if active == total:
        return f"{said}, all of them active for every token"
    share = format_percent(active / total)
    if report.active_parameters_range:
        low, high = report.active_parameters_range
        return (
            f"{said}, {format_count(active)} active on average ({share}; {format_count(low)} to {format_count(high)})"
        )
    return f"{said}, {format_count(active)} active per token ({share})"


def show(report: Inspection, console: Console) -> None:
    """Print one report."""
    console.print(Text(headline(report), style="bold"))
    console.print()
    if console.width >= _LABEL_WIDTH:
        console.print(key_values(_facts(report)))
    else:
        for label, said in _facts(report):
            console.print(Text(f"{label}: {said}"))
    if report.components:
        console.print()
        _show_parts(report, console)
    if report.weights_bytes is not None or report.memory.kv_cache_bytes is not None:
        console.print()
        show_memory(report.memory, console)
    if report.fit:
        console.print()
        show_fit(report.fit, console)
    if report.claims:
        console.print()
        _show_claims(report.claims, console)
    if report.warnings:
        console.print()
        console.print(heading("Warnings"))
        for notice in report.warnings:
            console.print(Padding(Text("- " + safe(notice.message)), (0, 0, 0, 2)))
    console.print()
    console.print(Text(_cost(report), style="dim"))


def show_many(reports: Inspections, console: Console) -> None:
    """Print one row a report, then what could not be inspected."""
    rows = []
    for report in reports.models:
        total, active = report.total_parameters, report.active_parameters
        rows.append(
            (
                safe(report.reference, 40),
                "unknown" if total is None else format_count(total) + _BASIS_MARK[report.total_parameters_basis],
                "unknown" if active is None else format_count(active),
                "" if total is None or active is None else format_percent(active / total),
                "" if report.weights_bytes is None else format_bytes(report.weights_bytes),
                safe(report.quantization or report.format, 14),
            )
        )
    numbers = [(title, "right!") for title in ("total", "active", "share", "weights")]
    columns = [("model", "left"), *numbers, ("kind", "left!")]
    if console.width >= _TABLE_WIDTH and rows:
        console.print(table(columns, rows))
    else:
        for model, all_, used, share, weights, kind in rows:
            said = f"{all_} total, {used} active{f' ({share})' if share else ''}"
            console.print(Text(f"{model}: {said}{f', {weights}' if weights else ''}, {kind}"))
    if asked := [(report.reference, fit) for report in reports.models for fit in report.fit if fit.is_asked]:
        console.print()
        show_fit_rows(asked, console)
    for failure in reports.failures:
        console.print(Text(f"{safe(failure.reference)}: {safe(failure.message)}"))
        console.print(Text(f"  hint: {safe(failure.hint)}" if failure.hint else "", style="dim"))


def _facts(report: Inspection) -> list[tuple[str, str]]:
    facts = []
    total, active, compute = report.total_parameters, report.active_parameters, report.active_compute_parameters
    if total is not None:
        facts.append(("total", _exact(total, report.total_parameters_basis, report.total_parameters_reason)))
    if active is not None:
        facts.append(("active", _exact(active, report.active_parameters_basis, report.active_parameters_reason)))
    elif report.active_parameters_reason:
        facts.append(("active", f"unknown: {safe(report.active_parameters_reason)}"))
    if compute is not None and compute != active:
        facts.append(("active compute", f"{format_integer(compute)} (one row of the input embedding is read, not all)"))
    if report.experts is not None and report.experts.moe_layers:
        facts.append(("experts", _experts(report.experts)))
    if report.size_class.by_total is not None:
        facts.append(("size class", _size_class(report)))
    if report.weights_bytes is not None:
        basis = _BASIS_MARK[report.weights_bytes_basis]
        facts.append(("weights", f"{format_bytes(report.weights_bytes)}{basis} {_storage(report)}"))
    facts.append(("read from", _origin(report)))
    facts.extend(("also there", safe(other)) for other in report.alternatives[:_OTHERS_SHOWN])
    if (more := len(report.alternatives) - _OTHERS_SHOWN) > 0:
        facts.append(("also there", f"{format_integer(more)} more (--json names them)"))
    return facts


def _origin(report: Inspection) -> str:
    commit = f" at {report.commit[:12]}" if report.commit else ""
    kind = f", {safe(report.model_type, 40)}" if report.model_type else ""
    packing = f", {safe(report.quantization, 40)}" if report.quantization else ""
    return f"{report.format}{commit}{kind}{packing}"


def _exact(count: int, basis: str, reason: str) -> str:
    return f"{format_integer(count)} ({basis}{': ' + safe(reason) if reason else ''})"


def _experts(experts: Experts) -> str:
    layers = plural(experts.moe_layers, "layer")
    count = experts.routed_experts or 0
    held = f"up to {count}" if experts.routed_experts_per_layer else str(count)
    if experts.experts_per_token is not None:
        text = f"{experts.experts_per_token} of {held} per token in {layers}"
    elif experts.experts_per_token_per_layer:
        numbers = experts.experts_per_token_per_layer
        text = f"{min(numbers)} to {max(numbers)} of {held} per token in {layers}"
    else:
        text = f"{held} in {layers}; how many a token uses is unknown ({safe(experts.reason)})"
    if experts.zero_compute_experts:
        text += f", {experts.zero_compute_experts} more without weights"
    if experts.shared_experts:
        text += f", plus {experts.shared_experts} shared"
    return text


def _size_class(report: Inspection) -> str:
    pair = report.size_class
    if pair.by_total is None:
        return "unknown"
    if pair.by_active is None or pair.by_active == pair.by_total:
        return f"{label(pair.by_total)}" + (" by total" if pair.by_active is None else "")
    return f"{label(pair.by_active)} by active (speed, cost), {label(pair.by_total)} by total (memory)"


def _storage(report: Inspection) -> str:
    size = report.weights_bytes or 0
    if not report.storage or not size:
        return ""
    rows = [row for row in report.storage if row.bytes * 1000 >= size][:4]
    if len(rows) == 1:
        return f"as {safe(rows[0].storage)}"
    return "as " + ", ".join(f"{safe(row.storage)} {format_percent(row.bytes / size, 0)}" for row in rows)


def _show_parts(report: Inspection, console: Console) -> None:
    """One row a component: total and active, with shares and bars as far as the width allows."""
    titles = {part.name: safe(_TITLES.get(part.name, part.name), 24) for part in report.components}
    total = sum(part.total_parameters for part in report.components) or 1
    active = sum(part.active_parameters or 0 for part in report.components)
    fixed = max(map(len, titles.values())) + (44 if active else 26)  # the other columns and the gaps between them
    width = min(16, (console.width - fixed) // (2 if active else 1))
    unicode = is_unicode(console)
    rows = []
    for part in report.components:
        row = [titles[part.name], *_share_cells(part.total_parameters, total, width, unicode, "cyan")]
        if active:
            row += _share_cells(part.active_parameters, active, width, unicode, "green")
        rows.append(row)
    cells = [("", "right!"), ("", "left!")][: len(_share_cells(1, 1, width, unicode, "")) - 1]
    columns = [("part", "left!"), ("total", "right!"), *cells]
    console.print(table([*columns, ("active", "right!"), *cells] if active else columns, rows))
    if not cells:
        console.print(left_out("shares"))


def _share_cells(count: int | None, whole: int, width: int, unicode: bool, style: str) -> list[str | Text]:
    """A count, its share and a bar; on a narrow screen (no room for a bar) the count alone."""
    shown = "unknown" if count is None else format_count(count) if count else "-"
    if width < 3:
        return [shown]
    if not count:
        return [shown, "", ""]
    return [shown, format_percent(count / whole), bar(count / whole, width, unicode=unicode, style=style)]


def _show_claims(claims: Sequence[Claim], console: Console) -> None:
    rows = []
    for claim in claims:
        format_ = format_bytes if claim.kind == "bytes" else format_count
        said = f"{format_(claim.claimed)} {'' if claim.kind == 'bytes' else claim.kind.replace('_', ' ')}".rstrip()
        counted = "not counted" if claim.counted is None else format_(claim.counted)
        rows.append((claim.source, said, counted, _outcome(claim)))
    if console.width >= _TABLE_WIDTH:
        console.print(table([("claim", "left!"), ("says", "right!"), ("counted", "right!"), ("", "left")], rows))
    else:
        for source, said, counted, outcome in rows:
            console.print(Text(f"{source} says {said}, counted {counted}: {outcome}"))


def _outcome(claim: Claim) -> str:
    """Whether a claim agrees with the count, in which convention, and why not; `fits` is kept for memory."""
    if claim.agrees is None:
        return "not compared"
    if claim.agrees:
        told = claim.convention if claim.kind == "active" and len(claim.conventions) == 1 else ""
        said = claim.reason or (told and f"with {_CONVENTIONS.get(told, told)}")
        return f"agrees: {said}" if said else "agrees"
    format_ = format_bytes if claim.kind == "bytes" else format_count
    difference = claim.difference or 0
    sign = "+" if difference > 0 else "-"
    return f"off by {sign}{format_(abs(difference))}" + (f": {claim.reason}" if claim.reason else "")


def _cost(report: Inspection) -> str:
    reading = report.reading
    if not reading.files:
        return "no headers were read"
    checked = f", checked by {reading.verified_by}" if reading.verified_by else ""
    requests = f"{plural(reading.requests, 'request')}, {format_bytes(reading.bytes)}; " if reading.requests else ""
    whole = "" if reading.complete else "; incomplete"
    return f"Read the headers of {plural(reading.files, 'file')} ({requests}no weights{checked}){whole}"
