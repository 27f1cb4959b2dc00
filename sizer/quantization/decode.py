"""Decides how each module is packed: by its shapes, and by the configuration where they leave a choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
_LEAD, _HEAD_START = 1.5, 4
_NORM, _NAMED, _ROWS = 3, 2, 1


def decode(modules: list[Module], declared: Declared) -> tuple[list[Reading], bool]:
    """Every module with its packed weights, and whether the configuration was set aside as another model's.

    Shapes are read alone first: rows that allow several readings get the one that suits most of them. Then as
    declared, with that one for what the declaration does not fit. The second is used unless shapes alone explain
    the widths of far more kinds of modules.
    """
    evidence = _evidence(modules, declared.widths)
    widths = frozenset(evidence)
    bare = replace(declared, schemes=(), by_name={}, by_target=())
    by_shape = _read_all(modules, bare, widths)
    winners, is_open = _vote(by_shape, evidence)
    if winners:
        by_shape = _read_all(modules, replace(bare, schemes=winners), widths)
        by_shape = [
            (module, [_in_doubt(weight, evidence, is_open=is_open) for weight in weights])
            for module, weights in by_shape
        ]
    if not declared.schemes and not declared.differs_by_name:
        return by_shape, False
    fallback = () if is_open else winners
    read = _read_all(modules, replace(declared, schemes=(*declared.schemes, *fallback)), widths)
    is_refuted = _is_refuted(read, by_shape, widths)
    return (by_shape if is_refuted else read), is_refuted


def _read_all(modules: list[Module], declared: Declared, widths: frozenset[int]) -> list[Reading]:
    """Every module, as declared, with its packed weights."""
    return [(module, list(_read(module))) for module in _with_schemes(modules, declared, widths)]


def _vote(read: list[Reading], evidence: Mapping[int, int]) -> tuple[tuple[Scheme, ...], bool]:
    """The schemes that explain the widths of most rows, and whether others explain nearly as many.

    The words and scales of a row give its bits times its group size, so all rows vote on one group size, and each
    has the bits that it leaves. Kinds of modules vote, not bytes: the experts of a mixture are 95 % of the bytes and
    two kinds of many. A vote weighs as much as more is known of its width than of the next one. It settles the matter
    where it is clear, or where one group size explains every row and no other does.
    """
    votes: dict[tuple[int, int | None], int] = {}
    scores: dict[int, int] = {}
    covered: dict[int, int] = {}
    best_read: set[tuple[int, int | None]] = set()
    voters = [
        weight.row.candidates for _, weights in read for weight in weights if weight.row and weight.row.candidates
    ]
    for candidates in voters:
        known: dict[int, int] = {}
        for row in candidates:
            ballot, weighs = _ballot(row.bits, row.group_size), evidence.get(row.width, _ROWS)
            votes[row.bits, row.group_size] = votes.get((row.bits, row.group_size), 0) + weighs
            known[ballot] = max(weighs, known.get(ballot, 0))
        best, second = (*sorted(known.values(), reverse=True), 0)[:2]
        best_read.update((row.bits, row.group_size) for row in candidates if evidence.get(row.width, _ROWS) == best)
        for ballot, weighs in known.items():
            scores[ballot] = scores.get(ballot, 0) + (best - second if weighs == best else 0)
            covered[ballot] = covered.get(ballot, 0) + 1
    if not votes:
        return (), False
    schemes = sorted(votes, key=lambda found: (-votes[found], USUAL_BITS.index(found[0]), found[1] or 0))
    winner = max((_ballot(*found) for found in schemes), key=lambda ballot: (scores[ballot], covered[ballot]))
    others = max((score for ballot, score in scores.items() if ballot != winner), default=0)
    covers_alone = [ballot for ballot, count in covered.items() if count == len(voters)] == [winner]
    winners = tuple(
        Scheme(*found, is_inferred=True) for found in schemes if _ballot(*found) == winner and found in best_read
    )
    return winners, not covers_alone and scores[winner] < others * _LEAD + _HEAD_START


def _ballot(bits: int, group_size: int | None) -> int:
    """What a reading is a vote for: its group size; its bits (negative) where each row has one scale."""
    return -bits if group_size is None else group_size


def _in_doubt(weight: Weight, evidence: Mapping[int, int], *, is_open: bool) -> Weight:
    """The weight, marked as not exact if the vote was close, or if it went against all that is known of its width."""
    row = weight.row
    if row is None or not row.is_declared:
        return weight
    if not is_open and (row.width in evidence or all(other.bits == row.bits for other in row.candidates)):
        return weight
    return replace(weight, is_exact=False, why=NOT_DECLARED)


def _is_refuted(read: list[Reading], by_shape: list[Reading], widths: frozenset[int]) -> bool:
    """Whether the configuration belongs to another model: it chose readings, but shapes alone explain far more."""
    if not any(weight.row and weight.row.is_declared for _, weights in read for weight in weights):
        return False
    return _support(by_shape, widths) > _support(read, widths) + _FAR_MORE


def _support(read: list[Reading], widths: frozenset[int]) -> float:
    """The share of the kinds of packed weights whose inputs are a width in use."""
    packed = [weight.shape[-1] in widths for _, weights in read for weight in weights if weight.bits and weight.shape]
    return sum(packed) / len(packed) if packed else 1.0


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
        sides = declared.sides.get(module.path.rpartition(".")[2])
        module = replace(module, sides=sides) if sides else module
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


def _evidence(modules: list[Module], declared: frozenset[int]) -> dict[int, int]:
    """What is known of each width: 3 for the length of a norm, 2 for a side of another unpacked weight or a dimension
    that the configuration names, 1 for the output rows of a packed one."""
    evidence = dict.fromkeys(declared, _NAMED)
    for module in modules:
        scales = {kind.shape[:-1] for leaf, kind in module.tensors.items() if "scale" in leaf}
        found: list[tuple[tuple[int, ...], int]] = []
        if "qweight" in module.tensors and "scales" in module.tensors:
            found.append((module.tensors["scales"].shape[-1:], _ROWS))
        for leaf, kind in module.tensors.items():
            if "scale" in leaf or "zero" in leaf or leaf in ("biases", "qbiases", "suh", "svh"):
                continue
            if (leaf in _ORDERS and len(kind.shape) == 1) or kind.dtype in FLOATS or kind.dtype in NAMES:
                is_norm = leaf == "weight" and len(kind.shape) == 1
                found.append((kind.shape, _NORM if is_norm else _ROWS if leaf == "bias" else _NAMED))
            elif len(kind.shape) >= 2 and kind.shape[:-1] in scales:
                found.append((kind.shape[:-1], _ROWS))
        for widths, weighs in found:
            for width in widths:
                evidence[width] = max(weighs, evidence.get(width, 0))
    return {width: weighs for width, weighs in evidence.items() if width >= 16}
