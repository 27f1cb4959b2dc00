"""`sizer fit` on the terminal: a row a model, best first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from sizer.catalog.fitting import AS_STORED, CatalogFit, FitList
from sizer.render.terminal import left_out, safe, table
from sizer.render.views.sizing import UNITS_NOTE
from sizer.units import (
    format_bytes,
    format_count,
    format_gib,
    format_gib_of,
    format_integer,
    format_rate,
    format_tokens,
    plural,
)

__all__ = ["show"]

_ROOM = ((96, 7), (76, 6), (56, 5), (0, 4))
"""Widths of the screen, and how many columns find room on it."""
_LEAST_NAME = 7
_UNKNOWN = "unknown"
_LONG = {"as": "weights' format", "longest": "longest context"}
"""Titles that say nothing without their column."""
_ORDERS = {
    "best": "12 months back from the newest, the largest first, then the 12 before",
    "total": "the largest first",
    "active": "fewest active first",
}


def show(report: FitList, console: Console) -> None:
    """The place, the models, and how many are not shown and why."""
    each = "" if report.sequences == 1 else f" in each of {format_integer(report.sequences)} sequences"
    where = f"{safe(report.name)} ({_usable(report)})"
    console.print(Text(f"{plural(report.fitting, 'model')} on {where}", style="bold"))
    console.print(
        Text(f"{format_integer(report.context_tokens)} tokens{each}, cache in {report.cache_dtype}", style="dim")
    )
    console.print()
    room = next(count for width, count in _ROOM if console.width >= width)
    if report.models:
        columns = [
            ("model", "left!"), ("total", "right!"), ("active", "right!"), ("weights", "right!"), ("as", "left!"),
            ("tokens/s", "right!"), ("longest", "right!"),
        ]  # fmt: skip
        rows = [_row(model)[:room] for model in report.models]
        titles = [title for title, _ in columns[:room]]
        others = [max(len(row[at]) for row in (titles, *rows)) + 2 for at in range(1, room)]
        left = max(_LEAST_NAME, console.width - sum(others))
        _print_rows(columns[:room], rows, left, console)
        console.print()
        if narrow := [_LONG.get(title, title) for title, _ in columns[room:]]:
            console.print(left_out(*narrow))
    console.print(Text(_footer(report, has_longest=room == _ROOM[0][1]), style="dim"))


def _usable(report: FitList) -> str:
    """`51.54 GB usable, 48.0 of 64.0 GiB`; an amount without a device in GiB."""
    if report.memory_bytes == report.available_bytes:
        return format_gib(report.available_bytes)
    usable = format_gib_of(report.available_bytes, report.memory_bytes)
    return f"{format_bytes(report.available_bytes)} usable, {usable}"


def _print_rows(
    columns: Sequence[tuple[str, str]], rows: Sequence[tuple[str, ...]], left: int, console: Console
) -> None:
    """The rows as a table whose first column is `left` wide; an id that is longer has a line of its own, whole."""
    width = min(left, max(len(name) for name, *_ in rows) + 2)
    short = [(name if len(name) + 2 <= width else "", *figures) for name, *figures in rows]
    with console.capture() as captured:
        console.print(table([(columns[0][0].ljust(width - 2), columns[0][1]), *columns[1:]], short))
    header, *lines = captured.get().splitlines()
    console.print(Text(header, style="dim"))
    for (name, *_), line in zip(rows, lines, strict=True):
        if len(name) + 2 > width:
            console.print(Text(name), soft_wrap=True)
        console.print(Text(line), soft_wrap=True)


def _row(model: CatalogFit) -> tuple[str, ...]:
    mark = "" if model.basis == "counted" else "~"
    decode = model.fit.speed.decode if model.fit.speed else None
    rough = "~" if model.speed_is_rough else ""
    rate = _UNKNOWN if decode is None else rough + " to ".join(map(format_rate, decode.expected_tokens_per_second))
    longest = model.fit.longest_context_tokens
    return (
        safe(model.id),
        mark + format_count(model.total_parameters),
        _UNKNOWN if model.active_parameters is None else format_count(model.active_parameters),
        format_bytes(model.weights_bytes),
        safe(model.format_name)
        + (", tight" if model.fit.fits == "tight" else "")
        + ("*" if model.needs_scaling else ""),
        rate,
        _UNKNOWN if not longest else format_tokens(longest) + ("*" if model.longest_needs_scaling else ""),
    )


def _footer(report: FitList, *, has_longest: bool) -> str:
    said = []
    if len(report.models) < report.fitting:
        said.append(f"The first {len(report.models)} of {report.fitting} (--limit 0 shows all)")
    order = _ORDERS.get(report.sort, f"by {report.sort}")
    said.append(f"Sorted: {order}. Sizes and speeds are estimates; size is no measure of quality")
    widest, narrowest = report.formats[0], report.formats[-1]
    formats = widest.name if widest == narrowest else f"{widest.name} to {narrowest.name}"
    hidden = [f"{report.too_large} that do not fit ({formats})"] if report.too_large else []
    hidden += [f"{report.too_short} with a shorter context"] if report.too_short else []
    said += [f"Not shown: {' and '.join(hidden)}"] if hidden else []
    stored = dict.fromkeys(safe(model.format_name) for model in report.models if model.format == AS_STORED)
    if stored:
        said.append(f"{' and '.join(stored)}: as released, never in a wider format")
    if any(model.fit.fits == "tight" for model in report.models):
        said.append("Tight: only the lowest estimate of the overhead fits")
    if any(model.speed_is_rough and model.fit.speed and model.fit.speed.decode for model in report.models):
        said.append(
            "~ before a speed: rough, with the input embedding read, as the catalog does not know the head as its own"
        )
    if any(model.needs_scaling or (has_longest and model.longest_needs_scaling) for model in report.models):
        said.append("* the context needs scaled positions (YaRN): config.json alone allows less")
    if report.unknown:
        some = ", ".join(safe(name.rpartition("/")[2]) for name in report.unknown[:2])
        rest = "" if len(report.unknown) <= 2 else " ..."
        said.append(
            f"{plural(len(report.unknown), 'model')} not judged, their cache or size is not in the catalog: "
            f"{some}{rest} (all in --json)"
        )
    is_amount = report.memory_bytes == report.available_bytes
    return ". ".join([*said, "GB are 10^9 bytes." if is_amount else UNITS_NOTE])
