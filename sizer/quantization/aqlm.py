"""AQLM: weights as sums of vectors from codebooks."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from sizer.quantization.format import Format, Module, Weight

__all__ = ["Aqlm"]


class Aqlm(Format):
    """`codes` [out groups, in groups, codebooks], `codebooks` [codebooks, size, out group, in group], `scales`.

    Source: Vahe1994/AQLM, inference_lib/src/aqlm/inference.py, `QuantizedLinear`.
    """

    name = "AQLM"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with additive codebooks."""
        codes, books = module.tensors.get("codes"), module.tensors.get("codebooks")
        if codes is None or books is None or len(codes.shape) != 3 or len(books.shape) != 4:
            return
        if codes.shape[2] != books.shape[0] or 0 in books.shape:
            return
        outputs, inputs = codes.shape[0] * books.shape[2], codes.shape[1] * books.shape[3]
        bits = round(books.shape[0] * log2(books.shape[1]) / (books.shape[2] * books.shape[3]), 2)
        yield Weight(
            leaf="weight",
            shape=(outputs, inputs),
            storage=f"AQLM {bits:g}-bit",
            bits=bits,
            uses=module.present("codes", "codebooks", "scales"),
        )
