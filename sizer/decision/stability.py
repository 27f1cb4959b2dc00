"""How firm a verdict is: what the open answers could still change, and which single answers flip it.

Stability is not a probability of being right: on published decisions the share of completions does not
predict whether the verdict was the one chosen (docs/concepts/decision.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sizer.decision.questions import Answer, number_for, question
from sizer.decision.signals import Signals, StandIn, number_text, threshold_text
from sizer.decision.verdict import Sheet, Verdict, question_ids, sheet_of, verdict_of
from sizer.values import frozen

__all__ = ["Change", "Flip", "NextQuestion", "Stability", "completions", "find_flips", "measure", "next_question"]

_HIGH_SHARE, _LOW_SHARE, _HIGH_FLIPS = 0.9, 0.5, 1
_DECISIVE = ("well_defined", "diverse")


@frozen
class Change:
    """One answer that would be different."""

    question: str
    was: Answer
    becomes: Answer
    crossing: str
    """Where the number that was given would cross over (`from 10,000 queries a day`); `""` where none was given."""


@frozen
class Flip:
    """Answers that, changed, give another verdict."""

    changes: tuple[Change, ...]
    """One change, or two where no single one is enough."""
    verdict: Verdict
    text: str


@frozen
class Stability:
    """How many ways of filling in the open answers keep the verdict."""

    level: str
    """`high`, `medium` or `low`."""
    share: float
    """kept / completions; 1 where nothing is open."""
    kept: int
    completions: int
    """2 to the number of open answers."""
    open: tuple[str, ...]
    """The questions without an answer."""
    flipping_answers: int
    """Known answers that, turned around alone, change the verdict."""
    text: str


@frozen
class NextQuestion:
    """The open question that settles most."""

    question: str
    ask: str
    disagreement: float
    """Share of the completions of the other open answers in which its yes and its no lead to different verdicts."""
    text: str


def completions(sheet: Sheet) -> Iterator[Sheet]:
    """Every way of answering what is open with yes or no."""
    options: list[tuple[Answer, ...]] = [("yes", "no") if answer == "unknown" else (answer,) for answer in sheet]
    return itertools.product(*options)


def measure(sheet: Sheet) -> Stability:
    """The stability of the verdict for these answers."""
    verdict = verdict_of(sheet)
    verdicts = [verdict_of(filled) for filled in completions(sheet)]
    kept, count = verdicts.count(verdict), len(verdicts)
    unknown = tuple(name for name, answer in zip(question_ids(), sheet, strict=True) if answer == "unknown")
    flipping = sum(1 for changed, _ in _single_changes(sheet) if changed.was != "unknown")
    share = kept / count
    if share < _LOW_SHARE or set(_DECISIVE) <= set(unknown):
        level = "low"
    else:
        level = "high" if share >= _HIGH_SHARE and flipping <= _HIGH_FLIPS else "medium"
    return Stability(
        level=level,
        share=share,
        kept=kept,
        completions=count,
        open=unknown,
        flipping_answers=flipping,
        text=_stability_text(kept, count, len(unknown), flipping),
    )


def find_flips(signals: Signals) -> tuple[Flip, ...]:
    """Every single answer that changes the verdict, nearest first; pairs where no single one does."""
    sheet = sheet_of(signals.answers)
    found: list[tuple[tuple[Change, ...], Verdict]] = [((change,), to) for change, to in _single_changes(sheet)]
    found = found or list(_pair_changes(sheet))
    flips = [_flip(changes, verdict, signals) for changes, verdict in found]
    return tuple(sorted(flips, key=lambda flip: sum(_distance(change, signals) for change in flip.changes)))


def next_question(sheet: Sheet) -> NextQuestion | None:
    """The open question whose two answers disagree in most completions; None where none can change the verdict."""
    best: tuple[float, str] | None = None
    for index, name in enumerate(question_ids()):
        if sheet[index] != "unknown":
            continue
        disagreement = _disagreement(sheet, index)
        if disagreement > 0 and (best is None or disagreement > best[0]):
            best = (disagreement, name)
    if best is None:
        return None
    return NextQuestion(
        question=best[1],
        ask=question(best[1]).ask,
        disagreement=best[0],
        text=f"{question(best[1]).flag} settles most: its yes and no differ in {best[0]:.0%} of what is still open",
    )


def _disagreement(sheet: Sheet, index: int) -> float:
    pairs = list(completions(_with(sheet, index, "yes")))
    return sum(verdict_of(filled) != verdict_of(_with(filled, index, "no")) for filled in pairs) / len(pairs)


def _with(sheet: Sheet, index: int, answer: Answer) -> Sheet:
    return (*sheet[:index], answer, *sheet[index + 1 :])


def _turns(answer: Answer) -> tuple[Answer, ...]:
    return {"yes": ("no",), "no": ("yes",), "unknown": ("yes", "no")}[answer]  # type: ignore[return-value]


def _single_changes(sheet: Sheet) -> Iterator[tuple[Change, Verdict]]:
    now = verdict_of(sheet)
    for index, name in enumerate(question_ids()):
        for answer in _turns(sheet[index]):
            verdict = verdict_of(_with(sheet, index, answer))
            if verdict != now:
                yield Change(question=name, was=sheet[index], becomes=answer, crossing=""), verdict


def _pair_changes(sheet: Sheet) -> Iterator[tuple[tuple[Change, ...], Verdict]]:
    for one, two in itertools.combinations(range(len(sheet)), 2):
        for first, second in itertools.product(_turns(sheet[one]), _turns(sheet[two])):
            verdict = verdict_of(_with(_with(sheet, one, first), two, second))
            if verdict != verdict_of(sheet):
                names = question_ids()
                yield (
                    (
                        Change(question=names[one], was=sheet[one], becomes=first, crossing=""),
                        Change(question=names[two], was=sheet[two], becomes=second, crossing=""),
                    ),
                    verdict,
                )


def _flip(changes: tuple[Change, ...], verdict: Verdict, signals: Signals) -> Flip:
    placed = tuple(
        Change(question=c.question, was=c.was, becomes=c.becomes, crossing=_crossing(c, signals)) for c in changes
    )
    told = " and ".join(_change_text(change, signals.stand_ins.get(change.question)) for change in placed)
    return Flip(changes=placed, verdict=verdict, text=f"would be {verdict} if {told}")


def _crossing(change: Change, signals: Signals) -> str:
    stand_in = signals.stand_ins.get(change.question)
    number = number_for(change.question)
    if stand_in is None or number is None or (number.otherwise == "keep" and change.becomes == "no"):
        return ""
    return threshold_text(number, stand_in.threshold, answer=change.becomes)


def _change_text(change: Change, stand_in: StandIn | None) -> str:
    number = number_for(change.question)
    told = f"{change.question} were {change.becomes}"
    if stand_in is None or number is None:
        return told + (" (it is open)" if change.was == "unknown" else "")
    where = f", that is {change.crossing}" if change.crossing else ""
    return f"{told}{where}; you said {number_text(number, stand_in.value)}"


def _distance(change: Change, signals: Signals) -> float:
    """How far an answer is from turning: the relative distance of a number, at most 1; half of that if it is open."""
    stand_in = signals.stand_ins.get(change.question)
    if stand_in is None:
        return 0.5 if change.was == "unknown" else 1.0
    return min(1.0, abs(stand_in.value - stand_in.threshold) / max(stand_in.threshold, 1e-9))


def _stability_text(kept: int, count: int, unknown: int, flipping: int) -> str:
    filled = "nothing is open" if not unknown else f"{kept} of {count} ways to fill in the open answers keep it"
    turned = {0: "no single answer you gave flips it", 1: "one answer you gave flips it"}
    return f"{filled}; {turned.get(flipping, f'{flipping} of the answers you gave flip it')}"
