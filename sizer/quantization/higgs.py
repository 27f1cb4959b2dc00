"""HIGGS: pairs of values as indices into a grid."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight

__all__ = ["Higgs"]


class Higgs(Format):
    """`weight` I16 [out x bits / 16, in] + `scales` [out, groups] + `tables` + `tables2`.

    Source: transformers, integrations/higgs.py, `HiggsLinear`.
    """

    name = "HIGGS"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with a grid of values."""
        carrier, scales = module.tensors.get("weight"), module.tensors.get("scales")
        if carrier is None or scales is None or "tables" not in module.tensors or carrier.dtype != "I16":
            return
        if len(carrier.shape) != 2 or len(scales.shape) != 2 or not scales.shape[0]:
            return
        bits = carrier.shape[0] * 16 // scales.shape[0]
        yield Weight(
            leaf="weight",
            shape=(scales.shape[0], carrier.shape[1]),
            storage=f"HIGGS {bits}-bit",
            bits=bits,
            uses=module.present("weight", "scales", "tables", "tables2"),
        )
