"""Equal parts that stand in a layer: lists numbered from 0, and tensors of three dimensions.

Nothing is decided here: parts may be experts, heads, kernels, or layers within layers. What they are is said by
what chooses between them (`unnamed.py`) or by config.json (`alone.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from sizer.anatomy.parts import module_of
from sizer.anatomy.vocabulary import vocabulary
from sizer.quantization.interface import LogicalTensor

__all__ = [
    "MOST_MATRICES",
    "NARROWEST",
    "Bank",
    "Shape",
    "are_heads",
    "find_fused",
    "find_lists",
    "is_feed_forward",
    "mixes",
]

Shape = tuple[int, ...]
_Seen = dict[Shape | None, set[tuple[int, ...]]]

MOST_MATRICES = 3
"""Gate, up and down: a part with more is a layer, or a head with its four projections."""
_MOST_OF_ATTENTION = 4
NARROWEST = 8
"""Expert widths below it are rather kernels."""


class Bank(NamedTuple):
    """Equal parts of one kind of layer."""

    names: tuple[str, ...]
    """The list's template, or the modules of its fused tensors."""
    above: tuple[str, ...]
    """Segments below the layer and above the parts' own tensors."""
    words: tuple[str, ...]
    """All segments below the layer."""
    counts: frozenset[int]
    sizes: tuple[tuple[Shape | None, ...], ...]
    """For each size of part the shape of each matrix; None where the packing keeps none."""
    numbers: int
    """Numbers in the names up to the parts."""
    parameters: int = 0
    """Of the matrices of one part; the mean where sizes differ."""
    is_bare: bool = True
    """Whether a part holds nothing but its matrices and their biases."""

    @property
    def shapes(self) -> list[Shape]:
        """Every known shape of a matrix, over all sizes."""
        return [shape for matrices in self.sizes for shape in matrices if shape]


def find_lists(stack: str, members: Iterable[LogicalTensor]) -> Iterable[Bank]:
    """Lists within a layer whose items hold tensors of the same names and are numbered 0 to n-1."""
    depth = stack.count(".") + 1
    numbers: dict[str, dict[str, _Seen]] = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
    parameters: dict[tuple[str, Shape | None], int] = {}
    for group in members:
        segments = group.name.split(".")
        for position in range(depth, len(segments)):
            if segments[position].count("*") == 1:
                stars = group.name.count("*", 0, len(".".join(segments[: position + 1])))
                seen = numbers[".".join(segments[: position + 1])]
                seen[group.name][group.shape] |= {index[:stars] for index in group.indices}
                parameters[group.name, group.shape] = group.parameters
    for name, seen in numbers.items():
        runs = [_runs(set().union(*by_shape.values())) for by_shape in seen.values()]
        matrices = {t: by_shape for t, by_shape in seen.items() if all(s is None or len(s) == 2 for s in by_shape)}
        words = {segment for tensor in seen for segment in tensor.split(".")[depth:]}
        most = _MOST_OF_ATTENTION if mixes(words) else MOST_MATRICES
        sizes = _sizes(matrices) if all(runs) and matrices else ()
        if sizes and all(len(size) <= most for size in sizes):
            others = [by_shape for tensor, by_shape in seen.items() if tensor not in matrices]
            yield Bank(
                names=(name,),
                above=tuple(name.split(".")[depth:]),
                words=tuple(words),
                counts=frozenset().union(*runs),
                sizes=sizes,
                numbers=name.count("*") - 1,
                parameters=sum(parameters[t, s] for t, by_shape in matrices.items() for s in by_shape) // len(sizes),
                is_bare=not vocabulary().norm.any(words) and all(len(s or ()) < 2 for by in others for s in by),
            )


def _sizes(matrices: dict[str, _Seen]) -> tuple[tuple[Shape | None, ...], ...]:
    """The shapes of each size of item; nothing where items of several sizes are no networks of their own."""
    if all(_runs(indices) for by_shape in matrices.values() for indices in by_shape.values()):
        return (tuple(shape for by_shape in matrices.values() for shape in by_shape),)  # each item has every shape
    items: dict[tuple[int, ...], list[Shape | None]] = defaultdict(list)
    for by_shape in matrices.values():
        for shape, indices in by_shape.items():
            for index in indices:
                items[index].append(shape)
    sizes = {tuple(shapes) for shapes in items.values()}
    return tuple(sizes) if all(len(shapes) == len(matrices) > 1 for shapes in sizes) else ()


