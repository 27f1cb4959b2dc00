"""What a catalog entry keeps between tokens: the same formula as an inspection, on three figures instead of layers.

An entry holds the bytes that a token adds over all layers, the part of them that windows hold, and the bytes of
states that do not grow. From those the layers are made up again, so that `fit` counts as `inspect` does.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from sizer.anatomy.attention import AttentionSpec, LayerGroup, unknown_attention
from sizer.anatomy.mixers import Mixer
from sizer.catalog.models import CacheWindow, CatalogEntry
from sizer.sizing import kv_cache

__all__ = ["attention_of", "kept_of"]

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


def attention_of(entry: CatalogEntry) -> AttentionSpec:
    """What an entry keeps between tokens, a layer for what grows to the end, one for each window, one for the state.

    The hidden size is that of a transformer of as many active parameters whose width is 128 times its depth:
    N = 12 layers x width^2 (arXiv 2001.08361, section 2.1). It serves the overhead only.
    """
    if entry.kv_cache_bytes_per_token is None:
        return unknown_attention("the catalog does not know its bytes of cache per token")
    hidden = round((128 * (entry.active_parameters or entry.total_parameters or 0) / 12) ** (1 / 3))
    windowed = sum(window.bytes_per_token for window in entry.kv_cache_windows)
    kept = [_grows(entry.kv_cache_bytes_per_token - windowed)]
    kept += [_grows(window.bytes_per_token, window.tokens) for window in entry.kv_cache_windows]
    if entry.state_bytes:
        kept.append(Mixer(kind="recurrent", state_elements=entry.state_bytes, state_element_bytes=1))
    return AttentionSpec(
        form="decoder", layers=max(1, hidden // 128),
        groups=tuple(LayerGroup(layers=(layer,), mixers=(mixer,)) for layer, mixer in enumerate(kept)),
        context_tokens=entry.context_tokens, element_bytes=2, cache_element_bytes=2, hidden_size=hidden,
        vocabulary_size=None, basis="declared",
    )  # fmt: skip


def _grows(bytes_per_token: int, window: int | None = None) -> Mixer:
    return Mixer(kind="attention", elements_per_token=bytes_per_token // 2, window=window)
