"""`sizer fit` on the terminal: a row a model, best first."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from sizer.catalog.fitting import CatalogFit, FitList
from sizer.render.terminal import safe, table
from sizer.units import format_bytes, format_count, format_gib, format_integer, format_rate, format_tokens, plural

__all__ = ["show"]

_ROOM = ((96, 7), (76, 6), (56, 5), (0, 4))
"""Widths of the screen, and how many columns find room on it."""
_LEAST_NAME = 16
_ORDERS = {"best": "newest year first, then the largest", "total": "the largest first", "active": "fewest active first"}


def show(report: FitList, console: Console) -> None:
    """The place, the models, and how many are not shown and why."""
    each = "" if report.sequences == 1 else f" in each of {format_integer(report.sequences)} sequences"
    available = f"{format_bytes(report.available_bytes)}, {format_gib(report.available_bytes)}"
    where = f"{safe(report.name)} ({available} usable)"
    console.print(Text(f"{plural(report.fitting, 'model')} on {where}", style="bold"))
    console.print(
        Text(f"{format_integer(report.context_tokens)} tokens{each}, cache in {report.cache_dtype}", style="dim")
    )
    console.print()
    if report.models:
        names = {width.key: width.name for width in report.formats}
        columns = [
            ("model", "left"), ("total", "right!"), ("active", "right!"), ("weights", "right!"), ("as", "left!"),
            ("tokens/s", "right!"), ("longest", "right!"),
        ]  # fmt: skip
        room = next(count for width, count in _ROOM if console.width >= width)
        rows = [_row(model, names)[:room] for model in report.models]
        titles = [title for title, _ in columns[:room]]
        others = [max(len(row[at]) for row in (titles, *rows)) + 2 for at in range(1, room)]
        left = max(_LEAST_NAME, console.width - sum(others))
        console.print(table(columns[:room], [(safe(name, left), *figures) for name, *figures in rows]))
        console.print()
    console.print(Text(_footer(report), style="dim"))


def _row(model: CatalogFit, names: dict[str, str]) -> tuple[str, ...]:
    mark = "" if model.basis == "counted" else "~"
    decode = model.fit.speed.decode if model.fit.speed else None
    rate = "" if decode is None else " to ".join(map(format_rate, decode.expected_tokens_per_second))
    longest = model.fit.longest_context_tokens
    return (
        safe(model.id.rpartition("/")[2]),
        mark + format_count(model.total_parameters),
        "" if model.active_parameters is None else format_count(model.active_parameters),
        format_bytes(model.weights_bytes),
        names[model.format] + (", tight" if model.fit.fits == "tight" else "") + ("*" if model.needs_scaling else ""),
        rate,
        "" if not longest else format_tokens(longest),
    )


def _footer(report: FitList) -> str:
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
    if any(model.needs_scaling for model in report.models):
        said.append("* the context needs scaled positions (YaRN): config.json alone allows less")
    if report.unknown:
        some = ", ".join(safe(name.rpartition("/")[2]) for name in report.unknown[:2])
        rest = "" if len(report.unknown) <= 2 else " ..."
        said.append(
            f"{plural(len(report.unknown), 'model')} not judged, their cache or size is not in the catalog: "
            f"{some}{rest} (all in --json)"
        )
    return ". ".join(said) + "."
