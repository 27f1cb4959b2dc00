"""What tuning a model takes: memory of full, LoRA and QLoRA tuning, and what N examples cost.

Full: 16 bytes a parameter, namely 2 for the weight, 2 for its gradient, 12 for master weight and both moments of Adam
in 32 bits (arXiv 1910.02054, section 3.1). LoRA: weights stay at 16 bits, rank x (rows + columns) parameters a matrix
are trained so (arXiv 2106.09685, section 4.1). QLoRA: matrices are held in 4.127 bits (NF4 with doubly quantised
scales, arXiv 2305.14314, section 3). Activations: 2 bytes a token, width and layer where layers are computed again,
34 where they are kept (arXiv 2205.05198, sections 4 and 5). Compute: 6 operations a parameter and token, 8 where layers
are computed again, 4 and 6 where the gradients of frozen weights are left out (arXiv 2001.08361, section 2.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from sizer.anatomy.attention import AttentionSpec
from sizer.anatomy.parameters import Anatomy
from sizer.quantization.interface import LogicalTensor
from sizer.sizing.hardware import Target, device_target, load_devices
from sizer.values import frozen

__all__ = ["METHODS", "Method", "Place", "Tuning", "TuningSettings", "adapter_parameters", "estimate_tuning"]

METHODS = ("full", "lora", "qlora")

TRAINED_BYTES = (2, 2, 12)
"""Bytes of a trained parameter: weight, gradient, optimiser (master weight and two moments of Adam in 32 bits)."""
NF4_BITS = 4.127
KEPT_BYTES = 34
"""Bytes of activations a token, unit of width and layer where nothing is computed again."""
CHECKPOINT_BYTES = 2
LOGIT_BYTES = (6, 10)
"""Bytes a token and word of the vocabulary: logits in 16 and 32 bits, and their gradient."""
RUNTIME_BYTES = (500_000_000, 2_500_000_000)
COMPUTE_SHARE = (0.15, 0.45)
"""Share of a device's dense rate that training reaches: the top of published figures is 46 % (PaLM, arXiv 2204.02311)
and 38 to 43 % (Llama 3, arXiv 2407.21783, section 3.3); small runs reach less."""
OPERATIONS = {"full": (6, 8), "lora": (4, 6), "qlora": (4, 6)}
"""Per parameter and token, without and with layers computed again."""
_KINDS = ("data-centre", "workstation", "consumer", "apple")
_COUNTS = (1, 2, 4, 8, 16, 32, 64)
_ADAPTED = ("mixer", "dense_ffn", "shared_experts")
_PACKED = (*_ADAPTED, "routed_experts")


@frozen
class TuningSettings:
    """What to tune with."""

    examples: int = 10_000
    tokens_per_example: int = 1_000
    epochs: int = 3
    rank: int = 16
    """Of the adapters."""
    batch: int = 1
    """Examples at once on each device; more are accumulated."""
    targets: tuple[Target, ...] = ()
    """Where to tune; without any, the place that costs least."""


@frozen
class Place:
    """A method at a place."""

    on: str
    name: str
    chosen: str
    """`asked` for, or found: `smallest` (least memory on fewest devices) or `cheapest` (for all examples)."""
    devices: int
    fits: str
    """`yes`, `tight` (only where layers are computed again and little else is needed), or `no`."""
    needed_bytes_per_device: tuple[int, int]
    available_bytes_per_device: int
    hours: tuple[float, float] | None
    """Fastest and slowest; null where no dense 16-bit rate is published."""
    usd: tuple[float, float] | None
    """Least (fastest, cheapest host) and most; null where no price is listed."""
    price_source: str | None


@frozen
class Method:
    """One way of tuning."""

    method: str
    """`full`, `lora` or `qlora`."""
    trained_parameters: int
    weights_bytes: int
    """The model's own weights as they are held, adapters included."""
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: tuple[int, int] | None
    """On one device: with every layer computed again, and with all kept; null where the width is not known."""
    overhead_bytes: tuple[int, int]
    total_bytes: tuple[int, int] | None
    """On one device that holds everything."""
    operations: tuple[float, float] | None
    """Floating-point operations for all examples: layers kept, and computed again."""
    places: tuple[Place, ...]
    reason: str = ""
    """Why a figure is null, where one is, or why there is no place."""


