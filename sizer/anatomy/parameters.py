"""Total and active parameters, and the components they sit in.

The meaning of every count is fixed in `docs/concepts/counting.md`. In short:

* total: every logical parameter of the checkpoint, once;
* active: what one text token uses while decoding: total less routed experts not picked, less extra prediction
  layers, less towers and projectors, less lookup tables other than the input embedding;
* active compute: active less the input embedding table (one row of it is read). A tied table is the head: it stays.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sizer.anatomy import experts
from sizer.anatomy.parts import TOWERS, place_beside, without_buffers
from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import family_of, vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor

__all__ = ["COMPONENTS", "Anatomy", "Component", "Experts", "analyse"]

COMPONENTS = (
    "input_embedding", "lookup_tables", "mixer", "dense_ffn", "router", "shared_experts", "routed_experts", "norms",
    "output_head", "mtp", "vision", "audio", "other_encoders", "projector", "adapter", "other",
)  # fmt: skip
"""In the order of a forward pass. `mixer` is attention or what stands in its place."""

_INACTIVE = TOWERS | {"mtp", "lookup_tables"}


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of the model."""

    name: str
    """One of `COMPONENTS`, or the folder of a pipeline's part."""
    total_parameters: int
    active_parameters: int | None
    """Null where the number is not known."""


@dataclass(frozen=True, kw_only=True)
class Experts:
    """Mixture of Experts, as the headers show it."""

    routed_experts: int | None
    """Per MoE layer; the largest number where layers differ. Null for a dense model."""
    routed_experts_per_layer: tuple[int, ...]
    """Empty where every MoE layer has the same number."""
    experts_per_token: int | None
    """Null where it is unknown or differs between layers."""
    experts_per_token_per_layer: tuple[int, ...]
    zero_compute_experts: int
    """Experts without weights that the router may pick."""
    shared_experts: int
    moe_layers: int
    top_k_source: str
    reason: str
    """Why `experts_per_token` is null, where it is."""


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The counts of one model."""

    total: int
    active: int | None
    active_range: tuple[int, int] | None
    """Where the number of experts varies per token, or is not known."""
    active_compute: int | None
    active_without_embeddings: int | None
    """Active less the input embedding and less the head: a convention of some vendors."""
    components: tuple[Component, ...]
    experts: Experts
    head_is_tied: bool
    tied_copy_parameters: int
    """Parameters of second copies of the embedding table that are stored and not counted."""
    buffers: int
    """Stored elements that are no parameters: rotary tables, masks, statistics."""
    reason: str = ""
    """Why `active` is null, where it is."""
    model_types: tuple[str, ...] = ()
    components_of: tuple[tuple[str, LogicalTensor], ...] = field(default=(), repr=False)
    """Every counted group with its component, for views that go deeper."""
    notices: tuple[Notice, ...] = ()


def analyse(tensors: Sequence[LogicalTensor], config: dict[str, object] | None) -> Anatomy:
    """The anatomy of one model from its logical tensors and its config.json (which may be missing or wrong)."""
    settings = Settings(config)
    family = family_of(settings.model_types)
    counted, buffers = without_buffers(tensors)
    placed = place_beside(counted, settings)
    text = [group for component, group in placed if component == ""]
    layers = experts.find_experts(text, settings)
    top_k = experts.read_top_k(settings, family, layers)
    routed = experts.routed_active(layers, top_k, settings)
    placed = [(component, group) for component, group in placed if component != ""]
    placed += [("routed_experts", group) for group in layers.routed]
    placed += [(_text_component(group, layers, settings.vocabulary_size), group) for group in layers.rest]
    placed, copies = _without_copies(placed, settings, family.tie_word_embeddings)

    totals: dict[str, int] = defaultdict(int)
    for component, group in placed:
        totals[component] += group.total
    tied = totals["output_head"] == 0
    active_of: dict[str, int | None] = {
        name: 0 if name in _INACTIVE else routed.mean if name == "routed_experts" else count
        for name, count in totals.items()
    }
    fixed = sum(count or 0 for name, count in active_of.items() if name != "routed_experts")
    active = None if routed.mean is None else fixed + routed.mean
    table = _table_parameters(placed)
    compute = None if active is None else active if tied else active - table
    return Anatomy(
        total=sum(totals.values()),
        active=active,
        active_range=(fixed + routed.minimum, fixed + routed.maximum) if routed.varies or active is None else None,
        active_compute=compute,
        active_without_embeddings=None if active is None else active - table - totals["output_head"],
        components=tuple(
            Component(name=name, total_parameters=totals[name], active_parameters=active_of[name])
            for name in COMPONENTS
            if totals.get(name)
        ),
        experts=_describe(layers, top_k, settings, text),
        head_is_tied=tied,
        tied_copy_parameters=sum(group.total for group in copies),
        buffers=buffers,
        reason=routed.reason,
        model_types=tuple(settings.model_types),
        components_of=tuple(placed),
        notices=tuple(_notices(layers, top_k, settings)),
    )


def _notices(layers: experts.ExpertLayers, top_k: experts.TopK, settings: Settings) -> Iterable[Notice]:
    yield from settings.notices
    yield from experts.notices_about(layers, settings)
    if layers.experts and top_k.reason:
        yield Notice(code="config.top_k", message=f"active parameters are unknown: {top_k.reason}")


def _text_component(group: LogicalTensor, layers: experts.ExpertLayers, vocabulary_size: int | None) -> str:
    words = vocabulary()
    segments = group.name.split(".")
    modules = segments[:-1] if segments[-1] in ("weight", "bias") and len(segments) > 1 else segments
    in_layer = any("*" in segment for segment in segments)
    shape = group.shape or ()
    if words.shared_experts.any(segments):
        return "shared_experts"
    if words.router_only.any(modules) or (words.router.any(modules) and _is_router(shape, segments, layers)):
        return "router"
    if words.lookup.any(segments) and len(shape) == 2 and shape[0] > shape[1]:
        return "lookup_tables"
    if words.position_embedding.any(modules):
        return "input_embedding" if not in_layer else "mixer"
    if not in_layer or len(modules) == 1:
        if words.norm.has(modules[-1]):
            return "norms"
        if words.head.has(modules[-1]) and not any("*" in segment for segment in modules[-1:]):
            return "output_head"
        if words.input_embedding.has(modules[-1]):
            return "input_embedding"
        if modules[0] in ("lm_head", "cls"):
            return "output_head"
    if words.norm.has(modules[-1]) or (len(modules) > 1 and words.norm.has(modules[-2])):
        return "norms"
    if "embed" in modules[-1] and len(shape) == 2 and vocabulary_size and shape[0] > 2 * vocabulary_size:
        return "lookup_tables"
    for segment in modules:
        if words.mixer.has(segment):
            return "mixer"
        if words.dense_ffn.has(segment) and in_layer:
            return "dense_ffn"
    return "other"


def _is_router(shape: tuple[int, ...], segments: list[str], layers: experts.ExpertLayers) -> bool:
    """Whether one dimension is a number of experts, in a layer that has some."""
    counts = set(layers.experts.values()) | set(layers.router_rows.values())
    return bool(counts) and any(size in counts for size in shape)


def _without_copies(
    placed: Sequence[tuple[str, LogicalTensor]], settings: Settings, family_default: bool | None
) -> tuple[list[tuple[str, LogicalTensor]], list[LogicalTensor]]:
    """The groups without second copies of the token table: a tied head stored anyway, an encoder's own copy."""
    stated = settings.flags(*vocabulary().keys.tied)
    is_tied = family_default if not stated else False not in stated  # where a config contradicts itself, files win
    tables = [g for c, g in placed if c == "input_embedding" and len(g.shape or ()) == 2 and not _is_position(g)]
    main = next((g for g in tables if g.name.split(".")[0] == "shared"), tables[0] if tables else None)
    kept, copies = [], []
    for component, group in placed:
        same = main is not None and group is not main and group.shape == main.shape and group.count == 1
        is_second_table = component == "input_embedding" and same and main is not None and _is_shared(main, group)
        is_tied_head = component == "output_head" and same and bool(is_tied) and group.name.endswith("weight")
        if is_second_table or is_tied_head:
            copies.append(group)
        else:
            kept.append((component, group))
    return kept, copies


