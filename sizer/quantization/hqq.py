"""HQQ: values regrouped to [groups, group size] before they are packed, so that only their number is known."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS
from sizer.quantization.format import Format, Kind, Module, Weight, shape_by_bias

__all__ = ["Hqq"]

_STATE = (
    "scale", "zero", "shape", "nbits", "group_size", "axis", "packing", "unpack_view_dtype", "view_as_float",
    "quant_scale", "quant_zero", "compute_dtype", "offload_meta", "encoded_state_dict", "stores_quant_config",
    "channel_wise", "optimize", "round_zero", "scale_q", "zero_q", "zero_scale", "meta_scale", "meta_zero", "scale2",
)  # fmt: skip


class Hqq(Format):
    """`W_q` U8 [groups x bits / 8, group] + `scale` and `zero` [groups, 1] + settings as small tensors (axis 1).

    With axis 0 it is [group x bits / 8, groups] and [1, groups]. Three bits are kept ten to an I32, padded. `shape`
    is a tensor of two integers in the body. Source: mobiusml/hqq, hqq/core/quantize.py and bitpack.py.
    """

    name = "HQQ"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with a `W_q`."""
        carrier, scale = module.tensors.get("W_q"), module.tensors.get("scale")
        if carrier is None or scale is None or len(carrier.shape) != 2 or len(scale.shape) != 2:
            return
        found = _solve(module, carrier, scale)
        if found is None:
            return
        parameters, bits, why = found
        yield Weight(
            leaf="weight",
            elements=parameters,
            shape=shape_by_bias(module, parameters),
            storage=f"HQQ {bits}-bit",
            scheme=f"HQQ {bits}-bit, group {parameters // scale.elements}",
            bits=bits,
            uses=("W_q", *module.present(*_STATE)),
            is_exact=not why,
            why=why,
        )


def _solve(module: Module, carrier: Kind, scale: Kind) -> tuple[int, int, str] | None:
    """Parameters, bits, and why they are in doubt."""
    groups = scale.elements
    container = BITS.get(carrier.dtype, 0)
    if not groups or not carrier.elements or not container:
        return None
    if scale.shape[1] == 1 and container in (8, 32):
        parameters = groups * carrier.shape[1]
        per_element = -(-groups // carrier.shape[0])
        return parameters, max(1, container // per_element), ""
    if scale.shape[0] == 1 and carrier.shape[1] == groups:
        declared = next((scheme for scheme in module.schemes if scheme.bits), None)
        if declared is not None and declared.bits is not None:
            size = carrier.shape[0] * (container // declared.bits)
            if declared.group_size and 0 < size - declared.group_size < container // declared.bits:
                size = declared.group_size
            return groups * size, declared.bits, ""
        return groups * carrier.shape[0] * 2, 4, "its bits are not declared"
    return None
