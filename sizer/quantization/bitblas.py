"""BitBLAS: integers packed in bytes along the input."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight
from sizer.quantization.solve import solve_row

__all__ = ["BitBlas"]


class BitBlas(Format):
    """`qweight` I8 [out, in x bits / 8] + `scales` [out, groups] (+ `zeros` or `qzeros`).

    Source: ModelCloud/GPTQModel, nn_modules/qlinear/bitblas.py.
    """

    name = "BitBLAS"

    def read(self, module: Module) -> Iterator[Weight]:
        """Byte rows with scales per output."""
        carrier, scales = module.tensors.get("qweight"), module.tensors.get("scales")
        if carrier is None or scales is None or carrier.dtype not in ("I8", "U8"):
            return
        if len(carrier.shape) != 2 or len(scales.shape) != 2 or carrier.shape[0] != scales.shape[0]:
            return
        row = solve_row(
            carrier.shape[1],
            scales.shape[1],
            schemes=module.schemes,
            widths=module.widths,
            usual_groups=(128, 64, 32),
            usual_bits=(4, 2, 1),
            container=8,
        )
        if row is not None:
            yield Weight(
                leaf="weight",
                shape=(carrier.shape[0], row.width),
                storage=f"BitBLAS {row.bits}-bit",
                bits=row.bits,
                uses=module.present("qweight", "scales", "zeros", "qzeros", "g_idx"),
                is_exact=not row.why_inexact,
                row=row,
                why=row.why_inexact,
            )
