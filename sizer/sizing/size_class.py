"""Size classes: SLM, grey zone, LLM, by active and by total parameters. The bands are data.

A class is a word for a count. It decides nothing: what fits is a matter of bytes (`sizing.fit`).
"""

from __future__ import annotations

import datetime
import functools
from itertools import pairwise

from sizer.errors import InternalError
from sizer.tables import load_table
from sizer.values import frozen

__all__ = ["ClassPair", "SizeClass", "classify", "classify_pair", "label", "size_classes"]


@frozen
class SizeClass:
    """One band of parameter counts."""

    key: str
    """`below_1b`, `slm`, `grey` or `llm`: what `--json` says."""
    label: str
    """What people read: `SLM`."""
    from_parameters: int
    """The smallest count in the class; the next class begins where it ends."""
    means: str
    """The class in a few words."""
    source: str
    checked: datetime.date


@frozen
class ClassPair:
    """The class by active parameters (speed, cost per token) and by total parameters (memory)."""

    by_active: str | None
    """Class key; None where the active count is not known."""
    by_total: str | None
    """Class key; None where the total count is not known."""
    reason: str
    """Why the two differ, or why one is missing; `""` where they agree."""


@frozen
class _Table:
    classes: tuple[SizeClass, ...]


@functools.cache
def size_classes() -> tuple[SizeClass, ...]:
    """The classes, smallest first."""
    table: _Table = load_table("size_classes.yaml", _Table)
    classes = table.classes
    starts = [band.from_parameters for band in classes]
    if not starts or starts[0] != 0 or any(low >= high for low, high in pairwise(starts)):
        raise InternalError("size_classes.yaml must start at 0 and ascend", code="internal.table")
    return classes


def classify(parameters: int) -> str:
    """The key of the class that a parameter count falls in: `slm` for 3_350_000_000."""
    return [band for band in size_classes() if band.from_parameters <= max(0, parameters)][-1].key


def label(key: str) -> str:
    """The class's name for people: `grey` -> `grey zone`. Raises KeyError for a key that does not exist."""
    return {band.key: band.label for band in size_classes()}[key]


def classify_pair(active: int | None, total: int | None) -> ClassPair:
    """Both classes of a model, with the reason where they differ. A count that is not known is None."""
    by_active = None if active is None else classify(active)
    by_total = None if total is None else classify(total)
    if by_active is None or by_total is None:
        missing = " and ".join(word for word, key in (("active", by_active), ("total", by_total)) if key is None)
        return ClassPair(by_active=by_active, by_total=by_total, reason=f"the {missing} count is not known")
    if by_active == by_total:
        return ClassPair(by_active=by_active, by_total=by_total, reason="")
    return ClassPair(
        by_active=by_active,
        by_total=by_total,
        reason=f"{label(by_active)} by what one token uses (speed, cost), {label(by_total)} by what must be in memory",
    )
