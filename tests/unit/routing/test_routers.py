"""Routers as curves of error rates."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sizer.errors import UsageError
from sizer.routing.economics import Outcome, delivered_quality, large_share
from sizer.routing.routers import custom_router, find_router, measured_routers, perfect_router, random_router


@pytest.mark.parametrize("name", ["perfect", "random", *sorted(measured_routers())])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5, 0.93, 1.0])
def test_at_share(name: str, share: float) -> None:
    """Every router can be set to send any share up, and then sends that share."""
    assert large_share(0.3, find_router(name).at_share(share, 0.3)) == pytest.approx(share, abs=1e-12)


def test_coin() -> None:
    """A coin that sends 30 % up sends 30 % of the easy ones up and 70 % of the hard ones down."""
    errors = random_router().at_share(0.3, 0.2)
    assert (errors.false_hard, errors.false_easy) == pytest.approx((0.3, 0.7))


def test_perfect_at_the_hard_share() -> None:
    """The perfect router that sends up as many as are hard makes no error."""
    errors = perfect_router().at_share(0.2, 0.2)
    assert (errors.false_hard, errors.false_easy) == pytest.approx((0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("name", sorted(measured_routers()))
def test_measured_curves_are_monotone(name: str) -> None:
    """On a measured curve, sending more up never raises false easy nor lowers false hard, and beats a coin."""
    points = find_router(name).points
    assert all(a.false_hard <= b.false_hard and a.false_easy >= b.false_easy for a, b in pairwise(points))
    assert any(1 - point.false_easy > point.false_hard + 0.02 for point in points)


@pytest.mark.parametrize("name", sorted(measured_routers()))
def test_at_quality(name: str) -> None:
    """The point that keeps a quality delivers exactly it, with less sent up than a coin needs."""
    outcome = Outcome(large_quality=0.9, only_small=0.05)
    errors = find_router(name).at_quality(0.85, 0.2, outcome)
    found = delivered_quality(0.2, outcome, hard_lost=errors.false_easy, easy_down=1 - errors.false_hard)
    assert found == pytest.approx(0.85, abs=1e-12)
    assert large_share(0.2, errors) < (0.85 - 0.75) / (0.9 - 0.75)


def test_custom() -> None:
    """A custom router has its own point between the two ends."""
    assert [point.false_hard for point in custom_router(0.1, 0.3).points] == [0.0, 0.1, 1.0]


def test_unknown_router() -> None:
    """An unknown name is refused with those that are known."""
    with pytest.raises(UsageError) as caught:
        find_router("oracle")
    assert "perfect, random" in caught.value.because
