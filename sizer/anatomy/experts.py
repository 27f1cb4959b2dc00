"""Routed experts: which tensors hold them, how many there are in each layer, how many a token uses.

Four layouts occur (all in any packing): one tensor per expert and projection, fused in three dimensions
(experts first), flattened into two dimensions, and encoder-decoder stacks of the first. The headers decide;
config.json says only how many a token uses.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import field, replace
from fractions import Fraction
from itertools import accumulate
from math import comb

from sizer.anatomy.hidden import hidden_experts
from sizer.anatomy.parts import module_of
from sizer.anatomy.settings import Settings
from sizer.anatomy.top_k import TopK, is_count, zero_experts
from sizer.anatomy.unnamed import Unnamed, find_unnamed, is_wider_than_dense, layer_of, width_of
from sizer.anatomy.vocabulary import vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor
from sizer.values import frozen

__all__ = ["ActiveRouted", "ExpertLayers", "find_experts", "notices_about", "routed_active"]

Block = tuple[str, tuple[int, ...]]
"""One MoE layer: the name template up to its experts, and the numbers in it."""
Indices = tuple[tuple[int, ...], ...]
"""The numbers of each tensor of a group."""


_EVENLY = "the mean if the router picks every expert equally often; several picks can fall on one set of weights"


@frozen
class ExpertLayers:
    """The routed experts of a checkpoint, by MoE layer."""

    experts: dict[Block, int]
    """Experts that have weights, in each MoE layer."""
    parameters: dict[Block, dict[int, int]]
    """Routed parameters of each expert of each MoE layer (expert -1 stands for an even share of all)."""
    routed: tuple[LogicalTensor, ...]
    """The groups that hold routed experts."""
    rest: tuple[LogicalTensor, ...]
    """The groups that do not, in the order given."""
    router_rows: dict[Block, int]
    """Rows of the router of each layer, where a router was seen: experts without weights included."""
    unnamed: Unnamed
    """Those of them, and their routers, that no word tells."""
    apart: frozenset[Block] = frozenset()
    """Layers with several sets of experts that no router chooses from as one."""
    hidden: int | None = None
    """Experts that config.json declares and shapes bear out, where none was recognised."""
    shared_inside: int = 0
    """Of the experts of each layer those that every token uses, stored as the last of the routed ones."""
    uses: dict[Block, int] = field(default_factory=dict)
    """Layers that pick from the experts of this one, where there are more than itself: routers without experts."""

    @property
    def by_layer(self) -> list[int]:
        """Experts of each layer that has some, in order; the larger number where a layer has two sets."""
        counts: dict[Block, int] = {}
        for (head, index), count in sorted(self.experts.items()):
            layer = (layer_of(head.split(".")), index[:1])
            counts[layer] = max(count - self.shared_inside, counts.get(layer, 0))
        return list(counts.values())

    @property
    def held(self) -> frozenset[int]:
        """The numbers of experts that layers choose from, those without weights included."""
        return frozenset(
            self.router_rows.get(block, count - self.shared_inside) for block, count in self.experts.items()
        )

    @property
    def total(self) -> int:
        """All routed parameters."""
        return sum(sum(by_expert.values()) for by_expert in self.parameters.values())


@frozen
class ActiveRouted:
    """Routed parameters that one token uses; `minimum` and `maximum` differ where the number varies per token."""

    mean: int | None
    minimum: int
    maximum: int
    varies: bool = False
    reason: str = ""
    """Why there is no mean, or what it assumes."""


def find_experts(groups: Sequence[LogicalTensor], settings: Settings) -> ExpertLayers:
    """The routed experts among these tensors of one text stack."""
    declared = _declared_counts(settings)
    router_rows = _router_rows(groups, declared)
    evidence = _gather(groups, declared, router_rows, width_of(groups, settings) or 0)
    layers = _collect(groups, evidence, router_rows)
    told = {layer_of(head.split(".")) for head, _ in layers.experts}
    unnamed = find_unnamed(layers.rest, told, settings)
    layers = _join_sets(layers, evidence.width)
    if unnamed.any:
        rows = {stack: router_rows.get(stack, set()) | set(more) for stack, more in unnamed.rows.items()}
        found = _collect(groups, replace(evidence, unnamed=unnamed), router_rows | rows)
        found = _join_sets(found, evidence.width)
        counts = {*found.held, *found.experts.values()}
        layers = layers if declared and declared.isdisjoint(counts) else found  # shapes alone do not refute config.json
    hidden = None if layers.experts else hidden_experts(layers.rest, settings)
    return replace(layers, uses=_uses(layers), hidden=hidden, shared_inside=_shared_inside(layers, settings))


def _join_sets(layers: ExpertLayers, width: int) -> ExpertLayers:
    """Numbered sets within a layer as one, where a router outside them has a row for each expert of them all.

    Where it has a row for each set, a token uses some sets and some experts of each: how many is not known. Where
    there is none, the sets are layers within layers.
    """
    sets: dict[Block, list[Block]] = defaultdict(list)
    for head, index in sorted(layers.experts):
        if len(index) > 1:
            sets[head, index[:-1]].append((head, index))
    experts, parameters, rows = dict(layers.experts), dict(layers.parameters), dict(layers.router_rows)
    apart, selectors = set(layers.apart), set(layers.unnamed.selectors)
    for (head, outer), blocks in sets.items():
        counts = [layers.experts[block] for block in blocks]
        choosers = {} if len(blocks) < 2 else _choosers(layers.rest, head, outer, width)
        if len(blocks) in choosers and len({*counts}) == 1:
            apart.update(blocks)
        elif sum(counts) in choosers:
            joined = head.rpartition("*")[0].rpartition(".")[0], outer
            experts[joined], rows[joined], parameters[joined] = sum(counts), sum(counts), defaultdict(int)
            for first, block in zip(accumulate(counts, initial=0), blocks, strict=False):
                for expert, size in parameters.pop(block).items():
                    parameters[joined][expert if expert < 0 else expert + first] += size
                del experts[block]
                rows.pop(block, None)
            selectors.add(choosers[sum(counts)])
    return replace(
        layers,
        experts=experts,
        parameters=parameters,
        router_rows=rows,
        apart=frozenset(apart),
        unnamed=replace(layers.unnamed, selectors=frozenset(selectors)) if layers.unnamed.any else layers.unnamed,
    )


def _choosers(rest: Sequence[LogicalTensor], head: str, outer: tuple[int, ...], width: int) -> dict[int, str]:
    """Modules of a layer that may choose between numbered sets in it, or between the experts of all, by their rows."""
    found = {}
    for group in rest:
        shape, segments = group.shape or (), group.name.split(".")
        is_outside = group.name.count("*") == len(outer) and layer_of(segments) == layer_of(head.split("."))
        if is_outside and len(shape) == 2 and max(shape) == width and outer in group.indices:
            found[min(shape)] = ".".join(module_of(group.name))
    return found


def _collect(groups: Sequence[LogicalTensor], evidence: _Evidence, router_rows: dict[str, set[int]]) -> ExpertLayers:
    words = vocabulary()
    sizes: dict[Block, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    alike: dict[tuple[str, int, int, Indices], int] = defaultdict(int)  # `gate_proj` and `up_proj` of the same experts
    fused: dict[Block, int] = {}
    homes = [None if words.shared_experts.any(group.name.split(".")) else _home(group, evidence) for group in groups]
    firsts = _first_numbers(groups, homes, router_rows)
    for group, home in zip(groups, homes, strict=True):
        if home is None:
            continue
        first = firsts.get((home.head, home.bank), 0)
        if home.fused is None:
            alike[home.head, home.stars, first, group.indices] += group.parameters
            continue
        for index in group.indices:
            block = home.head, index[: home.stars]
            if (home.head, home.bank) in firsts:  # one of several sets
                for expert in range(first, first + home.fused):
                    sizes[block][expert] += group.parameters // home.fused
            else:
                fused[block] = max(home.fused, fused.get(block, 0))
                sizes[block][-1] += group.parameters
    for (head, stars, first, indices), parameters in alike.items():
        for index in indices:
            sizes[head, index[:stars]][first + index[stars]] += parameters
    # `experts.0` alone is a dense layer under another name
    numbered = {block: len(by_expert) - (-1 in by_expert) for block, by_expert in sizes.items()}
    counts = {block: count for block, count in numbered.items() if count > 1}
    counts.update({block: max(count, counts.get(block, 0)) for block, count in fused.items()})
    routed, rest = _split(groups, [(home.head, home.stars) if home else None for home in homes], counts)
    rows = {block: rows for block in counts if (rows := _rows_of(block, router_rows))}
    split = {head for head, _ in firsts}
    return ExpertLayers(
        experts=counts,
        parameters={block: dict(by_expert) for block, by_expert in sizes.items() if block in counts},
        routed=tuple(routed),
        rest=tuple(rest),
        router_rows=rows,
        unnamed=evidence.unnamed,
        apart=frozenset(block for block, count in counts.items() if block[0] in split and rows.get(block) != count),
    )


@frozen
class _Home:
    """Where a tensor of routed experts belongs."""

    head: str
    """The template of its MoE layer up to the experts."""
    stars: int
    """Numbers in it."""
    bank: str
    """The template of its set of experts: `layers.*.mlp.big_experts`."""
    tail: str
    """Its name within an expert."""
    fused: int | None = None
    """How many experts it holds; None for one."""


def _home(group: LogicalTensor, evidence: _Evidence) -> _Home | None:
    """Where a tensor belongs if it is of routed experts."""
    segments = group.name.split(".")
    if (star := _expert_star(group, segments, evidence)) is not None:
        if _is_row_of_router(group):
            return None
        head, stars = _block_name(segments, star, evidence.unnamed)
        return _Home(head=head, stars=stars, bank=".".join(segments[:star]), tail=".".join(segments[star + 1 :]))
    if (count := _fused_count(group, segments, evidence)) is not None:
        head, stars = _fused_block_name(segments)
        depth = head.count(".") + 2
        return _Home(
            head=head, stars=stars, bank=".".join(segments[:depth]), tail=".".join(segments[depth:]), fused=count
        )
    return None


def _is_row_of_router(group: LogicalTensor) -> bool:
    """Whether each expert holds its own row of the router: `experts.3.gate.weight` of [1, width]."""
    segments = group.name.removesuffix(".weight").split(".")
    return len(group.shape or ()) == 2 and min(group.shape or (0,)) == 1 and vocabulary().router.has(segments[-1])


def _first_numbers(
    groups: Sequence[LogicalTensor], homes: Sequence[_Home | None], router_rows: dict[str, set[int]]
) -> dict[tuple[str, str], int]:
    """The number of the first expert of each set, where layers have several: whole networks under several words.

    `up_experts.3` and `down_experts.3` are one expert, `big_experts.3.up` and `small_experts.3.up` are two. Sets of
    equally many, without a router for all of them, have each a router of their own: a token uses the same of each.
    """
    tails: dict[tuple[str, str], set[str]] = defaultdict(set)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    largest = functools.cache(lambda indices, stars: max(index[stars] for index in indices))
    for group, home in zip(groups, homes, strict=True):
        if home is not None and len(group.shape or (0, 0)) > 1:
            tails[home.head, home.bank].add(home.tail)
            count = largest(group.indices, home.stars) + 1 if home.fused is None else home.fused
            counts[home.head, home.bank] = max(count, counts[home.head, home.bank])
    firsts: dict[tuple[str, str], int] = {}
    for head, bank in sorted(tails):
        alike = [other for other in tails if other[0] == head and len(tails[other] & tails[head, bank]) > 1]
        numbers = [counts[other] for other in alike]
        if len({*numbers}) > 1 or (len(alike) > 1 and sum(numbers) in _rows_near(head, router_rows)):
            firsts[head, bank] = sum(counts[other] for other in alike if other[1] < bank)
    return firsts


def _shared_inside(layers: ExpertLayers, settings: Settings) -> int:
    """How many of the stored experts are shared: those that config.json declares, that stand nowhere else, and that
    neither its number of experts nor the router counts.
    """
    shared = settings.integer(*vocabulary().keys.shared_experts) or 0
    declared, counts = _declared_counts(settings), {*layers.experts.values()}
    is_elsewhere = any(vocabulary().shared_experts.any(group.name.split(".")) for group in layers.rest)
    if not shared or is_elsewhere or len(counts) != 1 or layers.apart or layers.uses:
        return 0
    chosen = max(counts) - shared
    rows = {layers.router_rows.get(block, chosen) for block in layers.experts}
    return shared if chosen in declared and rows == {chosen} and chosen > 0 else 0


def _uses(layers: ExpertLayers) -> dict[Block, int]:
    """How many layers pick from each set of experts, where routers stand in layers that have none of their own.

    So it is where each run of so many layers has one set: in its first layer, or its last.
    """
    words, routers = vocabulary(), defaultdict[tuple[str, int], set[int]](set)
    for group in layers.rest:
        segments, shape = group.name.split("."), group.shape or ()
        place = next((i for i, s in enumerate(segments) if words.router.has(s)), None)
        if place is not None and len(shape) == 2 and not words.attention.any(segments) and group.indices[0]:
            routers[layer_of(segments[:place]), min(shape)] |= {index[0] for index in group.indices}
    owners = defaultdict[tuple[str, int], set[int]](set)
    for (head, index), count in layers.experts.items():
        if index:
            owners[layer_of(head.split(".")), count] |= {index[0]}
    uses: dict[Block, int] = {}
    for (head, index), count in layers.experts.items():
        own, all_of_them = owners[layer_of(head.split(".")), count], routers[layer_of(head.split(".")), count]
        run, ordered = len(all_of_them) // max(len(own), 1), sorted(all_of_them)
        if run > 1 and len(own) > 1 and sorted(own) in (ordered[::run], ordered[run - 1 :: run]):
            uses[head, index] = run
        pickers = max((len(seen) for (_, rows), seen in routers.items() if rows == count), default=0)
        if not index and pickers > 1:  # one set beside the layers
            uses[head, index] = pickers
    return uses


def routed_active(layers: ExpertLayers, top_k: TopK, settings: Settings) -> ActiveRouted:
    """Routed parameters one token uses, over all MoE layers."""
    everything, zero = layers.total, zero_experts(settings)
    if layers.hidden:
        why = f"config.json declares {layers.hidden} experts, and no tensor was recognised as one"
        return ActiveRouted(mean=None, minimum=0, maximum=0, reason=why)
    if not layers.experts:
        return ActiveRouted(mean=0, minimum=0, maximum=0)
    if top_k.value is None and not top_k.per_layer:
        fewest = 0 if zero else 1 + layers.shared_inside
        least = sum(sum(sorted(_text_sizes(layers, block, settings))[:fewest]) for block in layers.experts)
        return ActiveRouted(mean=None, minimum=least, maximum=everything, reason=top_k.reason)
    if layers.apart:
        why = "layers have several sets of experts, and nothing says how many a token uses of each"
        return ActiveRouted(mean=None, minimum=0, maximum=everything, reason=why)
    is_listed = isinstance(settings.integers(*vocabulary().keys.experts), list)
    mean, low, high, varies, reason = Fraction(0), 0, 0, False, ""
    for order, block in enumerate(sorted(layers.experts)):
        k, rows = _k_of(block, order, top_k, len(layers.experts)), layers.router_rows.get(block, 0)
        sizes = _text_sizes(layers, block, settings)
        if k is None:
            return ActiveRouted(
                mean=None, minimum=0, maximum=everything,
                reason=f"config.json gives {len(top_k.per_layer)} top-k values for {len(layers.experts)} MoE layers",
            )  # fmt: skip
        if layers.uses.get(block) or _is_grouped(block):
            share, fewest, most = _distinct(layers, block, k)
            mean += share * sum(sizes)
            low, high, varies = low + sum(sorted(sizes)[:fewest]), high + sum(sorted(sizes)[-most:]), True
            reason = _EVENLY
            continue
        if always := layers.shared_inside:
            sizes, kept = sizes[:-always], sum(sizes[-always:])
            mean, low, high = mean + kept, low + kept, high + kept
        if 1 < rows < len(sizes) <= 2 * rows and not is_listed:  # with far fewer, rows are keys
            why = f"routers choose among {rows} experts, and layers hold {len(sizes)}"
            return ActiveRouted(mean=None, minimum=0, maximum=everything, reason=why)
        k = min(k, len(sizes) + zero)
        mean += Fraction(k * sum(sizes), len(sizes) + zero)
        ordered = sorted(sizes)
        low += 0 if zero else sum(ordered[:k])
        high += sum(ordered[-k:])
        varies = varies or bool(zero) or len(set(sizes)) > 1
    return ActiveRouted(
        mean=round(mean), minimum=int(low), maximum=int(high), varies=varies and low != high, reason=reason
    )


def _distinct(layers: ExpertLayers, block: Block, k: int) -> tuple[Fraction, int, int]:
    """Of experts that several picks can fall on: the share that is used in the mean, the fewest and the most.

    Experts that several layers pick from, each layer k of them; or experts that belong to groups of the routed ones.
    """
    count, pickers = layers.experts[block], layers.uses.get(block, 0)
    if pickers:
        k = min(k, count)
        return 1 - (1 - Fraction(k, count)) ** pickers, k, min(count, k * pickers)
    choices = max(layers.router_rows.get(block, 0), count)
    size, k = max(choices // count, 1), min(k, choices)
    missed = Fraction(comb(choices - size, k), comb(choices, k))
    return 1 - missed, -(-k // size), min(k, count)


def _is_grouped(block: Block) -> bool:
    return vocabulary().grouped_experts.any(block[0].split("."))


def notices_about(layers: ExpertLayers, settings: Settings) -> list[Notice]:
    """Where config.json's expert count is not what the headers hold: the headers win."""
    if layers.hidden:
        message = f"config.json declares {layers.hidden} experts, and no tensor was recognised as one; active "
        return [Notice(code="config.experts", message=f"{message}parameters are unknown")]
    declared = settings.integers(*vocabulary().keys.experts)
    held = Counter(count for block, count in layers.experts.items() if not _is_grouped(block))
    if declared is None or not held:
        return []
    said = set(declared) if isinstance(declared, list) else {declared}
    if isinstance(declared, list):
        said.add(sum(declared))
    if all(count - layers.shared_inside in said for count in held):
        return []
    shown = ", ".join(f"{count} (in {n} layers)" for count, n in sorted(held.items()))
    return [
        Notice(
            code="config.experts",
            message=f"config.json declares {declared} experts, the headers hold {shown}; the headers are used",
        )
    ]


