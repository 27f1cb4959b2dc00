"""Each formula against a number worked by hand; the model and the paper or file behind it stand beside it."""

from __future__ import annotations

import pytest

from sizer.anatomy.attention import describe_attention
from sizer.errors import InvalidDataError, UsageError
from sizer.sizing.kv_cache import (
    kv_cache_bytes,
    kv_cache_bytes_per_token,
    parse_cache_dtype,
    state_bytes,
)
from sizer.sizing.memory import estimate_memory

BASE = {"architectures": ["XForCausalLM"], "torch_dtype": "bfloat16", "hidden_size": 4096, "vocab_size": 128256}
LLAMA_8B = {**BASE, "model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}
DEEPSEEK_V3 = {
    **BASE, "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
    "num_key_value_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "max_position_embeddings": 163840,
}  # fmt: skip
GPT_OSS_20B = {
    **BASE, "model_type": "gpt_oss", "hidden_size": 2880, "num_hidden_layers": 24, "num_attention_heads": 64,
    "num_key_value_heads": 8, "head_dim": 64, "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}  # fmt: skip
QWEN3_NEXT = {
    **BASE, "model_type": "qwen3_next", "hidden_size": 2048, "num_hidden_layers": 48, "head_dim": 256,
    "num_attention_heads": 16, "num_key_value_heads": 2, "full_attention_interval": 4, "linear_num_key_heads": 16,
    "linear_num_value_heads": 32, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
}  # fmt: skip


def test_grouped_query_cache():
    """Llama-3.1-8B: 2 x 8 heads x 128 x 2 bytes x 32 layers = 131,072 bytes a token (arXiv 2305.13245)."""
    spec = describe_attention(LLAMA_8B)
    assert kv_cache_bytes_per_token(spec) == 131_072
    assert kv_cache_bytes(spec, 8192, sequences=4) == 131_072 * 8192 * 4


def test_latent_cache_of_deepseek_v3():
    """61 layers x 576 elements x 2 bytes = 70,272 bytes a token; 163,840 tokens are 11.5 GB, not 286 GB.

    Keys and values of 128 heads of 128 would be 4,000 kB a token (arXiv 2405.04434, section 2.1).
    """
    spec = describe_attention(DEEPSEEK_V3)
    assert kv_cache_bytes_per_token(spec) == 70_272
    assert kv_cache_bytes(spec, 163_840) == 11_513_364_480


def test_index_keys_have_a_dtype_of_their_own():
    """DeepSeek-V3.2 adds 132 bytes a layer and token, in FP8, under any cache dtype (inference/model.py)."""
    config = {
        **DEEPSEEK_V3,
        "model_type": "deepseek_v32",
        "index_head_dim": 128,
        "index_n_heads": 64,
        "index_topk": 2048,
    }
    spec = describe_attention(config)
    assert kv_cache_bytes_per_token(spec) == 61 * (576 * 2 + 132)
    assert kv_cache_bytes_per_token(spec, "fp8") == 61 * (576 + 132)


def test_sliding_windows_stop_growing_at_the_window():
    """gpt-oss-20b: 12 of 24 layers keep at most 128 tokens, 2,048 bytes a layer and token (model card)."""
    spec = describe_attention(GPT_OSS_20B)
    assert kv_cache_bytes_per_token(spec) == 24 * 2048
    assert kv_cache_bytes(spec, 128) == 24 * 2048 * 128
    assert kv_cache_bytes(spec, 129) - kv_cache_bytes(spec, 128) == 12 * 2048
    assert kv_cache_bytes(spec, 131_072) == 12 * 2048 * (131_072 + 128)


def test_a_hybrid_pays_for_its_attention_layers():
    """Qwen3-Next: 12 attention layers of 48 pay, 2 x 2 heads x 256 x 2 bytes x 12 = 24,576 bytes a token."""
    assert kv_cache_bytes_per_token(describe_attention(QWEN3_NEXT)) == 24_576


def test_recurrent_state_does_not_grow():
    """Qwen3-Next: 36 x (32 x 128 x 128 x 4 bytes + 8,192 x 4 x 2 bytes) for each sequence (arXiv 2412.06464)."""
    spec = describe_attention(QWEN3_NEXT)
    assert state_bytes(spec) == 36 * (524_288 * 4 + 32_768 * 2)
    assert state_bytes(spec, sequences=8) == 8 * state_bytes(spec)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("auto", 131_072), ("fp16", 131_072), ("fp8", 65_536), ("fp32", 262_144), ("q8_0", 69_632), ("q4_0", 36_864)],
)
def test_cache_dtypes(dtype, expected):
    """q8_0 takes 34 bytes for 32 elements, q4_0 18 (ggml-common.h); FP8 one byte each."""
    assert kv_cache_bytes_per_token(describe_attention(LLAMA_8B), dtype) == expected


