"""What a model needs in memory to run: weights, KV cache, recurrent state, and an overhead stated as a range."""

from __future__ import annotations

from collections.abc import Iterable

from sizer.anatomy.attention import AttentionSpec
from sizer.anatomy.mixers import Mixer
from sizer.notices import Notice
from sizer.sizing import kv_cache
from sizer.sizing.formats import weight_formats
from sizer.values import frozen

__all__ = [
    "DEFAULT_CONTEXT",
    "LayerCache",
    "Memory",
    "OtherWeights",
    "describe_mixer",
    "estimate_memory",
    "estimate_overhead",
]

DEFAULT_CONTEXT = 8_192
"""Context in tokens where none is asked for and the model can take that many."""

# The overhead range. Activations: about 16 vectors of the hidden size live at once in a layer (residual, norm,
# queries, keys, values, attention output, two to three feed-forward widths), 2 bytes each, for as many tokens as
# are computed at once: 512 (llama.cpp's micro-batch) to 8,192 (vLLM's max_num_batched_tokens). Logits: one
# float32 vocabulary row a sequence, up to four copies while sampling. Runtime: device context, kernels, recorded
# graphs, allocator; a server records more of them (vLLM issue 7553: 2.5 GB) than a local program.
_LIVE_VECTORS = 16


@frozen
class _Runtime:
    """Lowest and highest of what a kind of program takes beside weights and caches."""

    bytes: tuple[int, int]
    chunk_tokens: tuple[int, int]
    logit_copies: tuple[int, int]


_RUNTIMES = {
    "server": _Runtime(bytes=(300_000_000, 2_500_000_000), chunk_tokens=(2_048, 8_192), logit_copies=(1, 4)),
    "local": _Runtime(bytes=(100_000_000, 800_000_000), chunk_tokens=(512, 2_048), logit_copies=(1, 2)),
    "any": _Runtime(bytes=(100_000_000, 2_500_000_000), chunk_tokens=(512, 8_192), logit_copies=(1, 4)),
}


@frozen
class LayerCache:
    """The cache of all layers of one kind."""

    layers: int
    kind: str
    """`grouped_query`, `latent`, `mamba2`, `none` ...: see `docs/concepts/memory.md`."""
    description: str
    """The widths in words: `8 KV heads of 128`."""
    window_tokens: int | None
    """Tokens after which these layers stop growing; null where they never do, or keep no tokens."""
    is_shared: bool
    """Whether they read another layer's cache and keep none."""
    kv_cache_bytes_per_token: float
    """Bytes that one token adds in all of these layers while no window is full, for one sequence."""
    kv_cache_bytes: int
    """Bytes at the context, for all sequences."""
    state_bytes: int
    """Bytes that do not grow, for all sequences."""


@frozen
class OtherWeights:
    """What the same parameters would take in another format: always an estimate."""

    format: str
    """Key of the format: `q4_k_m`."""
    name: str
    bits: float
    """Bits for one parameter, scales included."""
    weights_bytes: int


@frozen
class Memory:
    """What running a model takes, in bytes. A figure that is not known is null, and `reason` says why."""

    weights_bytes: int | None
    weights_bytes_basis: str
    """`counted` from the headers, `estimated`, or `unknown`."""
    context_tokens: int
    context_tokens_basis: str
    """`asked` for, `declared` by the model (its longest), or `assumed`."""
    longest_context_tokens: int | None
    """What config.json declares; null where it says nothing."""
    sequences: int
    """Sequences in flight at once, each of the whole context."""
    cache_dtype: str
    """What the cache is held in; `auto` resolved to the model's own dtype."""
    kv_cache_bytes_per_token: int | None
    """Bytes that one token adds for one sequence while no window is full."""
    kv_cache_bytes_per_token_basis: str
    kv_cache_bytes: int | None
    """Bytes of the caches of all sequences at the context."""
    kv_cache_bytes_basis: str
    state_bytes: int | None
    """Recurrent and convolution states of all sequences: they do not grow."""
    state_bytes_basis: str
    overhead_bytes: tuple[int, int] | None
    """Activations, logits and runtime: lowest and highest."""
    overhead_bytes_basis: str
    total_bytes: tuple[int, int] | None
    """Everything together: lowest and highest."""
    attention_layers: int | None
    """Layers that add to a cache with every token."""
    layer_count: int | None
    layers: tuple[LayerCache, ...] = ()
    other_weights: tuple[OtherWeights, ...] = ()
    """The weights in the formats of `data/weight_formats.yaml`; empty where the total is not known."""
    reason: str = ""
    """Why the cache is null, where it is."""
    notices: tuple[Notice, ...] = ()


