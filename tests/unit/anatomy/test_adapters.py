"""Adapters: what is trained is counted, by the names that peft, kohya's scripts and LyCORIS write."""

from __future__ import annotations

import pytest

from sizer.anatomy.parameters import Anatomy, analyse
from tests.unit.anatomy.names import tensors

PEFT = "base_model.model.model.layers.{0-1}.self_attn.q_proj."


def count(rows: dict[str, tuple[int, ...]]) -> Anatomy:
    return analyse(tensors(rows), None)


def names(anatomy: Anatomy) -> list[str]:
    return [part.name for part in anatomy.components]


@pytest.mark.parametrize(
    ("module", "trained"),
    [
        ("lora_unet_blocks_{0-1}_attn_q.", {"lora_down.weight": (4, 16), "lora_up.weight": (16, 4)}),
        ("lora_te_layers_{0-1}_fc1.", {"lora_down.weight": (4, 16), "lora_mid.weight": (4, 4, 3, 3)}),
        ("diffusion_model.blocks.{0-1}.attn.q.", {"lora_A.weight": (4, 16), "dora_scale": (16, 1)}),
        ("diffusion_model.blocks.{0-1}.attn.q.", {"lora_down.weight": (4, 16), "diff_b": (16,)}),
        ("lycoris_blocks_{0-1}_attn_q.", {"lokr_w1": (4, 4), "lokr_w2_a": (4, 2), "lokr_w2_b": (2, 4)}),
        ("lycoris_blocks_{0-1}_attn_q.", {"hada_w1_a": (16, 2), "hada_w1_b": (2, 16)}),
        ("lycoris_blocks_{0-1}_attn_q.", {"oft_blocks": (2, 8, 8), "rescale": (16, 1)}),
        (PEFT, {"lora_A.weight": (4, 16), "lora_B.weight": (16, 4)}),
    ],
)
@pytest.mark.parametrize("scale", [(), (1,)])
def test_the_scale_of_a_module_is_no_parameter(
    module: str, trained: dict[str, tuple[int, ...]], scale: tuple[int, ...]
) -> None:
    """The `alpha` that is stored for each module scales its change and is not trained; all else is the adapter."""
    rows = {f"{module}{name}": shape for name, shape in trained.items()}
    anatomy = count(rows | {f"{module}alpha": scale})

    assert anatomy.total == sum(group.total for group in tensors(rows))
    assert anatomy.buffers == 2
    assert names(anatomy) == ["adapter"]


@pytest.mark.parametrize("shared", ["base_model.{}", "base_model.{}.default"])
@pytest.mark.parametrize("kind", ["vera", "randlora"])
def test_random_matrices_that_layers_share_are_not_counted(kind: str, shared: str) -> None:
    """VeRA and RandLora train two vectors a module, 2 x 20; their random matrices of 128 are named and left out."""
    rows = {f"{PEFT}{kind}_lambda_b": (16,), f"{PEFT}{kind}_lambda_d": (4,)}
    rows = {name.replace("randlora_lambda_b", "randlora_lora_A"): shape for name, shape in rows.items()}
    frozen = {shared.format(f"{kind}_A"): (4, 16), shared.format(f"{kind}_B"): (16, 4)}

    anatomy = count(rows | frozen)

    assert (anatomy.total, anatomy.buffers, names(anatomy)) == (40, 128, ["adapter"])
    (notice,) = [notice for notice in anatomy.notices if notice.code == "adapter.untrained"]
    assert "128 stored values" in notice.message


def test_the_base_model_s_own_weight_beside_a_trained_copy_is_not_counted() -> None:
    """Of a head that is trained with the adapter, the copy that is trained counts, 16 x 8."""
    head = {f"base_model.model.lm_head.{name}.weight": (16, 8) for name in ("modules_to_save", "original_module")}

    assert count(head | {f"{PEFT}lora_A.weight": (4, 8)}).total == 128 + 64


@pytest.mark.parametrize(
    "rows",
    [
        {f"{PEFT}ia3_l": (16, 1)},
        {f"{PEFT}oft_R.weight": (4, 6)},
        {f"{PEFT}boft_R": (1, 2, 8, 8), f"{PEFT}boft_s": (16, 1)},
        {f"{PEFT}fourierft_spectrum": (10,)},
        {f"{PEFT}vblora_logits_A": (2, 4, 9), "base_model.vblora_vector_bank": (9, 8)},
        {f"{PEFT}gralora_A": (2, 4, 8), f"{PEFT}gralora_B": (2, 8, 4)},
    ],
)
def test_further_kinds_of_adapters_are_told_by_their_tensors(rows: dict[str, tuple[int, ...]]) -> None:
    """IA3, OFT, BOFT, FourierFT, VB-LoRA and GraLoRA are adapters, and all that they store is trained."""
    anatomy = count(rows)

    assert names(anatomy) == ["adapter"]
    assert anatomy.total == sum(group.total for group in tensors(rows))


def test_a_learned_alpha_of_a_model_is_a_parameter() -> None:
    """A single value that is called alpha, in a module that no adapter changes, is learned and counts."""
    assert count({"model.embed_tokens.weight": (16, 8), "model.layers.{0-1}.norm.alpha": (1,)}).total == 128 + 2
