"""Grouping, naming, and what survives of tensors that only look like quantisation state."""

from __future__ import annotations

from typing import Any

import pytest

from sizer.headers.interface import StoredTensor
from sizer.quantization.interface import LogicalTensor, Unpacked
from sizer.quantization.modules import group_modules, template_of
from sizer.quantization.unpack import unpack
from tests.contract.packing import tensor


def run(*stored: StoredTensor, config: dict[str, Any] | None = None) -> Unpacked:
    return unpack(stored, config=config, documents={}, metadata={})


def by_name(unpacked: Unpacked) -> dict[str, LogicalTensor]:
    return {tensor.name: tensor for tensor in unpacked.tensors}


@pytest.mark.parametrize(
    ("name", "template", "numbers"),
    [
        ("model.layers.3.mlp.experts.17.w1.weight", "model.layers.*.mlp.experts.*.w1.weight", (3, 17)),
        ("experts.expert_0.wi", "experts.expert_*.wi", (0,)),
        ("fc1_latent.weight", "fc1_latent.weight", ()),
        ("0_Transformer.5", "*_Transformer.*", (0, 5)),
        ("h.0.attn.c_attn", "h.*.attn.c_attn", (0,)),
    ],
)
def test_numbers_stand_alone(name: str, template: str, numbers: tuple[int, ...]) -> None:
    """A number is a run of digits between dots, underscores and the ends of a name."""
    assert template_of(name) == (template, numbers)


def test_a_module_at_the_root_has_its_own_bits() -> None:
    """MLX recipes give `lm_head` bits of its own: 64 words of 32 bits are 256 inputs of 8 bits, not 512 of 4."""
    config = {"quantization": {"bits": 4, "group_size": 128, "lm_head": {"bits": 8, "group_size": 64}}}
    packed = [("weight", "U32", 64), ("scales", "BF16", 4), ("biases", "BF16", 4)]
    head = [tensor(f"lm_head.{leaf}", dtype, 320, columns) for leaf, dtype, columns in packed]
    unpacked = run(*head, config=config)
    assert by_name(unpacked)["lm_head.weight"].shape == (320, 256)
    assert by_name(unpacked)["lm_head.weight"].is_exact


def test_alike_modules_are_one_group() -> None:
    """Modules with the same leaves, dtypes and shapes are one group, whatever the order of their tensors."""
    modules, repeated = group_modules(
        [
            tensor("layers.0.fc.weight", "BF16", 4, 4),
            tensor("layers.0.fc.bias", "BF16", 4),
            tensor("layers.2.fc.bias", "BF16", 4),
            tensor("layers.2.fc.weight", "BF16", 4, 4),
            tensor("layers.1.fc.weight", "BF16", 8, 4),
        ]
    )

    assert [(module.path, module.indices, sorted(module.tensors)) for module in modules] == [
        ("layers.*.fc", ((0,), (2,)), ["bias", "weight"]),
        ("layers.*.fc", ((1,),), ["weight"]),
    ]
    assert repeated == {}


def test_a_name_in_two_shards_counts_once() -> None:
    """The second copy of a name adds its bytes to what is dropped, and nothing to the count."""
    unpacked = run(tensor("a.weight", "BF16", 4, 4), tensor("a.weight", "BF16", 4, 4))

    assert by_name(unpacked)["a.weight"].total == 16
    assert unpacked.dropped_bytes == {"second copies of a name": 32}
    assert [notice.code for notice in unpacked.notices] == ["quantization.repeated_name"]


def test_parameters_named_like_state_survive() -> None:
    """Scales that are parameters stay in a quantised checkpoint, statistics of the KV cache do not."""
    unpacked = run(
        tensor("layers.0.q_proj.weight", "F8_E4M3", 64, 64),
        tensor("layers.0.q_proj.weight_scale", "F32"),
        tensor("layers.0.k_proj.k_scale", "F32"),
        tensor("layers.0.k_proj.weight", "F8_E4M3", 64, 64),
        tensor("layers.0.router.scale", "BF16", 64),
        tensor("layers.0.router.per_expert_scale", "BF16", 8),
        tensor("layers.0.layer_scale.scale", "BF16", 64),
        tensor("layers.0.gate.e_score_correction_bias", "F32", 8),
        tensor("embed_scale", "F32", 1),
        tensor("temperature.scales", "F32", 7),
    )

    assert {name: group.total for name, group in by_name(unpacked).items()} == {
        "embed_scale": 1,
        "layers.*.gate.e_score_correction_bias": 8,
        "layers.*.k_proj.weight": 4096,
        "layers.*.layer_scale.scale": 64,
        "layers.*.q_proj.weight": 4096,
        "layers.*.router.per_expert_scale": 8,
        "layers.*.router.scale": 64,
        "temperature.scales": 7,
    }
    assert unpacked.dropped_bytes == {"KV cache scales": 4}


