"""Whether a model fits somewhere: resident bytes against memory, what is left, and what would still fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sizer.anatomy.attention import AttentionSpec
from sizer.sizing import kv_cache
from sizer.sizing.formats import weight_formats
from sizer.sizing.hardware import Device, Target, device_target, load_devices
from sizer.sizing.memory import Memory, estimate_overhead
from sizer.sizing.speed import Reads, Speed, estimate_speed
from sizer.values import frozen

__all__ = ["Fit", "Narrower", "fit_on", "narrower", "replication", "smallest_targets"]

_MOST_TOKENS = 2**40
# How many devices of a kind are looked at together: what one machine or one rack takes.
_COUNTS = {"data-centre": (1, 2, 4, 8, 16, 32, 64), "workstation": (1, 2, 4), "consumer": (1, 2, 4)}


_ONE_MACHINE = 8


@frozen
class Narrower:
    """A model in fewer bits, at a place where it does not fit as it is stored. All of it is estimated."""

    format: str
    """Key of the weight format: the widest that fits, else the narrowest that is known."""
    bits: float
    """Bits for one parameter, scales included."""
    weights_bytes: int
    """Total parameters in that format."""
    needed_bytes: tuple[int, int]
    fits: str
    """`yes`, `tight` or `no`."""


@frozen
class Fit:
    """One model at one place."""

    on: str
    """What was asked: `2xh100`."""
    name: str
    is_asked: bool
    """Whether it was asked for; else it is the smallest place of its kind that holds the model, or one to rent."""
    devices: int
    memory_bytes: int
    """What the devices have, all together."""
    available_bytes: int
    """What a program can have, over all devices."""
    available_basis: str
    """`declared`, `estimated` or `asked`."""
    needed_bytes: tuple[int, int] | None
    """Weights, cache, state and overhead there: lowest and highest."""
    fits: str
    """`yes` (the highest need fits), `tight` (only the lowest does), `no`, or `unknown`."""
    left_bytes: tuple[int, int] | None
    """What would be left: least and most; negative where it does not fit."""
    longest_context_tokens: int | None
    """The longest context of every sequence asked for that still fits with the highest overhead; null with `fits` yes
    where nothing bounds it: neither memory nor config.json."""
    longest_context_limit: str | None
    """`memory`, or `model` where the model's own maximum ends first (config.json's, or in `sizer fit` the catalog's);
    `scaled` where that maximum needs positions that are scaled (YaRN)."""
    most_sequences: int | None
    """The most sequences of the context asked for that still fit with the highest overhead; null where they take
    nothing."""
    cache_copies: int
    """How often devices that split a model each keep the same part of the cache, at most."""
    usd_per_hour: tuple[Decimal, Decimal] | None
    """What the devices cost to rent, where that is listed."""
    price_source: str | None
    speed: Speed | None
    """Null where the model does not fit there."""
    reason: str = ""
    """Why a figure is null, where one is."""
    narrower: Narrower | None = None
    """What fewer bits would change, where the model was asked for here and does not fit."""


def narrower(total_parameters: int, target: Target, spec: AttentionSpec, memory: Memory) -> Narrower | None:
    """The widest format with fewer bits than the stored weights in which the model fits the target, else is tight.

    The narrowest one where none does; None where there is none or the need is not known.
    """
    found: list[Narrower] = []
    for width in weight_formats():
        weights = round(total_parameters * width.bits / 8)
        if memory.weights_bytes is None or weights >= memory.weights_bytes:
            continue
        fit = fit_on(target, spec, replace(memory, weights_bytes=weights))
        if fit.needed_bytes is None:
            return None
        found.append(
            Narrower(
                format=width.key, bits=width.bits, weights_bytes=weights, needed_bytes=fit.needed_bytes, fits=fit.fits
            )
        )
    for wanted in ("yes", "tight"):
        if best := next((one for one in found if one.fits == wanted), None):
            return best
    return found[-1] if found else None


def fit_on(
    target: Target,
    spec: AttentionSpec,
    memory: Memory,
    reads: Reads | None = None,
    *,
    is_asked: bool = True,
) -> Fit:
    """The fit of a model whose memory was estimated, on a target. `reads` brings the speed with it."""
    speed = None
    if reads is not None or target.device is not None:
        speed = estimate_speed(
            reads, spec, target, sequences=memory.sequences, context_tokens=memory.context_tokens,
            cache_dtype=memory.cache_dtype,
        )  # fmt: skip
    price = target.device.price if target.device else None
    copies = replication(spec, target.devices)
    overhead = _overhead(spec, memory.sequences, target)
    needed = _needed(memory, overhead, copies)
    common: dict[str, Any] = {
        "on": target.asked,
        "name": target.name,
        "is_asked": is_asked,
        "devices": target.devices,
        "memory_bytes": target.memory_bytes,
        "available_bytes": target.available_bytes,
        "available_basis": target.available_basis,
        "cache_copies": copies,
        "usd_per_hour": None
        if price is None
        else (price.lowest_usd_per_hour * target.devices, price.highest_usd_per_hour * target.devices),
        "price_source": None if price is None else f"{price.source}, {price.checked}",
        "speed": speed,
    }
    if needed is None or overhead is None:
        too_big = memory.weights_bytes is not None and memory.weights_bytes > target.available_bytes
        common["speed"] = None if too_big else speed
        return Fit(
            needed_bytes=None, fits="no" if too_big else "unknown", left_bytes=None, longest_context_tokens=None,
            longest_context_limit=None, most_sequences=None, reason=_why(memory, too_big=too_big), **common,
        )  # fmt: skip
    low, high = needed
    if low > target.available_bytes:
        common["speed"] = None
    context, limit = _longest_context(spec, memory, target, overhead, copies)
    return Fit(
        needed_bytes=needed,
        fits="yes" if high <= target.available_bytes else "tight" if low <= target.available_bytes else "no",
        left_bytes=(target.available_bytes - high, target.available_bytes - low),
        longest_context_tokens=context,
        longest_context_limit=limit,
        most_sequences=_most_sequences(spec, memory, target, copies),
        **common,
    )


def replication(spec: AttentionSpec, devices: int) -> int:
    """How many copies of the cache tensor parallelism over `devices` keeps at most.

    Heads are split over the devices; where there are more devices than KV heads each head is kept several times,
    and a latent vector, which all heads share, is kept by every device.
    Source: Megatron-LM, arXiv 1909.08053, section 3; vLLM, `num_kv_head_replicas`.
    """
    if devices == 1:
        return 1
    heads = [
        1 if mixer.kind in ("latent", "compressed") else mixer.kv_heads or devices
        for group in spec.groups
        for mixer in group.mixers
        if mixer.grows and not mixer.is_shared
    ]
    return max((-(-devices // count) for count in heads), default=1)


def smallest_targets(
    spec: AttentionSpec, memory: Memory, reads: Reads | None = None, *, limit: int = 6
) -> tuple[Fit, ...]:
    """The smallest place of each kind that holds the model: fewest devices, then least memory.

    Where there is room up to the limit, also other devices that are rented by the hour, up to eight of one: 8xh200
    beside 4xb200.
    """
    by_kind: dict[str, list[Device]] = {}
    for device in sorted(load_devices(), key=lambda device: device.available_bytes):
        by_kind.setdefault(device.kind, []).append(device)
    found: list[Target] = []
    rented: list[Target] = []
    for kind, devices in by_kind.items():
        counts = _COUNTS.get(kind, (1,))
        places = (device_target(device, count) for count in counts for device in devices)
        if first := next((target for target in places if _holds(target, spec, memory)), None):
            found.append(first)
        for device in devices:
            several = (device_target(device, count) for count in counts if count <= _ONE_MACHINE and device.price)
            if place := next((target for target in several if _holds(target, spec, memory)), None):
                rented.append(place)
    rented.sort(key=lambda target: (target.devices, target.available_bytes))
    found += [target for target in rented if target not in found][: max(0, limit - len(found))]
    found.sort(key=lambda target: (target.devices, target.available_bytes))
    return tuple(fit_on(target, spec, memory, reads, is_asked=False) for target in found[:limit])


def _holds(target: Target, spec: AttentionSpec, memory: Memory) -> bool:
    """Whether even the highest need fits."""
    needed = _needed(memory, _overhead(spec, memory.sequences, target), replication(spec, target.devices))
    return needed is not None and needed[1] <= target.available_bytes


def _overhead(spec: AttentionSpec, sequences: int, target: Target) -> tuple[int, int] | None:
    """Overhead over all devices, for the programs that run on such devices."""
    kind = target.device.kind if target.device is not None else "any"
    runtime = "server" if kind == "data-centre" else "local" if kind in ("apple", "phone", "edge", "cpu") else "any"
    one = estimate_overhead(spec, sequences, runtime)
    return None if one is None else (one[0] * target.devices, one[1] * target.devices)


def _needed(memory: Memory, overhead: tuple[int, int] | None, copies: int) -> tuple[int, int] | None:
    if memory.weights_bytes is None or memory.kv_cache_bytes is None or memory.state_bytes is None:
        return None
    if overhead is None:
        return None
    base = memory.weights_bytes + memory.state_bytes
    return base + memory.kv_cache_bytes + overhead[0], base + memory.kv_cache_bytes * copies + overhead[1]


def _longest_context(
    spec: AttentionSpec, memory: Memory, target: Target, overhead: tuple[int, int], copies: int
) -> tuple[int | None, str | None]:
    free = target.available_bytes - (memory.weights_bytes or 0) - (memory.state_bytes or 0) - overhead[1]
    if free < 0:
        return 0, "memory"
    most = _largest(
        lambda tokens: copies * kv_cache.kv_cache_bytes(spec, tokens, memory.cache_dtype, memory.sequences) <= free
    )
    if spec.context_tokens is not None and (most is None or most >= spec.context_tokens):
        return spec.context_tokens, "model"
    return (None, None) if most is None else (most, "memory")


def _most_sequences(spec: AttentionSpec, memory: Memory, target: Target, copies: int) -> int | None:
    def fits(sequences: int) -> bool:
        overhead = _overhead(spec, sequences, target)
        cache = kv_cache.kv_cache_bytes(spec, memory.context_tokens, memory.cache_dtype, sequences)
        state = kv_cache.state_bytes(spec, sequences)
        extra = overhead[1] if overhead else 0
        return (memory.weights_bytes or 0) + cache * copies + state + extra <= target.available_bytes

    return _largest(fits)


def _largest(holds: Callable[[int], bool]) -> int | None:
    """The largest number for which a condition that only gets harder holds; 0 if none, None if no end is in sight."""
    low, high = 0, 1
    while holds(high):
        low, high = high, high * 2
        if high > _MOST_TOKENS:
            return None
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _why(memory: Memory, *, too_big: bool) -> str:
    if memory.weights_bytes is None:
        return "the bytes of the weights are not known"
    if too_big:
        return "the weights alone are larger"
    return memory.reason or "the overhead is not known"
