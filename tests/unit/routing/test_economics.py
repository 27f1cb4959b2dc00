"""The closed form against numbers worked by hand and against simulated traffic."""

from __future__ import annotations

import numpy as np
import pytest

from sizer.routing.economics import (
    Api,
    Calls,
    Cascade,
    Errors,
    Outcome,
    SelfHosted,
    all_on_one,
    always_cheaper_volume,
    break_even_share,
    break_even_volume,
    cascade_calls,
    delivered_quality,
    large_share,
    month_usd,
    request_usd,
    routed_calls,
)
from sizer.routing.workload import Workload


def workload(**changes: float) -> Workload:
    values = {"requests_per_month": 1e6, "input_tokens": 500, "output_tokens": 200, "hard_share": 0.2} | changes
    return Workload(**values)


def api(cost: float) -> Api:
    """An API at which one request of the workload costs `cost` dollars."""
    return Api(input_usd_per_mtok=cost * 1e6 / 700, output_usd_per_mtok=cost * 1e6 / 700)


PERFECT = Errors(false_hard=0.0, false_easy=0.0)


def saving(ratio: float, share: float, overhead: float = 0.0) -> float:
    calls = routed_calls(share, PERFECT, router_usd=overhead)
    month = month_usd(calls, api(1 / ratio), api(1.0), workload(hard_share=share))
    return 1 - month / month_usd(all_on_one(large=True), api(1 / ratio), api(1.0), workload())


def test_notes_case() -> None:
    """20 % hard and 100 times cheaper: a perfect router costs 0.208 of the large model, 79.2 % less."""
    assert saving(100, 0.2) == pytest.approx(0.792, abs=1e-9)


@pytest.mark.parametrize(
    ("ratio", "share", "expected"),
    [(100, 0.2, 79.2), (50, 0.2, 78.4), (20, 0.2, 76.0), (10, 0.2, 72.0), (5, 0.2, 64.0), (3, 0.2, 53.3),
     (2, 0.2, 40.0), (100, 0.35, 64.3), (2, 0.35, 32.5)],
)  # fmt: skip
def test_saving_by_ratio(ratio: float, share: float, expected: float) -> None:
    """1 - (s + (1 - s) / ratio), worked by hand: (1 - s)(1 - 1 / ratio)."""
    assert round(saving(ratio, share) * 100, 1) == pytest.approx(expected, abs=0.051)


@pytest.mark.parametrize(("ratio", "expected"), [(100, 78.0), (5, 59.0), (2, 29.0)])
def test_cascade(ratio: float, expected: float) -> None:
    """Asking the small model every time, a 1 % verifier and 20 % escalated: 1 - (1/ratio + 0.01 + 0.2)."""
    calls = cascade_calls(0.2, Cascade(detected=1.0, needless=0.0), verifier_usd=0.01)
    month = month_usd(calls, api(1 / ratio), api(1.0), workload())
    assert 1 - month / 1e6 == pytest.approx(expected / 100, abs=1e-9)


@pytest.mark.parametrize(("ratio", "expected"), [(100, 0.949), (5, 0.938), (2, 0.900)])
def test_break_even_share(ratio: float, expected: float) -> None:
    """With a router at 5 % of the large model's cost, s* = 1 - 0.05 / (1 - 1 / ratio)."""
    at = [routed_calls(q, PERFECT, router_usd=0.05) for q in (0.0, 1.0)]
    costs = [calls.small / ratio + calls.large + calls.overhead_usd for calls in at]
    found = break_even_share(*costs, 1.0)
    assert found == pytest.approx(1 - 0.05 / (1 - 1 / ratio), abs=1e-12)
    assert found == pytest.approx(expected, abs=6e-4)


def test_break_even_with_errors() -> None:
    """In q the break-even is (s* - alpha) / (1 - alpha - beta)."""
    errors = Errors(false_hard=0.1, false_easy=0.3)
    at = [routed_calls(q, errors, router_usd=0.2) for q in (0.0, 1.0)]
    costs = [calls.small / 2 + calls.large + calls.overhead_usd for calls in at]
    star = 1 - 0.2 / (1 - 0.5)
    assert break_even_share(*costs, 1.0) == pytest.approx((star - 0.1) / (1 - 0.1 - 0.3), abs=1e-12)


def test_no_break_even() -> None:
    """A router that costs more than the models differ by never pays."""
    assert break_even_share(1.2, 2.0, 1.0) is None


def test_request_cost_with_cache() -> None:
    """500 tokens at $1 with 40 % cached at $0.10, 200 out at $4 with twice the words, $0.001 a call: $0.00292."""
    paid = Api(
        input_usd_per_mtok=1, output_usd_per_mtok=4, cached_input_usd_per_mtok=0.1, usd_per_request=0.001, verbosity=2
    )
    assert request_usd(paid, workload(cached_share=0.4)) == pytest.approx(0.0003 + 0.00002 + 0.0016 + 0.001, abs=1e-15)


def test_missing_cached_price() -> None:
    """Where a list has no cached price, cached tokens cost what the others do: unknown is not free."""
    paid = Api(input_usd_per_mtok=1, output_usd_per_mtok=0)
    assert request_usd(paid, workload(cached_share=0.4)) == pytest.approx(0.0005, abs=1e-18)


