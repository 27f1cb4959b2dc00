"""Further layouts that pack 4-bit values: Quark INT4, FP-Quant, Four Over Six, SVDQuant, BitBLAS, SpQR."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS
from sizer.quantization.format import Format, Module, Weight, group_words
from sizer.quantization.nvfp4 import doubled, packed_axis
from sizer.quantization.scaled import find_scaled
from sizer.quantization.solve import bits_of_row, solve_row

__all__ = ["BitBlas", "FourOverSix", "FpQuant", "Quark", "Spqr", "SvdQuant"]

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


class FpQuant(Format):
    """`qweight` U8 [out, in / 2] + `scales` [out, in / 32] (MXFP4) or [out, in / 16] (NVFP4); `dqweight` unpacked.

    Source: transformers, integrations/fp_quant.py; IST-DASLab/FP-Quant.
    """

    name = "FP-Quant"

    def read(self, module: Module) -> Iterator[Weight]:
        """Byte tensors with a scale for each block."""
        state = module.present(
            "scales", "forward_hadamard_matrix", "backward_hadamard_matrix", "act_global_scale", "weight_global_scale"
        )
        carrier, scales = module.tensors.get("qweight"), module.tensors.get("scales")
        if carrier is not None and scales is not None and carrier.dtype == "U8":
            for storage, block in (("MXFP4", 32), ("NVFP4", 16)):
                axis = packed_axis(carrier.shape, scales.shape, block=block)
                if axis is not None:
                    yield Weight(
                        leaf="weight",
                        shape=doubled(carrier.shape, axis),
                        storage=storage,
                        bits=4,
                        uses=("qweight", *state),
                    )
                    return
        dequantised = module.tensors.get("dqweight")
        if dequantised is not None and dequantised.elements:
            yield Weight(
                leaf="weight",
                shape=dequantised.shape,
                storage=dequantised.dtype,
                uses=("dqweight", *state, *module.present("weight", "qweight")),
            )


class FourOverSix(Format):
    """`quantized_weight_values` U8 [out, in / 2] + `quantized_weight_scale_factors`, `_amax`, `_metadata`.

    Source: transformers, integrations/fouroversix.py; mit-han-lab/fouroversix, `FourOverSixLinear`.
    """

    name = "Four Over Six"

    def read(self, module: Module) -> Iterator[Weight]:
        """NVFP4 and MXFP4 values with flat scales."""
        carrier = module.tensors.get("quantized_weight_values")
        scales = module.tensors.get("quantized_weight_scale_factors")
        if carrier is None or scales is None or len(carrier.shape) < 2 or carrier.dtype != "U8":
            return
        storage = "NVFP4" if carrier.elements * 2 <= scales.elements * 31 else "MXFP4"
        yield Weight(
            leaf="weight",
            shape=doubled(carrier.shape, len(carrier.shape) - 1),
            storage=storage,
            bits=4,
            uses=tuple(leaf for leaf in module.tensors if leaf.startswith("quantized_weight_")),
        )


class SvdQuant(Format):
    """`qweight` I8 [out, in / 2] + `wscales` [in / group, out] + `proj_down`, `proj_up`; W4A16: I32 [out / 4, in / 2].

    The low-rank branch is what quantisation split off the weight, so it is no parameter of the model.
    Source: nunchaku-ai/nunchaku, nunchaku/models/linear.py, `SVDQW4A4Linear` and `AWQW4A16Linear`.
    """

    name = "SVDQuant"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with `wscales`."""
        carrier, scales = module.tensors.get("qweight"), module.tensors.get("wscales")
        if carrier is None or scales is None or len(carrier.shape) != 2 or len(scales.shape) != 2:
            return
        rows = {"I8": 1, "U8": 1, "I32": 4}.get(carrier.dtype, 0)
        if not rows or carrier.shape[0] * rows != scales.shape[1]:
            return
        yield Weight(
            leaf="weight",
            shape=(scales.shape[1], carrier.shape[1] * 2),
            storage="SVDQuant 4-bit" if rows == 1 else "AWQ 4-bit",
            bits=4,
            uses=module.present(
                "qweight", "wscales", "wzeros", "smooth_factor", "smooth_factor_orig", "smooth", "smooth_orig",
                "proj_down", "proj_up", "lora_down", "lora_up", "wtscale", "wcscales",
            ),
        )  # fmt: skip


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


class Spqr(Format):
    """`dense_weights` I64, one word for 16 values, + `row_offsets`, `col_vals` (outliers), `in_perm` [in / 2].

    Source: Vahe1994/SpQR, inference_lib/src/spqr_quant/inference.py, `QuantizedLinear`.
    """

    name = "SpQR"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with a sparse part."""
        carrier = module.tensors.get("dense_weights")
        if carrier is None or "row_offsets" not in module.tensors or "col_vals" not in module.tensors:
            return
        parameters = carrier.elements * 16
        order = module.tensors.get("in_perm")
        inputs = order.elements * 2 if order is not None else 0
        yield Weight(
            leaf="weight",
            elements=parameters,
            shape=(parameters // inputs, inputs) if inputs and parameters % inputs == 0 else None,
            storage="SpQR 3-bit",
            bits=3,
            uses=module.present("dense_weights", "row_offsets", "col_vals", "in_perm"),
        )