@frozen
class Tuning:
    """The report of `sizer tune`."""

    reference: str
    repository: str
    total_parameters: int
    active_compute_parameters: int | None
    examples: int
    tokens_per_example: int
    epochs: int
    tokens: int
    """Over all epochs."""
    rank: int
    batch: int
    methods: tuple[Method, ...]
    basis: str
    """Always `estimated`."""
    assumptions: tuple[str, ...]


def estimate_tuning(
    reference: str, repository: str, anatomy: Anatomy, spec: AttentionSpec, settings: TuningSettings
) -> Tuning:
    """Memory and cost of each method for a counted model."""
    return Tuning(
        reference=reference,
        repository=repository,
        total_parameters=anatomy.total,
        active_compute_parameters=anatomy.active_compute,
        examples=settings.examples,
        tokens_per_example=settings.tokens_per_example,
        epochs=settings.epochs,
        tokens=_tokens(settings),
        rank=settings.rank,
        batch=settings.batch,
        methods=tuple(_method(name, anatomy, spec, settings) for name in METHODS),
        basis="estimated",
        assumptions=tuple(_assumptions(anatomy, settings)),
    )


def adapter_parameters(anatomy: Anatomy, rank: int) -> int:
    """Parameters of adapters on every matrix of attention, dense and shared feed-forward layers."""
    return sum(rank * sum(group.shape or ()) * group.count for group in _matrices(anatomy, _ADAPTED))


def _matrices(anatomy: Anatomy, components: Sequence[str]) -> Iterable[LogicalTensor]:
    for component, group in anatomy.components_of:
        if component in components and group.shape is not None and len(group.shape) == 2 and min(group.shape) > 1:
            yield group


def _tokens(settings: TuningSettings) -> int:
    return settings.examples * settings.tokens_per_example * settings.epochs


def _method(name: str, anatomy: Anatomy, spec: AttentionSpec, settings: TuningSettings) -> Method:
    adapters = 0 if name == "full" else adapter_parameters(anatomy, settings.rank)
    trained = anatomy.total if name == "full" else adapters
    weight, gradient, optimizer = TRAINED_BYTES
    held = _weights_bytes(name, anatomy) + adapters * weight
    activations = _activations(spec, settings)
    fixed = held + trained * (gradient + optimizer)
    total = None
    if activations is not None:
        low, high = (fixed + kept + extra for kept, extra in zip(activations, RUNTIME_BYTES, strict=True))
        total = (low, high)
    operations = None
    if anatomy.active_compute is not None:
        kept, again = OPERATIONS[name]
        each = float(anatomy.active_compute) * _tokens(settings)
        operations = (kept * each, again * each)
    places = tuple(_places(fixed, activations, operations, settings))
    return Method(
        method=name,
        trained_parameters=trained,
        weights_bytes=held,
        gradients_bytes=trained * gradient,
        optimizer_bytes=trained * optimizer,
        activations_bytes=activations,
        overhead_bytes=RUNTIME_BYTES,
        total_bytes=total,
        operations=operations,
        places=places,
        reason=_reason(activations, operations, places, anatomy),
    )


def _weights_bytes(name: str, anatomy: Anatomy) -> int:
    """The model's weights: 2 bytes each, or for QLoRA its matrices at 4.127 bits and the rest at 2 bytes."""
    if name != "qlora":
        return anatomy.total * TRAINED_BYTES[0]
    packed = sum(
        group.total
        for component, group in anatomy.components_of
        if component in _PACKED and (group.shape is None or (len(group.shape) > 1 and min(group.shape) > 1))
    )
    return round(packed * NF4_BITS / 8) + (anatomy.total - packed) * TRAINED_BYTES[0]


def _activations(spec: AttentionSpec, settings: TuningSettings) -> tuple[int, int] | None:
    """Least and most on one device: every layer computed again, or all kept."""
    if spec.hidden_size is None or spec.layers is None:
        return None
    tokens = settings.batch * settings.tokens_per_example
    vocabulary = spec.vocabulary_size or 0
    width = tokens * spec.hidden_size
    again = CHECKPOINT_BYTES * width * spec.layers + max(KEPT_BYTES * width, LOGIT_BYTES[0] * tokens * vocabulary)
    kept = KEPT_BYTES * width * spec.layers + LOGIT_BYTES[1] * tokens * vocabulary
    return again, max(again, kept)


