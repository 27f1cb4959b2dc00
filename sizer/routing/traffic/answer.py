"""The answer of `sizer route --log`: the closed form on the log's own traffic, and the log beside it."""

from __future__ import annotations

import datetime
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from sizer import units
from sizer.errors import UsageError
from sizer.routing.calibration.labels import Labels, choose_pair, read_labels
from sizer.routing.economics import Api
from sizer.routing.prices import Price
from sizer.routing.request import ILLUSTRATED_HARD_SHARE, RouteRequest, build_scenario, parse_day, price_lists
from sizer.routing.simulate import RouteReport, Scenario, simulate
from sizer.routing.traffic import replay
from sizer.routing.traffic.reader import Traffic
from sizer.routing.traffic.report import TrafficReport
from sizer.routing.workload import Assumption, parse_requests

__all__ = ["answer_for_log", "refuse_beside_log"]

_TELLING = 0.02
"""A difference in saving that is worth a sentence."""


def answer_for_log(
    request: RouteRequest, traffic: Traffic, *, files: int, labels: str = "", today: datetime.date
) -> RouteReport:
    """The report for a log's traffic. The two models are the ones named, else the log's cheapest and dearest.

    Raises UsageError or NotFoundError where a model or its price is not known.
    """
    refuse_beside_log(request)
    at = parse_day(request.at) if request.at else today
    lists = price_lists(request, at, today, always=True)
    workload, how = replay.workload_of(traffic, 0.0)
    if request.requests:
        workload = replace(workload, requests_per_month=parse_requests(request.requests))
    if not (request.small or request.small_price) or not (request.large or request.large_price):
        cheap, dear = replay.choose_models(traffic, lists, workload)
        request = replace(request, small=request.small or cheap, large=request.large or dear)
    known = _labels(labels)
    evidence = replay.evidence_of(traffic, known, request.small, request.large, is_told=bool(request.hard_share))
    used = next((item for item in evidence if item.is_used), None)
    share = used.share if used else ILLUSTRATED_HARD_SHARE
    measured: set[str] = set()
    if known is not None and used is not None and used.kind == "labels":
        told = _outcome_shares(known, request)
        measured = set(told)
        request = replace(
            request,
            large_quality=told.get("large_quality", request.large_quality),
            only_small=told.get("only_small", request.only_small),
        )
    facts = [
        Assumption(
            name="requests per month", value=workload.requests_per_month,
            basis="declared" if request.requests else "measured" if traffic.clock.span_seconds() else "estimated",
            source="--requests" if request.requests else how,
        ),
        Assumption(name="input tokens", value=workload.input_tokens, basis="measured", source="the log, mean"),
        Assumption(name="output tokens", value=workload.output_tokens, basis="measured", source="the log, mean"),
        Assumption(name="cached prompt share", value=workload.cached_share, basis="measured", source="the log"),
    ]  # fmt: skip
    workload = replace(workload, hard_share=share)
    tiers = replay.merged(traffic.cells, attrgetter("input_tier"))
    bought: dict[str, tuple[Price, float]] = {}

    def supply(side: str, price: Price, verbosity: float) -> Api:
        bought[side] = (price, verbosity)
        return replay.effective_api(tiers, price, verbosity)

    scenario = build_scenario(
        request, today=today, workload=workload, hard_share_known=used is not None, lists=lists, supply=supply
    )
    scenario = replace(scenario, assumptions=_assumptions(scenario, facts, used, measured))
    report = simulate(scenario)
    shown = replay.traffic_report(
        traffic,
        files=files,
        lists=lists,
        workload=scenario.workload,
        small=bought["small"],
        large=bought["large"],
        large_share=report.flow.large_share,
        evidence=evidence,
    )
    return replace(report, traffic=shown, reasons=(*report.reasons, *_length_caution(report, shown)))


def refuse_beside_log(request: RouteRequest) -> None:
    """Raises UsageError for what cannot be asked beside a log."""
    if request.tokens or request.cached_share:
        raise UsageError(
            "--tokens and --cached-share come from the log", code="usage.arguments", hint="leave them out with --log"
        )
    if request.self_host:
        raise UsageError(
            "--self-host with --log is not priced from the log", code="usage.arguments",
            because="GPUs are bought for requests per second, which a log of tokens does not bound",
            hint="leave out --self-host; --gpu-hour and --rps still compare GPUs with the API",
        )  # fmt: skip


def _length_caution(report: RouteReport, shown: TrafficReport) -> tuple[str, ...]:
    """That hard requests were taken for as long as the others, where it matters."""
    long, even = shown.saving_if_longest, report.saving.measured
    if long is None or even is None or even - long < _TELLING:
        return ()
    return (
        "hard requests are taken for as long as the others: if what goes up are the longest, "
        f"{units.format_percent(long)} is saved",
    )


def _labels(path: str) -> Labels | None:
    return read_labels([Path(path)]) if path else None


def _outcome_shares(labels: Labels, request: RouteRequest) -> dict[str, str]:
    """What right-or-wrong labels say of the large model's quality and of the share that only the small one gets right,
    as flags that were not given."""
    low, high = choose_pair(labels)
    pairs = list(zip(labels.outcomes[low], labels.outcomes[high], strict=True))
    if request.large_quality or request.only_small or not all({weak, strong} <= {0.0, 1.0} for weak, strong in pairs):
        return {}
    large = sum(strong for _, strong in pairs) / len(pairs)
    only_small = sum(weak > strong for weak, strong in pairs) / len(pairs)
    if not large:
        return {}
    rounding = 1e-12  # so that shares which add up to one still do when they are written down
    return {
        "large_quality": f"{min(1.0, large + rounding):.13f}",
        "only_small": f"{max(0.0, only_small - 2 * rounding):.13f}",
    }


_MEASURED = {"large model's quality": "large_quality", "only small is right": "only_small"}
"""Assumptions that labels can measure, and the flags that say them."""


def _assumptions(
    scenario: Scenario, facts: list[Assumption], used: replay.Evidence | None, measured: set[str]
) -> tuple[Assumption, ...]:
    """The log's facts first; the hard share, and what else labels measured, with the evidence that it comes from."""
    rest = []
    for item in scenario.assumptions:
        if used is not None and (item.name == "hard share" or _MEASURED.get(item.name) in measured):
            item = replace(item, basis=used.basis, source=used.name)
        rest.append(item)
    return (*facts, *rest)
