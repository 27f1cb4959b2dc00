"""FP8 and the other floats below 16 bits that safetensors knows: the shape is the logical one."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS, NAMES
from sizer.quantization.format import Format, Kind, Module, Weight
from sizer.quantization.scaled import find_scaled

__all__ = ["LowBitFloat", "scaling_words"]

_DTYPES = frozenset(NAMES)
_EXPONENTS = frozenset({"F8_E8M0", "U8"})


class LowBitFloat(Format):
    """`weight` F8, F6 or F4 with or without `weight_scale`, `weight_scale_inv`, `input_scale` ...

    The scale is one number, one per output channel, one per block (128x128, or 32 along the input), or one per
    expert of a fused tensor; only its wording depends on it. Sources: DeepSeek-V3 README_WEIGHTS.md;
    transformers, integrations/finegrained_fp8.py and fbgemm_fp8.py; compressed-tensors, naive_quantized.
    """

    name = "FP8"

    def read(self, module: Module) -> Iterator[Weight]:
        """Every tensor of such a dtype that is not itself the scale of another."""
        for scaled in find_scaled(module, _DTYPES):
            yield Weight(
                leaf=scaled.parameter,
                shape=scaled.kind.shape,
                storage=_storage(scaled.kind, scaled.scale),
                bits=BITS[scaled.kind.dtype],
                uses=(scaled.leaf, *scaled.state),
            )


def _storage(kind: Kind, scale: Kind | None) -> str:
    name = NAMES[kind.dtype]
    if scale is not None and kind.dtype == "F4" and scale.dtype in ("F8_E4M3", "F8_E8M0"):
        return "NVFP4" if scale.dtype == "F8_E4M3" else "MXFP4"
    words = scaling_words(kind.shape, scale)
    if words == "1x32 blocks" and scale is not None and scale.dtype in _EXPONENTS:
        return f"MX{name[:3]} {name[4:]}"
    return f"{name[:-1]}, {words})" if words else name


def scaling_words(shape: tuple[int, ...], scale: Kind | None) -> str:
    """How far one scale reaches: `per tensor`, `per channel`, `per expert`, `128x128 blocks`; empty without a scale."""
    if scale is None:
        return ""
    if scale.elements == 1:
        return "per tensor"
    if len(shape) >= 2 and len(scale.shape) == len(shape):
        rows = -(-shape[-2] // scale.shape[-2]) if scale.shape[-2] else 0
        columns = -(-shape[-1] // scale.shape[-1]) if scale.shape[-1] else 0
        if scale.shape[-2:] == (1, 1):
            return "per expert"
        if 1 in scale.shape[-2:]:
            return "per channel"
        rows, columns = (1 << (size - 1).bit_length() if size > 1 else size for size in (rows, columns))
        return f"{rows}x{columns} blocks"
    if len(shape) >= 3 and scale.elements == shape[0]:
        return "per expert"
    return "per channel"
