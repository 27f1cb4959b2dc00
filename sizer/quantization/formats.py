"""The packing formats, in the order in which they are asked: those with the most telling tensors first."""

from __future__ import annotations

from sizer.quantization.aqlm import Aqlm
from sizer.quantization.awq import Awq, AwqGemv, AwqGemvFast
from sizer.quantization.bitblas import BitBlas
from sizer.quantization.bitsandbytes import Bnb4Bit, Bnb8Bit
from sizer.quantization.compressed_tensors import PackQuantized
from sizer.quantization.exllama import Exl2, Exl3
from sizer.quantization.format import Format
from sizer.quantization.fp8 import LowBitFloat
from sizer.quantization.fp_quant import FourOverSix, FpQuant
from sizer.quantization.ggml import Ggml
from sizer.quantization.gptq import Gptq, Marlin
from sizer.quantization.higgs import Higgs
from sizer.quantization.hqq import Hqq
from sizer.quantization.int8 import Int8
from sizer.quantization.mlx import Mlx
from sizer.quantization.mxfp4 import Mxfp4, Mxfp4Blocks
from sizer.quantization.nvfp4 import Nvfp4
from sizer.quantization.packed_bytes import PackedBytes
from sizer.quantization.plain import Plain
from sizer.quantization.qserve import QServe
from sizer.quantization.quanto import Quanto
from sizer.quantization.quark import Quark
from sizer.quantization.quip import QuipQtip
from sizer.quantization.sparse import Bitmask, Marlin24
from sizer.quantization.spqr import Spqr
from sizer.quantization.svdquant import SvdQuant
from sizer.quantization.torchao import TorchAo
from sizer.quantization.vptq import Vptq

__all__ = ["FORMATS", "PLAIN"]

FORMATS: tuple[Format, ...] = (
    Ggml(),
    Bnb4Bit(),
    Bnb8Bit(),
    QServe(),
    Gptq(),
    Awq(),
    AwqGemv(),
    AwqGemvFast(),
    Marlin(),
    FpQuant(),
    SvdQuant(),
    BitBlas(),
    Mxfp4Blocks(),
    Nvfp4(),
    Mxfp4(),
    Marlin24(),
    Bitmask(),
    PackQuantized(),
    Mlx(),
    TorchAo(),
    Quanto(),
    Hqq(),
    Exl2(),
    Exl3(),
    Aqlm(),
    Vptq(),
    QuipQtip(),
    Higgs(),
    Spqr(),
    FourOverSix(),
    Quark(),
    PackedBytes(),
    Int8(),
    LowBitFloat(),
)
PLAIN = Plain()
