"""Memory, fit and speed on the terminal: sections that several commands show."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from sizer.render.terminal import heading, key_values, left_out, safe, table
from sizer.sizing.fit import Fit, Narrower
from sizer.sizing.formats import weight_format
from sizer.sizing.memory import LayerCache, Memory
from sizer.sizing.speed import Speed
from sizer.units import (
    format_bytes,
    format_gib_of,
    format_integer,
    format_percent,
    format_rate,
    format_seconds,
    format_tokens,
    format_usd,
    plural,
)  # fmt: skip

__all__ = ["UNITS_NOTE", "byte_range", "show_fit", "show_fit_rows", "show_memory", "where_it_fits"]


UNITS_NOTE = "GB are 10^9 bytes; those in a device's name are GiB, 2^30."


def show_memory(memory: Memory, console: Console) -> None:
    """What running it takes, part by part; the layers' kinds where there are several."""
    sequences = "" if memory.sequences == 1 else f" in each of {memory.sequences:,} sequences"
    assumed = "" if memory.context_tokens_basis == "asked" else f" ({memory.context_tokens_basis})"
    console.print(heading(f"Memory for {format_integer(memory.context_tokens)} tokens{sequences}{assumed}"))
    console.print(Padding(key_values(_memory_rows(memory)), (0, 0, 0, 2)))
    if len(memory.layers) > 1:
        console.print(Padding(_layers(memory.layers), (0, 0, 0, 2)))
    for notice in memory.notices:
        console.print(Padding(Text("- " + safe(notice.message), style="dim"), (0, 0, 0, 2)))


def _memory_rows(memory: Memory) -> list[tuple[str, str]]:
    rows = []
    if memory.weights_bytes is not None:
        rows.append(("weights", f"{format_bytes(memory.weights_bytes)} ({memory.weights_bytes_basis})"))
    else:
        rows.append(("weights", "unknown"))
    if others := _others(memory):
        rows.append(("or as", f"{', '.join(others)} (estimated)"))
    if memory.kv_cache_bytes is None or memory.kv_cache_bytes_per_token is None:
        rows.append(("KV cache", f"unknown: {safe(memory.reason)}"))
    elif memory.kv_cache_bytes or memory.kv_cache_bytes_per_token:
        size = f"{format_bytes(memory.kv_cache_bytes)} in {memory.cache_dtype} ({memory.kv_cache_bytes_basis})"
        rows.append(("KV cache", f"{size}: {_per_token(memory)}"))
    else:
        rows.append(("KV cache", "none"))
    if memory.state_bytes:
        rows.append(("state", f"{format_bytes(memory.state_bytes)} ({memory.state_bytes_basis}), whatever the context"))
    if memory.overhead_bytes is not None:
        rows.append(("overhead", f"{byte_range(memory.overhead_bytes)} (estimated: activations, logits, runtime)"))
    if memory.total_bytes is not None:
        rows.append(("together", f"{byte_range(memory.total_bytes)} (estimated, as the overhead is)"))
    return rows


def _others(memory: Memory) -> list[str]:
    """The weights in formats that are clearly narrower than the stored ones."""
    stored = memory.weights_bytes or 0
    return [
        f"{other.name} {format_bytes(other.weights_bytes)}"
        for other in memory.other_weights
        if other.weights_bytes < 0.8 * stored
    ]


def _per_token(memory: Memory) -> str:
    said = f"{format_bytes(memory.kv_cache_bytes_per_token or 0)} a token"
    if memory.attention_layers != memory.layer_count and memory.layer_count:
        said += f", {memory.attention_layers} of {plural(memory.layer_count, 'layer')}"
    elif memory.layer_count:
        said += f", {plural(memory.layer_count, 'layer')}"
    if len(memory.layers) == 1:
        said += f" of {safe(memory.layers[0].description)}{_window(memory.layers[0])}"
    return said


def _window(row: LayerCache) -> str:
    return "" if row.window_tokens is None else f", the last {format_integer(row.window_tokens)} tokens"


