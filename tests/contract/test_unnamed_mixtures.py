"""Mixtures whose names nobody uses, and dense models that look like them, counted apart from this project.

`unnamed_mixtures.jsonl` holds one checkpoint a line, with invented names (numbers as ranges) and its counts. Names,
roles and counts were written down before the rules that find them; `dense-` marks the decoys: heads, layers within
layers, kernels, codebooks, block-diagonal maps, stacked layers and the like. In those of `beside-` an extra
prediction layer or a projector has such a name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sizer.anatomy.parameters import Anatomy, analyse
from tests.unit.anatomy.names import tensors

ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("unnamed_mixtures.jsonl").read_text("utf-8").splitlines()
]
MIXTURES = [row for row in ROWS if row["experts"] and not row["id"].startswith("beside-")]
DECOYS = [row for row in ROWS if row["id"].startswith("dense-")]
BESIDE = [row for row in ROWS if row["id"].startswith("beside-")]


def count(row: dict[str, Any], config: dict[str, Any] | None = None) -> Anatomy:
    return analyse(tensors(row["tensors"]), row["config"] if config is None else config)


def codes(anatomy: Anatomy) -> set[str]:
    return {notice.code for notice in anatomy.notices}


@pytest.mark.parametrize("row", MIXTURES, ids=[row["id"] for row in MIXTURES])
def test_a_mixture_is_seen_without_a_word_for_it(row: dict[str, Any]) -> None:
    """Experts, layers, top-k, total and active are right, or active is unknown between one expert a layer and all."""
    anatomy = count(row)

    assert (anatomy.total, anatomy.active) == (row["total"], row["active"])
    assert anatomy.active_range == (tuple(row["range"]) if row["range"] else None)
    seen = anatomy.experts
    assert (seen.routed_experts, seen.moe_layers, seen.experts_per_token) == (
        row["experts"], row["moe_layers"], row["top_k"],
    )  # fmt: skip
    assert sum(part.total_parameters for part in anatomy.components) == anatomy.total
    assert codes(anatomy) == {"experts.unnamed"} | ({"config.top_k"} if row["active"] is None else set())


@pytest.mark.parametrize("row", DECOYS, ids=[row["id"] for row in DECOYS])
def test_a_dense_model_is_not_taken_for_a_mixture(row: dict[str, Any]) -> None:
    """All parameters of a dense model are active, whatever lists, third dimensions and joins it has."""
    anatomy = count(row)

    assert (anatomy.total, anatomy.active) == (row["total"], row["active"])
    assert codes(anatomy) == set()


@pytest.mark.parametrize("row", BESIDE, ids=[row["id"] for row in BESIDE])
def test_what_stands_beside_the_text_is_seen_without_a_word_for_it(row: dict[str, Any]) -> None:
    """Prediction layers and projectors are not active under any name, and a text's own projection is."""
    anatomy = count(row)

    assert (anatomy.total, anatomy.active) == (row["total"], row["active"])
    assert (anatomy.experts.routed_experts, anatomy.experts.moe_layers) == (row["experts"], row["moe_layers"])
    assert sum(part.total_parameters for part in anatomy.components) == anatomy.total
    assert ("parts.unnamed" in codes(anatomy)) == (row["id"] != "beside-text-projection")


def test_two_keys_that_disagree_are_both_named() -> None:
    """A config with two keys that may be the top-k leaves it open and says which they are."""
    row = next(row for row in MIXTURES if row["id"] == "disagreeing")

    reason = count(row).experts.reason

    assert "`active_units` (2)" in reason
    assert "`picks_per_token` (4)" in reason
    assert count(row, row["config"] | {"num_experts_per_tok": 2}).experts.experts_per_token == 2


@pytest.mark.parametrize(
    "keys",
    [
        {"top_k": 2},
        {"k": 2},
        {"generation": {"top_k": 2}},
        {"decoding": {"units": 16, "top_k": 2, "temperature": 0.7}},
        {"index_topk": 2},
        {"sparse_attention": {"topk": 2}},
        {"indexer": {"block_topk": 2}},
        {"sampler": {"topk": 2}},
        {"num_active_heads": 2},
        {"n_active_params": 3},
        {"units_per_token": 17},
        {"units_per_token": True},
        {"num_hidden_layers": 16, "depths": {"num_layers": 16, "k": 2}},
    ],
)
def test_a_key_about_something_else_is_no_top_k(keys: dict[str, Any]) -> None:
    """Sampling, sparse attention, heads and sizes use the same words: none of them is the top-k."""
    row = next(row for row in MIXTURES if row["id"] == "list-no-key")

    assert count(row, {"vocab_size": 4000, **keys}).active is None


