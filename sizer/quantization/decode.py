"""Decides how each module is packed: by its shapes, and by the configuration where they leave a choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sizer.quantization.declared import Declared
from sizer.quantization.dtypes import FLOATS, NAMES
from sizer.quantization.format import Module, Scheme, Weight, name_of
from sizer.quantization.formats import FORMATS
from sizer.quantization.solve import NOT_DECLARED, USUAL_BITS

__all__ = ["Reading", "decode"]

Reading = tuple[Module, list[Weight]]

_ORDERS = ("g_idx", "weight_g_idx", "q_invperm", "q_perm", "perm")  # one entry per input
_FAR_MORE = 0.25


def decode(modules: list[Module], declared: Declared) -> tuple[list[Reading], bool]:
    """Every module with its packed weights, and whether the configuration was set aside as another model's.

    Shapes are read alone first: rows that allow several readings get the one that suits most rows. Then as
    declared, with that one for what the declaration does not fit. The second is used unless shapes alone explain
    far more of the widths.
    """
    widths = declared.widths | _widths(modules)
    bare = replace(declared, schemes=(), by_name={}, by_target=())
    by_shape = _read_all(modules, bare, widths)
    winner, is_tie = _vote(by_shape)
    if winner is not None:
        by_shape = _read_all(modules, replace(bare, schemes=(winner,)), widths)
        if is_tie:
            by_shape = [(module, list(map(_in_doubt, weights))) for module, weights in by_shape]
    if not declared.schemes and not declared.differs_by_name:
        return by_shape, False
    fallback = () if winner is None or is_tie else (winner,)
    read = _read_all(modules, replace(declared, schemes=(*declared.schemes, *fallback)), widths)
    is_refuted = _is_refuted(read, by_shape, widths)
    return (by_shape if is_refuted else read), is_refuted


def _read_all(modules: list[Module], declared: Declared, widths: frozenset[int]) -> list[Reading]:
    """Every module, as declared, with its packed weights."""
    return [(module, list(_read(module))) for module in _with_schemes(modules, declared, widths)]


def _vote(read: list[Reading]) -> tuple[Scheme | None, bool]:
    """The scheme that explains the widths of most rows, by bytes, and whether it shares that place with others."""
    votes: dict[tuple[int, int | None], int] = {}
    for module, weights in read:
        for weight in weights:
            for candidate in weight.row.candidates if weight.row else ():
                votes[candidate] = votes.get(candidate, 0) + weight.stored_bytes(module) * len(module.indices)
    winners = [candidate for candidate, count in votes.items() if count == max(votes.values())]
    winners.sort(key=lambda candidate: (USUAL_BITS.index(candidate[0]), candidate[1] or 0))
    winner = Scheme(*winners[0], is_inferred=True) if winners else None
    return winner, len(winners) > 1


def _in_doubt(weight: Weight) -> Weight:
    """The weight, marked as not exact if its reading won a tie."""
    if weight.row is None or not weight.row.is_declared:
        return weight
    return replace(weight, is_exact=False, why=NOT_DECLARED)


def _is_refuted(read: list[Reading], by_shape: list[Reading], widths: frozenset[int]) -> bool:
    """Whether the configuration belongs to another model: it chose readings, but shapes alone explain far more."""
    if not any(weight.row and weight.row.is_declared for _, weights in read for weight in weights):
        return False
    return _support(by_shape, widths) > _support(read, widths) + _FAR_MORE


def _support(read: list[Reading], widths: frozenset[int]) -> float:
    """The share of packed parameters whose inputs are a width in use."""
    known = total = 0
    for module, weights in read:
        for weight in weights:
            if weight.bits is not None and weight.shape:
                total += weight.parameters * len(module.indices)
                known += weight.parameters * len(module.indices) if weight.shape[-1] in widths else 0
    return known / total if total else 1.0


def _read(module: Module) -> Iterator[Weight]:
    """The packed weights of a module: each leaf goes to the first format that knows it."""
    left = module
    for packing in FORMATS:
        taken: set[str] = set()
        for weight in packing.read(left):
            if weight.uses[0] not in taken:
                uses = tuple(leaf for leaf in dict.fromkeys(weight.uses) if leaf not in taken)
                taken.update(uses)
                yield weight if uses == weight.uses else replace(weight, uses=uses)
        if taken:
            left = replace(left, tensors={leaf: kind for leaf, kind in left.tensors.items() if leaf not in taken})


def _with_schemes(modules: list[Module], declared: Declared, widths: frozenset[int]) -> Iterator[Module]:
    """Modules with what is declared for them; split where the declaration differs by name."""
    differs_by_number = declared.differs_by_number
    for module in modules:
        if not declared.differs_by_name or not any(kind.dtype not in FLOATS for kind in module.tensors.values()):
            yield replace(module, schemes=declared.schemes, method=declared.method, widths=widths)
            continue
        if not differs_by_number:
            schemes = declared.schemes_of(name_of(module.path, module.indices[0]))
            yield replace(module, schemes=schemes, method=declared.method, widths=widths)
            continue
        parts: dict[tuple[Any, ...], list[tuple[int, ...]]] = {}
        for numbers in module.indices:
            parts.setdefault(declared.schemes_of(name_of(module.path, numbers)), []).append(numbers)
        for schemes, indices in parts.items():
            yield replace(module, schemes=schemes, method=declared.method, widths=widths, indices=tuple(indices))


def _widths(modules: list[Module]) -> frozenset[int]:
    """Dimensions of weights that need no unpacking, and the output rows of those that do."""
    widths: set[int] = set()
    for module in modules:
        scales = {kind.shape[:-1] for leaf, kind in module.tensors.items() if "scale" in leaf}
        if "qweight" in module.tensors and "scales" in module.tensors:
            widths.update(module.tensors["scales"].shape[-1:])
        for leaf, kind in module.tensors.items():
            if "scale" in leaf or "zero" in leaf or leaf in ("biases", "qbiases", "suh", "svh"):
                continue
            if (leaf in _ORDERS and len(kind.shape) == 1) or kind.dtype in FLOATS or kind.dtype in NAMES:
                widths.update(kind.shape)
            elif len(kind.shape) >= 2 and kind.shape[:-1] in scales:
                widths.update(kind.shape[:-1])
    return frozenset(width for width in widths if width >= 16)
