"""What the user gave, made into nine answers: numbers stand in, contradictions warn, signals are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from sizer.decision.questions import Answer, Number, numbers, question, questions, reference_bill
from sizer.notices import Notice
from sizer.units import format_integer, format_usd
from sizer.values import frozen

__all__ = ["Given", "Signals", "StandIn", "Tally", "number_text", "resolve", "tally", "threshold_text"]


@frozen
class Given:
    """What the user gave, by flag, file or prompt; what is not there was not said."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    """Question id to answer."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Number id to value, in the number's unit."""
    domains: tuple[str, ...] = ()
    """Kinds of task and subjects of `evidence.yaml`."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was said."""
        return not self.numbers and all(answer == "unknown" for answer in self.answers.values())

    def over(self, other: Given) -> Given:
        """This, with what only `other` says added."""
        return Given(
            answers={**other.answers, **self.answers},
            numbers={**other.numbers, **self.numbers},
            domains=self.domains or other.domains,
        )


@frozen
class StandIn:
    """A number that decided an answer."""

    number: str
    value: float
    threshold: float
    """In the number's unit; where a yes begins."""
    unit: str


@frozen
class Tally:
    """The plain count of the note: a yes to seven questions is a signal for small, to two for big."""

    small: int
    big: int
    unknown: int
    """Questions that were not answered."""
    verdict: str
    """What the count alone would say: `small`, `big`, or `route` where it is even."""

    @property
    def text(self) -> str:
        """`2 big, 4 small`."""
        return f"{self.big} big, {self.small} small"


@frozen
class Signals:
    """The nine answers that the rules see, and how they came about."""

    answers: dict[str, Answer]
    """All nine, in order."""
    stand_ins: dict[str, StandIn]
    """Question id to the number that answered it."""
    tally: Tally
    warnings: tuple[Notice, ...]


def resolve(given: Given) -> Signals:
    """The nine answers: what was said, with every number in its place. A number beats a contradicting yes or no."""
    answers: dict[str, Answer] = {entry.id: given.answers.get(entry.id, "unknown") for entry in questions()}
    stand_ins: dict[str, StandIn] = {}
    warnings: list[Notice] = []
    for number in numbers():
        if number.id not in given.numbers or number.stands_for is None:
            continue
        name, value = number.stands_for, given.numbers[number.id]
        threshold = _threshold(number, given)
        if threshold is None:
            warnings.append(_no_bill(number))
            continue
        is_yes = number.is_yes(value, threshold)
        if not is_yes and number.otherwise == "keep":
            continue
        answer: Answer = "yes" if is_yes else "no"
        stand_ins[name] = StandIn(number=number.id, value=value, threshold=threshold, unit=number.unit)
        if answers[name] not in ("unknown", answer):
            warnings.append(_overridden(name, answers[name], answer, number, value, threshold))
        answers[name] = answer
    return Signals(answers=answers, stand_ins=stand_ins, tally=tally(answers), warnings=tuple(warnings))


def tally(answers: Mapping[str, Answer]) -> Tally:
    """The plain count of yes answers for each side."""
    small = sum(answers.get(entry.id) == "yes" and entry.speaks_for == "small" for entry in questions())
    big = sum(answers.get(entry.id) == "yes" and entry.speaks_for == "big" for entry in questions())
    unknown = sum(answers.get(entry.id, "unknown") == "unknown" for entry in questions())
    verdict = "small" if small > big else "big" if big > small else "route"
    return Tally(small=small, big=big, unknown=unknown, verdict=verdict)


def number_text(number: Number, value: float) -> str:
    """`4,000 queries a day`, `$1,200 a month`, `7.5 GB`."""
    if number.id.endswith("usd_per_month"):
        return f"{format_usd(value)} a month"
    shown = format_integer(int(value)) if value == int(value) else f"{value:,.10g}"
    return f"{shown} {number.unit}"


def threshold_text(number: Number, threshold: float, *, answer: Answer = "yes") -> str:
    """Where an answer begins: `from 10,000 queries a day`, `at 1,000 ms or less`, `below 16 GB`."""
    forms = {
        "at_least": ("from {}", "below {}"),
        "at_most": ("at {} or less", "above {}"),
        "below": ("below {}", "from {}"),
        "bill_above": ("below {}", "from {}"),
    }
    form = forms[number.yes_when or "at_least"][answer != "yes"]
    return form.format(number_text(number, threshold))


def _threshold(number: Number, given: Given) -> float | None:
    if number.yes_when != "bill_above":
        return number.threshold
    if "queries_per_day" not in given.numbers:
        return None
    tokens = (given.numbers.get("context_tokens", 0), given.numbers.get("output_tokens", 0))
    return reference_bill().usd_per_month(given.numbers["queries_per_day"], *tokens)


def _no_bill(number: Number) -> Notice:
    return Notice(
        code="number.unused",
        message=f"{number.flag} was not used: without --queries-per-day there is no bill to hold it against",
    )


def _overridden(name: str, said: Answer, answer: Answer, number: Number, value: float, threshold: float) -> Notice:
    side = question(name).flag
    return Notice(
        code="answer.overridden",
        message=(
            f"{side} {said} was overruled by {number.flag}: {number_text(number, value)} means {answer}"
            f" (yes {threshold_text(number, threshold)})"
        ),
    )