def estimate_memory(
    spec: AttentionSpec,
    weights_bytes: int | None,
    *,
    weights_basis: str = "counted",
    context_tokens: int | None = None,
    sequences: int = 1,
    cache_dtype: str = "auto",
    total_parameters: int | None = None,
) -> Memory:
    """The memory of a model at a context. `cache_dtype` is `auto` or a key of `kv_cache.CACHE_DTYPES`.

    With the total, also what the weights would take in other formats.
    """
    context, basis = _context(spec, context_tokens)
    known = spec.is_known
    cache = kv_cache.kv_cache_bytes(spec, context, cache_dtype, sequences) if known else None
    state = kv_cache.state_bytes(spec, sequences) if known else None
    overhead = estimate_overhead(spec, sequences)
    total = None
    if weights_bytes is not None and cache is not None and state is not None and overhead is not None:
        fixed = weights_bytes + cache + state
        total = (fixed + overhead[0], fixed + overhead[1])
    figures = spec.basis if known else "unknown"
    return Memory(
        weights_bytes=weights_bytes,
        weights_bytes_basis="unknown" if weights_bytes is None else weights_basis,
        context_tokens=context,
        context_tokens_basis=basis,
        longest_context_tokens=spec.context_tokens,
        sequences=sequences,
        cache_dtype=_resolved(spec, cache_dtype),
        kv_cache_bytes_per_token=kv_cache.kv_cache_bytes_per_token(spec, cache_dtype) if known else None,
        kv_cache_bytes_per_token_basis=figures,
        kv_cache_bytes=cache,
        kv_cache_bytes_basis=figures,
        state_bytes=state,
        state_bytes_basis=figures,
        overhead_bytes=overhead,
        overhead_bytes_basis="unknown" if overhead is None else "estimated",
        total_bytes=total,
        attention_layers=spec.attention_layers if known else None,
        layer_count=spec.layers,
        layers=tuple(_rows(spec, context, cache_dtype, sequences)),
        other_weights=tuple(_other_weights(total_parameters)) if total_parameters is not None else (),
        reason=spec.reason,
        notices=(*spec.notices, *_notices(spec, context)),
    )


def estimate_overhead(spec: AttentionSpec, sequences: int = 1, runtime: str = "any") -> tuple[int, int] | None:
    """Lowest and highest overhead in bytes on one device; None where the hidden size is not known.

    `runtime` is `server` (vLLM, SGLang), `local` (llama.cpp, MLX, ExecuTorch) or `any` of them.
    """
    if spec.hidden_size is None:
        return None
    kind = _RUNTIMES[runtime]
    per_token = _LIVE_VECTORS * spec.hidden_size * 2
    logits = 4 * (spec.vocabulary_size or 0) * sequences
    low, high = (
        base + tokens * per_token + copies * logits
        for base, tokens, copies in zip(kind.bytes, kind.chunk_tokens, kind.logit_copies, strict=True)
    )
    return low, high


