"""The answer of `sizer route calibrate`: what a router on your own labels is worth, or that it is worth nothing.

Scores are out of fold: every question is scored by a router that saw neither it nor a near-duplicate. The router
that is saved is trained on all labels; its threshold comes from the out-of-fold scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizer.errors import UsageError
from sizer.routing.calibration import curve as curves
from sizer.routing.calibration.curve import Curve, Floats, Ranking
from sizer.routing.calibration.folds import near_duplicate_groups, split_folds
from sizer.routing.calibration.intervals import bootstrap
from sizer.routing.calibration.labels import Labels, choose_pair
from sizer.routing.calibration.report import (
    Baselines,
    CalibrationReport,
    Costs,
    CurvePoint,
    Interval,
    ModelQuality,
    MoreLabels,
    Operating,
    RouterScore,
    Target,
)
from sizer.routing.calibration.shares import wilson
from sizer.routing.calibration.text_router import Corpus, TextRouter, fit, predict
from sizer.routing.workload import Assumption

__all__ = ["calibrate", "text_scores"]

FOLDS = 5
REPEATS = 3
FEWEST_GROUPS = 50
DRAWS = 1000

# RouterArena (README of RouteWorks/RouterArena): weight of cost, and the dearest and cheapest $ per 1,000 queries.
_ARENA_BETA, _ARENA_DEAREST, _ARENA_CHEAPEST = 0.1, 200.0, 0.0044
_HALF_WIDTHS = (0.05, 0.03, 0.02)
_CURVE_STEPS = 20
_MEAN = "mean "  # a resampled mean outcome, before the model's name


def calibrate(
    labels: Labels,
    *,
    small: str = "",
    large: str = "",
    costs: Callable[[str, str], tuple[Costs, tuple[Assumption, ...]]],
    target: Target,
    seed: int = 0,
    draws: int = DRAWS,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[CalibrationReport, TextRouter]:
    """The report and the router trained on all labels. The same labels and seed give the same bytes.

    `costs(small, large)` prices the columns. Raises UsageError for a column that is not there.
    """
    low, high = choose_pair(labels, small, large)
    weak, strong = np.array(labels.outcomes[low]), np.array(labels.outcomes[high])
    money, assumptions = costs(low, high)
    progress("counting words")
    corpus = Corpus(labels.prompts)
    groups = near_duplicate_groups(labels.prompts)
    if groups.max() + 1 < FEWEST_GROUPS:
        raise UsageError(
            f"the labels hold {groups.max() + 1} different prompts once near-duplicates are put together",
            code="usage.labels", because=f"{FEWEST_GROUPS} are the least to learn and to test on",
            hint="label prompts that differ by more than their numbers",
        )  # fmt: skip
    progress("training on folds")
    scores = text_scores(corpus, strong - weak, groups, seed)
    leaky = text_scores(corpus, strong - weak, np.arange(len(weak)), seed)
    length = np.array([float(len(prompt)) for prompt in labels.prompts])
    curve = curves.curve_of(scores, weak, strong)
    point = _operating_share(curve, scores, strong - weak, money, low, high, target)
    progress("resampling")
    statistics = _statistics(scores, length, weak, strong, point[1], labels)
    resampled, lows = bootstrap(statistics, groups, draws=draws, seed=seed)
    intervals = {
        name: interval
        for name, interval in resampled.items()
        if not (name.startswith(_MEAN) or math.isnan(interval.value) or math.isnan(interval.low))
    }
    threshold = _threshold(scores, point[1])
    operating = _operating(point, threshold, curve, intervals["quality"], labels, money, low, high)
    verdict, reasons = _verdict(resampled, lows, operating, labels, low, high)
    hard, only_small = int((strong > weak).sum()), float((weak > strong).mean())
    summary = _score(curve, money, low, high)
    report = CalibrationReport(
        verdict=verdict,
        reasons=reasons,
        labels=len(weak),
        dropped=labels.dropped,
        near_duplicates=int((np.bincount(groups)[groups] > 1).sum()),
        small=low,
        large=high,
        models=_models(labels, money, resampled),
        hard_share=wilson(hard, len(weak)),
        only_small=only_small,
        apgr=summary.apgr,
        cpt50=summary.cpt50,
        cpt80=summary.cpt80,
        aiq=summary.aiq,
        apgr_leaky=_known(curves.apgr(curves.curve_of(leaky, weak, strong))),
        intervals=intervals,
        baselines=_baselines(labels, length, weak, strong, groups, seed, money, low, high),
        operating=operating,
        more_labels=_more_labels(intervals["quality"], len(weak)),
        labels_to_decide=_labels_to_decide(resampled["over_length"].value, lows["over_length"], len(weak)),
        curve=_curve_points(curve, length, weak, strong, money, low, high),
        assumptions=assumptions,
    )
    return report, fit(corpus, np.arange(len(weak)), strong - weak)


def text_scores(corpus: Corpus, gain: Floats, groups: NDArray[np.int64], seed: int) -> Floats:
    """Out-of-fold scores of the text router, whole groups in one fold; the mean over three splits into folds."""
    scores = np.zeros(len(gain))
    for repeat in range(REPEATS):
        fold = split_folds(groups, FOLDS, seed * REPEATS + repeat)
        for number in range(FOLDS):
            tested = np.nonzero(fold == number)[0]
            router = fit(corpus, np.nonzero(fold != number)[0], gain[fold != number])
            scores[tested] += predict(router, corpus, tested) / REPEATS
    return scores


def _statistics(
    scores: Floats, length: Floats, weak: Floats, strong: Floats, share: float, labels: Labels
) -> Callable[[Floats], dict[str, Floats]]:
    """What is resampled: every number of the report that depends on the sample of questions."""
    text, by_length = Ranking(scores, weak, strong), Ranking(length, weak, strong)
    outcomes = {name: np.array(values) for name, values in labels.outcomes.items()}

    def statistics(weights: Floats) -> dict[str, Floats]:
        curve, other = text.curve(weights), by_length.curve(weights)
        quality, gap, area, length_area = curve.at(share), curve.gap[:, 0], curves.apgr(curve), curves.apgr(other)
        large = curve.quality[:, -1]
        return {
            "apgr": area,
            "cpt50": 100 * curves.cpt(curve, 0.5),
            "cpt80": 100 * curves.cpt(curve, 0.8),
            "length_apgr": length_area,
            "over_length": area - length_area,
            "gap": gap,
            "quality": quality,
            "quality_kept": quality / np.where(large > 0, large, np.nan),
            "over_random": quality - (curve.quality[:, 0] + share * gap),
            **{_MEAN + name: weights @ values / weights.sum(axis=1) for name, values in outcomes.items()},
        }

    return statistics


def _known(value: Floats) -> float | None:
    """A number, None for what is not one: a share of a gap that is not there."""
    return None if np.isnan(value) else float(value)


def _score(curve: Curve, money: Costs, low: str, high: str) -> RouterScore:
    cheap, dear = money.usd_per_request[low], money.usd_per_request[high]
    return RouterScore(
        apgr=_known(curves.apgr(curve)),
        cpt50=_known(100 * curves.cpt(curve, 0.5)),
        cpt80=_known(100 * curves.cpt(curve, 0.8)),
        aiq=curves.aiq(*curves.cost_quality(curve, cheap, dear)),
    )


def _baselines(
    labels: Labels,
    length: Floats,
    weak: Floats,
    strong: Floats,
    groups: NDArray[np.int64],
    seed: int,
    money: Costs,
    low: str,
    high: str,
) -> Baselines:
    def score(ranking: Floats) -> RouterScore:
        return _score(curves.curve_of(ranking, weak, strong), money, low, high)

    by_group = _group_means(labels.groups, strong - weak, groups, seed) if labels.groups else None
    return Baselines(
        random=score(np.zeros(len(weak))),
        length=score(length),
        group_mean=None if by_group is None else score(by_group),
        oracle=score(curves.oracle_scores(weak, strong)),
    )


def _group_means(names: tuple[str, ...], gain: Floats, groups: NDArray[np.int64], seed: int) -> Floats:
    """Mean gain of each prompt's subject over the other folds; the overall mean for a subject not seen there."""
    fold = split_folds(groups, FOLDS, seed)
    subject = np.unique(names, return_inverse=True)[1]
    scores = np.empty(len(gain))
    for number in range(FOLDS):
        seen, tested = fold != number, fold == number
        counts = np.bincount(subject[seen], minlength=subject.max() + 1)
        sums = np.bincount(subject[seen], gain[seen], minlength=subject.max() + 1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), gain[seen].mean())
        scores[tested] = means[subject[tested]]
    return scores