def _split(
    groups: Sequence[LogicalTensor], places: Sequence[tuple[str, int] | None], counts: dict[Block, int]
) -> tuple[list[LogicalTensor], list[LogicalTensor]]:
    """Groups in routed experts and the rest; one whose blocks are of both kinds is cut in two."""
    routed, rest = [], []

    @functools.cache
    def among(indices: Indices, head: str, stars: int) -> Indices:
        return tuple(index for index in indices if (head, index[:stars]) in counts)

    for group, place in zip(groups, places, strict=True):
        inside = among(group.indices, *place) if place else ()
        if len(inside) == group.count:
            routed.append(group)
        elif not inside:
            rest.append(group)
        else:
            routed.append(replace(group, indices=inside))
            rest.append(replace(group, indices=tuple(sorted(set(group.indices) - set(inside)))))
    return routed, rest


def _declared_counts(settings: Settings) -> frozenset[int]:
    keys = vocabulary().keys.experts
    value = settings.integers(*keys)
    if value is None:  # in a group that nobody listed
        value = [held for path, held, _ in settings.paths() if path.rpartition(".")[2] in keys and is_count(held)]
    numbers = value if isinstance(value, list) else [value] if value else []
    return frozenset(number for number in numbers if number > 1)


@frozen
class _Evidence:
    """What speaks for experts where no word of a name does."""

    counts: dict[str, frozenset[int]]
    """By stack, the numbers of experts that config.json, a router or a fused tensor under a plain word says."""
    homes: frozenset[str]
    """Modules that hold a tensor fused in three dimensions: what has a row per expert there belongs to them."""
    width: int = 0
    """Hidden size; 0 where it is not known."""
    unnamed: Unnamed = field(default_factory=Unnamed)

    def of(self, segments: Sequence[str]) -> frozenset[int]:
        return self.counts.get(layer_of(segments), frozenset())


