"""What is asked of the models: how many requests, how long, how many of them hard.

Nothing here knows prices. A month is 730 hours, which is 365 x 24 / 12.
"""

from __future__ import annotations

import re
from typing import Literal

from sizer import units
from sizer.errors import UsageError
from sizer.values import frozen

__all__ = ["HOURS_PER_MONTH", "Assumption", "Basis", "Workload", "parse_requests", "parse_tokens"]

HOURS_PER_MONTH = 730.0

Basis = Literal["measured", "declared", "estimated", "unknown"]

_PER_MONTH = {
    "s": 3600 * HOURS_PER_MONTH, "second": 3600 * HOURS_PER_MONTH, "min": 60 * HOURS_PER_MONTH,
    "minute": 60 * HOURS_PER_MONTH, "h": HOURS_PER_MONTH, "hour": HOURS_PER_MONTH, "d": HOURS_PER_MONTH / 24,
    "day": HOURS_PER_MONTH / 24, "mo": 1.0, "month": 1.0, "y": 1 / 12, "year": 1 / 12,
}  # fmt: skip


@frozen
class Assumption:
    """One number that the answer rests on, and where it comes from."""

    name: str
    """The input's name, with its unit where it has one."""
    value: float | str | None
    """The value used; null where it is unknown."""
    basis: Basis
    """`measured` on data, `declared` by the user or a price list, `estimated` by us, or `unknown`."""
    source: str
    """The flag, file, list or study that it comes from."""
    as_of: str = ""
    """The date for which it was true, where that matters (YYYY-MM-DD)."""


@frozen
class Workload:
    """A month of traffic."""

    requests_per_month: float
    """Requests a month."""
    input_tokens: float
    """Mean prompt tokens a request."""
    output_tokens: float
    """Mean generated tokens a request."""
    hard_share: float
    """Share of requests that only the large model answers adequately, 0 to 1."""
    cached_share: float = 0.0
    """Share of the prompt tokens that a prompt cache serves, 0 to 1."""


def parse_requests(text: str, *, name: str = "--requests") -> float:
    """Requests a month from `1M/day`, `20/s`, `300k/month`.

    Raises UsageError, also where no period is named.
    """
    count, _, period = text.partition("/")
    if not period.strip():
        told = count.strip()
        units.parse_amount(told, name=name, minimum=1e-6, maximum=10**15)
        raise UsageError(
            f"{name}: `{text}` names no period", code="usage.number",
            because=f"it could be a day's or a month's, and {told}/day are thirty times as many",
            hint=f"write {name} {told}/day or {name} {told}/month",
        )  # fmt: skip
    factor = _PER_MONTH.get(period.strip().lower())
    if factor is None:
        raise UsageError(
            f"{name}: `{text}` has an unknown period",
            code="usage.number",
            because=f"the period is one of {', '.join(_PER_MONTH)}",
            hint=f"write {name} as 1M/day, 20/s or 300k/month",
        )
    volume = float(units.parse_amount(count, name=name, minimum=1e-6, maximum=10**15)) * factor
    if volume > 1e15:
        raise UsageError(
            f"{name}: `{text}` is out of range", code="usage.range",
            because=f"it would be {volume:.3g} requests a month, and 10^15 are the most",
            hint=f"write {name} as 1M/day, 20/s or 300k/month",
        )  # fmt: skip
    return volume


def parse_tokens(text: str, *, name: str = "--tokens") -> tuple[float, float]:
    """Input and output tokens of a request from `500:200`. Raises UsageError."""
    parts = re.split(r"[:/]", text)
    if len(parts) != 2:
        raise UsageError(
            f"{name}: `{text}` is not two numbers",
            code="usage.number",
            because="it takes prompt tokens and generated tokens of a request",
            hint=f"write {name} as 500:200",
        )
    given, made = (float(units.parse_count(part, name=name, maximum=10**8)) for part in parts)
    if given + made == 0:
        raise UsageError(f"{name}: a request of no tokens costs nothing", code="usage.range", hint="give tokens")
    return given, made
