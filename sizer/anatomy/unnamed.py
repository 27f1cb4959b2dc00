"""Routed experts under words that nobody uses, known by numbers and shapes alone.

What shows a mixture is a selector: a matrix with one dimension the number n of equal parts that stand beside it in
a layer, the other the width they read. The parts are a list that runs over 0 to n-1, tensors of three dimensions
whose first is n, or both flattened into two. Much else comes in lists and in three dimensions: heads, layers within
layers, kernels. An expert is a feed-forward network: one to three matrices that read or write the width, nothing
that mixes positions, and not as narrow as a head.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

from sizer.anatomy.parts import find_token_table, module_of
from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor
from sizer.values import frozen

__all__ = ["Unnamed", "find_unnamed", "is_wider_than_dense", "layer_of", "width_of"]

_MOST_MATRICES = 3
"""Gate, up and down: an item with more is a layer, or a head with its four projections."""
_NARROWEST = 8
"""Expert widths below it are rather kernels."""
_NARROWEST_ALONE = 32
"""The same where no selector stands beside them: conformers have kernels of 31."""
_FEWEST_ALONE = 4
"""Two and three parts without a selector are fused projections (gate and up; query, key and value)."""
_DENSE_RATIO = 8
"""Feed-forward layers wider than that many times the hidden size, beside a selector, are experts flattened."""


@frozen
class Unnamed:
    """Routed experts that no word tells."""

    lists: frozenset[str] = frozenset()
    """Templates up to the number of the expert: `layers.*.ffn.units.*`."""
    fused: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Modules of tensors that hold all experts of a layer, with the numbers of experts that layers have."""
    selectors: frozenset[str] = frozenset()
    """Modules that have a row, or a column, for each expert."""

    @property
    def any(self) -> bool:
        """Whether there are some."""
        return bool(self.lists or self.fused)

    def notices(self) -> list[Notice]:
        """That the shapes alone say so."""
        if not self.any:
            return []
        shown = ", ".join(f"`{name}`" for name in sorted([*self.lists, *self.fused]))
        chosen = ", ".join(f"`{name}`" for name in sorted(self.selectors))
        how = f"beside {chosen}, which has a row for each" if chosen else "of which nothing shows the router"
        message = f"no word says so, but numbers and shapes do: {shown} are counted as routed experts, {how}"
        return [Notice(code="experts.unnamed", message=message)]

    def list_position(self, segments: Sequence[str]) -> int | None:
        """The segment with the number of the expert, or None."""
        return next((i for i in range(len(segments)) if ".".join(segments[: i + 1]) in self.lists), None)

    def fused_count(self, group: LogicalTensor) -> int | None:
        """Experts that a tensor, or the bias of one, holds; None where it holds none."""
        module, rows = ".".join(module_of(group.name)), (group.shape or (0,))[0]
        for name, counts in self.fused.items():
            if module == name:
                return rows if rows in counts else max(counts)  # flattened: a row for each value of each expert
            if module.startswith((f"{name}_", f"{name}.")) and rows in counts:
                return rows
        return None


class _Bank(NamedTuple):
    """Equal parts of one kind of layer."""

    names: tuple[str, ...]
    """The list's template, or the modules of its fused tensors."""
    above: tuple[str, ...]
    """Segments below the layer and above the parts' own tensors."""
    words: tuple[str, ...]
    """All segments below the layer."""
    counts: frozenset[int]
    matrices: tuple[tuple[int, ...] | None, ...]
    """Shape of each matrix of one part; None where the packing keeps none."""
    numbers: int
    """Numbers in the names up to the parts."""


def layer_of(segments: Sequence[str]) -> str:
    """The template up to the first number: the stack a tensor stands in."""
    for position, segment in enumerate(segments):
        if "*" in segment:
            return ".".join(segments[: position + 1])
    return ""


def find_unnamed(groups: Sequence[LogicalTensor], told: Collection[str], settings: Settings) -> Unnamed:
    """The routed experts among these tensors, but for the stacks whose experts are told by words."""
    stacks: dict[str, list[LogicalTensor]] = defaultdict(list)
    for group in groups:
        stacks[layer_of(group.name.split("."))].append(group)
    width, said = width_of(groups, settings), settings.integers(*vocabulary().keys.experts)
    declared = said if isinstance(said, list) else [said] if said else []
    lists, selectors = set[str](), set[str]()
    fused: dict[str, frozenset[int]] = defaultdict(frozenset)
    for stack, members in stacks.items():
        if not stack or stack in told:
            continue
        found = False
        for bank in _lists(stack, members):
            if choosers := _selectors_of(bank, members, width):
                found, lists, selectors = True, lists | set(bank.names), selectors | choosers
        for bank in _fused(stack, members):
            choosers = _selectors_of(bank, members, width)
            if choosers or _stands_alone(bank, width, settings):
                found, selectors = True, selectors | choosers
                for name in bank.names:
                    fused[name] |= bank.counts
        if not found and width:
            flat, choosers = _flattened(stack, members, width, declared)
            fused.update(flat)
            selectors |= choosers
    return Unnamed(lists=frozenset(lists), fused=fused, selectors=frozenset(selectors))


