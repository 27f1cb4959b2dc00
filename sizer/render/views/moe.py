"""`sizer moe` on the terminal: a token's way through the model, still in a pipe and moving at a terminal."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sizer.render.terminal import bar, heading, is_unicode, left_out, safe, table
from sizer.sizing.token_path import LayerKind, Step, TokenPath
from sizer.units import format_bytes, format_count, format_percent, format_rate, plural

__all__ = ["animate", "show"]

_TITLES = {
    "input_embedding": "input embedding", "mixer": "attention / mixer", "router": "router",
    "routed_experts": "routed experts", "shared_experts": "shared experts", "dense_ffn": "dense FFN", "norms": "norms",
    "output_head": "output head", "other": "other", "mtp": "extra layers (MTP)", "lookup_tables": "lookup tables",
    "vision": "vision", "audio": "audio", "other_encoders": "other encoders", "projector": "projector",
}  # fmt: skip
_GRID_WIDTH = 64
_WIDE = 76
"""Columns from which on a part has room for what it does."""
_LAYER_SECONDS = (0.05, 0.35)
_WHOLE_SECONDS = 9.0


def show(report: TokenPath, console: Console) -> None:
    """The whole way at once, with an example of a mixture layer's picks."""
    console.print(heading(_headline(report)))
    console.print()
    console.print(_table(report, console))
    if console.width < _WIDE:
        console.print(left_out("what each part does"))
    if (example := _example(report, console)) is not None:
        console.print()
        console.print(example)
    if report.batches:
        console.print()
        console.print(heading("More tokens at once wake more experts of a layer"))
        console.print(_batches(report, console))
    console.print()
    for line in _sums(report):
        console.print(Text(line, style="dim"))


def animate(report: TokenPath, console: Console) -> None:
    """The same with a token walking through the layers first; the still picture stays."""
    steps = [*report.before, *(step for _, kind in _walk(report) for step in kind.steps), *report.after]
    if any(step.read_parameters is None for step in steps):
        show(report, console)
        return
    low, high = _LAYER_SECONDS
    pause = min(high, max(low, _WHOLE_SECONDS / max(1, sum(len(kind.layers) for kind in report.layers))))
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for frame in _frames(report, console):
            live.update(frame, refresh=True)
            time.sleep(pause)
    show(report, console)


def _frames(report: TokenPath, console: Console) -> Iterator[RenderableType]:
    """One frame a stop: the embedding, every layer, the head."""
    read = sum(step.read_parameters or 0 for step in report.before)
    for step in report.before:
        yield _frame(report, console, _TITLES[step.part], step.says, read, None, 0)
    walk = list(_walk(report))
    for layer, kind in walk:
        read += sum(step.read_parameters or 0 for step in kind.steps)
        mixer = next((step.says for step in kind.steps if step.part == "mixer"), "")
        yield _frame(report, console, f"layer {layer + 1} of {len(walk)}", mixer, read, kind, layer)
    for step in report.after:
        read += step.read_parameters or 0
        yield _frame(report, console, _TITLES.get(step.part, step.part), step.says, read, None, 0)


def _frame(
    report: TokenPath, console: Console, title: str, says: str, read: int, kind: LayerKind | None, layer: int
) -> RenderableType:
    lines: list[RenderableType] = [heading(_headline(report)), Text("")]
    lines.append(Text.assemble((f"  {title:<20}", "bold cyan"), safe(says, max(10, console.width - 24))))
    if kind is not None and kind.routed_experts:
        lines += [Text(""), *_grid(kind, layer, console)]
    whole = report.total_parameters
    lines += [
        Text(""),
        Text.assemble(
            "  read so far ", bar(read / whole, min(32, max(8, console.width - 44)), unicode=is_unicode(console)),
            f" {format_count(read)} of {format_count(whole)}",
        ),
    ]  # fmt: skip
    return Group(*lines)


def _walk(report: TokenPath) -> Iterator[tuple[int, LayerKind]]:
    """Every layer in the order that a token passes it."""
    places = [(kind.stack, layer, kind) for kind in report.layers for layer in kind.layers]
    for number, (_, _, kind) in enumerate(sorted(places, key=lambda place: place[:2])):
        yield number, kind


def _headline(report: TokenPath) -> str:
    name = safe(report.repository)
    count = plural(sum(len(kind.layers) for kind in report.layers), "layer")
    if report.experts.moe_layers:
        return f"{name}: one token through {count}, {report.experts.moe_layers} of them mixtures of experts"
    return f"{name}: one token through {count}; dense, nothing sleeps"


