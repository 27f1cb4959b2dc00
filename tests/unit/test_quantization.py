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
