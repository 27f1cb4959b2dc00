"""The interview as a state machine: a state and a line in, a state and what to say out. Nothing here reads or prints.

Every line leads somewhere: a yes or no, Enter, a number, `?`, `b`, `m`, `d`, `q`; anything else says what is
understood and asks again. After the nine questions comes the domain, which may be skipped; the end is a review in
which every answer can still be changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from sizer.decision.evidence import check_domains
from sizer.decision.questions import Answer, Number, Question, number_for, numbers, parse_quantity, questions
from sizer.decision.signals import Given, Signals, number_text, resolve
from sizer.decision.stability import NextQuestion, next_question
from sizer.decision.verdict import Verdict, sheet_of, verdict_of
from sizer.errors import UsageError
from sizer.values import frozen

__all__ = ["Interview", "Phase", "start", "step"]

Phase = Literal["question", "domain", "review", "done", "left"]

_HELP = ("?", "h", "help", "why")
_YES = ("y", "yes")
_NO = ("n", "no")
_UNKNOWN = ("u", "unknown", "-")


@frozen
class Interview:
    """Where the interview stands."""

    given: Given
    position: int
    """Index of the question that is asked."""
    phase: Phase
    message: str = ""
    """What to say about the last line; `""` for nothing."""
    explain: bool = False
    """Whether the question's background is to be shown."""
    from_review: bool = False
    """Whether to go back to the review after this answer."""

    @property
    def question(self) -> Question:
        """The question that is asked."""
        return questions()[self.position]

    @property
    def signals(self) -> Signals:
        """What the answers so far come to."""
        return resolve(self.given)

    @property
    def leaning(self) -> Verdict:
        """The verdict if nothing more were said."""
        return verdict_of(sheet_of(self.signals.answers))

    @property
    def most_telling(self) -> NextQuestion | None:
        """The open question that settles most."""
        return next_question(sheet_of(self.signals.answers))

    @property
    def answer(self) -> Answer:
        """The answer that the asked question has now."""
        return self.signals.answers[self.question.id]


def start(given: Given) -> Interview:
    """The interview at the first question that nothing was said about; at the review where there is none."""
    first = _unasked(given)
    phase: Phase = "question" if first else "review"
    return Interview(given=given, position=first[0] if first else 0, phase=phase)


def step(state: Interview, line: str | None) -> Interview:
    """The next state after a line; None is the end of input, which goes on to the advice with what is known."""
    state = replace(state, message="", explain=False)
    if line is None:
        return replace(state, phase="left" if state.given.is_empty else "done")
    word = line.strip().lower()
    if word in ("q", "quit", "exit"):
        return replace(state, phase="left")
    if state.phase == "domain":
        return _at_domain(state, word)
    return _at_review(state, word) if state.phase == "review" else _at_question(state, word)


def _at_question(state: Interview, word: str) -> Interview:
    entry = state.question
    if word in _HELP:
        return replace(state, explain=True)
    if word in ("b", "back"):
        return _back(state)
    if word in ("d", "done"):
        return replace(state, phase="review", from_review=False)
    if word in ("m", "most"):
        return _most_telling(state)
    if word in _YES or word in _NO or word in _UNKNOWN:
        answer: Answer = "yes" if word in _YES else "no" if word in _NO else "unknown"
        return _onwards(_with_answer(state, entry, answer))
    if not word:
        return _onwards(state if entry.id in state.given.answers else _with_answer(state, entry, state.answer))
    number = number_for(entry.id)
    if number is not None and word[0].isdigit():
        return _with_number(state, number, word)
    hint = f", a number of {number.unit}" if number else ""
    return replace(state, message=f"`{word}` is not understood: y, n, Enter{hint}, or ? for why")


def _at_domain(state: Interview, word: str) -> Interview:
    if word in _HELP:
        return replace(state, explain=True)
    if word in ("b", "back"):
        return _back(replace(state, position=len(questions())))
    review = replace(state, phase="review", from_review=False)
    if not word or word in ("d", "done"):
        return review
    if word in _UNKNOWN:
        return replace(review, given=replace(state.given, domains=()))
    taken = _with_domains(state, word)
    return taken if taken.message else replace(taken, phase="review", from_review=False)


def _with_domains(state: Interview, word: str) -> Interview:
    try:
        return replace(state, given=replace(state.given, domains=check_domains(word)))
    except UsageError as error:
        return replace(
            state, message=f"`{word}` is no kind of task or subject ({error.hint}): Enter skips, ? lists them"
        )


def _at_review(state: Interview, word: str) -> Interview:
    last = len(questions()) + 1
    if not word or word in _YES or word in ("d", "done"):
        return replace(state, phase="done")
    if word in ("b", "back"):
        return replace(state, phase="domain", from_review=False)
    if word.isdigit() and int(word) == last:
        return replace(state, phase="domain", from_review=True)
    if word.isdigit() and 1 <= int(word) < last:
        return replace(state, phase="question", position=int(word) - 1, from_review=True)
    name, equals, value = word.partition("=")
    if equals and name.strip() == "domain":
        return _with_domains(state, value)
    number = next((n for n in numbers() if n.id == name.strip().replace("-", "_")), None)
    if equals and number is not None:
        return _with_number(state, number, value.strip())
    return replace(state, message=f"`{word}` is not understood: Enter for the advice, 1 to {last} to change an answer")


def _back(state: Interview) -> Interview:
    if state.from_review:
        return replace(state, phase="review", from_review=False)
    if state.position == 0:
        return replace(state, message="this is the first question")
    return replace(state, phase="question", position=state.position - 1)


def _most_telling(state: Interview) -> Interview:
    telling = state.most_telling
    if telling is None:
        return replace(state, message="no open question can change the advice: d for the review")
    return replace(state, position=[entry.id for entry in questions()].index(telling.question))


def _onwards(state: Interview) -> Interview:
    if state.from_review:
        return replace(state, phase="review", from_review=False)
    left = _unasked(state.given)
    if not left:
        return replace(state, phase="review" if state.given.domains else "domain")
    return replace(state, position=next((n for n in left if n > state.position), left[0]))


def _unasked(given: Given) -> list[int]:
    """Positions of the questions that nothing was said about, not even a don't know."""
    said = {*given.answers, *resolve(given).stand_ins}
    return [n for n, entry in enumerate(questions()) if entry.id not in said]


def _with_answer(state: Interview, entry: Question, answer: Answer) -> Interview:
    """The answer taken over; a number that said something else gives way, as the later word."""
    number = number_for(entry.id)
    kept = {name: value for name, value in state.given.numbers.items() if number is None or name != number.id}
    loses = number is not None and number.id in state.given.numbers and state.answer != answer
    given = replace(
        state.given,
        answers={**state.given.answers, entry.id: answer},
        numbers=kept if loses else state.given.numbers,
    )
    return replace(state, given=given)


def _with_number(state: Interview, number: Number, word: str) -> Interview:
    try:
        value = parse_quantity(number, word, name=number.id)
    except UsageError as error:
        return replace(state, message=f"{error.what}: {error.because}")
    given = replace(state.given, numbers={**state.given.numbers, number.id: value})
    stands_in = number.stands_for in resolve(given).stand_ins
    if number.stands_for is not None and stands_in:
        given = replace(given, answers={**given.answers, number.stands_for: resolve(given).answers[number.stands_for]})
    said = f"noted: {number_text(number, value)}"
    if number.stands_for is not None:
        said += f", so {number.stands_for} is {given.answers[number.stands_for]}" if stands_in else "; yes or no?"
    taken = replace(state, given=given, message=said)
    return _onwards(taken) if stands_in and state.phase == "question" else taken