def test_compressed_attention():
    """DeepSeek-V4: each layer keeps 128 vectors of 512, sparse layers one more (and an index key) per 4 tokens,
    heavily compressed ones per 128 (transformers 5.23, DeepseekV4CSACache and DeepseekV4HCACache)."""
    config = {
        **BASE, "model_type": "deepseek_v4", "num_hidden_layers": 3, "num_attention_heads": 64, "head_dim": 512,
        "num_key_value_heads": 1, "sliding_window": 128, "compress_ratios": [0, 4, 128], "index_head_dim": 128,
    }  # fmt: skip
    near = 3 * 128 * 512 * 2
    far = (1024 // 4) * (512 + 128) * 2 + (1024 // 128) * 512 * 2
    assert kv_cache_bytes(describe_attention(config), 1024) == near + far


def test_cross_attention_keeps_its_source():
    """Whisper: the source is 1,500 positions; 32 decoder layers keep it once and their own tokens besides."""
    config = {
        "model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "is_encoder_decoder": True,
        "d_model": 1280, "decoder_layers": 32, "encoder_layers": 32, "decoder_attention_heads": 20,
        "max_source_positions": 1500, "torch_dtype": "float16",
    }  # fmt: skip
    spec = describe_attention(config)
    per_layer = 2 * 1280 * 2
    assert kv_cache_bytes_per_token(spec) == 32 * per_layer
    assert kv_cache_bytes(spec, 448) == 32 * per_layer * (448 + 1500)


def test_an_unknown_cache_is_null_with_its_reason():
    """The report has no number where there is none, and the weights stay known."""
    spec = describe_attention({**LLAMA_8B, "model_type": "brand_new", "sliding_window": 4096})
    memory = estimate_memory(spec, 16_060_522_496)
    assert (memory.weights_bytes, memory.kv_cache_bytes, memory.state_bytes, memory.total_bytes) == (
        16_060_522_496, None, None, None,
    )  # fmt: skip
    assert memory.reason.startswith("config.json sets a window")
    with pytest.raises(InvalidDataError):
        kv_cache_bytes(spec, 1)


def test_memory_adds_up():
    """Total is weights, cache, state and overhead, lowest and highest."""
    memory = estimate_memory(
        describe_attention(LLAMA_8B), 16_060_522_496, context_tokens=32_768, sequences=8, cache_dtype="fp8"
    )
    assert memory.kv_cache_bytes == 65_536 * 32_768 * 8
    assert memory.total_bytes == tuple(
        16_060_522_496 + memory.kv_cache_bytes + memory.state_bytes + bound for bound in memory.overhead_bytes
    )


def test_a_context_beyond_the_claim_is_said():
    """Asking for more tokens than config.json declares gives the figure and a notice."""
    memory = estimate_memory(describe_attention(DEEPSEEK_V3), 1, context_tokens=1_000_000)
    assert memory.kv_cache_bytes == 70_272 * 1_000_000
    assert "memory.context" in [notice.code for notice in memory.notices]


def test_encoders_need_no_cache():
    """A BERT's cache and state are 0, and known to be."""
    spec = describe_attention({"architectures": ["BertForMaskedLM"], "hidden_size": 768, "num_hidden_layers": 12})
    memory = estimate_memory(spec, 440_000_000)
    assert (memory.kv_cache_bytes, memory.state_bytes) == (0, 0)


def test_cache_dtype_names():
    """Names of other tools are understood, others are refused with the list."""
    assert (parse_cache_dtype("FP8_E4M3"), parse_cache_dtype("float16"), parse_cache_dtype("auto")) == (
        "fp8", "fp16", "auto",
    )  # fmt: skip
    with pytest.raises(UsageError, match="is not a cache dtype"):
        parse_cache_dtype("fp7")
