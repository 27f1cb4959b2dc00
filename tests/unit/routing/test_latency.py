"""Percentiles of mixtures."""

from __future__ import annotations

import numpy as np
import pytest

from sizer.errors import UsageError
from sizer.routing.latency import Latency, parse_latency, percentile

SMALL = Latency(p50_seconds=0.4, p95_seconds=1.2)
LARGE = Latency(p50_seconds=2.0, p95_seconds=6.0)


def test_one_model() -> None:
    """A single model's 95th percentile is the one that was given."""
    assert percentile([(1.0, (LARGE,), 0.0)]) == pytest.approx(6.0, rel=1e-5)


def test_mixture_against_draws() -> None:
    """80 % small and 20 % large after 50 ms of routing: the p95 of four million draws, to 1 %."""
    rng = np.random.default_rng(7)
    sigma = np.log(3) / 1.6448536
    draws = np.exp(rng.standard_normal(4_000_000) * sigma) * np.where(rng.random(4_000_000) < 0.2, 2.0, 0.4) + 0.05
    found = percentile([(0.8, (SMALL,), 0.05), (0.2, (LARGE,), 0.05)])
    assert found == pytest.approx(np.quantile(draws, 0.95), rel=0.01)
    assert found > 0.8 * 1.2 + 0.2 * 6.0, "averaging the two p95s understates it"


def test_waiting_for_both() -> None:
    """An escalated request waits for the small model and then the large: the p95 of the sum, to 1 %."""
    rng = np.random.default_rng(8)
    sigma = np.log(3) / 1.6448536
    one, two = (np.exp(rng.standard_normal(1_000_000) * sigma) * median for median in (0.4, 2.0))
    assert percentile([(1.0, (SMALL, LARGE), 0.0)]) == pytest.approx(np.quantile(one + two, 0.95), rel=0.01)


def test_p95_below_p50() -> None:
    """A 95th percentile below the median is refused."""
    with pytest.raises(UsageError, match="below p50"):
        parse_latency("2:1", name="--small-latency")
