"""GPTQ: integers packed along the input, with one scale and zero point per group and output."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS, INTEGERS
from sizer.quantization.format import Format, Kind, Module, Row, Weight, group_words
from sizer.quantization.solve import bits_of_row, solve_row

__all__ = ["Gptq", "Marlin"]

_SMALLEST_GROUP = 16


class Gptq(Format):
    """`qweight` [in x bits / 32, out], `qzeros` [groups, out x bits / 32], `scales` [groups, out], `g_idx` [in].

    The width of the zero points against the scales gives the bits; rows of `qweight` then give the inputs
    (2, 3, 4, 5, 6, 7 and 8 bits; 32 values fill `bits` words). Containers may be 8, 16, 32 or 64 bits wide.
    Source: ModelCloud/GPTQModel, nn_modules/qlinear/__init__.py, `_register_gptq_weight_buffers`.
    """

    name = "GPTQ"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights whose `qweight` has one column per output."""
        carrier, scales = module.tensors.get("qweight"), module.tensors.get("scales")
        if carrier is None or scales is None or min(len(carrier.shape), len(scales.shape)) < 2:
            return
        zeros = module.tensors.get("qzeros")
        if carrier.dtype not in INTEGERS or (zeros is not None and zeros.dtype not in INTEGERS):
            return
        container, outputs = BITS[carrier.dtype], scales.shape[-1]
        if carrier.shape[-1] != outputs:
            return
        row = self._solve(module, carrier.shape[-2], container, scales)
        if row is None:
            return
        yield Weight(
            leaf="weight",
            shape=(*carrier.shape[:-2], outputs, row.width),
            storage=f"GPTQ {row.bits}-bit",
            scheme=f"GPTQ {row.bits}-bit, {group_words(row.group_size)}",
            bits=row.bits,
            uses=module.present("qweight", "qzeros", "scales", "g_idx", "wf", "perm", "workspace"),
            is_exact=not row.why_inexact,
            row=row,
            why=row.why_inexact,
        )

    @staticmethod
    def _solve(module: Module, rows: int, container: int, scales: Kind) -> Row | None:
        groups, outputs = scales.shape[-2], scales.shape[-1]
        g_idx, zeros = module.tensors.get("g_idx"), module.tensors.get("qzeros")
        width = g_idx.shape[-1] if g_idx is not None and g_idx.shape else 0
        bits = bits_of_row(rows, width, container) if width else None
        if bits is None and zeros is not None and len(zeros.shape) >= 2:
            bits = bits_of_row(zeros.shape[-1], outputs, container)
            width = rows * container // bits if bits else 0
        if bits is None or groups == 0:
            return solve_row(
                rows,
                groups,
                schemes=module.schemes,
                widths=module.widths,
                usual_groups=(128, 64, 32, 256, 512, 1024),
                container=container,
            )
        group_size = -(-width // groups) if groups > 1 else None
        if group_size is not None and group_size < _SMALLEST_GROUP:
            return None
        return Row(width, bits, group_size)


class Marlin(Format):
    """Marlin tiles: `B` [in / 16, out x bits / 2] with `s` [groups, out]; AutoAWQ: `qweight` with `scales`.

    Source: ModelCloud/GPTQModel, nn_modules/qlinear/marlin.py; AutoAWQ, awq/modules/linear/marlin.py.
    """

    name = "Marlin"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights in tiles of 16 inputs."""
        for carrier_name, scale_name in (("B", "s"), ("B", "s_channel"), ("qweight", "scales")):
            carrier, scales = module.tensors.get(carrier_name), module.tensors.get(scale_name)
            if (
                carrier is None
                or scales is None
                or carrier.dtype != "I32"
                or len(carrier.shape) < 2
                or not scales.shape
            ):
                continue
            outputs, inputs = scales.shape[-1], carrier.shape[-2] * 16
            if outputs == 0 or carrier.shape[-1] * 2 % outputs or carrier.shape[-1] * 2 // outputs not in (4, 8):
                continue
            bits = carrier.shape[-1] * 2 // outputs
            yield Weight(
                leaf="weight",
                shape=(*carrier.shape[:-2], outputs, inputs),
                storage=f"Marlin {bits}-bit",
                bits=bits,
                uses=module.present(carrier_name, scale_name, "s_group", "workspace", "g_idx", "qzeros", "meta"),
            )
            return
