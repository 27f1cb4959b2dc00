"""Routers: how often one errs at each share of requests that it sends to the large model.

A router is its curve of (false-hard, false-easy) pairs, from "nothing goes up" (0, 1) to "everything goes up"
(1, 0). Between two measured points it is interpolated: a coin between two thresholds reaches every point of
the segment. Measured curves are data (`data/routers.yaml`), each with its source.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from sizer.errors import UsageError
from sizer.routing.economics import Errors, Outcome, delivered_quality, large_share
from sizer.tables import load_table
from sizer.values import frozen

__all__ = [
    "Router",
    "calibrated_router",
    "custom_router",
    "find_router",
    "measured_routers",
    "perfect_router",
    "random_router",
]


@frozen
class _MeasuredRow:
    """One entry of `data/routers.yaml`."""

    name: str
    title: str
    data: str
    questions: int
    hard_share: float
    usd_per_request: float
    latency_seconds: float
    source: str
    checked: datetime.date
    points: list[tuple[float, float, float]]


@frozen
class Router:
    """A way to send requests up or down."""

    name: str
    """What `--router` calls it."""
    title: str
    """What it is, in a few words."""
    source: str
    """The measurement or flag behind its error rates."""
    points: tuple[Errors, ...]
    """Error rates from the strictest threshold to the most generous one, the two trivial ends included."""
    usd_per_request: float = 0.0
    """What one decision costs."""
    latency_seconds: float = 0.0
    """What one decision takes."""
    as_of: str = ""
    """The date of the measurement."""
    is_measured: bool = False
    """Whether the error rates were measured on labelled outcomes of others."""
    hard_questions: int = 0
    """Hard questions that the false-easy rates were measured on; 0 where they were not."""
    is_unadvised: bool = False
    """Whether calibration said of it: do not route."""

    def at_share(self, share: float, hard_share: float) -> Errors:
        """The error rates at which `share` of the requests go to the large model."""
        low = self.points[0]
        for high in self.points[1:]:
            below, above = large_share(hard_share, low), large_share(hard_share, high)
            if above >= share:
                part = 0.0 if above == below else (share - below) / (above - below)
                return _between(low, high, max(0.0, part))
            low = high
        return low

    def at_quality(
        self, quality: float, hard_share: float, outcome: Outcome, *, retried: float = 0.0, needless: float = 0.0
    ) -> Errors:
        """The error rates with the smallest share sent up that deliver `quality`; the generous end if none does.

        `retried` of the bad and `needless` of the fine small answers are asked again.
        """

        def delivered(errors: Errors) -> float:
            lost, down = errors.false_easy * (1 - retried), (1 - errors.false_hard) * (1 - needless)
            return delivered_quality(hard_share, outcome, hard_lost=lost, easy_down=down)

        low = self.points[0]
        for high in self.points[1:]:
            below, above = delivered(low), delivered(high)
            if below >= quality:
                return low
            if above >= quality:
                return _between(low, high, (quality - below) / (above - below))
            low = high
        return low


def measured_routers() -> dict[str, Router]:
    """The shipped measured routers, by the name that `--router` takes."""
    rows = load_table("routers.yaml", list[_MeasuredRow])
    return {
        row.name: Router(
            name=row.name,
            title=f"{row.title}, measured on {row.data}",
            source=row.source,
            points=_curve([Errors(false_hard=alpha, false_easy=beta) for _, alpha, beta in row.points]),
            usd_per_request=row.usd_per_request,
            latency_seconds=row.latency_seconds,
            as_of=row.checked.isoformat(),
            is_measured=True,
            hard_questions=round(row.questions * row.hard_share),
        )
        for row in rows
    }


def perfect_router() -> Router:
    """A router that is never wrong; it does not exist."""
    return Router(
        name="perfect",
        title="a router that is never wrong",
        source="by definition; no such router exists",
        points=_curve([Errors(false_hard=0.0, false_easy=0.0)]),
    )


def random_router() -> Router:
    """A coin."""
    return Router(name="random", title="a coin", source="by definition", points=_curve([]))


def custom_router(false_hard: float, false_easy: float) -> Router:
    """A router with the user's own error rates."""
    return Router(
        name="custom",
        title="your own error rates",
        source="--false-hard, --false-easy",
        points=_curve([Errors(false_hard=false_hard, false_easy=false_easy)]),
    )


def calibrated_router(path: Path) -> Router:
    """The router that `sizer route calibrate --save` wrote, at its operating point. Raises UsageError."""
    from sizer.routing.calibration.text_router import load_router

    router, facts = load_router(path)
    try:
        point = Errors(false_hard=float(facts["false_hard"]), false_easy=float(facts["false_easy"]))
        hard_questions = round(router.trained_on * float(facts.get("hard_share", 0.0)))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"`{path}` has no error rates", code="usage.router", because=f"{type(error).__name__}: {error}",
            hint="save it again with `sizer route calibrate --save`",
        ) from error  # fmt: skip
    text = measured_routers()["text"]
    return Router(
        name="calibrated",
        title=f"your router, measured on {router.trained_on:,} labels",
        source=f"{path.name}: {facts.get('chosen_by', 'its operating point')}",
        points=_curve([point]),
        hard_questions=hard_questions,
        is_unadvised=facts.get("verdict") == "do not route",
        usd_per_request=text.usd_per_request,
        latency_seconds=text.latency_seconds,
    )


def find_router(name: str) -> Router:
    """The router that `--router NAME` names. Raises UsageError where there is none."""
    known = {"perfect": perfect_router, "random": random_router}
    if name in known:
        return known[name]()
    measured = measured_routers()
    if name not in measured:
        raise UsageError(
            f"--router: no router is called `{name}`",
            code="usage.router",
            because=f"known are perfect, random, {', '.join(measured)}, and files that calibrate saved (*.json)",
            hint="take one of those, or give your own rates with --false-hard and --false-easy",
        )
    return measured[name]


def _curve(points: list[Errors]) -> tuple[Errors, ...]:
    return (Errors(false_hard=0.0, false_easy=1.0), *points, Errors(false_hard=1.0, false_easy=0.0))


def _between(low: Errors, high: Errors, part: float) -> Errors:
    return Errors(
        false_hard=low.false_hard + part * (high.false_hard - low.false_hard),
        false_easy=low.false_easy + part * (high.false_easy - low.false_easy),
    )