def _runs(indices: Iterable[tuple[int, ...]]) -> frozenset[int]:
    """How many numbers come last under each prefix; empty where they are not 0 to n-1, or 1 to n, everywhere."""
    seen: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for *prefix, number in indices:
        seen[tuple(prefix)].add(number)
    runs = frozenset(len(found) for found in seen.values())
    firsts = {min(found) for found in seen.values()}
    is_whole = min(runs) > 1 and all(max(found) - min(found) == len(found) - 1 for found in seen.values())
    is_whole = is_whole and firsts in ({0}, {1})
    return runs if is_whole else frozenset()


def find_fused(stack: str, members: Sequence[LogicalTensor]) -> Iterable[Bank]:
    """Tensors of three dimensions of a layer that have the first in common, by the part of the layer.

    Where all tensors of a layer have it, it is several layers in one. With four dimensions a small one numbers the
    matrices of a part: [experts, 3, width of one, width]. Kernels beside matrices are part of the same.
    """
    depth = stack.count(".") + 1
    found: dict[tuple[str, int], dict[str, list[Shape]]] = defaultdict(dict)
    for group in members:
        module, shape = module_of(group.name), group.shape or ()
        large = tuple(size for size in shape[1:] if size >= NARROWEST)
        small = prod(size for size in shape[1:] if size < NARROWEST)
        if len(large) == 2 and shape[0] > 1 and small <= MOST_MATRICES:
            part = module[depth] if len(module) > depth + 1 else ""
            found[part, shape[0]][".".join(module)] = [large] * small
        if len(shape) > 3 and min(shape[-2:]) >= NARROWEST:  # experts by rows and columns of a mesh
            part = module[depth] if len(module) > depth + 1 else ""
            found[part, prod(shape[:-2])][".".join(module)] = [shape[-2:]]
    for (_, count), tensors in found.items():
        shapes = tuple(shape for alike in tensors.values() for shape in alike)
        is_stacked = all((group.shape or ())[:1] == (count,) for group in members)
        words = {segment for name in tensors for segment in name.split(".")[depth:]}
        most = _MOST_OF_ATTENTION if mixes(words) else MOST_MATRICES
        if not is_stacked and 1 < len(shapes) <= most:
            above = {segment for name in tensors for segment in name.split(".")[depth:-1]}
            yield Bank(tuple(tensors), tuple(above), tuple(words), frozenset({count}), (shapes,), stack.count("*"))


def is_feed_forward(bank: Bank) -> bool:
    """Whether the matrices of every part all read or write one width, and agree on the other (twice it where two are
    joined)."""
    return all(_is_network([shape for shape in matrices if shape]) for matrices in bank.sizes)


def _is_network(shapes: Sequence[Shape]) -> bool:
    for width in shapes[0] if shapes else ():
        inner = {shape[shape[0] == width] for shape in shapes if width in shape}
        if all(width in shape for shape in shapes) and max(inner) in (min(inner), 2 * min(inner)):
            return True
    return not shapes


def are_heads(bank: Bank, count: int, width: int) -> bool:
    """Whether parts are together as wide as the layer: blocks of one map, or heads where no word says feed-forward."""
    shapes, share = bank.shapes, width // count
    if not shapes or share * count != width:
        return False
    if not any(width in shape for shape in shapes):
        return all(share in shape for shape in shapes)
    inner = {size for shape in shapes for size in shape if size != width}
    return inner == {share} and not vocabulary().dense_ffn.any(bank.above)


def mixes(segments: Iterable[str]) -> bool:
    """Whether a word says that positions are mixed; `mixer` alone names any sublayer in some hybrids."""
    words, segments = vocabulary(), [segment for segment in segments if segment != "mixer"]
    return words.attention.any(segments) or (words.mixer.any(segments) and not words.dense_ffn.any(segments))
