"""The nine questions and the seven numbers, as data; what counts as a yes, and what a number stands in for.

`data/questions.yaml` is the one place: flags, prompts, answer files and JSON keys are made from it.
"""

from __future__ import annotations

import datetime
import difflib
import functools
import math
from typing import Any, Literal

from sizer.errors import UsageError
from sizer.tables import load_table
from sizer.units import parse_count, parse_number
from sizer.values import frozen

__all__ = [
    "Answer",
    "DomainQuestion",
    "Meaning",
    "Number",
    "Question",
    "ReferenceBill",
    "Side",
    "domain_question",
    "number_for",
    "numbers",
    "parse_answer",
    "parse_quantity",
    "question",
    "questions",
    "reference_bill",
]

Answer = Literal["yes", "no", "unknown"]
Side = Literal["small", "big"]

_WORDS: dict[str, Answer] = {
    **dict.fromkeys(("yes", "y", "true", "1", "on"), "yes"),
    **dict.fromkeys(("no", "n", "false", "0", "off"), "no"),
    **dict.fromkeys(("unknown", "u", "?", "dk", "don't know", "dont know"), "unknown"),
}


@frozen
class Meaning:
    """What one answer to a question means."""

    means: str
    example: str
    says: str
    """The answer as a sentence of the user's."""
    effect: str
    """What it does to the choice."""


@frozen
class Question:
    """One of the nine questions."""

    id: str
    ask: str
    speaks_for: Side
    """The side that a yes counts for."""
    yes: Meaning
    no: Meaning
    why: str
    """Why it matters, shown on `?`."""
    source: str
    checked: datetime.date
    evidence: tuple[str, ...]
    """Rows of `evidence.yaml` to cite where no domain was named."""
    shown_by: Literal["quality", "cost", "latency", "place"] = "quality"
    """What its rows show: who wins speaks for or against a reason only where it is about quality."""

    @property
    def flag(self) -> str:
        """`--well-defined`."""
        return "--" + self.id.replace("_", "-")

    def meaning(self, answer: Answer) -> Meaning:
        """The meaning of a yes or of a no."""
        return self.yes if answer == "yes" else self.no

    def side(self, answer: Answer) -> Side:
        """The side that a yes, or a no, speaks for."""
        opposite: Side = "big" if self.speaks_for == "small" else "small"
        return self.speaks_for if answer == "yes" else opposite


@frozen
class Number:
    """A number that stands in for an answer, filters candidates or enters the arithmetic."""

    id: str
    kind: Literal["count", "amount"]
    """A count is whole."""
    unit: str
    means: str
    minimum: float = 0
    stands_for: str | None = None
    """The question it answers."""
    yes_when: Literal["at_least", "at_most", "below", "bill_above"] | None = None
    """How the number compares with the threshold for a yes; `bill_above`: the bill is above the number."""
    threshold: float | None = None
    """In `unit`; None for `bill_above`, whose threshold is the bill."""
    otherwise: Literal["no", "keep"] = "no"
    """The answer where it is not a yes: a no, or what was said."""

    @property
    def flag(self) -> str:
        """`--queries-per-day`."""
        return "--" + self.id.replace("_", "-")

    def is_yes(self, value: float, threshold: float) -> bool:
        """Whether the value is a yes against the threshold."""
        if self.yes_when == "at_least":
            return value >= threshold
        if self.yes_when == "at_most":
            return value <= threshold
        return value < threshold


@frozen
class ReferenceBill:
    """What a large model's calls cost where only their number is known; list prices in US dollars."""

    input_usd_per_mtok: float
    output_usd_per_mtok: float
    input_tokens: int
    """Tokens in, where `context_tokens` was not given."""
    output_tokens: int
    days_per_month: int
    means: str
    source: str
    checked: datetime.date

    def usd_per_month(self, queries_per_day: float, input_tokens: float = 0, output_tokens: float = 0) -> float:
        """US dollars a month for that many queries a day; 0 tokens means the default."""
        per_query = (input_tokens or self.input_tokens) * self.input_usd_per_mtok
        per_query += (output_tokens or self.output_tokens) * self.output_usd_per_mtok
        return queries_per_day * self.days_per_month * per_query / 1_000_000


@frozen
class DomainQuestion:
    """The last question, whose answer is the names of kinds of task and subjects."""

    ask: str
    example: str
    why: str


@frozen
class _Table:
    questions: tuple[Question, ...]
    domain: DomainQuestion
    reference_bill: ReferenceBill
    numbers: tuple[Number, ...]


def _table() -> _Table:
    table: _Table = load_table("questions.yaml", _Table)
    return table


def questions() -> tuple[Question, ...]:
    """The nine questions in the order they are asked."""
    return _table().questions


@functools.cache
def question(name: str) -> Question:
    """The question of that id. Raises KeyError."""
    return {entry.id: entry for entry in questions()}[name]


def domain_question() -> DomainQuestion:
    """The optional question that follows the nine."""
    return _table().domain


def numbers() -> tuple[Number, ...]:
    """The numbers that may be given."""
    return _table().numbers


@functools.cache
def number_for(name: str) -> Number | None:
    """The number that stands in for a question, if one does."""
    return next((number for number in numbers() if number.stands_for == name), None)


def reference_bill() -> ReferenceBill:
    """The price that the bill is reckoned with."""
    return _table().reference_bill


def parse_answer(value: Any, *, name: str) -> Answer:
    """`yes`, `no` or `unknown` from a flag or a file: yes/y/true/1, no/n/false/0, unknown/u/?/don't know.

    None, which is an empty line of a file, is unknown.

    Raises UsageError, naming `name` and what is accepted.
    """
    word = "unknown" if value is None else str(value).strip().lower()
    if answer := _WORDS.get(word):
        return answer
    close = difflib.get_close_matches(word, [key for key in _WORDS if len(key) > 1], n=1)
    raise UsageError(
        f"{name}: `{value}` is not an answer",
        code="usage.answer",
        because="an answer is yes, no or unknown",
        hint=f"did you mean `{_WORDS[close[0]]}`?" if close else "write yes, no or unknown, or leave it out",
    )


def parse_quantity(number: Number, value: Any, *, name: str) -> float:
    """The value of a number from a flag, a prompt or a file: `10k`, `1,200`, 0.5, `24GB`. Counts come back whole.

    Raises UsageError where it is not a number, not whole, or below the minimum.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _not_a_number(value, name, number)
    if isinstance(value, float) and not math.isfinite(value):
        raise _not_a_number(value, name, number)
    text = f"{value:f}" if isinstance(value, float) else str(value).strip()
    if text.lower().endswith(number.unit.lower()):
        text = text[: -len(number.unit)].rstrip()
    if number.kind == "amount":
        return parse_number(text, name=name, minimum=number.minimum, forms=f"12, 1,200 or 0.5, in {number.unit}")
    if not text[-1:].isalpha():
        amount = parse_number(text, name=name, maximum=1e15)
        if amount != int(amount):
            raise _not_a_number(value, name, number)
    return parse_count(text, name=name, minimum=int(number.minimum), forms=f"12000, 12,000 or 12k {number.unit}")


def _not_a_number(value: Any, name: str, number: Number) -> UsageError:
    return UsageError(
        f"{name}: `{value}` is not a number that is understood",
        code="usage.number",
        because=f"it is {number.means}, {'a whole number' if number.kind == 'count' else 'a number'} of {number.unit}",
        hint="write 1200, for example",
    )
