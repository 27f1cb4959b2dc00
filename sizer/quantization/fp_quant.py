"""FP-Quant and Four Over Six: FP4 layers of quantisation-aware training."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight
from sizer.quantization.nvfp4 import doubled, packed_axis

__all__ = ["FourOverSix", "FpQuant"]


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
