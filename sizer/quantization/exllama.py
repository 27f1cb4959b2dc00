"""EXL2 and EXL3: bits chosen per tensor, for ExLlama's kernels."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.format import Format, Module, Weight
from sizer.quantization.solve import trim_padding

__all__ = ["Exl2", "Exl3"]


class Exl2(Format):
    """`q_weight` I32 [words, out], `q_invperm` or `q_perm` [in], `q_scale`, `q_scale_max`, `q_groups`.

    The permutation gives the inputs; outputs are padded to a multiple of 32. Bits vary by group of rows, so
    the words of one column over its inputs give the mean.
    Source: turboderp-org/exllamav2, exllamav2/conversion/adaptivegptq.py, `pack`.
    """

    name = "EXL2"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with a permutation of their inputs."""
        carrier = module.tensors.get("q_weight")
        order = module.tensors.get("q_invperm") or module.tensors.get("q_perm")
        if carrier is None or order is None or len(carrier.shape) != 2 or len(order.shape) != 1 or not order.shape[0]:
            return
        inputs = order.shape[0]
        outputs, why = trim_padding(carrier.shape[1], 32, module.widths, side=module.sides[0])
        bits = round(carrier.shape[0] * 32 / inputs, 2)
        yield Weight(
            leaf="weight",
            shape=(outputs, inputs),
            storage=f"EXL2 {bits:g}-bit",
            scheme="EXL2",
            bits=bits,
            uses=module.present("q_weight", "q_invperm", "q_perm", "q_scale", "q_scale_max", "q_groups"),
            is_exact=not why,
            why=why,
        )


class Exl3(Format):
    """`trellis` I16 [in / 16, out / 16, 16 x bits] + `suh` F16 [in] or `su` I16 [in / 16] + `svh` or `sv`.

    Both sides are padded to a multiple of 128 (a model with 2,880 channels stores 2,944).
    Source: turboderp-org/exllamav3, exllamav3/modules/quant/exl3.py and modules/linear.py.
    """

    name = "EXL3"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights in tiles of 16 by 16 values."""
        carrier = module.tensors.get("trellis")
        state = module.present("suh", "su", "svh", "sv", "mcg", "mul1")
        if carrier is None or len(carrier.shape) != 3 or len(state) < 2:
            return
        inputs, why_in = trim_padding(carrier.shape[0] * 16, 128, module.widths, side=module.sides[1], tile=16)
        outputs, why_out = trim_padding(carrier.shape[1] * 16, 128, module.widths, side=module.sides[0], tile=16)
        bits = carrier.shape[2] / 16
        yield Weight(
            leaf="weight",
            shape=(outputs, inputs),
            storage=f"EXL3 {bits:g}-bit",
            scheme="EXL3",
            bits=bits,
            uses=("trellis", *state),
            is_exact=not (why_in or why_out),
            why=why_in or why_out,
        )
