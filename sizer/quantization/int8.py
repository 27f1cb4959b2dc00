"""INT8, and other integers kept one to an element: the shape is the logical one."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight
from sizer.quantization.scaled import find_scaled

__all__ = ["Int8"]

_BYTES = frozenset({"I8"})


class Int8(Format):
    """`weight` I8 [out, in] + `weight_scale` [out, 1] or one number (+ `weight_zero_point`, `input_scale` ...).

    compressed-tensors int-quantized (whatever its `num_bits`), ModelOpt INT8, Quark INT8, FP8 bytes viewed as I8,
    and EETQ, which keeps [in, out] with `weight_scales` [out].
    Sources: compressed-tensors, compressors/naive_quantized/base.py; transformers, integrations/eetq.py.
    """

    name = "INT8"

    def read(self, module: Module) -> Iterator[Weight]:
        """Byte tensors with a float scale."""
        for scaled in find_scaled(module, _BYTES):
            scale = scaled.scale
            if scale is None or scale.dtype not in ("F32", "F16", "BF16") or len(scaled.kind.shape) < 2:
                continue
            shape = scaled.kind.shape
            if "weight_scales" in scaled.state and scale.shape == shape[-1:] and shape[0] != shape[-1]:
                shape = shape[::-1]
            yield Weight(
                leaf=scaled.parameter,
                shape=shape,
                storage="INT8",
                bits=8,
                uses=(scaled.leaf, *scaled.state),
            )
