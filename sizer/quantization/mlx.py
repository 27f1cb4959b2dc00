"""MLX: values packed densely along the input, with scales (and biases) per group."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight, group_words
from sizer.quantization.solve import solve_row

__all__ = ["Mlx"]

_FLOAT_MODES = {(32, 4): "MXFP4", (16, 4): "NVFP4", (32, 8): "MXFP8"}


class Mlx(Format):
    """`weight` U32 [..., out, in x bits / 32] + `scales` [..., out, in / group] + `biases` (affine mode).

    Without `biases` and with U8 scales the mode is mxfp4, nvfp4 or mxfp8. Fused experts keep [E, out, ...].
    Bits and group size may differ per module (`quantization` in config.json). The quantisation's `biases` are
    dropped, a layer's own `bias` stays. transformers' Metal layers call them `qbiases`.
    Source: ml-explore/mlx, python/mlx/nn/layers/quantized.py; mlx-lm, utils.py, `quantize_model`.
    """

    name = "MLX"

    def read(self, module: Module) -> Iterator[Weight]:
        """Word tensors with scales of the same rows."""
        carrier, scales = module.tensors.get("weight"), module.tensors.get("scales")
        if carrier is None or scales is None or carrier.dtype not in ("U32", "I32"):
            return
        if len(carrier.shape) < 2 or carrier.shape[:-1] != scales.shape[:-1]:
            return
        is_float = scales.dtype == "U8"
        row = solve_row(
            carrier.shape[-1],
            scales.shape[-1],
            schemes=module.schemes,
            widths=module.widths,
            usual_groups=(32, 16) if is_float else (64, 32, 128),
            usual_bits=(4, 8) if is_float else (4, 8, 6, 3, 5, 2),
        )
        if row is None:
            return
        words = f"{row.bits}-bit"
        if is_float:
            words = _FLOAT_MODES.get((row.group_size or 0, row.bits), words)
        yield Weight(
            leaf="weight",
            shape=(*carrier.shape[:-1], row.width),
            storage=f"MLX {words}",
            scheme=f"MLX {words}, {group_words(row.group_size)}",
            bits=row.bits,
            uses=module.present("weight", "scales", "biases", "qbiases", "global_scale"),
            is_exact=not row.why_inexact,
            row=row,
            why=row.why_inexact,
        )
