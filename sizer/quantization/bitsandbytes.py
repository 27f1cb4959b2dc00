"""bitsandbytes: NF4 and FP4 blocks in a flat byte tensor, and LLM.int8() rows."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS
from sizer.quantization.format import Format, Module, Weight, shape_by_bias
from sizer.quantization.scaled import state_of

__all__ = ["Bnb4Bit", "Bnb8Bit"]

_ROWS = ("SCB", "SCBt", "CB", "weight_format")
_STATE = ("absmax", "quant_map", "nested_absmax", "nested_quant_map")


class Bnb4Bit(Format):
    """`weight` U8 [n / 2, 1] + `weight.absmax`, `weight.quant_map`, `weight.nested_*`, `weight.quant_state.*`.

    Two values a byte, in row order; the container may be a wider dtype (`bnb_4bit_quant_storage`). The shape is
    in the body of `quant_state`; the bias or the configuration's dimensions give it where they fit.
    Source: bitsandbytes, functional.py, `quantize_4bit` and `QuantState.as_dict`.
    """

    name = "bitsandbytes 4-bit"

    def read(self, module: Module) -> Iterator[Weight]:
        """Every parameter with a `quant_map` of its own."""
        for leaf in module.tensors:
            parameter = leaf.removesuffix(".quant_map")
            if parameter == leaf or parameter.endswith((".nested", "_nested")) or parameter not in module.tensors:
                continue
            carrier = module.tensors[parameter]
            states = tuple(name for name in module.tensors if name.startswith(f"{parameter}.quant_state."))
            kind = "FP4" if any(name.endswith("__fp4") for name in states) else "NF4"
            parameters = (
                carrier.size_bytes * 2 if carrier.dtype not in BITS else carrier.elements * BITS[carrier.dtype] // 4
            )
            yield Weight(
                leaf=parameter,
                elements=parameters,
                shape=shape_by_bias(module, parameters) if parameter == "weight" else None,
                storage=f"bitsandbytes {kind}",
                bits=4,
                uses=(parameter, *states, *module.present(*(f"{parameter}.{state}" for state in _STATE))),
            )


class Bnb8Bit(Format):
    """`weight` I8 [out, in] + `SCB` F32 [out] + `weight_format`; fused experts alike, as `<p>` and `<p>.SCB`.

    Source: bitsandbytes, nn/modules.py, `Linear8bitLt._save_to_state_dict`.
    """

    name = "bitsandbytes 8-bit"

    def read(self, module: Module) -> Iterator[Weight]:
        """Byte weights with a row statistic."""
        for leaf in module.tensors:
            head = leaf.removesuffix("SCB")
            parameter = head[:-1] or "weight"
            carrier = module.tensors.get(parameter)
            if not leaf.endswith("SCB") or carrier is None or carrier.dtype not in ("I8", "U8"):
                continue
            yield Weight(
                leaf=parameter,
                shape=carrier.shape,
                storage="bitsandbytes 8-bit",
                bits=8,
                uses=(parameter, *state_of(module, parameter), *module.present(*(head + name for name in _ROWS))),
            )
