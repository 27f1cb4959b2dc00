"""Integers of 2 or 4 bits in bytes, with float scales: ModelOpt INT4, BitNet, Gemma's own quantisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sizer.quantization.format import Format, Kind, Module, Weight
from sizer.quantization.scaled import find_scaled, state_of

__all__ = ["PackedBytes"]

_FLOATS = ("F32", "F16", "BF16")
_BYTES = frozenset({"U8", "I8"})


class _Reading(NamedTuple):
    axis: int
    """-2 for outputs, -1 for inputs."""
    values: int
    """Values in a byte."""


class PackedBytes(Format):
    """`weight` U8 with `weight_scale`: ModelOpt packs pairs of outputs ([out / 2, in], scale [out, in / group]),
    BitNet four outputs ([out / 4, in], one scale), Gemma two or four inputs ([out, in / 2], scale [out, 1];
    its embeddings are `embedding_quantized` with `embedding_scale`).

    Rows of the scale show packed outputs. Otherwise the reading holds whose two sides occur elsewhere in the model,
    or the declared bits. Sources: NVIDIA/Model-Optimizer, modelopt/torch/export/quant_utils.py,
    `pack_int4_in_uint8`; transformers, integrations/bitnet.py and integrations/gemma_quant.py.
    """

    name = "packed bytes"

    def read(self, module: Module) -> Iterator[Weight]:
        """Byte tensors with float scales, if one reading fits."""
        embedding, rows = module.tensors.get("embedding_quantized"), module.tensors.get("embedding_scale")
        if embedding is not None and rows is not None:
            yield from _decode(module, "embedding_quantized", "weight", embedding, rows, ("embedding_scale",))
        for scaled in find_scaled(module, _BYTES):
            if scaled.scale is not None and scaled.scale.dtype in _FLOATS:
                state = state_of(module, scaled.parameter)
                yield from _decode(module, scaled.leaf, scaled.parameter, scaled.kind, scaled.scale, state)


def _decode(
    module: Module, leaf: str, parameter: str, kind: Kind, scale: Kind, state: tuple[str, ...]
) -> Iterator[Weight]:
    if len(kind.shape) < 2:
        return
    fitting = list(_readings(module, kind, scale))
    if kind.dtype == "I8" and fitting != [_Reading(-2, 2)] and leaf == parameter:
        return
    if not fitting:
        return
    axis, values = fitting[0]
    shape = list(kind.shape)
    shape[axis] *= values
    why = "" if len(fitting) == 1 else "its bits are not declared and several fit its shape"
    yield Weight(
        leaf=parameter,
        shape=tuple(shape),
        storage=f"INT{8 // values}" if values > 1 else "8-bit",
        bits=8 // values,
        uses=(leaf, *state),
        is_exact=not why,
        why=why,
    )


def _readings(module: Module, kind: Kind, scale: Kind) -> Iterator[_Reading]:
    """Readings that the scale, the declaration and the widths in use allow."""
    rows, columns = kind.shape[-2:]
    scale_rows = scale.shape[-2] if len(scale.shape) >= 2 else 1
    if scale_rows == rows * 2:
        yield _Reading(-2, 2)
        return
    declared = {8 // scheme.bits for scheme in module.schemes if scheme.bits in (2, 4, 8)}
    if module.method == "bitnet":
        yield _Reading(-2, 4)
        return
    possible = [_Reading(-1, values) for values in (1, 2, 4)]
    if scale_rows != rows:
        possible += [_Reading(-2, values) for values in (2, 4)]
    known = [
        reading
        for reading in possible
        if (rows * reading.values if reading.axis == -2 else rows) in module.widths
        and (columns * reading.values if reading.axis == -1 else columns) in module.widths
    ]
    preferred = [reading for reading in known or possible if reading.values in declared]
    if known or preferred:
        yield from preferred or known
