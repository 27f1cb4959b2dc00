"""The exact cost-quality curve of a router on labelled outcomes, and its summary numbers.

The router's scores order the questions; sending the top k up, for every k, gives the curve. Questions of equal
score cannot be told apart, so inside a tie the curve is the straight line between its ends. Shares are 0 to 1.

PGR, APGR and CPT are defined in arXiv 2406.18665, section 3.1; AIQ in arXiv 2403.12031, section 3.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizer.values import frozen

__all__ = [
    "Curve",
    "Floats",
    "Ranking",
    "aiq",
    "apgr",
    "cost_quality",
    "cpt",
    "curve_of",
    "oracle_scores",
    "share_for_quality",
]

Floats = NDArray[np.float64]


@frozen
class Curve:
    """Quality against the share sent to the large model, piecewise linear between its points.

    The last axis is the curve's points; an axis before it, where there is one, holds resamples.
    """

    share: Floats
    """Ascending from 0 to 1."""
    quality: Floats
    """Mean outcome at each share."""
    hard_up: Floats
    """Share of the hard questions sent to the large model at each share."""
    easy_up: Floats
    """Share of the other questions sent to the large model at each share: the false-hard rate."""

    @property
    def gap(self) -> Floats:
        """Quality of the large model less that of the small one."""
        return np.asarray(self.quality[..., -1:] - self.quality[..., :1])

    @property
    def pgr(self) -> Floats:
        """Performance gap recovered at each share: 0 is the small model, 1 the large one. NaN without a gap."""
        gap = np.where(self.gap > 0, self.gap, np.nan)
        return np.asarray((self.quality - self.quality[..., :1]) / gap)

    def at(self, share: float) -> Floats:
        """Quality at one share, for each resample."""
        rows = zip(np.atleast_2d(self.share), np.atleast_2d(self.quality), strict=True)
        found = np.array([np.interp(share, x, y) for x, y in rows])
        return found[0] if self.share.ndim == 1 else found


class Ranking:
    """Questions in a router's order, highest score first: sorted once, resampled often."""

    def __init__(self, scores: Floats, small: Floats, large: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._ends = np.append(np.nonzero(np.diff(ranked))[0], len(ranked) - 1)
        self._small = small[self._order]
        self._gain = (large - small)[self._order]
        self._hard = (large > small)[self._order]

    def curve(self, weights: Floats | None = None) -> Curve:
        """The curve; `weights`, of shape (..., n), say how often each question counts."""
        counts = np.ones(len(self._order)) if weights is None else weights[..., self._order]
        total = counts.sum(axis=-1, keepdims=True)
        all_up, hards = self._cumulated(counts), self._cumulated(counts * self._hard)
        start = (counts * self._small).sum(axis=-1, keepdims=True)
        easy = total - hards[..., -1:]
        return Curve(
            share=all_up / total,
            quality=(start + self._cumulated(counts * self._gain)) / total,
            hard_up=hards / np.maximum(hards[..., -1:], 1e-300),
            easy_up=(all_up - hards) / np.maximum(easy, 1e-300),
        )

    def _cumulated(self, values: Floats) -> Floats:
        """Running sums at the ends of the ties, from 0."""
        sums = np.cumsum(values, axis=-1)[..., self._ends]
        return np.concatenate((np.zeros((*sums.shape[:-1], 1)), sums), axis=-1)


def curve_of(scores: Floats, small: Floats, large: Floats, weights: Floats | None = None) -> Curve:
    """The curve of a router that sends the highest scores up.

    `small` and `large` are the outcomes (0 to 1, or any scale) of each question, shape (n,); `weights` are
    how often each question counts (a bootstrap's multiplicities).
    """
    return Ranking(scores, small, large).curve(weights)


def oracle_scores(small: Floats, large: Floats) -> Floats:
    """Scores of a router that knows the outcomes: most gained first."""
    return np.asarray(large - small)


def apgr(curve: Curve) -> Floats:
    """Average performance gap recovered: the area under PGR over all shares. A coin has 0.5."""
    return np.asarray(np.trapezoid(curve.pgr, curve.share, axis=-1))


def cpt(curve: Curve, recovered: float) -> Floats:
    """Call-performance threshold: the smallest share (0 to 1) that recovers so much of the gap."""
    return _first_share(curve.share, curve.pgr, recovered)


def share_for_quality(curve: Curve, quality: float) -> float:
    """The smallest share whose quality reaches `quality`; 1 where none does."""
    return float(_first_share(curve.share, curve.quality, quality))


def _first_share(share: Floats, values: Floats, wanted: float) -> Floats:
    """Where `values` first reach `wanted`, interpolated; 1 where they do not, NaN where they are NaN."""
    reached = values >= wanted
    high = np.maximum(np.argmax(reached, axis=-1), 1)[..., None]

    def pick(rows: Floats, at: Any) -> Floats:
        return np.asarray(np.take_along_axis(rows, at, axis=-1)[..., 0])

    below, above = pick(values, high - 1), pick(values, high)
    rise = np.where(above > below, above - below, 1.0)
    part = np.clip((wanted - below) / rise, 0.0, 1.0)
    found = pick(share, high - 1) + part * (pick(share, high) - pick(share, high - 1))
    found = np.where(reached.any(axis=-1), found, 1.0)
    found = np.where(values[..., 0] >= wanted, 0.0, found)
    return np.asarray(np.where(np.isnan(values[..., -1]), np.nan, found))


def cost_quality(curve: Curve, small_usd: float, large_usd: float) -> tuple[Floats, Floats]:
    """Dollars per request and quality at each point of the curve."""
    return np.asarray(small_usd + curve.share * (large_usd - small_usd)), curve.quality


def aiq(cost: Floats, quality: Floats) -> float:
    """Average improvement in quality: the area under the non-decreasing convex hull, over the cost range."""
    points = sorted(zip(cost.tolist(), np.maximum.accumulate(quality).tolist(), strict=True))
    hull: list[tuple[float, float]] = []
    for point in points:
        while len(hull) > 1 and _is_below(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    x, y = (np.array(side) for side in zip(*hull, strict=True))
    width = x[-1] - x[0]
    return float(np.trapezoid(y, x) / width) if width else float(y[-1])


def _is_below(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether the middle point lies on or under the segment from first to last."""
    cross: Any = (middle[0] - first[0]) * (last[1] - first[1]) - (middle[1] - first[1]) * (last[0] - first[0])
    return bool(cross >= 0)