def _operating_share(
    curve: Curve, scores: Floats, gain: Floats, money: Costs, low: str, high: str, target: Target
) -> tuple[str, float]:
    """(how it was chosen, share sent to the large model)."""
    if target.quality is not None:
        if curve.quality[-1] <= 0:
            raise UsageError(
                "--target-quality has no meaning on these scores", code="usage.range",
                because=f"the mean score of `{high}` is {curve.quality[-1]:.3g}: a share of that is no quality",
                hint="give --max-strong, or scores that are above zero",
            )  # fmt: skip
        kept = target.quality * float(curve.quality[-1])
        return f"keep {target.quality:.0%} of the large model's quality", curves.share_for_quality(curve, kept)
    if target.most_large is not None:
        return f"at most {target.most_large:.0%} to the large model", target.most_large
    if target.usd_per_correct is not None:
        extra = money.usd_per_request[high] - money.usd_per_request[low]
        slope, base = _recalibrated(scores, gain)
        needed = extra / target.usd_per_correct
        expected = base + slope * scores
        return f"an adequate answer is worth ${target.usd_per_correct:g}", float((expected > needed).mean())
    share = float(curves.cpt(curve, 0.8))
    return "keep 80% of the gap", 0.0 if math.isnan(share) else share


def _threshold(scores: Floats, share: float) -> float:
    """The score at or above which `share` of the questions lie; beyond all scores, seen or not, for none or all."""
    margin = max(1.0, float(np.ptp(scores)))
    if share <= 0:
        return float(scores.max()) + margin
    return float(np.quantile(scores, 1 - share)) if share < 1 else float(scores.min()) - margin


