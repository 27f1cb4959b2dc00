"""The answer of `sizer route`: every strategy's cost and quality, where routing stops paying, what matters.

A `Scenario` is everything that was asked and assumed; `simulate` turns it into a `RouteReport`. The arithmetic
is in `economics`; here it is asked the questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from sizer import units
from sizer.routing import economics
from sizer.routing.economics import Api, Calls, Cascade, Errors, Outcome, SelfHosted, Supply
from sizer.routing.gates import GateResult
from sizer.routing.latency import Latency, percentile
from sizer.routing.prices import HostSpread
from sizer.routing.routers import Router, perfect_router
from sizer.routing.traffic.report import TrafficReport
from sizer.routing.workload import HOURS_PER_MONTH, Assumption, Workload
from sizer.values import frozen

__all__ = ["SHORT_NAMES", "DistilPlan", "Model", "RouteReport", "Scenario", "simulate"]

# what `--fail-if` may call a number of the report, beside its full path
SHORT_NAMES = {
    "saving": "saving.measured",
    "quality": "quality_kept",
    "cost": "costs.routed_usd_per_month",
    "hard_to_large": "quality.hard_to_large",
    "gap_kept": "quality.gap_kept",
    "p95": "latency.routed_p95_seconds",
}

GAP_TARGET = 0.8
_TORNADO = 0.2
_CURVE_STEPS = 20


@frozen
class Model:
    """One of the two models."""

    name: str
    """The reference that was given, or what it stands for."""
    supply: Supply
    """How it is paid."""
    host: str = ""
    """Who serves it, where a price list says."""
    total_parameters: int | None = None
    """From the catalog; None where it does not have the model."""
    active_parameters: int | None = None
    spread: HostSpread | None = None
    """What other hosts ask."""
    latency: Latency | None = None
    """How long a call takes; None where nobody said."""


@frozen
class DistilPlan:
    """Teaching the small model with the large one's answers."""

    labels: int
    """Requests answered by the large model for training."""
    judge_usd: float
    """Dollars for checking one of them."""
    gpu_hours: float
    """GPU hours of training."""
    gpu_usd_per_hour: float
    """Dollars per GPU hour."""


@frozen
class Scenario:
    """What was asked and assumed."""

    workload: Workload
    small: Model
    large: Model
    router: Router
    errors: Errors
    """The router's operating point."""
    outcome: Outcome
    retried: float = 0.0
    """Share of hard requests answered by the small model that are noticed and asked again."""
    needless: float = 0.0
    """Share of fine answers of the small model that are asked again."""
    cascade: Cascade | None = None
    verifier_usd: float = 0.0
    verifier_seconds: float = 0.0
    fixed_usd_per_month: float = 0.0
    """What running a router costs a month whatever the traffic."""
    self_hosting: SelfHosted | None = None
    """GPUs to compare the small model's API against."""
    distil: DistilPlan | None = None
    assumptions: tuple[Assumption, ...] = ()
    hard_share_basis: Literal["given", "illustration", "unknown"] = "given"
    """Whether somebody said how hard the traffic is; `unknown` where a log was read that does not."""
    quality_asked: float | None = None
    """The share of the large model's quality that is to be kept."""
    illustrated: tuple[Literal["small", "large"], ...] = ()
    """Models whose price is an illustration."""
    undated: tuple[str, ...] = ()
    """Models whose price is the list's latest, where a past day's was asked for."""


@frozen
class ModelReport:
    """One model as it was priced."""

    name: str
    host: str
    kind: Literal["api", "self-hosted"]
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None
    cached_input_usd_per_mtok: float | None
    usd_per_request: float
    """One request of the workload on it."""
    total_parameters: int | None
    """From the catalog; null where it does not have the model."""
    active_parameters: int | None
    """What one token uses, from the catalog; null where it is not known."""
    spread: HostSpread | None


@frozen
class Costs:
    """Dollars a month and a request for each strategy."""

    all_small_usd_per_month: float
    all_large_usd_per_month: float
    routed_perfect_usd_per_month: float
    routed_usd_per_month: float
    random_mix_usd_per_month: float
    best_single_usd_per_month: float
    all_small_usd_per_request: float
    all_large_usd_per_request: float
    routed_perfect_usd_per_request: float
    routed_usd_per_request: float
    random_mix_usd_per_request: float
    best_single_usd_per_request: float
    best_single_model: str
    """The best single model that the routed money would buy."""
    router_usd_per_month: float
    """Router or verifier alone, part of the routed cost."""


