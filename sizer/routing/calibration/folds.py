"""Folds that do not leak: near-duplicate prompts stay together.

Two prompts are near-duplicates when their word 1- and 2-grams overlap by 60 % (Jaccard); candidates come from
min-hashing (48 hashes, 16 bands of 3), so every pair that close is compared with probability 0.98 or more.
Numbers do not count, so that a template filled with other numbers is a near-duplicate.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sizer.routing.calibration.features import grams

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["near_duplicate_groups", "split_folds"]

_OVERLAP = 0.6
_BANDS, _ROWS = 16, 3
_PRIME = (1 << 31) - 1
_NUMBERS = re.compile(r"(?<!\w)\d[\d,.]*")
_MOST_IN_A_BAND = 200


def near_duplicate_groups(prompts: Sequence[str]) -> NDArray[np.int64]:
    """The group of each prompt, numbered from 0: equal for near-duplicates, and for their near-duplicates."""
    sets = [frozenset(grams(_NUMBERS.sub("0", prompt))) for prompt in prompts]
    parent = list(range(len(sets)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    first: dict[frozenset[int], int] = {}
    for number, found in enumerate(sets):
        parent[root(number)] = root(first.setdefault(found, number))
    for one, other in _candidates(sets):
        if root(one) != root(other) and _overlap(sets[one], sets[other]) >= _OVERLAP:
            parent[root(one)] = root(other)
    return np.unique([root(item) for item in range(len(sets))], return_inverse=True)[1].astype(np.int64)


def split_folds(groups: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each question: whole groups, in random order, each to the smallest fold so far."""
    order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
    sizes = np.bincount(groups)
    fold_of_group = np.zeros(len(sizes), dtype=np.int64)
    filled = [0] * folds
    for group in order:
        smallest = min(range(folds), key=filled.__getitem__)
        fold_of_group[group] = smallest
        filled[smallest] += int(sizes[group])
    return fold_of_group[groups]


def _candidates(sets: Sequence[frozenset[int]]) -> list[tuple[int, int]]:
    """Pairs that share a band of min-hashes. In a crowded band each is paired with the first only."""
    rng = np.random.default_rng(0)
    hashes = _BANDS * _ROWS
    factor = rng.integers(1, _PRIME, hashes, dtype=np.int64)
    offset = rng.integers(0, _PRIME, hashes, dtype=np.int64)
    signatures = np.empty((len(sets), hashes), dtype=np.int64)
    for number, found in enumerate(sets):
        values = np.fromiter(found or {0}, dtype=np.int64)
        signatures[number] = ((values[:, None] * factor + offset) % _PRIME).min(axis=0)
    pairs: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        part: Any = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        for number, row in enumerate(part):
            buckets[row.tobytes()].append(number)
        for members in buckets.values():
            near = 1 if len(members) > _MOST_IN_A_BAND else len(members)
            pairs.update((one, other) for at, one in enumerate(members[:near]) for other in members[at + 1 :])
    return sorted(pairs)


def _overlap(one: frozenset[int], other: frozenset[int]) -> float:
    both = len(one & other)
    return both / max(1, len(one) + len(other) - both)
