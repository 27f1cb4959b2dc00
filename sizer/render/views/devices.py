"""`sizer devices` on the terminal: a row a device, by kind."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.text import Text

from sizer.render.terminal import heading, left_out, safe, table
from sizer.sizing.devices import DeviceList, DeviceRow
from sizer.units import format_bytes, format_gib, format_teraflops, format_usd, plural

__all__ = ["show"]

_KINDS = {
    "data-centre": "Data centre", "workstation": "Workstation", "consumer": "Consumer", "apple": "Apple",
    "phone": "Phones", "edge": "Edge boards", "cpu": "CPUs",
}  # fmt: skip
_ROOM = ((80, 6), (64, 5), (56, 4), (0, 2))
"""Widths of the screen, and how many columns find room on it."""


def show(report: DeviceList, console: Console) -> None:
    """The kinds with their devices, then how to name one."""
    room = next(count for width, count in _ROOM if console.width >= width)
    columns = [
        ("--on", "left!"), ("memory", "right!"), ("usable", "right!"), ("bandwidth", "right!"),
        ("TFLOP/s", "right!"), ("an hour", "right!"),
    ]  # fmt: skip
    rows = {kind: [_row(row)[:room] for row in rows] for kind, rows in groupby(report.devices, lambda r: r.device.kind)}
    for kind, held in rows.items():
        console.print(heading(_KINDS[kind]))
        console.print(table(columns[:room], held))
        console.print()
    said = [f"{plural(len(report.devices), 'device')} of {report.known}"]
    said.append("`~` marks an assumed share of the memory; TFLOP/s are dense, in 16 bits")
    said.append(
        "Several: `--on 2xh100`; another size that is sold: `--on m4-max,memory=64GB`; an amount: `--on memory=24GB`"
    )
    said.append("GiB are 2^30 bytes, and so are the GB in a device's name; GB alone are 10^9")
    if narrow := [title for title, _ in columns[room:]]:
        console.print(left_out(*narrow))
    console.print(Text(". ".join(said) + ". Sources and dates: --json.", style="dim"))


def _row(row: DeviceRow) -> tuple[str, ...]:
    device = row.device
    mark = "" if row.available_basis == "declared" else "~"
    price = device.price
    return (
        safe(device.key),
        format_gib(device.memory_bytes),
        mark + format_gib(row.available_bytes),
        f"{format_bytes(device.bandwidth_bytes_per_second)}/s",
        "-" if device.bf16_flops is None else format_teraflops(device.bf16_flops),
        "-"
        if price is None
        else f"{format_usd(price.lowest_usd_per_hour)} to {format_usd(price.highest_usd_per_hour)}",
    )
