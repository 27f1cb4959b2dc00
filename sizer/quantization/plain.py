"""Tensors that are what they say: one element, one parameter."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS, INTEGERS
from sizer.quantization.format import Format, Kind, Module, Weight
from sizer.quantization.scaled import state_of

__all__ = ["Plain"]

_TABLES = ("position_ids", "token_type_ids", "mask", "masked_bias", "relative_position_index", "inv_freq", "bias")
_SMALLEST_WEIGHT = 1 << 12


class Plain(Format):
    """Everything that no packing format claimed: F32, BF16, F16 and integer tables.

    An integer tensor of weight size that no format knows is packed in a way that is not known: its elements are
    counted and said to be only that.
    """

    name = "plain"

    def read(self, module: Module) -> Iterator[Weight]:
        """One weight per tensor; what is named like the state of a doubtful one goes with it."""
        doubts = {leaf: why for leaf, kind in module.tensors.items() if (why := _doubt(leaf, kind))}
        states = {leaf: state_of(module, leaf) for leaf in doubts}
        taken = {name for state in states.values() for name in state}
        for leaf, kind in module.tensors.items():
            if leaf not in taken:
                why = doubts.get(leaf, "")
                yield Weight(
                    leaf=leaf,
                    shape=kind.shape,
                    storage=kind.dtype,
                    uses=(leaf, *states.get(leaf, ())),
                    is_exact=not why,
                    is_known=not why,
                    why=why,
                )


def _doubt(leaf: str, kind: Kind) -> str:
    """Why elements may not be parameters; empty where they are."""
    if kind.dtype not in BITS:
        return f"the dtype {kind.dtype} is not known"
    if kind.dtype not in INTEGERS or kind.dtype in ("I64", "U64") or kind.elements < _SMALLEST_WEIGHT:
        return ""
    if len(kind.shape) < 2 or leaf.endswith(_TABLES):
        return ""
    return f"{kind.dtype} values are packed in a way that is not known"
