"""GGUF metadata in the words of config.json. Expected values are those of the models' own config.json files."""

from __future__ import annotations

from typing import Any

import pytest

from sizer.headers.gguf import config_from_metadata


def test_a_model_of_routed_experts() -> None:
    """Qwen3-30B-A3B: what its GGUF says is what its config.json says."""
    metadata: dict[str, object] = {
        "general.architecture": "qwen3moe",
        "qwen3moe.block_count": 48,
        "qwen3moe.context_length": 40960,
        "qwen3moe.embedding_length": 2048,
        "qwen3moe.feed_forward_length": 6144,
        "qwen3moe.attention.head_count": 32,
        "qwen3moe.attention.head_count_kv": 4,
        "qwen3moe.attention.key_length": 128,
        "qwen3moe.attention.value_length": 128,
        "qwen3moe.rope.freq_base": 1_000_000.0,
        "qwen3moe.expert_count": 128,
        "qwen3moe.expert_used_count": 8,
        "qwen3moe.expert_feed_forward_length": 768,
        "tokenizer.ggml.tokens": {"type": "array of string", "length": 151_936},
    }
    assert config_from_metadata(metadata) == {
        "model_type": "qwen3moe",
        "num_hidden_layers": 48,
        "max_position_embeddings": 40960,
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "rope_theta": 1_000_000.0,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 768,
        "vocab_size": 151_936,
    }


LATENT_SIZES = {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}


@pytest.mark.parametrize(
    "lengths",
    [
        {"key_length": 192, "value_length": 128},
        {"key_length": 576, "value_length": 512, "key_length_mla": 192, "value_length_mla": 128},
    ],
)
def test_latent_attention_in_both_conventions(lengths: dict[str, int]) -> None:
    """DeepSeek-V3: files from before and after the compressed form give the head sizes of its config.json."""
    metadata: dict[str, object] = {
        "general.architecture": "deepseek2",
        "deepseek2.attention.kv_lora_rank": 512,
        "deepseek2.attention.q_lora_rank": 1536,
        "deepseek2.rope.dimension_count": 64,
        "deepseek2.leading_dense_block_count": 3,
        "deepseek2.expert_shared_count": 1,
        **{f"deepseek2.attention.{key}": value for key, value in lengths.items()},
    }
    config = config_from_metadata(metadata)
    assert {key: config[key] for key in LATENT_SIZES} == LATENT_SIZES
    assert (config["q_lora_rank"], config["first_k_dense_replace"], config["n_shared_experts"]) == (1536, 3, 1)
    assert "head_dim" not in config


def test_prediction_layers_are_not_hidden_layers() -> None:
    """GLM-4.5-Air: 47 blocks in GGUF are the 46 layers of config.json and one prediction layer."""
    config = config_from_metadata(
        {"general.architecture": "glm4moe", "glm4moe.block_count": 47, "glm4moe.nextn_predict_layers": 1}
    )
    assert (config["num_hidden_layers"], config["num_nextn_predict_layers"]) == (46, 1)


def test_linear_attention_has_names_of_its_own() -> None:
    """Qwen3-Next-80B-A3B: the state-space keys of a gated delta net say what config.json calls linear_*."""
    metadata: dict[str, object] = {
        "general.architecture": "qwen3next",
        "qwen3next.full_attention_interval": 4,
        "qwen3next.ssm.conv_kernel": 4,
        "qwen3next.ssm.state_size": 128,
        "qwen3next.ssm.group_count": 16,
        "qwen3next.ssm.time_step_rank": 32,
        "qwen3next.ssm.inner_size": 4096,
    }
    config = config_from_metadata(metadata)
    linear = {key: value for key, value in config.items() if key.startswith("linear_")}
    assert linear == {
        "linear_conv_kernel_dim": 4,
        "linear_key_head_dim": 128,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "linear_value_head_dim": 128,
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [([8, 8, 8], 8), ([8, 0, 8], [8, 0, 8]), ([], None), ("8", None), (True, None), (None, None), ([8, "x"], None),
     ({"type": "array of uint32", "length": 2000}, None)],
)  # fmt: skip
def test_values_per_layer(value: object, expected: Any) -> None:
    """A list that is the same for all layers is one number; what is no number is left out."""
    metadata = {"general.architecture": "x", "x.attention.head_count_kv": value}
    assert config_from_metadata(metadata).get("num_key_value_heads") == expected


def test_a_pattern_of_sliding_windows_becomes_layer_types() -> None:
    """True marks a layer with a sliding window."""
    metadata: dict[str, object] = {
        "general.architecture": "gpt-oss",
        "gpt-oss.attention.sliding_window": 128,
        "gpt-oss.attention.sliding_window_pattern": [True, False],
    }
    config = config_from_metadata(metadata)
    assert config["layer_types"] == ["sliding_attention", "full_attention"]
    assert config["sliding_window"] == 128


def test_a_projector_file_describes_its_towers() -> None:
    """An mmproj file has its keys under clip.vision and clip.audio."""
    config = config_from_metadata(
        {"general.architecture": "clip", "clip.vision.block_count": 27, "clip.vision.embedding_length": 1152}
    )
    assert config == {"model_type": "clip", "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27}}


@pytest.mark.parametrize("metadata", [{}, {"general.architecture": 3}, {"general.architecture": None}])
def test_without_an_architecture_nothing_is_said(metadata: dict[str, object]) -> None:
    """The architecture names the keys; without it none can be read."""
    assert config_from_metadata(metadata) == {}


def test_a_stated_vocabulary_wins_over_the_tokens() -> None:
    """vocab_size is the table's height, which padding may make larger than the list of tokens."""
    metadata: dict[str, object] = {
        "general.architecture": "x",
        "x.vocab_size": 128,
        "tokenizer.ggml.tokens": ["a", "b"],
    }
    assert config_from_metadata(metadata)["vocab_size"] == 128
    del metadata["x.vocab_size"]
    assert config_from_metadata(metadata)["vocab_size"] == 2