def _gather(
    groups: Sequence[LogicalTensor], declared: frozenset[int], router_rows: dict[str, set[int]], width: int
) -> _Evidence:
    words = vocabulary()
    found: dict[str, set[int]] = defaultdict(set)
    for group in groups:
        segments = group.name.split(".")
        found[layer_of(segments)] |= declared | router_rows.get(layer_of(segments), set())
        if len(group.shape or ()) == 3 and words.fused_experts.any(segments) and not words.shared_experts.any(segments):
            found[layer_of(segments)].add((group.shape or (0,))[0])
    evidence = _Evidence(
        counts={stack: frozenset(count for count in counts if count > 1) for stack, counts in found.items()},
        homes=frozenset(),
        width=width,
    )
    fused = (
        group.name.rpartition(".")[0]
        for group in groups
        if len(group.shape or ()) >= 3 and _fused_count(group, group.name.split("."), evidence)
    )
    return replace(evidence, homes=frozenset(fused))


def _expert_star(group: LogicalTensor, segments: list[str], evidence: _Evidence) -> int | None:
    """The segment whose number tells experts apart, or None."""
    words = vocabulary()
    for position, segment in enumerate(segments):
        if segment == "*" and position and words.indexed_experts.has(segments[position - 1]):
            return position
        if words.numbered_expert.has(segment):
            return position
    unnamed = evidence.unnamed.list_position(segments)
    if unnamed is not None:
        return unnamed
    if words.norm.any(segments) or words.attention.any(segments):
        return None
    if len(group.shape or ()) > 2 and any(words.fused_experts.has(segment) for segment in segments[2:]):
        return None  # each of the numbered parts holds experts itself
    # no word says so: a number below the layer that runs over exactly as many values as there are experts
    stars = [position for position, segment in enumerate(segments) if segment == "*"]
    for order, position in enumerate(stars[1:], start=1):
        numbers: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for index in group.indices:
            numbers[index[:order]].add(index[order])
        if all(len(seen) in evidence.of(segments) and max(seen) == len(seen) - 1 for seen in numbers.values()):
            return position
    return None


