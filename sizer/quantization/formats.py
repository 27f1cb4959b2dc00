"""The packing formats, in the order in which they are asked: those with the most telling tensors first."""

from __future__ import annotations

from sizer.quantization.awq import Awq, AwqGemv, AwqGemvFast
from sizer.quantization.bitsandbytes import Bnb4Bit, Bnb8Bit
from sizer.quantization.compressed_tensors import PackQuantized
from sizer.quantization.format import Format
from sizer.quantization.fp8 import LowBitFloat
from sizer.quantization.gptq import Gptq, Marlin
from sizer.quantization.int8 import Int8
from sizer.quantization.mlx import Mlx
from sizer.quantization.mxfp4 import Mxfp4, Mxfp4Blocks
from sizer.quantization.nvfp4 import Nvfp4
from sizer.quantization.plain import Plain

__all__ = ["FORMATS", "PLAIN"]

FORMATS: tuple[Format, ...] = (
    Bnb4Bit(),
    Bnb8Bit(),
    Gptq(),
    Awq(),
    AwqGemv(),
    AwqGemvFast(),
    Marlin(),
    Mxfp4Blocks(),
    Nvfp4(),
    Mxfp4(),
    PackQuantized(),
    Mlx(),
    Int8(),
    LowBitFloat(),
)
PLAIN = Plain()