@frozen
class Saving:
    """Share of the all-large cost that is saved."""

    perfect: float
    """By a router that is never wrong."""
    measured: float
    """By the router that was asked for, at its operating point."""
    random_mix: float
    """By a coin at the same share."""
    at_gap_target: float
    """By the router where it keeps `gap_target` of the quality gap."""
    gap_target: float


@frozen
class Quality:
    """Share of requests answered adequately, over the large model's share."""

    all_small: float
    routed_perfect: float
    routed: float
    random_mix: float
    best_single: float
    gap_kept: float | None
    """(Q - Q_small) / (Q_large - Q_small) of the router: 0 is the small model, 1 the large one; null without a gap."""
    hard_to_large: float
    """Share of the hard requests that the large model answers in the end."""


@frozen
class Path:
    """One branch of the flow."""

    model: Literal["small", "large"]
    truth: Literal["easy", "hard"]
    share: float
    """Of all requests."""
    requests_per_month: float
    usd_per_month: float
    is_right: bool
    """Whether this is where the request belongs."""


@frozen
class Flow:
    """Where the requests go, with the money on each path."""

    router: str
    large_share: float
    """Share of requests that the large model is asked, retries and escalations not counted."""
    large_calls_per_request: float
    """Calls of the large model per request, with retries or escalations."""
    small_calls_per_request: float
    false_hard: float
    false_easy: float
    paths: tuple[Path, ...]
    small_usd_per_month: float
    large_usd_per_month: float
    overhead_usd_per_month: float


@frozen
class BreakEven:
    """Where the routed cost equals the all-large cost; null where no value does."""

    hard_share: float | None
    """The share of hard requests at which both cost the same; null where no share between 0 and 1 does."""
    hard_share_means: str
    """What that says: on which side of it routing is cheaper, or that it is everywhere or nowhere."""
    large_share: float | None
    """s* = 1 - c_r / (c_S - c_W): routing is cheaper while less than this goes up; null where GPUs are bought whole."""
    requests_per_month: float | None
    """The smallest volume at which routing is cheaper; 0 where no cost is fixed and it always is."""
    price_ratio: float | None
    """Cost per request of the large model over the small one's from which routing is cheaper; null with whole GPUs."""
    actual_price_ratio: float | None
    """Null where the small model costs nothing."""


@frozen
class Influence:
    """One input moved by 20 % either way, all else equal."""

    name: str
    low_usd_per_month: float
    """Money saved a month with the input 20 % lower."""
    high_usd_per_month: float
    """Money saved a month with the input 20 % higher."""
    low_saving: float
    high_saving: float
    swing_usd_per_month: float


@frozen
class LatencyReport:
    """95th percentiles in seconds."""

    all_small_p95_seconds: float
    all_large_p95_seconds: float
    routed_p95_seconds: float


@frozen
class SelfHostingReport:
    """GPUs against an API for the small model's share of the traffic."""

    requests_per_month: float
    """Requests that the small model gets."""
    gpus: int
    """Whole GPUs for their peak."""
    gpu_usd_per_month: float
    api_usd_per_month: float
    break_even_requests_per_month: float | None
    """The smallest volume at which the GPUs are cheaper; null where they never are."""
    always_requests_per_month: float | None
    """From here on they stay cheaper: below, the next whole replica may cost more than it saves at first."""
    break_even_requests_per_second: float | None
    """`break_even_requests_per_month`, sustained over the month."""
    cheaper: Literal["api", "self-hosted"]


@frozen
class DistilReport:
    """When teaching the small model pays back, if it then answers everything adequately."""

    upfront_usd: float
    months_against_all_large: float | None
    months_against_routed: float | None


@frozen
class CurvePoint:
    """Cost at one share of hard requests, error rates unchanged."""

    hard_share: float
    all_large_usd_per_month: float
    all_small_usd_per_month: float
    perfect_usd_per_month: float
    routed_usd_per_month: float
    at_gap_target_usd_per_month: float


@frozen
class SharePoint:
    """The router at one share of requests sent to the large model."""

    large_share: float
    usd_per_month: float
    saving: float
    quality_kept: float
    hard_to_large: float


