"""Routed experts in every layout, worked by hand on a model of two layers, width 8 and 16 rows of vocabulary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sizer.anatomy.parameters import Anatomy, analyse
from tests.unit.anatomy.names import tensors

# embedding 16 x 8, head 16 x 8, per layer attention 8 x 8 and a router of 4 rows: 2 x 128 + 2 x (64 + 32) = 448
BASE = {
    "model.embed_tokens.weight": (16, 8),
    "lm_head.weight": (16, 8),
    "model.layers.{0-1}.self_attn.o_proj.weight": (8, 8),
    "model.layers.{0-1}.mlp.gate.weight": (4, 8),
}
FIXED = 448
CONFIG = {"vocab_size": 16, "num_experts": 4, "num_experts_per_tok": 2, "tie_word_embeddings": False}


def count(experts: dict[str, tuple[int, ...]], config: dict[str, object] | None = None) -> Anatomy:
    return analyse(tensors(BASE | experts), CONFIG if config is None else config)


@pytest.mark.parametrize(
    "experts",
    [
        pytest.param(
            {"model.layers.{0-1}.mlp.experts.{0-3}.up_proj.weight": (6, 8),
             "model.layers.{0-1}.mlp.experts.{0-3}.down_proj.weight": (8, 6)}, id="one by one"),
        pytest.param(
            {"model.layers.{0-1}.mlp.experts.up_proj": (4, 6, 8),
             "model.layers.{0-1}.mlp.experts.down_proj": (4, 8, 6)}, id="three dimensions"),
        pytest.param(
            {"model.layers.{0-1}.mlp.experts.mlp.w1": (24, 8),
             "model.layers.{0-1}.mlp.experts.mlp.w2": (24, 8)}, id="flattened to rows"),
        pytest.param(
            {"model.layers.{0-1}.mlp.experts.weight1": (8, 24),
             "model.layers.{0-1}.mlp.experts.weight2": (24, 8)}, id="flattened to columns"),
        pytest.param(
            {"model.layers.{0-1}.mlp.experts.expert_{0-3}.wi.weight": (6, 8),
             "model.layers.{0-1}.mlp.experts.expert_{0-3}.wo.weight": (8, 6)}, id="numbered by an underscore"),
        pytest.param(
            {"model.layers.{0-1}.mlp.specialists.{0-3}.up.weight": (6, 8),
             "model.layers.{0-1}.mlp.specialists.{0-3}.down.weight": (8, 6)}, id="an unheard-of word"),
        pytest.param(
            {"model.layers.{0-1}.mlp.bank.up": (4, 6, 8),
             "model.layers.{0-1}.mlp.bank.down": (4, 8, 6)}, id="an unheard-of word, three dimensions"),
    ],
)  # fmt: skip
def test_every_layout_gives_the_same_counts(experts: dict[str, tuple[int, ...]]) -> None:
    """Two layers of four experts of 2 x 48 hold 768 parameters, and two of the four are 384."""
    anatomy = count(experts)
    assert (anatomy.total, anatomy.active) == (FIXED + 768, FIXED + 384)
    assert (anatomy.experts.routed_experts, anatomy.experts.moe_layers) == (4, 2)


@pytest.mark.parametrize("is_fused", [False, True])
def test_several_sets_of_experts_under_one_router_are_one(is_fused: bool) -> None:
    """Two large and six small experts, of which a router of 8 rows picks two: 2/8 of 2 x (2 x 96 + 6 x 32)."""
    experts: dict[str, tuple[int, ...]] = {"model.layers.{0-1}.mlp.router.weight": (8, 8)}
    for word, number, inner in (("big", 2, 6), ("small", 6, 2)):
        for name, shape in (("up", (inner, 8)), ("down", (8, inner))):
            if is_fused:
                experts[f"model.layers.{{0-1}}.mlp.{word}_experts.{name}"] = (number, *shape)
            else:
                experts[f"model.layers.{{0-1}}.mlp.{word}_experts.{{0-{number - 1}}}.{name}.weight"] = shape
    base = {name: shape for name, shape in BASE.items() if "gate" not in name}

    anatomy = analyse(tensors(base | experts), {**CONFIG, "num_experts": 8})

    assert (anatomy.total, anatomy.active) == (384 + 128 + 768, 384 + 128 + 192)
    assert anatomy.active_range == (384 + 128 + 2 * 2 * 32, 384 + 128 + 2 * 2 * 96)
    assert anatomy.experts.routed_experts == 8


@pytest.mark.parametrize(
    "experts",
    [
        {"model.layers.{0-1}.mlp.experts.{0-4}.up.weight": (6, 8)},
        {"model.layers.{0-1}.mlp.experts.up_proj": (5, 6, 8)},
    ],
)
def test_a_shared_expert_stored_as_the_last_routed_one_is_always_active(experts: dict[str, tuple[int, ...]]) -> None:
    """Four routed experts by config.json and router, five stored, one declared as shared: 3 of 5 x 48 are active."""
    anatomy = count(experts, {**CONFIG, "n_shared_experts": 1})

    assert (anatomy.total, anatomy.active) == (FIXED + 2 * 5 * 48, FIXED + 2 * 3 * 48)
    assert (anatomy.experts.routed_experts, anatomy.experts.shared_experts) == (4, 1)
    assert anatomy.notices == ()
    assert count(experts, {**CONFIG, "n_shared_experts": 2}).active is None  # what the fifth is for is not known


def test_a_router_row_that_each_expert_holds_is_read_for_every_token() -> None:
    """Of four experts of 48 with a row of 8 each, two experts and all rows are active."""
    rows = {"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8)}
    rows |= {"model.layers.{0-1}.mlp.experts.{0-3}.gate.weight": (1, 8)}

    assert count(rows).active == FIXED + 2 * 2 * 48 + 2 * 4 * 8


def test_experts_that_are_adapters_are_routed_where_there_is_a_model() -> None:
    """Low-rank experts of a model are experts: 2 x 4 x 32, of which half is active, and the dense network stays."""
    rows = {"model.layers.{0-1}.mlp.experts.{0-3}.lora_A.weight": (2, 8)}
    rows |= {"model.layers.{0-1}.mlp.experts.{0-3}.lora_B.weight": (8, 2)}
    rows |= {"model.layers.{0-1}.mlp.up_proj.weight": (16, 8), "model.layers.{0-1}.mlp.down_proj.weight": (8, 16)}
    anatomy = count(rows)

    assert (anatomy.total, anatomy.active) == (FIXED + 256 + 512, FIXED + 128 + 512)
    assert anatomy.experts.routed_experts == 4


def test_several_sets_of_experts_with_a_router_each_are_unknown() -> None:
    """One top-k does not say how many of two and how many of six experts a token uses."""
    experts: dict[str, tuple[int, ...]] = {}
    for word, number, inner in (("big", 2, 6), ("small", 6, 2)):
        experts[f"model.layers.{{0-1}}.mlp.{word}_router.weight"] = (number, 8)
        experts[f"model.layers.{{0-1}}.mlp.{word}_experts.{{0-{number - 1}}}.up.weight"] = (inner, 8)
        experts[f"model.layers.{{0-1}}.mlp.{word}_experts.{{0-{number - 1}}}.down.weight"] = (8, inner)

    anatomy = count(experts)

    assert (anatomy.active, anatomy.experts.routed_experts) == (None, 8)
    assert "several sets" in anatomy.reason


def test_fused_experts_of_a_packing_without_shapes() -> None:
    """Four-bit bitsandbytes stores a column of bytes: the number of experts comes from router and config.json."""
    experts = {"model.layers.{0-1}.mlp.experts.gate_up_proj": (4, 6, 8)}
    groups = [replace(g, shape=None) if "experts" in g.name else g for g in tensors(BASE | experts)]
    anatomy = analyse(groups, CONFIG)
    assert (anatomy.total, anatomy.active) == (FIXED + 384, FIXED + 192)


def test_fused_experts_of_no_known_word_in_a_packing_without_shapes() -> None:
    """Beside a selector, more than a dense layer of that width can hold is experts, though nothing names its shape."""
    bank = {
        "model.layers.{0-1}.ffn.bank.up.weight": (2, 960, 8),
        "model.layers.{0-1}.ffn.bank.down.weight": (2, 8, 960),
        "model.layers.{0-1}.ffn.pick.weight": (2, 8),
    }
    groups = tensors({name: shape for name, shape in BASE.items() if ".mlp." not in name} | bank)
    fixed = sum(group.total for group in groups if "bank" not in group.name)
    groups = [replace(group, shape=None) if "bank" in group.name else group for group in groups]
    anatomy = analyse(groups, CONFIG | {"num_experts": 2, "num_experts_per_tok": 1})
    assert anatomy.total == fixed + 2 * 2 * 2 * 7_680
    assert anatomy.active == fixed + 2 * 2 * 7_680


def test_headers_win_over_the_declared_number() -> None:
    """A checkpoint pruned from 8 to 4 experts is counted with 4, and the stale config is named."""
    experts = {"model.layers.{0-1}.mlp.experts.gate_up_proj": (4, 6, 8), "model.layers.{0-1}.mlp.experts.bias": (4, 6)}
    anatomy = count(experts, CONFIG | {"num_experts": 8})
    assert (anatomy.total, anatomy.active) == (FIXED + 432, FIXED + 216)
    assert [notice.code for notice in anatomy.notices] == ["config.experts"]


def test_a_layer_with_one_expert_is_dense() -> None:
    """Of two layers, one with four experts and one with one, only the first is a mixture."""
    experts = {
        "model.layers.0.mlp.experts.{0-3}.up.weight": (6, 8),
        "model.layers.1.mlp.experts.0.up.weight": (6, 8),
    }
    anatomy = count(experts)
    assert (anatomy.total, anatomy.active) == (FIXED + 240, FIXED + 144)
    assert anatomy.experts.moe_layers == 1


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "no config.json"),
        ({"num_experts": 4}, "no top-k"),
        ({"num_experts_per_tok": "2"}, "no usable number"),
        ({"num_experts_per_tok": True}, "no usable number"),
        ({"num_experts_per_tok": -1}, "no usable number"),
        ({"num_experts_per_tok": 0}, "0 experts per token"),
        ({"num_experts_per_tok": 5}, "the layers have 4"),
        ({"num_experts_per_tok": []}, "no usable number"),
    ],
)
def test_an_unusable_top_k_leaves_active_unknown(config: dict[str, object], reason: str) -> None:
    """Without a usable top-k the active count is null, between one expert a layer and all, with the reason."""
    experts = {"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8)}
    anatomy = count(experts, config)
    assert anatomy.total == FIXED + 384
    assert anatomy.active is None
    assert anatomy.active_range == (FIXED + 96, FIXED + 384)
    assert reason in anatomy.reason


@pytest.mark.parametrize("key", ["num_active_experts", "router_k", "moe_num_selected", "n_experts_used"])
def test_a_key_that_nobody_listed_is_read_by_its_words(key: str) -> None:
    """A number of experts per token is found under a new name, and the name is given as its source."""
    anatomy = count({"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8)}, {"num_experts": 4, key: 1})
    assert (anatomy.active, anatomy.experts.top_k_source) == (FIXED + 96, key)


@pytest.mark.parametrize("group", ["moe", "moe_params", "expert_config", "router_settings"])
def test_a_group_of_keys_says_what_they_are_about(group: str) -> None:
    """`top_k` alone is how text is sampled; in a group about experts it is how many a token uses."""
    experts = {"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8)}
    config: dict[str, object] = {key: CONFIG[key] for key in ("vocab_size", "num_experts", "tie_word_embeddings")}
    assert count(experts, config | {"top_k": 2}).active is None
    assert count(experts, config | {group: {"top_k": 2}}).active == FIXED + 192


def test_unlisted_keys_that_disagree_are_not_guessed_from() -> None:
    """Two keys that could both be the top-k leave it unknown."""
    config = {"num_experts": 4, "router_k": 1, "moe_num_selected": 2}
    anatomy = count({"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8)}, config)
    assert anatomy.active is None
    assert "router_k" in anatomy.reason


def test_top_k_by_layer() -> None:
    """One expert in the first layer and three in the second use 48 + 144 parameters."""
    experts = {"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8)}
    anatomy = count(experts, CONFIG | {"num_experts_per_tok": [1, 3]})
    assert anatomy.active == FIXED + 192
    assert anatomy.experts.experts_per_token_per_layer == (1, 3)


def test_experts_without_weights_make_a_range() -> None:
    """Of 4 experts and 4 identities, two picks use one expert of 48 on average, none at least, two at most."""
    experts = {"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8)}
    anatomy = count(experts, CONFIG | {"zero_expert_num": 4})
    assert anatomy.active == FIXED + 96
    assert anatomy.active_range == (FIXED, FIXED + 192)


def test_experts_of_another_modality_are_not_picked_by_text() -> None:
    """Where experts are of two sizes and the router has rows for the first ones only, text uses those."""
    experts = {
        "model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8),
        "model.layers.{0-1}.mlp.experts.{4-7}.up.weight": (3, 8),
    }
    anatomy = count(experts)
    assert (anatomy.total, anatomy.active) == (FIXED + 576, FIXED + 192)


def test_what_only_looks_like_an_expert() -> None:
    """Shared experts, their gate and projections around the experts are used by every token."""
    experts = {
        "model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8),
        "model.layers.{0-1}.mlp.shared_experts.{0-1}.up.weight": (6, 8),
        "model.layers.{0-1}.mlp.shared_expert_gate.weight": (1, 8),
        "model.layers.{0-1}.mlp.pre_expert_proj.weight": (4, 8),
    }
    anatomy = count(experts)
    assert anatomy.total == FIXED + 384 + 2 * (96 + 8 + 32)
    assert anatomy.active == FIXED + 192 + 2 * (96 + 8 + 32)


@pytest.mark.parametrize("module", ["mtp", "nextn_predictor", "speculator", "model.draft", "multi_token_predictor"])
def test_experts_of_extra_prediction_layers_are_not_used(module: str) -> None:
    """A module that predicts further tokens is counted, and no text token uses its experts or their attention."""
    experts = {
        "model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8),
        f"{module}.layers.{{0-0}}.mlp.experts.{{0-3}}.up.weight": (6, 8),
        f"{module}.layers.{{0-0}}.self_attn.o_proj.weight": (8, 8),
    }
    anatomy = count(experts)
    assert (anatomy.total, anatomy.active) == (FIXED + 384 + 192 + 64, FIXED + 192)
    assert anatomy.experts.moe_layers == 2


def test_the_number_of_experts_in_a_group_that_nobody_listed() -> None:
    """OLMo-core nests its keys three groups deep: experts flattened into rows are told by the number there."""
    experts = {"model.layers.{0-1}.mlp.experts.mlp.w1": (24, 8), "model.layers.{0-1}.mlp.experts.mlp.w2": (24, 8)}
    flat = {name: shape for name, shape in BASE.items() if "gate" not in name} | {
        "model.layers.{0-1}.mlp.router.weight": (32,)
    }
    config = {"model": {"vocab_size": 16, "block": {"moe": {"num_experts": 4, "router": {"top_k": 2}}}}}
    anatomy = analyse(tensors(flat | experts), config)
    assert (anatomy.total, anatomy.active) == (FIXED + 768, FIXED + 384)


def test_layers_stacked_in_front_of_the_experts() -> None:
    """[layers, experts, out, in] are the declared number of experts, wherever the layers stand."""
    base = {name.replace("layers.{0-1}", "layers"): (2, *shape) if "layers" in name else shape
            for name, shape in BASE.items()}  # fmt: skip
    experts = {"model.layers.mlp.experts.up_proj": (2, 4, 6, 8), "model.layers.mlp.experts.down_proj": (2, 4, 8, 6)}
    anatomy = analyse(tensors(base | experts), CONFIG)
    assert (anatomy.total, anatomy.active) == (FIXED + 768, FIXED + 384)
    assert anatomy.experts.routed_experts == 4


def test_top_k_by_layer_with_zeros_for_dense_layers() -> None:
    """A list of top-k values by layer has a zero where a layer has no experts."""
    base = {"model.embed_tokens.weight": (16, 8), "model.layers.0.mlp.up_proj.weight": (6, 8),
            "model.layers.{1-2}.mlp.gate.weight": (4, 8)}  # fmt: skip
    experts = {"model.layers.{1-2}.mlp.experts.{0-3}.up_proj.weight": (6, 8)}
    anatomy = analyse(tensors(base | experts), CONFIG | {"num_experts_per_tok": [0, 1, 3], "num_experts": [0, 4, 4]})
    assert anatomy.active == 128 + 48 + 64 + (1 + 3) * 48


def test_matrices_of_an_expert_in_one_tensor() -> None:
    """[experts, 3, out, in] beside a selector of a row for each expert is a mixture, whatever its words."""
    base = {name: shape for name, shape in BASE.items() if "gate" not in name}
    bank = {"model.layers.{0-1}.ffn.bank.kernel": (4, 3, 9, 8), "model.layers.{0-1}.ffn.picker.weight": (4, 8)}
    anatomy = analyse(tensors(base | bank), CONFIG)
    assert (anatomy.experts.routed_experts, anatomy.active) == (4, 384 + 64 + 2 * 2 * 216)


def test_attention_words_beside_experts() -> None:
    """`wo` is an attention's in most models; in the module of fused `wi` it is the experts'."""
    block = {"model.layers.{0-1}.MoeBlock_0.wi_0": (4, 2, 8, 6), "model.layers.{0-1}.MoeBlock_0.wo": (4, 2, 6, 8)}
    anatomy = count(block)
    assert (anatomy.total, anatomy.active) == (FIXED + 2 * 768, FIXED + 768)


SETS = {
    "model.layers.{0-1}.mlp.guilds.{0-1}.experts.up": (2, 9, 8),
    "model.layers.{0-1}.mlp.guilds.{0-1}.experts.down": (2, 8, 9),
}


def test_numbered_sets_with_one_router() -> None:
    """Two sets of two experts of 144 and a router of four rows are four experts, of which two are used."""
    anatomy = count(SETS)
    assert (anatomy.experts.routed_experts, anatomy.experts.moe_layers) == (4, 2)
    assert anatomy.active == FIXED + 2 * 2 * 144


def test_numbered_sets_that_are_chosen_first() -> None:
    """A router of a row for each set, and one in each: how many experts are used is not known."""
    base = {name: (2, 8) if "gate" in name else shape for name, shape in BASE.items()}
    gates = {"model.layers.{0-1}.mlp.guilds.{0-1}.gate.weight": (2, 8)}
    anatomy = analyse(tensors(base | SETS | gates), CONFIG | {"num_experts": 2})
    assert anatomy.active is None
    assert "several sets" in anatomy.reason


@pytest.mark.parametrize("word", ["experts", "pool"])
def test_one_set_of_experts_for_all_layers(word: str) -> None:
    """Two layers each pick two of the four experts of one pool: on average 1 - 1/4 of them, as picks may agree."""
    anatomy = count({f"model.{word}.up_proj": (4, 6, 8), f"model.{word}.down_proj": (4, 8, 6)})
    assert anatomy.active == FIXED + 384 * 3 // 4
    assert anatomy.active_range == (FIXED + 192, FIXED + 384)


@pytest.mark.parametrize(
    "declared", [{"num_experts": 3}, {"moe": {"n": 3, "k": 2}}, {"total_experts": 3, "active_experts": 2}]
)
def test_declared_experts_that_are_not_recognised_are_not_dense(declared: dict[str, object]) -> None:
    """config.json speaks of three experts, and a matrix has three rows: active is unknown, between tables and all."""
    base = {name: (3, 8) if "gate" in name else shape for name, shape in BASE.items()}
    odd = {"model.layers.{0-1}.mlp.thing": (5, 7, 3)}
    anatomy = analyse(tensors(base | odd), {"vocab_size": 16, **declared})
    assert (anatomy.total, anatomy.active, anatomy.active_range) == (448 - 16 + 210, None, (256, 448 - 16 + 210))
    assert [notice.code for notice in anatomy.notices] == ["config.experts"]


def test_a_stale_key_of_a_dense_model_is_no_mixture() -> None:
    """Nemotron-H's class writes eight experts for dense models too: nothing in the files has eight of anything."""
    dense = {"model.embed_tokens.weight": (32, 16), "model.layers.{0-1}.mlp.up_proj.weight": (24, 16)}
    anatomy = analyse(tensors(dense), {"vocab_size": 32, "n_routed_experts": 8, "num_experts_per_tok": 2})
    assert anatomy.active == anatomy.total == 512 + 768