@pytest.mark.parametrize(
    "keys",
    [
        {"topk": 2},
        {"unitTopK": 2},
        {"n_active_units": 2},
        {"num_selected": 2},
        {"units_per_tok": 2},
        {"mixture": {"k": 2}},
        {"ffn": {"units": 16, "top_k": 2}},
        {"ffn": {"options": {"units": 16, "k": 2}}},
        {"text_config": {"vocab_size": 4000, "ffn": {"units": 16, "k": 2}}, "top_k": 5},
    ],
)
def test_a_key_that_says_how_many_are_picked_is_the_top_k(keys: dict[str, Any]) -> None:
    """Words for what is picked, or a bare `k` beside the number of experts, give the top-k under any name."""
    row = next(row for row in MIXTURES if row["id"] == "list-no-key")

    assert count(row, {"vocab_size": 4000, **keys}).experts.experts_per_token == 2


def test_a_bare_top_k_is_said_to_be_ignored() -> None:
    """The reason names the `top_k` at the root that was taken for sampling."""
    row = next(row for row in MIXTURES if row["id"] == "list-no-key")

    assert "bare `top_k`" in count(row, {"vocab_size": 4000, "top_k": 2}).reason


def test_a_list_may_be_numbered_from_1() -> None:
    """Experts that are numbered 1 to n are found as those from 0 are."""
    row = next(row for row in MIXTURES if row["id"] == "list-no-key")
    renamed = {name.replace("{0-15}", "{1-16}"): shape for name, shape in row["tensors"].items()}
    assert renamed != row["tensors"]

    anatomy = analyse(tensors(renamed), {"vocab_size": 4000, "units_per_token": 2})

    assert (anatomy.experts.routed_experts, anatomy.experts.experts_per_token) == (16, 2)


WORDS = st.text("bjkqxz", min_size=4, max_size=6)


@settings(deadline=None, max_examples=80)
@given(
    words=st.lists(WORDS, min_size=6, max_size=6, unique=True),
    experts=st.integers(2, 40),
    width=st.sampled_from([64, 192, 256, 1000]),
    inner=st.integers(8, 600),
    layout=st.sampled_from(["items first", "projections first", "fused", "fused, gate and up joined"]),
    is_turned=st.booleans(),
    layers=st.integers(1, 3),
)
def test_any_word_will_do(
    words: list[str], experts: int, width: int, inner: int, layout: str, is_turned: bool, layers: int
) -> None:
    """Under any words and in every layout n parts are a mixture with a selector; a list without one is dense where
    config.json says no picks and a feed-forward layer may be as wide."""
    assume(experts < width and experts * inner != width)
    stack, mixer, part, up, down, selector = words
    layer, all_of = f"{stack}.{{0-{layers - 1}}}", f"{{0-{experts - 1}}}"
    dense = {f"{layer}.{mixer}.{name}.weight": (width, width) for name in "abcd"}
    dense |= {f"{layer}.{mixer}.e": (width,), "wte.weight": (5000, width)}
    shapes = {up: (inner, width), down: (width, inner)}
    if layout == "items first":
        parts = {f"{layer}.{part}.{all_of}.{name}.weight": shape for name, shape in shapes.items()}
    elif layout == "projections first":
        parts = {f"{layer}.{part}.{name}.{all_of}.weight": shape for name, shape in shapes.items()}
    else:
        joined = 2 * inner if "joined" in layout else inner
        parts = {f"{layer}.{part}_{up}": (experts, joined, width), f"{layer}.{part}_{down}": (experts, width, inner)}
    chooser = {f"{layer}.{selector}.weight": (width, experts) if is_turned else (experts, width)}
    routed = sum(group.total for group in tensors(parts))
    config = {"vocab_size": 5000, f"{part}_per_token": 1}

    anatomy = analyse(tensors(dense | parts | chooser), config)

    assert (anatomy.experts.routed_experts, anatomy.experts.moe_layers) == (experts, layers)
    assert anatomy.active == anatomy.total - routed + routed // experts
    if "first" in layout:
        without = analyse(tensors(dense | parts), {"vocab_size": 5000})
        is_dense = experts * inner <= 8 * width or experts < 4 or inner < 32
        assert (without.active == without.total) == is_dense