def describe_mixer(mixer: Mixer) -> str:
    """The widths of a mixer in words."""
    if mixer.kind == "unknown":
        return mixer.reason
    if mixer.kind == "latent":
        index = " and index keys" if mixer.fixed_bytes_per_token else ""
        return f"one latent vector of {mixer.key_dim}{index}"
    if mixer.kind == "convolution":
        return f"the last inputs, {mixer.convolution_elements:,} elements"
    if mixer.kind == "compressed":
        return f"one vector of {mixer.key_dim} for each {mixer.tokens_per_entry} tokens"
    if mixer.state_elements:
        shape = " x ".join(f"{size:,}" for size in (mixer.heads, mixer.value_dim, mixer.key_dim) if size)
        return f"a state of {shape}" if shape else f"a state of {mixer.state_elements:,}"
    if mixer.is_shared and not mixer.grows:
        return "an earlier layer's keys and values"
    if mixer.kv_heads and mixer.key_dim == mixer.value_dim:
        return f"{mixer.kv_heads} KV heads of {mixer.key_dim}"
    if mixer.kv_heads:
        return f"{mixer.kv_heads} KV heads of {mixer.key_dim} (keys) and {mixer.value_dim} (values)"
    return f"{mixer.elements_per_token:,} elements of keys and values"


def _context(spec: AttentionSpec, asked: int | None) -> tuple[int, str]:
    if asked is not None:
        return asked, "asked"
    if spec.context_tokens is not None and spec.context_tokens < DEFAULT_CONTEXT:
        return spec.context_tokens, "declared"
    return DEFAULT_CONTEXT, "assumed"


def _resolved(spec: AttentionSpec, cache_dtype: str) -> str:
    if cache_dtype != "auto":
        return cache_dtype
    return {4: "fp32", 2: "bf16", 1: "fp8"}[spec.cache_element_bytes]


def _rows(spec: AttentionSpec, context: int, cache_dtype: str, sequences: int) -> Iterable[LayerCache]:
    width = kv_cache.element_bytes(spec, cache_dtype)
    for group in sorted(spec.groups, key=lambda group: group.layers[0]):
        count = len(group.layers)
        if not group.mixers:
            yield LayerCache(
                layers=count, kind="none", description="nothing: these layers only transform", window_tokens=None,
                is_shared=False, kv_cache_bytes_per_token=0.0, kv_cache_bytes=0, state_bytes=0,
            )  # fmt: skip
        for mixer in group.mixers:
            fixed = mixer.state_elements * mixer.state_element_bytes
            fixed += mixer.convolution_elements * spec.element_bytes
            yield LayerCache(
                layers=count,
                kind=mixer.kind,
                description=describe_mixer(mixer),
                window_tokens=mixer.window,
                is_shared=mixer.is_shared,
                kv_cache_bytes_per_token=float(count * kv_cache.mixer_bytes_per_token(mixer, width)),
                kv_cache_bytes=count * kv_cache.mixer_bytes(mixer, context, width) * sequences,
                state_bytes=count * fixed * sequences,
            )


def _other_weights(total_parameters: int) -> Iterable[OtherWeights]:
    for width in weight_formats():
        weights = round(total_parameters * width.bits / 8)
        yield OtherWeights(format=width.key, name=width.name, bits=width.bits, weights_bytes=weights)


def _notices(spec: AttentionSpec, context: int) -> Iterable[Notice]:
    if spec.context_tokens is not None and context > spec.context_tokens:
        yield Notice(
            code="memory.context",
            message=f"{context:,} tokens are more than the {spec.context_tokens:,} that config.json declares",
        )
    if spec.form == "encoder":
        yield Notice(code="memory.encoder", message="an encoder keeps nothing between tokens: there is no KV cache")
    if any(m.kind == "cross" and m.source_tokens is None for g in spec.groups for m in g.mixers):
        yield Notice(
            code="memory.source",
            message="config.json does not say how long the source of cross attention is: it is counted as long as "
            "the context",
        )
    if any(m.kind == "latent" for g in spec.groups for m in g.mixers):
        yield Notice(
            code="memory.latent",
            message="latent attention is counted as serving engines cache it (one vector a token); an "
            "implementation that expands keys and values for every head needs many times as much",
        )
