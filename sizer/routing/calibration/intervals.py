"""How sure: bootstrap intervals over questions.

Whole near-duplicate groups are drawn, since their outcomes are not independent. Every statistic of a draw is
computed on the same weights, so differences between routers are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sizer.routing.calibration.curve import Floats
from sizer.routing.calibration.report import Interval

__all__ = ["bootstrap", "bootstrap_mean"]

_BATCH = 100


def bootstrap(
    statistics: Callable[[Floats], dict[str, Floats]], groups: NDArray[np.int64], *, draws: int, seed: int
) -> tuple[dict[str, Interval], dict[str, float]]:
    """Percentile intervals of several statistics at once: 95 %, and the lower ends at 99 %.

    `statistics(weights)` takes how often each question was drawn, shape (draws, n), and returns one value a
    draw for each name; the estimate itself is a draw of every question once.
    """
    rng = np.random.default_rng(seed)
    count = int(groups.max()) + 1
    drawn: dict[str, list[Floats]] = {}
    for start in range(0, draws, _BATCH):
        size = min(_BATCH, draws - start)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=size)[:, groups].astype(np.float64)
        for name, values in statistics(weights).items():
            drawn.setdefault(name, []).append(values)
    estimates = statistics(np.ones((1, len(groups))))
    intervals, lows = {}, {}
    for name, parts in drawn.items():
        values = np.concatenate(parts)
        known = values[~np.isnan(values)]
        lowest, low, high = np.quantile(known, [0.005, 0.025, 0.975]) if len(known) else (math.nan,) * 3
        intervals[name] = Interval(value=float(estimates[name][0]), low=float(low), high=float(high))
        lows[name] = float(lowest)
    return intervals, lows


def bootstrap_mean(values: Floats, *, draws: int, seed: int) -> Interval:
    """Percentile interval of a mean, resampling single values."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (draws, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(value=float(values.mean()), low=float(low), high=float(high))
