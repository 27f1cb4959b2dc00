"""GGML tensor types: how many elements a block holds, and in how many bytes.

Mainline numbers and layouts are those of ggml (`enum ggml_type` in ggml/include/ggml.h, the block structures
in ggml/src/ggml-common.h). Forks give further numbers, and some give a mainline number a layout of their
own; what such a tensor takes is read off the offsets of its file instead.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FORK_TYPE_NAMES", "GGML_TYPES", "GgmlType", "type_name"]


class GgmlType(NamedTuple):
    """One mainline type. A row of a tensor is a whole number of blocks."""

    name: str
    block_elements: int
    block_bytes: int
    is_settled: bool = True
    """Whether the number means this layout in every fork; if not, the offsets of the file decide."""


GGML_TYPES: dict[int, GgmlType] = {
    0: GgmlType("F32", 1, 4),
    1: GgmlType("F16", 1, 2),
    2: GgmlType("Q4_0", 32, 18),  # scale 2, 32 x 4 bits
    3: GgmlType("Q4_1", 32, 20),  # scale 2, minimum 2, 32 x 4 bits
    6: GgmlType("Q5_0", 32, 22),  # scale 2, 32 x 5 bits
    7: GgmlType("Q5_1", 32, 24),
    8: GgmlType("Q8_0", 32, 34),  # scale 2, 32 x 8 bits
    9: GgmlType("Q8_1", 32, 36),  # scale 2, sum 2, 32 x 8 bits; in memory only
    10: GgmlType("Q2_K", 256, 84),  # 256 x 2 bits, 16 scales and minima of 4 bits, scale 2, minimum 2
    11: GgmlType("Q3_K", 256, 110),  # 256 x 3 bits, 16 scales of 6 bits, scale 2
    12: GgmlType("Q4_K", 256, 144),  # 256 x 4 bits, 8 scales and minima of 6 bits, scale 2, minimum 2
    13: GgmlType("Q5_K", 256, 176),
    14: GgmlType("Q6_K", 256, 210),  # 256 x 6 bits, 16 scales of 8 bits, scale 2
    15: GgmlType("Q8_K", 256, 292),  # scale 4, 256 x 8 bits, 16 sums of 2 bytes; in memory only
    16: GgmlType("IQ2_XXS", 256, 66),
    17: GgmlType("IQ2_XS", 256, 74),
    18: GgmlType("IQ3_XXS", 256, 98),
    19: GgmlType("IQ1_S", 256, 50),
    20: GgmlType("IQ4_NL", 32, 18),
    21: GgmlType("IQ3_S", 256, 110),
    22: GgmlType("IQ2_S", 256, 82),
    23: GgmlType("IQ4_XS", 256, 136),
    24: GgmlType("I8", 1, 1),
    25: GgmlType("I16", 1, 2),
    26: GgmlType("I32", 1, 4),
    27: GgmlType("I64", 1, 8),
    28: GgmlType("F64", 1, 8),
    29: GgmlType("IQ1_M", 256, 56),
    30: GgmlType("BF16", 1, 2),
    31: GgmlType("Q4_0_4_4", 32, 18),  # 31 to 33 and 36 to 38: rows interleaved; removed from ggml, still on the Hub
    32: GgmlType("Q4_0_4_8", 32, 18),
    33: GgmlType("Q4_0_8_8", 32, 18),
    34: GgmlType("TQ1_0", 256, 54),
    35: GgmlType("TQ2_0", 256, 66),
    36: GgmlType("IQ4_NL_4_4", 32, 18, is_settled=False),  # I2_S in bitnet.cpp
    37: GgmlType("IQ4_NL_4_8", 32, 18, is_settled=False),
    38: GgmlType("IQ4_NL_8_8", 32, 18, is_settled=False),
    39: GgmlType("MXFP4", 32, 17),  # exponent 1, 32 x 4 bits
    40: GgmlType("NVFP4", 64, 36),  # 4 scales of 8 bits, 64 x 4 bits
    41: GgmlType("Q1_0", 128, 18, is_settled=False),
    42: GgmlType("Q2_0", 64, 18, is_settled=False),  # 128 elements in 34 bytes in PrismML's fork
}

# Names that forks give to further numbers: ik_llama.cpp (gguf-py/gguf/constants.py), and one each from
# unsloth (66) and PrismML (142, 143). Rows may carry scales beside their blocks, so no sizes are given.
FORK_TYPE_NAMES: dict[int, str] = {
    66: "IQ1_XXXS", 133: "Q6_0", 134: "IQ1_BN", 135: "IQ2_BN", 136: "Q8_K64", 137: "IQ2_K", 138: "IQ3_K",
    139: "IQ4_K", 140: "IQ5_K", 141: "IQ6_K", 142: "PQ2_0", 143: "PTQ1_0", 144: "IQ4_KS", 145: "IQ2_KS",
    146: "IQ4_KSS", 147: "Q8_K16", 148: "Q8_K32", 149: "Q8_KR8", 150: "Q8_K128", 151: "Q8_KV", 152: "IQ5_KS",
    153: "IQ2_KT", 154: "IQ3_KT", 155: "IQ4_KT", 156: "IQ3_KS", 157: "IQ2_KL", 158: "IQ1_KT",
    202: "Q4_0_R8", 206: "Q5_0_R4", 208: "Q8_0_R8", 210: "Q2_K_R4", 211: "Q3_K_R4", 212: "Q4_K_R4",
    213: "Q5_K_R4", 214: "Q6_K_R4", 216: "IQ2_XXS_R4", 217: "IQ2_XS_R4", 218: "IQ3_XXS_R4", 219: "IQ1_S_R4",
    220: "IQ4_NL_R4", 221: "IQ3_S_R4", 222: "IQ2_S_R4", 223: "IQ4_XS_R8", 229: "IQ1_M_R4", 230: "BF16_R16",
    233: "Q6_0_R4", 335: "IQ2_BN_R4", 337: "IQ2_K_R4", 338: "IQ3_K_R4", 339: "IQ4_K_R4", 340: "IQ5_K_R4",
    344: "IQ4_KS_R4", 352: "IQ5_KS_R4", 398: "Q8_KV_R8", 399: "Q8_K_R8",
}  # fmt: skip


def type_name(number: int) -> str:
    """The name of a type: ggml's, a fork's, or `GGML_TYPE_<number>`."""
    known = GGML_TYPES.get(number)
    return known.name if known else FORK_TYPE_NAMES.get(number, f"GGML_TYPE_{number}")
