"""Memory and fit as `sizer inspect` reports them, on shipped header bundles."""

from __future__ import annotations

import pytest

MOE = "Qwen/Qwen3-30B-A3B"


@pytest.fixture
def inspect(sizer, monkeypatch, tmp_path):
    """`inspect(REF, ...)` without a network and without anyone's cache."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return lambda *arguments: sizer("inspect", *arguments, "--offline")


def test_memory_of_what_was_asked(inspect):
    """48 layers of 2 x 4 KV heads x 128 at one byte are 49,152 bytes a token; 8 sequences hold 32,000 each."""
    memory = inspect(MOE, "--context", "32k", "--sequences", "8", "--cache-dtype", "fp8", "--json").json["report"][
        "memory"
    ]
    assert memory["kv_cache_bytes_per_token"] == 48 * 2 * 4 * 128
    assert memory["kv_cache_bytes"] == 48 * 2 * 4 * 128 * 32_000 * 8
    assert (memory["context_tokens"], memory["sequences"], memory["cache_dtype"]) == (32_000, 8, "fp8")
    assert memory["context_tokens_basis"] == "asked"
    assert memory["state_bytes"] == 0
    assert memory["weights_bytes_basis"] == "counted"
    low, high = memory["overhead_bytes"]
    assert 0 < low < high
    assert memory["overhead_bytes_basis"] == "estimated"


def test_a_hybrid_pays_for_its_attention_layers(inspect):
    """Qwen3.5-397B-A17B: 15 of 60 layers keep 2 x 2 x 256 values of two bytes a token, the others a state."""
    memory = inspect("Qwen/Qwen3.5-397B-A17B", "--json").json["report"]["memory"]
    assert memory["kv_cache_bytes_per_token"] == 15 * 2 * 2 * 256 * 2
    assert (memory["attention_layers"], memory["layer_count"]) == (15, 60)
    assert memory["state_bytes"] > 45 * 64 * 128 * 128 * 4


def test_places_that_were_asked_for(inspect):
    """61 GB of weights fit an H100 and not 24 GB; what does not fit has no speed."""
    report = inspect(MOE, "--on", "h100", "--on", "memory=24GB", "--json").json["report"]
    fits, amount = report["fit"]
    assert (fits["on"], fits["fits"], fits["is_asked"]) == ("h100", "yes", True)
    assert (
        fits["speed"]["decode"]["ceiling_tokens_per_second"] > fits["speed"]["decode"]["expected_tokens_per_second"][1]
    )
    assert (amount["on"], amount["fits"], amount["speed"]) == ("memory=24GB", "no", None)


def test_without_a_place_the_smallest_are_found(inspect):
    """Every place that was found holds the model, and says that it was not asked for."""
    report = inspect(MOE, "--json").json["report"]
    assert report["fit"]
    for fit in report["fit"]:
        assert (fit["fits"], fit["is_asked"]) == ("yes", False)
        assert fit["needed_bytes"][1] <= fit["available_bytes"]


def test_a_place_as_printed(inspect):
    """The heading of a place answers; the rows give the reasons."""
    lines = [line.rstrip() for line in inspect(MOE, "--on", "2xh100", "--context", "8192").out.splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith("2 x NVIDIA H100"))
    assert lines[start].startswith("2 x NVIDIA H100 SXM 80 GB: fits, ")
    assert lines[start].endswith(" GB left")
    titles = [line[:17].strip() for line in lines[start + 1 : start + 9]]
    assert titles == ["memory", "usable", "longest context", "most sequences", "decode", "reads", "prefill", "price"]
    assert any("measure it: llama-bench" in line for line in lines)


def test_several_models_in_several_places(inspect):
    """With two references every model and place is one row."""
    out = inspect("openai/gpt-oss-20b", "Qwen/Qwen3-0.6B", "--on", "h100", "--on", "m2").out
    rows = [line.split() for line in out.splitlines()]
    table = rows[rows.index(["model", "on", "fits", "left", "tokens/s"]) + 1 :]
    assert [row[:3] for row in table[:4]] == [
        ["openai/gpt-oss-20b", "h100", "yes"],
        ["openai/gpt-oss-20b", "m2", "yes"],
        ["Qwen/Qwen3-0.6B", "h100", "yes"],
        ["Qwen/Qwen3-0.6B", "m2", "yes"],
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_it_stays_within_the_screen(inspect, monkeypatch, width):
    """No line is wider than the screen, also on a narrow one."""
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = inspect("openai/gpt-oss-20b", "--on", "h100", "--sequences", "4")
    assert outcome.code == 0
    assert max(len(line.rstrip()) for line in outcome.out.splitlines()) <= width


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--context", "0", "usage.range"),
        ("--context", "long", "usage.number"),
        ("--sequences", "0", "usage.range"),
        ("--cache-dtype", "fp7", "usage.cache_dtype"),
        ("--on", "h1000", "usage.device"),
        ("--on", "0xh100", "usage.device"),
        ("--on", "memory=much", "usage.number"),
    ],
)
def test_bad_input_is_named(inspect, option, value, code):
    """A value that cannot be is refused before anything is read, with what would be right."""
    outcome = inspect(MOE, option, value, "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == code
    assert outcome.json["error"]["hint"]


def test_a_card_that_is_too_small_says_what_fewer_bits_would_change(inspect):
    """30.53 B at 4.85 bits are 18.51 GB: on a 24 GB card they hold 32,000 tokens, and the card's size is no riddle."""
    shown = inspect(MOE, "--on", "rtx-4090", "--context", "32k").out
    assert "does not fit" in shown
    assert "would fit as Q4_K_M" in " ".join(shown.split())
    assert "18.51 GB of weights" in " ".join(shown.split())
    assert "24.0 GiB" in shown


def test_what_other_precisions_would_take(inspect):
    """30,532,122,624 parameters are 61.06 GB at 16 bits and 18.51 GB at 4.85; only narrower formats are printed."""
    memory = inspect(MOE, "--json").json["report"]["memory"]
    found = {other["format"]: other["weights_bytes"] for other in memory["other_weights"]}
    assert (found["bf16"], found["q4_k_m"]) == (2 * 30_532_122_624, round(30_532_122_624 * 4.85 / 8))
    lines = [line.strip() for line in inspect(MOE).out.splitlines()]
    row = next(line for line in lines if line.startswith("or as"))
    assert row.startswith("or as     Q8_0 32.44 GB, ")
    assert "or as  " not in inspect("bench/Llama-3.1-8B-bnb-4bit").out


def test_others_that_are_rented_hold_it_too(sizer):
    """DeepSeek-V3.2 fits four B200, the fewest devices, and eight H200 of the generation before, which say so."""
    fits = sizer("inspect", "deepseek-ai/DeepSeek-V3.2", "--offline", "--json").json["report"]["fit"]
    assert fits[0]["on"] == "4xb200"
    assert "8xh200" in [fit["on"] for fit in fits]
    assert len({fit["on"] for fit in fits}) == len(fits) <= 6
    assert {fit["fits"] for fit in fits} == {"yes"}