def width_of(groups: Sequence[LogicalTensor], settings: Settings) -> int | None:
    """The hidden size: of the token table, else what most vectors of layers have."""
    table = find_token_table(groups, settings.vocabulary_size)
    if table is not None and table.shape:
        return table.shape[-1]
    vectors: Counter[int] = Counter()
    for group in groups:
        if len(group.shape or ()) == 1 and "*" in group.name:
            vectors[(group.shape or (0,))[0]] += group.count
    return next((size for size, _ in vectors.most_common(1)), None)


def _lists(stack: str, members: Iterable[LogicalTensor]) -> Iterable[_Bank]:
    """Lists within a layer whose items are alike and numbered 0 to n-1."""
    depth = stack.count(".") + 1
    numbers: dict[str, dict[tuple[str, tuple[int, ...] | None], set[tuple[int, ...]]]]
    numbers = defaultdict(lambda: defaultdict(set))
    for group in members:
        segments = group.name.split(".")
        for position in range(depth, len(segments)):
            if segments[position].count("*") == 1:
                stars = group.name.count("*", 0, len(".".join(segments[: position + 1])))
                seen = numbers[".".join(segments[: position + 1])]
                seen[group.name, group.shape] |= {index[:stars] for index in group.indices}
    for name, seen in numbers.items():
        runs = [_runs(indices) for indices in seen.values()]
        matrices = {tensor: shape for tensor, shape in seen if shape is None or len(shape) == 2}
        if all(runs) and 0 < len(matrices) <= _MOST_MATRICES:
            words = {segment for tensor, _ in seen for segment in tensor.split(".")[depth:]}
            above = tuple(name.split(".")[depth:])
            yield _Bank(
                (name,), above, tuple(words), frozenset().union(*runs), tuple(matrices.values()), name.count("*") - 1
            )


def _runs(indices: Iterable[tuple[int, ...]]) -> frozenset[int]:
    """How many numbers come last under each prefix; empty where they are not 0 to n-1 everywhere."""
    seen: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for *prefix, number in indices:
        seen[tuple(prefix)].add(number)
    runs = frozenset(len(found) for found in seen.values())
    is_whole = min(runs) > 1 and all(max(found) == len(found) - 1 for found in seen.values())
    return runs if is_whole else frozenset()