def test_scales_beside_blocks_of_ggml() -> None:
    """Gemma 4 learns a factor for each expert, which stays; that of an NVFP4 weight is part of its packing.

    Source: ggml-org/llama.cpp, `ffn_down_exps_s` in the tensors of gemma4.
    """
    unpacked = run(
        StoredTensor("blk.0.ffn_down_exps.weight", "Q4_K", (4, 256, 256), 4 * 256 * 144),
        tensor("blk.0.ffn_down_exps.scale", "F32", 4),
        StoredTensor("blk.1.ffn_down_exps.weight", "NVFP4", (4, 256, 256), 4 * 256 * 144),
        tensor("blk.1.ffn_down_exps.scale", "F32", 4),
    )

    assert sum(group.total for group in unpacked.tensors) == 2 * 4 * 256 * 256 + 4


def test_an_unquantised_checkpoint_drops_nothing() -> None:
    """Without a quantised weight or a declared method, even `k_scale` is a parameter."""
    unpacked = run(tensor("attn.k_scale", "F32", 4), tensor("attn.weight", "BF16", 4, 4))

    assert sum(group.total for group in unpacked.tensors) == 20
    assert unpacked.scheme is None
    assert unpacked.dropped_bytes == {}


def test_mlx_biases_are_state_and_bias_is_not() -> None:
    """`biases` belong to the quantisation of MLX, `bias` to the layer."""
    unpacked = run(
        tensor("fc.weight", "U32", 64, 8),
        tensor("fc.scales", "BF16", 64, 1),
        tensor("fc.biases", "BF16", 64, 1),
        tensor("fc.bias", "BF16", 64),
        config={"quantization": {"bits": 4, "group_size": 64}},
    )

    assert {name: group.shape for name, group in by_name(unpacked).items()} == {
        "fc.bias": (64,),
        "fc.weight": (64, 64),
    }


def test_mlx_bits_differ_per_module() -> None:
    """A module that `quantization` names has its own bits: 8 words are 32 values of 8 bits there, 64 of 4 elsewhere."""
    layers = ("model.layers.0.gate", "model.layers.1.gate")
    stored = [
        each for at in layers for each in (tensor(f"{at}.weight", "U32", 16, 8), tensor(f"{at}.scales", "F16", 16, 1))
    ]
    own = {"bits": 8, "group_size": 32}
    unpacked = run(*stored, config={"quantization": {"bits": 4, "group_size": 64, "model.layers.1.gate": own}})

    assert [(group.indices, group.shape) for group in unpacked.tensors] == [(((0,),), (16, 64)), (((1,),), (16, 32))]


def test_fused_experts_keep_their_dimensions() -> None:
    """gpt-oss blocks unpack to [experts, out, in]; the scales show a transposed NVFP4 tensor's packed axis."""
    unpacked = run(
        tensor("mlp.experts.gate_up_proj_blocks", "U8", 32, 5760, 90, 16),
        tensor("mlp.experts.gate_up_proj_scales", "U8", 32, 5760, 90),
        tensor("mlp.experts.gate_up_proj_bias", "BF16", 32, 5760),
        tensor("moe.experts.down_proj", "U8", 16, 4096, 5120),
        tensor("moe.experts.down_proj_weight_scale", "F8_E4M3", 16, 512, 5120),
        tensor("moe.experts.down_proj_weight_scale_2", "F32", 16),
        tensor("moe.experts.down_proj_input_scale", "F32"),
    )

    assert {name: group.shape for name, group in by_name(unpacked).items()} == {
        "mlp.experts.gate_up_proj": (32, 5760, 2880),
        "mlp.experts.gate_up_proj_bias": (32, 5760),
        "moe.experts.down_proj": (16, 8192, 5120),
    }


def test_an_unknown_packing_is_counted_as_stored_and_said_to_be() -> None:
    """Integer weights with no known companions: stored elements, not exact, not known, with a notice."""
    unpacked = run(tensor("fc.qweight", "I32", 128, 128), tensor("fc.codes_v9", "U8", 64))

    assert by_name(unpacked)["fc.qweight"].total == 128 * 128
    assert not by_name(unpacked)["fc.qweight"].is_exact
    assert not unpacked.is_known
    assert [notice.code for notice in unpacked.notices] == ["quantization.unknown"]


def test_an_unknown_dtype_is_counted_from_its_shape() -> None:
    """A dtype newer than the reader: its elements count, with a notice that names it."""
    unpacked = run(StoredTensor("fc.weight", "F3_E1M1", (64, 64), 1536))

    assert by_name(unpacked)["fc.weight"].total == 4096
    assert not unpacked.is_known
    assert "F3_E1M1" in unpacked.notices[0].message


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        {"quantization_config": None},
        {"quantization_config": []},
        {"quantization_config": {"quant_method": 7, "bits": "four", "group_size": True, "config_groups": [1]}},
        {"quantization_config": {"config_groups": {"a": {"weights": {"num_bits": -3, "group_size": 1e400}}, "b": 1}}},
        {"text_config": {"quantization_config": {"quant_method": "GPTQ", "bits": 4}}},
        {"quantization": {"a.b": {"bits": None}, 3: 4}, "text_config": "x", "hidden_size": -1},
    ],
)
def test_configurations_of_any_type_are_survived(config: Any) -> None:
    """Wrong types in a configuration never raise and never change a count that the shapes give."""
    unpacked = run(
        tensor("fc.qweight", "I32", 16, 128),
        tensor("fc.qzeros", "I32", 1, 16),
        tensor("fc.scales", "F16", 1, 128),
        config=config,
    )

    assert [group.shape for group in unpacked.tensors] == [(128, 128)]