@frozen
class RouteReport:
    """What routing costs and saves."""

    verdict: Literal["route", "do not route", "unknown"]
    """`unknown` where it depends on how hard the traffic is and nobody said."""
    headline: str
    """The verdict with the saving and the quality that it rests on, in one sentence."""
    reasons: tuple[str, ...]
    """Why, most important first."""
    workload: Workload
    small: ModelReport
    large: ModelReport
    strategy: Literal["router", "cascade"]
    router: str
    costs: Costs
    saving: Saving
    quality_kept: float
    """Adequate answers of the routed traffic over the large model's, 1 is as good as it."""
    quality: Quality
    flow: Flow
    perfect_flow: Flow
    gap_target_flow: Flow
    break_even: BreakEven
    sensitivity: tuple[Influence, ...]
    curve: tuple[CurvePoint, ...]
    shares: tuple[SharePoint, ...]
    latency: LatencyReport | None
    self_hosting: SelfHostingReport | None
    distil: DistilReport | None
    assumptions: tuple[Assumption, ...]
    traffic: TrafficReport | None = None
    """The log behind the answer; null without `--log`."""
    gates: tuple[GateResult, ...] = ()
    """What became of each `--fail-if`."""


def simulate(scenario: Scenario) -> RouteReport:
    """The report of a scenario. Pure: the same scenario gives the same report."""
    target = _at_gap_target(scenario)
    perfect = _perfect(scenario)
    calls = _calls(scenario)
    costs = _costs(scenario, perfect, calls)
    quality = _quality_report(scenario, perfect, calls, costs)
    saving = Saving(
        perfect=_saving(scenario, costs.routed_perfect_usd_per_month),
        measured=_saving(scenario, costs.routed_usd_per_month),
        random_mix=_saving(scenario, costs.random_mix_usd_per_month),
        at_gap_target=_saving(scenario, _routed_month(target)),
        gap_target=GAP_TARGET,
    )
    break_even = _break_even(scenario)
    verdict, reasons = _verdict(scenario, costs, quality, saving)
    return RouteReport(
        verdict=verdict,
        headline=_headline(scenario, verdict, reasons, quality, saving),
        reasons=reasons,
        workload=scenario.workload,
        small=_model_report(scenario.small, scenario.workload),
        large=_model_report(scenario.large, scenario.workload),
        strategy="cascade" if scenario.cascade else "router",
        router="ask the small model, verify, escalate" if scenario.cascade else scenario.router.title,
        costs=costs,
        saving=saving,
        quality_kept=quality.routed,
        quality=quality,
        flow=_flow(scenario),
        perfect_flow=_flow(perfect),
        gap_target_flow=_flow(target),
        break_even=break_even,
        sensitivity=_tornado(scenario),
        curve=_curve(scenario, perfect, target),
        shares=_shares(scenario),
        latency=_latency(scenario),
        self_hosting=_self_hosting(scenario, calls),
        distil=_distil(scenario, costs),
        assumptions=scenario.assumptions,
    )


def _calls(scenario: Scenario) -> Calls:
    hard = scenario.workload.hard_share
    if scenario.cascade:
        return economics.cascade_calls(hard, scenario.cascade, verifier_usd=scenario.verifier_usd)
    return economics.routed_calls(
        hard,
        scenario.errors,
        router_usd=scenario.router.usd_per_request,
        retried=scenario.retried,
        needless=scenario.needless,
    )


def _month(scenario: Scenario, calls: Calls) -> float:
    return economics.month_usd(calls, scenario.small.supply, scenario.large.supply, scenario.workload)


def _routed_month(scenario: Scenario) -> float:
    return _month(scenario, _calls(scenario)) + scenario.fixed_usd_per_month


def _all_large_month(scenario: Scenario) -> float:
    return _month(scenario, economics.all_on_one(large=True))


def _saving(scenario: Scenario, month: float) -> float:
    return 1 - month / _all_large_month(scenario)


def _perfect(scenario: Scenario) -> Scenario:
    """The same traffic through a router (or a cascade's check) that is never wrong and costs nothing."""
    return replace(
        scenario,
        router=perfect_router(),
        errors=Errors(false_hard=0.0, false_easy=0.0),
        retried=0.0,
        needless=0.0,
        cascade=Cascade(detected=1.0, needless=0.0) if scenario.cascade else None,
        verifier_usd=0.0,
        fixed_usd_per_month=0.0,
    )