def _block_name(segments: list[str], star: int, unnamed: Unnamed) -> tuple[str, int]:
    """The template of the MoE layer around the experts, and how many numbers stand in it."""
    words = vocabulary().indexed_experts
    head = segments[:star]
    if ".".join(segments[: star + 1]) in unnamed.pooled:
        head = head[:-1]
    is_grouped = vocabulary().grouped_experts.any(head)  # a set of its own beside the routed ones
    while (
        head and not is_grouped and any(words.has(segment) for segment in head[-2:])
    ):  # `experts`, or `experts.up_projs`
        head = head[:-1]
    return ".".join(head), sum(segment.count("*") for segment in segments[:star])


def _fused_count(group: LogicalTensor, segments: list[str], evidence: _Evidence) -> int | None:
    """How many experts a fused tensor holds, or None where it is not one."""
    words, shape, counts = vocabulary(), group.shape or (), evidence.of(segments)
    place = next((i for i, segment in enumerate(segments) if words.fused_experts.has(segment)), None)
    if unnamed := evidence.unnamed.fused_count(group):
        return unnamed
    if len(shape) >= 3 and shape[0] > 1:
        if place is not None:  # the layers may stand in front of them: [layers, experts, out, in]
            is_stacked = len(shape) > 3 and shape[0] not in counts and shape[1] in counts
            return shape[1] if is_stacked else shape[0]
        is_mixer = words.mixer.any(segments) and not words.dense_ffn.any(segments)
        is_beside = group.name.rpartition(".")[0] in evidence.homes  # `wo`, which may be an attention's, beside `wi`
        return shape[0] if shape[0] in counts and (is_beside or not is_mixer) else None
    if group.shape is None:
        return _count_without_shape(group, segments, place, evidence)
    if words.router.any(segments if place is None else segments[place + 1 :]):
        return None
    if not shape:
        return None
    is_beside = group.name.rpartition(".")[0] in evidence.homes
    if shape[0] in counts and (is_beside or words.expert_rows.any(segments)):
        return shape[0]  # biases and scales of fused experts
    if len(shape) == 2 and words.expert_rows.any(segments):  # experts flattened into rows or columns
        return next((count for count in sorted(counts) if any(size % count == 0 for size in shape)), None)
    return None


