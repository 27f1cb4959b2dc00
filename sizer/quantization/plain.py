"""Tensors that are what they say: one element, one parameter."""

from __future__ import annotations

from collections.abc import Iterator

from sizer.quantization.dtypes import BITS, INTEGERS
from sizer.quantization.format import Format, Kind, Module, Weight
from sizer.quantization.scaled import state_of

__all__ = ["Plain"]

_WEIGHT_WORDS = ("weight", "pack", "quant", "code", "proj", "block", "trellis", "data", "w_q", "qw")
_STATE_WORDS = ("scale", "zero", "absmax", "codebook", "centroid")
_SMALLEST_WEIGHT = 1 << 12


class Plain(Format):
    """Everything that no packing format claimed: F32, BF16, F16 and integer tables.

    An integer tensor of weight size that is named like one, or has scales beside it, and that no format knows is
    packed in a way that is not known: its elements are counted and said to be only that. Other integers are tables.
    """

    name = "plain"

    def read(self, module: Module) -> Iterator[Weight]:
        """One weight per tensor; what is named like the state of a doubtful one goes with it."""
        doubts = {leaf: why for leaf, kind in module.tensors.items() if (why := _doubt(module, leaf, kind))}
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


def _doubt(module: Module, leaf: str, kind: Kind) -> str:
    """Why elements may not be parameters; empty where they are."""
    if kind.dtype not in BITS:
        return f"the dtype {kind.dtype} is not known"
    if kind.dtype not in INTEGERS or kind.dtype in ("I64", "U64") or kind.elements < _SMALLEST_WEIGHT:
        return ""
    is_weight = any(word in leaf.lower() for word in _WEIGHT_WORDS)
    has_state = any(word in other.lower() for other in module.tensors if other != leaf for word in _STATE_WORDS)
    if len(kind.shape) < 2 or leaf.endswith("mask") or not (is_weight or has_state):
        return ""
    return f"{kind.dtype} values are packed in a way that is not known"