def _at_gap_target(scenario: Scenario) -> Scenario:
    """The same router where it keeps 80 % of the gap between the models; a cascade has one point only."""
    outcome, hard = scenario.outcome, scenario.workload.hard_share
    small = outcome.large_quality - hard + outcome.only_small
    quality = small + GAP_TARGET * (outcome.large_quality - small)
    errors = scenario.router.at_quality(quality, hard, outcome, retried=scenario.retried, needless=scenario.needless)
    return replace(scenario, errors=errors)


def _delivered(scenario: Scenario) -> tuple[float, float]:
    """(quality, share of the hard requests that the large model answers in the end)."""
    hard = scenario.workload.hard_share
    if scenario.cascade:
        lost, down = 1 - scenario.cascade.detected, 1 - scenario.cascade.needless
    else:
        lost = scenario.errors.false_easy * (1 - scenario.retried)
        down = (1 - scenario.errors.false_hard) * (1 - scenario.needless)
    return economics.delivered_quality(hard, scenario.outcome, hard_lost=lost, easy_down=down), 1 - lost


def _costs(scenario: Scenario, perfect: Scenario, calls: Calls) -> Costs:
    share = min(1.0, calls.large)
    volume = scenario.workload.requests_per_month
    month = {
        "all_small": _month(scenario, economics.all_on_one(large=False)),
        "all_large": _all_large_month(scenario),
        "routed_perfect": _routed_month(perfect),
        "routed": _routed_month(scenario),
        "random_mix": _month(scenario, economics.random_calls(share)),
    }
    single = "all_large" if month["all_large"] <= month["routed"] else "all_small"
    month["best_single"] = month[single]
    return Costs(
        **{f"{name}_usd_per_month": value for name, value in month.items()},
        **{f"{name}_usd_per_request": value / volume for name, value in month.items()},
        best_single_model=(scenario.large if single == "all_large" else scenario.small).name,
        router_usd_per_month=calls.overhead_usd * volume + scenario.fixed_usd_per_month,
    )


def _quality_report(scenario: Scenario, perfect: Scenario, calls: Calls, costs: Costs) -> Quality:
    outcome, hard = scenario.outcome, scenario.workload.hard_share
    large = outcome.large_quality
    small = large - hard + outcome.only_small
    routed, hard_answered = _delivered(scenario)
    share = min(1.0, calls.large)
    return Quality(
        all_small=small / large,
        routed_perfect=_delivered(perfect)[0] / large,
        routed=routed / large,
        random_mix=(share * large + (1 - share) * small) / large,
        best_single=1.0 if costs.best_single_usd_per_month == costs.all_large_usd_per_month else small / large,
        gap_kept=(routed - small) / (large - small) if large > small + 1e-12 else None,
        hard_to_large=hard_answered,
    )


def _flow(scenario: Scenario) -> Flow:
    workload, errors, calls = scenario.workload, scenario.errors, _calls(scenario)
    hard, volume = workload.hard_share, workload.requests_per_month
    small_usd = _month(scenario, Calls(small=calls.small, large=0))
    large_usd = _month(scenario, Calls(small=0, large=calls.large))
    cascade = scenario.cascade
    up_easy = (1 - hard) * (cascade.needless if cascade else errors.false_hard)
    up_hard = hard * (cascade.detected if cascade else 1 - errors.false_easy)
    down = {"easy": 1 - hard - up_easy, "hard": hard - up_hard}
    up = {"easy": up_easy, "hard": up_hard}

    def paths(model: Literal["small", "large"], shares: dict[str, float], usd: float) -> list[Path]:
        whole = sum(shares.values())
        return [
            Path(
                model=model,
                truth="hard" if truth == "hard" else "easy",
                share=share,
                requests_per_month=share * volume,
                usd_per_month=usd * share / whole if whole else 0.0,
                is_right=(truth == "hard") == (model == "large"),
            )
            for truth, share in shares.items()
        ]

    return Flow(
        router=scenario.router.name,
        large_share=up_easy + up_hard,
        large_calls_per_request=calls.large,
        small_calls_per_request=calls.small,
        false_hard=cascade.needless if cascade else errors.false_hard,
        false_easy=1 - cascade.detected if cascade else errors.false_easy,
        paths=(*paths("small", down, small_usd), *paths("large", up, large_usd)),
        small_usd_per_month=small_usd,
        large_usd_per_month=large_usd,
        overhead_usd_per_month=calls.overhead_usd * volume + scenario.fixed_usd_per_month,
    )