def _count_without_shape(
    group: LogicalTensor, segments: list[str], place: int | None, evidence: _Evidence
) -> int | None:
    """The same in a packing that keeps no shape (bitsandbytes 4-bit): by the word, or more rows than a dense layer."""
    words, width = vocabulary(), evidence.width
    is_wide = width > 0 and is_wider_than_dense(group, width)
    if place is None:
        is_other = words.head.any(segments) or words.input_embedding.any(segments) or words.mixer.any(segments)
        is_told = is_wide and "*" in group.name and (words.dense_ffn.any(segments) or not is_other)
    else:
        is_router = words.router.any(segments[place + 1 :])
        is_told = is_wide or (not is_router and (not width or words.expert_rows.any(segments)))
    size = group.parameters
    counts = (count for count in sorted(evidence.of(segments)) if size % (count * (width if is_wide else 1)) == 0)
    return next(counts, None) if is_told else None


def _fused_block_name(segments: list[str]) -> tuple[str, int]:
    """The template of the MoE layer around fused experts, and how many numbers stand in it."""
    words = vocabulary()
    place = next((i for i, segment in enumerate(segments) if words.fused_experts.has(segment)), len(segments) - 1)
    head = ".".join(segments[: place + words.grouped_experts.any(segments)])
    return head, head.count("*")


