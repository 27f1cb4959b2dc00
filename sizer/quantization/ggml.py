"""GGML block types: the shape in a GGUF file is the logical one, whatever the type."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sizer.quantization.dtypes import BITS
from sizer.quantization.format import Format, Module, Weight

__all__ = ["Ggml"]

_SCALED = re.compile(r"NVFP4|TQ[0-9_]+|I2_S|BITNET\w*", re.ASCII)
"""Types with a factor of their own beside the weight; beside others a `scale` is learned (Gemma 4, one per expert)."""
_TYPE = re.compile(r"(?:I|T|P|PT)?Q[0-9][0-9A-Z_]*|I2_S|MXFP4|NVFP4|BF16_R16", re.ASCII)


class Ggml(Format):
    """`blk.0.attn_q.weight` Q4_K, IQ2_XXS, TQ1_0, MXFP4 ...: a row is a whole number of blocks, scales inside.

    NVFP4 and the ternary types keep a further `scale` (and `input_scale`) beside the weight. Forks add types of
    their own; they are counted by their shape too.
    Source: ggml-org/llama.cpp, gguf-py/gguf/constants.py, `GGML_QUANT_SIZES`; src/llama-model.cpp.
    """

    name = "GGML"

    def read(self, module: Module) -> Iterator[Weight]:
        """Every tensor of a block type."""
        for leaf, kind in module.tensors.items():
            if kind.dtype in BITS or not _TYPE.fullmatch(kind.dtype):
                continue
            yield Weight(
                leaf=leaf,
                shape=kind.shape,
                storage=kind.dtype,
                scheme=f"GGUF {kind.dtype}",
                bits=round(kind.size_bytes * 8 / (kind.elements or 1), 2),
                uses=(leaf, *(module.present(*_beside(kind.dtype)) if leaf == "weight" else ())),
            )


def _beside(dtype: str) -> tuple[str, ...]:
    return ("scale", "input_scale") if _SCALED.fullmatch(dtype) else ("input_scale",)
