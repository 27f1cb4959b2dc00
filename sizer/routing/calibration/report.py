"""What `sizer route calibrate` answers: types only, so that views and schemas need no numpy."""

from __future__ import annotations

from typing import Literal

from sizer.routing.gates import GateResult
from sizer.routing.workload import Assumption
from sizer.values import frozen

__all__ = [
    "SHORT_NAMES",
    "Baselines",
    "CalibrationReport",
    "Costs",
    "CurvePoint",
    "Interval",
    "ModelQuality",
    "MoreLabels",
    "Operating",
    "RouterScore",
    "Target",
]

# what `--fail-if` may call a number of the report, beside its full path
SHORT_NAMES = {
    "quality": "operating.quality_kept",
    "saving": "operating.saving",
    "large_share": "operating.large_share",
}


@frozen
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2


@frozen
class Costs:
    """Dollars per request of each model in the labels, and of the router."""

    usd_per_request: dict[str, float]
    """Column -> dollars per request; a model whose price is unknown has no entry."""
    router_usd: float = 0.0


@frozen
class Target:
    """What the operating point is chosen by; without any, 80 % of the gap is kept."""

    quality: float | None = None
    """Share of the large model's quality to keep."""
    most_large: float | None = None
    """Largest share sent to the large model."""
    usd_per_correct: float | None = None
    """What one more adequate answer is worth, dollars."""


@frozen
class RouterScore:
    """A router's summary numbers."""

    apgr: float | None
    """Average performance gap recovered; a coin has 0.5. Null where there is no gap, as are the next two."""
    cpt50: float | None
    """Percent of calls to the large model that recover 50 % of the gap."""
    cpt80: float | None
    """Percent of calls that recover 80 %."""
    aiq: float
    """Area under the non-decreasing convex hull of quality over cost, over the cost range."""


@frozen
class Baselines:
    """What needs no training, or cheats."""

    random: RouterScore
    """A coin, exactly."""
    length: RouterScore
    """Longest prompts first."""
    group_mean: RouterScore | None
    """Mean gain of the prompt's subject, out of fold; null where the labels name none."""
    oracle: RouterScore
    """Knows the outcomes."""


@frozen
class ModelQuality:
    """One column of the labels."""

    name: str
    quality: Interval
    usd_per_request: float | None


@frozen
class Operating:
    """The router at the point that was asked for."""

    chosen_by: str
    threshold: float
    """Prompts that score at least this go to the large model; out-of-fold scale."""
    large_share: float
    quality: Interval
    """Mean outcome, with its 95 % interval."""
    quality_kept: float | None
    """Over the large model's; null where that is not above zero."""
    false_hard: float
    false_easy: float
    usd_per_request: float
    saving: float
    """Of the cost of the large model alone."""
    best_single: str
    """The best single model that costs no more."""
    best_single_quality: float
    arena_score: float | None
    """RouterArena's score of accuracy and cost; null where outcomes are not 0 to 1."""


@frozen
class MoreLabels:
    """How many labels a precision takes."""

    half_width: float
    """Half-width of the 95 % interval of the quality."""
    labels: int
    """Labels needed in all."""
    more: int
    """Labels to add to the ones given."""


@frozen
class CurvePoint:
    """One point of the cost-quality curve."""

    large_share: float
    usd_per_request: float
    quality: float
    length_quality: float
    random_quality: float
    oracle_quality: float


@frozen
class CalibrationReport:
    """What routing between two models is worth on these labels."""

    verdict: Literal["route", "do not route"]
    reasons: tuple[str, ...]
    labels: int
    dropped: int
    """Rows left out because they were incomplete."""
    near_duplicates: int
    """Prompts that have a near-duplicate, kept in one fold with it."""
    small: str
    large: str
    models: tuple[ModelQuality, ...]
    hard_share: Interval
    """Share of prompts on which only the large model does better, with Wilson's interval."""
    only_small: float
    """Share on which only the small model does better."""
    apgr: float | None
    """Null where the large model is no better than the small one: there is no gap to recover."""
    cpt50: float | None
    cpt80: float | None
    aiq: float
    apgr_leaky: float | None
    """APGR with near-duplicates split over folds: what is claimed without grouping."""
    intervals: dict[str, Interval]
    """95 % bootstrap intervals, of what is known; `over_length` is APGR less that of prompt length, paired."""
    baselines: Baselines
    operating: Operating
    more_labels: tuple[MoreLabels, ...]
    labels_to_decide: int | None
    """Labels in all at which the difference to length would be beyond doubt, if it is real; null if it is not."""
    curve: tuple[CurvePoint, ...]
    assumptions: tuple[Assumption, ...]
    saved: str = ""
    """Where the router was written."""
    gates: tuple[GateResult, ...] = ()