def _layers(rows: Sequence[LayerCache]) -> RenderableType:
    cells = []
    for row in rows:
        kept = "-" if not row.kv_cache_bytes and not row.state_bytes else format_bytes(
            row.kv_cache_bytes + row.state_bytes
        )  # fmt: skip
        kind = "" if row.kind in ("none", "unknown") else f"{row.kind.replace('_', ' ')}: "
        shared = ", shared with an earlier layer" if row.is_shared and row.kv_cache_bytes_per_token else ""
        grows = format_bytes(row.kv_cache_bytes_per_token) if row.kv_cache_bytes_per_token else "-"
        cells.append((str(row.layers), f"{kind}{safe(row.description)}{_window(row)}{shared}", grows, kept))
    return table([("layers", "right!"), ("keep", "left"), ("a token", "right!"), ("here", "right!")], cells)


def show_fit(fits: Sequence[Fit], console: Console) -> None:
    """Each place that was asked for in full; places that were found, a row each."""
    asked = [fit for fit in fits if fit.is_asked]
    for number, fit in enumerate(asked):
        if number:
            console.print()
        console.print(heading(f"{safe(fit.name)}: {where_it_fits(fit)}"))
        console.print(Padding(key_values(_fit_rows(fit)), (0, 0, 0, 2)))
    if any(fit.available_basis != "asked" for fit in asked):
        console.print()
        console.print(Text(UNITS_NOTE, style="dim"))
    if asked and any(fit.speed is not None and fit.speed.decode is not None for fit in asked):
        console.print()
        _show_assumptions([fit.speed for fit in asked if fit.speed is not None], console)
    if found := [fit for fit in fits if not fit.is_asked]:
        console.print(heading("Smallest places that hold it"))
        _show_places(found, console)


def where_it_fits(fit: Fit) -> str:
    """`fits, 14.40 GB to 17.30 GB left`."""
    if fit.left_bytes is None:
        return {"no": "does not fit", "unknown": "unknown"}[fit.fits] + (f" - {safe(fit.reason)}" if fit.reason else "")
    low, high = fit.left_bytes
    if fit.fits == "yes":
        return f"fits, {byte_range((low, high))} left"
    if fit.fits == "tight":
        return f"tight: between {format_bytes(-low)} too little and {format_bytes(high)} left"
    return f"does not fit, {byte_range((-high, -low))} too little"


def _fit_rows(fit: Fit) -> list[tuple[str, str]]:
    rows = []
    basis = "as asked" if fit.available_basis == "asked" else fit.available_basis
    has = f"{format_bytes(fit.available_bytes)} usable ({basis})"
    rows.append(("memory", f"{byte_range(fit.needed_bytes)} of {has}" if fit.needed_bytes else has))
    if fit.available_basis != "asked":
        rows.append(("usable", format_gib_of(fit.available_bytes, fit.memory_bytes)))
    if fit.narrower is not None:
        rows.append(("fewer bits", _narrower(fit.narrower)))
    if fit.cache_copies > 1:
        rows.append(("copies", f"the cache is kept up to {fit.cache_copies} times: fewer KV heads than devices"))
    if fit.longest_context_tokens:
        why = " (the model's own limit)" if fit.longest_context_limit == "model" else ""
        rows.append(("longest context", f"{format_integer(fit.longest_context_tokens)} tokens{why}"))
    if fit.most_sequences:
        rows.append(("most sequences", f"{format_integer(fit.most_sequences)} of this context"))
    if fit.speed is not None:
        rows += _speed_rows(fit.speed)
    if fit.usd_per_hour is not None:
        low, high = fit.usd_per_hour
        rows.append(("price", f"{format_usd(low)} to {format_usd(high)} an hour ({safe(fit.price_source or '')})"))
    return rows


def _narrower(found: Narrower) -> str:
    """`would fit as Q4_K_M (4.85 bits): 18.51 GB of weights, 21.80 to 24.70 GB together (estimated)`."""
    says = {"yes": "would fit", "tight": "might just fit", "no": "does not fit even"}[found.fits]
    name = f"{weight_format(found.format).name} ({found.bits:g} bits a parameter)"
    weights = f"{format_bytes(found.weights_bytes)} of weights"
    return f"{says} as {name}: {weights}, {byte_range(found.needed_bytes)} together (estimated)"


