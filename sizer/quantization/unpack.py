"""Stored tensors of a checkpoint to the logical tensors that the model means.

The tensors decide: dtypes, companions and shapes that allow one reading. What the configuration declares settles
what they leave open. Rotary tables, masks and tied heads are kept: the anatomy knows what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sizer.headers.interface import StoredTensor
from sizer.notices import Notice
from sizer.quantization.declared import Declared, read_declared
from sizer.quantization.dtypes import FLOATS, NAMES
from sizer.quantization.format import Module, Weight, join
from sizer.quantization.formats import FORMATS, PLAIN
from sizer.quantization.interface import LogicalTensor, Unpacked
from sizer.quantization.modules import group_modules
from sizer.quantization.state import dropped_reason
from sizer.units import format_percent, plural

__all__ = ["unpack"]

Pair = tuple[Module, Weight]

_ORDERS = ("g_idx", "weight_g_idx", "q_invperm", "q_perm", "perm")  # one entry per input


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
    pairs: list[Pair] = []
    rest: list[tuple[Module, tuple[str, ...]]] = []
    for module in _with_schemes(modules, declared, widths):
        used: set[str] = set()
        for weight in _read(module):
            pairs.append((module, weight))
            used.update(weight.uses)
        rest.append((module, tuple(leaf for leaf in module.tensors if leaf not in used)))
    is_quantised = any(weight.bits is not None for _, weight in pairs) or bool(declared.method)
    dropped: dict[str, int] = {}
    if repeated:
        dropped["second copies of a name"] = sum(repeated.values())
    for module, leaves in rest:
        for weight in PLAIN.read(replace(module, tensors={leaf: module.tensors[leaf] for leaf in leaves})):
            reason = dropped_reason(module, weight.leaf) if is_quantised else ""
            if reason:
                size = module.tensors[weight.leaf].size_bytes * len(module.indices)
                dropped[reason] = dropped.get(reason, 0) + size
            else:
                pairs.append((module, weight))
    scheme, bits = _scheme(pairs)
    return Unpacked(
        tensors=tuple(_logical(pairs)),
        scheme=scheme,
        bits=bits,
        is_known=all(weight.is_known for _, weight in pairs),
        dropped_bytes=dropped,
        notices=tuple(_notices(pairs, declared, repeated)),
    )


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
        if not declared.by_name or not any(kind.dtype not in FLOATS for kind in module.tensors.values()):
            yield replace(module, schemes=declared.schemes, method=declared.method, widths=widths)
            continue
        parts: dict[tuple[Any, ...], list[tuple[int, ...]]] = {}
        for numbers in module.indices:
            parts.setdefault(declared.schemes_of(_name(module.path, numbers)), []).append(numbers)
        for schemes, indices in parts.items():
            yield replace(module, schemes=schemes, method=declared.method, widths=widths, indices=tuple(indices))


def _name(template: str, numbers: tuple[int, ...]) -> str:
    """The name that a template and its numbers stand for."""
    pieces = template.split("*")
    return "".join(piece + str(number) for piece, number in zip(pieces, numbers, strict=False)) + pieces[-1]


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
        stored_bytes = sum(module.tensors[leaf].size_bytes for leaf in weight.uses)
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


def _scheme(pairs: list[Pair]) -> tuple[str | None, float | None]:
    """The scheme in words, the largest part first, and the bits of that part."""
    totals: dict[tuple[str, float], int] = {}
    for module, weight in pairs:
        if weight.bits is not None:
            key = (weight.scheme or weight.storage, weight.bits)
            totals[key] = totals.get(key, 0) + weight.parameters * len(module.indices)
    if not totals:
        return None, None
    largest = sorted(totals, key=lambda key: -totals[key])
    everything = sum(totals.values())
    named = [key for key in largest if totals[key] * 100 >= everything] or largest[:1]
    return " + ".join(dict.fromkeys(words for words, _ in named[:3])), largest[0][1]


def _notices(pairs: list[Pair], declared: Declared, repeated: Mapping[str, int]) -> Iterator[Notice]:
    """What a reader should know: unknown packings, counts left open, names stored twice."""
    total = sum(weight.parameters * len(module.indices) for module, weight in pairs) or 1
    for is_known, code in ((False, "quantization.unknown"), (True, "quantization.inexact")):
        doubts: dict[str, list[Pair]] = {}
        for module, weight in pairs:
            if weight.why and weight.is_known == is_known:
                doubts.setdefault(weight.why, []).append((module, weight))
        for why, those in doubts.items():
            module, weight = those[0]
            name = _name(join(module.path, weight.leaf), module.indices[0])
            count = sum(len(module.indices) for module, _ in those)
            share = sum(weight.parameters * len(module.indices) for module, weight in those) / total
            used = "stored elements are counted" if not is_known else "the likeliest count is used"
            yield Notice(
                code=code,
                message=f"{plural(count, 'tensor')} ({format_percent(share)} of all parameters), `{name}` first: "
                f"{why}; {used}",
            )
    if repeated:
        name = next(iter(repeated))
        yield Notice(
            code="quantization.repeated_name",
            message=f"{plural(len(repeated), 'name')} stored more than once, `{name}` first; each is counted once",
        )
