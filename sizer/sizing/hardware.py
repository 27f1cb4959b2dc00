"""Devices: what `data/hardware.yaml` knows, and what a user means by `2xh100`, `rtx-4090` or `memory=24GB`."""

from __future__ import annotations

import datetime
import difflib
import functools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from sizer.errors import InternalError, UsageError
from sizer.tables import load_table
from sizer.units import format_bytes, format_gib, parse_bytes
from sizer.values import frozen

__all__ = [
    "Device",
    "Price",
    "Target",
    "device_problems",
    "device_target",
    "find_device",
    "load_devices",
    "parse_target",
    "plain_name",
]

ASSUMED_USABLE = Decimal("0.96")
"""Share of a device's memory that a program can have, where nobody measured it: the measured accelerators of the
table leave 94 to 99 % (error correction, driver, display)."""
PHONE_USABLE = Decimal("0.60")
"""The same for a phone: the system and other apps keep the rest."""
APPLE_USABLE = ((36, Fraction(2, 3)), (math.inf, Fraction(3, 4)))
"""Of unified memory of at most so many GiB: what Apple's GPU may use, as `usable_source` of the rows has measured."""
MAX_DEVICES = 1_024


@frozen
class Price:
    """What an hour of one device costs, where it is rented."""

    lowest_usd_per_hour: Decimal
    highest_usd_per_hour: Decimal
    source: str
    checked: datetime.date


@frozen
class Device:
    """One kind of accelerator, computer or phone."""

    key: str
    """What `--on` takes: `rtx-4090`."""
    name: str
    kind: Literal["data-centre", "workstation", "consumer", "apple", "phone", "edge", "cpu"]
    memory_bytes: int
    """What the name promises, in units of 2**30."""
    bandwidth_bytes_per_second: int
    source: str
    """The document that states memory, bandwidth and rates."""
    checked: datetime.date
    aliases: tuple[str, ...] = ()
    sold_gib: tuple[int, ...] = ()
    """Amounts of memory that it is sold with, in units of 2**30, `memory_bytes` among them; empty where not known."""
    sold_source: str | None = None
    """Where these amounts were read."""
    usable_bytes: int | None = None
    """What a program can have, where somebody measured it."""
    usable_source: str | None = None
    fp32_flops: int | None = None
    """Dense floating-point operations per second; null where not published."""
    bf16_flops: int | None = None
    fp8_flops: int | None = None
    fp4_flops: int | None = None
    int8_ops: int | None = None
    link_bytes_per_second: int | None = None
    """Bandwidth to the other devices of a node, both directions; null where there is no such link."""
    price: Price | None = None
    also: str | None = None
    """A second listing that agrees."""

    @property
    def available_bytes(self) -> int:
        """What a program can have: measured, else an assumed share of the memory."""
        if self.usable_bytes is not None:
            return self.usable_bytes
        share = PHONE_USABLE if self.kind == "phone" else ASSUMED_USABLE
        return int(self.memory_bytes * share)


@frozen
class Target:
    """Where a model is to run: one or several devices, or an amount of memory."""

    asked: str
    """What the user wrote."""
    name: str
    """For people: `2 x NVIDIA H100 SXM 80 GB`, `24.00 GB of memory`."""
    devices: int
    device: Device | None
    """Null where only an amount of memory was given."""
    available_bytes: int
    """What a program can have, over all devices."""
    available_basis: str
    """`declared` (measured and cited), `estimated` (an assumed share) or `asked`."""
    doubt: str = ""
    """What is odd about it: another amount of memory than the table has for the device."""

    @property
    def memory_bytes(self) -> int:
        """What the devices have, with what they keep for themselves; an amount that was asked for as it stands."""
        return self.available_bytes if self.device is None else self.devices * self.device.memory_bytes


@frozen
class _Table:
    devices: tuple[Device, ...]


@functools.cache
def load_devices() -> tuple[Device, ...]:
    """All devices, sorted by key. Raises InternalError where the shipped table is broken."""
    table: _Table = load_table("hardware.yaml", _Table)
    if problems := device_problems(table.devices):
        raise InternalError(f"the shipped table hardware.yaml is broken: {problems[0]}", code="internal.table")
    return table.devices


