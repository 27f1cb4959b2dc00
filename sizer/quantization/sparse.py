"""Sparse weights of compressed-tensors: the zeros that are not stored are parameters too."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS, FLOATS, NAMES
from sizer.quantization.format import Format, Module, Weight
from sizer.quantization.scaled import state_of

__all__ = ["Bitmask", "Marlin24"]


class Bitmask(Format):
    """`weight.bitmask` U8 [out, in / 8] + `weight.compressed` + `weight.shape` (+ `weight.row_offsets`).

    Some versions leave out the parameter's name: `q_proj.bitmask`, `q_proj.compressed`, `q_proj.shape`. With 2:4
    sparsity `compressed` is [out, in / 2]; else it is a list of the values that are not zero.
    Source: vllm-project/compressed-tensors 0.9 to 0.12, compressors/sparse_compressors.
    """

    name = "sparse bitmask"

    def read(self, module: Module) -> Iterator[Weight]:
        """Parameters with a bitmask."""
        for leaf, mask in module.tensors.items():
            prefix = leaf.removesuffix("bitmask")
            values = module.tensors.get(f"{prefix}compressed")
            if prefix == leaf or values is None or len(mask.shape) < 2:
                continue
            parameter = prefix[:-1] or "weight"
            is_half = len(values.shape) > 1 and values.shape[:-1] == mask.shape[:-1]
            width = values.shape[-1] * 2 if is_half else mask.shape[-1] * 8
            shape = (*mask.shape[:-1], width)
            is_exact = is_half or width in module.widths
            yield Weight(
                leaf=parameter,
                shape=shape,
                storage=f"{NAMES.get(values.dtype, values.dtype)} sparse",
                bits=None if values.dtype in FLOATS else BITS.get(values.dtype),
                uses=(
                    f"{prefix}compressed",
                    *module.present(*(f"{prefix}{part}" for part in ("bitmask", "shape", "row_offsets"))),
                    *state_of(module, parameter),
                ),
                is_exact=is_exact,
                why="" if is_exact else "up to a byte of padding cannot be told from values",
            )


class Marlin24(Format):
    """`weight_packed` I32 [in / 32, out x bits / 2] + `scale_packed` [groups, out] + `meta` + `weight_shape`: 2:4.

    Source: vllm-project/compressed-tensors 0.9, quantized_compressors/marlin_24.py; vLLM,
    compressed_tensors/schemes/compressed_tensors_w4a16_24.py.
    """

    name = "Marlin 2:4"

    def read(self, module: Module) -> Iterator[Weight]:
        """Half of the values and where they stand."""
        carrier, scales = module.tensors.get("weight_packed"), module.tensors.get("scale_packed")
        if carrier is None or scales is None or len(carrier.shape) != 2 or not scales.shape or not scales.shape[-1]:
            return
        outputs, inputs = scales.shape[-1], carrier.shape[0] * 32
        bits = carrier.shape[1] * 2 // outputs
        if bits not in (4, 8):
            return
        yield Weight(
            leaf="weight",
            shape=(outputs, inputs),
            storage=f"Marlin {bits}-bit, 2:4 sparse",
            bits=bits,
            uses=module.present("weight_packed", "scale_packed", "meta", "weight_shape"),
        )
