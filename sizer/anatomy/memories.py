"""Memory layers: large tables of values (or of experts of one neuron) of which a token reads the rows that it finds.

A token's query is compared with two short lists of keys, and a pair of them stands for a row: n keys twice address n
times n rows. So a table with more rows than there are keys beside it is read by row, as an embedding is; where every
row has a key of its own, all rows are weighed and all are used.
Source: arXiv 1907.05242, section 3; arXiv 2407.04153, section 2 (experts); arXiv 2412.09764, section 2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import isqrt, prod

from sizer.anatomy.parts import module_of, say_unnamed
from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import vocabulary
from sizer.quantization.interface import LogicalTensor

__all__ = ["find_memories"]

_TALLEST_DENSE = 8
"""Rows of a matrix of a layer, as a multiple of its columns: feed-forward layers have up to eight times the width."""
_LARGEST_KEYS = 4
"""Their share of a table whose words say nothing is at most one in so many."""
_FEWEST_KEYS = 32
"""Half of the keys that address a table whose words say nothing."""


def find_memories(groups: Sequence[LogicalTensor], width: int | None, settings: Settings) -> list[LogicalTensor]:
    """The tables among these tensors of one text stack that are addressed by product keys."""
    words = vocabulary()
    beside: dict[str, list[LogicalTensor]] = defaultdict(list)
    for group in groups:
        beside[_home(group)].append(group)
    keys = {home: [group for group in held if words.memory_keys.has(_word(group))] for home, held in beside.items()}
    all_keys = [group for found in keys.values() for group in found if not words.attention.any(group.name.split("."))]
    found, unnamed = list[LogicalTensor](), set[str]()
    for group in groups:
        if not _is_tall(group):
            continue
        home = _home(group)
        if _address(keys[home], group) or (words.memory_values.has(_word(group)) and _address(all_keys, group)):
            found.append(group)
        elif "*" in home and not _is_told(group) and _address(_pairs(beside[home], group, width), group):
            found.append(group)
            unnamed.add(".".join(module_of(group.name)))
    say_unnamed("tables that are read by row", unnamed, settings)
    return found


def _home(group: LogicalTensor) -> str:
    """The module around a tensor; a list of equal ones is one."""
    return ".".join(_without_numbers(group)[:-1])


def _word(group: LogicalTensor) -> str:
    return _without_numbers(group)[-1]


def _without_numbers(group: LogicalTensor) -> list[str]:
    module = module_of(group.name)
    while len(module) > 1 and module[-1] == "*":
        module = module[:-1]
    return module


def _is_tall(group: LogicalTensor) -> bool:
    """Whether the group is a matrix of far more rows than columns, and no table or head of the vocabulary."""
    words, shape, module = vocabulary(), group.shape or (), module_of(group.name)
    if len(shape) != 2 or shape[0] < _TALLEST_DENSE * shape[1]:
        return False
    return "*" in group.name or not (words.input_embedding.has(module[-1]) or words.head.any(module))


def _is_told(group: LogicalTensor) -> bool:
    """Whether words say that the group is something else: an expert, a feed-forward layer, a mixer."""
    words, module = vocabulary(), module_of(group.name)
    return words.fused_experts.any(module) or words.mixer.any(module) or words.dense_ffn.has(module[-1])


def _pairs(beside: Iterable[LogicalTensor], table: LogicalTensor, width: int | None) -> list[LogicalTensor]:
    """What may be the keys of a table as wide as the layer by shape: twice as many as their square is its rows."""
    rows, columns = table.shape or (0, 0)
    half, found = isqrt(rows), list[LogicalTensor]()
    if half * half != rows or half < _FEWEST_KEYS or columns != width:
        return []
    for group in beside:
        shape = group.shape or ()
        is_long = any(size % half == 0 for size in shape[:-1])
        is_small = _LARGEST_KEYS * group.parameters <= table.parameters
        reads_layer = width in (shape[-1:] if len(shape) > 2 else shape)  # a selector, or a matrix of the layer
        if len(shape) > 1 and not reads_layer and is_long and is_small and not _is_told(group):
            found.append(group)
    vectors = sum(prod((group.shape or ())[:-1]) * group.count for group in found)
    return found if vectors >= 2 * half * table.count else []


def _address(keys: Iterable[LogicalTensor], table: LogicalTensor) -> bool:
    """Whether there are keys, and fewer in each than the table has rows."""
    rows, shapes = (table.shape or (0,))[0], [group.shape for group in keys if group.shape]
    return bool(shapes) and all(rows not in shape and prod(shape[:-1]) < rows for shape in shapes)
