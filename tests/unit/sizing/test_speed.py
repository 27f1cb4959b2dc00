"""Rooflines worked by hand: bytes over bandwidth, operations over rate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sizer.anatomy.attention import describe_attention
from sizer.sizing.hardware import find_device, parse_target
from sizer.sizing.speed import (
    Reads,
    distinct_experts,
    estimate_decode,
    estimate_prefill,
    estimate_speed,
)

LLAMA_8B = describe_attention(
    {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "torch_dtype": "bfloat16",
    }
)  # fmt: skip
DENSE = Reads(
    fixed_bytes=15_009_849_344, routed_bytes=0, experts=None, experts_per_token=None, layers=32,
    active_parameters=7_504_924_672, routed_parameters=0, compute_bits=16,
)  # fmt: skip
MOE = replace(DENSE, fixed_bytes=3_000_000_000, routed_bytes=58_000_000_000, experts=128, experts_per_token=8)
H100 = find_device("h100")


@pytest.mark.parametrize(
    ("experts", "per_token", "tokens", "expected"),
    [(128, 8, 1, 8.0), (128, 8, 16, 82.42), (128, 8, 1000, 128.0), (8, 2, 4, 5.46875), (8, 8, 3, 8.0), (0, 2, 5, 0.0)],
)
def test_distinct_experts(experts, per_token, tokens, expected):
    """E (1 - (1 - k/E)^B): 8 of 128 for one token, 82 for sixteen, all of them for a thousand."""
    assert distinct_experts(experts, per_token, tokens) == pytest.approx(expected, abs=0.01)


def test_a_dense_ceiling_is_bandwidth_over_bytes():
    """Llama-3.1-8B in BF16 on an H100: 3.35 TB/s over 15.01 GB and one token's cache is 223 tokens a second."""
    decode = estimate_decode(DENSE, LLAMA_8B, H100)
    assert decode is not None
    assert decode.bytes_per_step == 15_009_849_344 + 131_072
    assert decode.ceiling_tokens_per_second == pytest.approx(3_350e9 / 15_009_980_416)
    assert decode.bound == "bandwidth"


def test_the_cache_is_read_too():
    """At 32,768 tokens a step reads 4.29 GB of cache more."""
    decode = estimate_decode(DENSE, LLAMA_8B, H100, context_tokens=32_768)
    assert decode is not None
    assert decode.cache_bytes_per_step == 32_768 * 131_072


def test_a_moe_reads_its_share_and_loses_it_at_batch():
    """One sequence touches 8 of 128 experts, 256 sequences nearly all of them."""
    one = estimate_decode(MOE, LLAMA_8B, H100)
    many = estimate_decode(MOE, LLAMA_8B, H100, sequences=256)
    assert one is not None
    assert many is not None
    assert one.weights_bytes_per_step == 3_000_000_000 + 58_000_000_000 // 16
    assert one.experts_touched_share == pytest.approx(1 / 16)
    assert many.experts_touched_share == pytest.approx(1.0, abs=1e-6)


def test_batching_raises_the_total_and_lowers_each():
    """More sequences share the weights: the total grows, one sequence slows down."""
    rates = [estimate_decode(DENSE, LLAMA_8B, H100, sequences=n, context_tokens=512) for n in (1, 8, 64)]
    totals = [rate.ceiling_total_tokens_per_second for rate in rates if rate]
    each = [rate.ceiling_tokens_per_second for rate in rates if rate]
    assert totals == sorted(totals)
    assert each == sorted(each, reverse=True)


def test_a_large_batch_is_bound_by_compute():
    """At 4,096 sequences of one token the operations take longer than the bytes."""
    decode = estimate_decode(DENSE, LLAMA_8B, H100, sequences=4_096)
    assert decode is not None
    assert decode.bound == "compute"
    assert decode.ceiling_total_tokens_per_second == pytest.approx(989.4e12 / (2 * 7_504_924_672))


def test_the_expected_range_lies_below_the_ceiling():
    """Slowest < fastest < ceiling, on every device and at every number of devices."""
    for key in ("h100", "rtx-4090", "m4-max", "raspberry-pi-5"):
        for count in (1, 2, 8):
            decode = estimate_decode(DENSE, LLAMA_8B, find_device(key), devices=count, context_tokens=4_096)
            assert decode is not None
            slow, fast = decode.expected_tokens_per_second
            assert slow < fast < decode.ceiling_tokens_per_second


def test_devices_without_a_link_may_not_help():
    """Two cards without a fast link: the slow end is one card's speed, layers being split."""
    one = estimate_decode(DENSE, LLAMA_8B, find_device("rtx-4090"))
    two = estimate_decode(DENSE, LLAMA_8B, find_device("rtx-4090"), devices=2)
    assert one is not None
    assert two is not None
    assert two.ceiling_tokens_per_second == pytest.approx(2 * one.ceiling_tokens_per_second)
    assert two.expected_tokens_per_second[0] < one.expected_tokens_per_second[0]


