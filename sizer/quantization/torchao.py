"""torchao: tensor subclasses taken apart into `_<parameter>_qdata`, `_<parameter>_scale` and the like."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import NAMES
from sizer.quantization.format import Format, Kind, Module, Weight
from sizer.quantization.nvfp4 import doubled, packed_axis

__all__ = ["TorchAo"]

_STATE = (
    "scale", "zero_point", "scale_and_zero", "act_pre_scale", "per_tensor_scale", "act_per_tensor_scale",
    "act_quant_scale", "act_quant_zero_point", "block_scale",
)  # fmt: skip
_END = "_qdata"


class TorchAo(Format):
    """`_weight_qdata` + `_weight_scale` (+ `_weight_zero_point` ...), the class in the file's metadata.

    Float8, Int8 and IntxUnpackedToInt8 keep one value per element; Int4Tensor packs [out, in / 2] bytes with scales
    [in / group, out]; Int4PlainInt32Tensor [out, in / 8] words; Int4TilePackedTo4d [out / 8, in / 128, 32, 4] words;
    NVFP4 and MX tensors [out, in / 2] bytes with block scales. Dtypes and shapes tell them apart.
    Source: pytorch/ao, torchao/prototype/safetensors/safetensors_support.py and quantization/quantize_/workflows.
    """

    name = "torchao"

    def read(self, module: Module) -> Iterator[Weight]:
        """Every parameter with a `qdata`."""
        for leaf, kind in module.tensors.items():
            if not (leaf.startswith("_") and leaf.endswith(_END)):
                continue
            parameter = leaf[1 : -len(_END)]
            state = module.present(*(f"_{parameter}_{name}" for name in _STATE))
            found = _read(kind, [module.tensors[name] for name in state]) if parameter else None
            if found is None:
                continue
            storage, bits, shape = found
            yield Weight(
                leaf=parameter,
                shape=shape,
                storage=f"torchao {storage}",
                bits=bits,
                uses=(leaf, *state),
            )


def _read(kind: Kind, state: list[Kind]) -> tuple[str, int, tuple[int, ...]] | None:
    """Storage, bits and logical shape."""
    shape = kind.shape
    if kind.dtype in NAMES:
        return NAMES[kind.dtype], 4 if kind.dtype == "F4" else 8, shape
    if len(shape) == 4 and kind.dtype == "I32" and shape[2] == 32:
        return "INT4", 4, (shape[0] * 8, shape[1] * shape[3] * 32)
    if len(shape) < 2:
        return None
    for scale in state:
        if kind.dtype in ("U8", "I8") and scale.dtype in ("F8_E4M3", "F8_E8M0", "U8"):
            block = 16 if scale.dtype == "F8_E4M3" else 32
            axis = packed_axis(shape, scale.shape, block=block)
            if axis is not None:
                return "NVFP4" if block == 16 else "MXFP4", 4, doubled(shape, axis)
        if len(scale.shape) == len(shape) and scale.shape[-1] == shape[-2] and scale.shape[-2] > 0:
            values = {"U8": 2, "I8": 2, "I32": 8, "U32": 8}.get(kind.dtype, 0)
            if values and shape[-1] * values % scale.shape[-2] == 0 and scale.shape[:-1] != shape[:-1]:
                return "INT4", 4, (*shape[:-1], shape[-1] * values)
    return ("INT8", 8, shape) if kind.dtype == "I8" and state else None
