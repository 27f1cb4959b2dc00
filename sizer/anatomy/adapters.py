"""Adapters: what of their tensors is trained, and what belongs to them without saying so.

Not trained, so no parameters of an adapter: the scale that a file keeps for each module (`alpha`), random matrices
that all layers share (VeRA: arXiv 2310.11454, section 3.1), and the base model's own weights beside trained copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sizer.anatomy.parts import module_of
from sizer.anatomy.vocabulary import vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor
from sizer.units import format_integer

__all__ = ["find_companions", "without_untrained"]


def without_untrained(
    groups: Sequence[LogicalTensor],
) -> tuple[list[LogicalTensor], int, list[Notice]]:
    """The groups less what an adapter holds and does not train, how many elements that was, and what to say of it."""
    words, homes = vocabulary(), _homes(groups)
    kept, constants, frozen = list[LogicalTensor](), 0, list[LogicalTensor]()
    for group in groups:
        home, _, leaf = group.name.rpartition(".")
        if words.adapter_frozen.any(group.name.split(".")):
            frozen.append(group)
        elif group.parameters == 1 and words.adapter_constants.has(leaf) and home in homes:
            constants += group.total
        else:
            kept.append(group)
    random, notices = sum(group.total for group in frozen), list[Notice]()
    if random:
        shown = ", ".join(f"`{name}`" for name in sorted({".".join(module_of(group.name)) for group in frozen}))
        message = f"{shown}: {format_integer(random)} stored values are not trained with the adapter and not counted"
        notices.append(Notice(code="adapter.untrained", message=message))
    return kept, constants + random, notices


def find_companions(groups: Iterable[LogicalTensor]) -> set[str]:
    """Names of tensors that belong to an adapter by their last word alone: `dora_scale`, `diff` beside `lora_A`."""
    words, groups = vocabulary(), list(groups)
    if not _homes(groups):
        return set()
    return {group.name for group in groups if words.adapter_companions.has(group.name.rpartition(".")[2])}


def _homes(groups: Iterable[LogicalTensor]) -> set[str]:
    """The modules that an adapter changes: `q_proj` of `q_proj.lora_A.weight`, and `lora_unet_q` of its own tensors."""
    words, homes = vocabulary(), set[str]()
    for group in groups:
        segments = group.name.split(".")
        for position, segment in enumerate(segments):
            if words.adapter.has(segment):
                homes.add(".".join(segments[: position or 1]))
    return homes
