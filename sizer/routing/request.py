"""What a user asked, in the user's own words, made into a `Scenario` with every assumption on record.

Numbers and references arrive as text from the command line; here they are parsed, looked up and given a basis.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sizer import units
from sizer.errors import NotFoundError, UsageError
from sizer.routing import economics, prices
from sizer.routing.economics import Api, Cascade, Errors, Outcome, SelfHosted
from sizer.routing.latency import parse_latency
from sizer.routing.prices import Price, Quote
from sizer.routing.routers import Router, calibrated_router, custom_router, find_router
from sizer.routing.simulate import DistilPlan, Model, Scenario
from sizer.routing.workload import Assumption, Basis, Workload, parse_requests, parse_tokens
from sizer.values import frozen

__all__ = [
    "DEFAULT_PRICES",
    "DEFAULT_SOURCE",
    "ILLUSTRATED_HARD_SHARE",
    "RouteRequest",
    "build_scenario",
    "parse_day",
    "price_lists",
]

# The illustration used where no model is named: a ratio of 100 at the level of today's lists.
DEFAULT_PRICES = {"small": "0.05:0.10", "large": "5:10"}
ILLUSTRATED_HARD_SHARE = 0.2
_UNDATED = "; the list does not date it: its latest price"
DEFAULT_SOURCE = "illustration: a ratio of 100 at the level of today's lists"


@frozen
class RouteRequest:
    """The flags of `sizer route`, as text; empty means not given."""

    requests: str = ""
    tokens: str = ""
    hard_share: str = ""
    cached_share: str = ""
    small: str = ""
    large: str = ""
    small_price: str = ""
    large_price: str = ""
    small_verbosity: str = ""
    large_verbosity: str = ""
    prices: str = ""
    at: str = ""
    router: str = ""
    false_hard: str = ""
    false_easy: str = ""
    large_share: str = ""
    target_quality: str = ""
    router_cost: str = ""
    router_latency: str = ""
    fixed_cost: str = ""
    retried: str = ""
    needless: str = ""
    cascade: bool = False
    detected: str = ""
    verifier_cost: str = ""
    verifier_latency: str = ""
    large_quality: str = ""
    only_small: str = ""
    self_host: str = ""
    gpu_hour: str = ""
    rps: str = ""
    gpus: str = ""
    utilisation: str = ""
    small_latency: str = ""
    large_latency: str = ""
    distil_labels: str = ""
    distil_gpu_hours: str = ""
    judge_cost: str = ""


class _Record:
    """Collects assumptions while values are read."""

    def __init__(self) -> None:
        self.assumptions: list[Assumption] = []

    def add(self, name: str, value: float | str | None, basis: Basis, source: str, as_of: str = "") -> None:
        self.assumptions.append(Assumption(name=name, value=value, basis=basis, source=source, as_of=as_of))

    def share(self, name: str, text: str, flag: str, default: float, why: str) -> float:
        value = units.parse_share(text, name=flag) if text else default
        self.add(name, value, "declared" if text else "estimated", flag if text else why)
        return value


def build_scenario(
    request: RouteRequest,
    *,
    today: datetime.date,
    workload: Workload | None = None,
    hard_share_known: bool = True,
    lists: Sequence[Price] | None = None,
    supply: Callable[[str, Price, float], Api] | None = None,
) -> Scenario:
    """The scenario of a request. Prices are looked up only where a model is named.

    `workload` replaces the flags' volume and tokens where it was read from a log, which may not know the hard share
    (`hard_share_known`), `lists` the price list, and
    `supply(side, price, verbosity)` the rates at the mean request. Raises UsageError for a
    value that is not understood or out of range, NotFoundError for a model without a price.
    """
    record = _Record()
    _both_or_none(request, today)
    basis: Literal["given", "illustration", "unknown"] = "given"
    if not request.hard_share:
        basis = "illustration" if workload is None else "given" if hard_share_known else "unknown"
    workload = _workload(request, record, workload)
    at = parse_day(request.at) if request.at else today
    lists = price_lists(request, at, today) if lists is None else lists
    gpus = _gpus(request, record)
    made = supply or (lambda side, price, verbosity: price.api(workload.input_tokens, verbosity))
    small = _model("small", request, workload, lists, at, today, gpus, record, made)
    large = _model("large", request, workload, lists, at, today, gpus, record, made)
    if economics.request_usd(large.supply, workload) <= 0:
        raise UsageError(
            "a request on the large model costs nothing", code="usage.range",
            because="what routing saves is a share of that cost, and here there is nothing to save",
            hint="give its price: --large-price IN:OUT, in dollars per million tokens",
        )  # fmt: skip
    outcome = _outcome(request, record, workload.hard_share)
    cascade = _cascade(request, record)
    router = _router(request, record if cascade is None else _Record())
    errors = _operating_point(request, router, workload.hard_share, outcome)
    if cascade is None:
        for name, rate in (("false-hard rate", errors.false_hard), ("false-easy rate", errors.false_easy)):
            record.add(name, rate, _router_basis(router), router.source, router.as_of)
    return Scenario(
        workload=workload,
        small=small,
        large=large,
        router=router,
        errors=errors,
        outcome=outcome,
        retried=_share(request.retried, "--retried"),
        needless=_share(request.needless, "--needless"),
        cascade=cascade,
        verifier_usd=_number(request.verifier_cost, "--verifier-cost"),
        verifier_seconds=_number(request.verifier_latency, "--verifier-latency"),
        fixed_usd_per_month=_number(request.fixed_cost, "--fixed-cost"),
        self_hosting=gpus if request.self_host in ("", "large") else None,
        distil=_distil_plan(request),
        assumptions=tuple(record.assumptions),
        hard_share_basis=basis,
        quality_asked=units.parse_share(request.target_quality, name="--target-quality")
        if request.target_quality
        else None,
        illustrated=_illustrated(request),
        undated=tuple(
            model.name
            for side, model in (("small", small), ("large", large))
            if any(item.name.startswith(side) and item.source.endswith(_UNDATED) for item in record.assumptions)
        ),
    )


def _illustrated(request: RouteRequest) -> tuple[Literal["small", "large"], ...]:
    """The models that nobody named, priced or hosts."""
    sides: tuple[Literal["small", "large"], ...] = ("small", "large")
    return tuple(
        side
        for side in sides
        if not getattr(request, side)
        and not getattr(request, f"{side}_price")
        and request.self_host not in (side, "both")
    )


def _both_or_none(request: RouteRequest, today: datetime.date) -> None:
    """Raises UsageError where one model is real, looked up in a list, and the other an illustration."""
    for side in _illustrated(request):
        other = "large" if side == "small" else "small"
        name: str = getattr(request, other)
        if not name or getattr(request, f"{other}_price"):
            continue
        at = parse_day(request.at) if request.at else today
        family = prices.family_of(name, price_lists(request, at, today)) if side == "large" else ""
        raise UsageError(
            f"--{other} `{name}` without --{side}", code="usage.arguments",
            because=f"a listed price would be set against an invented {side} model",
            hint=f"add --{side} {family or 'REF'}, or its price by hand: --{side}-price IN:OUT",
        )  # fmt: skip


def _workload(request: RouteRequest, record: _Record, known: Workload | None) -> Workload:
    if known is None:
        volume = parse_requests(request.requests or "1M/day")
        given, made = parse_tokens(request.tokens or "500:200")
        illustration = "illustration: give your own"
        record.add(
            "requests per month", volume, "declared" if request.requests else "estimated",
            "--requests" if request.requests else illustration,
        )  # fmt: skip
        for name, value in (("input tokens", given), ("output tokens", made)):
            record.add(
                name, value, "declared" if request.tokens else "estimated",
                "--tokens" if request.tokens else illustration,
            )  # fmt: skip
        known = Workload(
            requests_per_month=volume, input_tokens=given, output_tokens=made, hard_share=ILLUSTRATED_HARD_SHARE
        )
        cached = record.share("cached prompt share", request.cached_share, "--cached-share", 0.0, "no cache")
        known = replace(known, cached_share=cached)
        known_hard, why = ILLUSTRATED_HARD_SHARE, "illustration: label a sample of your own traffic"
    else:
        known_hard, why = known.hard_share, "illustration: the log does not say how hard it is"
    hard = record.share("hard share", request.hard_share, "--hard-share", known_hard, why)
    return replace(known, hard_share=hard)


def parse_day(text: str) -> datetime.date:
    """The day of `--at`. Raises UsageError."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at: `{text}` is not a date", code="usage.date", hint="write it as 2026-11-24") from error


