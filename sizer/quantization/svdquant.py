"""SVDQuant: 4-bit weights with a low-rank branch, for diffusion models."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight

__all__ = ["SvdQuant"]


class SvdQuant(Format):
    """`qweight` I8 [out, in / 2] + `wscales` [in / group, out] + `proj_down`, `proj_up`; W4A16: I32 [out / 4, in / 2].

    The low-rank branch is what quantisation split off the weight, so it is no parameter of the model.
    Source: nunchaku-ai/nunchaku, nunchaku/models/linear.py, `SVDQW4A4Linear` and `AWQW4A16Linear`.
    """

    name = "SVDQuant"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with `wscales`."""
        carrier, scales = module.tensors.get("qweight"), module.tensors.get("wscales")
        if carrier is None or scales is None or len(carrier.shape) != 2 or len(scales.shape) != 2:
            return
        rows = {"I8": 1, "U8": 1, "I32": 4}.get(carrier.dtype, 0)
        if not rows or carrier.shape[0] * rows != scales.shape[1]:
            return
        yield Weight(
            leaf="weight",
            shape=(scales.shape[1], carrier.shape[1] * 2),
            storage="SVDQuant 4-bit" if rows == 1 else "AWQ 4-bit",
            bits=4,
            uses=module.present(
                "qweight", "wscales", "wzeros", "smooth_factor", "smooth_factor_orig", "smooth", "smooth_orig",
                "proj_down", "proj_up", "lora_down", "lora_up", "wtscale", "wcscales",
            ),
        )  # fmt: skip
