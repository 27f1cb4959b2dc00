"""A log's requests priced again: on the models that served them, on others, and for every share between two.

Cost is linear in tokens within a price tier, so the histogram's sums give it to the last digit, whoever counted.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from operator import attrgetter
from typing import Literal

from sizer import units
from sizer.errors import NotFoundError, UsageError
from sizer.routing.calibration.labels import Labels, choose_pair
from sizer.routing.calibration.shares import wilson
from sizer.routing.economics import Api
from sizer.routing.prices import Price, PriceTier, quote
from sizer.routing.traffic.histogram import TIER_EDGES, Cell, bucket_edges, bucket_tokens
from sizer.routing.traffic.reader import Traffic
from sizer.routing.traffic.report import (
    Evidence,
    Filled,
    LoggedModel,
    SharePrice,
    SwitchReport,
    TrafficReport,
)
from sizer.routing.workload import HOURS_PER_MONTH, Basis, Workload

__all__ = [
    "Evidence",
    "choose_models",
    "effective_api",
    "evidence_of",
    "histogram_usd",
    "price_logged",
    "traffic_report",
    "workload_of",
]

_MONTH_SECONDS = HOURS_PER_MONTH * 3600
_SHARES = 20
_LONG = 4.0
_TIER, _INPUT, _OUTPUT = attrgetter("input_tier"), attrgetter("input_bucket"), attrgetter("output_bucket")
_HARD_DECISIONS = {"complex", "reasoning", "hard", "large", "strong"}


def merged(cells: Iterable[Cell], key: Callable[[Cell], Hashable]) -> list[Cell]:
    """The cells of each key as one, with the sums of its requests and tokens and the names of its first."""
    sums: dict[Hashable, list[int]] = {}
    firsts: dict[Hashable, Cell] = {}
    for cell in cells:
        named = key(cell)
        if (own := sums.get(named)) is None:
            firsts[named], sums[named] = cell, list(cell[4:])
        else:
            own[0] += cell[4]
            own[1] += cell[5]
            own[2] += cell[6]
            own[3] += cell[7]
    return [Cell(*firsts[named][:4], *own) for named, own in sums.items()]


def cell_usd(cell: Cell, price: Price, verbosity: float = 1.0) -> float:
    """Dollars for a cell's requests at a price: exact, since all its prompts lie in one tier."""
    tier = price.tier(cell.input_tier + 0.5)
    return (
        (cell.input_tokens - cell.cached_tokens) * tier.input_usd_per_mtok
        + cell.cached_tokens * _hit(tier)
        + cell.output_tokens * verbosity * tier.output_usd_per_mtok
    ) / 1e6 + cell.requests * price.usd_per_request


def _hit(tier: PriceTier) -> float:
    """Dollars per million prompt tokens that a cache serves."""
    return tier.input_usd_per_mtok if tier.cached_input_usd_per_mtok is None else tier.cached_input_usd_per_mtok


def _cold(tier: PriceTier) -> float:
    """Dollars per million prompt tokens that are read and written to a cache.

    A write price below the input price is storage alone, paid on top of it (OpenRouter's of Gemini).
    """
    write, read = tier.cache_write_usd_per_mtok or 0.0, tier.input_usd_per_mtok
    return write if write >= read else read + write


def histogram_usd(cells: Sequence[Cell], price: Price, verbosity: float = 1.0) -> float:
    """Dollars for all requests at one price."""
    return math.fsum(cell_usd(cell, price, verbosity) for cell in merged(cells, _TIER))


def effective_api(cells: Sequence[Cell], price: Price, verbosity: float = 1.0) -> Api:
    """Rates, averaged over the log's tiers, at which the closed form gives the replay's cost."""
    priced = [(cell, price.tier(cell.input_tier + 0.5)) for cell in merged(cells, _TIER)]

    def mean(rate: Callable[[PriceTier], float], weight: Callable[[Cell], int]) -> float:
        total = sum(weight(cell) for cell, _ in priced)
        if not total:
            return rate(priced[0][1])
        return math.fsum(rate(tier) * weight(cell) for cell, tier in priced) / total

    return Api(
        input_usd_per_mtok=mean(
            lambda tier: tier.input_usd_per_mtok, lambda cell: cell.input_tokens - cell.cached_tokens
        ),
        output_usd_per_mtok=mean(lambda tier: tier.output_usd_per_mtok, lambda cell: cell.output_tokens),
        cached_input_usd_per_mtok=mean(_hit, lambda cell: cell.cached_tokens),
        usd_per_request=price.usd_per_request,
        verbosity=verbosity,
    )


