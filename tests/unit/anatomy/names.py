"""Tensors written as names with ranges, for tests: `layers.{0-1}.mlp.experts.{0-3}.w1.weight`."""

from __future__ import annotations

import re
from itertools import product
from math import prod

from sizer.quantization.interface import LogicalTensor
from sizer.quantization.modules import template_of

_RANGE = re.compile(r"\{([0-9,-]+)\}")


def _values(ranges: str) -> list[int]:
    found: list[int] = []
    for part in ranges.split(","):
        low, _, high = part.partition("-")
        found.extend(range(int(low), int(high or low) + 1))
    return found


def tensors(
    rows: dict[str, tuple[int, ...]] | list[tuple[str, tuple[int, ...]]], storage: str = "BF16"
) -> list[LogicalTensor]:
    """Groups of logical tensors, as unpacking makes them, from names with ranges and their shapes."""
    groups: dict[tuple[str, tuple[int, ...]], list[tuple[int, ...]]] = {}
    for pattern, shape in rows.items() if isinstance(rows, dict) else rows:
        ranges = [_values(text) for text in _RANGE.findall(pattern)]
        for numbers in product(*ranges):
            values = iter(numbers)
            name, index = template_of(_RANGE.sub(lambda _, values=values: str(next(values)), pattern))
            groups.setdefault((name, shape), []).append(index)
    return [
        LogicalTensor(
            name=name, indices=tuple(indices), shape=shape, parameters=prod(shape), storage=storage,
            stored_bytes=2 * prod(shape),
        )
        for (name, shape), indices in groups.items()
    ]  # fmt: skip
