"""What a catalog entry keeps between tokens: the same formula as an inspection, on three figures instead of layers.

An entry holds the bytes that a token adds over all layers, the part of them that windows hold, and the bytes of
states that do not grow. From those the layers are made up again, so that `fit` counts as `inspect` does.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from sizer.anatomy.attention import AttentionSpec, LayerGroup, unknown_attention
from sizer.anatomy.mixers import Mixer
from sizer.catalog.models import CacheWindow, CatalogEntry, Shape
from sizer.sizing import kv_cache

__all__ = ["attention_of", "kept_of", "shape_of"]

_WIDTH = Fraction(2)
"""Bytes of an element: the catalog's figures are at 16 bits."""


def kept_of(spec: AttentionSpec) -> tuple[int | None, tuple[CacheWindow, ...], int | None]:
    """(bytes of cache a token, the part of them under windows, bytes of state) at 16 bits; None where not known."""
    if not spec.is_known:
        return None, (), None
    held: dict[int, Fraction] = defaultdict(Fraction)
    for group in spec.groups:
        for mixer in group.mixers:
            if mixer.grows and not mixer.is_shared and mixer.window is not None:
                held[mixer.window] += len(group.layers) * kv_cache.mixer_bytes_per_token(mixer, _WIDTH)
    windows = tuple(CacheWindow(tokens=tokens, bytes_per_token=int(held[tokens])) for tokens in sorted(held))
    return kv_cache.kv_cache_bytes_per_token(spec, "bf16"), windows, kv_cache.state_bytes(spec) or None


def shape_of(spec: AttentionSpec) -> Shape | None:
    """The shape that a catalog keeps of a specification; None where the hidden size is not known."""
    if spec.hidden_size is None or not spec.is_known:
        return None
    heads = [
        1 if mixer.kind in ("latent", "compressed") else mixer.kv_heads
        for group in spec.groups
        for mixer in group.mixers
        if mixer.grows and not mixer.is_shared
    ]
    return Shape(
        hidden_size=spec.hidden_size,
        layers=spec.layers,
        vocabulary_size=spec.vocabulary_size,
        kv_heads=min((count for count in heads if count is not None), default=None),
    )


def attention_of(entry: CatalogEntry) -> AttentionSpec:
    """What an entry keeps between tokens, a layer for what grows to the end, one for each window, one for the state.

    Where the entry has no shape, the hidden size is that of a transformer of as many active parameters whose width is
    128 times its depth: N = 12 layers x width^2 (arXiv 2001.08361, section 2.1). It serves the overhead only.
    """
    if entry.kv_cache_bytes_per_token is None:
        return unknown_attention("the catalog does not know its bytes of cache per token")
    shape = entry.shape or _assumed_shape(entry.active_parameters or entry.total_parameters or 0)
    windowed = sum(window.bytes_per_token for window in entry.kv_cache_windows)
    heads = shape.kv_heads
    kept = [_grows(entry.kv_cache_bytes_per_token - windowed, heads)]
    kept += [_grows(window.bytes_per_token, heads, window.tokens) for window in entry.kv_cache_windows]
    if entry.state_bytes:
        kept.append(Mixer(kind="recurrent", state_elements=entry.state_bytes, state_element_bytes=1))
    return AttentionSpec(
        form="decoder", layers=shape.layers or max(1, shape.hidden_size // 128),
        groups=tuple(LayerGroup(layers=(layer,), mixers=(mixer,)) for layer, mixer in enumerate(kept)),
        context_tokens=entry.context_tokens, element_bytes=2, cache_element_bytes=2, hidden_size=shape.hidden_size,
        vocabulary_size=shape.vocabulary_size, basis="declared",
    )  # fmt: skip


def _assumed_shape(parameters: int) -> Shape:
    return Shape(hidden_size=round((128 * parameters / 12) ** (1 / 3)))


def _grows(bytes_per_token: int, kv_heads: int | None, window: int | None = None) -> Mixer:
    return Mixer(kind="attention", kv_heads=kv_heads, elements_per_token=bytes_per_token // 2, window=window)