def _with_hard_share(scenario: Scenario, share: float) -> Scenario:
    return replace(scenario, workload=replace(scenario.workload, hard_share=share))


def _break_even(scenario: Scenario) -> BreakEven:
    workload, calls = scenario.workload, _calls(scenario)
    small = economics.request_usd(scenario.small.supply, workload)
    large = economics.request_usd(scenario.large.supply, workload)
    fixed = scenario.fixed_usd_per_month / workload.requests_per_month

    def routed(hard_share: float) -> float:
        at = _calls(_with_hard_share(scenario, hard_share))
        return at.small * small + at.large * large + at.overhead_usd + fixed

    overhead = calls.overhead_usd + fixed + (small if scenario.cascade else 0.0)
    share = (
        (1 - overhead / large)
        if scenario.cascade
        else (1 - overhead / (large - small) if large > small else None)
    )  # fmt: skip
    cheapest_small = (large * (1 - calls.large) - calls.overhead_usd - fixed) / calls.small if calls.small else 0.0

    def gain(volume: float) -> float:
        at = replace(scenario, workload=replace(workload, requests_per_month=volume))
        return _all_large_month(at) - _routed_month(at)

    is_whole = any(isinstance(model.supply, SelfHosted) for model in (scenario.small, scenario.large))
    if scenario.fixed_usd_per_month > 0 or is_whole:
        volume = economics.break_even_volume(gain, steps=_steps(scenario, calls))
    else:
        volume = 0.0 if gain(workload.requests_per_month) > 0 else None
    if is_whole:
        even, means = _even_hard_share_of_months(scenario)
    else:
        even, means = _even_hard_share(routed(0.0), routed(1.0), large)
    return BreakEven(
        hard_share=even,
        hard_share_means=means,
        large_share=share if share is not None and share > 0 and not is_whole else None,
        requests_per_month=volume,
        price_ratio=large / cheapest_small if cheapest_small > 0 and not is_whole else None,
        actual_price_ratio=large / small if small else None,
    )


def _steps(scenario: Scenario, calls: Calls) -> list[float]:
    """Volumes a month at which another replica is bought, of either model, routed or for everything."""
    found = []
    for model, asked in ((scenario.small, calls.small), (scenario.large, calls.large), (scenario.large, 1.0)):
        if isinstance(model.supply, SelfHosted) and asked:
            found.append(model.supply.carried_per_month / asked)
    return found


def _even_hard_share(at_zero: float, at_one: float, large: float) -> tuple[float | None, str]:
    """Where a routed cost that is linear in the hard share equals the all-large cost, and what that says."""
    if (at_zero < large) is (at_one < large):
        return None, "cheaper than all large at every hard share" if at_zero < large else "cheaper at no hard share"
    share = (large - at_zero) / (at_one - at_zero)
    side = "below" if at_zero < large else "above"
    return share, f"cheaper than all large {side} {units.format_percent(share)} hard"


def _even_hard_share_of_months(scenario: Scenario) -> tuple[float | None, str]:
    """As `_even_hard_share`, where whole GPUs make the month's cost a staircase: by bisection to 1e-6."""
    all_large = _all_large_month(scenario)

    def is_cheaper(share: float) -> bool:
        return _routed_month(_with_hard_share(scenario, share)) < all_large

    low, high = 0.0, 1.0
    if is_cheaper(low) is is_cheaper(high):
        return None, "cheaper than all large at every hard share" if is_cheaper(low) else "cheaper at no hard share"
    side = "below" if is_cheaper(low) else "above"
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if is_cheaper(middle) is is_cheaper(0.0) else (low, middle)
    return middle, f"cheaper than all large {side} {units.format_percent(middle)} hard"


_Change = Callable[[Scenario, float], Scenario]


def _tornado(scenario: Scenario) -> tuple[Influence, ...]:
    """Every number of the scenario moved by 20 % either way; the largest swing of the money saved first."""
    rows = []
    for name, change in _inputs(scenario):
        sides = []
        for factor in (1 - _TORNADO, 1 + _TORNADO):
            moved = change(scenario, factor)
            all_large = _all_large_month(moved)
            saved = all_large - _routed_month(moved)
            sides.append((saved, saved / all_large))
        (low, low_share), (high, high_share) = sides
        rows.append(
            Influence(
                name=name,
                low_usd_per_month=low,
                high_usd_per_month=high,
                low_saving=low_share,
                high_saving=high_share,
                swing_usd_per_month=abs(high - low),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.swing_usd_per_month, row.name)))


