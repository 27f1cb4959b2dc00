"""Routed experts: which tensors hold them, how many there are in each layer, how many a token uses.

Four layouts occur (all in any packing): one tensor per expert and projection, fused in three dimensions
(experts first), flattened into two dimensions, and encoder-decoder stacks of the first. The headers decide;
config.json says only how many a token uses.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import Family, vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor

__all__ = ["ActiveRouted", "ExpertLayers", "TopK", "find_experts", "read_top_k", "routed_active"]

EXPERT_COUNT_KEYS = (
    "n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts", "ffn_config.moe_num_experts",
    "moe.num_experts", "num_moe_experts", "n_experts", "expert_count",
)  # fmt: skip
TOP_K_KEYS = (
    "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk", "moe_top_k", "moe_k",
    "top_k_experts", "ffn_config.moe_top_k", "moe.num_experts_per_tok", "num_selected_experts",
    "moe_router_topk", "expert_used_count", "router_top_k", "num_experts_per_layer_tok", "n_experts_per_tok",
    "n_activated_experts", "moe_num_active_experts", "num_activated_experts",
)  # fmt: skip
SHARED_COUNT_KEYS = (
    "n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts", "expert_shared_count",
)  # fmt: skip

Block = tuple[str, tuple[int, ...]]
"""One MoE layer: the name template up to its experts, and the numbers in it."""


@dataclass(frozen=True, kw_only=True)
class ExpertLayers:
    """The routed experts of a checkpoint, by MoE layer."""

    experts: dict[Block, int]
    """Experts that have weights, in each MoE layer."""
    parameters: dict[Block, dict[int, int]]
    """Routed parameters of each expert of each MoE layer (expert -1 stands for an even share of all)."""
    groups: frozenset[int]
    """Positions, in the list given to `find_experts`, of the groups that hold routed experts."""
    router_rows: dict[Block, int]
    """Rows of the router of each layer, where a router was seen: experts without weights included."""

    @property
    def total(self) -> int:
        """All routed parameters."""
        return sum(sum(by_expert.values()) for by_expert in self.parameters.values())


@dataclass(frozen=True, kw_only=True)
class TopK:
    """How many routed experts a token uses."""

    value: int | None
    """The number, where it is the same in every layer."""
    per_layer: tuple[int, ...] = ()
    """One number a layer, where it varies."""
    source: str = ""
    """The config key, or the family's file."""
    reason: str = ""
    """Why it is unknown."""


@dataclass(frozen=True, kw_only=True)
class ActiveRouted:
    """Routed parameters that one token uses; `minimum` and `maximum` differ where the number varies per token."""

    mean: int | None
    minimum: int
    maximum: int
    varies: bool = False
    reason: str = ""


