"""`sizer diff` on the terminal: the sums, then tensors by name, then config.json."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from sizer.difference import ConfigChange, Difference, Side, TensorChange, TensorState
from sizer.render.terminal import heading, safe, table
from sizer.units import format_bytes, format_count, format_integer, plural

__all__ = ["show"]

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "reshaped": ("~", "yellow"), "repacked": ("=", "cyan")}


def show(report: Difference, console: Console) -> None:
    """What is the same is a number, what is not is listed."""
    console.print(heading(f"{_name(report.before)} -> {_name(report.after)}"))
    console.print()
    console.print(_sums(report))
    if report.changes:
        console.print()
        console.print(heading("Tensors"))
        for change in report.changes:
            _show_change(change, console)
    if report.config:
        console.print()
        console.print(heading("config.json"))
        for entry in report.config:
            _show_config(entry, console)
    console.print()
    same = plural(report.same_tensors, "tensor")
    if report.is_same:
        console.print(Text(f"No difference in {same} or in config.json; values were not compared", style="dim"))
    else:
        said = f"{same} of the same name, shape and storage (values were not compared)"
        kinds = dict.fromkeys(change.change for change in report.changes)
        key = ", ".join(f"{_SIGNS[kind][0]} {kind}" for kind in kinds)
        console.print(Text(said + (f"; {key}" if key else ""), style="dim"))


def _name(side: Side) -> str:
    return safe(side.reference) + (
        f" ({side.commit[:12]})" if side.commit and side.commit not in side.reference else ""
    )


def _sums(report: Difference) -> RenderableType:
    before, after = report.before, report.after
    rows = [
        _sum("total", before.total_parameters, after.total_parameters, format_count, format_integer),
        _sum("active", before.active_parameters, after.active_parameters, format_count, format_integer),
        _sum("weights", before.weights_bytes, after.weights_bytes, format_bytes, format_bytes),
        _sum("tensors", before.tensors, after.tensors, format_integer, format_integer),
    ]
    if before.quantization or after.quantization:
        same = before.quantization == after.quantization
        rows.append(
            (
                "quantisation",
                safe(before.quantization or "none"),
                "" if same else safe(after.quantization or "none"),
                "same" if same else "",
            )
        )
    columns = [("", "left!"), ("before", "right"), ("after", "right"), ("difference", "right!")]
    return table(columns, rows)


def _sum(
    title: str, before: int | None, after: int | None, short: Callable[[int], str], exact: Callable[[int], str]
) -> tuple[str, str, str, str]:
    if before is None or after is None:
        left, right = ("unknown" if value is None else short(value) for value in (before, after))
        return title, left, right, ""
    if before == after:
        return title, short(before), "", "same"
    change = after - before
    return title, short(before), short(after), ("+" if change > 0 else "-") + exact(abs(change))


def _show_change(change: TensorChange, console: Console) -> None:
    sign, style = _SIGNS[change.change]
    numbers = f" [{change.numbers}]" if change.numbers else ""
    many = f" ({plural(change.tensors, 'tensor')})" if change.tensors > 1 else ""
    console.print(Padding(Text.assemble((sign, style), f" {safe(change.name)}{numbers}{many}"), (0, 0, 0, 2)))
    states = [_state(state) for state in (change.before, change.after) if state is not None]
    console.print(Padding(Text(" -> ".join(states), style="dim"), (0, 0, 0, 6)))


def _state(state: TensorState) -> str:
    shape = "x".join(map(str, state.shape)) if state.shape is not None else format_count(state.parameters)
    return f"{safe(state.storage)} {shape or 'scalar'}"


def _show_config(entry: ConfigChange, console: Console) -> None:
    sign, style = _SIGNS["added" if entry.before is None else "removed" if entry.after is None else "reshaped"]
    values = [safe(repr(value), 60) for value in (entry.before, entry.after) if value is not None]
    console.print(Padding(Text.assemble((sign, style), f" {safe(entry.key)}: {' -> '.join(values)}"), (0, 0, 0, 2)))