def _inputs(scenario: Scenario) -> list[tuple[str, _Change]]:
    """(name, how to move it) of each input that is not zero."""

    def workload(field: str, cap: float | None = None) -> _Change:
        def change(at: Scenario, factor: float) -> Scenario:
            value = getattr(at.workload, field) * factor
            return replace(at, workload=replace(at.workload, **{field: value if cap is None else min(cap, value)}))

        return change

    def supply(side: Literal["small", "large"], field: str, cap: float | None = None) -> _Change:
        def change(at: Scenario, factor: float) -> Scenario:
            model: Model = getattr(at, side)
            value = getattr(model.supply, field) * factor
            paid = replace(model.supply, **{field: value if cap is None else min(cap, value)})
            moved = replace(model, supply=paid)
            return replace(at, small=moved) if side == "small" else replace(at, large=moved)

        return change

    def errors(field: str) -> _Change:
        def change(at: Scenario, factor: float) -> Scenario:
            return replace(at, errors=replace(at.errors, **{field: min(1.0, getattr(at.errors, field) * factor)}))

        return change

    def cascade(field: str) -> _Change:
        def change(at: Scenario, factor: float) -> Scenario:
            assert at.cascade is not None
            return replace(at, cascade=replace(at.cascade, **{field: min(1.0, getattr(at.cascade, field) * factor)}))

        return change

    found: list[tuple[str, _Change, float | None]] = [
        (name.replace("_", " "), workload(name, cap), getattr(scenario.workload, name))
        for name, cap in (
            ("requests_per_month", None), ("input_tokens", None), ("output_tokens", None),
            ("hard_share", 1.0), ("cached_share", 1.0),
        )
    ]  # fmt: skip
    sides: tuple[tuple[Literal["small", "large"], Model], ...] = (
        ("small", scenario.small),
        ("large", scenario.large),
    )
    for side, model in sides:
        caps: dict[str, float | None]
        if isinstance(model.supply, Api):
            caps = {"input_usd_per_mtok": None, "output_usd_per_mtok": None, "cached_input_usd_per_mtok": None}
        else:
            caps = {"gpu_usd_per_hour": None, "requests_per_second": None, "utilisation": 1.0}
        labels = {
            "input_usd_per_mtok": "input price", "output_usd_per_mtok": "output price",
            "cached_input_usd_per_mtok": "cached input price", "gpu_usd_per_hour": "GPU price",
            "requests_per_second": "requests per second", "utilisation": "utilisation",
        }  # fmt: skip
        for field, cap in caps.items():
            found.append((f"{side}: {labels[field]}", supply(side, field, cap), getattr(model.supply, field)))
    if scenario.cascade:
        found.append(("detected share", cascade("detected"), scenario.cascade.detected))
        found.append(("needless escalations", cascade("needless"), scenario.cascade.needless))
    else:
        found.append(("false-hard rate", errors("false_hard"), scenario.errors.false_hard))
        found.append(("false-easy rate", errors("false_easy"), scenario.errors.false_easy))
    return [(name, change) for name, change, value in found if value]


def _curve(scenario: Scenario, perfect: Scenario, target: Scenario) -> tuple[CurvePoint, ...]:
    points = []
    for step in range(_CURVE_STEPS + 1):
        share = step / _CURVE_STEPS
        at = _with_hard_share(scenario, share)
        points.append(
            CurvePoint(
                hard_share=share,
                all_large_usd_per_month=_all_large_month(at),
                all_small_usd_per_month=_month(at, economics.all_on_one(large=False)),
                perfect_usd_per_month=_routed_month(_with_hard_share(perfect, share)),
                routed_usd_per_month=_routed_month(at),
                at_gap_target_usd_per_month=_routed_month(_with_hard_share(target, share)),
            )
        )
    return tuple(points)