def find_experts(groups: Sequence[LogicalTensor], settings: Settings) -> ExpertLayers:
    """The routed experts among these tensors of one text stack."""
    words = vocabulary()
    declared = _declared_counts(settings)
    router_rows = _router_rows(groups, declared)
    sizes: dict[Block, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    counts: dict[Block, int] = {}
    members: set[int] = set()
    indexed: dict[Block, set[int]] = defaultdict(set)
    fused: list[tuple[int, Block, int, LogicalTensor]] = []
    for position, group in enumerate(groups):
        segments = group.name.split(".")
        if words.shared_experts.any(segments):
            continue
        star = _expert_star(segments)
        if star is not None:
            members.add(position)
            head, stars_before = _block_name(segments, star)
            for index in group.indices:
                block = (head, index[:stars_before])
                indexed[block].add(index[stars_before])
                sizes[block][index[stars_before]] += group.parameters
        elif (count := _fused_count(group, segments, declared, router_rows)) is not None:
            fused.extend((position, block, count, group) for block in _fused_blocks(group, segments))
    for block, seen in list(indexed.items()):
        if len(seen) < 2:  # `experts.0` alone is a dense layer under another name
            del indexed[block], sizes[block]
    counts.update({block: len(seen) for block, seen in indexed.items()})
    for position, block, count, group in fused:
        members.add(position)
        counts[block] = max(count, counts.get(block, 0))
        sizes[block][-1] += group.parameters
    members = {p for p in members if _has_block(groups[p], counts)}
    return ExpertLayers(
        experts=counts,
        parameters={block: dict(by_expert) for block, by_expert in sizes.items()},
        groups=frozenset(members),
        router_rows={block: rows for block in counts if (rows := _rows_of(block, router_rows))},
    )


def read_top_k(settings: Settings, family: Family, layers: ExpertLayers) -> TopK:
    """How many experts a token uses, from config.json's known keys, else from the family's file."""
    most = max((layers.router_rows.get(block, count) for block, count in layers.experts.items()), default=0)
    value = settings.integers(*TOP_K_KEYS)
    key = next((key for key in TOP_K_KEYS if settings.raw(key) is not None), "")
    if value is None and family.experts_per_token is not None:
        value, key = family.experts_per_token, "fixed by the architecture"
    if value is None:
        where = "there is no config.json" if settings.is_missing else "config.json has no top-k"
        return TopK(value=None, reason=where)
    numbers = value if isinstance(value, list) else [value]
    if bad := [number for number in numbers if not 0 < number <= most]:
        return TopK(value=None, reason=f"config.json says {bad[0]} experts per token, the layers have {most}")
    if len(set(numbers)) == 1:
        return TopK(value=numbers[0], source=key)
    return TopK(value=None, per_layer=tuple(numbers), source=key)


def routed_active(layers: ExpertLayers, top_k: TopK, settings: Settings) -> ActiveRouted:
    """Routed parameters one token uses, over all MoE layers."""
    everything = layers.total
    if not layers.experts:
        return ActiveRouted(mean=0, minimum=0, maximum=0)
    if top_k.value is None and not top_k.per_layer:
        return ActiveRouted(mean=None, minimum=0, maximum=everything, reason=top_k.reason)
    zero = _zero_experts(settings)
    mean, low, high, varies = Fraction(0), 0, 0, False
    for order, (block, count) in enumerate(sorted(layers.experts.items(), key=lambda item: item[0])):
        k = _k_of(block, order, top_k, len(layers.experts))
        sizes = _text_sizes(layers.parameters[block], count, settings)
        if k is None:
            return ActiveRouted(
                mean=None, minimum=0, maximum=everything,
                reason=f"config.json gives {len(top_k.per_layer)} top-k values for {len(layers.experts)} MoE layers",
            )  # fmt: skip
        k = min(k, len(sizes) + zero)
        mean += Fraction(k * sum(sizes), len(sizes) + zero)
        ordered = sorted(sizes)
        low += 0 if zero else sum(ordered[:k])
        high += sum(ordered[-k:])
        varies = varies or bool(zero) or len(set(sizes)) > 1
    return ActiveRouted(mean=round(mean), minimum=int(low), maximum=int(high), varies=varies and low != high)


def notices_about(layers: ExpertLayers, settings: Settings) -> list[Notice]:
    """Where config.json's expert count is not what the headers hold: the headers win."""
    declared = settings.integers(*EXPERT_COUNT_KEYS)
    held = Counter(layers.experts.values())
    if declared is None or not held:
        return []
    said = set(declared) if isinstance(declared, list) else {declared}
    if isinstance(declared, list):
        said.add(sum(declared))
    if all(count in said for count in held):
        return []
    shown = ", ".join(f"{count} (in {n} layers)" for count, n in sorted(held.items()))
    return [
        Notice(
            code="config.experts",
            message=f"config.json declares {declared} experts, the headers hold {shown}; the headers are used",
        )
    ]


def _declared_counts(settings: Settings) -> frozenset[int]:
    value = settings.integers(*EXPERT_COUNT_KEYS)
    numbers = value if isinstance(value, list) else [value] if value else []
    return frozenset(number for number in numbers if number > 1)


def _zero_experts(settings: Settings) -> int:
    """Experts without weights that the router may pick (identity experts), from a key that says so."""
    for key, value in settings.items():
        if "zero" in key and "expert" in key and isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0


def _expert_star(segments: list[str]) -> int | None:
    """The segment whose number tells experts apart, or None."""
    words = vocabulary()
    for position, segment in enumerate(segments):
        if segment == "*" and position and words.indexed_experts.has(segments[position - 1]):
            return position
        if segment.startswith(("expert_*", "experts_*")):
            return position
    return None


def _block_name(segments: list[str], star: int) -> tuple[str, int]:
    """The template of the MoE layer around the experts, and how many numbers stand in it."""
    head = segments[:star]
    while head and vocabulary().indexed_experts.has(head[-1]):
        head = head[:-1]
    return ".".join(head), sum(segment.count("*") for segment in segments[:star])


def _fused_count(
    group: LogicalTensor, segments: list[str], declared: frozenset[int], router_rows: dict[str, set[int]]
) -> int | None:
    """How many experts a fused tensor holds, or None where it is not one."""
    words = vocabulary()
    shape = group.shape
    if shape is None or not shape:
        return None
    place = next((i for i, segment in enumerate(segments) if words.fused_experts.has(segment)), None)
    known = declared | _rows_near(group.name, router_rows)
    if words.router.any(segments[-2:]) or words.router.any(segments[place + 1 :] if place is not None else segments):
        return None
    if len(shape) >= 3 and shape[0] > 1 and (shape[0] in known or (place is not None and not known)):
        if place is None and words.mixer.any(segments) and not words.dense_ffn.any(segments):
            return None  # a convolution or per-head weight that happens to have as many rows
        return shape[0]
    if place is None:
        return None
    explicit = "expert" in segments[place] or "exps" in segments[place]
    if explicit and len(shape) <= 2 and shape[0] in known:
        return shape[0]  # biases and scales of fused experts
    if explicit and len(shape) == 2:  # experts flattened into rows
        return next((count for count in sorted(known) if shape[0] % count == 0), None)
    return None


def _fused_blocks(group: LogicalTensor, segments: list[str]) -> Iterable[Block]:
    words = vocabulary()
    place = next((i for i, segment in enumerate(segments) if words.fused_experts.has(segment)), len(segments) - 1)
    head = ".".join(segments[:place])
    stars = head.count("*")
    return ((head, index[:stars]) for index in group.indices)


def _has_block(group: LogicalTensor, counts: dict[Block, int]) -> bool:
    segments = group.name.split(".")
    star = _expert_star(segments)
    if star is None:
        return True
    head, stars = _block_name(segments, star)
    return any((head, index[:stars]) in counts for index in group.indices)


def _router_rows(groups: Sequence[LogicalTensor], declared: frozenset[int]) -> dict[str, set[int]]:
    """Router rows by the template of the layer that the router stands in."""
    words = vocabulary()
    found: dict[str, set[int]] = defaultdict(set)
    for group in groups:
        segments = group.name.split(".")
        place = next((i for i, s in enumerate(segments) if words.router.has(s)), None)
        if place is None or group.shape is None or len(group.shape) != 2 or words.shared_experts.any(segments):
            continue
        rows = min(group.shape)
        if rows > 1 and (words.router_only.has(segments[place]) or rows in declared or not declared):
            found[_layer_of(segments[:place])].add(rows)
    return found


def _layer_of(segments: Sequence[str]) -> str:
    """The template up to the first number: the stack a tensor stands in."""
    for position, segment in enumerate(segments):
        if "*" in segment:
            return ".".join(segments[: position + 1])
    return ""


def _rows_near(name: str, router_rows: dict[str, set[int]]) -> frozenset[int]:
    return frozenset(router_rows.get(_layer_of(name.split(".")), ()))


def _rows_of(block: Block, router_rows: dict[str, set[int]]) -> int:
    rows = _rows_near(block[0], router_rows)
    return max(rows) if rows else 0


def _k_of(block: Block, order: int, top_k: TopK, blocks: int) -> int | None:
    if top_k.value is not None:
        return top_k.value
    layer = block[1][0] if block[1] else order
    if layer < len(top_k.per_layer):
        return top_k.per_layer[layer]
    return top_k.per_layer[order] if len(top_k.per_layer) == blocks else None


def _text_sizes(by_expert: dict[int, int], count: int, settings: Settings) -> list[int]:
    """Parameters of each expert that a text token can be sent to.

    Where config.json lists one expert count per modality and the experts differ in size, text comes first.
    """
    shared = Fraction(by_expert.get(-1, 0), count)
    sizes = [size for expert, size in sorted(by_expert.items()) if expert >= 0]
    if not sizes:
        return [int(shared)] * count if shared.denominator == 1 else [round(shared)] * count
    declared = settings.integers(*EXPERT_COUNT_KEYS)
    if isinstance(declared, list) and sum(declared) == len(sizes) and len(set(sizes)) > 1:
        sizes = sizes[: declared[0]]
    return [size + round(shared) for size in sizes]
