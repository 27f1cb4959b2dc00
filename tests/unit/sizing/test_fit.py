"""The checks of the issue on real shapes, by arithmetic on the numbers of the models named."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sizer.anatomy.attention import describe_attention
from sizer.sizing.fit import fit_on, narrower, replication, smallest_targets
from sizer.sizing.hardware import parse_target
from sizer.sizing.memory import estimate_memory
from sizer.sizing.speed import Reads

QWEN3_30B_A3B = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048, "head_dim": 128,
    "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 151936,
    "max_position_embeddings": 40960, "torch_dtype": "bfloat16",
}  # fmt: skip
KIMI_K2 = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "kimi_k2", "hidden_size": 7168, "vocab_size": 163840,
    "num_hidden_layers": 61, "num_attention_heads": 64, "num_key_value_heads": 64, "kv_lora_rank": 512,
    "qk_rope_head_dim": 64, "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
}  # fmt: skip
LLAMA_3B = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 3072, "num_hidden_layers": 28,
    "num_attention_heads": 24, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
    "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
}  # fmt: skip
FOUR_BITS_30B = 30_532_122_624 * 9 // 16
"""30.5 B parameters at 4.5 bits."""


def fit(config, weights, on, **sizes):
    """The fit of a config's model of so many bytes at a place."""
    spec = describe_attention(config)
    return fit_on(parse_target(on), spec, estimate_memory(spec, weights, **sizes))


def test_a_moe_is_judged_by_all_its_weights():
    """30.5 B at 4 bits are 17.2 GB: refused with 8 GB although 3.3 B are active, admitted with 24 GB."""
    assert fit(QWEN3_30B_A3B, FOUR_BITS_30B, "memory=8GB").fits == "no"
    assert fit(QWEN3_30B_A3B, FOUR_BITS_30B, "rtx-4090").fits == "yes"


def test_a_trillion_at_8_bits_does_not_fit_eight_accelerators():
    """1,026 GB of weights exceed 8 x 79.6 GiB, and the answer is no context at all."""
    answer = fit(KIMI_K2, 1_028_000_000_000, "8xh100")
    assert (answer.fits, answer.longest_context_tokens, answer.most_sequences) == ("no", 0, 0)
    assert answer.left_bytes is not None
    assert answer.left_bytes[1] < 0


def test_resident_bytes_decide_not_the_file():
    """3.2 B at 4 bits is a file of 2.4 GB and 3,726 MB resident on a phone (llama3_2 model card): not 3 GB."""
    assert fit(LLAMA_3B, 2_435_000_000, "memory=3GB").fits == "no"
    phone = fit(LLAMA_3B, 2_435_000_000, "snapdragon-8-gen-3")
    assert phone.fits == "yes"
    assert phone.needed_bytes is not None
    assert phone.needed_bytes[0] <= 3_726_000_000 <= phone.needed_bytes[1]


def test_the_longest_context_is_the_last_that_fits():
    """One token more than the longest context needs more than there is."""
    answer = fit(LLAMA_3B, 6_425_499_648, "memory=12GB")
    spec = describe_attention(LLAMA_3B)
    assert answer.longest_context_limit == "memory"
    longest = answer.longest_context_tokens
    assert longest is not None
    for tokens, fits in ((longest, True), (longest + 1, False)):
        memory = estimate_memory(spec, 6_425_499_648, context_tokens=tokens)
        assert memory.total_bytes is not None
        assert (memory.total_bytes[1] <= 12_000_000_000) is fits


def test_the_most_sequences_is_the_last_that_fits():
    """One sequence more than the most needs more than there is."""
    answer = fit(LLAMA_3B, 6_425_499_648, "rtx-4090", context_tokens=16_384)
    spec = describe_attention(LLAMA_3B)
    most = answer.most_sequences
    assert most is not None
    for sequences, fits in ((most, True), (most + 1, False)):
        memory = estimate_memory(spec, 6_425_499_648, context_tokens=16_384, sequences=sequences)
        assert memory.total_bytes is not None
        assert (memory.total_bytes[1] <= answer.available_bytes) is fits


def test_the_model_can_end_before_the_memory():
    """Where memory holds more than config.json claims, the longest context is the claim."""
    answer = fit(QWEN3_30B_A3B, FOUR_BITS_30B, "h100")
    assert (answer.longest_context_tokens, answer.longest_context_limit) == (40_960, "model")


def test_a_context_without_an_end_is_no_number():
    """A model of recurrent states alone, whose config.json claims no window, has no longest context."""
    mamba = {
        "architectures": ["MambaForCausalLM"], "model_type": "mamba", "hidden_size": 768, "num_hidden_layers": 24,
        "state_size": 16, "conv_kernel": 4, "intermediate_size": 1536, "vocab_size": 50280, "torch_dtype": "float32",
    }  # fmt: skip
    answer = fit(mamba, 516_540_672, "h100")
    assert (answer.fits, answer.longest_context_tokens, answer.longest_context_limit) == ("yes", None, None)


