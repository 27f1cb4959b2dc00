"""How sure a share is. Standard library only."""

from __future__ import annotations

import math
from statistics import NormalDist

from sizer.routing.calibration.report import Interval

__all__ = ["wilson"]

_Z = NormalDist().inv_cdf(0.975)


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's score interval of a share (JASA 1927, 22: 209-212)."""
    share = successes / trials
    z2 = _Z * _Z / trials
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials)) / (1 + z2)
    return Interval(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))
