"""NVFP4: two FP4 (E2M1) values a byte, an FP8 scale for every 16 (or 32), and one scale for the whole tensor."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight, find_packed_axis
from sizer.quantization.scaled import find_scaled

__all__ = ["Nvfp4"]

_BLOCKS = (16, 32)
"""Values that share a scale: 16, and 32 where FP8 activations are multiplied with them (ModelOpt, W4A8_NVFP4_FP8)."""
_BYTES = frozenset({"U8", "I8"})


class Nvfp4(Format):
    """`weight` U8 [out, in / 2] + `weight_scale` F8_E4M3 [out, in / 16] + `weight_scale_2`; or `weight_packed` ...

    Fused experts keep [E, out, in / 2], or [E, in / 2, out] where the model's own layout is transposed: the scale
    shows which axis is packed. The scale may be padded to 128 rows and 4 columns (swizzled).
    Sources: NVIDIA/Model-Optimizer, modelopt/torch/export/quant_utils.py, `to_quantized_weight`, and
    quantization/qtensor/nvfp4_tensor.py; compressed-tensors, compressors/nvfp4/base.py.
    """

    name = "NVFP4"

    def read(self, module: Module) -> Iterator[Weight]:
        """Byte tensors with an FP8 scale for every eight bytes, or every sixteen."""
        for suffix in ("_packed", ""):
            for scaled in find_scaled(module, _BYTES, suffix=suffix):
                scale = scaled.scale
                if scale is None or scale.dtype not in ("F8_E4M3", "F8_E4M3FNUZ"):
                    continue
                axes = (packed_axis(scaled.kind.shape, scale.shape, block=block) for block in _BLOCKS)
                axis = next((axis for axis in axes if axis is not None), None)
                if axis is None:
                    continue
                shape = doubled(scaled.kind.shape, axis)
                yield Weight(
                    leaf=scaled.parameter,
                    shape=shape,
                    storage="NVFP4",
                    bits=4,
                    uses=(scaled.leaf, *scaled.state),
                )


def packed_axis(stored: tuple[int, ...], scale: tuple[int, ...], *, block: int) -> int | None:
    """The axis that holds two values a byte, by the shape of the block scales (padded ones included), or None."""
    axis = find_packed_axis(stored, scale, values_per_element=2, block=block)
    if axis is not None or len(stored) < 2 or len(scale) < 2:
        return axis
    rows, columns = stored[-2], -(-stored[-1] * 2 // block)
    padded = (-(-rows // 128) * 128, -(-columns // 4) * 4)
    return len(stored) - 1 if scale[-2:] == padded and scale[:-2] == stored[:-2] else None


def doubled(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The shape with twice as many values along the axis."""
    return (*shape[:axis], shape[axis] * 2, *shape[axis + 1 :])
