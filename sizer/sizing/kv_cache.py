"""Bytes of the KV cache and of recurrent states, from what each layer keeps.

Attention that grows: elements per token x tokens kept x bytes per element; a window keeps at most its own length
(arXiv 2310.06825, section 2), a latent layer one vector per token (arXiv 2405.04434, section 2.1), a compressed
layer one entry for several tokens, a layer that shares another's cache nothing (arXiv 2405.12981). A recurrent
state does not grow. One formula covers them all, because `Mixer` says what a layer keeps.
"""

from __future__ import annotations

import math
from fractions import Fraction

from sizer.anatomy.attention import AttentionSpec
from sizer.anatomy.mixers import Mixer
from sizer.errors import InvalidDataError, UsageError

__all__ = [
    "CACHE_DTYPES",
    "element_bytes",
    "kv_cache_bytes",
    "kv_cache_bytes_per_token",
    "mixer_bytes",
    "mixer_bytes_per_token",
    "parse_cache_dtype",
    "state_bytes",
    "tokens_kept",
]

# Bytes of one element. The blocks of q8_0, q5_0 and q4_0 carry a 16-bit scale for 32 elements, those of q5_1 and
# q4_1 a minimum too (ggml, ggml-common.h); NVFP4 has an 8-bit scale for 16 elements.
CACHE_DTYPES: dict[str, Fraction] = {
    "fp32": Fraction(4),
    "fp16": Fraction(2),
    "bf16": Fraction(2),
    "fp8": Fraction(1),
    "int8": Fraction(1),
    "q8_0": Fraction(34, 32),
    "q5_1": Fraction(24, 32),
    "q5_0": Fraction(22, 32),
    "q4_1": Fraction(20, 32),
    "q4_0": Fraction(18, 32),
    "nvfp4": Fraction(9, 16),
    "int4": Fraction(1, 2),
}
_OTHER_NAMES = {
    "float32": "fp32", "f32": "fp32", "float16": "fp16", "f16": "fp16", "half": "fp16", "bfloat16": "bf16",
    "fp8_e4m3": "fp8", "fp8_e5m2": "fp8", "e4m3": "fp8", "e5m2": "fp8", "float8": "fp8", "fp4": "nvfp4",
}  # fmt: skip


def parse_cache_dtype(text: str) -> str:
    """`auto` or a key of `CACHE_DTYPES` for what a user wrote (`fp8_e4m3`, `float16`). Raises UsageError."""
    name = text.strip().lower()
    name = _OTHER_NAMES.get(name, name)
    if name != "auto" and name not in CACHE_DTYPES:
        raise UsageError(
            f"--cache-dtype: `{text}` is not a cache dtype",
            code="usage.cache_dtype",
            because=f"known are auto, {', '.join(CACHE_DTYPES)}",
            hint="give one of them; `auto` is the model's own dtype",
        )
    return name


def element_bytes(spec: AttentionSpec, cache_dtype: str) -> Fraction:
    """Bytes of one element of the cache; `auto` is the model's own dtype."""
    return Fraction(spec.cache_element_bytes) if cache_dtype == "auto" else CACHE_DTYPES[cache_dtype]


def kv_cache_bytes_per_token(spec: AttentionSpec, cache_dtype: str = "auto") -> int:
    """Bytes that one token adds for one sequence, over all layers, as long as no window is full.

    Grouped-query: (key width + value width) x KV heads x bytes per element, for each layer. Latent attention adds
    one vector of `kv_lora_rank + qk_rope_head_dim` for each layer instead.

    Raises InvalidDataError (`attention.unknown`) where a layer is not explained.
    """
    _require_known(spec)
    width = element_bytes(spec, cache_dtype)
    return math.ceil(
        sum(
            len(group.layers) * mixer_bytes_per_token(mixer, width)
            for group in spec.groups
            for mixer in group.mixers
            if mixer.kind != "cross"
        )
    )


def kv_cache_bytes(spec: AttentionSpec, context_tokens: int, cache_dtype: str = "auto", sequences: int = 1) -> int:
    """Bytes of the cache of `sequences` sequences of `context_tokens` tokens each.

    A cross-attention layer keeps its source: as long as config.json says, else as long as the context.

    Raises InvalidDataError (`attention.unknown`) where a layer is not explained.
    """
    _require_known(spec)
    width = element_bytes(spec, cache_dtype)
    one = sum(
        len(group.layers) * mixer_bytes(mixer, context_tokens, width) for group in spec.groups for mixer in group.mixers
    )
    return one * sequences


def state_bytes(spec: AttentionSpec, sequences: int = 1) -> int:
    """Bytes of recurrent and convolution states, which do not grow with the context.

    Raises InvalidDataError (`attention.unknown`) where a layer is not explained.
    """
    _require_known(spec)
    one = sum(
        len(group.layers)
        * (mixer.state_elements * mixer.state_element_bytes + mixer.convolution_elements * spec.element_bytes)
        for group in spec.groups
        for mixer in group.mixers
    )
    return one * sequences


def tokens_kept(mixer: Mixer, context_tokens: int) -> int:
    """Entries that a mixer holds after `context_tokens` tokens."""
    if mixer.kind == "cross" and mixer.source_tokens is not None:
        return mixer.source_tokens
    kept = context_tokens if mixer.window is None else min(context_tokens, mixer.window)
    return kept // mixer.tokens_per_entry


def mixer_bytes(mixer: Mixer, context_tokens: int, width: Fraction) -> int:
    """Bytes of the cache of one layer's mixer for one sequence; `width` is the bytes of one element."""
    if mixer.is_shared:
        return 0
    per_entry = mixer.elements_per_token * width + mixer.fixed_bytes_per_token
    return math.ceil(tokens_kept(mixer, context_tokens) * per_entry)


def mixer_bytes_per_token(mixer: Mixer, width: Fraction) -> Fraction:
    """Bytes that one token adds to one layer's mixer while its window is not full."""
    if mixer.is_shared:
        return Fraction(0)
    return (mixer.elements_per_token * width + mixer.fixed_bytes_per_token) / mixer.tokens_per_entry


def _require_known(spec: AttentionSpec) -> None:
    if not spec.is_known:
        raise InvalidDataError(
            "the cache of this model is not known",
            code="attention.unknown",
            because=spec.reason,
            hint="weights can still be sized; report the architecture if you know what it caches",
        )