def test_experts_that_no_router_row_chooses() -> None:
    """A router of three rows beside four experts: one is used always or never, so active is unknown."""
    base = {name: shape for name, shape in BASE.items() if "gate" not in name}
    base |= {"model.layers.{0-1}.mlp.router.weight": (3, 8)}
    experts = {"model.layers.{0-1}.mlp.experts.{0-3}.up.weight": (6, 8),
               "model.layers.{0-1}.mlp.experts.{0-3}.down.weight": (8, 6)}  # fmt: skip
    anatomy = analyse(tensors(base | experts), CONFIG)
    assert anatomy.active is None
    assert "routers choose among 3 experts" in anatomy.reason


def test_an_unlisted_key_with_one_top_k_for_each_layer() -> None:
    """`active_experts_per_layer` is a list of top-k values by layer."""
    base = {name: shape for name, shape in BASE.items() if "gate" not in name}
    gates = {"model.layers.{0-1}.mlp.router.weight": (4, 8)}
    experts = {"model.layers.{0-1}.mlp.experts.up_proj": (4, 6, 8)}
    config = {"vocab_size": 16, "experts_per_layer": [4, 4], "active_experts_per_layer": [1, 3]}
    anatomy = analyse(tensors(base | gates | experts), config)
    assert anatomy.active == FIXED + (1 + 3) * 48


