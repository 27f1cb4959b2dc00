"""Tensors written as names with ranges, for tests: `layers.{0-1}.mlp.experts.{0-3}.w1.weight`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from sizer.quantization.interface import LogicalTensor
from sizer.quantization.modules import template_of

_MARK = 10**9
_RANGE = re.compile(r"\{([0-9,-]+)\}")


def _values(ranges: str) -> list[int]:
    found: list[int] = []
    for part in ranges.split(","):
        low, _, high = part.partition("-")
        found.extend(range(int(low), int(high or low) + 1))
    return found


def tensors(rows: Mapping[str, Sequence[int]], storage: Mapping[str, str] | None = None) -> list[LogicalTensor]:
    """Groups of logical tensors, as unpacking makes them, from names with ranges and their shapes.

    `storage` gives the dtype by name where it is not BF16.
    """
    found: dict[tuple[str, tuple[int, ...], str], list[tuple[int, ...]]] = {}
    for pattern, sizes in rows.items():
        ranges = [_values(text) for text in _RANGE.findall(pattern)]
        places = iter(range(len(ranges)))
        template, numbers = template_of(_RANGE.sub(lambda _, places=places: str(_MARK + next(places)), pattern))
        choices = [ranges[number - _MARK] if number >= _MARK else [number] for number in numbers]
        key = (template, tuple(sizes), (storage or {}).get(pattern, "BF16"))
        found.setdefault(key, []).extend(product(*choices))
    return [
        LogicalTensor(
            name=name, indices=tuple(indices), shape=shape, parameters=prod(shape), storage=dtype,
            stored_bytes=2 * prod(shape),
        )
        for (name, shape, dtype), indices in found.items()
    ]  # fmt: skip
