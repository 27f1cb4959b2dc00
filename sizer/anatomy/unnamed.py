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

from sizer.anatomy.alone import WIDEST_DENSE, join_projections, numbers_said, stands_alone
from sizer.anatomy.banks import (
    MOST_MATRICES,
    NARROWEST,
    Bank,
    are_heads,
    find_fused,
    find_lists,
    is_feed_forward,
    mixes,
)
from sizer.anatomy.parts import find_token_table, module_of
from sizer.anatomy.settings import Settings
from sizer.anatomy.top_k import is_count
from sizer.anatomy.vocabulary import vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor
from sizer.values import frozen

__all__ = ["Unnamed", "find_unnamed", "is_wider_than_dense", "layer_of", "width_of"]


@frozen
class Unnamed:
    """Routed experts that no word tells."""

    lists: frozenset[str] = frozenset()
    """Templates up to the number of the expert: `layers.*.ffn.units.*`."""
    fused: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Modules of tensors that hold all experts of a layer, with the numbers of experts that layers have."""
    selectors: frozenset[str] = frozenset()
    """Modules that have a row, or a column, for each expert."""
    pooled: frozenset[str] = frozenset()
    """Those of the lists that stand side by side in a module, as sets of experts that one selector may choose from."""
    rows: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By stack, the experts of several lists together, where a selector has a row for each."""

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
            is_beside = module.rpartition(".")[0] == name.rpartition(".")[0] and module not in self.selectors
            if is_beside and rows in counts and len(group.shape or ()) > 1:  # the kernels and norms of experts
                return rows
        return None


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
    lists, selectors, pooled = set[str](), set[str](), set[str]()
    rows: dict[str, frozenset[int]] = {}
    fused: dict[str, frozenset[int]] = defaultdict(frozenset)
    for stack, members in stacks.items():
        if not stack:
            continue
        banks, left = list(find_lists(stack, members)), list[Bank]()
        found = stack in told
        for bank in (bank for bank in banks if not found or mixes(bank.words)):
            if choosers := _selectors_of(bank, members, width, settings):
                lists, selectors = lists | set(bank.names), selectors | choosers
            else:
                left.append(bank)
        for bank in find_fused(stack, members):
            choosers = _selectors_of(bank, members, width, settings) if not found or mixes(bank.words) else set()
            if choosers or (not found and stands_alone(bank, width, settings, is_list=False)):
                selectors |= choosers
                if not choosers and (fewer := _fewer(bank, members, width)):
                    rows[stack] = fewer
                for name in bank.names:
                    fused[name] |= bank.counts
        if not found and not any(name.startswith(f"{stack}.") for name in (*lists, *fused)):
            pool = [bank for bank in join_projections(left) if is_feed_forward(bank) and not mixes(bank.words)]
            choosers, together = _selectors_of_all(pool, members, width)
            if choosers:
                selectors |= choosers
                rows[stack] = frozenset({together})
            alone = [bank for bank in pool if choosers or stands_alone(bank, width, settings, is_list=True)]
            for bank in alone:
                lists |= set(bank.names)
                if not choosers and (fewer := _fewer(bank, members, width)):
                    rows[stack] = fewer
                pooled |= set(bank.names) if len(alone) > 1 and len(bank.names) == 1 else set()
        is_found = found or any(name.startswith(f"{stack}.") for name in (*lists, *fused))
        if not is_found and width:
            flat, choosers = _flattened(stack, members, width, declared, settings)
            fused.update(flat)
            selectors |= choosers
    return Unnamed(
        lists=frozenset(lists), fused=fused, selectors=frozenset(selectors), pooled=frozenset(pooled), rows=rows
    )


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


def _selectors_of(bank: Bank, members: Sequence[LogicalTensor], width: int | None, settings: Settings) -> set[str]:
    """Modules that choose between the parts of this bank; empty where some layer's parts have none."""
    found: dict[int, set[str]] = defaultdict(set)
    is_attention = mixes(bank.words)
    is_possible = _attends_by_choice(bank, width, settings) if is_attention else is_feed_forward(bank)
    narrow = list(_narrow(members, bank.numbers, width, attends=is_attention)) if is_possible else []
    read = {size for shape in bank.shapes for size in shape} | {width}
    read |= {small for _, small, large in narrow if large == width}  # a router of two steps
    home = f"{bank.names[0].removesuffix('.*').rpartition('.')[0]}."
    for module, count, large in narrow:
        is_part = any(module == name or module.startswith(f"{name}.") for name in bank.names)
        is_split = any(are_heads(bank, count, size) for size in (large, width) if size)
        is_elsewhere = is_attention and not module.startswith(home)
        if count in bank.counts and large in read and not is_part and not is_split and not is_elsewhere:
            found[count].add(module)
    return set().union(*found.values()) if set(found) == bank.counts else set()


def _selectors_of_all(
    pool: Sequence[Bank], members: Iterable[LogicalTensor], width: int | None
) -> tuple[set[str], int]:
    """Modules that choose between the parts of several lists of one module as one set, and how many parts that are."""
    homes = {bank.names[0].removesuffix(".*").rpartition(".")[0] for bank in pool}
    together = sum(max(bank.counts) for bank in pool)
    if len(pool) < 2 or len(homes) > 1 or any(len(bank.counts) > 1 for bank in pool):
        return set(), 0
    narrow = _narrow(members, pool[0].numbers, width)
    return {module for module, count, wide in narrow if count == together and wide == width}, together