def price_lists(
    request: RouteRequest, at: datetime.date, today: datetime.date, *, always: bool = False
) -> Sequence[Price]:
    """The prices of the file that was given, or of the package where a model is to be looked up (or `always`).

    Raises UsageError for a day before the first for which the package has any date.
    """
    if request.prices:
        return prices.price_file(Path(request.prices), at)
    needed = (request.small and not request.small_price) or (request.large and not request.large_price)
    found = prices.genai_prices(at) if needed or always else []
    if found and at < today and not any(price.is_dated for price in found):
        raise UsageError(
            f"--at {at}: the price list does not reach back that far", code="usage.date",
            because="none of its prices is dated that early, and today's are not those of that day",
            hint="give a later day, or the prices of that day: --small-price IN:OUT --large-price IN:OUT",
        )  # fmt: skip
    return found


def _model(
    side: str,
    request: RouteRequest,
    workload: Workload,
    lists: Sequence[Price],
    at: datetime.date,
    today: datetime.date,
    gpus: SelfHosted | None,
    record: _Record,
    supply: Callable[[str, Price, float], Api],
) -> Model:
    reference: str = getattr(request, side)
    by_hand: str = getattr(request, f"{side}_price")
    verbosity = _number(getattr(request, f"{side}_verbosity"), f"--{side}-verbosity", default=1.0)
    latency_text: str = getattr(request, f"{side}_latency")
    latency = parse_latency(latency_text, name=f"--{side}-latency") if latency_text else None
    name = reference or f"the {side} model"
    if request.self_host in (side, "both"):
        if gpus is None:
            raise UsageError(
                f"--self-host {request.self_host}: what a GPU costs and carries is not known",
                code="usage.arguments",
                hint="add --gpu-hour (dollars) and --rps (requests per second that one replica sustains)",
            )
        total, active = _sizes(reference)
        return Model(
            name=name, host="self-hosted", supply=gpus, latency=latency, total_parameters=total,
            active_parameters=active,
        )  # fmt: skip
    if by_hand or not reference:
        price = prices.hand_price(by_hand or DEFAULT_PRICES[side], name=f"--{side}-price", as_of=at)
        found = Quote(price=price, spread=None)
        basis: Basis = "declared" if by_hand else "estimated"
        source = f"--{side}-price" if by_hand else DEFAULT_SOURCE
    else:
        reference = _listed_name(reference)
        found = prices.quote(
            reference, lists, input_tokens=workload.input_tokens, output_tokens=workload.output_tokens,
            flag=f"--{side}",
        )  # fmt: skip
        basis = "declared"
        middle = "median host" if found.spread and found.spread.hosts > 1 else "host"
        source = f"{found.price.source}, {middle} {found.price.host}, id {found.price.model}"
        if at < today and not found.price.is_dated:
            source += _UNDATED
    tier = found.price.tier(workload.input_tokens)
    record.add(f"{side}: input, $/M tokens", tier.input_usd_per_mtok, basis, source, found.price.as_of)
    record.add(f"{side}: output, $/M tokens", tier.output_usd_per_mtok, basis, source, found.price.as_of)
    if workload.cached_share:
        cached = tier.cached_input_usd_per_mtok
        record.add(
            f"{side}: cached, $/M tokens",
            tier.input_usd_per_mtok if cached is None else cached,
            basis if cached is not None else "estimated",
            source if cached is not None else "no cached price is listed: the input price is used",
            found.price.as_of,
        )
    if verbosity != 1.0:
        record.add(f"{side}: verbosity", verbosity, "declared", f"--{side}-verbosity")
    total, active = _sizes(reference)
    return Model(
        name=name,
        total_parameters=total,
        active_parameters=active,
        host=found.price.host if reference and not by_hand else "",
        supply=supply(side, found.price, verbosity),
        spread=found.spread,
        latency=latency,
    )