def workload_of(traffic: Traffic, hard_share: float) -> tuple[Workload, str]:
    """A month of the log's traffic, and how its volume was told."""
    requests, given, made, cached = traffic.histogram.totals()
    span = traffic.clock.span_seconds()
    volume = requests * _MONTH_SECONDS / span if span else float(requests)
    how = "no times in the log: taken for a month"
    if span:
        how = f"{requests:,} requests in {units.format_hours(span / 3600)}"
    workload = Workload(
        requests_per_month=volume,
        input_tokens=given / requests,
        output_tokens=made / requests,
        hard_share=hard_share,
        cached_share=cached / given if given else 0.0,
    )
    return workload, how


def price_logged(model: str, lists: Sequence[Price], workload: Workload) -> Price | str:
    """The price of a model as a log names it (`openai/gpt-5`); or why there is none."""
    try:
        return quote(
            model, lists, input_tokens=workload.input_tokens, output_tokens=workload.output_tokens, flag="--log"
        ).price
    except NotFoundError:
        return "no price is known"
    except UsageError as error:
        return error.because


def choose_models(traffic: Traffic, lists: Sequence[Price], workload: Workload) -> tuple[str, str]:
    """The cheapest and the dearest priced model of a log. Raises UsageError where it has no two."""
    requests: dict[str, int] = {}
    for cell in traffic.cells:
        requests[cell.model] = requests.get(cell.model, 0) + cell.requests
    priced = {model: price_logged(model, lists, workload) for model in requests}
    cost = {
        model: workload.input_tokens * price.tier(workload.input_tokens).input_usd_per_mtok
        + workload.output_tokens * price.tier(workload.input_tokens).output_usd_per_mtok
        for model, price in priced.items()
        if isinstance(price, Price)
    }
    ranked = sorted(cost, key=lambda model: (cost[model], model))
    if len(ranked) < 2 or cost[ranked[0]] == cost[ranked[-1]]:
        raise UsageError(
            "the log does not say between which two models to route", code="usage.arguments",
            because=_too_few(ranked, [model for model in requests if model not in cost]),
            hint="name them: --small REF --large REF; a price by hand is --small-price 0.15:0.60",
        )  # fmt: skip
    return ranked[0], ranked[-1]


def _too_few(priced: Sequence[str], unpriced: Sequence[str]) -> str:
    if len(priced) > 1:
        return f"its models cost the same: {', '.join(priced)}"
    known = f"the only model of it with a price is {priced[0]}" if priced else "none of its models has a price"
    return known + (f"; no price is known for {', '.join(sorted(unpriced)[:5])}" if unpriced else "")


def evidence_of(
    traffic: Traffic, labels: Labels | None, small: str, large: str, *, is_told: bool = False
) -> tuple[Evidence, ...]:
    """What there is to tell how hard the traffic is, the strongest first.

    Labels are used, else a router's decisions, unless the user told the share. Which models served the traffic and
    how long its prompts are is shown and never used: somebody's choice is not the truth about a request.
    """
    found: list[Evidence] = []
    if labels is not None:
        low, high = choose_pair(labels)
        pairs = zip(labels.outcomes[low], labels.outcomes[high], strict=True)
        interval = wilson(sum(strong > weak for weak, strong in pairs), len(labels.prompts))
        found.append(
            Evidence(
                kind="labels", name=f"{len(labels.prompts):,} labelled outcomes", share=interval.value,
                low=interval.low, high=interval.high, basis="measured", is_used=False,
            )
        )  # fmt: skip
    decided = sum(traffic.decisions.values())
    if decided:
        hard = sum(count for name, count in traffic.decisions.items() if name.strip().lower() in _HARD_DECISIONS)
        found.append(
            _told("decisions", "the decisions of the log's own router, not the truth: its hard tiers", hard / decided)
        )
    requests = dict.fromkeys((small, large), 0)
    for cell in traffic.cells:
        if cell.model in requests:
            requests[cell.model] += cell.requests
    if small and large and all(requests.values()) and not decided:
        share = requests[large] / sum(requests.values())
        name = f"no evidence, a choice made before: requests that {large} served, of its and {small}'s"
        found.append(_told("served", name, share))
    total, given, _, _ = traffic.histogram.totals()
    if traffic.reasoning_requests is not None:
        found.append(_told("proxy", "requests with reasoning tokens", traffic.reasoning_requests / total))
    lengths = merged(traffic.cells, _INPUT)
    median = _quantile(lengths, "input_bucket", 0.5)
    long = sum(cell.requests for cell in lengths if bucket_tokens(cell.input_bucket) > _LONG * median)
    if given:
        found.append(_told("proxy", f"prompts over {_LONG:.0f} times the median length", long / total))
    if found and found[0].kind in ("labels", "decisions") and not is_told:
        found[0] = replace(found[0], is_used=True)
    return tuple(found)


