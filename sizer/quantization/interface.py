"""From stored to logical tensors: the types.

A checkpoint of 200,000 tensors has a few dozen kinds. Tensors are therefore kept in groups: one name
template with `*` where numbers stand, and the tuples of numbers that occur.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from sizer.notices import Notice
from sizer.values import frozen

__all__ = ["LogicalTensor", "StoredGroup", "Unpacked"]


class StoredGroup(NamedTuple):
    """Stored tensors of one kind, as the files hold them: nothing unpacked, second copies of a name included."""

    leaf: str
    """What the names end with: `weight`, `weight_scale_inv`, `weight.absmax`."""
    shape: tuple[int, ...]
    """Of one tensor as stored, slowest dimension first."""
    size_bytes: int
    """Of one tensor."""
    tensors: int
    """How many there are."""

    @property
    def elements(self) -> int:
        """Stored elements of all of them."""
        return prod(self.shape) * self.tensors

    @property
    def total_bytes(self) -> int:
        """Bytes of all of them."""
        return self.size_bytes * self.tensors


@dataclass(frozen=True, kw_only=True, slots=True)
class LogicalTensor:
    """A group of parameters that differ only in the numbers of their names, as the model means them."""

    name: str
    """Template: `model.layers.*.mlp.experts.*.down_proj.weight`. A packed weight has the name that it has in
    the unquantised model (`.qweight`, `_blocks`, `_packed` and the like undone)."""
    indices: tuple[tuple[int, ...], ...]
    """For each tensor the numbers that stand at the `*`, in order; `((),)` for a name without numbers."""
    shape: tuple[int, ...] | None
    """Logical shape of one tensor, slowest dimension first; None where only the count is known."""
    parameters: int
    """Logical parameters of one tensor."""
    storage: str
    """How it is stored, for people: `BF16`, `FP8 (E4M3, 128x128 blocks)`, `GPTQ 4-bit`, `MXFP4`, `Q4_K`."""
    stored_bytes: int
    """Bytes of one tensor as stored, its scales, zero points and other companions included."""
    is_exact: bool = True
    """False where the packing leaves the logical count open (padding) or is not known."""

    @property
    def count(self) -> int:
        """How many tensors the group holds."""
        return len(self.indices)

    @property
    def total(self) -> int:
        """Logical parameters of all tensors of the group."""
        return self.parameters * len(self.indices)


@frozen
class Unpacked:
    """What a part of a checkpoint holds, unpacked.

    The bytes of `tensors` and `dropped_bytes` sum to those of `stored`.
    """

    tensors: tuple[LogicalTensor, ...]
    stored: tuple[StoredGroup, ...] = ()
    """What the tensors were made of."""
    scheme: str | None = None
    """The quantisation scheme in words (`GPTQ 4-bit, group 128`), None for an unquantised checkpoint."""
    bits: float | None = None
    """Bits of one packed weight (4, 8, 2.5 ...), where the scheme has one."""
    is_known: bool = True
    """False where packed tensors were met whose scheme is not known: counts are then of stored elements."""
    why_inexact: str = ""
    """Where a count is not exact: the reason, as half a sentence."""
    dropped_bytes: dict[str, int] = field(default_factory=dict)
    """Bytes of stored tensors that carry no parameters, by reason (`kv cache scales`)."""
    notices: tuple[Notice, ...] = ()
