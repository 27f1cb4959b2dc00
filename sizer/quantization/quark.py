"""Quark INT4: AMD's export of integers in 32-bit words."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS
from sizer.quantization.format import Format, Kind, Module, Weight, group_words
from sizer.quantization.scaled import Scaled, find_scaled
from sizer.quantization.solve import bits_of_row, solve_row

__all__ = ["Quark"]

_WORDS = frozenset({"I32", "U32"})


class Quark(Format):
    """`weight` I32 [in, out / 8] + `weight_scale` [groups, out] + `weight_zero_point` I32 [groups, out / 8].

    Packed along the input it is [out, in / 8] with a scale [out, groups]. One scale per output is [out], with zero
    points of [out / 8]; over FP8 (`int4_fp8`) they are `weight_scale_2` and `weight_zero_point_2`.
    Quark's FP8, INT8 and MX weights are those of `fp8`, `int8` and `mxfp4`.
    Source: vLLM, model_executor/layers/quantization/quark/schemes (W4A16 INT4); AMD Quark, HF export.
    """

    name = "Quark"

    def read(self, module: Module) -> Iterator[Weight]:
        """Word tensors with float scales."""
        for scaled in find_scaled(module, _WORDS):
            scale, zeros = scaled.scale, module.tensors.get(f"{scaled.parameter}_zero_point")
            if scale is None or 0 in scale.shape or len(scaled.kind.shape) != 2 or "scales" in scaled.state:
                continue
            if not scale.shape:
                scale = module.tensors.get(f"{scaled.parameter}_scale_2", scale)
                zeros = module.tensors.get(f"{scaled.parameter}_zero_point_2")
            found = _per_output(scaled.kind, scale, zeros) if len(scale.shape) == 1 else _by_group(module, scaled)
            if found is None:
                continue
            shape, bits, group, why = found
            yield Weight(
                leaf=scaled.parameter,
                shape=shape,
                storage=f"INT{bits}",
                scheme=f"INT{bits}, {group_words(group)}",
                bits=bits,
                uses=(scaled.leaf, *scaled.state),
                is_exact=not why,
                why=why,
            )


def _per_output(stored: Kind, scale: Kind, zeros: Kind | None) -> tuple[tuple[int, int], int, None, str] | None:
    """(shape, bits, group size, why not exact) where each output has one scale: packed zero points give the bits."""
    (outputs,), (rows, words), container = scale.shape, stored.shape, BITS[stored.dtype]
    if rows != outputs:  # packed along the output
        bits = bits_of_row(words, outputs, container)
        return None if bits is None else ((outputs, rows), bits, None, "")
    if zeros is None or len(zeros.shape) != 1 or zeros.dtype not in _WORDS:
        return None
    bits = bits_of_row(zeros.shape[0], outputs, container)
    return None if bits is None else ((outputs, words * (container // bits)), bits, None, "")


def _by_group(module: Module, scaled: Scaled) -> tuple[tuple[int, int], int, int | None, str] | None:
    """As `_per_output`, where groups of inputs have a scale."""
    scale, shape = scaled.scale, scaled.kind.shape
    if scale is None or len(scale.shape) != 2:
        return None
    bits = bits_of_row(shape[1], scale.shape[1], BITS[scaled.kind.dtype])
    if bits is not None and shape[0] % scale.shape[0] == 0 and shape[0] // scale.shape[0] >= 16:
        return (scale.shape[1], shape[0]), bits, shape[0] // scale.shape[0], ""
    if shape[0] != scale.shape[0]:
        return None
    row = solve_row(shape[1], scale.shape[1], schemes=module.schemes, widths=module.widths, usual_groups=(128, 32, 64))
    return None if row is None else ((shape[0], row.width), row.bits, row.group_size or 0, row.why_inexact)