def test_openai_names_of_blocks() -> None:
    """`mlp1_weight.blocks` and `.scales` are the weight `mlp1_weight`."""
    unpacked = run(
        tensor("block.0.mlp.mlp1_weight.blocks", "U8", 32, 5760, 90, 16),
        tensor("block.0.mlp.mlp1_weight.scales", "U8", 32, 5760, 90),
    )

    assert [(group.name, group.shape) for group in unpacked.tensors] == [("block.*.mlp.mlp1_weight", (32, 5760, 2880))]


def test_fp4_experts_beside_fp8_attention() -> None:
    """I8 with an exponent for every 16 bytes is FP4; FP8 with 128x128 blocks stays; an integer table is a table."""
    unpacked = run(
        tensor("layers.3.attn.wq_a.weight", "F8_E4M3", 1536, 7168),
        tensor("layers.3.attn.wq_a.scale", "F8_E8M0", 12, 56),
        tensor("layers.3.ffn.experts.0.w1.weight", "I8", 3072, 3584),
        tensor("layers.3.ffn.experts.0.w1.scale", "F8_E8M0", 3072, 224),
        tensor("layers.3.ffn.gate.tid2eid", "I64", 129280, 6),
        config={"quantization_config": {"quant_method": "fp8"}, "expert_dtype": "fp4"},
    )

    assert {name: (group.shape, group.storage) for name, group in by_name(unpacked).items()} == {
        "layers.*.attn.wq_a.weight": ((1536, 7168), "FP8 (E4M3, 128x128 blocks)"),
        "layers.*.ffn.experts.*.w1.weight": ((3072, 7168), "MXFP4"),
        "layers.*.ffn.gate.tid2eid": ((129280, 6), "I64"),
    }
    assert unpacked.scheme == "MXFP4 + FP8 (E4M3, 128x128 blocks)"
    assert unpacked.bits == 4


def test_native_four_bit_tensors_have_their_logical_shape() -> None:
    """safetensors' own F4 and F6 count elements, not bytes: nothing is doubled."""
    unpacked = run(
        tensor("a.weight", "F4", 128, 256),
        tensor("a.weight_scale", "F8_E4M3", 128, 16),
        tensor("b.weight", "F6_E2M3", 128, 256),
        tensor("b.weight_scale", "F8_E8M0", 128, 8),
    )

    assert {name: (group.shape, group.storage, group.stored_bytes) for name, group in by_name(unpacked).items()} == {
        "a.weight": ((128, 256), "NVFP4", 128 * 128 + 128 * 16),
        "b.weight": ((128, 256), "MXFP6 (E2M3)", 128 * 192 + 128 * 8),
    }


def test_modules_left_out_of_quantisation_stay() -> None:
    """A checkpoint of NVFP4 experts, FP8 attention and a BF16 head is read module by module."""
    unpacked = run(
        tensor("lm_head.weight", "BF16", 1000, 256),
        tensor("layers.0.q_proj.weight", "F8_E4M3", 256, 256),
        tensor("layers.0.q_proj.weight_scale", "F32"),
        tensor("layers.0.q_proj.input_scale", "F32"),
        tensor("layers.0.experts.0.up_proj.weight", "U8", 512, 128),
        tensor("layers.0.experts.0.up_proj.weight_scale", "F8_E4M3", 512, 16),
        tensor("layers.0.experts.0.up_proj.weight_scale_2", "F32"),
        tensor("layers.0.experts.0.down_proj.weight", "BF16", 256, 512),
        tensor("layers.0.experts.0.down_proj.input_scale", "F32"),
    )

    assert {name: (group.total, group.storage) for name, group in by_name(unpacked).items()} == {
        "layers.*.experts.*.down_proj.weight": (131072, "BF16"),
        "layers.*.experts.*.up_proj.weight": (131072, "NVFP4"),
        "layers.*.q_proj.weight": (65536, "FP8 (E4M3, per tensor)"),
        "lm_head.weight": (256000, "BF16"),
    }
    assert unpacked.dropped_bytes == {"activation scales": 4}


def test_groups_of_a_configuration_have_their_own_bits() -> None:
    """Two groups by pattern: channel-wise rows of 64 words are 512 values of 4 bits, or 256 of 8."""
    groups = {
        "group_0": {"targets": ["re:.*down_proj"], "weights": {"num_bits": 8, "strategy": "channel"}},
        "group_1": {"targets": ["Linear"], "weights": {"num_bits": 4, "strategy": "channel"}},
    }
    layers = [
        each
        for name in ("mlp.down_proj", "mlp.up_proj")
        for each in (
            tensor(f"model.layers.0.{name}.weight_packed", "I32", 512, 64),
            tensor(f"model.layers.0.{name}.weight_scale", "BF16", 512, 1),
            tensor(f"model.layers.0.{name}.weight_shape", "I64", 2),
        )
    ]
    unpacked = run(
        *layers,
        tensor("model.norm.weight", "BF16", 512),
        tensor("model.small_norm.weight", "BF16", 256),
        config={"quantization_config": {"quant_method": "compressed-tensors", "config_groups": groups}},
    )

    assert {name: group.shape for name, group in by_name(unpacked).items() if "proj" in name} == {
        "model.layers.*.mlp.down_proj.weight": (512, 256),
        "model.layers.*.mlp.up_proj.weight": (512, 512),
    }


