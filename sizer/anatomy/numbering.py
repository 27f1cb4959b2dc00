"""Numbers that are glued to the word before them: `expert3.w1`, `up.weight7`.

Unpacking leaves digits in words alone, since `w1`, `fc2` and `conv1d` are words. Here a word is a list where its
numbers run from 0, in at least four tensors: `expert3` becomes `expert.*` with index 3, as if it had been `expert.3`.
Two are enough where each number has a whole layer below it: four names that all of them have.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from sizer.anatomy.vocabulary import vocabulary
from sizer.quantization.interface import LogicalTensor

__all__ = ["part_numbers"]

_GLUED = re.compile(r"(.*[A-Za-z])([0-9]{1,6})")
_FEWEST = 4
"""Fewer are rather kinds than a list: `w0`, `w1` and `w2` of RWKV."""


def part_numbers(groups: Iterable[LogicalTensor]) -> list[LogicalTensor]:
    """The groups with every list under glued numbers told apart, in the order given."""
    groups = list(groups)
    while lists := _lists(groups):
        groups = _merge(groups, lists)
    return groups


def _lists(groups: Iterable[LogicalTensor]) -> set[str]:
    """Templates of names with a glued number that is one of a list."""
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for group in groups:
        for template, word, _, number in _splits(group.name):
            numbers[template, word].add(number)
    alike: dict[tuple[str, frozenset[int]], int] = defaultdict(int)
    for (template, word), seen in numbers.items():
        alike[_head(template, word), frozenset(seen)] += 1
    return {
        template
        for (template, word), seen in numbers.items()
        if _is_list(word, seen, is_layer=alike[_head(template, word), frozenset(seen)] >= _FEWEST)
    }


def _head(template: str, word: str) -> str:
    return template.partition(f"{word}.*.")[0] + word


def _is_list(word: str, numbers: set[int], *, is_layer: bool) -> bool:
    first, is_expert = min(numbers), vocabulary().numbered_expert.has(f"{word}_*")
    is_whole = numbers == set(range(first, first + len(numbers)))
    fewest, latest = (2, 1) if is_layer else (_FEWEST, 0)
    return is_whole and ((is_expert and first < 2 <= len(numbers)) or (first <= latest and len(numbers) >= fewest))


def _splits(name: str) -> Iterable[tuple[str, str, int, int]]:
    """For each glued number: the name with a star for it, its word, how many stars stand before, and the number."""
    segments = name.split(".")
    for position, segment in enumerate(segments):
        if segment[-1:].isdigit() and (found := _GLUED.fullmatch(segment)):
            template = ".".join([*segments[:position], found[1], "*", *segments[position + 1 :]])
            yield template, found[1], ".".join(segments[:position]).count("*"), int(found[2])


def _merge(groups: Iterable[LogicalTensor], lists: set[str]) -> list[LogicalTensor]:
    """The groups with the first listed number of each name taken out of its word, equal ones joined."""
    merged: dict[LogicalTensor, list[tuple[int, ...]]] = defaultdict(list)
    for group in groups:
        split = next((split for split in _splits(group.name) if split[0] in lists), None)
        if split is None:
            merged[replace(group, indices=())] += group.indices
            continue
        template, _, place, number = split
        merged[replace(group, name=template, indices=())] += [
            (*index[:place], number, *index[place:]) for index in group.indices
        ]
    return [replace(group, indices=tuple(sorted(indices))) for group, indices in merged.items()]