def _recalibrated(scores: Floats, gain: Floats) -> tuple[float, float]:
    """(slope, base) of the line from out-of-fold score to mean gain: predicted gains become calibrated ones."""
    spread = float(((scores - scores.mean()) ** 2).mean())
    slope = float(((scores - scores.mean()) * (gain - gain.mean())).mean()) / spread if spread else 0.0
    return slope, float(gain.mean() - slope * scores.mean())


def _operating(
    point: tuple[str, float],
    threshold: float,
    curve: Curve,
    quality: Interval,
    labels: Labels,
    money: Costs,
    low: str,
    high: str,
) -> Operating:
    chosen_by, share = point
    cheap, dear = money.usd_per_request[low], money.usd_per_request[high]
    cost = cheap + share * (dear - cheap) + money.router_usd
    affordable = [name for name, usd in money.usd_per_request.items() if usd <= cost] or [low]
    best = max(affordable, key=labels.mean)
    return Operating(
        chosen_by=chosen_by,
        threshold=threshold,
        large_share=share,
        quality=quality,
        quality_kept=quality.value / float(curve.quality[-1]) if curve.quality[-1] > 0 else None,
        false_hard=float(np.interp(share, curve.share, curve.easy_up)),
        false_easy=1 - float(np.interp(share, curve.share, curve.hard_up)),
        usd_per_request=cost,
        saving=1 - cost / dear if dear else 0.0,
        best_single=best,
        best_single_quality=labels.mean(best),
        arena_score=_arena_score(quality.value, cost),
    )


