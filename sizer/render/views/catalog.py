"""`sizer catalog` on the terminal: a row an entry, one entry in full, what verifying found."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sizer.catalog.listing import CatalogDetail, CatalogList
from sizer.catalog.models import CatalogEntry
from sizer.catalog.verify import Check, Verification
from sizer.render.terminal import heading, key_values, left_out, safe, table
from sizer.sizing.size_class import label
from sizer.units import format_bytes, format_count, format_integer, format_tokens, plural, split_billions

__all__ = ["show_detail", "show_list", "show_verification"]

_MARK = "~"
"""Before a figure that is declared, not counted."""
_LICENCE_WIDTH = 10


def show_list(report: CatalogList, console: Console) -> None:
    """One line an entry, in columns where the width allows; the licence where there is room left."""
    if report.models:
        longest = max(len(safe(entry.id)) for entry in report.models)
        room = console.width - longest - 32
        columns = [("model", "left!"), ("total", "right!"), ("active", "right!"), ("context", "right!")]
        if room >= _LICENCE_WIDTH:
            columns.append(("licence", "left!"))
        rows = [_row(entry, room)[: len(columns)] for entry in report.models]
        if room >= 0:
            console.print(table(columns, rows))
        else:  # no room for a column each: a name or a number that is cut says nothing
            for name, total, active, *_ in rows:
                console.print(Text(f"{name}: {total} total, {active} active"))
        console.print()
        if narrow := [*(["context"] if room < 0 else []), *(["licence"] if room < _LICENCE_WIDTH else [])]:
            console.print(left_out(*narrow))
    shown = f"{len(report.models)} of {plural(report.catalog_models, 'model')}"
    unknown = f"; {report.unknown} left out, whose figure is not known" if report.unknown else ""
    mark = f"; {_MARK} is declared, not counted" if any(entry.basis == "declared" for entry in report.models) else ""
    console.print(Text(f"{shown}{unknown}{mark}", style="dim"))


def _row(entry: CatalogEntry, room: int) -> tuple[str, ...]:
    mark = "" if entry.basis == "counted" else _MARK
    return (
        safe(entry.id),
        _figure(entry.total_parameters, entry.total_precision, mark),
        _figure(entry.active_parameters, entry.active_precision, mark),
        "" if entry.context_tokens is None else format_tokens(entry.context_tokens),
        safe(entry.licence or "", max(room, _LICENCE_WIDTH)),
    )


def _figure(count: int | None, precision: int, mark: str) -> str:
    return "unknown" if count is None else mark + format_count(count, precision)


def show_detail(report: CatalogDetail, console: Console) -> None:
    """Everything the catalog knows about one entry."""
    entry = report.model
    console.print(Text(_headline(entry), style="bold"))
    console.print()
    console.print(key_values(_facts(report)))
    if entry.notes:
        console.print()
        console.print(Padding(Text(safe(entry.notes)), (0, 0, 0, 2)))


def _headline(entry: CatalogEntry) -> str:
    total = _figure(entry.total_parameters, entry.total_precision, "")
    if entry.active_parameters is None:
        return f"{safe(entry.id)}: {total} total, active unknown"
    if entry.active_parameters == entry.total_parameters:
        return f"{safe(entry.id)}: {total} total, all of them active for every token"
    active = _figure(entry.active_parameters, entry.active_precision, "")
    return f"{safe(entry.id)}: {total} total, {active} active per token"


def _facts(report: CatalogDetail) -> list[tuple[str, str]]:
    entry = report.model
    facts = [
        ("family", safe(entry.family)),
        ("total", _exact(entry, entry.total_parameters, entry.total_precision)),
        ("active", _exact(entry, entry.active_parameters, entry.active_precision)),
        ("source", f"{safe(entry.source)} (checked {entry.checked})"),
    ]
    if entry.routed_experts is not None:
        used = "an unknown number" if entry.experts_per_token is None else str(entry.experts_per_token)
        facts.append(("experts", f"{used} of {entry.routed_experts} per token"))
    classes = report.size_class
    if classes.by_total is not None:
        same = classes.by_active == classes.by_total
        by_active = f"{label(classes.by_active)} by active (speed, cost), " if classes.by_active and not same else ""
        facts.append(("size class", by_active + label(classes.by_total) + ("" if same else " by total (memory)")))
    published = [
        f"{format_count(*split_billions(figure))} {kind}"
        for kind, figure in (("total", entry.published_total), ("active", entry.published_active))
        if figure is not None
    ]
    if published:
        facts.append(("published", f"{', '.join(published)} ({safe(entry.published_source or '')})"))
    facts += [("context", _context(entry.context_tokens, entry.context_source))]
    if entry.unscaled_context_tokens is not None:
        facts.append(("unscaled", f"{format_integer(entry.unscaled_context_tokens)} tokens as config.json stands"))
    if entry.effective_context_tokens is not None:
        facts.append(("effective", _context(entry.effective_context_tokens, entry.effective_context_source)))
    if entry.kv_cache_bytes_per_token is not None:
        facts.append(("KV cache", _cache(entry)))
    if entry.stored_bytes is not None:
        stored = f"{format_bytes(entry.stored_bytes)} of {safe(entry.stored_format or '')}"
        facts.append(("stored", f"{stored} ({safe(entry.stored_source or entry.source)})"))
    facts += [
        ("takes", entry.modality.replace("+", ", ")),
        ("made for", entry.task),
        ("licence", safe(entry.licence or "unknown")),
        ("released", str(entry.released or "unknown")),
    ]
    return facts


def _cache(entry: CatalogEntry) -> str:
    said = f"{format_bytes(entry.kv_cache_bytes_per_token or 0)} a token at 16 bits"
    for window in entry.kv_cache_windows:
        said += f", {format_bytes(window.bytes_per_token)} of it only for the last {format_integer(window.tokens)}"
    return said + (f", and {format_bytes(entry.state_bytes)} of state" if entry.state_bytes else "")


def _exact(entry: CatalogEntry, count: int | None, precision: int) -> str:
    if count is None:
        return "unknown"
    rounded = f", rounded to {format_count(precision, precision)}" if precision > 1 else ""
    return f"{format_integer(count)} ({entry.basis}{rounded})"


def _context(tokens: int | None, source: str | None) -> str:
    return "unknown" if tokens is None else f"{format_integer(tokens)} tokens ({safe(source or '')})"


def show_verification(report: Verification, console: Console) -> None:
    """How many came out the same, the differences, then what was not checked."""
    console.print(Text(_verified(report), style="bold"))
    differing = [check for check in report.checks if check.status == "differs"]
    if differing:
        console.print()
        console.print(heading("Different"))
        for check in differing:
            _differences(check, console)
    by_code: dict[str, list[Check]] = {}
    for check in report.checks:
        if check.status == "not checked":
            by_code.setdefault(check.code, []).append(check)
    if by_code:
        console.print()
        console.print(heading("Not checked"))
        for checks in by_code.values():
            _unchecked(checks, console)


def _verified(report: Verification) -> str:
    """`9 of 299 entries checked, all the same; 290 not checked, which is no pass`."""
    checked = report.same + report.different
    said = f"{checked} of {plural(len(report.checks), 'entry', 'entries')} checked"
    if checked:
        said += f", {report.different} different" if report.different else ", all the same"
    return said + (f"; {report.not_checked} not checked, which is no pass" if report.not_checked else "")


def _unchecked(checks: list[Check], console: Console) -> None:
    """One reason in full, and the other entries that failed the same way by name."""
    first, *others = checks
    console.print(Padding(Text(safe(first.reason)), (0, 0, 0, 2)))
    if others:
        names = ", ".join(safe(check.id) for check in others)
        console.print(Padding(Text(f"likewise {plural(len(others), 'other')}: {names}"), (0, 0, 0, 4)))


def _differences(check: Check, console: Console) -> None:
    console.print(Padding(Text(safe(check.id)), (0, 0, 0, 2)))
    for found in check.differences:
        listed = "unknown" if found.listed is None else format_integer(found.listed)
        counted = "unknown" if found.counted is None else format_integer(found.counted)
        reason = f" - {safe(found.reason)}" if found.reason else ""
        line = f"{found.field.replace('_', ' ')}: {listed} listed, {counted} counted{reason}"
        console.print(Padding(Text(line), (0, 0, 0, 4)))