def _sizes(reference: str) -> tuple[int | None, int | None]:
    """(total, active) parameters of a model that the catalog has."""
    if not reference:
        return None, None
    from sizer.catalog.models import find

    try:
        entry = find(reference)
    except NotFoundError:
        return None, None
    return entry.total_parameters, entry.active_parameters


def _listed_name(reference: str) -> str:
    """The id, without its owner, of a model that the catalog has, else the reference as it is.

    Hosts list models by that name; a repository's owner (`openai/gpt-oss-20b`) is not the host that is asked for.
    """
    if ":" in reference:
        return reference
    from sizer.catalog.models import find

    try:
        return find(reference).id.rpartition("/")[2]
    except NotFoundError:
        return reference


def _gpus(request: RouteRequest, record: _Record) -> SelfHosted | None:
    if request.self_host not in ("", "small", "large", "both"):
        raise UsageError(
            f"--self-host: `{request.self_host}` is not one of small, large, both", code="usage.arguments",
            hint="say which of the two models runs on your GPUs",
        )  # fmt: skip
    if not request.gpu_hour and not request.rps:
        return None
    if not (request.gpu_hour and request.rps):
        raise UsageError(
            "--gpu-hour and --rps belong together", code="usage.arguments",
            because="a GPU's price says nothing without the requests it carries",
            hint="give both: --gpu-hour 2.50 --rps 20",
        )  # fmt: skip
    utilisation = units.parse_share(request.utilisation or "0.6", name="--utilisation")
    if utilisation == 0:
        raise UsageError(
            "--utilisation 0 needs endless GPUs", code="usage.range", hint="give the mean load over the peak"
        )
    gpus = SelfHosted(
        gpu_usd_per_hour=units.parse_number(request.gpu_hour, name="--gpu-hour", maximum=1e5),
        requests_per_second=units.parse_number(request.rps, name="--rps", minimum=1e-6, maximum=1e6),
        gpus_per_replica=units.parse_count(request.gpus or "1", name="--gpus", minimum=1, maximum=10_000),
        utilisation=utilisation,
    )  # fmt: skip
    record.add("GPU, $ per hour", gpus.gpu_usd_per_hour, "declared", "--gpu-hour")
    record.add("replica, requests/s", gpus.requests_per_second, "declared", "--rps")
    record.add("GPUs of a replica", gpus.gpus_per_replica, "declared" if request.gpus else "estimated", "--gpus")
    record.add(
        "utilisation", gpus.utilisation, "declared" if request.utilisation else "estimated",
        "--utilisation" if request.utilisation else "default",
    )  # fmt: skip
    return gpus


