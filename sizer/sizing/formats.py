"""Widths in which weights are held: bits for one parameter, scales included, with their sources."""

from __future__ import annotations

import datetime

from sizer.errors import UsageError
from sizer.tables import load_table
from sizer.values import frozen

__all__ = ["WeightFormat", "weight_format", "weight_formats"]


@frozen
class WeightFormat:
    """A width in which weights are held."""

    key: str
    name: str
    bits: float
    """Bits for one parameter, scales included."""
    source: str
    checked: datetime.date


@frozen
class _Table:
    formats: tuple[WeightFormat, ...]


def weight_formats() -> tuple[WeightFormat, ...]:
    """The formats, widest first."""
    table: _Table = load_table("weight_formats.yaml", _Table)
    return table.formats


def weight_format(key: str) -> WeightFormat:
    """The format with this key, whatever its case. Raises UsageError."""
    for known in weight_formats():
        if known.key == key.strip().casefold():
            return known
    raise UsageError(
        f"--format: `{key}` is not a weight format that is known",
        code="usage.choice",
        because=f"one of {', '.join(known.key for known in weight_formats())} was expected",
        hint="leave it out to try them all, widest first",
    )
