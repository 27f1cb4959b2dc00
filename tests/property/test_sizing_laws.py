"""Laws of sizing: no config breaks it, more of anything never takes less, and the parts sum to the whole."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.anatomy.attention import describe_attention
from sizer.errors import UsageError
from sizer.sizing import kv_cache
from sizer.sizing.fit import fit_on, smallest_targets
from sizer.sizing.hardware import load_devices, parse_target
from sizer.sizing.memory import estimate_memory
from sizer.sizing.speed import distinct_experts

CONFIGS = [
    {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
     "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072},
    {"model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
     "kv_lora_rank": 512, "qk_rope_head_dim": 64, "vocab_size": 129280, "torch_dtype": "bfloat16"},
    {"model_type": "gemma3_text", "hidden_size": 2560, "num_hidden_layers": 34, "num_attention_heads": 8,
     "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 1024, "sliding_window_pattern": 6},
    {"model_type": "qwen3_next", "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 16,
     "num_key_value_heads": 2, "head_dim": 256, "full_attention_interval": 4, "linear_num_key_heads": 16,
     "linear_num_value_heads": 32, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
     "linear_conv_kernel_dim": 4},
    {"model_type": "gpt_oss", "hidden_size": 2880, "num_hidden_layers": 24, "num_attention_heads": 64,
     "num_key_value_heads": 8, "head_dim": 64, "sliding_window": 128,
     "layer_types": ["sliding_attention", "full_attention"] * 12},
    {"model_type": "t5", "is_encoder_decoder": True, "d_model": 512, "num_layers": 6, "num_heads": 8, "d_kv": 64},
    {"text_config": {"hidden_size": 1024, "num_hidden_layers": 4, "num_attention_heads": 8, "vocab_size": 1000},
     "vision_config": {"hidden_size": 768}},
]  # fmt: skip
SIZES = st.integers(1, 10**6)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=True), st.text(max_size=8),
    st.lists(st.one_of(st.integers(-5, 5), st.text(max_size=20), st.none()), max_size=6),
    st.dictionaries(st.text(max_size=8), st.integers(-5, 5), max_size=3),
)  # fmt: skip
KEYS = sorted({key for config in CONFIGS for key in config} | {"architectures", "layers_block_type", "is_causal"})


@settings(max_examples=200, deadline=None)
@given(config=st.sampled_from(CONFIGS), changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_no_config_breaks_it(config, changes):
    """Whatever stands in config.json, the result is a figure or a reason, never a traceback or a negative figure."""
    spec = describe_attention(json.loads(json.dumps(config)) | changes)
    memory = estimate_memory(spec, 10**9, context_tokens=1000)
    if memory.kv_cache_bytes is None:
        assert memory.reason
    else:
        assert memory.kv_cache_bytes >= 0
        assert memory.state_bytes >= 0
    fit_on(parse_target("2xh100"), spec, memory)


@settings(max_examples=60, deadline=None)
@given(config=st.sampled_from(CONFIGS), context=SIZES, more=SIZES, sequences=st.integers(1, 500))
def test_more_never_takes_less(config, context, more, sequences):
    """A longer context, more sequences and wider elements take as much memory or more."""
    spec = describe_attention(config)
    assert spec.is_known, spec.reason
    here = kv_cache.kv_cache_bytes(spec, context, "fp8", sequences)
    assert kv_cache.kv_cache_bytes(spec, context + more, "fp8", sequences) >= here
    assert kv_cache.kv_cache_bytes(spec, context, "bf16", sequences) >= here
    assert kv_cache.kv_cache_bytes(spec, context, "fp8", sequences + 1) >= here
    assert here == sequences * kv_cache.kv_cache_bytes(spec, context, "fp8")
    most = kv_cache.kv_cache_bytes_per_token(spec, "fp8") * context * sequences
    assert here <= most or any(mixer.kind == "cross" for group in spec.groups for mixer in group.mixers)


@settings(max_examples=60, deadline=None)
@given(config=st.sampled_from(CONFIGS), context=SIZES, sequences=st.integers(1, 64), weights=st.integers(1, 10**12))
def test_the_parts_sum_to_the_whole(config, context, sequences, weights):
    """The rows of the layers sum to cache and state; weights, cache, state and overhead to the total."""
    memory = estimate_memory(describe_attention(config), weights, context_tokens=context, sequences=sequences)
    assert sum(row.kv_cache_bytes for row in memory.layers) == memory.kv_cache_bytes
    assert sum(row.state_bytes for row in memory.layers) == memory.state_bytes
    fixed = weights + memory.kv_cache_bytes + memory.state_bytes
    assert memory.total_bytes == (fixed + memory.overhead_bytes[0], fixed + memory.overhead_bytes[1])


@settings(max_examples=40, deadline=None)
@given(
    config=st.sampled_from(CONFIGS),
    weights=st.integers(10**8, 10**12),
    context=st.integers(1, 200_000),
    device=st.sampled_from(load_devices()),
    count=st.sampled_from([1, 2, 8]),
)
def test_what_is_said_to_fit_does(config, weights, context, device, count):
    """The longest context fits and one token more does not, unless the model's own limit ends it first."""
    spec = describe_attention(config)
    target = parse_target(f"{count}x{device.key}")
    fit = fit_on(target, spec, estimate_memory(spec, weights, context_tokens=context))
    longest, limit = fit.longest_context_tokens, fit.longest_context_limit
    if not longest or limit != "memory":
        return
    at = fit_on(target, spec, estimate_memory(spec, weights, context_tokens=longest))
    beyond = fit_on(target, spec, estimate_memory(spec, weights, context_tokens=longest + 1))
    assert at.fits == "yes"
    assert beyond.fits != "yes"


@settings(max_examples=20, deadline=None)
@given(config=st.sampled_from(CONFIGS), weights=st.integers(10**8, 10**12))
def test_the_smallest_places_hold_it(config, weights):
    """Every place that is found fits at the highest need."""
    spec = describe_attention(config)
    for fit in smallest_targets(spec, estimate_memory(spec, weights)):
        assert fit.fits == "yes"
        assert fit.needed_bytes[1] <= fit.available_bytes


@given(experts=st.integers(1, 1000), picked=st.integers(1, 64), tokens=st.integers(1, 10_000))
def test_distinct_experts(experts, picked, tokens):
    """One token touches k experts, B tokens at least as many and never more than E or B x k."""
    picked = min(picked, experts)
    touched = distinct_experts(experts, picked, tokens)
    assert picked - 1e-9 <= touched <= min(experts, picked * tokens) + 1e-9


@given(text=st.text(max_size=30))
def test_a_place_is_a_place_or_the_user_s_mistake(text):
    """Whatever follows --on is a place or a usage error."""
    with contextlib.suppress(UsageError):
        assert parse_target(text).available_bytes > 0