@pytest.mark.parametrize(
    ("config", "devices", "copies"), [(QWEN3_30B_A3B, 2, 1), (QWEN3_30B_A3B, 8, 2), (KIMI_K2, 8, 8), (LLAMA_3B, 1, 1)]
)
def test_devices_that_split_a_model_copy_what_cannot_be_split(config, devices, copies):
    """4 KV heads over 8 devices are kept twice; a latent vector is kept by every device."""
    assert replication(describe_attention(config), devices) == copies


def test_an_unknown_cache_is_unknown_unless_the_weights_alone_are_too_big():
    """Unknown says unknown; weights larger than the memory are a no all the same."""
    strange = {**LLAMA_3B, "model_type": "brand_new", "sliding_window": 4096}
    assert fit(strange, 6_425_499_648, "h100").fits == "unknown"
    assert fit(strange, 6_425_499_648, "memory=4GB").fits == "no"


def test_the_smallest_places_all_hold_it_and_come_smallest_first():
    """Without a place asked for, one place of each kind is offered, and the model fits each."""
    spec = describe_attention(LLAMA_3B)
    memory = estimate_memory(spec, 6_425_499_648)
    places = smallest_targets(spec, memory)
    assert len(places) >= 4
    assert {place.fits for place in places} == {"yes"}
    assert [p.available_bytes for p in places] == sorted(p.available_bytes for p in places)


def test_more_memory_never_fits_less():
    """Relaxing the memory never shrinks the longest context."""
    found = [fit(LLAMA_3B, 6_425_499_648, f"memory={size}GB").longest_context_tokens for size in (4, 8, 12, 16, 24)]
    assert all(a is not None and b is not None and a <= b for a, b in pairwise(found))


def test_price_is_a_dated_range_for_all_devices():
    """Two devices cost twice the range of one, and the source with its date stands beside it."""
    answer = fit(LLAMA_3B, 6_425_499_648, "2xrtx-4090")
    assert answer.usd_per_hour is not None
    assert [str(price) for price in answer.usd_per_hour] == ["0.68", "1.20"]
    assert answer.price_source is not None
    assert "2026-03-10" in answer.price_source


def test_speed_comes_with_the_fit():
    """A fit with known reads says how fast, and an amount of memory says why not."""
    spec = describe_attention(LLAMA_3B)
    reads = Reads(
        fixed_bytes=6_425_499_648, routed_bytes=0, experts=None, experts_per_token=None, layers=28,
        active_parameters=3_212_749_824, routed_parameters=0, compute_bits=16,
    )  # fmt: skip
    memory = estimate_memory(spec, 6_425_499_648)
    with_device = fit_on(parse_target("rtx-4090"), spec, memory, reads)
    assert with_device.speed is not None
    assert with_device.speed.decode is not None
    amount = fit_on(parse_target("memory=24GB"), spec, memory, reads)
    assert amount.speed is not None
    assert amount.speed.reason == "no bandwidth is known for an amount of memory"


def narrower_on(amount):
    """3.2 B parameters in 16 bits, 8,192 tokens, at an amount of memory."""
    spec = describe_attention(LLAMA_3B)
    memory = estimate_memory(spec, 6_400_000_000, context_tokens=8192)
    return narrower(3_200_000_000, parse_target(f"memory={amount}"), spec, memory)


def test_fewer_bits_are_reckoned_where_a_model_does_not_fit():
    """3.2 B at 8.5 bits are 3.4 GB, with 28 x 2 x 8 x 128 x 2 bytes for each of 8,192 tokens beside them."""
    found = narrower_on("100GB")
    cache = 28 * 2 * 8 * 128 * 2 * 8192
    assert (found.format, found.weights_bytes, found.fits) == ("q8_0", 3_400_000_000, "yes")
    assert found.needed_bytes[0] > 3_400_000_000 + cache


def test_a_format_that_fits_for_sure_is_taken_before_a_wider_one_that_might():
    """Where the most that Q6_K needs just fits, Q8_0 might too, but Q6_K is named."""
    most = narrower_on("100GB").needed_bytes[1] - 3_400_000_000 + 3_200_000_000 * 656 // 800
    found = narrower_on(f"{most}B")
    assert (found.format, found.fits, found.needed_bytes[1]) == ("q6_k", "yes", most)


def test_the_narrowest_format_is_named_where_none_fits():
    """3.2 B at 4.85 bits are 1.94 GB, so 1 GB holds it in no format that is known."""
    found = narrower_on("1GB")
    assert (found.format, found.weights_bytes, found.fits) == ("q4_k_m", 1_940_000_000, "no")


def test_weights_that_are_narrow_already_have_no_narrower_format():
    """At 4 bits a parameter no format of the table takes less."""
    spec = describe_attention(LLAMA_3B)
    memory = estimate_memory(spec, 1_600_000_000, context_tokens=8192)
    assert narrower(3_200_000_000, parse_target("memory=1GB"), spec, memory) is None
