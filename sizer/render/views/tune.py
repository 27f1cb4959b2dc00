"""`sizer tune` on the terminal: the methods side by side, then where each runs and what it costs."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from sizer.render.terminal import heading, safe, table
from sizer.render.views.sizing import UNITS_NOTE, byte_range
from sizer.sizing.training import Method, Place, Tuning
from sizer.units import format_bytes, format_count, format_hours, format_integer, format_usd, plural

__all__ = ["show"]

_NAMES = {"full": "full", "lora": "LoRA", "qlora": "QLoRA"}


def show(report: Tuning, console: Console) -> None:
    """What is trained, memory by part, places and cost, and the assumptions."""
    work = (
        f"{plural(report.examples, 'example')} of {format_integer(report.tokens_per_example)} tokens, "
        f"{plural(report.epochs, 'epoch')}: {format_count(report.tokens)} tokens"
    )
    console.print(heading(f"Tuning {safe(report.repository)} ({format_count(report.total_parameters)} total)"))
    console.print(Text(work, style="dim"))
    console.print()
    console.print(_memory(report, console))
    for reason in dict.fromkeys(method.reason for method in report.methods if method.reason):
        names = ", ".join(_NAMES[method.method] for method in report.methods if method.reason == reason)
        console.print()
        console.print(heading(f"{names}: {safe(reason)}"))
    for method in report.methods:
        if method.places:
            console.print()
            _show_places(method, console)
    if any(method.places for method in report.methods):
        console.print()
        console.print(Text(UNITS_NOTE, style="dim"))
    console.print()
    console.print(Text("Estimated:", style="dim"))
    for line in report.assumptions:
        console.print(Padding(Text(f"- {line}", style="dim"), (0, 0, 0, 2)))


def _memory(report: Tuning, console: Console) -> RenderableType:
    def row(title: str, cells: list[str]) -> list[str]:
        return [title, *cells]

    unknown = "unknown"
    rows = [
        row("trained", [format_count(method.trained_parameters) for method in report.methods]),
        row("weights", [format_bytes(method.weights_bytes) for method in report.methods]),
        row("gradients", [format_bytes(method.gradients_bytes) for method in report.methods]),
        row("optimiser", [format_bytes(method.optimizer_bytes) for method in report.methods]),
        row(
            "activations",
            [byte_range(m.activations_bytes) if m.activations_bytes else unknown for m in report.methods],
        ),
        row("runtime", [byte_range(method.overhead_bytes) for method in report.methods]),
        row("together", [byte_range(m.total_bytes) if m.total_bytes else unknown for m in report.methods]),
    ]
    columns = [("", "left!"), *((_NAMES[method.method], "right") for method in report.methods)]
    return table(columns, rows)


def _show_places(method: Method, console: Console) -> None:
    name = _NAMES[method.method]
    for place in method.places:
        words = {"yes": "fits", "tight": "fits where layers are computed again", "no": "does not fit"}
        found = "" if place.chosen == "asked" else f"{place.chosen}: "
        console.print(heading(f"{name}, {found}{safe(place.name)} {words[place.fits]}"))
        console.print(Padding(Text(_said(place)), (0, 0, 0, 2)))


def _said(place: Place) -> str:
    each = " on each" if place.devices > 1 else ""
    said = [f"{byte_range(place.needed_bytes_per_device)} of {format_bytes(place.available_bytes_per_device)}{each}"]
    if place.fits != "no" and place.hours is not None:
        fast, slow = place.hours
        said.append(f"{format_hours(fast)} to {format_hours(slow)}")
    if place.fits != "no" and place.usd is not None:
        low, high = place.usd
        said.append(f"{format_usd(low)} to {format_usd(high)} ({safe(place.price_source or '')})")
    return ", ".join(said)
