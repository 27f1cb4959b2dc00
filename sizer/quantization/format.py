"""What a packing format is: from the tensors of one module to the weights it means.

A module is everything stored under one parent name (`model.layers.*.self_attn.q_proj`), with parameters
that a format splits further (`weight.absmax`) folded back into it. Modules that hold the same leaves with the
same dtypes and shapes are one `Module`, decoded once however many of them a checkpoint has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, NamedTuple

__all__ = [
    "Format",
    "Kind",
    "Module",
    "Row",
    "Scheme",
    "Weight",
    "find_packed_axis",
    "group_words",
    "join",
    "name_of",
    "shape_by_bias",
]


class Kind(NamedTuple):
    """How a tensor is stored, its name aside."""

    dtype: str
    shape: tuple[int, ...]
    size_bytes: int

    @property
    def elements(self) -> int:
        """Stored elements: the product of the shape (1 for a scalar)."""
        return prod(self.shape)


class Scheme(NamedTuple):
    """How a module is packed, as a configuration declares it; None where it does not say."""

    bits: int | None = None
    group_size: int | None = None
    """Weights that share a scale along the input; -1 or None for one scale per output channel."""
    mode: str = ""
    """A further name, where one is needed: `mxfp4`, `nvfp4`, `affine`, `float`, `int`."""
    shape: tuple[int, int] | None = None
    """[out, in], where the configuration gives it."""
    is_inferred: bool = False
    """Whether it is not declared, but follows from the shapes of most modules."""


class Row(NamedTuple):
    """One reading of a packed row of values (see `solve`)."""

    width: int
    """Values in the row."""
    bits: int
    group_size: int | None
    """None for one scale per row."""
    why_inexact: str = ""
    """Why another width is possible; empty where none is."""
    is_declared: bool = False
    """Whether the configuration chose it among several that fit."""
    candidates: tuple[Row, ...] = ()
    """Every reading whose width occurs elsewhere in the model, where the configuration did not choose."""
    rivals: tuple[tuple[int, int | None], ...] = ()
    """Bits and group size of the other readings that its shapes allow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """The tensors of one module, or of many that are alike."""

    path: str
    """Template of the parent name, `*` where numbers stand; empty at the root."""
    tensors: dict[str, Kind]
    """By leaf: `weight`, `qweight`, `gate_up_proj_blocks`, `weight.quant_state.bitsandbytes__nf4`."""
    indices: tuple[tuple[int, ...], ...]
    """The numbers at the `*`, for each of the modules that are alike."""
    schemes: tuple[Scheme, ...] = ()
    """What the configuration declares for this module, the likeliest first."""
    method: str = ""
    """The declared method (`gptq`, `awq`, `fp8`, ...), empty where none is declared."""
    widths: frozenset[int] = frozenset()
    """Dimensions seen elsewhere in the checkpoint and its configuration: they settle what padding leaves open."""
    sides: tuple[int | None, int | None] = (None, None)
    """Outputs and inputs of its weight, where the configuration gives them as a sum."""

    def present(self, *leaves: str) -> tuple[str, ...]:
        """Those of the leaves that the module has."""
        return tuple(leaf for leaf in leaves if leaf in self.tensors)

    def companions(self, parameter: str, suffixes: Sequence[str], bare: Sequence[str] = ()) -> tuple[str, ...]:
        """Leaves that accompany a parameter: `<parameter><suffix>`, and for `weight` also the bare names."""
        own = self.present(*(parameter + suffix for suffix in suffixes))
        return own + self.present(*bare) if parameter == "weight" else own


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """One logical parameter that a format recognised in a module."""

    leaf: str
    """Its name below the module in the unquantised model: `weight`, `gate_up_proj`."""
    shape: tuple[int, ...] | None
    """The logical shape; None where only the number of parameters is known."""
    storage: str
    """For people, short: `GPTQ 4-bit`."""
    uses: tuple[str, ...]
    """The leaves that hold it: the carrier and its companions."""
    elements: int = 0
    """The number of parameters, where the shape is not known."""
    scheme: str = ""
    """For people, longer: `GPTQ 4-bit, group 128`; the storage where empty."""
    bits: float | None = None
    """Bits of one weight in its carrier; None where it is not packed."""
    is_exact: bool = True
    is_known: bool = True
    row: Row | None = None
    """How its rows were read, where several readings are possible in principle."""
    why: str = ""
    """Where the count is not exact or the scheme not known: the reason, as half a sentence."""

    @property
    def parameters(self) -> int:
        """Logical parameters."""
        return self.elements if self.shape is None else prod(self.shape)

    def stored_bytes(self, module: Module) -> int:
        """Bytes of the leaves that hold it, in the module that it was read from."""
        return sum(module.tensors[leaf].size_bytes for leaf in self.uses)


class Format(ABC):
    """One way to pack weights. Its docstring gives the layout and its source."""

    name: ClassVar[str]

    @abstractmethod
    def read(self, module: Module) -> Iterator[Weight]:
        """The weights of this format among the module's tensors; nothing where there are none."""


def join(path: str, leaf: str) -> str:
    """The name of a leaf below a path; the path itself where the leaf is empty."""
    return f"{path}.{leaf}" if path and leaf else path or leaf


def name_of(template: str, numbers: tuple[int, ...]) -> str:
    """The name that a template and its numbers stand for."""
    pieces = template.split("*")
    return "".join(f"{piece}{number}" for piece, number in zip(pieces, numbers, strict=False)) + pieces[-1]


def group_words(group_size: int | None) -> str:
    """`group 128`, or `per channel`."""
    return "per channel" if group_size is None or group_size <= 0 else f"group {group_size}"


def find_packed_axis(
    stored: tuple[int, ...], scale: tuple[int, ...], *, values_per_element: int, block: int
) -> int | None:
    """The axis along which a block-scaled weight is packed, or None if the shapes do not fit.

    On that axis the scale has one entry for `block` logical values, and the stored tensor one element for
    `values_per_element` of them; on the others both agree. The last axis is tried first.
    """
    if len(stored) != len(scale):
        return None
    for axis in reversed(range(len(stored))):
        blocks = -(-stored[axis] * values_per_element // block)
        if scale[axis] == blocks and scale[:axis] == stored[:axis] and scale[axis + 1 :] == stored[axis + 1 :]:
            return axis
    return None


def shape_by_bias(module: Module, parameters: int) -> tuple[int, ...] | None:
    """[out, in] of the module's `weight` where its bias gives the outputs; None where nothing does."""
    bias = module.tensors.get("bias")
    if bias is not None and len(bias.shape) == 1 and bias.shape[0] and parameters % bias.shape[0] == 0:
        return bias.shape[0], parameters // bias.shape[0]
    return None
