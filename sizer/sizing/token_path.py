"""One token's way through a model: what each layer reads for it, and what stays asleep.

Everything follows from the headers: the parameters of each component in each layer, and how many experts are picked.
The input embedding reads one row, a tied table is read whole as the head, the rest is read as counted in `active`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sizer.anatomy.attention import AttentionSpec
from sizer.anatomy.parameters import Anatomy, Experts
from sizer.errors import InvalidDataError
from sizer.sizing.memory import describe_mixer
from sizer.sizing.speed import distinct_experts
from sizer.units import format_count
from sizer.values import frozen

__all__ = ["Batch", "LayerKind", "Step", "TokenPath", "follow_token"]

_IN_LAYER = ("norms", "mixer", "router", "shared_experts", "routed_experts", "dense_ffn", "other")
_BATCHES = (1, 8, 64, 512)


@frozen
class Step:
    """One part of the model as a token passes it; of one layer, where it stands in a layer."""

    part: str
    """The component: `mixer`, `router`, `routed_experts` ..."""
    held_parameters: int
    read_parameters: int | None
    """What one token uses; null where the number of experts is not known."""
    held_bytes: int
    read_bytes: int | None
    says: str
    """What happens there, with the model's own numbers: `8 of 128 experts`."""


@frozen
class LayerKind:
    """Layers that hold the same."""

    stack: str
    """The template of the stack's names up to the layer number: `model.layers`."""
    layers: tuple[int, ...]
    steps: tuple[Step, ...]
    """In the order that a token passes them."""
    routed_experts: int | None
    """Null in a dense layer."""
    experts_per_token: int | None


@frozen
class Batch:
    """What several tokens at once touch, in one mixture layer."""

    tokens: int
    distinct_experts: float
    """Expected, if tokens pick independently and evenly: E (1 - (1 - k/E)^B)."""
    share: float


@frozen
class TokenPath:
    """The report of `sizer moe`."""

    reference: str
    repository: str
    total_parameters: int
    active_parameters: int | None
    asleep_parameters: int | None
    """Total less what one token reads."""
    read_parameters: int | None
    """What one token reads: active compute, and one row of an input embedding that is not tied."""
    held_bytes: int
    read_bytes: int | None
    before: tuple[Step, ...]
    """Before the layers: the input embedding."""
    layers: tuple[LayerKind, ...]
    after: tuple[Step, ...]
    """After the layers: final norm and head."""
    unused: tuple[Step, ...]
    """What no text token passes: extra prediction layers, towers, lookup tables."""
    experts: Experts
    batches: tuple[Batch, ...]
    """Empty for a dense model."""
    reason: str
    """Why a figure is null, where one is."""


_Place = tuple[str, int]
"""A stack and a layer in it."""


@dataclass(kw_only=True)
class _Sum:
    parameters: int = 0
    bytes: int = 0

    def add(self, parameters: int, size: int) -> None:
        self.parameters += parameters
        self.bytes += size


def follow_token(reference: str, repository: str, anatomy: Anatomy, spec: AttentionSpec) -> TokenPath:
    """The way of one token through a counted model. Raises InvalidDataError where there are no layers to follow."""
    inside, outside = _sums(anatomy)
    if not inside or not anatomy.total:
        raise InvalidDataError(
            f"`{repository}` has no layers that a token could be followed through",
            code="token_path.no_layers",
            because="no tensor of its text stack carries a layer number" if anatomy.total else "it holds no parameters",
            hint=f"`sizer inspect {repository}` lists what it holds",
        )
    kinds = tuple(_kinds(inside, anatomy.experts, spec))
    before, after, unused = _around(outside, anatomy, spec)
    passed = [*before, *after, *(step for kind in kinds for step in kind.steps for _ in kind.layers)]
    is_known = all(step.read_parameters is not None for step in passed)
    read = sum(step.read_parameters or 0 for step in passed) if is_known else None
    return TokenPath(
        reference=reference,
        repository=repository,
        total_parameters=anatomy.total,
        active_parameters=anatomy.active,
        asleep_parameters=None if read is None else anatomy.total - read,
        read_parameters=read,
        held_bytes=sum(step.held_bytes for step in (*passed, *unused)),
        read_bytes=sum(step.read_bytes or 0 for step in passed) if is_known else None,
        before=before,
        layers=kinds,
        after=after,
        unused=unused,
        experts=anatomy.experts,
        batches=tuple(_batches(anatomy.experts)),
        reason="" if is_known else anatomy.experts.reason or anatomy.reason,
    )


