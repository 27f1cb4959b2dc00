"""Integers of 2 or 4 bits in bytes, with float scales: ModelOpt INT4, BitNet, Gemma's own quantisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sizer.quantization.format import Format, Kind, Module, Row, Weight, group_words
from sizer.quantization.scaled import find_scaled, state_of
from sizer.quantization.solve import NOT_DECLARED, solve_row

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
    its embeddings are `embedding_quantized` with `embedding_scale`). W4AFP8 keeps pairs of inputs in I8 [out, in / 2]
    with a scale [out, in / group].

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
    if len(scale.shape) == len(kind.shape) and scale.shape[:-1] == kind.shape[:-1] and scale.shape[-1] > 1:
        yield from _decode_groups(module, leaf, parameter, kind, scale, state)
        return
    fitting = list(_readings(module, kind, scale))
    if not fitting or (kind.dtype == "I8" and fitting != [_Reading(-2, 2)] and leaf == parameter):
        return
    axis, values = fitting[0]
    shape = list(kind.shape)
    shape[axis] *= values
    candidates = tuple(
        Row(kind.shape[-1] * (reading.values if reading.axis == -1 else 1), 8 // reading.values, None)
        for reading in fitting
    )
    why = "" if len(fitting) == 1 else NOT_DECLARED
    yield Weight(
        leaf=parameter,
        shape=tuple(shape),
        storage=f"INT{8 // values}" if values > 1 else "8-bit",
        bits=8 // values,
        uses=(leaf, *state),
        is_exact=not why,
        row=Row(shape[-1], 8 // values, None, why, is_declared=bool(module.schemes), candidates=candidates),
        why=why,
    )


def _decode_groups(
    module: Module, leaf: str, parameter: str, kind: Kind, scale: Kind, state: tuple[str, ...]
) -> Iterator[Weight]:
    """Rows with a scale for each group of inputs: mostly 8 bits in signed bytes, 4 bits in unsigned ones."""
    row = solve_row(
        kind.shape[-1],
        scale.shape[-1],
        schemes=module.schemes,
        widths=module.widths,
        usual_groups=(128, 64, 32, 256, 16),
        usual_bits=(8, 4, 2) if kind.dtype == "I8" else (4, 8, 2),
        container=8,
    )
    if row is not None:
        yield Weight(
            leaf=parameter,
            shape=(*kind.shape[:-1], row.width),
            storage=f"INT{row.bits}",
            scheme=f"INT{row.bits}, {group_words(row.group_size)}",
            bits=row.bits,
            uses=(leaf, *state),
            is_exact=not row.why_inexact,
            row=row,
            why=row.why_inexact,
        )


def _readings(module: Module, kind: Kind, scale: Kind) -> Iterator[_Reading]:
    """Readings that the scale, the declaration and the widths in use allow."""
    rows, columns = kind.shape[-2:]
    scale_rows = scale.shape[-2] if len(scale.shape) >= 2 else 1
    if scale_rows == rows * 2:
        yield _Reading(-2, 2)
        return
    if module.method == "bitnet":
        yield _Reading(-2, 4)
        return
    declared = {8 // scheme.bits for scheme in module.schemes if scheme.bits in (2, 4, 8)}
    possible = [_Reading(-1, values) for values in (1, 2, 4)] if scale_rows == rows else [_Reading(-2, 4)]
    if scale_rows != rows and 1 in declared:
        possible.append(_Reading(-1, 1))
    preferred = [reading for reading in possible if reading.values in declared]
    known = [
        reading
        for reading in possible
        if (rows * reading.values if reading.axis == -2 else rows) in module.widths
        and (columns * reading.values if reading.axis == -1 else columns) in module.widths
    ]
    yield from preferred or known
