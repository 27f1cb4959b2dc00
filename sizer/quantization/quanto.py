"""optimum-quanto: `weight._data` with `weight._scale`, and packed groups in `weight._data._data`."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import NAMES
from sizer.quantization.format import Format, Module, Weight, shape_by_bias
from sizer.quantization.scaled import state_of

__all__ = ["Quanto"]


class Quanto(Format):
    """8 bits: `weight._data` I8 or F8 [out, in] + `weight._scale`. 2 and 4 bits: `weight._data._data` U8
    [groups x bits / 8, group] + `weight._scale` and `weight._shift` [groups, 1]; `input_scale`, `output_scale`.

    Source: huggingface/optimum-quanto, tensor/packed.py, tensor/grouped.py and tensor/weights/qbits.py.
    """

    name = "quanto"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights whose data is a tensor of its own."""
        scale = module.tensors.get("weight._scale")
        state = (*module.present("weight._scale", "weight._shift", "weight._zeropoint"), *state_of(module, "weight"))
        whole, packed = module.tensors.get("weight._data"), module.tensors.get("weight._data._data")
        if whole is not None and scale is not None:
            yield Weight(
                leaf="weight",
                shape=whole.shape,
                storage=f"quanto {NAMES.get(whole.dtype, 'INT8')}",
                bits=8,
                uses=("weight._data", *state),
            )
        elif packed is not None and scale is not None and len(packed.shape) == 2 and packed.shape[0]:
            by_row = scale.shape[-1:] == (1,)
            values = -(-scale.elements // packed.shape[0]) if by_row else 2
            parameters = scale.elements * (packed.shape[1] if by_row else packed.shape[0] * values)
            yield Weight(
                leaf="weight",
                elements=parameters,
                shape=shape_by_bias(module, parameters),
                storage=f"quanto INT{8 // values if values else 8}",
                bits=8 // values if values else 8,
                uses=("weight._data._data", *state),
                is_exact=by_row,
                why="" if by_row else "its bits are not stored",
            )
