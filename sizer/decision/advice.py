"""What to do with a verdict: how to split a route, which kind of small, the steps, as rows of `data/advice.yaml`."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping, Sequence

from sizer.decision.conditions import check_names, holds
from sizer.decision.evidence import cite
from sizer.decision.questions import number_for, numbers
from sizer.decision.signals import Given, Signals
from sizer.decision.verdict import Verdict, question_ids
from sizer.notices import Notice
from sizer.tables import load_table
from sizer.units import format_integer, plural
from sizer.values import frozen

__all__ = ["Size", "Split", "Step", "contradictions", "find_sizes", "find_split", "find_steps"]

_LOOK_AGAIN = datetime.timedelta(days=91)


@frozen
class Size:
    """One kind of small model."""

    id: str
    title: str
    total_parameters_from: int
    total_parameters_to: int
    """Exclusive."""
    why: str
    source: str
    evidence: tuple[str, ...]


@frozen
class Split:
    """How a route divides the traffic."""

    id: str
    kind: str
    """`by difficulty`, `by call site`, `by place`, `head and tail` or `by sensitivity`."""
    small_leg: str
    large_leg: str
    hand_over: str
    """Who decides which leg, and what to watch."""
    source: str
    evidence: tuple[str, ...]


@frozen
class Step:
    """Something to do."""

    id: str
    text: str
    source: str


@frozen
class _Contradiction:
    id: str
    when: dict[str, str]
    text: str


@frozen
class _SizeRow:
    id: str
    title: str
    when: dict[str, str]
    total_parameters_from: int
    total_parameters_to: int
    why: str
    evidence: tuple[str, ...]
    source: str
    domains: tuple[str, ...] = ()


@frozen
class _LabelTarget:
    examples_from: int
    examples_to: int
    source: str
    domains: tuple[str, ...] = ()


@frozen
class _SplitRow:
    id: str
    kind: str
    when: dict[str, str]
    small_leg: str
    large_leg: str
    hand_over: str
    source: str


@frozen
class _StepRow:
    id: str
    when: dict[str, str]
    text: str
    source: str


@frozen
class _Table:
    contradictions: tuple[_Contradiction, ...]
    sizes: tuple[_SizeRow, ...]
    label_targets: tuple[_LabelTarget, ...]
    splits: tuple[_SplitRow, ...]
    steps: tuple[_StepRow, ...]


@functools.cache
def _table() -> _Table:
    table: _Table = load_table("advice.yaml", _Table)
    conditions = [row.when for row in table.contradictions] + [row.when for row in table.sizes]
    conditions += [row.when for row in table.splits] + [row.when for row in table.steps]
    names = (*question_ids(), *(number.id for number in numbers()), "verdict")
    check_names(conditions, names, where="advice.yaml")
    return table


def contradictions(signals: Signals) -> tuple[Notice, ...]:
    """Answers that pull against each other, with what to do about it."""
    return tuple(
        Notice(code=f"answers.{row.id}", message=row.text)
        for row in _table().contradictions
        if holds(row.when, signals.answers)
    )


def find_sizes(
    verdict: Verdict, signals: Signals, domains: Sequence[str], *, largest_parameters: int | None = None
) -> tuple[Size, ...]:
    """The kinds of small model to try, in order; none where the verdict is big.

    The first is where to start, what follows is larger. `largest_parameters` is what the device's memory holds.
    """
    if verdict == "big":
        return ()
    rows = _table().sizes
    start = next(index for index, row in enumerate(rows) if _size_fits(row, signals, domains))
    capped = signals.answers["edge"] == "yes" and largest_parameters is not None
    chosen = [
        row
        for index, row in enumerate(rows[start:])
        if index == 0 or not capped or row.total_parameters_from <= (largest_parameters or 0)
    ]
    return tuple(
        Size(
            id=row.id,
            title=row.title,
            total_parameters_from=row.total_parameters_from,
            total_parameters_to=row.total_parameters_to,
            why=row.why,
            source=row.source,
            evidence=() if domains else row.evidence,
        )
        for row in chosen
        if row is rows[start] or row.id != "device_1_4b"
    )


def find_split(verdict: Verdict, signals: Signals, domains: Sequence[str]) -> Split | None:
    """How to divide the traffic; None unless the verdict is route."""
    if verdict != "route":
        return None
    row = next(row for row in _table().splits if holds(row.when, signals.answers))
    return Split(
        id=row.id,
        kind=row.kind,
        small_leg=row.small_leg,
        large_leg=row.large_leg,
        hand_over=row.hand_over,
        source=row.source,
        evidence=cite("split", domains=domains, general=("routellm-mt-bench",)),
    )


def find_steps(
    verdict: Verdict, signals: Signals, given: Given, sizes: tuple[Size, ...], as_of: datetime.date
) -> tuple[Step, ...]:
    """What to do, in order, with the numbers that were given filled in."""
    facts: dict[str, str] = {number.id: "no" for number in numbers()}
    facts |= dict.fromkeys(given.numbers, "yes") | signals.answers | {"verdict": verdict}
    fill = _placeholders(given, sizes, as_of)
    return tuple(
        Step(id=row.id, text=row.text.format_map(fill), source=row.source)
        for row in _table().steps
        if holds(row.when, facts)
    )


def _size_fits(row: _SizeRow, signals: Signals, domains: Sequence[str]) -> bool:
    return (not row.domains or not set(domains).isdisjoint(row.domains)) and holds(row.when, signals.answers)


def _placeholders(given: Given, sizes: tuple[Size, ...], as_of: datetime.date) -> Mapping[str, str]:
    """`labels_wanted`, `size`, `next_size`, `volume_threshold`, `context_tokens`, `look_again`."""
    volume = number_for("high_volume")
    return {
        "labels_wanted": _labels_wanted(given),
        "size": sizes[0].title if sizes else "",
        "next_size": sizes[1].title if len(sizes) > 1 else "a route with a large model",
        "volume_threshold": format_integer(int(volume.threshold or 0)) if volume else "",
        "context_tokens": format_integer(int(given.numbers.get("context_tokens", 0))),
        "look_again": (as_of + _LOOK_AGAIN).isoformat(),
    }


def _labels_wanted(given: Given) -> str:
    target = next(row for row in _table().label_targets if not row.domains or {*given.domains} & {*row.domains})
    wanted = f"{format_integer(target.examples_from)} to {format_integer(target.examples_to)} labels"
    missing = target.examples_from - int(given.numbers.get("labeled_examples", target.examples_from))
    have = given.numbers.get("labeled_examples")
    return wanted if have is None or missing <= 0 else f"{plural(missing, 'more label')} at least ({wanted} in all)"
