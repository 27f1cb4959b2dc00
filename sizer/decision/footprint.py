"""Bytes and milliseconds of a candidate, from total and active parameters: the arithmetic of the filters.

Memory goes by total parameters, speed by active ones. Every figure is an estimate; its assumptions and their
sources stand in `data/assumptions.yaml`. A filter refuses only what even the better end of the
range cannot do.
"""

from __future__ import annotations

import datetime
import functools
import math

from sizer.sizing.hardware import Device, find_device
from sizer.tables import load_table
from sizer.values import frozen

__all__ = [
    "Assumptions",
    "Footprint",
    "assumptions",
    "decode_ceiling",
    "device_of",
    "fastest_answer_ms",
    "largest_parameters",
    "measure_footprint",
    "reference_device",
    "weight_width",
]


@frozen
class Assumptions:
    """What candidates are reckoned with; each group has its source."""

    bits: int
    encoder_bits: int
    """At least, for an encoder."""
    context_tokens: int
    device_memory_gb: float
    device_memory_source: str
    weight_bits: dict[str, float]
    """Bits a weight takes in a file of that nominal width, scales included."""
    weight_bits_source: str
    runtime_bytes_low: int
    runtime_bytes_high: int
    measured_to_parameters: int
    measured_bytes_per_parameter: float
    measured_fixed_bytes_low: int
    measured_fixed_bytes_high: int
    measured_source: str
    bandwidth_share_low: float
    bandwidth_share_high: float
    """Share of a device's bandwidth that decoding reaches."""
    device: str
    """The device of `hardware.yaml` that speed on a device is reckoned with."""
    server: str
    """The same for a server, one or several of them."""
    small_leg: str
    """The device whose memory holds what counts as small."""
    context_evidence: tuple[str, ...]
    """Rows of `evidence.yaml` that a limit on the context cites."""
    checked: datetime.date


@frozen
class Footprint:
    """What a model takes in memory; bytes."""

    weights_bytes: int
    """The file at that width, by total parameters."""
    kv_cache_bytes: int | None
    """Cache and state of one sequence at 16 bits; None where they are not known."""
    resident_bytes_low: int
    resident_bytes_high: int
    gpus: int
    """80 GB GPUs (H100) that hold the low end."""


def assumptions() -> Assumptions:
    """The assumptions."""
    table: Assumptions = load_table("assumptions.yaml", Assumptions)
    return table


@functools.cache
def device_of(key: str) -> Device:
    """A device of `hardware.yaml` that the assumptions name."""
    return find_device(key)


def measure_footprint(total_parameters: int, *, bits: int, kv_cache_bytes: int | None, on_device: bool) -> Footprint:
    """Resident bytes as a range: weights by total, KV cache, runtime.

    On a device, models in the measured range follow the measured line instead: resident grows by 0.913 bytes a
    parameter at 4 bits from a fixed part, so that 3.21 B take 3.7-4.1 GB although the file has 2.4.
    """
    known = assumptions()
    weights = math.ceil(total_parameters * weight_width(bits) / 8)
    low = weights + (kv_cache_bytes or 0) + known.runtime_bytes_low
    high = weights + (kv_cache_bytes or 0) + known.runtime_bytes_high
    if on_device:
        if total_parameters <= known.measured_to_parameters:
            high = low
        low = max(low, _measured(total_parameters, bits, known.measured_fixed_bytes_low))
        high = max(high, _measured(total_parameters, bits, known.measured_fixed_bytes_high))
    return Footprint(
        weights_bytes=weights,
        kv_cache_bytes=kv_cache_bytes,
        resident_bytes_low=low,
        resident_bytes_high=max(low, high),
        gpus=math.ceil(low / device_of(known.server).available_bytes),
    )


def largest_parameters(memory_bytes: int, *, bits: int, on_device: bool) -> int:
    """The most total parameters whose weights and least runtime that memory holds."""
    known = assumptions()
    largest = max(0, memory_bytes - known.runtime_bytes_low) * 8 / weight_width(bits)
    if on_device:
        slope = known.measured_bytes_per_parameter * bits / 4
        measured = max(0, memory_bytes - known.measured_fixed_bytes_low) / slope
        largest = min(largest, measured) if measured < known.measured_to_parameters else largest
    return math.floor(largest)


def decode_ceiling(active_parameters: int, *, bits: int, on_device: bool, gpus: int) -> float:
    """Tokens a second that no real server exceeds for one request: bandwidth over the bytes of active weights."""
    bandwidth = reference_device(on_device=on_device).bandwidth_bytes_per_second * (1 if on_device else gpus)
    return bandwidth / (active_parameters * weight_width(bits) / 8)


def fastest_answer_ms(
    *, active_parameters: int, bits: int, prompt_tokens: int, output_tokens: int, on_device: bool, gpus: int
) -> float:
    """Milliseconds to the last token at the ceiling: prefill by compute, then decoding.

    Where no FLOP/s is known for the device the prefill is left out: the result is still a lower bound.
    """
    flops = reference_device(on_device=on_device).bf16_flops
    count = 1 if on_device else gpus
    prefill = 0.0 if flops is None else 2 * active_parameters * prompt_tokens / (flops * count)
    decoding = output_tokens / decode_ceiling(active_parameters, bits=bits, on_device=on_device, gpus=gpus)
    return 1000 * (prefill + decoding)


def reference_device(*, on_device: bool) -> Device:
    """What speed is reckoned on: a phone, or one of the GPUs of a server."""
    known = assumptions()
    return device_of(known.device if on_device else known.server)


def _measured(total_parameters: int, bits: int, fixed_bytes: int) -> int:
    known = assumptions()
    inside = min(total_parameters, known.measured_to_parameters)
    return math.ceil(inside * known.measured_bytes_per_parameter * bits / 4 + fixed_bytes)


def weight_width(bits: int) -> float:
    """Bits that a weight of that nominal width takes in a file."""
    return assumptions().weight_bits.get(str(bits), float(bits))