def _shares(scenario: Scenario) -> tuple[SharePoint, ...]:
    """The router at every twentieth of the traffic sent up; nothing for a cascade, which has one point."""
    if scenario.cascade:
        return ()
    points = []
    for step in range(_CURVE_STEPS + 1):
        share = step / _CURVE_STEPS
        at = replace(scenario, errors=scenario.router.at_share(share, scenario.workload.hard_share))
        month = _routed_month(at)
        quality, hard_answered = _delivered(at)
        points.append(
            SharePoint(
                large_share=share,
                usd_per_month=month,
                saving=_saving(scenario, month),
                quality_kept=quality / scenario.outcome.large_quality,
                hard_to_large=hard_answered,
            )
        )
    return tuple(points)


def _latency(scenario: Scenario) -> LatencyReport | None:
    small, large = scenario.small.latency, scenario.large.latency
    if small is None or large is None:
        return None
    hard = scenario.workload.hard_share
    paths: Sequence[tuple[float, Sequence[Latency], float]]
    if scenario.cascade:
        up = economics.cascade_calls(hard, scenario.cascade).large
        wait = scenario.verifier_seconds
        paths = [(1 - up, (small,), wait), (up, (small, large), wait)]
    else:
        calls, wait = _calls(scenario), scenario.router.latency_seconds
        again = calls.large - economics.large_share(hard, scenario.errors)
        paths = [
            (calls.small - again, (small,), wait),
            (again, (small, large), wait),
            (calls.large - again, (large,), wait),
        ]
    return LatencyReport(
        all_small_p95_seconds=small.p95_seconds,
        all_large_p95_seconds=large.p95_seconds,
        routed_p95_seconds=percentile(paths),
    )


def _self_hosting(scenario: Scenario, calls: Calls) -> SelfHostingReport | None:
    gpus, api = scenario.self_hosting, scenario.small.supply
    if gpus is None or not isinstance(api, Api):
        return None
    per_request = economics.request_usd(api, scenario.workload)

    def gpu_month(volume: float) -> float:
        return HOURS_PER_MONTH * gpus.replicas(volume) * gpus.gpus_per_replica * gpus.gpu_usd_per_hour

    volume = scenario.workload.requests_per_month * calls.small
    carried = gpus.carried_per_month
    break_even = economics.break_even_volume(lambda at: at * per_request - gpu_month(at), steps=[carried])
    always = None if break_even is None else economics.always_cheaper_volume(break_even, carried)
    return SelfHostingReport(
        requests_per_month=volume,
        gpus=gpus.replicas(volume) * gpus.gpus_per_replica,
        gpu_usd_per_month=gpu_month(volume),
        api_usd_per_month=volume * per_request,
        break_even_requests_per_month=break_even,
        always_requests_per_month=always if always is not None and always < math.inf else None,
        break_even_requests_per_second=None if break_even is None else break_even / (3600 * HOURS_PER_MONTH),
        cheaper="self-hosted" if gpu_month(volume) < volume * per_request else "api",
    )


def _distil(scenario: Scenario, costs: Costs) -> DistilReport | None:
    plan = scenario.distil
    if plan is None:
        return None
    teacher = economics.request_usd(scenario.large.supply, scenario.workload)
    upfront = plan.labels * (teacher + plan.judge_usd) + plan.gpu_hours * plan.gpu_usd_per_hour

    def months(now: float) -> float | None:
        saved = now - costs.all_small_usd_per_month
        return upfront / saved if saved > 0 else None

    return DistilReport(
        upfront_usd=upfront,
        months_against_all_large=months(costs.all_large_usd_per_month),
        months_against_routed=months(costs.routed_usd_per_month),
    )


def _model_report(model: Model, workload: Workload) -> ModelReport:
    api = model.supply if isinstance(model.supply, Api) else None
    return ModelReport(
        name=model.name,
        host=model.host,
        kind="api" if api else "self-hosted",
        input_usd_per_mtok=api.input_usd_per_mtok if api else None,
        output_usd_per_mtok=api.output_usd_per_mtok if api else None,
        cached_input_usd_per_mtok=api.cached_input_usd_per_mtok if api else None,
        usd_per_request=economics.request_usd(model.supply, workload),
        total_parameters=model.total_parameters,
        active_parameters=model.active_parameters,
        spread=model.spread,
    )


