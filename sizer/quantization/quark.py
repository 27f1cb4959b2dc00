"""Quark INT4: AMD's export of integers in 32-bit words."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS
from sizer.quantization.format import Format, Module, Weight, group_words
from sizer.quantization.scaled import find_scaled
from sizer.quantization.solve import bits_of_row, solve_row

__all__ = ["Quark"]

_WORDS = frozenset({"I32", "U32"})


class Quark(Format):
    """`weight` I32 [in, out / 8] + `weight_scale` [groups, out] + `weight_zero_point` I32 [groups, out / 8].

    Packed along the input it is [out, in / 8] with a scale [out, groups].
    Quark's FP8, INT8 and MX weights are those of `fp8`, `int8` and `mxfp4`.
    Source: vLLM, model_executor/layers/quantization/quark/schemes (W4A16 INT4); AMD Quark, HF export.
    """

    name = "Quark"

    def read(self, module: Module) -> Iterator[Weight]:
        """Word tensors with float scales."""
        for scaled in find_scaled(module, _WORDS):
            scale, shape = scaled.scale, scaled.kind.shape
            if (
                scale is None
                or len(shape) != 2
                or len(scale.shape) != 2
                or 0 in scale.shape
                or "scales" in scaled.state
            ):
                continue
            bits = bits_of_row(shape[1], scale.shape[1], BITS[scaled.kind.dtype])
            if bits is not None and shape[0] % scale.shape[0] == 0 and shape[0] // scale.shape[0] >= 16:
                logical, group, why = (scale.shape[1], shape[0]), shape[0] // scale.shape[0], ""
            elif shape[0] == scale.shape[0]:
                row = solve_row(
                    shape[1], scale.shape[1], schemes=module.schemes, widths=module.widths, usual_groups=(128, 32, 64)
                )
                if row is None:
                    continue
                bits, group, why = row.bits, row.group_size or 0, row.why_inexact
                logical = (shape[0], row.width)
            else:
                continue
            yield Weight(
                leaf=scaled.parameter,
                shape=logical,
                storage=f"INT{bits}",
                scheme=f"INT{bits}, {group_words(group)}",
                bits=bits,
                uses=(scaled.leaf, *scaled.state),
                is_exact=not why,
                why=why,
            )