def _arena_score(accuracy: float, usd_per_request: float) -> float | None:
    """S = (1 + beta) A C / (beta A + C), C = 1 at the cheapest and 0 at the dearest cost per 1,000 queries."""
    if not 0 <= accuracy <= 1 or usd_per_request <= 0:
        return None
    span = math.log2(_ARENA_DEAREST) - math.log2(_ARENA_CHEAPEST)
    cheapness = (math.log2(_ARENA_DEAREST) - math.log2(1000 * usd_per_request)) / span
    cheapness = min(1.0, max(0.0, cheapness))
    below = _ARENA_BETA * accuracy + cheapness
    return (1 + _ARENA_BETA) * accuracy * cheapness / below if below else 0.0


def _models(labels: Labels, money: Costs, intervals: dict[str, Interval]) -> tuple[ModelQuality, ...]:
    return tuple(
        ModelQuality(name=name, quality=intervals[_MEAN + name], usd_per_request=money.usd_per_request.get(name))
        for name in labels.models
    )


def _verdict(
    intervals: dict[str, Interval],
    lows: dict[str, float],
    operating: Operating,
    labels: Labels,
    low: str,
    high: str,
) -> tuple[Literal["route", "do not route"], tuple[str, ...]]:
    """Route only where the router beats a coin and prompt length at 99 %, and every single model of the price."""
    against = []
    if intervals["gap"].value <= 0:
        return "do not route", (f"`{high}` is not better than `{low}` on these labels: use `{low}`",)
    over, area = intervals["over_length"], intervals["apgr"]
    if not lows["apgr"] > 0.5:
        against.append(
            f"the text router is not better than a coin: APGR {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"
        )
    if not lows["over_length"] > 0:
        against.append(
            "the text router does not beat prompt length for sure: its APGR differs by "
            f"{over.value:+.3f} [{over.low:+.3f}, {over.high:+.3f}]; at 99 % from {lows['over_length']:+.3f}"
        )
    if operating.best_single_quality >= operating.quality.value:
        against.append(
            f"`{operating.best_single}` alone costs no more and is as good ({operating.best_single_quality:.3f} "
            f"against {operating.quality.value:.3f})"
        )
    if operating.saving <= 0:
        against.append("at this operating point it costs as much as the large model alone")
    if against:
        length = intervals["length_apgr"]
        if not lows["over_length"] > 0 and length.low > 0.5:
            tip = f"prompt length alone beats a coin (APGR {length.value:.3f}) and needs no training: try it first"
            against.append(tip)
        return "do not route", tuple(against)
    return "route", (
        f"it beats prompt length by {over.value:.3f} APGR [{over.low:+.3f}, {over.high:+.3f}] "
        f"and every single model of the same price",
    )


def _more_labels(quality: Interval, count: int) -> tuple[MoreLabels, ...]:
    """The interval shrinks with the root of the number of labels."""
    rows = []
    for wanted in _HALF_WIDTHS:
        needed = math.ceil(count * (quality.half_width / wanted) ** 2)
        rows.append(MoreLabels(half_width=wanted, labels=needed, more=max(0, needed - count)))
    return tuple(rows)


def _labels_to_decide(over: float, low: float, count: int) -> int | None:
    """Labels at which the 99 % interval would exclude zero if the difference seen is the true one."""
    return math.ceil(count * ((over - low) / over) ** 2) if over > 0 else None


def _curve_points(
    curve: Curve, length: Floats, weak: Floats, strong: Floats, money: Costs, low: str, high: str
) -> tuple[CurvePoint, ...]:
    cheap, dear = money.usd_per_request[low], money.usd_per_request[high]
    others = [curves.curve_of(ranking, weak, strong) for ranking in (length, strong - weak)]
    ends = (float(curve.quality[0]), float(curve.quality[-1]))
    points = []
    for step in range(_CURVE_STEPS + 1):
        share = step / _CURVE_STEPS
        points.append(
            CurvePoint(
                large_share=share,
                usd_per_request=cheap + share * (dear - cheap) + money.router_usd,
                quality=float(curve.at(share)),
                length_quality=float(others[0].at(share)),
                random_quality=ends[0] + share * (ends[1] - ends[0]),
                oracle_quality=float(others[1].at(share)),
            )
        )
    return tuple(points)
