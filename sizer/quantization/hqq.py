"""HQQ: values regrouped to [groups, group size] before they are packed, so that only their number is known."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS
from sizer.quantization.format import Format, Kind, Module, Scheme, Weight, shape_by_bias

__all__ = ["Hqq"]

_STATE = (
    "scale", "zero", "shape", "nbits", "group_size", "axis", "packing", "unpack_view_dtype", "view_as_float",
    "quant_scale", "quant_zero", "compute_dtype", "offload_meta", "encoded_state_dict", "stores_quant_config",
    "channel_wise", "optimize", "round_zero", "scale_q", "zero_q", "zero_scale", "meta_scale", "meta_zero", "scale2",
)  # fmt: skip

_USUAL_GROUPS = (64, 128, 32, 16, 8)


class Hqq(Format):
    """`W_q` U8 [groups x bits / 8, group] + `scale` and `zero` [groups, 1] + settings as small tensors (axis 1).

    With axis 0 it is [group x bits / 8, groups] and [1, groups]. Three bits are kept ten to an I32, padded. `shape`
    is a tensor of two integers in the body. SINQ keeps its state below `meta` and a scale per input as `meta.scale2`.
    Sources: mobiusml/hqq, hqq/core/quantize.py and bitpack.py; huawei-csl/SINQ, sinq/sinqlinear.py, patch_model.py.
    """

    name = "HQQ"

    def read(self, module: Module) -> Iterator[Weight]:
        """Weights with a `W_q`."""
        carrier = module.tensors.get("W_q")
        scale = module.tensors.get("scale") or module.tensors.get("meta.scale")
        found = _solve(module, carrier, scale) if carrier is not None else None
        if found is None:
            return
        parameters, bits, why = found
        name = "SINQ" if any(leaf.startswith("meta.") for leaf in module.tensors) else "HQQ"
        is_grouped = scale is not None and scale.elements > 0
        yield Weight(
            leaf="weight",
            elements=parameters,
            shape=shape_by_bias(module, parameters),
            storage=f"{name} {bits}-bit",
            scheme=f"{name} {bits}-bit, group {parameters // scale.elements}" if scale and is_grouped else "",
            bits=bits,
            uses=("W_q", *module.present(*_STATE), *(leaf for leaf in module.tensors if leaf.startswith("meta."))),
            is_exact=not why,
            why=why,
        )


def _solve(module: Module, carrier: Kind, scale: Kind | None) -> tuple[int, int, str] | None:
    """Parameters, bits, and why they are in doubt: by the scales, else by the declared bits."""
    container = BITS.get(carrier.dtype, 0)
    declared = next((scheme for scheme in module.schemes if scheme.bits), Scheme())
    bits = declared.bits or 0
    if not carrier.elements or container not in (8, 32):
        return None
    if scale is not None and len(scale.shape) == 2 and len(carrier.shape) == 2 and scale.elements:
        groups = scale.elements
        if scale.shape[1] == 1 and carrier.shape[0] <= groups:
            return groups * carrier.shape[1], max(1, container // -(-groups // carrier.shape[0])), ""
        if scale.shape[0] == 1 and carrier.shape[1] == groups and bits and bits <= container:
            size, values = carrier.shape[0] * (container // bits), container // bits
            if declared.group_size and 0 < size - declared.group_size < values:
                size = declared.group_size
            return groups * size, bits, ""
    if bits and bits <= container:
        exact = container % bits == 0
        return carrier.elements * (container // bits), bits, "" if exact else "its padding cannot be told from values"
    if container == 32:
        return carrier.elements * 10, 3, "its padding cannot be told from values"
    bits = 4
    if scale is not None and scale.shape[:1] == (1,) and carrier.shape[1:] == scale.shape[1:]:  # axis 0
        by_group = {carrier.shape[0] * (container // bits): bits for bits in (1, 2, 8, 4)}
        bits = next((by_group[size] for size in _USUAL_GROUPS if size in by_group), bits)
    return carrier.elements * (container // bits), bits, "its bits are not declared"
