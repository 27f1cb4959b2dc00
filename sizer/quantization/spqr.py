"""SpQR: 3-bit tiles and a sparse matrix of outliers."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight

__all__ = ["Spqr"]


class Spqr(Format):
    """`dense_weights` I64, one word for 16 values, + `row_offsets`, `col_vals` (outliers), `in_perm` [in / 2].

    Source: Vahe1994/SpQR, inference_lib/src/spqr_quant/inference.py, `QuantizedLinear`.
    """

    name = "SpQR"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with a sparse part."""
        carrier = module.tensors.get("dense_weights")
        if carrier is None or "row_offsets" not in module.tensors or "col_vals" not in module.tensors:
            return
        parameters = carrier.elements * 16
        order = module.tensors.get("in_perm")
        inputs = order.elements * 2 if order is not None else 0
        yield Weight(
            leaf="weight",
            elements=parameters,
            shape=(parameters // inputs, inputs) if inputs and parameters % inputs == 0 else None,
            storage="SpQR 3-bit",
            bits=3,
            uses=module.present("dense_weights", "row_offsets", "col_vals", "in_perm"),
        )
