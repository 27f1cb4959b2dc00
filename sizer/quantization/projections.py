"""Sides of matrices that config.json gives as a sum of its keys, from `data/architectures/projections.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from sizer.tables import load_table
from sizer.values import frozen

__all__ = ["Sides", "read_sides"]

Sides = tuple[int | None, int | None]
"""Outputs and inputs of a matrix; None where nothing says so."""


@frozen
class _Projection:
    words: list[str]
    outputs: list[list[str]] | None = None
    inputs: list[list[str]] | None = None


@frozen
class _Table:
    source: str
    checked: object
    projections: list[_Projection]


def read_sides(configs: Iterable[Mapping[str, Any]]) -> dict[str, Sides]:
    """Sides by the last word of a module's name, from the first of these configs that has all keys of a sum."""
    table: _Table = load_table("architectures/projections.yaml", _Table)
    found: dict[str, Sides] = {}
    for config in configs:
        for row in table.projections:
            sides = _sum(row.outputs, config), _sum(row.inputs, config)
            if sides != (None, None):
                found = {**dict.fromkeys(row.words, sides), **found}
    return found


def _sum(terms: list[list[str]] | None, config: Mapping[str, Any]) -> int | None:
    """The sum of products; None where there are none, or a key is not a positive number in config.json."""
    values = [[int(name) if name.isdigit() else config.get(name) for name in term] for term in terms or []]
    for value in (value for term in values for value in term):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 31:
            return None
    return sum(prod(value or 0 for value in term) for term in values) or None
