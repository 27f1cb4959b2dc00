"""Numbers glued to words: a mixture of 4 experts of 32 parameters, top 1, in each of two layers of width 8."""

from __future__ import annotations

from typing import Any

import pytest

from sizer.anatomy.numbering import part_numbers
from sizer.anatomy.parameters import analyse
from tests.unit.anatomy.names import tensors

CONFIG: dict[str, Any] = {"vocab_size": 16, "num_experts_per_tok": 1, "tie_word_embeddings": False}
# embedding 128, head 128, two layers of 64 and a router of 32: 448
TEXT = {
    "model.embed_tokens.weight": (16, 8),
    "lm_head.weight": (16, 8),
    "model.layers.{0-1}.self_attn.o_proj.weight": (8, 8),
    "model.layers.{0-1}.mlp.gate.weight": (4, 8),
}


@pytest.mark.parametrize(
    "name",
    ["expert{}.w.weight", "experts.expert{}.w.weight", "experts.e{}.w", "experts.w.weight{}", "unit{}.w.weight"],
)
def test_experts_with_glued_numbers_are_told_apart(name: str) -> None:
    """`expert3.w` and the like are one of four experts: 2 x 4 x 128 parameters routed, of which 2 x 128 are active."""
    experts = {f"model.layers.{{0-1}}.mlp.{name.format(number)}": (16, 8) for number in range(4)}
    anatomy = analyse(tensors(TEXT | experts), CONFIG)

    assert (anatomy.experts.routed_experts, anatomy.experts.moe_layers) == (4, 2)
    assert (anatomy.total, anatomy.active) == (448 + 1024, 448 + 256)


@pytest.mark.parametrize("numbers", [(0, 1), (1, 2)])
def test_two_experts_are_enough_where_the_word_says_so(numbers: tuple[int, int]) -> None:
    """`expert0` and `expert1`, or 1 and 2, are two experts of 2 x 128, of which one is used."""
    experts = {f"model.layers.{{0-1}}.mlp.expert{number}.w.weight": (16, 8) for number in numbers}
    anatomy = analyse(tensors(TEXT | experts), CONFIG)

    assert (anatomy.experts.routed_experts, anatomy.active) == (2, 448 + 256)


def test_layers_with_glued_numbers_are_layers() -> None:
    """`layer3` is the layer 3: one template, with the numbers of layer and expert in the order of the name."""
    rows = {f"layer{layer}.experts.{{0-1}}.w.weight": (2, 2) for layer in range(4)}

    (group,) = part_numbers(tensors(rows))

    assert group.name == "layer.*.experts.*.w.weight"
    assert group.indices == tuple((layer, expert) for layer in range(4) for expert in range(2))


@pytest.mark.parametrize(
    "names", [["w1", "w2", "w3"], ["w0", "w1", "w2"], ["fc1", "fc2", "fc3", "fc4"], ["q0", "q1", "q2", "q9"]]
)
def test_words_with_digits_stay_words(names: list[str]) -> None:
    """Fewer than four, numbers that begin at 1 and numbers with gaps are kinds of tensors, not a list."""
    groups = tensors({f"layers.0.{name}.weight": (2, 2) for name in names})

    assert part_numbers(groups) == groups


@pytest.mark.parametrize("words", [("math", "code", "law", "chat"), ("a", "b", "c", "v")])
@pytest.mark.parametrize("name", ["experts.{}.{}.weight", "expert_{}.{}.weight"])
def test_experts_with_names_are_told_apart(name: str, words: tuple[str, ...]) -> None:
    """Four alike modules where experts have numbers are experts: 2 x 4 x 96, of which 2 x 96 active."""
    shapes = {"up": (6, 8), "down": (8, 6)}
    experts = {
        f"model.layers.{{0-1}}.mlp.{name.format(word, part)}": shape for word in words for part, shape in shapes.items()
    }
    anatomy = analyse(tensors(TEXT | experts), CONFIG)

    assert (anatomy.experts.routed_experts, anatomy.experts.moe_layers) == (4, 2)
    assert (anatomy.total, anatomy.active) == (448 + 768, 448 + 192)


@pytest.mark.parametrize(
    "rows",
    [
        {"layers.0.experts.text.up": (6, 8), "layers.0.experts.vision.up": (6, 8)},
        {"layers.0.experts.up_proj.lora_A": (2, 8), "layers.0.experts.up_proj.lora_B": (8, 2),
         "layers.0.experts.gate_proj.lora_A": (2, 8), "layers.0.experts.gate_proj.lora_B": (8, 2)},
        {"layers.0.experts.code.up": (6, 8), "layers.0.experts.code.down": (8, 6),
         "layers.0.experts.common.up": (12, 8), "layers.0.experts.common.down": (8, 12)},
    ],
)  # fmt: skip
def test_projections_modalities_and_unlike_modules_keep_their_names(rows: dict[str, tuple[int, ...]]) -> None:
    """Names of projections and modalities, and of modules that hold something else each, number no experts."""
    groups = tensors(rows)

    assert part_numbers(groups) == groups
