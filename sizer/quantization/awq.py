"""AWQ: 4-bit integers packed along the output, in the layouts of AutoAWQ's kernels."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS, FLOATS
from sizer.quantization.format import Format, Module, Weight, group_words
from sizer.quantization.solve import bits_of_row

__all__ = ["Awq", "AwqGemv", "AwqGemvFast"]


class Awq(Format):
    """`qweight` [in, out x bits / 32], `qzeros` [groups, out x bits / 32], `scales` [groups, out] (GEMM, IPEX ...).

    ParoQuant adds rotations (`theta`, `pairs`, `channel_scales`).
    Sources: casper-hansen/AutoAWQ, awq/modules/linear/gemm.py; ModelCloud/GPTQModel, qlinear/paroquant.py.
    """

    name = "AWQ"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights whose `qweight` has one row per input."""
        carrier, scales = module.tensors.get("qweight"), module.tensors.get("scales")
        if carrier is None or scales is None or carrier.dtype not in ("I32", "U32"):
            return
        if min(len(carrier.shape), len(scales.shape)) < 2 or scales.shape[-2] == 0:
            return
        inputs, words, outputs = carrier.shape[-2], carrier.shape[-1], scales.shape[-1]
        zeros = module.tensors.get("qzeros")
        bits = bits_of_row(words, outputs, BITS[carrier.dtype])
        if (
            bits is None
            or not _is_grouped(module, inputs, scales.shape[-2])
            or (zeros is not None and zeros.shape[-1:] != (words,))
        ):
            return
        group = inputs // scales.shape[-2] if scales.shape[-2] > 1 else None
        yield Weight(
            leaf="weight",
            shape=(*carrier.shape[:-2], outputs, inputs),
            storage=f"AWQ {bits}-bit",
            scheme=f"AWQ {bits}-bit, {group_words(group)}",
            bits=bits,
            uses=module.present("qweight", "qzeros", "scales", "theta", "pairs", "channel_scales"),
        )


def _is_grouped(module: Module, inputs: int, groups: int) -> bool:
    """Whether the groups divide the inputs, or leave less than one group over."""
    sizes = {scheme.group_size for scheme in module.schemes if scheme.group_size and scheme.group_size > 0}
    return inputs % groups == 0 or any(groups in (inputs // size, -(-inputs // size)) for size in sizes)


class AwqGemv(Format):
    """`qweight` [out, in x bits / 32], `qzeros` [out, words], `scales` [out, words x 32 / bits] (groups padded).

    Source: casper-hansen/AutoAWQ, awq/modules/linear/gemv.py.
    """

    name = "AWQ GEMV"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with one row per output in all three tensors."""
        carrier, zeros, scales = (module.tensors.get(leaf) for leaf in ("qweight", "qzeros", "scales"))
        if carrier is None or zeros is None or scales is None or carrier.dtype != "I32":
            return
        if {len(carrier.shape), len(zeros.shape), len(scales.shape)} != {2}:
            return
        if not carrier.shape[0] == zeros.shape[0] == scales.shape[0] or zeros.shape[1] == 0:
            return
        values, rest = divmod(scales.shape[1], zeros.shape[1])
        if rest or values not in (4, 8, 16):
            return
        bits = 32 // values
        yield Weight(
            leaf="weight",
            shape=(carrier.shape[0], carrier.shape[1] * values),
            storage=f"AWQ {bits}-bit",
            bits=bits,
            uses=module.present("qweight", "qzeros", "scales"),
        )


class AwqGemvFast(Format):
    """`qweight` I16 [out / 4, in x 4 / 4], `scales` and `qzeros` F16 [groups, out]: four rows interleaved.

    Source: casper-hansen/AutoAWQ, awq/modules/linear/gemv_fast.py.
    """

    name = "AWQ GEMV fast"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights in 16-bit containers, four outputs a row."""
        carrier, zeros, scales = (module.tensors.get(leaf) for leaf in ("qweight", "qzeros", "scales"))
        if carrier is None or zeros is None or scales is None or carrier.dtype != "I16" or zeros.dtype not in FLOATS:
            return
        if len(carrier.shape) != 2 or len(scales.shape) != 2 or carrier.shape[0] * 4 != scales.shape[1]:
            return
        yield Weight(
            leaf="weight",
            shape=(scales.shape[1], carrier.shape[1]),
            storage="AWQ 4-bit",
            bits=4,
            uses=module.present("qweight", "qzeros", "scales"),
        )