def mlx_model() -> list[StoredTensor]:
    """Two projections of 4 bits in groups of 64, and the norms that show their widths."""
    return [
        tensor("norm.weight", "BF16", 512),
        tensor("up.weight", "U32", 1024, 64),
        tensor("up.scales", "BF16", 1024, 8),
        tensor("up.biases", "BF16", 1024, 8),
        tensor("down.weight", "U32", 512, 128),
        tensor("down.scales", "BF16", 512, 16),
        tensor("down.biases", "BF16", 512, 16),
    ]


def test_a_configuration_that_fits_but_lies_is_refuted() -> None:
    """8 bits in groups of 32 fit the same words, but give widths that no tensor has: 4 bits in groups of 64 do not."""
    unpacked = run(*mlx_model(), config={"quantization": {"bits": 8, "group_size": 32}})

    assert by_name(unpacked)["down.weight"].shape == (512, 1024)
    assert by_name(unpacked)["up.weight"].shape == (1024, 512)
    assert unpacked.scheme == "MLX 4-bit, group 64"
    assert [notice.code for notice in unpacked.notices] == ["quantization.config_disagrees"]


def test_a_true_configuration_is_used_where_a_width_is_new() -> None:
    """One projection whose inputs are seen nowhere else does not make a configuration untrue."""
    extra = [tensor("gate.weight", "U32", 512, 96), tensor("gate.scales", "BF16", 512, 12)]
    unpacked = run(*mlx_model(), *extra, config={"quantization": {"bits": 4, "group_size": 64}})

    assert by_name(unpacked)["gate.weight"].shape == (512, 768)
    assert not unpacked.notices


