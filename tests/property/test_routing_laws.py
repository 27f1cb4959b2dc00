"""Laws of routing that hold for every input."""

from __future__ import annotations

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sizer.routing.economics import Api, Errors, Outcome, large_share, month_usd, random_calls, routed_calls
from sizer.routing.routers import custom_router, measured_routers
from sizer.routing.traffic.histogram import Histogram, bucket_of, read_histogram
from sizer.routing.workload import Workload

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
shares = st.floats(0, 1)
tokens = st.integers(0, 2_000_000)
request = st.tuples(st.sampled_from(["a", 'b,"c"', "é"]), tokens, tokens, tokens)
requests = st.lists(request.map(lambda row: (*row[:3], min(row[1], row[3]))), max_size=30)


def workload(hard: float) -> Workload:
    return Workload(requests_per_month=1000, input_tokens=100, output_tokens=10, hard_share=hard)


def counted(rows: list[tuple[str, int, int, int]]) -> Histogram:
    histogram = Histogram()
    for row in rows:
        histogram.add(*row)
    return histogram


@RELAXED
@given(hard=shares, alpha=shares, beta=shares)
def test_a_free_router_costs_what_its_share_costs(hard: float, alpha: float, beta: float) -> None:
    """Whatever its errors, a free router costs what a coin at its share costs: errors cost quality, not money."""
    small = Api(input_usd_per_mtok=1, output_usd_per_mtok=2)
    large = Api(input_usd_per_mtok=10, output_usd_per_mtok=30)
    errors = Errors(false_hard=alpha, false_easy=beta)
    routed = month_usd(routed_calls(hard, errors), small, large, workload(hard))
    coin = month_usd(random_calls(large_share(hard, errors)), small, large, workload(hard))
    assert math.isclose(routed, coin, rel_tol=1e-12)


@RELAXED
@given(share=shares, hard=shares, name=st.sampled_from(sorted(measured_routers())))
def test_every_share_can_be_had(share: float, hard: float, name: str) -> None:
    """Every router has a point for every share, with error rates between 0 and 1."""
    errors = measured_routers()[name].at_share(share, hard)
    assert 0 <= errors.false_hard <= 1
    assert 0 <= errors.false_easy <= 1
    assert math.isclose(large_share(hard, errors), share, abs_tol=1e-9)


@RELAXED
@given(alpha=shares, beta=shares, hard=st.floats(0.01, 0.9), wanted=shares)
def test_more_quality_needs_no_fewer_large_calls(alpha: float, beta: float, hard: float, wanted: float) -> None:
    """With a large model that is right on everything, more quality never takes a smaller share."""
    router, outcome = custom_router(alpha, beta), Outcome(large_quality=1.0, only_small=0.0)
    low = router.at_quality(1 - hard + wanted * hard * 0.5, hard, outcome)
    high = router.at_quality(1 - hard + wanted * hard, hard, outcome)
    assert large_share(hard, low) <= large_share(hard, high) + 1e-9


@RELAXED
@given(rows=requests, cut=st.integers(0, 30))
def test_order_and_parts_do_not_matter(rows: list[tuple[str, int, int, int]], cut: int) -> None:
    """The same requests in any order, or counted in parts, give the same histogram."""
    whole = counted(rows)
    parts = counted(rows[cut:])
    parts.merge(counted(rows[:cut]))
    assert parts.to_csv() == whole.to_csv() == counted(rows[::-1]).to_csv()


@RELAXED
@given(rows=requests)
def test_csv_round_trip(rows: list[tuple[str, int, int, int]]) -> None:
    """A histogram survives CSV."""
    whole = counted(rows)
    assert list(read_histogram(whole.to_csv().splitlines(), where="x")) == list(whole)


@RELAXED
@given(one=tokens, other=tokens)
def test_buckets_are_monotone(one: int, other: int) -> None:
    """More tokens are never in a lower bucket."""
    assert (bucket_of(one) <= bucket_of(other)) == (one <= other) or bucket_of(one) == bucket_of(other)
