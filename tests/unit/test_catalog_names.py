"""Sizes in repository names."""

from __future__ import annotations

import pytest

from sizer.catalog.names import NamedSize, read_name

B = 1_000_000_000


def sizes(name: str) -> dict[str, int]:
    """What the name claims, without what it does not say."""
    named = read_name(name)
    found: dict[str, int | NamedSize | None] = {
        "total": named.total,
        "active": named.active,
        "one_expert": named.one_expert,
        "experts": named.experts,
    }
    return {key: value.parameters if isinstance(value, NamedSize) else value for key, value in found.items() if value}


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("Qwen/Qwen3-0.6B", {"total": 600_000_000}),
        ("Qwen/Qwen3-30B-A3B", {"total": 30 * B, "active": 3 * B}),
        ("someone/Model-16b-a2.4b", {"total": 16 * B, "active": 2_400_000_000}),
        ("ibm-granite/granite-3.1-3b-a800m-instruct", {"total": 3 * B, "active": 800_000_000}),
        ("mistralai/Mixtral-8x7B-v0.1", {"one_expert": 7 * B, "experts": 8}),
        ("meta-llama/Llama-4-Maverick-17B-128E-Instruct", {"active": 17 * B, "experts": 128}),
        ("google/gemma-3n-E4B-it", {"active": 4 * B}),
        ("tencent/Hunyuan-A13B-Instruct", {"active": 13 * B}),
        ("inclusionAI/Ling-1T", {"total": 1_000 * B}),
        ("Qwen/Qwen3.8-2.4T-A95B", {"total": 2_400 * B, "active": 95 * B}),
        ("google/gemma-3-270m", {"total": 270_000_000}),
        ("allenai/OLMoE-1B-7B-0924", {"total": 7 * B, "active": 1 * B}),
        ("bigscience/bloom-7b1", {"total": 7_100_000_000}),
        ("apple/OpenELM-1_1B-Instruct", {"total": 1_100_000_000}),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", {"total": 49 * B}),
    ],
)
def test_a_size_is_read(name: str, claims: dict[str, int]) -> None:
    """Each way of writing a size in a name gives what it means, total, active or a number of experts."""
    assert sizes(name) == claims


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("someone/Model-4bit", {}),
        ("someone/Model-16bit-v0.1", {}),
        ("someone/Model-int4-2507", {}),
        ("someone/Model-w4a16-Q4_K_M", {}),
        ("someone/Model-3.0bpw", {}),
        ("microsoft/phi-4", {}),
        ("01-ai/Yi-34B-200K", {"total": 34 * B}),
        ("Qwen/Qwen2.5-7B-Instruct-1M", {"total": 7 * B}),
        ("microsoft/bitnet-b1.58-2B-4T", {"total": 2 * B}),
        ("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", {"total": 1_100_000_000}),
        ("allenai/FlexOlmo-7x7B-1T", {"one_expert": 7 * B, "experts": 7}),
        ("google/t5gemma-9b-2b", {}),
        ("70B-owner/Model", {}),
    ],
)
def test_what_is_no_size_is_left(name: str, claims: dict[str, int]) -> None:
    """Bit widths, versions, dates, contexts, numbers of training tokens and the owner's name are no sizes."""
    assert sizes(name) == claims


@pytest.mark.parametrize(
    ("name", "precision"), [("m-30B", B), ("m-2.4b", 100_000_000), ("m-270m", 1_000_000), ("m-1T", 1_000 * B)]
)
def test_a_size_knows_its_last_digit(name: str, precision: int) -> None:
    """The precision of a size is the unit of its last digit."""
    total = read_name(name).total
    assert total is not None
    assert total.precision == precision