def test_self_hosted_request() -> None:
    """Four GPUs at $2.50 an hour that carry 10 requests a second half the time: 10 / (3600 x 5) dollars."""
    gpus = SelfHosted(gpu_usd_per_hour=2.5, gpus_per_replica=4, requests_per_second=10, utilisation=0.5)
    assert request_usd(gpus, workload()) == pytest.approx(10 / 18000, abs=1e-15)


def test_whole_gpus() -> None:
    """2.1 replicas at the peak are three, for 730 hours."""
    gpus = SelfHosted(gpu_usd_per_hour=2.0, requests_per_second=10, utilisation=0.5)
    volume = 2.1 * 10 * 0.5 * 3600 * 730
    calls = Calls(small=1, large=0)
    month = month_usd(calls, gpus, api(1.0), workload(requests_per_month=volume))
    assert month == pytest.approx(3 * 2.0 * 730, abs=1e-6)


def test_self_hosting_pays_from() -> None:
    """One $2.50 GPU against $0.05 / $0.10 at 500 / 200 tokens pays from 730 x 2.5 / 4.5e-5 = 40.6 M a month."""
    gpus = SelfHosted(gpu_usd_per_hour=2.5, requests_per_second=100, utilisation=1.0)
    volume = break_even_volume(lambda at: at * 4.5e-5 - 730 * gpus.replicas(at) * 2.5)
    assert volume == pytest.approx(730 * 2.5 / 4.5e-5, rel=1e-8)
    assert volume is not None
    assert volume / (730 * 3600) == pytest.approx(15.4, abs=0.05)


def test_volume_that_never_pays() -> None:
    """A gain that stays negative has no break-even volume."""
    assert break_even_volume(lambda at: -at) is None


def test_quality_keeps_the_second_term() -> None:
    """0.858 - 0.292 x 0.731 + 0.072 x 0.829: the hard ones lost, those only the small model gets right kept."""
    found = delivered_quality(
        0.292, Outcome(large_quality=0.858, only_small=0.072), hard_lost=0.731, easy_down=1 - 0.171
    )
    assert found == pytest.approx(0.858 - 0.213452 + 0.059688, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_against_monte_carlo(seed: int) -> None:
    """Two million simulated requests cost what the closed form says, to 2e-3, in 20 random settings."""
    rng = np.random.default_rng(seed)
    draws = 2_000_000
    hard_share, alpha, beta, retried, needless = rng.uniform([0.05, 0, 0.05, 0, 0], [0.6, 0.5, 0.9, 0.9, 0.3])
    small, large, router = rng.uniform([0.02, 0.5, 0.0], [0.5, 1.5, 0.1])
    luck = rng.random((3, draws), dtype=np.float32)
    hard = luck[0] < hard_share
    if seed % 2:
        up = np.where(hard, luck[1] >= beta, luck[1] < alpha)
        again = ~up & np.where(hard, luck[2] < retried, luck[2] < needless)
        simulated = router + np.mean(np.where(up, large, small)) + large * np.mean(again)
        calls = routed_calls(
            hard_share, Errors(false_hard=alpha, false_easy=beta), router_usd=router, retried=retried, needless=needless
        )
        assert large_share(hard_share, Errors(false_hard=alpha, false_easy=beta)) == pytest.approx(up.mean(), abs=2e-3)
    else:
        escalated = np.where(hard, luck[1] < retried, luck[1] < needless)
        simulated = router + small + large * np.mean(escalated)
        calls = cascade_calls(hard_share, Cascade(detected=retried, needless=needless), verifier_usd=router)
    closed = month_usd(calls, api(small), api(large), workload(requests_per_month=1, hard_share=hard_share))
    assert closed == pytest.approx(simulated, rel=2e-3)


def test_self_hosting_pays_within_the_first_replica() -> None:
    """A GPU that carries 52.6 M a month pays from 40.6 M, loses again where the next one is bought, always from 162 M.

    k GPUs break even at k x 40.6 M and begin at (k - 1) x 52.6 M: the fourth is the last to lose at first.
    """
    gpus = SelfHosted(gpu_usd_per_hour=2.5, requests_per_second=20, utilisation=1.0)
    carried = gpus.carried_per_month
    assert carried == 20 * 3600 * 730

    def gain(volume: float) -> float:
        return volume * 4.5e-5 - 730 * gpus.replicas(volume) * 2.5

    volume = break_even_volume(gain, steps=[carried])
    assert volume is not None
    assert volume == pytest.approx(730 * 2.5 / 4.5e-5, rel=1e-9)
    always = always_cheaper_volume(volume, carried)
    assert always == pytest.approx(4 * volume, rel=1e-9)
    assert gain(3 * carried * 1.001) < 0 < gain(always * 1.001)
    assert all(gain(always * 1.001 + step * carried / 50) > 0 for step in range(500))


def test_gpus_that_carry_too_little_never_pay() -> None:
    """A replica that costs more than the API for all that it carries never pays."""
    gpus = SelfHosted(gpu_usd_per_hour=2.5, requests_per_second=10, utilisation=1.0)
    gain = break_even_volume(lambda at: at * 4.5e-5 - 730 * gpus.replicas(at) * 2.5, steps=[gpus.carried_per_month])
    assert gain is None