def _fused(stack: str, members: Sequence[LogicalTensor]) -> Iterable[_Bank]:
    """Tensors of three dimensions of a layer that have the first in common, by the part of the layer.

    Where all tensors of a layer have it, it is several layers in one.
    """
    depth = stack.count(".") + 1
    found: dict[tuple[str, int], list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for group in members:
        module, shape = module_of(group.name), group.shape or ()
        if len(shape) == 3 and shape[0] > 1:
            part = module[depth] if len(module) > depth + 1 else ""
            found[part, shape[0]].append((".".join(module), shape[1:]))
    for (_, count), tensors in found.items():
        names = dict(tensors)
        is_stacked = all((group.shape or ())[:1] == (count,) for group in members)
        if (
            not is_stacked
            and 1 < len(names) <= _MOST_MATRICES
            and all(min(shape) >= _NARROWEST for _, shape in tensors)
        ):
            words = {segment for name in names for segment in name.split(".")[depth:]}
            above = {segment for name in names for segment in name.split(".")[depth:-1]}
            shapes = tuple(shape for _, shape in tensors)
            yield _Bank(tuple(names), tuple(above), tuple(words), frozenset({count}), shapes, stack.count("*"))


def _selectors_of(bank: _Bank, members: Iterable[LogicalTensor], width: int | None) -> set[str]:
    """Modules that choose between the parts of this bank; empty where some layer's parts have none."""
    found: dict[int, set[str]] = defaultdict(set)
    narrow = [] if _mixes(bank.words) or not _is_feed_forward(bank) else list(_narrow(members, bank.numbers, width))
    read = {size for shape in bank.matrices for size in shape or ()} | {width}
    read |= {small for _, small, large in narrow if large == width}  # a router of two steps
    for module, count, large in narrow:
        is_part = any(module == name or module.startswith(f"{name}.") for name in bank.names)
        is_split = any(_are_heads(bank, count, size) for size in (large, width) if size)
        if count in bank.counts and large in read and not is_part and not is_split:
            found[count].add(module)
    return set().union(*found.values()) if set(found) == bank.counts else set()


def _is_feed_forward(bank: _Bank) -> bool:
    """Whether a part's matrices all read or write one width, and agree on the other (twice it where two are joined)."""
    shapes = [shape for shape in bank.matrices if shape]
    for width in shapes[0] if shapes else ():
        inner = {shape[shape[0] == width] for shape in shapes if width in shape}
        if all(width in shape for shape in shapes) and max(inner) in (min(inner), 2 * min(inner)):
            return True
    return not shapes


def _narrow(members: Iterable[LogicalTensor], numbers: int, width: int | None) -> Iterable[tuple[str, int, int]]:
    """Matrices of a layer, not of a list in it, that may be selectors: module, smaller and larger dimension."""
    words = vocabulary()
    for group in members:
        module, shape = module_of(group.name), group.shape
        if shape is None and width and group.parameters % width == 0:  # a packing that keeps no shape
            shape = (group.parameters // width, width)
        if shape is None or len(shape) != 2 or not 1 < min(shape) < max(shape):
            continue
        is_single = len({index[:numbers] for index in group.indices}) == group.count
        if is_single and not (words.norm.any(module[-2:]) or words.shared_experts.any(module) or _mixes(module)):
            yield ".".join(module), min(shape), max(shape)


def _stands_alone(bank: _Bank, width: int | None, settings: Settings) -> bool:
    """Whether fused tensors without a selector can be nothing but experts (of a router that has no weights)."""
    count = max(bank.counts)
    if not width or count < _FEWEST_ALONE or _mixes(bank.words) or _are_heads(bank, count, width):
        return False
    if count >= width or not _is_feed_forward(bank):
        return False
    per_head, explained = settings.integer("head_dim"), vocabulary().keys.of_other_parts
    for shape in bank.matrices:
        if not shape or width not in shape or per_head in shape or min(shape) < _NARROWEST_ALONE:
            return False
    return not any(value == count and explained.any(key.lower().split("_")) for key, value in settings.items())


def _are_heads(bank: _Bank, count: int, width: int) -> bool:
    """Whether parts are together as wide as the layer: blocks of one map, or heads where no word says feed-forward."""
    shapes, share = [shape for shape in bank.matrices if shape], width // count
    if not shapes or share * count != width:
        return False
    if not any(width in shape for shape in shapes):
        return all(share in shape for shape in shapes)
    inner = {size for shape in shapes for size in shape if size != width}
    return inner == {share} and not vocabulary().dense_ffn.any(bank.above)


def _mixes(segments: Iterable[str]) -> bool:
    """Whether a word says that positions are mixed; `mixer` alone names any sublayer in some hybrids."""
    words, segments = vocabulary(), [segment for segment in segments if segment != "mixer"]
    return words.attention.any(segments) or (words.mixer.any(segments) and not words.dense_ffn.any(segments))


def _flattened(
    stack: str, members: Sequence[LogicalTensor], width: int, declared: Collection[int]
) -> tuple[dict[str, frozenset[int]], set[str]]:
    """Experts laid out in two dimensions, in a module with their selector, and that selector.

    Where config.json does not say how many there are, they have to be wider than a dense feed-forward network.
    """
    depth = stack.count(".") + 1
    parts: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for group in members:
        module, shape = module_of(group.name), group.shape or ()
        if group.shape is None and is_wider_than_dense(group, width):  # a packing that keeps no shape
            shape = (group.parameters // width, width)
        if len(shape) == 2 and len(module) > depth + 1 and not _mixes(module):
            parts[module[depth]].append((".".join(module), shape))
    for module_name, count, wide in _narrow(members, stack.count("*"), width):
        beside = parts.get(module_name.split(".")[depth], []) if module_name.count(".") > depth else []
        flat = {name: one for name, shape in beside if (one := _one_of(count, shape, width, count in declared))}
        bank = _Bank(tuple(flat), (), (), frozenset({count}), tuple(flat.values()), 0)
        if wide == width and 4 * count <= width and 1 < len(flat) <= _MOST_MATRICES and _is_feed_forward(bank):
            return {name: frozenset({count}) for name in flat}, {module_name}
    return {}, set()


def is_wider_than_dense(group: LogicalTensor, width: int) -> bool:
    """Whether a tensor has more rows of this width than a dense feed-forward layer would."""
    return group.parameters > _DENSE_RATIO * width**2 and group.parameters % width == 0


def _one_of(count: int, shape: tuple[int, ...], width: int, is_declared: bool) -> tuple[int, int] | None:
    """The shape of one of `count` experts that a matrix holds one after the other; None where it holds none."""
    rows, columns = max(shape), min(shape)
    one = (rows // count, columns)
    is_wide = is_declared or rows > _DENSE_RATIO * width
    return one if rows % count == 0 and width in one and min(one) >= _NARROWEST and is_wide else None