def device_problems(devices: Sequence[Device]) -> list[str]:
    """What is wrong with a table of devices, one sentence each."""
    found = []
    names: set[str] = set()
    for number, device in enumerate(devices):
        for name in (device.key, *device.aliases):
            if name in names:
                found.append(f"`{name}` is used twice")
            names.add(name)
        if number and device.key < devices[number - 1].key:
            found.append(f"`{device.key}` must come before `{devices[number - 1].key}`: rows are sorted by key")
        if device.memory_bytes <= 0 or device.bandwidth_bytes_per_second <= 0:
            found.append(f"`{device.key}`: memory and bandwidth must be positive")
        if (device.usable_bytes is None) != (device.usable_source is None):
            found.append(f"`{device.key}`: usable_bytes and usable_source go together")
        if bool(device.sold_gib) != (device.sold_source is not None):
            found.append(f"`{device.key}`: sold_gib and sold_source go together")
        if device.sold_gib and (list(device.sold_gib) != sorted({*device.sold_gib, device.memory_bytes // 2**30})):
            found.append(f"`{device.key}`: sold_gib must be sorted and hold its memory")
        if device.usable_bytes is not None and device.usable_bytes > device.memory_bytes * 1.07:
            found.append(f"`{device.key}`: more is usable than there is")
        if device.price is not None and device.price.lowest_usd_per_hour > device.price.highest_usd_per_hour:
            found.append(f"`{device.key}`: the lowest price is above the highest")
    return found


def find_device(name: str) -> Device:
    """The device with this key or alias; case, spaces, dashes and underscores do not matter. Raises UsageError."""
    wanted = _key(name)
    by_name = {alias: device for device in load_devices() for alias in (device.key, *device.aliases)}
    if wanted in by_name:
        return by_name[wanted]
    alike = {device.key: device for alias, device in by_name.items() if plain_name(alias) == plain_name(name)}
    if len(alike) == 1:
        return next(iter(alike.values()))
    if amount := re.fullmatch(r"[0-9.]+ *[kmgt]i?b", name.strip(), re.IGNORECASE):
        raise UsageError(
            f"--on: `{name}` is no device",
            code="usage.device",
            because="an amount of memory is written with a name",
            hint=f"write --on memory={amount[0].replace(' ', '')}, or name the card: `rtx-4090`",
        )
    close = difflib.get_close_matches(wanted, by_name, n=3, cutoff=0.5)
    close = [key for key in by_name if wanted and wanted in key][:3] or close
    raise UsageError(
        f"--on: no device is called `{name}`",
        code="usage.device",
        because=f"none of the {len(load_devices())} devices of the table has that key",
        hint=f"did you mean {' or '.join(f'`{key}`' for key in close)}? `sizer devices` lists all"
        if close
        else "`sizer devices` lists all; an amount works too: `--on memory=24GB`",
        details={"close_matches": close},
    )


_SIZE = re.compile(r"(?P<name>.+?)[\s_-]*(?P<gib>[0-9]+)\s*(?:gi?b)?", re.ASCII | re.IGNORECASE)


def _find_sized(name: str) -> Device:
    """The device, also where a size that it is sold with stands behind its name: `m4-max 64`. Raises UsageError."""
    try:
        return find_device(name)
    except UsageError:
        if match := _SIZE.fullmatch(name.strip()):
            named, gib = plain_name(match["name"]), int(match["gib"])
            for device in load_devices():
                has_name = named in map(plain_name, (device.key, *device.aliases))
                if has_name and gib in (device.memory_bytes // 2**30, *device.sold_gib):
                    return _with_memory(device, gib * 2**30)
        raise


def _with_memory(device: Device, memory_bytes: int) -> Device:
    """The device with another amount of memory: a size it comes with, in its own units, where that is meant."""
    size = _size_meant(device, memory_bytes)
    memory = memory_bytes if size is None else size * 2**30
    if memory == device.memory_bytes:
        return device
    named = f"with {format_gib(memory)}" if size is None else f"{size} GB"
    usable = None
    if device.kind == "apple":
        usable = int(memory * next(share for most, share in APPLE_USABLE if memory <= most * 2**30))
    elif device.usable_bytes is not None:
        usable = memory * device.usable_bytes // device.memory_bytes
    return replace(
        device, memory_bytes=memory, usable_bytes=usable, usable_source=None,
        name=f"{re.sub(r' [0-9]+ GB$', '', device.name)} {named}",
    )  # fmt: skip


def _size_meant(device: Device, memory_bytes: int) -> int | None:
    """The size in GiB that is meant: 64GB and 64GiB are 64, as memory is sold; None where it is no such size."""
    if not device.sold_gib:
        return next((memory_bytes // unit for unit in (10**9, 2**30) if memory_bytes % unit == 0), None)
    sizes = device.sold_gib
    given = round(memory_bytes, -8)
    return next((gib for gib in sizes if given in (gib * 10**9, round(gib * 2**30, -8))), None)


def _doubt_memory(text: str, device: Device, memory_bytes: int) -> str:
    """What is odd about so much memory; `""` where nothing is. Raises UsageError where no such machine is sold."""
    size = _size_meant(device, memory_bytes)
    taken = memory_bytes if size is None else size * 2**30
    if size in device.sold_gib or taken == device.memory_bytes:
        return ""
    if not device.sold_gib:
        has = format_gib(device.memory_bytes)
        return f"`{text}`: the table has {has} for {device.key}; taken as given ({format_gib(taken)})"
    nearest = min(device.sold_gib, key=lambda gib: abs(gib * 10**9 - memory_bytes))
    amount = format_bytes(memory_bytes).replace(" ", "").replace(".00", "")
    bandwidth = format_bytes(device.bandwidth_bytes_per_second).replace(" ", "").replace(".00", "")
    raise UsageError(
        f"--on: no `{device.key}` has {format_bytes(memory_bytes)} of memory",
        code="usage.device",
        because=f"it is sold with {', '.join(map(str, device.sold_gib))} GB (of 2^30 bytes)",
        hint=f"write {device.key},memory={nearest}GB, or the amount alone: memory={amount},bandwidth={bandwidth}",
        details={"sold_gib": [str(gib) for gib in device.sold_gib]},
    )


_TARGET = re.compile(r"(?:(?P<count>[0-9]+)\s*[x*]\s*)?(?P<name>.+)", re.ASCII | re.IGNORECASE)


def parse_target(text: str) -> Target:
    """What `--on` means: `h100`, `2xh100`, `m4-max,memory=64GB`, `memory=24GB`, `memory=24GB,bandwidth=1TB`.

    An amount of memory is taken as free for the model; a device's own memory less what it keeps for itself.
    Raises UsageError.
    """
    match = _TARGET.fullmatch(text.strip())
    name, *settings = (match["name"] if match else "").split(",")
    count = int(match["count"]) if match and match["count"] else 1
    if not name.strip() or not 1 <= count <= MAX_DEVICES:
        raise _not_understood(text)
    if "=" in name:
        settings, device = [name, *settings], None
    else:
        device = _find_sized(name)
    values = {}
    for setting in settings:
        key, found, value = setting.partition("=")
        if not found or key.strip() not in ("memory", "bandwidth"):
            raise _not_understood(text)
        if value.strip().isdecimal() and len(value.strip()) < 7:  # below a megabyte: the unit was forgotten
            raise UsageError(
                f"--on: `{setting.strip()}` has no unit",
                code="usage.device",
                because=f"it would be {value.strip()} bytes",
                hint=f"write {key.strip()}={value.strip()}GB",
            )
        values[key.strip()] = parse_bytes(value.strip().removesuffix("/s"), name=f"--on {key.strip()}", minimum=1)
    if device is None:
        return _amount(text, count, values)
    doubt = ""
    if (memory := values.get("memory")) is not None:
        doubt = _doubt_memory(text.strip(), device, memory)
        device = _with_memory(device, memory)
    if (bandwidth := values.get("bandwidth")) is not None:
        device = replace(device, bandwidth_bytes_per_second=bandwidth)
    return replace(device_target(device, count, asked=text), doubt=doubt)


def device_target(device: Device, count: int = 1, *, asked: str = "") -> Target:
    """`count` devices as a target."""
    return Target(
        asked=asked or (device.key if count == 1 else f"{count}x{device.key}"),
        name=device.name if count == 1 else f"{count} x {device.name}",
        devices=count,
        device=device,
        available_bytes=count * device.available_bytes,
        available_basis="declared" if device.usable_source is not None else "estimated",
    )


def _amount(text: str, count: int, values: dict[str, int]) -> Target:
    """A target that is an amount of memory, with a bandwidth where one is given."""
    memory = values.get("memory")
    if memory is None:
        raise _not_understood(text)
    device = None
    if (bandwidth := values.get("bandwidth")) is not None:
        device = Device(
            key="asked", name="as asked", kind="cpu", memory_bytes=memory, bandwidth_bytes_per_second=bandwidth,
            source="the command line", checked=datetime.date.min, usable_bytes=memory, usable_source="asked",
        )  # fmt: skip
    shown = f"{format_bytes(memory)} of memory"
    return Target(
        asked=text, name=shown if count == 1 else f"{count} x {shown}", devices=count, device=device,
        available_bytes=count * memory, available_basis="asked",
    )  # fmt: skip


def _not_understood(text: str) -> UsageError:
    return UsageError(
        f"--on: `{text}` is not understood",
        code="usage.device",
        because="a device, a number of them, or an amount of memory is expected",
        hint="write `h100`, `2xh100`, `m4-max,memory=64GB` or `memory=24GB`",
    )


def plain_name(name: str) -> str:
    """Lower case, without what people leave out or put in: `RTX 4090` is `rtx4090`."""
    return _key(name).replace("-", "")


def _key(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.strip().lower())