def test_kernels_and_norms_of_experts() -> None:
    """What has a row for each expert in the module of their matrices belongs to them; the selector does not."""
    base = {name: shape for name, shape in BASE.items() if "gate" not in name}
    bank = {"model.layers.{0-1}.spiral.whorls.up": (4, 16, 8), "model.layers.{0-1}.spiral.whorls.down": (4, 8, 16),
            "model.layers.{0-1}.spiral.whorls.kernel": (4, 16, 2),
            "model.layers.{0-1}.spiral.pole.weight": (4, 8)}  # fmt: skip
    anatomy = analyse(tensors(base | bank), {"vocab_size": 16, "num_whorls": 4, "whorls_per_token": 1})
    assert anatomy.active == 384 + 2 * (32 + 2 * 128 + 32)


def test_flattened_experts_whose_number_and_width_stand_under_unknown_keys() -> None:
    """Three experts of width 16, one after the other, beside a selector of three rows; config.json has a 3 and a 16."""
    base = {"model.embed_tokens.weight": (64, 32), "model.layers.{0-1}.self_attn.o_proj.weight": (32, 32)}
    flat = {"model.layers.{0-1}.ffn.bank.first": (48, 32), "model.layers.{0-1}.ffn.bank.second": (96, 16),
            "model.layers.{0-1}.ffn.choose.weight": (3, 32)}  # fmt: skip
    anatomy = analyse(tensors(base | flat), {"vocab_size": 64, "zhuanjia_shu": 3, "kuandu": 16})
    assert (anatomy.experts.routed_experts, anatomy.active) == (3, None)
    assert anatomy.active_range == (2048 + 2048 + 192 + 2 * 1024, 2048 + 2048 + 192 + 6 * 1024)