def _speed_rows(speed: Speed) -> list[tuple[str, str]]:
    rows = []
    decode, prefill = speed.decode, speed.prefill
    if decode is None:
        return [("speed", f"unknown: {safe(speed.reason)}")]
    low, high = decode.expected_tokens_per_second
    ceiling = f"ceiling {format_rate(decode.ceiling_tokens_per_second)}, {decode.bound}"
    rows.append(("decode", f"{format_rate(low)} to {format_rate(high)} tokens/s a sequence ({ceiling})"))
    if decode.sequences > 1:
        low, high = decode.expected_total_tokens_per_second
        ceiling = f"ceiling {format_rate(decode.ceiling_total_tokens_per_second)}"
        rows.append(("all sequences", f"{format_rate(low)} to {format_rate(high)} tokens/s ({ceiling})"))
    read = f"{format_bytes(decode.bytes_per_step)} a step"
    if decode.experts_touched is not None and decode.experts_touched_share is not None:
        touched = f"{format_rate(decode.experts_touched)} experts a layer"
        read += f", {touched} ({format_percent(decode.experts_touched_share)})"
    rows.append(("reads", read))
    if prefill is not None and prefill.expected_seconds is not None and prefill.expected_tokens_per_second is not None:
        low, high = prefill.expected_tokens_per_second
        fast, slow = prefill.expected_seconds
        wait = f"{format_seconds(fast)} to {format_seconds(slow)} for the prompt"
        rows.append(("prefill", f"{format_rate(low)} to {format_rate(high)} tokens/s ({wait})"))
    elif prefill is not None:
        rows.append(("prefill", f"unknown: {safe(prefill.reason)}"))
    return rows


def _show_assumptions(speeds: Sequence[Speed], console: Console) -> None:
    lines = dict.fromkeys(line for speed in speeds for line in speed.assumptions)
    console.print(Text("Estimated, never measured:", style="dim"))
    for line in lines:
        console.print(Padding(Text(f"- {line}", style="dim"), (0, 0, 0, 2)))
    measures = dict.fromkeys(speed.measure for speed in speeds)
    console.print(Padding(Text(f"- measure it: {'; '.join(measures)}", style="dim"), (0, 0, 0, 2)))


def _show_places(fits: Sequence[Fit], console: Console) -> None:
    cells = []
    for fit in fits:
        decode = fit.speed.decode if fit.speed is not None else None
        cells.append(
            (
                safe(fit.on, 28),
                format_bytes(fit.available_bytes),
                "" if not fit.longest_context_tokens else format_tokens(fit.longest_context_tokens),
                "" if decode is None else " to ".join(map(format_rate, decode.expected_tokens_per_second)),
                "" if fit.usd_per_hour is None else format_usd(fit.usd_per_hour[0]),
            )
        )
    columns = [
        ("--on", "left!"), ("has", "right!"), ("context", "right!"), ("tokens/s", "right!"), ("an hour from", "right!"),
    ]  # fmt: skip
    room = 5 if console.width >= 76 else 3
    console.print(Padding(table(columns[:room], [row[:room] for row in cells]), (0, 0, 0, 2)))
    _show_left_out(columns[room:], console)


def _show_left_out(columns: Sequence[tuple[str, str]], console: Console) -> None:
    if columns:
        console.print(left_out(*(title for title, _ in columns)))


def show_fit_rows(named: Sequence[tuple[str, Fit]], console: Console) -> None:
    """One row a model and place."""
    rows = []
    for name, fit in named:
        decode = fit.speed.decode if fit.speed is not None else None
        rows.append(
            (
                safe(name, 34),
                safe(fit.on, 16),
                fit.fits,
                "" if fit.left_bytes is None else format_bytes(fit.left_bytes[0]),
                "" if decode is None else " to ".join(map(format_rate, decode.expected_tokens_per_second)),
            )
        )
    columns = [("model", "left"), ("on", "left!"), ("fits", "left!"), ("left", "right!"), ("tokens/s", "right!")]
    room = 5 if console.width >= 76 else 4
    console.print(table(columns[:room], [row[:room] for row in rows]))
    _show_left_out(columns[room:], console)


def byte_range(bounds: tuple[int, int]) -> str:
    """`1.20 GB to 3.40 GB`; one figure where both are the same in print."""
    low, high = map(format_bytes, bounds)
    if low == high:
        return low
    (figure, _, unit), (_, _, other) = low.partition(" "), high.partition(" ")
    return f"{figure} to {high}" if unit == other else f"{low} to {high}"
