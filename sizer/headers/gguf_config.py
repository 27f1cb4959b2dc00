"""GGUF metadata in the words of config.json, so that one reading of a configuration serves both formats.

`model_type` stays GGUF's own name of the architecture (`qwen3moe`, `deepseek2`). A value that differs from
layer to layer is a list with one entry per layer; where all entries agree it is one number.
Keys and their meaning: gguf-py/gguf/constants.py and src/llama-model.cpp of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["config_from_metadata"]

# `{architecture}.<key>`: the name in config.json.
_NAMES = {
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "embedding_length_per_layer_input": "hidden_size_per_layer_input",
    "block_count": "num_hidden_layers",
    "decoder_block_count": "num_decoder_layers",
    "feed_forward_length": "intermediate_size",
    "leading_dense_block_count": "first_k_dense_replace",
    "nextn_predict_layers": "num_nextn_predict_layers",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_shared_count": "n_shared_experts",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "expert_group_count": "n_group",
    "expert_group_used_count": "topk_group",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "moe_every_n_layers": "moe_every_n_layers",
    "moe_latent_size": "moe_latent_size",
    "full_attention_interval": "full_attention_interval",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.sliding_window": "sliding_window",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.indexer.head_count": "index_n_heads",
    "attention.indexer.key_length": "index_head_dim",
    "attention.indexer.top_k": "index_topk",
    "rope.freq_base": "rope_theta",
    "ssm.conv_kernel": "mamba_d_conv",
    "ssm.state_size": "mamba_d_state",
    "ssm.inner_size": "mamba_d_inner",
    "ssm.time_step_rank": "mamba_dt_rank",
    "ssm.group_count": "mamba_n_groups",
    "kda.head_dim": "kda_head_dim",
    "wkv.head_size": "head_size",
    "shortconv.l_cache": "conv_L_cache",
}
# The same keys mean this in an architecture that mixes linear and full attention (gated delta net).
_LINEAR_ATTENTION_NAMES = {
    "ssm.conv_kernel": "linear_conv_kernel_dim",
    "ssm.state_size": "linear_key_head_dim",
    "ssm.group_count": "linear_num_key_heads",
    "ssm.time_step_rank": "linear_num_value_heads",
}
_TOWER_NAMES = {
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "projection_dim": "projection_dim",
    "image_size": "image_size",
    "patch_size": "patch_size",
    "num_mel_bins": "num_mel_bins",
}

_Get = Callable[[str], Any]


def config_from_metadata(metadata: Mapping[str, object]) -> dict[str, Any]:
    """What the `{architecture}.*` keys say, as config.json would say it. Keys of unexpected types are left out."""
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        return {}

    def get(key: str) -> Any:
        return _number(metadata.get(f"{architecture}.{key}"))

    config: dict[str, Any] = {"model_type": architecture}
    config |= _translate(get, _NAMES)
    layers, extra = config.get("num_hidden_layers"), config.get("num_nextn_predict_layers")
    if isinstance(layers, int) and isinstance(extra, int):
        config["num_hidden_layers"] = layers - extra  # block_count counts prediction layers, config.json does not
    if "vocab_size" not in config and (tokens := _length(metadata.get("tokenizer.ggml.tokens"))):
        config["vocab_size"] = tokens
    if get("full_attention_interval") is not None:
        config |= _linear_attention(get)
    config |= _head_sizes(get)
    if layer_types := _layer_types(metadata.get(f"{architecture}.attention.sliding_window_pattern")):
        config["layer_types"] = layer_types
    for tower in ("vision", "audio"):
        if names := _translate(get, {f"{tower}.{key}": name for key, name in _TOWER_NAMES.items()}):
            config[f"{tower}_config"] = names
    return config


def _translate(get: _Get, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for key, name in names.items() if (value := get(key)) is not None}


def _linear_attention(get: _Get) -> dict[str, Any]:
    config = _translate(get, _LINEAR_ATTENTION_NAMES)
    inner, heads = get("ssm.inner_size"), get("ssm.time_step_rank")
    if isinstance(inner, int) and isinstance(heads, int) and heads > 0:
        config["linear_value_head_dim"] = inner // heads
    return config


def _head_sizes(get: _Get) -> dict[str, Any]:
    """Sizes of one head. With latent attention a key has a part without and a part with rotary position.

    Files made since latent attention is computed in its compressed form state the sizes of the compressed
    vectors as `key_length` and the real ones as `key_length_mla`; older ones only have the real ones.
    """
    key, value, rotary = get("attention.key_length"), get("attention.value_length"), get("rope.dimension_count")
    if get("attention.kv_lora_rank") is None:
        sizes = {"head_dim": key, "v_head_dim": value if value != key else None, "rotary_dim": rotary}
    else:
        key = get("attention.key_length_mla") or key
        value = get("attention.value_length_mla") or value
        plain = key - rotary if isinstance(key, int) and isinstance(rotary, int) else None
        sizes = {"qk_nope_head_dim": plain, "qk_rope_head_dim": rotary, "v_head_dim": value}
    return {name: size for name, size in sizes.items() if size is not None}


def _layer_types(pattern: object) -> list[str]:
    """One word per layer, where the file marks the layers with a sliding window."""
    if not isinstance(pattern, list) or not all(isinstance(item, bool) for item in pattern):
        return []
    return ["sliding_attention" if item else "full_attention" for item in pattern]


def _number(value: object) -> Any:
    """A number; a list of numbers, as one if they are all the same; None for anything else."""
    if isinstance(value, list) and value and all(_is_number(item) for item in value):
        return value[0] if len(set(value)) == 1 else value
    return value if _is_number(value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _length(value: object) -> int | None:
    """The length of an array, kept or left out."""
    if isinstance(value, list):
        return len(value)
    length = value.get("length") if isinstance(value, dict) else None
    return length if isinstance(length, int) else None
