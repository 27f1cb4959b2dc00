"""Stored tensors of a checkpoint to the logical tensors that the model means.

The tensors decide: dtypes, companions and shapes that allow one reading. What the configuration declares settles
what they leave open. Rotary tables, masks and tied heads are kept: the anatomy knows what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sizer.headers.interface import StoredTensor
from sizer.quantization.declared import read_declared
from sizer.quantization.decode import decode
from sizer.quantization.format import Module, join
from sizer.quantization.formats import PLAIN
from sizer.quantization.interface import LogicalTensor, StoredGroup, Unpacked
from sizer.quantization.modules import Repeated, group_modules
from sizer.quantization.remarks import Pair, remarks, scheme_words
from sizer.quantization.state import dropped_reason

__all__ = ["unpack"]

_BRACKETS = re.compile(r"\[([0-9]+)\]")


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
    stored = tuple(stored)
    modules, repeated = group_modules(stored)
    if separator := _separator(modules):
        modules, repeated = group_modules(_dotted(stored, separator))
    declared = read_declared(config, documents, metadata)
    read, is_refuted = decode(modules, declared)
    pairs = [(module, weight) for module, weights in read for weight in weights]
    is_quantised = any(weight.bits is not None for _, weight in pairs) or bool(declared.method)
    dropped: dict[str, int] = {}
    if repeated:
        dropped["second copies of a name"] = sum(kind.size_bytes * count for (_, kind), count in repeated.items())
    for module, weights in read:
        used = {leaf for weight in weights for leaf in weight.uses}
        rest = {leaf: kind for leaf, kind in module.tensors.items() if leaf not in used}
        for weight in PLAIN.read(replace(module, tensors=rest)):
            reason = dropped_reason(module, weight.leaf, declared.transforms, is_quantised=is_quantised)
            if reason:
                size = weight.stored_bytes(module) * len(module.indices)
                dropped[reason] = dropped.get(reason, 0) + size
            else:
                pairs.append((module, weight))
    scheme, bits = scheme_words(pairs)
    return Unpacked(
        tensors=tuple(_logical(pairs)),
        stored=tuple(_stored(modules, repeated)),
        scheme=scheme,
        bits=bits,
        is_known=all(weight.is_known for _, weight in pairs),
        why_inexact=next((weight.why for _, weight in pairs if weight.is_known and not weight.is_exact), ""),
        dropped_bytes=dropped,
        notices=tuple(remarks(pairs, declared, repeated, is_refuted=is_refuted)),
    )


def _stored(modules: Iterable[Module], repeated: Repeated) -> Iterable[StoredGroup]:
    """What the files hold, by kind."""
    for module in modules:
        for leaf, kind in module.tensors.items():
            yield StoredGroup(leaf, kind.shape, kind.size_bytes, len(module.indices))
    for (name, kind), count in repeated.items():
        yield StoredGroup(name.rpartition(".")[2], kind.shape, kind.size_bytes, count)


_SEPARATORS = (".", "/", "::", "__", "_")


def _separator(modules: Sequence[Module]) -> str:
    """What parts the names where it is no dot: `layer_0/attention/query`, `layer::0::query::weight`; else empty.

    Parted they are where most have three segments, and dots come first: `layers.0.q_proj.weight` stays. Underscores do
    not part names whose last segment, after a dot, has one too.
    """
    names = [(join(module.path, leaf), len(module.indices)) for module in modules for leaf in module.tensors]
    half = sum(count for _, count in names) / 2
    parted = (s for s in _SEPARATORS if sum(count for name, count in names if name.count(s) > 1) > half)
    separator = next(parted, ".")
    has_words = any("_" in name.rpartition(".")[2] for name, _ in names if "." in name)  # `lycoris_attn_q.lokr_w1`
    return "" if separator == "." or (separator == "_" and has_words) else separator


def _dotted(stored: Iterable[StoredTensor], separator: str) -> Iterable[StoredTensor]:
    """The tensors under names that are parted by dots."""
    return (tensor._replace(name=_BRACKETS.sub(r".\1", tensor.name).replace(separator, ".")) for tensor in stored)


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
