"""Lists whose numbers do not stand alone: `expert3.w1`, `up.weight7`, and experts that have names instead.

Unpacking leaves digits in words alone, since `w1`, `fc2` and `conv1d` are words. Here a word is a list where its
numbers run from 0, in at least four tensors: `expert3` becomes `expert.*` with index 3, as if it had been `expert.3`.
Two are enough where each number has a whole layer below it: four names that all of them have.
Modules with names that stand where experts have numbers, and hold the same matrices, are numbered in their order:
`experts.code.w1` and `experts.law.w1`, or `expert_a.w1` and `expert_b.w1`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
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
        groups = _merge(groups, lists, _splits)
    while names := _named_experts(groups):
        groups = _merge(groups, {template for template, _ in names}, lambda name: _named_splits(name, names))
    return groups


_Split = tuple[str, str, int, int]


def _named_experts(groups: Iterable[LogicalTensor]) -> dict[tuple[str, str], int]:
    """The number of each named expert, by the name's template with a star for it, and its own name."""
    found: dict[tuple[str, str], dict[str, dict[str, tuple[int, ...] | None]]]
    found = defaultdict(lambda: defaultdict(dict))
    for group in groups:
        for place, child, tail in _children(group.name):
            found[place][child][tail] = group.shape
    numbers: dict[tuple[str, str], int] = {}
    for (head, _), children in found.items():
        first = next(iter(children.values()))
        matrices = sum(len(shape or (0, 0)) == 2 for shape in first.values())
        if len(children) > 1 and matrices > 1 and all(held == first for held in children.values()):
            for number, child in enumerate(sorted(children)):
                numbers |= {(f"{head}.*.{tail}", child): number for tail in first}
    return numbers


def _children(name: str) -> Iterable[tuple[tuple[str, str], str, str]]:
    """Where a name may stand for an expert's number: what comes before (and how), the name, and what comes behind."""
    words, segments = vocabulary(), name.split(".")
    for position, segment in enumerate(segments[:-1]):
        head, tail = ".".join(segments[:position]), ".".join(segments[position + 1 :])
        before, glued, own = segment.partition("_")
        is_other = words.dense_ffn.has(segment) or _is_other(own) or _is_other(segment)
        if glued and words.numbered_expert.has(f"{before}_*") and own.isalpha() and not is_other:
            yield (f"{head}.{before}".removeprefix("."), "glued"), own, tail
        elif (
            position and words.numbered_expert.has(f"{segments[position - 1]}_*") and segment.isalpha() and not is_other
        ):
            yield (head, "apart"), segment, tail


def _is_other(word: str) -> bool:
    """Whether a word says that a module is no expert, or one of another modality than text."""
    words = vocabulary()
    is_beside = len(word) > 1 and any(roots.has(word) or anywhere.has(word) for _, roots, anywhere in words.beside)
    return words.router.has(word) or words.shared_experts.has(word) or words.text.has(word) or is_beside


def _named_splits(name: str, numbers: dict[tuple[str, str], int]) -> Iterable[_Split]:
    for (head, _), child, tail in _children(name):
        template = f"{head}.*.{tail}"
        if (template, child) in numbers:
            yield template, child, head.count("*"), numbers[template, child]


def _lists(groups: Iterable[LogicalTensor]) -> set[str]:
    """Templates of names with a glued number that is one of a list."""
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for group in groups:
        for template, word, _, number in _splits(group.name):
            numbers[template, word].add(number)
    layers: dict[tuple[str, str], set[int]] = defaultdict(set)
    tails: dict[tuple[str, str], int] = defaultdict(int)
    for (template, word), seen in numbers.items():
        layers[_head(template, word)] |= seen
        tails[_head(template, word)] += len(seen) > 1
    found = set[str]()
    for (template, word), seen in numbers.items():
        head = _head(template, word)  # every second layer may have experts: all layers together are the list
        if _is_list(word, seen, is_layer=False) or (
            tails[head] >= _FEWEST and _is_list(word, layers[head], is_layer=True)
        ):
            found.add(template)
    return found


def _head(template: str, word: str) -> tuple[str, str]:
    """What stands before the number, and whether a layer can: more than a leaf stands behind it."""
    above, _, below = template.partition(f"{word}.*.")
    return above + word, "layer" if below.count(".") else "leaf"


def _is_list(word: str, numbers: set[int], *, is_layer: bool) -> bool:
    first, is_expert = min(numbers), vocabulary().numbered_expert.has(f"{word}_*")
    is_whole = numbers == set(range(first, first + len(numbers)))
    fewest, latest = (2, 1) if is_layer else (_FEWEST, 0)
    return is_whole and ((is_expert and first < 2 <= len(numbers)) or (first <= latest and len(numbers) >= fewest))


def _splits(name: str) -> Iterable[_Split]:
    """For each glued number: the name with a star for it, its word, how many stars stand before, and the number."""
    segments = name.split(".")
    for position, segment in enumerate(segments):
        if segment[-1:].isdigit() and (found := _GLUED.fullmatch(segment)):
            template = ".".join([*segments[:position], found[1], "*", *segments[position + 1 :]])
            yield template, found[1], ".".join(segments[:position]).count("*"), int(found[2])


def _merge(
    groups: Iterable[LogicalTensor], lists: set[str], splits: Callable[[str], Iterable[_Split]]
) -> list[LogicalTensor]:
    """The groups with the first listed number of each name put in place of its word, equal ones joined."""
    merged: dict[LogicalTensor, list[tuple[int, ...]]] = defaultdict(list)
    for group in groups:
        split = next((split for split in splits(group.name) if split[0] in lists), None)
        if split is None:
            merged[replace(group, indices=())] += group.indices
            continue
        template, _, place, number = split
        merged[replace(group, name=template, indices=())] += [
            (*index[:place], number, *index[place:]) for index in group.indices
        ]
    return [replace(group, indices=tuple(sorted(indices))) for group, indices in merged.items()]