def _told(kind: Literal["decisions", "served", "proxy"], name: str, share: float) -> Evidence:
    basis: Basis = "estimated" if kind == "proxy" else "declared"
    name = f"proxy, not a measurement: {name}" if kind == "proxy" else name
    return Evidence(kind=kind, name=name, share=share, low=None, high=None, basis=basis, is_used=False)


def traffic_report(
    traffic: Traffic,
    *,
    files: int,
    lists: Sequence[Price],
    workload: Workload,
    small: tuple[Price, float],
    large: tuple[Price, float],
    large_share: float,
    evidence: tuple[Evidence, ...],
) -> TrafficReport:
    """The log's part of the answer. `small` and `large` are (price, verbosity) of the two models."""
    tiers, prompts, answers = (merged(traffic.cells, key) for key in (_TIER, _INPUT, _OUTPUT))
    requests, given, made, cached = traffic.histogram.totals()
    models, logged_usd = _logged(traffic.cells, lists, workload)
    to_month = workload.requests_per_month / requests
    cheap, dear = histogram_usd(tiers, *small), histogram_usd(tiers, *large)
    longest = _longest_first(traffic.cells, small, large)
    span = traffic.clock.span_seconds()
    return TrafficReport(
        schema=traffic.schema,
        files=files,
        rows=traffic.rows,
        requests=requests,
        left_out=tuple(
            Filled(reason=reason, rows=rows)
            for reason, rows in sorted(traffic.left_out.items(), key=lambda item: (-item[1], item[0]))
        ),
        span_days=None if span is None else span / 86400,
        input_tokens=given,
        output_tokens=made,
        cached_tokens=cached,
        input_p50=_quantile(prompts, "input_bucket", 0.5),
        input_p95=_quantile(prompts, "input_bucket", 0.95),
        output_p50=_quantile(answers, "output_bucket", 0.5),
        output_p95=_quantile(answers, "output_bucket", 0.95),
        models=models,
        usd_as_logged=logged_usd,
        all_small_usd=cheap,
        all_large_usd=dear,
        saving_if_longest=1 - longest(large_share) / dear if dear > 0 else None,
        what_if=tuple(
            SharePrice(
                large_share=share,
                random_usd_per_month=(cheap + share * (dear - cheap)) * to_month,
                longest_usd_per_month=longest(share) * to_month,
            )
            for share in (step / _SHARES for step in range(_SHARES + 1))
        ),
        evidence=evidence,
        switches=_switches(traffic, lists, workload, small[0], large[0], large_share, to_month),
        inexact=(
            *_cut_off(traffic),
            *(
                f"{price.host} {price.model}: rates change at {tier.above_input_tokens:,} tokens"
                for price in (small[0], large[0])
                for tier in price.tiers
                if tier.above_input_tokens not in (0, *TIER_EDGES)
            ),
        ),
    )


def _cut_off(traffic: Traffic) -> list[str]:
    """What is wrong where requests name more cached tokens than input."""
    if not traffic.over:
        return []
    return [
        f"{units.plural(traffic.over, 'request')} with more tokens cached than read: the input seems to leave the "
        "cache out, and is then too low in all of them"
    ]