def _is_shared(main: LogicalTensor, other: LogicalTensor) -> bool:
    """Whether an encoder's or decoder's table is the shared one."""
    first = re.split(r"[._]", main.name)[0] == "shared" or ".shared." in f".{main.name}."
    return first and any(word in other.name for word in ("encoder", "decoder"))


def _is_position(group: LogicalTensor) -> bool:
    return vocabulary().position_embedding.any(group.name.split("."))


def _table_parameters(placed: Iterable[tuple[str, LogicalTensor]]) -> int:
    """Parameters of the token tables: of the input embedding, those that are looked up by token."""
    return sum(
        group.total
        for component, group in placed
        if component == "input_embedding" and len(group.shape or (0, 0)) == 2 and not _is_position(group)
    )


def _describe(
    layers: experts.ExpertLayers, top_k: experts.TopK, settings: Settings, text: Sequence[LogicalTensor]
) -> Experts:
    counts = [count for _, count in sorted(layers.experts.items())]
    words = vocabulary()
    has_shared = any(words.shared_experts.any(group.name.split(".")) for group in text)
    shared = settings.integer(*words.keys.shared_experts) if has_shared else 0
    return Experts(
        routed_experts=max(counts) if counts else None,
        routed_experts_per_layer=tuple(counts) if len(set(counts)) > 1 else (),
        experts_per_token=top_k.value if counts else None,
        experts_per_token_per_layer=top_k.per_layer if counts else (),
        zero_compute_experts=experts.zero_experts(settings) if counts else 0,
        shared_experts=shared or int(has_shared),
        moe_layers=len(counts),
        top_k_source=top_k.source if counts else "",
        reason=top_k.reason if counts else "",
    )