def _places(
    fixed: int, activations: tuple[int, int] | None, operations: tuple[float, float] | None, settings: TuningSettings
) -> Iterable[Place]:
    if activations is None:
        return
    if settings.targets:
        for target in settings.targets:
            yield _place(target, fixed, activations, operations)
        return
    found: list[tuple[int, Place]] = []
    for device in load_devices():
        if device.bf16_flops is None or device.kind not in _KINDS:
            continue
        counts = _COUNTS if device.link_bytes_per_second is not None else _COUNTS[:1]
        for target in (device_target(device, count) for count in counts):
            place = _place(target, fixed, activations, operations)
            if place.fits != "no":
                found.append((target.available_bytes, place))
                break
    if not found:
        return
    smallest = min(found, key=lambda one: (one[1].devices, one[0], one[1].on))[1]
    yield replace(smallest, chosen="smallest")
    priced = [place for _, place in found if place.usd is not None]
    cheapest = min(priced, key=lambda place: (place.usd or (0.0, 0.0), place.devices, place.on), default=None)
    if cheapest is not None and cheapest.on != smallest.on:
        yield replace(cheapest, chosen="cheapest")


def _place(target: Target, fixed: int, activations: tuple[int, int], operations: tuple[float, float] | None) -> Place:
    """A method at a place: weights, gradients and optimiser split evenly (ZeRO-3), activations on every device."""
    share = -(-fixed // target.devices)
    low, high = (share + kept + extra for kept, extra in zip(activations, RUNTIME_BYTES, strict=True))
    available = target.available_bytes // target.devices
    rate = target.device.bf16_flops if target.device is not None else None
    hours = None
    if rate is not None and operations is not None:
        slow, fast = COMPUTE_SHARE
        seconds = [operations[place] / (target.devices * rate * share) for place, share in ((0, fast), (1, slow))]
        hours = (seconds[0] / 3600, seconds[1] / 3600)
    price = target.device.price if target.device is not None else None
    usd = None
    if hours is not None and price is not None:
        usd = tuple(
            float(Decimal(target.devices) * each * Decimal(time))
            for each, time in zip((price.lowest_usd_per_hour, price.highest_usd_per_hour), hours, strict=True)
        )
    return Place(
        on=target.asked,
        name=target.name,
        chosen="asked",
        devices=target.devices,
        fits="yes" if high <= available else "tight" if low <= available else "no",
        needed_bytes_per_device=(low, high),
        available_bytes_per_device=available,
        hours=hours,
        usd=None if usd is None else (usd[0], usd[1]),
        price_source=None if price is None else f"{price.source}, {price.checked}",
    )


def _reason(
    activations: tuple[int, int] | None, operations: tuple[float, float] | None, places: Sequence[Place],
    anatomy: Anatomy,
) -> str:  # fmt: skip
    if activations is None:
        return "the width or the number of layers is not known"
    if operations is None:
        return f"the active parameters are not known: {anatomy.reason}" if anatomy.reason else "active is not known"
    return "" if places else "no place of the table holds it"


def _assumptions(anatomy: Anatomy, settings: TuningSettings) -> Iterable[str]:
    yield "Adam in mixed precision: 2 + 2 + 12 bytes for weight, gradient and optimiser of every trained parameter"
    experts = "; routed experts are not adapted" if anatomy.experts.moe_layers else ""
    adapted = "attention, dense and shared feed-forward layers"
    yield f"adapters of rank {settings.rank} on the matrices of {adapted}{experts}"
    yield "QLoRA holds the matrices of the layers in 4.127 bits, the rest in 16"
    yield "several devices split weights, gradients and optimiser evenly; each keeps the activations of its own batch"
    low, high = COMPUTE_SHARE
    share = f"{low * 100:.0f} to {high * 100:.0f} %"
    yield f"time: {share} of the dense 16-bit rate; preparing data, evaluation and failed runs are not counted"