def _sums(anatomy: Anatomy) -> tuple[dict[_Place, dict[str, _Sum]], dict[str, _Sum]]:
    """Parameters and bytes by layer and component, and of what stands outside the layers."""
    inside: dict[_Place, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
    outside: dict[str, _Sum] = defaultdict(_Sum)
    for component, group in anatomy.components_of:
        stack = group.name.partition("*")[0].strip(".")
        for index in group.indices:
            is_layer = component in _IN_LAYER and index
            place = inside[stack, index[0]] if is_layer else outside
            place[component].add(group.parameters, group.stored_bytes)
    return inside, outside


def _kinds(inside: Mapping[_Place, Mapping[str, _Sum]], experts: Experts, spec: AttentionSpec) -> Iterable[LayerKind]:
    """Layers of equal content together, in the order of the first of each."""
    is_one_stack = len({stack for stack, _ in inside}) == 1
    told = {place: _mixers(spec, place[1]) if is_one_stack else "" for place in inside}
    same: dict[tuple[object, ...], list[_Place]] = defaultdict(list)
    for place in sorted(inside):
        content = tuple((part, inside[place][part].parameters) for part in _IN_LAYER if part in inside[place])
        same[(place[0], *content, told[place])].append(place)
    mixture = sorted(place for place in inside if "routed_experts" in inside[place])
    order = {place: number for number, place in enumerate(mixture)}
    for places in same.values():
        first = places[0]
        held, picked = _experts_of(experts, order.get(first))
        steps = tuple(
            _step(part, inside[first][part], held, picked, told[first]) for part in _IN_LAYER if part in inside[first]
        )
        yield LayerKind(
            stack=first[0], layers=tuple(layer for _, layer in places), steps=steps, routed_experts=held,
            experts_per_token=picked,
        )  # fmt: skip


def _experts_of(experts: Experts, number: int | None) -> tuple[int | None, int | None]:
    """Experts of the mixture layer at a place among them, and how many a token picks."""
    if number is None:
        return None, None
    held = experts.routed_experts_per_layer[number] if experts.routed_experts_per_layer else experts.routed_experts
    per_layer = experts.experts_per_token_per_layer
    picked = per_layer[number] if len(per_layer) > number else experts.experts_per_token
    return held, picked


def _step(part: str, held: _Sum, experts: int | None, picked: int | None, mixers: str) -> Step:
    share = Fraction(1)
    says = ""
    is_known = True
    if part == "routed_experts" and experts:
        is_known = picked is not None
        share = Fraction(min(picked or 0, experts), experts)
        one = format_count(held.parameters // experts)
        says = f"{picked if is_known else 'an unknown number'} of {experts} experts of {one}"
    elif part == "router" and experts:
        says = f"scores {experts} experts" + (f", picks {picked}" if picked is not None else "")
    elif part == "mixer":
        says = mixers
    return Step(
        part=part,
        held_parameters=held.parameters,
        read_parameters=round(held.parameters * share) if is_known else None,
        held_bytes=held.bytes,
        read_bytes=round(held.bytes * share) if is_known else None,
        says=says,
    )


def _mixers(spec: AttentionSpec, layer: int) -> str:
    kept = next((group.mixers for group in spec.groups if layer in group.layers), ())
    return " and ".join(dict.fromkeys(describe_mixer(mixer) for mixer in kept))


def _around(
    outside: Mapping[str, _Sum], anatomy: Anatomy, spec: AttentionSpec
) -> tuple[tuple[Step, ...], tuple[Step, ...], tuple[Step, ...]]:
    """The steps before and after the layers, and what no text token passes."""
    before, after, unused = [], [], []
    for part, held in outside.items():
        if part == "input_embedding":
            before.append(_embedding(held, anatomy, spec))
            if anatomy.head_is_tied:
                says = f"the same table, whole{_for_rows(held, spec)}"
                after.append(_plain("output_head", _Sum(), says, reads=held))
        elif part in ("norms", "output_head", *_IN_LAYER):
            scored = _rows(held, spec) if part == "output_head" else 0
            after.append(_plain(part, held, f"scores {scored:,} tokens" if scored else ""))
        else:
            unused.append(_plain(part, held, "", reads=_Sum()))
    after.sort(key=lambda step: step.part == "output_head")
    return tuple(before), tuple(after), tuple(unused)


def _embedding(held: _Sum, anatomy: Anatomy, spec: AttentionSpec) -> Step:
    rows = _rows(held, spec)
    row = _Sum(parameters=held.parameters // rows, bytes=held.bytes // rows) if rows else held
    reads = _Sum() if anatomy.head_is_tied else row  # a tied row is read again with the head: counted there
    says = f"one row of {rows:,}" if rows else "one row"
    return _plain("input_embedding", held, says, reads=reads)


def _plain(part: str, held: _Sum, says: str, *, reads: _Sum | None = None) -> Step:
    reads = held if reads is None else reads
    return Step(
        part=part, held_parameters=held.parameters, read_parameters=reads.parameters, held_bytes=held.bytes,
        read_bytes=reads.bytes, says=says,
    )  # fmt: skip


def _rows(held: _Sum, spec: AttentionSpec) -> int:
    return held.parameters // spec.hidden_size if spec.hidden_size else spec.vocabulary_size or 0


def _for_rows(held: _Sum, spec: AttentionSpec) -> str:
    rows = _rows(held, spec)
    return f": scores {rows:,} tokens" if rows else ""


def _batches(experts: Experts) -> Sequence[Batch]:
    total, picked = experts.routed_experts, experts.experts_per_token
    if not total or not picked:
        return ()
    touched = [(tokens, distinct_experts(total, picked, tokens)) for tokens in _BATCHES]
    return [Batch(tokens=tokens, distinct_experts=count, share=count / total) for tokens, count in touched]