def mlx_mixture(*, has_transposed_experts: bool, bits: int = 4, group: int = 64) -> list[StoredTensor]:
    """One layer of hidden size 512 with fused experts of width 768, quantised by MLX along the last axis."""
    shapes: dict[str, tuple[int, ...]] = {
        "embed_tokens": (4096, 512),
        "lm_head": (4096, 512),
        "layers.0.self_attn.q_proj": (1024, 512),
        "layers.0.self_attn.k_proj": (256, 512),
        "layers.0.self_attn.v_proj": (256, 512),
        "layers.0.self_attn.o_proj": (512, 1024),
        "layers.0.experts.gate_up_proj": (8, 512, 1536) if has_transposed_experts else (8, 1536, 512),
        "layers.0.experts.down_proj": (8, 768, 512) if has_transposed_experts else (8, 512, 768),
    }
    stored = [tensor("layers.0.input_layernorm.weight", "BF16", 512), tensor("norm.weight", "BF16", 512)]
    for name, (*rows, inputs) in shapes.items():
        stored.append(tensor(f"{name}.weight", "U32", *rows, inputs * bits // 32))
        stored += [tensor(f"{name}.{leaf}", "BF16", *rows, inputs // group) for leaf in ("scales", "biases")]
    return stored


MIXTURE = 2 * 4096 * 512 + (1024 + 256 + 256 + 1024) * 512 + 8 * (1536 + 768) * 512 + 2 * 512


def test_declared_bits_of_transposed_experts_are_believed() -> None:
    """Experts stored [E, in, out] have 1,536 columns, a width seen nowhere else, and half of it is one: 4 bits stay."""
    config = {"hidden_size": 512, "intermediate_size": 768, "quantization": {"bits": 4, "group_size": 64}}
    unpacked = run(*mlx_mixture(has_transposed_experts=True), config=config)

    assert by_name(unpacked)["layers.*.experts.gate_up_proj.weight"].shape == (8, 512, 1536)
    assert sum(each.total for each in unpacked.tensors) == MIXTURE
    assert not unpacked.notices


@pytest.mark.parametrize(("bits", "group"), [(4, 64), (8, 32), (8, 64), (4, 32), (3, 64), (6, 64)])
@pytest.mark.parametrize("config", [None, {"hidden_size": 512, "intermediate_size": 768}])
def test_norms_settle_undeclared_bits(bits: int, group: int, config: dict[str, Any] | None) -> None:
    """Without a quantization key the inputs of most projections have the length of the norms: the total is right."""
    unpacked = run(*mlx_mixture(has_transposed_experts=False, bits=bits, group=group), config=config)

    assert sum(each.total for each in unpacked.tensors) == MIXTURE
    assert config is None or all(each.is_exact for each in unpacked.tensors)


@pytest.mark.parametrize(("bits", "group"), [(4, 64), (4, 32)])
def test_undeclared_bits_of_transposed_experts_are_in_doubt(bits: int, group: int) -> None:
    """Most rows decide for all; the tensors whose width they leave unknown are not exact, and others are named."""
    config = {"hidden_size": 512, "intermediate_size": 768}
    unpacked = run(*mlx_mixture(has_transposed_experts=True, bits=bits, group=group), config=config)

    assert sum(each.total for each in unpacked.tensors) == MIXTURE
    assert [each.name for each in unpacked.tensors if not each.is_exact] == ["layers.*.experts.gate_up_proj.weight"]
    assert [notice.code for notice in unpacked.notices] == ["quantization.inexact"]
    assert f"({bits}-bit group {group}; " in unpacked.notices[0].message
    assert unpacked.why_inexact == "its bits are not declared and several fit its shape"


def test_one_group_size_serves_undeclared_bits_of_several_widths() -> None:
    """4-bit experts beside 8-bit attention, undeclared: one group size explains both, bits follow for each."""
    experts = [each for each in mlx_mixture(has_transposed_experts=False) if "experts" in each.name]
    others = [each for each in mlx_mixture(has_transposed_experts=False, bits=8) if "experts" not in each.name]
    unpacked = run(*experts, *others, config={"hidden_size": 512, "intermediate_size": 768})

    assert sum(each.total for each in unpacked.tensors) == MIXTURE
    assert {each.storage for each in unpacked.tensors} == {"MLX 4-bit", "MLX 8-bit", "BF16"}
    assert all(each.is_exact for each in unpacked.tensors)


@pytest.mark.parametrize("name", ["gate_up_proj", "gate_up_proj.weight"])
@pytest.mark.parametrize("rows", [(4, 128), (128,), (4, 128, 1)])
def test_fused_experts_of_eight_bits_drop_their_row_statistics(name: str, rows: tuple[int, ...]) -> None:
    """Experts in one tensor keep its shape; `SCB` and `weight_format` belong to it, in whichever layer they stand."""
    state = f"experts.{name}".removesuffix(".weight")
    stored = [tensor("norm.weight", "BF16", 64), tensor("layers.0.experts.gate_up_proj_bias", "BF16", 4, 128)]
    for layer in range(2):
        stored.append(tensor(f"layers.{layer}.experts.{name}", "I8", 4, 128, 64))
        stored.append(tensor(f"layers.{layer}.{state}.SCB", "F32", *rows))
        stored.append(tensor(f"layers.{layer}.{state}.weight_format", "U8"))
    unpacked = run(*stored)

    assert {group.name: (group.shape, group.count) for group in unpacked.tensors} == {
        f"layers.*.experts.{name}": ((4, 128, 64), 2),
        "layers.*.experts.gate_up_proj_bias": ((4, 128), 1),
        "norm.weight": ((64,), 1),
    }
    assert unpacked.scheme == "bitsandbytes 8-bit"
    assert unpacked.is_known
    assert not unpacked.notices


@pytest.mark.parametrize("section", [[1], "int4", 4, True])
def test_a_section_that_is_no_object_is_said(section: object) -> None:
    """A `quantization_config` of another type says nothing, and that it was ignored is said once."""
    config = {"quantization_config": section, "text_config": {"quantization_config": section}}
    unpacked = run(tensor("norm.weight", "BF16", 64), config=config)

    assert [notice.code for notice in unpacked.notices] == ["config.type"]
    assert "`quantization_config`" in unpacked.notices[0].message


def test_a_declared_method_without_packed_weights_is_said() -> None:
    """A dequantised copy keeps its old configuration: the tensors count, and the reader is told."""
    unpacked = run(
        tensor("fc.weight", "BF16", 64, 64), config={"quantization_config": {"quant_method": "gptq", "bits": 4}}
    )

    assert unpacked.scheme is None
    assert [notice.message for notice in unpacked.notices] == [
        "the configuration declares `gptq`, but no packed weight is stored; the tensors were used"
    ]


def test_statistics_of_quantisers_are_dropped() -> None:
    """Quantisers that were inserted but not applied leave statistics; a codebook's own weights stay."""
    unpacked = run(
        tensor("fc.weight", "BF16", 64, 64),
        tensor("fc.input_quantizer._amax", "F32"),
        tensor("fc.weight_quantizer._scale", "F32", 64),
        tensor("vector_quantizer.embedding.weight", "F32", 8, 4),
    )

    assert {name: group.total for name, group in by_name(unpacked).items()} == {
        "fc.weight": 4096,
        "vector_quantizer.embedding.weight": 32,
    }
    assert unpacked.dropped_bytes == {"quantiser statistics": 260}


def test_adapters_pass_through() -> None:
    """LoRA matrices are parameters, also beside a quantised base layer."""
    unpacked = run(
        tensor("layers.0.q_proj.lora_A.weight", "F32", 16, 256),
        tensor("layers.0.q_proj.lora_B.weight", "F32", 256, 16),
        tensor("layers.0.q_proj.base_layer.weight", "F8_E4M3", 256, 256),
        tensor("layers.0.q_proj.base_layer.weight_scale", "F32"),
    )

    assert sum(group.total for group in unpacked.tensors) == 2 * 16 * 256 + 256 * 256


def test_a_module_of_numbered_leaves_keeps_them_apart() -> None:
    """`wi_0` and `wi_1` are one template with two numbers, each with its own companion."""
    unpacked = run(
        tensor("mlp.wi_0", "F8_E4M3", 64, 64),
        tensor("mlp.wi_0_scale", "F32", 1),
        tensor("mlp.wi_1", "F8_E4M3", 64, 64),
        tensor("mlp.wi_1_scale", "F32", 1),
    )

    assert [(group.name, group.indices, group.total) for group in unpacked.tensors] == [
        ("mlp.wi_*", ((0,), (1,)), 8192)
    ]


def test_a_new_width_is_not_bent_to_a_known_one() -> None:
    """8 bits in groups of 32 without a configuration: inputs of 1,024 occur once, and 2,048 would fit as 4 bits."""
    unpacked = run(
        tensor("norm.weight", "BF16", 512),
        tensor("q.weight", "U32", 2048, 128),
        tensor("q.scales", "BF16", 2048, 16),
        tensor("out.weight", "U32", 512, 256),
        tensor("out.scales", "BF16", 512, 32),
    )

    assert by_name(unpacked)["q.weight"].shape == (2048, 512)
    assert by_name(unpacked)["out.weight"].shape == (512, 1024)
    assert not by_name(unpacked)["out.weight"].is_exact
    assert [notice.code for notice in unpacked.notices] == ["quantization.inexact"]


def test_a_configuration_that_does_not_fit_gives_way() -> None:
    """Groups of 16 are declared, the scales show 64: rows that leave a choice are read as most rows are."""
    unpacked = run(*mlx_model(), config={"quantization": {"bits": 4, "group_size": 16}})

    assert by_name(unpacked)["up.weight"].shape == (1024, 512)
    assert by_name(unpacked)["down.weight"].shape == (512, 1024)
    assert unpacked.scheme == "MLX 4-bit, group 64"


def test_patterns_may_tell_layers_apart() -> None:
    """A group for the first layers has its own bits there; the same words are wider elsewhere."""
    weights = {"strategy": "channel", "num_bits": 8}
    groups = {
        "group_0": {"targets": [r"re:model\.layers\.[0-1]\..*"], "weights": weights},
        "group_1": {"targets": ["Linear"], "weights": weights | {"num_bits": 4}},
    }
    stored = [
        each
        for layer in range(12)
        for each in (
            tensor(f"model.layers.{layer}.up.weight_packed", "I32", 512, 64),
            tensor(f"model.layers.{layer}.up.weight_scale", "BF16", 512, 1),
        )
    ]
    unpacked = run(
        *stored,
        tensor("norm.weight", "BF16", 256),
        config={"quantization_config": {"quant_method": "compressed-tensors", "config_groups": groups}},
    )

    assert [(len(group.indices), group.shape) for group in unpacked.tensors if "up" in group.name] == [
        (2, (512, 256)),
        (10, (512, 512)),
    ]


def test_integer_tables_are_no_packed_weights() -> None:
    """A table of indices is neither named like a weight nor has scales beside it: it is known for what it is."""
    unpacked = run(
        tensor("gate.weight", "BF16", 64, 64),
        tensor("gate.tid2eid", "I32", 129280, 6),
        tensor("attn.mask", "U8", 1, 1, 1024, 1024),
        tensor("embeddings.position_ids", "I64", 1, 8192),
    )

    assert unpacked.is_known
    assert unpacked.scheme is None
    assert not unpacked.notices


def test_fused_experts_in_every_container() -> None:
    """Words, bytes and FP8 keep the experts as their first dimension."""
    unpacked = run(
        tensor("a.switch_mlp.up_proj.weight", "U32", 8, 512, 32),
        tensor("a.switch_mlp.up_proj.scales", "BF16", 8, 512, 4),
        tensor("a.switch_mlp.up_proj.biases", "BF16", 8, 512, 4),
        tensor("b.experts.gate_up_proj", "F8_E4M3", 8, 1024, 256),
        tensor("b.experts.gate_up_proj_scale_inv", "F32", 8, 8, 2),
        tensor("c.experts.down_proj_packed", "I32", 8, 256, 64),
        tensor("c.experts.down_proj_scale", "BF16", 8, 256, 16),
        tensor("d.experts.down_proj", "U8", 8, 256, 256),
        tensor("d.experts.down_proj_weight_scale", "U8", 8, 256, 16),
        tensor("norm.weight", "BF16", 256),
        config={"quantization": {"bits": 4, "group_size": 64}, "moe_intermediate_size": 512},
    )

    assert {name: group.shape for name, group in by_name(unpacked).items()} == {
        "a.switch_mlp.up_proj.weight": (8, 512, 256),
        "b.experts.gate_up_proj": (8, 1024, 256),
        "c.experts.down_proj": (8, 256, 512),
        "d.experts.down_proj": (8, 256, 512),
        "norm.weight": (256,),
    }


@pytest.mark.parametrize(
    ("text", "is_exact"),
    [
        ('{"quant_method": "gptq", "bits": 8, "group_size": 64}', True),
        ("{", False),
        ("[" * 100_000, False),
        ("", False),
    ],
)
def test_a_single_file_declares_its_packing_in_its_metadata(text: str, is_exact: bool) -> None:
    """JSON text under `quantization_config` counts like config.json; broken text counts like none."""
    stored = [tensor("fc.qweight", "I32", 128, 512), tensor("fc.scales", "F16", 8, 512)]
    stored.append(tensor("norm.weight", "BF16", 1024))
    unpacked = unpack(stored, config=None, documents={}, metadata={"quantization_config": text})

    weight = by_name(unpacked)["fc.weight"]
    assert weight.is_exact == is_exact
    assert weight.shape == ((512, 512) if is_exact else (512, 1024))


def test_rotations_are_no_parameters() -> None:
    """compressed-tensors stores the matrices of a transform below the module that they rotate (`R4_input`)."""
    transform = {"type": "hadamard", "apply": [{"location": "input", "targets": ["re:.*down_proj$"]}]}
    section = {"quant_method": "compressed-tensors", "transform_config": {"config_groups": {"R4": transform}}}
    stored = [tensor("layers.0.down_proj.weight", "BF16", 8, 16),
              tensor("layers.0.down_proj.R4_input.weight", "F64", 16, 16)]  # fmt: skip
    unpacked = run(*stored, config={"quantization_config": section})
    assert [group.name for group in unpacked.tensors] == ["layers.*.down_proj.weight"]
    assert unpacked.dropped_bytes == {"rotations of activations": 16 * 16 * 8}


def test_fp4_with_a_scale_for_every_32() -> None:
    """ModelOpt's W4A8_NVFP4_FP8 keeps one FP8 scale for 32 values, two of which are a byte."""
    stored = [tensor("a.weight", "U8", 64, 128), tensor("a.weight_scale", "F8_E4M3", 64, 8),
              tensor("a.weight_scale_2", "F32"), tensor("a.input_scale", "F32")]  # fmt: skip
    only = by_name(run(*stored))["a.weight"]
    assert (only.shape, only.storage, only.is_exact) == ((64, 256), "NVFP4", True)


@pytest.mark.parametrize(
    ("stored", "shape"),
    [
        ([("weight", "I32", 200, 57), ("weight_scale", "BF16", 200), ("weight_zero_point", "I32", 25)], (200, 456)),
        ([("weight", "I32", 512, 32), ("weight_scale", "F32"), ("weight_scale_2", "F32", 512),
          ("weight_zero_point_2", "I32", 64)], (512, 256)),
        ([("weight", "I32", 456, 25), ("weight_scale", "BF16", 200)], (200, 456)),
    ],
    ids=["one scale per output", "over FP8", "packed along the output"],
)  # fmt: skip
def test_quark_with_one_scale_per_output(stored: list[tuple[Any, ...]], shape: tuple[int, int]) -> None:
    """Zero points are packed like the weight, along the output: 25 words for 200 outputs are 4 bits."""
    weights = by_name(run(*(tensor(f"a.{leaf}", dtype, *sizes) for leaf, dtype, *sizes in stored)))
    assert {name: (group.shape, group.storage) for name, group in weights.items()} == {"a.weight": (shape, "INT4")}


def test_quark_scales_of_fp4_activations() -> None:
    """The second scale of the activations of an FP4 export is no parameter."""
    stored = [tensor("a.weight", "U8", 64, 64), tensor("a.weight_scale", "F8_E4M3", 64, 8),
              tensor("a.weight_scale_2", "F32"), tensor("a.input_scale_2", "F32")]  # fmt: skip
    assert sum(group.total for group in run(*stored).tensors) == 64 * 128


@pytest.mark.parametrize(("rows", "parameters"), [(32, 64 * 1024), (128, 128 * 1024), (16, 64 * 1024)])
def test_hqq_without_a_declaration_takes_the_usual_group(rows: int, parameters: int) -> None:
    """Grouped along the output, HQQ's bits are open: 64 values a group are likelier than 128, and those than 256."""
    only = by_name(run(tensor("a.W_q", "U8", rows, 1024), tensor("a.scale", "F16", 1, 1024)))["a.weight"]
    assert (only.parameters, only.is_exact) == (parameters, False)


def test_awq_with_a_group_that_is_not_full() -> None:
    """10,944 inputs in groups of 128 are 85 groups and a half: the declared size says so."""
    stored = [tensor("a.qweight", "I32", 10944, 512), tensor("a.scales", "F16", 85, 4096),
              tensor("a.qzeros", "I32", 85, 512)]  # fmt: skip
    config = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
    assert by_name(run(*stored, config=config))["a.weight"].shape == (4096, 10944)


@pytest.mark.parametrize("name", ["layer_{}/attn/query", "layer_{}::attn::query", "layer_{}__attn__query"])
def test_other_signs_between_names(name: str) -> None:
    """A tree that JAX flattened has slashes, others have colons or underscores: modules are told apart as with dots."""
    unpacked = run(*(tensor(name.format(number), "BF16", 8, 8) for number in range(2)))
    assert [(group.name, group.count) for group in unpacked.tensors] == [("layer_*.attn.query", 2)]


def test_underscores_between_all_names() -> None:
    """Where nothing else parts them, single underscores and brackets do."""
    unpacked = run(*(tensor(f"b[{number}]_g_c.kernel", "BF16", 8, 8) for number in range(2)))
    assert [(group.name, group.count) for group in unpacked.tensors] == [("b.*.g.c.kernel", 2)]


def test_underscores_of_adapters_part_nothing() -> None:
    """LyCORIS names a module with underscores and keeps them in its own words, after the only dot."""
    leaves = {"lokr_w1": (4, 4), "lokr_w2": (8, 8), "alpha": ()}
    stored = [tensor(f"lycoris_blocks_3_attn_q.{leaf}", "F16", *shape) for leaf, shape in leaves.items()]
    assert {group.name for group in run(*stored).tensors} == {f"lycoris_blocks_*_attn_q.{leaf}" for leaf in leaves}


@pytest.mark.parametrize("prefix", ["weight.", ""])
def test_sparse_weights_with_and_without_the_parameter_s_name(prefix: str) -> None:
    """Half of the values of a 2:4 matrix are stored, [64, 32] of [64, 64]; compressed-tensors 0.9 drops `weight.`."""
    stored = [tensor(f"a.{prefix}compressed", "BF16", 64, 32), tensor(f"a.{prefix}bitmask", "U8", 64, 8),
              tensor(f"a.{prefix}shape", "I64", 2, 1)]  # fmt: skip
    weights = by_name(run(*stored))
    assert {name: group.shape for name, group in weights.items()} == {"a.weight": (64, 64)}


def test_scales_of_all_experts_beside_each_of_them() -> None:
    """transformers keeps FP8 experts one by one and their block scales in one tensor: those are no parameters."""
    stored = [tensor(f"experts.{number}.up_proj.weight", "F8_E4M3", 128, 256) for number in range(2)]
    unpacked = run(*stored, tensor("experts.up_proj_scale_inv", "F32", 2, 1, 2))
    assert sum(group.total for group in unpacked.tensors) == 2 * 128 * 256
    assert unpacked.dropped_bytes == {"scales without a packed weight": 16}


def exl3(name: str, outputs: int, inputs: int) -> list[StoredTensor]:
    return [
        tensor(f"{name}.trellis", "I16", inputs // 16, outputs // 16, 64),
        tensor(f"{name}.suh", "F16", inputs),
        tensor(f"{name}.svh", "F16", outputs),
    ]


@pytest.mark.parametrize(
    ("leaf", "config", "stored", "meant"),
    [
        ("kv_a_proj_with_mqa", {"kv_lora_rank": 512, "qk_rope_head_dim": 64}, (640, 1024), (576, 1024)),
        ("in_proj_ba", {"linear_num_value_heads": 32, "head_dim": 128}, (128, 1024), (64, 1024)),
        ("x_proj", {"mamba_dt_rank": 256, "mamba_d_state": 16}, (384, 1024), (288, 1024)),
        ("dt_proj", {"mamba_dt_rank": 160}, (1024, 256), (1024, 160)),
        (
            "in_proj",
            {"mamba_num_heads": 64, "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128},
            (10_368, 1024),
            (10_304, 1024),
        ),
        (
            "q_b_proj",
            {"num_attention_heads": 6, "qk_nope_head_dim": 96, "qk_rope_head_dim": 32},
            (768, 1024),
            (768, 1024),
        ),
        ("shared_expert_gate", {}, (128, 1024), (1, 1024)),
        ("kv_a_proj_with_mqa", {"kv_lora_rank": 512}, (576, 1024), (576, 1024)),  # not padded to 128
        ("joined_proj", {}, (2048, 1024), (2048, 1024)),  # twice a width
        ("lm_head", {"vocab_size": 49_155}, (49_168, 1024), (49_155, 1024)),  # padded to tiles of 16
    ],
)
def test_padding_is_told_by_sums_of_the_configuration(
    leaf: str, config: dict[str, Any], stored: tuple[int, int], meant: tuple[int, int]
) -> None:
    """EXL3 pads both sides to 128; what config.json says of a projection gives its own sides, exactly."""
    said = {"hidden_size": 1024, "quantization_config": {"quant_method": "exl3"}, **config}
    for wrapped in (said, {"text_config": said, "quantization_config": {"quant_method": "exl3"}}):
        weight = by_name(run(*exl3(f"layers.0.{leaf}", *stored), config=wrapped))[f"layers.*.{leaf}.weight"]
        assert (weight.shape, weight.is_exact) == (meant, True)


def test_a_sum_that_does_not_fit_the_padded_side_is_not_used() -> None:
    """A configuration of another model gives no side: 576 does not pad to 1,024."""
    config = {"hidden_size": 1024, "kv_lora_rank": 512, "qk_rope_head_dim": 64}
    config |= {"quantization_config": {"quant_method": "exl3"}}
    weights = by_name(run(*exl3("layers.0.kv_a_proj", 1024, 1024), config=config))
    assert weights["layers.*.kv_a_proj.weight"].shape == (1024, 1024)


def test_another_tools_section_is_not_mlx() -> None:
    """`quantization` without bits, group or mode is not MLX: nothing is said of an unpacked checkpoint."""
    unpacked = run(tensor("a.weight", "BF16", 4, 4), config={"quantization": {"quant_algo": None}})
    assert unpacked.notices == ()


def test_scales_of_fused_projections_are_no_parameters() -> None:
    """QuIP# keeps a number for each projection that was put into one: three of 4 bytes."""
    packed = [("Qidxs", "I64", (64, 2)), ("SU", "F16", (64,)), ("SV", "F16", (64,))]
    module = [tensor(f"layers.0.qkv_proj.{leaf}", dtype, *shape) for leaf, dtype, shape in packed]
    unpacked = run(*module, *(tensor(f"layers.0.qkv_proj.fuse_scales.{i}", "F32") for i in range(3)))
    assert [(group.name, group.total) for group in unpacked.tensors] == [("layers.*.qkv_proj.weight", 4096)]
    assert unpacked.dropped_bytes == {"scales of fused projections": 12}
