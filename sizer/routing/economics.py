"""The closed form: what a request and a month cost on every path, and what arrives.

Pure arithmetic on per-request expectations; no files, prices lists or text. Symbols, as in
docs/concepts/routing.md: q share of hard requests, alpha false-hard rate (easy requests sent to the large
model: money), beta false-easy rate (hard requests sent to the small one: quality), s share sent to the large.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence

from sizer.routing.workload import HOURS_PER_MONTH, Workload
from sizer.values import frozen

__all__ = [
    "Api",
    "Calls",
    "Cascade",
    "Errors",
    "Outcome",
    "SelfHosted",
    "Supply",
    "all_on_one",
    "always_cheaper_volume",
    "break_even_share",
    "break_even_volume",
    "cascade_calls",
    "delivered_quality",
    "large_share",
    "month_usd",
    "random_calls",
    "request_usd",
    "routed_calls",
]

_SEARCHED = 1000


@frozen
class Api:
    """A model that is paid by the token."""

    input_usd_per_mtok: float
    """Dollars per 10**6 prompt tokens that no cache serves."""
    output_usd_per_mtok: float
    """Dollars per 10**6 generated tokens."""
    cached_input_usd_per_mtok: float | None = None
    """Dollars per 10**6 prompt tokens from the cache; None where the list has no such price: input price."""
    usd_per_request: float = 0.0
    """A fee per call."""
    verbosity: float = 1.0
    """Generated tokens of this model over the workload's (some models think aloud)."""


@frozen
class SelfHosted:
    """A model on rented or owned GPUs, bought whole."""

    gpu_usd_per_hour: float
    """Dollars per GPU and hour."""
    requests_per_second: float
    """Requests that one replica sustains within the latency objective."""
    gpus_per_replica: int = 1
    """GPUs that one replica takes."""
    utilisation: float = 0.6
    """Mean load over peak load, 0 to 1: GPUs are bought for the peak."""

    @property
    def carried_per_month(self) -> float:
        """Requests a month that one replica carries."""
        return 3600 * HOURS_PER_MONTH * self.requests_per_second * self.utilisation

    def replicas(self, requests_per_month: float) -> int:
        """Whole replicas for the peak of so many requests a month."""
        peak = requests_per_month / (3600 * HOURS_PER_MONTH) / self.utilisation
        return math.ceil(round(peak / self.requests_per_second, 9))


Supply = Api | SelfHosted


@frozen
class Errors:
    """How a router errs."""

    false_hard: float
    """alpha = P(sent to the large model | not hard)."""
    false_easy: float
    """beta = P(sent to the small model | hard)."""


@frozen
class Cascade:
    """Ask the small model, verify, escalate."""

    detected: float
    """P(escalated | the small model's answer is inadequate)."""
    needless: float
    """P(escalated | the small model's answer is fine)."""


@frozen
class Calls:
    """What one request sets off, on average."""

    small: float
    """Calls of the small model per request."""
    large: float
    """Calls of the large model per request."""
    overhead_usd: float = 0.0
    """Router and verifier, dollars per request."""


@frozen
class Outcome:
    """The labelled truth that quality rests on."""

    large_quality: float
    """Share of requests that the large model answers adequately."""
    only_small: float
    """Share that only the small model answers adequately."""


def request_usd(supply: Supply, workload: Workload) -> float:
    """Dollars for one request on one model.

    API: [T_in (1-h) p_in + T_in h p_hit + T_out v p_out] / 10**6 + fee.
    Self-hosted: GPUs x price per hour / (3600 x requests per second x utilisation), fractional GPUs.
    """
    if isinstance(supply, SelfHosted):
        per_second = 3600 * supply.requests_per_second * supply.utilisation
        return supply.gpus_per_replica * supply.gpu_usd_per_hour / per_second
    hit = supply.input_usd_per_mtok if supply.cached_input_usd_per_mtok is None else supply.cached_input_usd_per_mtok
    cached = workload.input_tokens * workload.cached_share
    return (
        (workload.input_tokens - cached) * supply.input_usd_per_mtok
        + cached * hit
        + workload.output_tokens * supply.verbosity * supply.output_usd_per_mtok
    ) / 1e6 + supply.usd_per_request


def month_usd(calls: Calls, small: Supply, large: Supply, workload: Workload) -> float:
    """Dollars for a month in which every request sets off `calls`; self-hosted models in whole GPUs."""
    volume = workload.requests_per_month
    return (
        _supply_month(small, calls.small * volume, workload)
        + _supply_month(large, calls.large * volume, workload)
        + calls.overhead_usd * volume
    )


