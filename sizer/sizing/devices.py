"""The devices of `data/hardware.yaml` that a user asks for: the answer of `sizer devices`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args, get_type_hints

from sizer.errors import UsageError
from sizer.sizing.hardware import Device, load_devices, plain_name
from sizer.values import frozen

__all__ = ["DeviceList", "DeviceRow", "list_devices"]


_ALSO = {"apple": "Mac MacBook", "data-centre": "datacenter server", "phone": "mobile"}
"""What people call devices of a kind."""


@frozen
class DeviceRow:
    """One device with what a program can have of it."""

    device: Device
    available_bytes: int
    available_basis: str
    """`declared` (measured and cited) or `estimated` (an assumed share of the memory)."""


@frozen
class DeviceList:
    """The devices that were asked for."""

    words: tuple[str, ...]
    kind: str
    """Only this kind; `""` for all."""
    devices: tuple[DeviceRow, ...]
    """By kind, then from the largest memory to the smallest."""
    known: int
    """How many the table has."""


def list_devices(words: Sequence[str] = (), *, kind: str = "") -> DeviceList:
    """The devices whose key, alias, name, kind or sizes have every word, of one kind or of all.

    Raises UsageError where the kind is not known, or no device has the words.
    """
    kinds: tuple[str, ...] = get_args(get_type_hints(Device)["kind"])
    if kind and kind.casefold() not in kinds:
        raise UsageError(
            f"--kind: `{kind}` is not a kind of device",
            code="usage.choice",
            because=f"one of {', '.join(kinds)} was expected",
            hint="leave it out for all of them",
        )
    wanted = [plain_name(word) for word in words]
    found = [
        device
        for device in load_devices()
        if (not kind or device.kind == kind.casefold()) and all(word in _text(device) for word in wanted)
    ]
    if not found:
        raise UsageError(
            f"no device has {' and '.join(f'`{word}`' for word in words)}",
            code="usage.device",
            because=f"none of the {len(load_devices())} devices has it in its key, alias, name, kind or sizes",
            hint="`sizer devices` lists all; an amount works too: `--on memory=24GB`",
        )
    found.sort(key=lambda device: (kinds.index(device.kind), -device.memory_bytes, device.key))
    rows = tuple(
        DeviceRow(
            device=device,
            available_bytes=device.available_bytes,
            available_basis="estimated" if device.usable_source is None else "declared",
        )
        for device in found
    )
    return DeviceList(words=tuple(words), kind=kind.casefold(), devices=rows, known=len(load_devices()))


def _text(device: Device) -> str:
    sizes = (f"{gib}GB" for gib in device.sold_gib)
    words = (device.key, *device.aliases, device.name, device.kind, _ALSO.get(device.kind, ""), *sizes)
    return " ".join(map(plain_name, words))