def _fewer(bank: Bank, members: Iterable[LogicalTensor], width: int | None) -> frozenset[int]:
    """Rows of what chooses among most of the parts and not all: the rest is used by every token, or by none."""
    most = max(bank.counts)
    narrow = _narrow(members, bank.numbers, width)
    return frozenset(count for _, count, wide in narrow if wide == width and most <= 2 * count < 2 * most)


def _attends_by_choice(bank: Bank, width: int | None, settings: Settings) -> bool:
    """Whether parts of attention may be experts: projections from and to the width, not as many as heads."""
    keys, words = vocabulary().keys, vocabulary()
    heads = {value for key, value in settings.items() if is_count(value) and keys.of_heads.any(key.lower().split("_"))}
    is_many = all(len(matrices) > 1 for matrices in bank.sizes) and all(width in shape for shape in bank.shapes)
    is_other = any(keys.of_other_parts.any({*segment.split("_")} - {"attn", "attention"}) for segment in bank.words)
    return bool(heads) and not bank.counts & heads and is_many and not is_other and not words.norm.any(bank.words)


def _narrow(
    members: Iterable[LogicalTensor], numbers: int, width: int | None, *, attends: bool = False
) -> Iterable[tuple[str, int, int]]:
    """Matrices of a layer, not of a list in it, that may be selectors: module, smaller and larger dimension.

    One of experts that attend stands among words of attention, but is none of its projections.
    """
    words = vocabulary()
    for group in members:
        module, shape = module_of(group.name), group.shape
        if shape is None and width and group.parameters % width == 0:  # a packing that keeps no shape
            shape = (group.parameters // width, width)
        if shape is None or len(shape) != 2 or not 1 < min(shape) < max(shape):
            continue
        is_single = len({index[:numbers] for index in group.indices}) == group.count
        is_mixer = words.mixer.has(module[-1]) if attends else mixes(module)
        if is_single and not (words.norm.any(module[-2:]) or words.shared_experts.any(module) or is_mixer):
            yield ".".join(module), min(shape), max(shape)


def _flattened(
    stack: str, members: Sequence[LogicalTensor], width: int, declared: Collection[int], settings: Settings
) -> tuple[dict[str, frozenset[int]], set[str]]:
    """Experts laid out in two dimensions, in a module with their selector, and that selector.

    Where config.json does not say how many there are, they have to be wider than a dense feed-forward network, or
    their number and width stand in config.json under keys that nobody knows. Where there is no selector, config.json
    has to say how many there are and how many are picked.
    """
    said, sizes = numbers_said(settings), {value for _, value, _ in settings.paths() if is_count(value)}
    depth = stack.count(".") + 1
    parts: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for group in members:
        module, shape = module_of(group.name), group.shape or ()
        if group.shape is None and is_wider_than_dense(group, width):  # a packing that keeps no shape
            shape = (group.parameters // width, width)
        if len(shape) == 2 and len(module) > depth + 1 and not mixes(module):
            parts[module[depth]].append((".".join(module), shape))
    known = {*declared, *said}
    narrow = list(_narrow(members, stack.count("*"), width))
    for module_name, count, wide in narrow:
        beside = parts.get(module_name.split(".")[depth], []) if module_name.count(".") > depth else []
        is_known = count in known or (
            count in sizes
            and all(_widths(count, shape, width) & sizes and shape != (width, width) for _, shape in beside)
            and [rows for _, rows, _ in narrow].count(count) == 1  # not keys and values
        )
        flat = {name: one for name, shape in beside if (one := _one_of(count, shape, width, is_known))}
        bank = Bank(tuple(flat), (), (), frozenset({count}), (tuple(flat.values()),), 0)
        if wide == width and 4 * count <= width and 1 < len(flat) <= MOST_MATRICES and is_feed_forward(bank):
            return {name: frozenset({count}) for name in flat}, {module_name}
    for count in said:
        for beside in parts.values():
            flat = {name: one for name, shape in beside if (one := _one_of(count, shape, width, is_declared=False))}
            bank = Bank(tuple(flat), (), (), frozenset({count}), (tuple(flat.values()),), 0)
            if 1 < len(flat) <= MOST_MATRICES and is_feed_forward(bank):
                return {name: frozenset({count}) for name in flat}, set()
    return {}, set()


def is_wider_than_dense(group: LogicalTensor, width: int) -> bool:
    """Whether a tensor has more rows of this width than a dense feed-forward layer would."""
    return group.parameters > WIDEST_DENSE * width**2 and group.parameters % width == 0


def _widths(count: int, shape: tuple[int, ...], width: int) -> set[int]:
    """What the width of one of `count` experts in a matrix may be: itself, and half of it where two are joined."""
    sides = {*shape, max(shape) // count} - {width, max(shape)}
    return sides | {side // 2 for side in sides}


def _one_of(count: int, shape: tuple[int, ...], width: int, is_declared: bool) -> tuple[int, int] | None:
    """The shape of one of `count` experts that a matrix holds one after the other; None where it holds none."""
    rows, columns = max(shape), min(shape)
    one = (rows // count, columns)
    is_wide = is_declared or rows > WIDEST_DENSE * width
    return one if rows % count == 0 and width in one and min(one) >= NARROWEST and is_wide else None