def _table(report: TokenPath, console: Console) -> RenderableType:
    """One row a part: what it does, what one token reads of what is held."""
    wide = console.width >= _WIDE
    rows: list[list[str | Text]] = [_row(step, console, wide) for step in report.before]
    several = len({kind.stack for kind in report.layers}) > 1
    for kind in report.layers:
        name = f" of {safe(kind.stack)}" if several else ""
        numbers = _ranges([layer + 1 for layer in kind.layers])
        each = f"layer {numbers}" if len(kind.layers) == 1 else f"{len(kind.layers)} layers, each"
        told = f"{numbers}{name}" if len(kind.layers) > 1 else name
        line: list[str | Text] = [Text(each, style="bold"), "", "", Text(safe(told, 30), style="dim")]
        rows.append(line[: 4 if wide else 3])
        rows += [_row(step, console, wide, indent="  ") for step in kind.steps]
    rows += [_row(step, console, wide) for step in (*report.after, *report.unused)]
    columns = [("", "left!"), ("reads", "right!"), ("of", "right!"), ("", "left")]
    return table(columns[: 4 if wide else 3], rows)


def _row(step: Step, console: Console, wide: bool, indent: str = "") -> list[str | Text]:
    read = step.read_parameters
    shown = "unknown" if read is None else "-" if read == 0 and step.held_parameters else format_count(read)
    is_all = read == step.held_parameters
    title = indent + _TITLES.get(step.part, step.part)
    says = step.says
    if step.part not in ("mixer", "router", "routed_experts", "input_embedding", "output_head"):
        says = "asleep for text" if read == 0 and step.held_parameters else ""
    held = "" if is_all else format_count(step.held_parameters) if step.held_parameters else ""
    cells: list[str | Text] = [title, Text(shown, style="" if is_all else "green"), held]
    return [*cells, safe(says)] if wide else cells


def _ranges(numbers: Sequence[int]) -> str:
    """`1-3, 5, 7-9`; every n-th as `4, 8 ... 48`."""
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    if len(numbers) > 3 and len(steps) == 1 and steps != {1}:
        return f"{numbers[0]}, {numbers[1]} ... {numbers[-1]}"
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        parts.append(f"{found[0]}-{found[-1]}" if len(found) > 2 else ", ".join(map(str, found)))
    return ", ".join(parts)


def _example(report: TokenPath, console: Console) -> RenderableType | None:
    """The picks of one mixture layer, as they might be for one token."""
    kind = next((kind for kind in report.layers if kind.routed_experts and kind.experts_per_token), None)
    if kind is None:
        return None
    first = kind.layers[0]
    said = f"Layer {first + 1} for one token: which experts is the router's choice, here drawn at random"
    return Group(heading(said), *_grid(kind, first, console))


def _grid(kind: LayerKind, layer: int, console: Console) -> list[Text]:
    """A square an expert, the picked ones filled."""
    experts, picked = kind.routed_experts or 0, kind.experts_per_token or 0
    awake = set(random.Random(layer).sample(range(experts), min(picked, experts)))
    on, off = ("■", "·") if is_unicode(console) else ("#", ".")
    width = max(8, min(_GRID_WIDTH, console.width - 4))
    lines = []
    for start in range(0, experts, width):
        line = Text("  ")
        for expert in range(start, min(experts, start + width)):
            line.append(on if expert in awake else off, style="bold green" if expert in awake else "dim")
        lines.append(line)
    return lines


def _batches(report: TokenPath, console: Console) -> RenderableType:
    unicode = is_unicode(console)
    width = max(8, min(32, console.width - 44))
    rows = [
        (
            plural(batch.tokens, "token"),
            f"{format_rate(batch.distinct_experts)} of {report.experts.routed_experts}",
            format_percent(batch.share),
            bar(batch.share, width, unicode=unicode),
        )
        for batch in report.batches
    ]
    return table([("", "right!"), ("experts", "right!"), ("", "right!"), ("", "left!")], rows, header=False)


def _sums(report: TokenPath) -> list[str]:
    if report.read_parameters is None or report.read_bytes is None or report.asleep_parameters is None:
        return [f"What one token reads is unknown: {safe(report.reason)}"]
    share = format_percent(report.read_parameters / report.total_parameters)
    read = f"One token reads {format_count(report.read_parameters)} of {format_count(report.total_parameters)}"
    lines = [f"{read} parameters ({share}), {format_bytes(report.read_bytes)} of {format_bytes(report.held_bytes)}."]
    if report.asleep_parameters:
        lines.append(f"{format_count(report.asleep_parameters)} sleep, but must be in memory.")
    return lines