def _outcome(request: RouteRequest, record: _Record, hard_share: float) -> Outcome:
    large = record.share(
        "large model's quality", request.large_quality, "--large-quality", 1.0,
        "assumed right on everything: give its measured quality",
    )  # fmt: skip
    only_small = record.share(
        "only small is right", request.only_small, "--only-small", 0.0,
        "assumed none (5 to 7 % in published outcomes: RouteLLM on MMLU and GSM8K)",
    )  # fmt: skip
    if large <= 0 or hard_share > large:
        raise UsageError(
            f"the large model cannot be right on {large:.0%} of the requests",
            code="usage.range",
            because=f"{hard_share:.0%} are hard, which means that only it is right on them",
            hint="raise --large-quality or lower --hard-share",
        )
    if only_small > 1 - large:
        raise UsageError(
            f"--only-small {only_small:.0%} is more than the large model gets wrong ({1 - large:.0%})",
            code="usage.range", hint="lower it, or lower --large-quality",
        )  # fmt: skip
    return Outcome(large_quality=large, only_small=only_small)


def _router(request: RouteRequest, record: _Record) -> Router:
    rates = (request.false_hard, request.false_easy)
    if any(rates) and not all(rates):
        raise UsageError("--false-hard and --false-easy belong together", code="usage.arguments", hint="give both")
    if all(rates):
        if request.router not in ("", "custom"):
            raise UsageError(
                f"--router {request.router} has its own error rates", code="usage.arguments",
                hint="leave out either --router or --false-hard and --false-easy",
            )  # fmt: skip
        router = custom_router(*(units.parse_share(text, name="--false-hard/--false-easy") for text in rates))
    elif request.router.endswith(".json"):
        router = calibrated_router(Path(request.router))
    else:
        router = find_router(request.router or "text")
    cost, wait = router.usd_per_request, router.latency_seconds
    if request.router_cost:
        cost = _number(request.router_cost, "--router-cost")
    if request.router_latency:
        wait = _number(request.router_latency, "--router-latency")
    record.add(
        "router, $ per request", cost, "declared" if request.router_cost else "estimated",
        "--router-cost" if request.router_cost else router.source, "" if request.router_cost else router.as_of,
    )  # fmt: skip
    return replace(router, usd_per_request=cost, latency_seconds=wait)


