"""Total and active parameters, and the components they sit in.

The meaning of every count is fixed in `docs/concepts/counting.md`, the finding in `docs/concepts/anatomy.md`. In short:

* total: every logical parameter of the checkpoint, once;
* active: what one text token uses while decoding: total less routed experts not picked, less extra prediction
  layers, less towers and projectors, less lookup tables other than the input embedding;
* active compute: active less the input embedding table (one row of it is read). A tied table is the head: it stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field

from sizer.anatomy import experts
from sizer.anatomy.adapters import find_companions, without_untrained
from sizer.anatomy.components import head_is_tied, table_parameters, text_components, without_copies
from sizer.anatomy.memories import find_memories
from sizer.anatomy.numbering import part_numbers
from sizer.anatomy.parts import TOWERS, place_beside, without_buffers
from sizer.anatomy.settings import Settings
from sizer.anatomy.top_k import TopK, read_top_k, zero_experts
from sizer.anatomy.unnamed import width_of
from sizer.anatomy.vocabulary import family_of, vocabulary
from sizer.notices import Notice
from sizer.quantization.interface import LogicalTensor
from sizer.values import frozen

__all__ = ["COMPONENTS", "Anatomy", "Component", "Experts", "analyse"]

COMPONENTS = (
    "input_embedding", "lookup_tables", "mixer", "dense_ffn", "router", "shared_experts", "routed_experts", "norms",
    "output_head", "mtp", "vision", "audio", "other_encoders", "projector", "adapter", "other",
)  # fmt: skip
"""In the order of a forward pass. `mixer` is attention or what stands in its place."""

_SURELY_ACTIVE = {"input_embedding", "output_head", "norms", "router", "shared_experts"}
_INACTIVE = TOWERS | {"mtp", "lookup_tables"}


@frozen
class Component:
    """One part of the model."""

    name: str
    """One of `COMPONENTS`, or the folder of a pipeline's part."""
    total_parameters: int
    active_parameters: int | None
    """Null where the number is not known."""


@frozen
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


@frozen
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
    """Why `active` is null, or what a mean assumes."""
    model_types: tuple[str, ...] = ()
    components_of: tuple[tuple[str, LogicalTensor], ...] = field(default=(), repr=False)
    """Every counted group with its component, for views that go deeper."""
    notices: tuple[Notice, ...] = ()


def analyse(tensors: Sequence[LogicalTensor], config: dict[str, object] | None) -> Anatomy:
    """The anatomy of one model from its logical tensors and its config.json (which may be missing or wrong)."""
    settings = Settings(config)
    family = family_of(settings.model_types)
    trained, untrained, said = without_untrained(part_numbers(tensors))
    counted, buffers = without_buffers(trained)
    companions = find_companions(counted)
    placed = place_beside([group for group in counted if group.name not in companions], settings)
    placed += [("adapter", group) for group in counted if group.name in companions]
    text = [group for component, group in placed if component == ""]
    memories = find_memories(text, width_of(text, settings), settings)
    text = [group for group in text if group not in memories]
    layers = experts.find_experts(text, settings)
    top_k = read_top_k(settings, family, layers.held)
    routed = experts.routed_active(layers, top_k, settings)
    placed = [(component, group) for component, group in placed if component != ""]
    placed += [("lookup_tables", group) for group in memories]
    placed += [("routed_experts", group) for group in layers.routed]
    placed += text_components(layers.rest, layers, settings.vocabulary_size)
    unique = without_copies(placed, settings, family.tie_word_embeddings)

    totals: dict[str, int] = defaultdict(int)
    for component, group in unique.placed:
        totals[component] += group.total
    tied = head_is_tied(unique.placed, settings)
    active_of: dict[str, int | None] = {
        name: 0 if name in _INACTIVE else routed.mean if name == "routed_experts" else count
        for name, count in totals.items()
    }
    if layers.hidden:
        active_of |= dict.fromkeys(totals.keys() - _INACTIVE - _SURELY_ACTIVE)
    fixed = sum(count or 0 for name, count in active_of.items() if name != "routed_experts")
    active = None if routed.mean is None else fixed + routed.mean
    table = table_parameters(unique.placed)
    compute = None if active is None else active if tied else active - table
    unsure = sum(totals[name] for name, count in active_of.items() if count is None and name != "routed_experts")
    return Anatomy(
        total=sum(totals.values()),
        active=active,
        active_range=(fixed + routed.minimum, fixed + unsure + routed.maximum)
        if routed.varies or active is None
        else None,
        active_compute=compute,
        active_without_embeddings=None if active is None else active - table - totals["output_head"],
        components=tuple(
            Component(name=name, total_parameters=totals[name], active_parameters=active_of[name])
            for name in COMPONENTS
            if totals.get(name)
        ),
        experts=_describe(layers, top_k, settings, text),
        head_is_tied=tied,
        tied_copy_parameters=sum(group.total for group in unique.copies),
        buffers=buffers + untrained,
        reason=routed.reason,
        model_types=tuple(settings.model_types),
        components_of=tuple(unique.placed),
        notices=(*said, *_notices(layers, top_k, settings)),
    )


def _notices(layers: experts.ExpertLayers, top_k: TopK, settings: Settings) -> Iterable[Notice]:
    yield from settings.notices
    yield from experts.notices_about(layers, settings)
    yield from layers.unnamed.notices()
    if layers.experts and top_k.reason:
        yield Notice(code="config.top_k", message=f"active parameters are unknown: {top_k.reason}; "
                     "`num_experts_per_tok` in config.json would settle it")  # fmt: skip


def _describe(layers: experts.ExpertLayers, top_k: TopK, settings: Settings, text: Sequence[LogicalTensor]) -> Experts:
    counts = layers.by_layer
    words = vocabulary()
    has_shared = any(words.shared_experts.any(group.name.split(".")) for group in text)
    shared = settings.integer(*words.keys.shared_experts) if has_shared else layers.shared_inside
    return Experts(
        routed_experts=max(counts) if counts else None,
        routed_experts_per_layer=tuple(counts) if len(set(counts)) > 1 else (),
        experts_per_token=top_k.value if counts else None,
        experts_per_token_per_layer=top_k.per_layer if counts else (),
        zero_compute_experts=zero_experts(settings) if counts else 0,
        shared_experts=shared or int(has_shared),
        moe_layers=len(counts),
        top_k_source=top_k.source if counts else "",
        reason=top_k.reason if counts else "",
    )