def _verdict(
    scenario: Scenario, costs: Costs, quality: Quality, saving: Saving
) -> tuple[Literal["route", "do not route", "unknown"], tuple[str, ...]]:
    """Route only where it is cheaper than the large model and better than a coin at the same share.

    What prices alone decide is decided; what rests on a hard share that nobody knows is not.
    """
    against = []
    if costs.all_large_usd_per_month <= costs.all_small_usd_per_month:
        against.append("the large model is not dearer than the small one: use it for everything")
    if costs.routed_usd_per_month >= costs.all_large_usd_per_month:
        times = costs.routed_usd_per_month / costs.all_large_usd_per_month
        told = f"{units.format_rate(times)} times what" if times >= 1.005 else "as much as"
        against.append(f"the routed traffic costs {told} the large model alone{' does' if times >= 1.005 else ''}")
    if scenario.hard_share_basis == "unknown":
        told = "no labels, and no decisions of a router; the evidence below is none for how hard it is"
        return ("do not route", tuple(against)) if against else ("unknown", (told, *_cautions(scenario)))
    if quality.routed <= quality.all_small:
        against.append("the small model alone is as good: use it for everything")
    elif quality.routed <= quality.random_mix + 1e-12:
        against.append("the router picks no better than a coin that sends up the same share")
    elif _is_noise(scenario):
        against.append(
            "it is better than a coin by less than the noise of the "
            f"{scenario.router.hard_questions:,} hard questions behind its error rates"
        )
    if scenario.router.is_unadvised and not scenario.cascade:
        against.append("calibration said of this router: do not route")
    if scenario.quality_asked is not None and quality.routed < scenario.quality_asked - 1e-9:
        against.append(f"that is below the {units.format_percent(scenario.quality_asked)} asked for")
    if against:
        return "do not route", (*against, *_cautions(scenario))
    reasons = []
    if saving.measured < saving.perfect or quality.routed < quality.routed_perfect:
        reasons.append("cheaper than the large model, and better than a coin at the same share")
    return "route", (*reasons, *_cautions(scenario))


def _cautions(scenario: Scenario) -> list[str]:
    """What the answer rests on that is not the user's own."""
    found = []
    if scenario.undated:
        names = " and ".join(scenario.undated)
        found.append(f"the list does not say what {names} cost on that day: the latest price is used")
    if scenario.hard_share_basis == "illustration":
        share = units.format_percent(scenario.workload.hard_share)
        found.append(f"{share} hard is an illustration: give --hard-share, or --log with --labels")
    if scenario.router.is_measured and not scenario.cascade:
        found.append("error rates are another study's: calibrate on your own labels before relying on them")
    return found


def _is_noise(scenario: Scenario) -> bool:
    """Whether the false-easy rate is below a coin's by less than its 95 % error on the questions it was measured on."""
    questions, beta = scenario.router.hard_questions, scenario.errors.false_easy
    if scenario.cascade or not questions:
        return False
    coin = 1 - economics.large_share(scenario.workload.hard_share, scenario.errors)
    return coin - beta < 1.96 * math.sqrt(beta * (1 - beta) / questions)


def _headline(scenario: Scenario, verdict: str, reasons: Sequence[str], quality: Quality, saving: Saving) -> str:
    """The first line: the verdict with what is saved and what is kept, and what a coin would keep."""
    percent = units.format_percent
    kept, coin = percent(quality.routed), percent(quality.random_mix)
    money = f"{percent(saving.measured)} saved" if saving.measured >= 0 else f"{percent(-saving.measured)} dearer"
    if saving.measured < -1:
        money = f"{units.format_rate(1 - saving.measured)} times the cost"
    whole = f"{money}, {kept} of the large model's quality kept"
    versus = f"a coin at the same share keeps {coin}"
    if verdict == "unknown":
        said = (
            "How hard this traffic is, the log does not say: give --hard-share or --labels. "
            f"At {percent(scenario.workload.hard_share)} hard (an illustration): {whole} ({versus})"
        )
    elif verdict == "do not route":
        said = f"Do not route: {reasons[0]} ({whole}; {versus})"
    elif scenario.quality_asked is not None:
        said = f"Route: {whole}, {percent(scenario.quality_asked)} asked ({versus})"
    elif quality.routed >= 1 - 1e-12:
        said = f"Route: {whole} ({versus})"
    else:
        said = f"Route if {kept} of the large model's quality is enough: {money} ({versus})"
    if len(scenario.illustrated) == 1:
        side = scenario.illustrated[0]
        said += f"; the {side} model's price is an illustration: give --{side} or --{side}-price"
    return said
