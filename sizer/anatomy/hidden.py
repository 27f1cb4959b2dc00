"""A mixture that config.json declares and whose experts were not recognised: its active parameters are unknown.

A stale key of a dense model says as much, so some tensor has to bear it out: a side that is as long as there are
experts, as a router or a fused tensor has, or a list of so many.
"""

from __future__ import annotations

from collections.abc import Iterable

from sizer.anatomy.settings import Settings
from sizer.anatomy.top_k import is_count, words_of, zero_experts
from sizer.anatomy.vocabulary import vocabulary
from sizer.quantization.interface import LogicalTensor

__all__ = ["hidden_experts"]


def hidden_experts(groups: Iterable[LogicalTensor], settings: Settings) -> int | None:
    """The declared number of experts that shapes bear out; None where there is no such number."""
    zero = zero_experts(settings)
    said = {count + more: count for count in _said(settings) for more in (0, zero)}
    found = [said[number] for group in groups for number in said if number in _sides(group)]
    return max(found, default=None)


def _said(settings: Settings) -> Iterable[int]:
    """What config.json says that there are so many experts of, in words that are known or say it."""
    words = vocabulary().keys
    for path, value, _ in settings.paths():
        parts, key = words_of(path), words_of(path.rpartition(".")[2])
        is_number = not words.chosen.any(parts[-1:]) or parts[-1:] == ["routed"]
        is_of_experts = words.of_experts.any(parts) and is_number and not words.not_top_k.any(parts)
        if path.rpartition(".")[2] in words.experts or (is_of_experts and not words.of_sizes.any(key)):
            yield from (
                count for count in (value if isinstance(value, list) else [value]) if is_count(count) and count > 1
            )


def _sides(group: LogicalTensor) -> set[int]:
    """The sides of a matrix or more, and how many numbers it has below its layer."""
    sides = {*group.shape} if group.shape and len(group.shape) > 1 else set[int]()
    if group.name.count("*") > 1:
        sides |= {len({index[place] for index in group.indices}) for place in range(1, group.name.count("*"))}
    return sides
