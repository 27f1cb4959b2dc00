"""How fast a model can answer: a ceiling from the roofline, and the range that real software reaches.

Decoding reads the active weights and the caches once a step, so bandwidth bounds it; prefill multiplies them, so
compute does (Williams et al., Roofline, 2009; arXiv 2402.16363, section 3). In a mixture of experts a step of B
sequences touches E (1 - (1 - k/E)^B) of E experts in each layer, where k are picked per token: at batch 1 that is
k, at a large batch all of them, and the advantage over a dense model of the same total is gone.

A ceiling is arithmetic. The expected range is not: it brackets published measurements, listed with their sources
in `benchmarks/measurements.yaml` and compared in `docs/concepts/speed.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from sizer.anatomy.attention import AttentionSpec
from sizer.anatomy.parameters import Anatomy
from sizer.anatomy.parts import TOWERS
from sizer.quantization.interface import LogicalTensor
from sizer.sizing import kv_cache
from sizer.sizing.hardware import Device, Target
from sizer.values import frozen

__all__ = [
    "Decode",
    "Prefill",
    "Reads",
    "Speed",
    "distinct_experts",
    "estimate_decode",
    "estimate_prefill",
    "estimate_speed",
    "multiplied_bits",
    "reads_of",
]

# Share of the bandwidth that a decoding step reaches, and time a layer costs beside its bytes (kernel launches,
# synchronisation): the best and the worst of the measurements.
BANDWIDTH_SHARE = (0.40, 0.92)
LAYER_SECONDS = (150e-6, 5e-6)
# What two reductions a layer cost when its weights are split over several devices.
REDUCTION_SECONDS = (60e-6, 15e-6)
# Share of the dense rate that prefill reaches.
COMPUTE_SHARE = (0.15, 0.75)
_BITS = {"F8": 8, "FP8": 8, "MXFP8": 8, "MXFP4": 4, "NVFP4": 4, "F4": 4}


@frozen
class Reads:
    """What a model reads to produce tokens."""

    fixed_bytes: int
    """Weights that every step reads: attention, dense and shared parts, router, norms, head."""
    routed_bytes: int
    """All routed experts of all layers."""
    experts: int | None
    """Routed experts in a layer; null for a dense model."""
    experts_per_token: int | None
    layers: int
    active_parameters: int
    """Parameters that one token multiplies with: active less the input embedding."""
    routed_parameters: int
    """All routed parameters: what a long prompt touches."""
    compute_bits: int
    """Widest type that most weights can be multiplied in: 16, 8 or 4."""


@frozen
class Decode:
    """Generating tokens, step by step."""

    sequences: int
    context_tokens: int
    bytes_per_step: int
    """Weights and caches that one step reads, over all sequences."""
    weights_bytes_per_step: int
    cache_bytes_per_step: int
    experts_touched: float | None
    """Distinct routed experts that a step touches in a layer, on average; null for a dense model."""
    experts_touched_share: float | None
    bound: str
    """`bandwidth` or `compute`: what the ceiling is made of."""
    ceiling_tokens_per_second: float
    """For one sequence: no software passes it."""
    expected_tokens_per_second: tuple[float, float]
    """For one sequence: slowest and fastest of what measured software reaches."""
    ceiling_total_tokens_per_second: float
    """Over all sequences."""
    expected_total_tokens_per_second: tuple[float, float]


@frozen
class Prefill:
    """Reading a prompt."""

    prompt_tokens: int
    ceiling_tokens_per_second: float | None
    expected_tokens_per_second: tuple[float, float] | None
    expected_seconds: tuple[float, float] | None
    """Fastest and slowest time to the first token, queueing aside."""
    reason: str = ""
    """Why the figures are null, where they are."""


@frozen
class Speed:
    """How fast a model can run somewhere."""

    target: str
    decode: Decode | None
    prefill: Prefill | None
    basis: str
    """Always `estimated`: a ceiling and a range, never a measurement."""
    assumptions: tuple[str, ...]
    measure: str
    """The command that measures it."""
    reason: str = ""
    """Why there is no figure, where there is none."""


def distinct_experts(experts: int, per_token: int, tokens: int) -> float:
    """Expected number of distinct experts that `tokens` tokens touch in a layer: E (1 - (1 - k/E)^B).

    Assumes that tokens pick independently and evenly; real routers repeat themselves within a batch, so this is
    the high side.
    """
    if experts <= 0:
        return 0.0
    return experts * (1.0 - (1.0 - min(per_token, experts) / experts) ** tokens)


def reads_of(anatomy: Anatomy, layers: int | None) -> Reads | None:
    """What this model reads, from the stored bytes of its components; None where active is not known."""
    if anatomy.active_compute is None:
        return None
    groups = anatomy.components_of
    skipped = TOWERS | {"mtp", "lookup_tables", "routed_experts"}
    if not anatomy.head_is_tied:
        skipped |= {"input_embedding"}
    routed = [group for component, group in groups if component == "routed_experts"]
    fixed = [group for component, group in groups if component not in skipped]
    return Reads(
        fixed_bytes=_stored(fixed),
        routed_bytes=_stored(routed),
        experts=anatomy.experts.routed_experts,
        experts_per_token=anatomy.experts.experts_per_token,
        layers=layers or 0,
        active_parameters=anatomy.active_compute,
        routed_parameters=sum(group.total for group in routed),
        compute_bits=_compute_bits([*fixed, *routed]),
    )


def estimate_decode(
    reads: Reads,
    spec: AttentionSpec,
    device: Device,
    *,
    devices: int = 1,
    sequences: int = 1,
    context_tokens: int = 1,
    cache_dtype: str = "auto",
) -> Decode | None:
    """A decoding step of `sequences` sequences that each hold `context_tokens`; None where the cache is unknown."""
    if not spec.is_known or (reads.routed_bytes and not (reads.experts and reads.experts_per_token)):
        return None
    touched = share = None
    weights = float(reads.fixed_bytes)
    if reads.experts and reads.experts_per_token:
        touched = distinct_experts(reads.experts, reads.experts_per_token, sequences)
        share = touched / reads.experts
        weights += reads.routed_bytes * share
    cache = kv_cache.kv_cache_bytes(spec, context_tokens, cache_dtype, sequences)
    cache += 2 * kv_cache.state_bytes(spec, sequences)  # a state is read and written back
    size = weights + cache
    bandwidth_seconds = size / (devices * device.bandwidth_bytes_per_second)
    rate = _rate(device, reads.compute_bits)
    compute_seconds = 2 * reads.active_parameters * sequences / (devices * rate) if rate else 0.0
    seconds = max(bandwidth_seconds, compute_seconds)
    slow, fast = _expected_seconds(reads, device, devices, size, compute_seconds)
    return Decode(
        sequences=sequences,
        context_tokens=context_tokens,
        bytes_per_step=round(size),
        weights_bytes_per_step=round(weights),
        cache_bytes_per_step=cache,
        experts_touched=touched,
        experts_touched_share=share,
        bound="compute" if compute_seconds > bandwidth_seconds else "bandwidth",
        ceiling_tokens_per_second=1 / seconds,
        expected_tokens_per_second=(1 / slow, 1 / fast),
        ceiling_total_tokens_per_second=sequences / seconds,
        expected_total_tokens_per_second=(sequences / slow, sequences / fast),
    )


def _expected_seconds(
    reads: Reads, device: Device, devices: int, size: float, compute_seconds: float
) -> tuple[float, float]:
    """Slowest and fastest time of a step."""
    out = []
    for place, share in enumerate(BANDWIDTH_SHARE):
        used = _working(device, devices) if place == 0 else devices
        per_layer = LAYER_SECONDS[place] + (REDUCTION_SECONDS[place] if devices > 1 else 0.0)
        bandwidth = size / (used * device.bandwidth_bytes_per_second * share)
        out.append(max(bandwidth, compute_seconds / COMPUTE_SHARE[place]) + reads.layers * per_layer)
    return out[0], out[1]


def _working(device: Device, devices: int) -> int:
    """Devices that work at once at the slow end: all where a fabric joins them, else one, as layers are split.

    A bridge between two cards is no fabric. A program that splits layers on such a fabric is slower than the range.
    """
    is_joined = device.kind == "data-centre" and device.link_bytes_per_second is not None
    return devices if is_joined else 1


def estimate_prefill(
    reads: Reads, spec: AttentionSpec, device: Device, *, devices: int = 1, prompt_tokens: int = 1
) -> Prefill:
    """Reading one prompt: 2 operations a parameter and token, and attention over all pairs of tokens.

    Attention: 2 x 2 x heads x head width x n^2 / 2 operations for each full layer (arXiv 2001.08361, table 1, made
    causal); a window bounds n.
    """
    rate = _rate(device, reads.compute_bits)
    if rate is None:
        why = f"no dense rate is published for {device.name}"
        return Prefill(
            prompt_tokens=prompt_tokens, ceiling_tokens_per_second=None, expected_tokens_per_second=None,
            expected_seconds=None, reason=why,
        )  # fmt: skip
    operations = 2 * reads.active_parameters * prompt_tokens + _attention_operations(spec, prompt_tokens)
    weights = float(reads.fixed_bytes)
    if reads.experts and reads.experts_per_token:
        touched = distinct_experts(reads.experts, reads.experts_per_token, prompt_tokens)
        weights += reads.routed_bytes * touched / reads.experts
    compute = operations / (devices * rate)
    bandwidth = weights / (devices * device.bandwidth_bytes_per_second)
    seconds = max(compute, bandwidth)
    idle = (devices / _working(device, devices), 1.0)
    slow, fast = (
        max(compute / share, bandwidth / BANDWIDTH_SHARE[place]) * idle[place] + reads.layers * LAYER_SECONDS[place]
        for place, share in enumerate(COMPUTE_SHARE)
    )
    return Prefill(
        prompt_tokens=prompt_tokens,
        ceiling_tokens_per_second=prompt_tokens / seconds,
        expected_tokens_per_second=(prompt_tokens / slow, prompt_tokens / fast),
        expected_seconds=(fast, slow),
    )


def estimate_speed(
    reads: Reads | None,
    spec: AttentionSpec,
    target: Target,
    *,
    sequences: int = 1,
    context_tokens: int,
    cache_dtype: str = "auto",
) -> Speed:
    """Decode and prefill of a model at a place; the reason where a figure is missing."""
    measure = f"llama-bench -p {min(context_tokens, 4096)} -n 128, or vllm bench latency --batch-size {sequences}"
    if target.device is None or reads is None or not reads.active_parameters:
        why = "no bandwidth is known for an amount of memory"
        if reads is None or not reads.active_parameters:
            why = "the active parameters are not known" if reads is None else "there are no parameters"
        return Speed(
            target=target.name, decode=None, prefill=None, basis="unknown", assumptions=(), measure=measure, reason=why
        )
    decode = estimate_decode(
        reads, spec, target.device, devices=target.devices, sequences=sequences, context_tokens=context_tokens,
        cache_dtype=cache_dtype,
    )  # fmt: skip
    return Speed(
        target=target.name,
        decode=decode,
        prefill=estimate_prefill(reads, spec, target.device, devices=target.devices, prompt_tokens=context_tokens),
        basis="estimated",
        assumptions=tuple(_assumptions(reads, target)),
        measure=measure,
        reason="" if decode is not None else spec.reason or "the experts per token are not known",
    )


def _assumptions(reads: Reads, target: Target) -> Iterable[str]:
    low, high = BANDWIDTH_SHARE
    yield (
        f"ceiling: every weight a token uses and its whole cache are read once a step at full bandwidth; expected: "
        f"{low * 100:.0f} to {high * 100:.0f} % of it and "
        f"{LAYER_SECONDS[1] * 1e6:.0f} to {LAYER_SECONDS[0] * 1e6:.0f} us a layer"
    )
    low, high = COMPUTE_SHARE
    own = target.device is None or _own_rate(target.device, reads.compute_bits)
    yield f"prefill: {low * 100:.0f} to {high * 100:.0f} % of the dense {reads.compute_bits if own else 16}-bit rate"
    if target.devices > 1:
        linked = target.device is not None and _working(target.device, target.devices) > 1
        how = (
            "each layer is split over all; a program that gives each device its own layers is as fast as one"
            if linked
            else "each layer is split over all at the fast end; at the slow end each device has its own layers"
        )
        yield f"{target.devices} devices: {how}"
    if reads.experts:
        yield "experts are picked independently and evenly; a router that repeats itself reads less"
    yield "no speculative decoding, no prefix cache, no offloading"


def _attention_operations(spec: AttentionSpec, tokens: int) -> int:
    total = 0
    for group in spec.groups:
        for mixer in group.mixers:
            if not mixer.grows or not mixer.heads:
                continue
            width = (mixer.key_dim or 0) + (mixer.value_dim or mixer.key_dim or 0)
            kept = tokens if mixer.window is None else min(tokens, mixer.window)
            pairs = tokens * kept - kept * kept // 2
            total += len(group.layers) * 2 * mixer.heads * width * pairs
    return total


def _own_rate(device: Device, bits: int) -> int | None:
    """Dense operations per second in floats of so many bits; None where the device has none or nobody states it."""
    return {4: device.fp4_flops, 8: device.fp8_flops}.get(bits)


def _rate(device: Device, bits: int) -> int | None:
    """Dense operations per second in the weights' own type, where the device multiplies it; in 16 bits elsewhere.

    Cards for games add up at half the rate in 32 bits, which is what their 16-bit figure says; programs add up in
    16 bits there, at half the rate of 8-bit integers.
    """
    if own := _own_rate(device, bits):
        return own
    half = device.int8_ops // 2 if device.kind == "consumer" and device.int8_ops else 0
    return max(device.bf16_flops or 0, half) or device.fp32_flops


def _stored(groups: Sequence[LogicalTensor]) -> int:
    return sum(group.stored_bytes * group.count for group in groups)


def multiplied_bits(storage: str) -> int:
    """Bits of the type that weights stored so can be multiplied in: 8 for FP8, 4 for MXFP4, 16 for integers."""
    return next((bits for word, bits in _BITS.items() if storage.upper().startswith(word)), 16)


def _compute_bits(groups: Sequence[LogicalTensor]) -> int:
    """The type that half of the weights or more can be multiplied in; integer packings are multiplied in 16 bits."""
    total = sum(group.total for group in groups)
    narrow: dict[int, int] = {}
    for group in groups:
        bits = multiplied_bits(group.storage)
        narrow[bits] = narrow.get(bits, 0) + group.total
    seen = Fraction(0)
    for bits in sorted(narrow):
        seen += narrow[bits]
        if total and seen * 2 >= total:
            return bits
    return 16