def test_prefill_is_compute_bound():
    """8,192 tokens: 2 x 7.5 B x 8,192 operations and 32 layers x 32 heads x 256 x 2 x n^2 / 2 of attention."""
    prefill = estimate_prefill(DENSE, LLAMA_8B, H100, prompt_tokens=8_192)
    operations = 2 * 7_504_924_672 * 8_192 + 32 * 2 * 32 * 256 * (8_192 * 8_192 - 8_192 * 8_192 // 2)
    assert prefill.ceiling_tokens_per_second == pytest.approx(8_192 / (operations / 989.4e12))


def test_prefill_without_a_published_rate_is_null():
    """Apple publishes no rate for the M4 Max: there is no figure, and the reason says so."""
    prefill = estimate_prefill(DENSE, LLAMA_8B, find_device("m4-max"), prompt_tokens=512)
    assert prefill.expected_seconds is None
    assert prefill.reason == "no dense rate is published for Apple M4 Max 128 GB"


def test_narrow_weights_use_the_narrow_rate_where_there_is_one():
    """FP8 weights are multiplied in FP8 on an H100 and in BF16 on an A100."""
    narrow = replace(DENSE, compute_bits=8)
    fast = estimate_prefill(narrow, LLAMA_8B, H100, prompt_tokens=2_048).ceiling_tokens_per_second
    wide = estimate_prefill(DENSE, LLAMA_8B, H100, prompt_tokens=2_048).ceiling_tokens_per_second
    a100 = find_device("a100")
    same = estimate_prefill(narrow, LLAMA_8B, a100, prompt_tokens=2_048).ceiling_tokens_per_second
    assert fast is not None
    assert wide is not None
    assert fast == pytest.approx(2 * wide, rel=1e-3)
    assert same == estimate_prefill(DENSE, LLAMA_8B, a100, prompt_tokens=2_048).ceiling_tokens_per_second


def test_unknown_active_parameters_give_no_speed():
    """Without a top-k there is no figure, and the reason says so."""
    speed = estimate_speed(None, LLAMA_8B, parse_target("h100"), context_tokens=1_024)
    assert (speed.decode, speed.basis, speed.reason) == (None, "unknown", "the active parameters are not known")


def test_a_card_for_games_adds_up_in_16_bits():
    """An RTX 3090 states 71 TFLOP/s with sums in 32 bits and 284 TOPS of 8-bit integers: prompts run at up to 142."""
    card = find_device("rtx-3090")
    prefill = estimate_prefill(DENSE, LLAMA_8B, card, prompt_tokens=64)
    many = estimate_prefill(DENSE, LLAMA_8B, card, prompt_tokens=8_192)
    assert (card.bf16_flops, card.int8_ops) == (71_000_000_000_000, 284_000_000_000_000)
    operations = 2 * 7_504_924_672 * 8_192 + 32 * 2 * 32 * 256 * (8_192 * 8_192 - 8_192 * 8_192 // 2)
    assert many.ceiling_tokens_per_second == pytest.approx(8_192 / (operations / 142e12))
    assert prefill.ceiling_tokens_per_second < many.ceiling_tokens_per_second


def test_only_a_fabric_makes_all_devices_work_at_the_slow_end():
    """Two cards, with a bridge or without, may be as slow as one; eight H100 on NVSwitch share each layer."""
    for name in ("rtx-3090", "rtx-a6000"):
        one = estimate_decode(DENSE, LLAMA_8B, find_device(name), context_tokens=1).expected_tokens_per_second
        two = estimate_decode(DENSE, LLAMA_8B, find_device(name), devices=2, context_tokens=1)
        assert two.expected_tokens_per_second[0] < one[0]
        assert two.expected_tokens_per_second[1] > one[1]
    alone = estimate_decode(DENSE, LLAMA_8B, H100, context_tokens=1).expected_tokens_per_second
    joined = estimate_decode(DENSE, LLAMA_8B, H100, devices=8, context_tokens=1).expected_tokens_per_second
    assert joined[0] > alone[0]


def test_the_rate_that_is_named_is_the_one_that_is_used(sizer):
    """MXFP4 weights are multiplied in 4 bits on a B200, and in 16 on an H100, which has no 4-bit rate."""
    for device, bits in (("b200", 4), ("h100", 16)):
        report = sizer("inspect", "openai/gpt-oss-20b", "--offline", "--on", device, "--json").json["report"]
        (said,) = [one for one in report["fit"][0]["speed"]["assumptions"] if one.startswith("prefill")]
        assert f"dense {bits}-bit rate" in said
