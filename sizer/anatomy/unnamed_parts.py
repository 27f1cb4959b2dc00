"""Prediction layers and projectors under words that nobody uses, known by their shapes alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from sizer.anatomy.vocabulary import vocabulary
from sizer.quantization.interface import LogicalTensor

__all__ = ["find_prediction_layers", "tower_widths"]

Place = tuple[str, int | None]
"""A layer of a stack (`model.layers`, 61), or a whole module (`oracle`, None)."""


def find_prediction_layers(groups: Iterable[LogicalTensor], width: int) -> set[Place]:
    """Where extra prediction layers stand: a layer like those of the main stack, and a matrix that joins the token's
    embedding with the hidden state (width x twice the width) beside it.

    It is one of the last layers of the main stack, another and far shorter stack, or a module of its own.
    """
    groups = list(groups)
    joins = [group for group in groups if group.shape == (width, 2 * width) and not _is_of_layer(group)]
    if not joins:
        return set()
    layers = _matrices_by_layer(groups)
    numbers: dict[str, set[int]] = defaultdict(set)
    for stack, number in layers:
        numbers[stack] |= set() if number is None else {number}
    main = max(numbers, key=lambda stack: len(numbers[stack]))
    found: set[Place] = set()
    for join in joins:
        place, inside = _place_of(join.name)
        if inside:
            places: set[Place] = {(place, index[0]) for index in join.indices}
            own = {number for _, number in places if number is not None}
            is_few = len(own) == 1 or 4 * len(own) <= len(numbers[main])  # half of some stacks joins the other half
            is_extra = is_few and own == set(sorted(numbers[place])[-len(own) :] if place == main else numbers[place])
        else:
            places, is_extra = {(place, None)}, bool(place) and not f"{main}.".startswith(f"{place}.")
        usual = [matrices for at, matrices in layers.items() if at[0] == main and at not in places]
        if is_extra and len(places) < len(usual) and any(_holds_a_layer(at, usual, layers, join) for at in places):
            found |= places
    return found


def tower_widths(towers: Iterable[LogicalTensor]) -> set[int]:
    """Hidden sizes of the towers: what most of their vectors have, by the tower."""
    vectors: dict[str, Counter[int]] = defaultdict(Counter)
    for group in towers:
        if len(group.shape or ()) == 1 and "*" in group.name:
            vectors[group.name.split("*")[0]][(group.shape or (0,))[0]] += group.count
    return {sizes.most_common(1)[0][0] for sizes in vectors.values()}


def _is_of_layer(group: LogicalTensor) -> bool:
    """Whether a word says that the matrix is part of an ordinary layer."""
    words, segments = vocabulary(), group.name.split(".")
    return words.mixer.any(segments) or words.dense_ffn.any(segments) or words.input_embedding.any(segments)


def _place_of(name: str) -> tuple[str, bool]:
    """The stack a tensor stands in and true, or its module and false."""
    stack, star, _ = name.partition(".*")
    return (stack, True) if star else (name.removesuffix(".weight").rpartition(".")[0], False)


def _matrices_by_layer(groups: Sequence[LogicalTensor]) -> dict[Place, Counter[tuple[int, ...]]]:
    """Shapes of the matrices of each layer, and of each module outside layers."""
    layers: dict[Place, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for group in groups:
        if len(shape := group.shape or ()) < 2:
            continue
        place, inside = _place_of(group.name)
        for index in group.indices:
            layers[place, index[0] if inside else None][shape] += 1
    return layers


def _holds_a_layer(
    at: Place,
    usual: Sequence[Counter[tuple[int, ...]]],
    layers: dict[Place, Counter[tuple[int, ...]]],
    join: LogicalTensor,
) -> bool:
    """Whether a place holds all matrices of some layer of the main stack beside the join."""
    stack, number = at
    held = [m for place, m in layers.items() if place == at or (number is None and place[0].startswith(f"{stack}."))]
    found = sum(held, Counter())
    return any(matrices + Counter([join.shape or ()]) <= found for matrices in usual)