def _supply_month(supply: Supply, requests: float, workload: Workload) -> float:
    if isinstance(supply, SelfHosted):
        return HOURS_PER_MONTH * supply.replicas(requests) * supply.gpus_per_replica * supply.gpu_usd_per_hour
    return requests * request_usd(supply, workload)


def large_share(hard_share: float, errors: Errors) -> float:
    """s = q (1 - beta) + (1 - q) alpha: the share of requests that the router sends to the large model."""
    return hard_share * (1 - errors.false_easy) + (1 - hard_share) * errors.false_hard


def all_on_one(*, large: bool) -> Calls:
    """Every request on one model."""
    return Calls(small=0.0 if large else 1.0, large=1.0 if large else 0.0)


def random_calls(share: float) -> Calls:
    """A coin that sends `share` to the large model, free of charge."""
    return Calls(small=1 - share, large=share)


def routed_calls(
    hard_share: float, errors: Errors, *, router_usd: float = 0.0, retried: float = 0.0, needless: float = 0.0
) -> Calls:
    """Routing up front; `retried` of the hard requests that went down are noticed and asked again.

    Large calls per request: s + q beta e + (1-q)(1-alpha) phi, with e = `retried` and phi = `needless`.
    """
    share = large_share(hard_share, errors)
    again = hard_share * errors.false_easy * retried + (1 - hard_share) * (1 - errors.false_hard) * needless
    return Calls(small=1 - share, large=share + again, overhead_usd=router_usd)


def cascade_calls(hard_share: float, cascade: Cascade, *, verifier_usd: float = 0.0) -> Calls:
    """Ask the small model every time, escalate q d + (1-q) phi of the requests."""
    escalated = hard_share * cascade.detected + (1 - hard_share) * cascade.needless
    return Calls(small=1.0, large=escalated, overhead_usd=verifier_usd)


def delivered_quality(hard_share: float, outcome: Outcome, *, hard_lost: float, easy_down: float) -> float:
    """Share of requests answered adequately.

    Q = Q_S - q x hard_lost + w x easy_down: `hard_lost` of the hard requests end with the small model's
    answer; `easy_down` of the others are answered by it, and with them as many of the share w that only
    the small model gets right.
    """
    return outcome.large_quality - hard_share * hard_lost + outcome.only_small * easy_down


def break_even_share(at_zero: float, at_one: float, target: float) -> float | None:
    """The hard share at which a cost that is linear in it equals `target`; None where it is never reached.

    At fixed error rates the routed cost is linear in q, so C(0) and C(1) determine q* = (c_S - C(0)) /
    (C(1) - C(0)). Without retries this is (s* - alpha) / (1 - alpha - beta) with s* = 1 - c_r / (c_S - c_W).
    Below q* routing is cheaper. A value above 1 means: cheaper at every hard share.
    """
    if at_one <= at_zero:
        return None
    share = (target - at_zero) / (at_one - at_zero)
    return share if share > 0 else None


def break_even_volume(
    gain: Callable[[float], float], *, steps: Sequence[float] = (), largest: float = 1e13
) -> float | None:
    """The smallest monthly volume at which `gain(volume)` (dollars a month) is positive.

    `steps` are the volumes that one replica of each self-hosted model carries. Between their multiples the gain is
    linear, so the first thousand intervals are searched exactly; whole GPUs may make it negative again further on.
    Beyond them, and without steps: quarter-decades, then bisection to 1e-9. None where no volume up to `largest` gains.
    """
    low = 0.0
    for high in heapq.merge(*([step * number for number in range(1, _SEARCHED)] for step in steps)):
        if high > low:
            at_high, between = gain(high), gain((low + high) / 2)
            at_low = 2 * between - at_high
            if at_low > 0:
                return low
            if at_high > 0:
                return low + (high - low) * -at_low / (at_high - at_low)
            low = high
    high = max(low, 1.0)
    while gain(high) <= 0:
        low, high = high, high * 10**0.25
        if high > largest:
            return None
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if gain(middle) > 0 else (middle, high)
    return high


def always_cheaper_volume(break_even: float, carried: float) -> float:
    """The monthly volume from which GPUs stay cheaper than an API, whatever the next replica costs.

    `break_even` is where one replica costs as much as the API, `carried` what it carries. k replicas break even at
    k x break_even and are bought at (k-1) x carried: the largest k for which the former is more is the last to lose.
    """
    if break_even >= carried:
        return math.inf
    return break_even * max(1, math.ceil(round(carried / (carried - break_even), 9)) - 1)
