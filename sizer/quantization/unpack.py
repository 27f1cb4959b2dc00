"""Stored tensors of a checkpoint to the logical tensors that the model means.

The tensors decide: dtypes, companions and shapes that allow one reading. What the configuration declares settles
what they leave open. Rotary tables, masks and tied heads are kept: the anatomy knows what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sizer.headers.interface import StoredTensor
from sizer.quantization.declared import Declared, read_declared
from sizer.quantization.dtypes import FLOATS, NAMES
from sizer.quantization.format import Module, Scheme, Weight, join, name_of
from sizer.quantization.formats import FORMATS, PLAIN
from sizer.quantization.interface import LogicalTensor, Unpacked
from sizer.quantization.modules import group_modules
from sizer.quantization.remarks import Pair, remarks, scheme_words
from sizer.quantization.solve import NOT_DECLARED, USUAL_BITS
from sizer.quantization.state import dropped_reason

__all__ = ["unpack"]

_ORDERS = ("g_idx", "weight_g_idx", "q_invperm", "q_perm", "perm")  # one entry per input
_FAR_MORE = 0.25

Reading = tuple[Module, list[Weight]]


def unpack(
    stored: Iterable[StoredTensor],
    *,
    config: Mapping[str, Any] | None,
    documents: Mapping[str, Any],
    metadata: Mapping[str, object],
) -> Unpacked:
    """The logical tensors of one model, in the order of their names.

    `config` is the parsed config.json, `documents` the JSON files beside the weights by name, `metadata` the
    files' own. All three may be missing or wrong: they never raise. The bytes of the result sum to those given.
    """
    modules, repeated = group_modules(stored)
    declared = read_declared(config, documents)
    widths = declared.widths | _widths(modules)
    read = _read_all(modules, declared, widths)
    by_shape = _read_by_shape(modules, declared, widths)
    is_refuted = _is_refuted(read, by_shape, widths)
    read = by_shape if is_refuted or not (declared.schemes or declared.differs_by_name) else read
    pairs = [(module, weight) for module, weights in read for weight in weights]
    is_quantised = any(weight.bits is not None for _, weight in pairs) or bool(declared.method)
    dropped: dict[str, int] = {}
    if repeated:
        dropped["second copies of a name"] = sum(repeated.values())
    for module, weights in read:
        used = {leaf for weight in weights for leaf in weight.uses}
        rest = {leaf: kind for leaf, kind in module.tensors.items() if leaf not in used}
        for weight in PLAIN.read(replace(module, tensors=rest)):
            reason = dropped_reason(module, weight.leaf, is_quantised=is_quantised)
            if reason:
                size = weight.stored_bytes(module) * len(module.indices)
                dropped[reason] = dropped.get(reason, 0) + size
            else:
                pairs.append((module, weight))
    scheme, bits = scheme_words(pairs)
    return Unpacked(
        tensors=tuple(_logical(pairs)),
        scheme=scheme,
        bits=bits,
        is_known=all(weight.is_known for _, weight in pairs),
        dropped_bytes=dropped,
        notices=tuple(remarks(pairs, declared, repeated, is_refuted=is_refuted)),
    )


def _read_all(modules: list[Module], declared: Declared, widths: frozenset[int]) -> list[Reading]:
    """Every module, as declared, with its packed weights."""
    return [(module, list(_read(module))) for module in _with_schemes(modules, declared, widths)]


def _read_by_shape(modules: list[Module], declared: Declared, widths: frozenset[int]) -> list[Reading]:
    """Every module by its shapes alone; rows that allow several readings have the one that suits most modules."""
    bare = replace(declared, schemes=(), by_name={}, by_target=())
    read = _read_all(modules, bare, widths)
    votes: dict[tuple[int, int | None], int] = {}
    for module, weights in read:
        for weight in weights:
            for candidate in weight.row.candidates if weight.row else ():
                votes[candidate] = votes.get(candidate, 0) + weight.stored_bytes(module) * len(module.indices)
    if not votes:
        return read
    winners = [candidate for candidate, count in votes.items() if count == max(votes.values())]
    winner = min(winners, key=lambda candidate: (USUAL_BITS.index(candidate[0]), candidate[1] or 0))
    read = _read_all(modules, replace(bare, schemes=(Scheme(*winner),)), widths)
    return read if len(winners) == 1 else [(module, list(map(_in_doubt, weights))) for module, weights in read]


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
    for module in modules:
        if not declared.differs_by_name or not any(kind.dtype not in FLOATS for kind in module.tensors.values()):
            yield replace(module, schemes=declared.schemes, method=declared.method, widths=widths)
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


def _logical(pairs: list[Pair]) -> list[LogicalTensor]:
    """Groups of logical tensors that differ in their numbers only, sorted by name."""
    groups: dict[tuple[Any, ...], list[tuple[tuple[int, ...], ...]]] = {}
    for module, weight in pairs:
        stored_bytes = weight.stored_bytes(module)
        name = join(module.path, weight.leaf)
        key = (name, weight.shape, weight.parameters, weight.storage, stored_bytes, weight.is_exact)
        groups.setdefault(key, []).append(module.indices)
    tensors = [
        LogicalTensor(
            name=name,
            indices=parts[0] if len(parts) == 1 else tuple(sorted(index for part in parts for index in part)),
            shape=shape,
            parameters=parameters,
            storage=storage,
            stored_bytes=stored_bytes,
            is_exact=is_exact,
        )
        for (name, shape, parameters, storage, stored_bytes, is_exact), parts in groups.items()
    ]
    tensors.sort(key=lambda tensor: (tensor.name, tensor.indices[0], tensor.storage, tensor.stored_bytes))
    return tensors
