"""Parameters of a model that has no readable weights: what config.json and file sizes allow to say.

Never a count: the figures are `estimated`, and the assumptions go with them.
"""

from __future__ import annotations

from typing import Any

from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import vocabulary
from sizer.values import frozen

__all__ = ["Estimate", "estimate_from_bytes", "estimate_from_config"]

# Bytes of one parameter by `torch_dtype` / `dtype` of config.json.
_DTYPE_BYTES = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2, "float8_e4m3fn": 1, "int8": 1}


@frozen
class Estimate:
    """An estimated size, with its assumptions in words."""

    total: int
    active: int | None
    assumptions: str


def estimate_from_bytes(weights_bytes: int, config: dict[str, Any] | None) -> Estimate | None:
    """Parameters from the size of pickled weights and the dtype that config.json states; None without a dtype."""
    settings = Settings(config)
    name = settings.text("torch_dtype", "dtype")
    size = _DTYPE_BYTES.get((name or "").removeprefix("torch."))
    if size is None or weights_bytes <= 0 or settings.raw("quantization_config") is not None:
        return None
    return Estimate(
        total=weights_bytes // size,
        active=None,
        assumptions=f"file sizes over {size} bytes a parameter ({name}, as config.json says)",
    )


def estimate_from_config(config: dict[str, Any] | None) -> Estimate | None:
    """Parameters of a decoder with grouped-query attention and gated feed-forward layers of these dimensions.

    vocab x hidden (once if tied, else twice) + layers x (q, k, v, o projections + 3 x hidden x width, times the
    experts where there are some). Norms and biases are left out (below 0.1 %). None where a dimension is missing.
    """
    settings = Settings(config)
    hidden = settings.integer("hidden_size", "d_model", "n_embd", minimum=1)
    layers = settings.integer("num_hidden_layers", "n_layers", "n_layer", "num_layers", minimum=1)
    heads = settings.integer("num_attention_heads", "n_heads", "n_head", minimum=1)
    rows = settings.integer("vocab_size", minimum=1)
    width = settings.integer("moe_intermediate_size", "intermediate_size", minimum=1)
    if hidden is None or layers is None or heads is None or rows is None or width is None:
        return None
    if settings.raw("kv_lora_rank", "layer_types", "hybrid_override_pattern", "attn_type_list") is not None:
        return None  # the formula does not apply
    head_size = settings.integer("head_dim", minimum=1) or hidden // heads
    kv_heads = settings.integer("num_key_value_heads", minimum=1) or heads
    attention = hidden * head_size * (2 * heads + 2 * kv_heads)
    feed_forward = 3 * hidden * width
    keys = vocabulary().keys
    count, top_k = settings.integer(*keys.experts) or 0, settings.integer(*keys.experts_per_token)
    tables = rows * hidden * (1 if settings.flag("tie_word_embeddings") else 2)
    total = tables + layers * (attention + feed_forward * max(1, count) + hidden * count)
    active: int | None = total
    if count > 1:
        active = None if top_k is None else tables + layers * (attention + feed_forward * top_k + hidden * count)
    return Estimate(
        total=total,
        active=active,
        assumptions="config.json's dimensions in a decoder with grouped-query attention and gated feed-forward layers",
    )
