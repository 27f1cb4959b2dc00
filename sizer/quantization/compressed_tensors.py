"""compressed-tensors: integers packed along the input in 32-bit words."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Kind, Module, Row, Weight, group_words
from sizer.quantization.scaled import Scaled, find_scaled
from sizer.quantization.solve import bits_of_row, solve_row

__all__ = ["PackQuantized"]

_WORDS = frozenset({"I32", "U32"})


class PackQuantized(Format):
    """`weight_packed` I32 [out, in x bits / 32] + `weight_scale` [out, groups] + `weight_shape` I64 [2] ...

    `weight_shape` holds the logical shape in the body, which is not read. `weight_g_idx` has one entry per input;
    `weight_zero_point` I32 [out x bits / 32, groups] gives the bits; else the declared bits and group size do.
    Words are filled densely (since 0.15) or with whole values (before); both are the same for 2, 4 and 8 bits.
    The formats int-quantized, float-quantized and naive-quantized keep one value per element: see `int8` and `fp8`.
    Source: vllm-project/compressed-tensors, compressors/pack_quantized/base.py and helpers.py.
    """

    name = "compressed-tensors"

    def read(self, module: Module) -> Iterator[Weight]:
        """Every `<parameter>_packed` of words."""
        for scaled in find_scaled(module, _WORDS, suffix="_packed"):
            if len(scaled.kind.shape) < 2 or scaled.scale is None:
                continue
            row = _solve(module, scaled)
            if row is None:
                continue
            yield Weight(
                leaf=scaled.parameter,
                shape=(*scaled.kind.shape[:-1], row.width),
                storage=f"INT{row.bits}",
                scheme=f"compressed-tensors {row.bits}-bit, {group_words(row.group_size)}",
                bits=row.bits,
                uses=(scaled.leaf, *scaled.state),
                is_exact=not row.why_inexact,
                row=row,
                why=row.why_inexact,
            )


def _solve(module: Module, scaled: Scaled) -> Row | None:
    words, scale = scaled.kind.shape[-1], scaled.scale
    groups = scale.shape[-1] if scale is not None and len(scale.shape) >= 2 else 1
    g_idx = module.tensors.get(f"{scaled.parameter}_g_idx")
    if g_idx is not None and g_idx.shape and (bits := bits_of_row(words, g_idx.shape[-1], 32)):
        return Row(g_idx.shape[-1], bits, g_idx.shape[-1] // groups if groups > 1 else None)
    bits = _bits_of_zeros(module.tensors.get(f"{scaled.parameter}_zero_point"), scaled.kind)
    schemes = [scheme for scheme in module.schemes if bits is None or scheme.bits == bits]
    return solve_row(
        words,
        groups,
        schemes=schemes,
        widths=module.widths,
        usual_groups=(128, 32, 64, 256, 16),
        usual_bits=(bits,) if bits else (4, 8, 2, 3, 6, 5, 7, 1),
    )


def _bits_of_zeros(zeros: Kind | None, carrier: Kind) -> int | None:
    """The bits that packed zero points show: they are packed along the output."""
    if zeros is None or zeros.dtype not in _WORDS or len(zeros.shape) < 2:
        return None
    return bits_of_row(zeros.shape[-2], carrier.shape[-2], 32)
