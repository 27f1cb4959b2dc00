"""How sure a share is. Standard library only."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from statistics import NormalDist

from sizer.routing.calibration.report import Interval

__all__ = ["cut_for_share", "wilson"]

_Z = NormalDist().inv_cdf(0.975)


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's score interval of a share (JASA 1927, 22: 209-212)."""
    share = successes / trials
    z2 = _Z * _Z / trials
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials)) / (1 + z2)
    return Interval(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def cut_for_share(scores: Sequence[float], share: float) -> float:
    """The lowest score at or above which no more than `share` of the scores lie, to half a score.

    Scores that are equal go up together or stay together; where even the highest are too many, nothing goes up.
    """
    ranked = sorted(scores)
    allowed = math.floor(len(ranked) * share + 0.5)
    if allowed <= 0:
        return ranked[-1] + 1.0
    cut = ranked[len(ranked) - allowed]
    if allowed == len(ranked) or ranked[len(ranked) - allowed - 1] < cut:
        return cut
    above = bisect_right(ranked, cut)
    return ranked[above] if above < len(ranked) else ranked[-1] + 1.0