def _logged(
    cells: Sequence[Cell], lists: Sequence[Price], workload: Workload
) -> tuple[tuple[LoggedModel, ...], float | None]:
    by_model: dict[str, list[Cell]] = {}
    for cell in merged(cells, attrgetter("model", "input_tier")):
        by_model.setdefault(cell.model, []).append(cell)
    rows = []
    for model, own in by_model.items():
        price = price_logged(model, lists, workload)
        rows.append(
            LoggedModel(
                model=model,
                requests=sum(cell.requests for cell in own),
                input_tokens=sum(cell.input_tokens for cell in own),
                output_tokens=sum(cell.output_tokens for cell in own),
                cached_tokens=sum(cell.cached_tokens for cell in own),
                usd=histogram_usd(own, price) if isinstance(price, Price) else None,
                price=f"{price.source}, host {price.host}" if isinstance(price, Price) else price,
            )
        )
    rows.sort(key=lambda row: (-row.requests, row.model))
    known = [row.usd for row in rows if row.usd is not None]
    return tuple(rows), math.fsum(known) if len(known) == len(rows) else None


def _longest_first(
    cells: Sequence[Cell], small: tuple[Price, float], large: tuple[Price, float]
) -> Callable[[float], float]:
    """Dollars for the log with a share of its requests on the large model, the longest prompts first.

    Among prompts of one tier and bucket the order is a coin's.
    """
    by_length = attrgetter("input_tier", "input_bucket")
    ranked = sorted(merged(cells, by_length), key=by_length, reverse=True)
    cheap = histogram_usd(ranked, *small)
    extra = [cell_usd(cell, *large) - cell_usd(cell, *small) for cell in ranked]
    counted = list(accumulate((cell.requests for cell in ranked), initial=0))
    added = list(accumulate(extra, initial=0.0))

    def usd(share: float) -> float:
        wanted = counted[-1] * share
        whole = min(bisect_right(counted, wanted) - 1, len(ranked) - 1)  # cells that are taken as a whole
        return cheap + added[whole] + (wanted - counted[whole]) / ranked[whole].requests * extra[whole]

    return usd


def _switches(
    traffic: Traffic,
    lists: Sequence[Price],
    workload: Workload,
    small: Price,
    large: Price,
    share: float,
    to_month: float,
) -> SwitchReport | None:
    """What changing the model inside sessions costs, as seen and as per-request routing would make it."""
    if not traffic.has_sessions:
        return None
    pairs = list(traffic.sessions)
    prefix = sum(pair.prefix_tokens for pair in pairs)
    changed = [pair for pair in pairs if pair.before != pair.after]

    def rebill(stay: Price, to: Price) -> float:
        """Dollars per prefix token that a switch costs: read cold (and written to the cache) against a hit."""
        at, after = stay.tier(workload.input_tokens), to.tier(workload.input_tokens)
        return (_cold(after) - _hit(at)) / 1e6

    seen: float | None = 0.0
    for pair in changed:
        stay, to = (price_logged(model, lists, workload) for model in (pair.before, pair.after))
        if seen is None or isinstance(stay, str) or isinstance(to, str):
            seen = None
            break
        seen += pair.prefix_tokens * rebill(stay, to)
    routed = prefix * share * (1 - share) * (rebill(small, large) + rebill(large, small))
    return SwitchReport(
        turns=sum(pair.turns for pair in pairs),
        switched=sum(pair.turns for pair in changed),
        prefix_tokens=prefix,
        switched_prefix_tokens=sum(pair.prefix_tokens for pair in changed),
        rebilled_usd_per_month=None if seen is None else seen * to_month,
        routed_rebilled_usd_per_month=routed * to_month,
        out_of_order=traffic.sessions.out_of_order,
        forgotten=traffic.sessions.forgotten,
    )


def _quantile(cells: Sequence[Cell], bucket: str, share: float) -> float:
    """About the tokens below which `share` of the requests lie: spread evenly within a quarter octave."""
    counts: dict[int, int] = {}
    for cell in cells:
        counts[getattr(cell, bucket)] = counts.get(getattr(cell, bucket), 0) + cell.requests
    wanted = share * sum(counts.values())
    seen = 0
    for number in sorted(counts):
        if seen + counts[number] >= wanted:
            low, high = bucket_edges(number)
            return max(0.0, low + (high - low) * (wanted - seen) / counts[number])
        seen += counts[number]
    return 0.0
