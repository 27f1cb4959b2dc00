"""The cost-quality curve and its summary numbers, on cases small enough to work by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sizer.routing.calibration.curve import aiq, apgr, cost_quality, cpt, curve_of, oracle_scores, share_for_quality

SMALL = np.array([1.0, 0.0, 0.0, 1.0])
LARGE = np.array([1.0, 1.0, 1.0, 1.0])


def test_best_order() -> None:
    """The two gaining questions first: PGR 0, 0.5, 1, 1, 1 at quarters, area 0.125 + 0.1875 + ... = 0.75."""
    curve = curve_of(oracle_scores(SMALL, LARGE), SMALL, LARGE)
    assert apgr(curve) == pytest.approx(0.75)
    assert cpt(curve, 0.5) == pytest.approx(0.25)
    assert cpt(curve, 0.8) == pytest.approx(0.4)


def test_worst_order() -> None:
    """The gaining questions last: the mirror image, 0.25."""
    curve = curve_of(-oracle_scores(SMALL, LARGE), SMALL, LARGE)
    assert apgr(curve) == pytest.approx(0.25)
    assert cpt(curve, 0.5) == pytest.approx(0.75)


def test_coin() -> None:
    """Equal scores are a coin: exactly the straight line."""
    curve = curve_of(np.zeros(4), SMALL, LARGE)
    assert apgr(curve) == pytest.approx(0.5, abs=1e-15)
    assert cpt(curve, 0.8) == pytest.approx(0.8)
    assert curve.at(0.3) == pytest.approx(0.65)


def test_ties_are_averaged() -> None:
    """Two tied questions, one of which gains: half a gain for each of the two calls."""
    curve = curve_of(np.array([1.0, 1.0, 0.0, 0.0]), SMALL, LARGE)
    assert curve.at(0.25) == pytest.approx(0.625)


def test_error_rates() -> None:
    """Sending up one hard and one other question of two each: half of the hard, half of the others."""
    curve = curve_of(np.array([3.0, 2.0, 1.0, 0.0]), SMALL, LARGE)
    assert float(np.interp(0.5, curve.share, curve.hard_up)) == pytest.approx(0.5)
    assert float(np.interp(0.5, curve.share, curve.easy_up)) == pytest.approx(0.5)


def test_weights_are_repeats() -> None:
    """A question of weight two counts as two questions of the same score."""
    rng = np.random.default_rng(1)
    small, large, scores = rng.integers(0, 2, 50) * 1.0, rng.integers(0, 2, 50) * 1.0, rng.random(50)
    weights = rng.integers(0, 3, 50).astype(float)
    repeats = np.repeat(np.arange(50), weights.astype(int))
    weighted = curve_of(scores, small, large, weights)
    assert apgr(weighted) == pytest.approx(apgr(curve_of(scores[repeats], small[repeats], large[repeats])))


def test_random_routers_average_to_a_half() -> None:
    """A thousand random orders have a mean APGR of 0.5, within 0.003."""
    rng = np.random.default_rng(2)
    small, large = (rng.random(1000) < 0.6) * 1.0, (rng.random(1000) < 0.9) * 1.0
    areas = [apgr(curve_of(rng.random(1000), small, large)) for _ in range(1000)]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.003)


def test_share_for_quality() -> None:
    """The smallest share that reaches a quality; all of it where none does."""
    curve = curve_of(oracle_scores(SMALL, LARGE), SMALL, LARGE)
    assert share_for_quality(curve, 0.75) == pytest.approx(0.25)
    assert share_for_quality(curve, 0.2) == 0
    assert share_for_quality(curve, 1.5) == 1


def test_aiq_of_a_line() -> None:
    """Under a straight line from 0.5 to 1.0 the mean height is 0.75, whatever the prices."""
    curve = curve_of(np.zeros(4), SMALL, LARGE)
    assert aiq(*cost_quality(curve, 0.1, 3.0)) == pytest.approx(0.75)


def test_aiq_takes_the_hull() -> None:
    """A dip below the hull does not count, and quality never falls: (0, 0), (1, 1), (2, 1) has area 1.5 over 2."""
    cost, quality = np.array([0.0, 0.5, 1.0, 2.0]), np.array([0.0, 0.1, 1.0, 0.7])
    assert aiq(cost, quality) == pytest.approx(0.75)