def test_the_width_of_an_expert_is_no_number_of_experts() -> None:
    """`d_expert` is a size, also where a matrix has as many rows; nothing else speaks of experts."""
    dense = {"model.embed_tokens.weight": (32, 16), "model.layers.{0-1}.mlp.up_proj.weight": (24, 16)}
    anatomy = analyse(tensors(dense), {"vocab_size": 32, "d_expert": 24})
    assert anatomy.active == anatomy.total


def test_settings_of_layers_as_a_list_of_groups() -> None:
    """One group of keys for each layer gives one top-k for each layer."""
    base = {name: shape for name, shape in BASE.items() if "gate" not in name}
    gates = {"model.layers.{0-1}.mlp.router.weight": (4, 8)}
    experts = {"model.layers.{0-1}.mlp.experts.up_proj": (4, 6, 8)}
    layers = [{"layer": 0, "experts": 4, "top_k": 1}, {"layer": 1, "experts": 4, "top_k": 3}]
    anatomy = analyse(tensors(base | gates | experts), {"vocab_size": 16, "moe_layers": layers})
    assert anatomy.active == FIXED + (1 + 3) * 48


def test_experts_in_rows_and_columns_of_a_mesh() -> None:
    """[2, 3, out, in] beside a selector of six rows are six experts."""
    base = {"model.embed_tokens.weight": (64, 16), "model.layers.{0-1}.self_attn.o_proj.weight": (16, 16)}
    mesh = {"model.layers.{0-1}.ffn.all.up": (2, 3, 9, 16), "model.layers.{0-1}.ffn.all.down": (2, 3, 16, 9),
            "model.layers.{0-1}.ffn.pick.weight": (6, 16)}  # fmt: skip
    anatomy = analyse(tensors(base | mesh), {"vocab_size": 64, "num_units": 6, "units_per_token": 2})
    assert anatomy.experts.routed_experts == 6
    assert anatomy.active == 1024 + 512 + 192 + 2 * 2 * 288
