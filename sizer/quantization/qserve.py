"""QServe (QoQ): 4-bit weights in bytes, with scales for each output and, in groups, for scales."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight

__all__ = ["QServe"]


class QServe(Format):
    """`qweight` I8 [out, in / 2] + `s1_scales` [out] + `s1_szeros` [out], or `s2_scales` and `s2_zeros` [groups, out].

    Source: mit-han-lab/omniserve, omniserve/modeling/layers/quantized_linear/w4a8_linear.py.
    """

    name = "QServe"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with scales of the first level."""
        carrier, scale = module.tensors.get("qweight"), module.tensors.get("s1_scales")
        if carrier is None or scale is None or len(carrier.shape) != 2 or scale.shape != carrier.shape[:1]:
            return
        if carrier.dtype not in ("I8", "U8"):
            return
        outputs, inputs = carrier.shape[0], carrier.shape[1] * 2
        groups = module.tensors.get("s2_scales")
        size = inputs // groups.shape[0] if groups is not None and groups.elements else 0
        yield Weight(
            leaf="weight",
            shape=(outputs, inputs),
            storage="QServe 4-bit",
            scheme=f"QServe 4-bit, group {size}" if size else "",
            bits=4,
            uses=module.present("qweight", "s1_scales", "s1_szeros", "s2_scales", "s2_zeros"),
        )
