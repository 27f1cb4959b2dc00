"""The 95th percentile of a mixture: averaging two p95s is wrong.

A model's latency is log-normal through its p50 and p95. Where one request waits for two models (a cascade, a
retry), their sum is integrated over 2,000 quantiles of the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from sizer import units
from sizer.errors import UsageError
from sizer.values import frozen

__all__ = ["Latency", "parse_latency", "percentile"]

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)
_STEPS = 2000


@frozen
class Latency:
    """How long one call takes."""

    p50_seconds: float
    """Half of the calls are done by then."""
    p95_seconds: float
    """95 % of the calls are done by then."""

    @property
    def _sigma(self) -> float:
        return math.log(self.p95_seconds / self.p50_seconds) / _Z95

    def share_within(self, seconds: float) -> float:
        """P(done within so many seconds)."""
        if seconds <= 0:
            return 0.0
        if self._sigma == 0:
            return 1.0 if seconds >= self.p50_seconds else 0.0
        return _NORMAL.cdf(math.log(seconds / self.p50_seconds) / self._sigma)

    def quantile(self, share: float) -> float:
        """Seconds within which `share` of the calls are done."""
        return self.p50_seconds * math.exp(self._sigma * _NORMAL.inv_cdf(share))


def parse_latency(text: str, *, name: str) -> Latency:
    """A latency from `P50:P95` in seconds. Raises UsageError."""
    parts = text.split(":")
    if len(parts) != 2:
        raise UsageError(
            f"{name}: `{text}` is not two numbers", code="usage.number",
            because="it takes the median and the 95th percentile in seconds", hint=f"write {name} 0.4:1.2",
        )  # fmt: skip
    p50, p95 = (units.parse_number(part, name=name, minimum=1e-6, maximum=1e6) for part in parts)
    if p95 < p50:
        raise UsageError(f"{name}: p95 ({p95:g}) is below p50 ({p50:g})", code="usage.range", hint="swap them")
    return Latency(p50_seconds=p50, p95_seconds=p95)


def percentile(paths: Sequence[tuple[float, Sequence[Latency], float]], share: float = 0.95) -> float:
    """Seconds within which `share` of all requests are done.

    `paths` are (probability, the calls made one after another, constant seconds). Solves
    sum p_i F_i(x) = share by bisection to 1e-6.
    """
    parts = [(weight, _distribution(calls), constant) for weight, calls, constant in paths if weight > 0]

    def within(seconds: float) -> float:
        return sum(weight * done(seconds - constant) for weight, done, constant in parts)

    low, high = 0.0, 1.0
    while within(high) < share:
        low, high = high, high * 2
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if within(middle) >= share else (middle, high)
    return high


def _distribution(calls: Sequence[Latency]) -> Callable[[float], float]:
    if len(calls) == 1:
        return calls[0].share_within
    first = [calls[0].quantile((step + 0.5) / _STEPS) for step in range(_STEPS)]
    rest = _distribution(calls[1:])
    return lambda seconds: sum(rest(seconds - started) for started in first) / _STEPS