def _router_rows(groups: Sequence[LogicalTensor], declared: frozenset[int]) -> dict[str, set[int]]:
    """Router rows by the template of the layer that the router stands in."""
    words = vocabulary()
    found: dict[str, set[int]] = defaultdict(set)
    for group in groups:
        segments, shape = group.name.split("."), group.shape or ()
        place = next((i for i, s in enumerate(segments) if words.router.has(s)), None)
        if place is None or len(shape) != 2 or min(shape) < 2 or words.shared_experts.any(segments):
            continue
        is_narrow = 4 * min(shape) <= max(shape) and not words.attention.any(segments)
        if words.router_only.has(segments[place]) or min(shape) in declared or is_narrow:
            found[layer_of(segments[:place])].add(min(shape))
    return found


def _rows_near(name: str, router_rows: dict[str, set[int]]) -> frozenset[int]:
    return frozenset(router_rows.get(layer_of(name.split(".")), ()))


def _rows_of(block: Block, router_rows: dict[str, set[int]]) -> int:
    rows = _rows_near(block[0], router_rows)
    return max(rows) if rows else 0


def _k_of(block: Block, order: int, top_k: TopK, blocks: int) -> int | None:
    if top_k.value is not None:
        return top_k.value
    layer = block[1][0] if block[1] else order
    if layer < len(top_k.per_layer):
        return top_k.per_layer[layer] or None
    return top_k.per_layer[order] if len(top_k.per_layer) == blocks else None


def _text_sizes(layers: ExpertLayers, block: Block, settings: Settings) -> list[int]:
    """Parameters of each expert of a layer that a text token can be sent to.

    Where experts are of two sizes and the router has rows for some of them only (or config.json lists one count
    per modality), each modality has experts of its own: text comes first.
    """
    by_expert, count, rows = layers.parameters[block], layers.experts[block], layers.router_rows.get(block, 0)
    shared = Fraction(by_expert.get(-1, 0), count)
    sizes = [size for expert, size in sorted(by_expert.items()) if expert >= 0]
    if not sizes:
        return [int(shared)] * count if shared.denominator == 1 else [round(shared)] * count
    if len(set(sizes)) > 1:
        declared = settings.integers(*vocabulary().keys.experts)
        if isinstance(declared, list) and sum(declared) == len(sizes):
            sizes = sizes[: declared[0]]
        elif 0 < rows < len(sizes):
            sizes = sizes[:rows]
    own_share = round(shared)
    return [size + own_share for size in sizes]
