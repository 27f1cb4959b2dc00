"""Bits of the dtypes of safetensors files, and their names for people.

Source: huggingface/safetensors, safetensors/src/tensor.rs, `Dtype` (0.8.0): a shape counts elements, also
for F4, F6 and the like, where several share a byte.
"""

from __future__ import annotations

__all__ = ["BITS", "FLOATS", "INTEGERS", "NAMES"]

BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
    "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip

FLOATS = frozenset({"F16", "BF16", "F32", "F64", "C64"})
INTEGERS = frozenset({"U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"})
NAMES = {
    "F4": "FP4 (E2M1)", "F6_E2M3": "FP6 (E2M3)", "F6_E3M2": "FP6 (E3M2)", "F8_E5M2": "FP8 (E5M2)",
    "F8_E4M3": "FP8 (E4M3)", "F8_E4M3FNUZ": "FP8 (E4M3 FNUZ)", "F8_E5M2FNUZ": "FP8 (E5M2 FNUZ)",
}  # fmt: skip