def _router_basis(router: Router) -> Basis:
    return "measured" if router.is_measured or router.name == "calibrated" else "declared"


def _operating_point(request: RouteRequest, router: Router, hard_share: float, outcome: Outcome) -> Errors:
    """By a share, by a quality, a custom router's own point, or else as many sent up as are hard."""
    if request.large_share and request.target_quality:
        raise UsageError(
            "--large-share and --target-quality exclude each other", code="usage.arguments", hint="give one"
        )
    if request.target_quality:
        quality = units.parse_share(request.target_quality, name="--target-quality") * outcome.large_quality
        retried, needless = _share(request.retried, "--retried"), _share(request.needless, "--needless")
        return router.at_quality(quality, hard_share, outcome, retried=retried, needless=needless)
    if request.large_share:
        return router.at_share(units.parse_share(request.large_share, name="--large-share"), hard_share)
    if router.name in ("custom", "calibrated", "perfect"):
        return router.points[1]
    return router.at_share(hard_share, hard_share)


def _cascade(request: RouteRequest, record: _Record) -> Cascade | None:
    if not request.cascade:
        if request.detected or request.verifier_cost:
            raise UsageError(
                "--detected and --verifier-cost belong to a cascade", code="usage.arguments", hint="add --cascade"
            )
        return None
    cascade = Cascade(
        detected=record.share(
            "bad answers detected", request.detected, "--detected", 1.0,
            "a perfect verifier: give a measured rate",
        ),
        needless=record.share(
            "fine ones escalated", request.needless, "--needless", 0.0,
            "a perfect verifier: give a measured rate",
        ),
    )  # fmt: skip
    cost = _number(request.verifier_cost, "--verifier-cost")
    record.add("verifier, $ per request", cost, "declared" if request.verifier_cost else "estimated", "--verifier-cost")
    return cascade


def _distil_plan(request: RouteRequest) -> DistilPlan | None:
    if not request.distil_labels:
        if request.distil_gpu_hours or request.judge_cost:
            raise UsageError(
                "--distil-gpu-hours and --judge-cost belong to --distil-labels", code="usage.arguments",
                hint="say how many labels: --distil-labels 20000",
            )  # fmt: skip
        return None
    hours = _number(request.distil_gpu_hours, "--distil-gpu-hours")
    if hours and not request.gpu_hour:
        raise UsageError("--distil-gpu-hours needs --gpu-hour", code="usage.arguments", hint="add --gpu-hour 2.50")
    return DistilPlan(
        labels=units.parse_count(request.distil_labels, name="--distil-labels"),
        judge_usd=_number(request.judge_cost, "--judge-cost"),
        gpu_hours=hours,
        gpu_usd_per_hour=_number(request.gpu_hour, "--gpu-hour"),
    )


def _number(text: str, name: str, default: float = 0.0) -> float:
    return units.parse_number(text, name=name, maximum=1e12) if text else default


def _share(text: str, name: str) -> float:
    return units.parse_share(text, name=name) if text else 0.0
