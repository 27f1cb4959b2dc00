"""MXFP4: two FP4 (E2M1) values a byte and one exponent (E8M0) for every 32."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Kind, Module, Weight
from sizer.quantization.nvfp4 import doubled, packed_axis
from sizer.quantization.scaled import find_scaled

__all__ = ["Mxfp4", "Mxfp4Blocks"]

_BLOCK = 32
_BYTES = frozenset({"U8", "I8"})
_EXPONENTS = frozenset({"U8", "F8_E8M0"})


class Mxfp4Blocks(Format):
    """`<p>_blocks` U8 [E, out, in / 32, 16] + `<p>_scales` U8 [E, out, in / 32]; also `<p>.blocks`, `<p>.scales`.

    The bias of each expert (`<p>_bias`) is a parameter of its own.
    Source: openai/gpt-oss, gpt_oss/torch/weights.py; transformers, integrations/mxfp4.py.
    """

    name = "MXFP4 blocks"

    def read(self, module: Module) -> Iterator[Weight]:
        """Tensors of 16-byte blocks with an exponent each."""
        for leaf, kind in module.tensors.items():
            if (
                not leaf.endswith("blocks")
                or kind.dtype != "U8"
                or len(kind.shape) < 3
                or kind.shape[-1] != _BLOCK // 2
            ):
                continue
            scales = leaf.removesuffix("blocks") + "scales"
            found = module.tensors.get(scales)
            if found is None or found.shape != kind.shape[:-1]:
                continue
            yield Weight(
                leaf=leaf.removesuffix("blocks").rstrip("_."),
                shape=(*kind.shape[:-2], kind.shape[-2] * _BLOCK),
                storage="MXFP4",
                bits=4,
                uses=(leaf, scales),
            )


class Mxfp4(Format):
    """`weight` U8 or I8 [out, in / 2] + `weight_scale` or `scale`, U8 or F8_E8M0 [out, in / 32]; or `weight_packed`.

    Quark and ModelOpt write U8 with `weight_scale`, compressed-tensors `weight_packed`, DeepSeek-V4 routed experts
    I8 with `scale` F8_E8M0. An 8-bit weight with exponents (MXFP8, MXINT8) has one byte per value: the shapes tell.
    Sources: compressed-tensors, compressors/mxfp4/base.py; huggingface.js, parse-safetensors-metadata.ts
    (`expert_dtype: fp4`); AMD Quark, ONNX/torch export of `mx` types.
    """

    name = "MXFP4"

    def read(self, module: Module) -> Iterator[Weight]:
        """Byte tensors with an exponent for every sixteen bytes; FP6 with one for every 24."""
        for suffix in ("_packed", ""):
            for scaled in find_scaled(module, _BYTES, suffix=suffix):
                scale = scaled.scale
                if scale is None or scale.dtype not in _EXPONENTS:
                    continue
                found = _read_blocks(scaled.kind, scale)
                if found is not None:
                    storage, bits, shape = found
                    yield Weight(
                        leaf=scaled.parameter,
                        shape=shape,
                        storage=storage,
                        bits=bits,
                        uses=(scaled.leaf, *scaled.state),
                    )


def _read_blocks(kind: Kind, scale: Kind) -> tuple[str, int, tuple[int, ...]] | None:
    """Storage, bits and logical shape, by how many bytes share an exponent."""
    axis = packed_axis(kind.shape, scale.shape, block=_BLOCK)
    if axis is not None:
        return "MXFP4", 4, doubled(kind.shape, axis)
    if len(kind.shape) != len(scale.shape) or not kind.shape or kind.shape[:-1] != scale.shape[:-1]:
        return None
    if kind.shape[-1] == scale.shape[-1] * 24:
        return "MXFP6", 6, (*kind.shape[:-1], scale.shape[-1] * _BLOCK)
    if kind.shape[-1] == scale.shape[-1] * _BLOCK:
        return ("MXINT8" if kind.dtype == "I8" else "MXFP8"), 8, kind.shape
    return None
