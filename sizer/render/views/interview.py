"""The interview of `sizer recommend`: one question on the screen, and the review at the end."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sizer.decision.evidence import kinds, subjects
from sizer.decision.interview import Interview
from sizer.decision.questions import domain_question, number_for, numbers, questions
from sizer.decision.signals import number_text, threshold_text
from sizer.render.terminal import heading, key_values, safe, table
from sizer.render.views.recommend import VERDICT_STYLE

__all__ = ["prompt_text", "show", "show_start"]

_MARK = {"yes": "yes", "no": "no", "unknown": "don't know"}


def show(state: Interview, console: Console) -> None:
    """Print where the interview stands."""
    if state.message:
        console.print(Text(safe(state.message), style="yellow"))
    if state.phase == "question":
        _show_question(state, console)
    elif state.phase == "domain":
        _show_domain(state, console)
    elif state.phase == "review":
        _show_review(state, console)


def show_start(console: Console) -> None:
    """Print what can be typed, once."""
    console.print(Text("Nine questions and an optional one; answer what you know, leave the rest open.", style="bold"))
    console.print(_keys())


def prompt_text(state: Interview) -> str:
    """What stands before the cursor."""
    if state.phase == "review":
        return f"Enter for the advice, 1-{len(questions()) + 1} to change an answer, q to leave > "
    if state.phase == "domain":
        told = f"keep {', '.join(state.given.domains)}" if state.given.domains else "skip"
        return f"kind of task, subject (Enter: {told}, ?: list) > "
    number = number_for(state.question.id)
    what = f", or {number.unit}" if number else ""
    said = state.question.id in state.given.answers
    return f"y/n{what} (Enter: {'keep ' if said else ''}{_MARK[state.answer]}) > "


def _keys() -> Padding:
    pairs = [
        ("y, n", "yes, no"),
        ("Enter", "don't know, or keep what was said"),
        ("a number", "where the question has one: 4000, 12k, 0.5"),
        ("?", "why it matters"),
        ("b, m, d", "back, to the most telling question, done (the review)"),
        ("u, q", "unsay an answer, leave"),
    ]
    return Padding(key_values(pairs), (0, 0, 0, 2))


def _show_question(state: Interview, console: Console) -> None:
    if state.explain:
        _show_why(state, console)
    console.print()
    entry = state.question
    console.print(Text.assemble((f"{state.position + 1}/{len(questions()) + 1}  ", "dim"), (entry.ask, "bold")))
    pairs = [("yes", f"{entry.yes.means} ({entry.yes.example})"), ("no", f"{entry.no.means} ({entry.no.example})")]
    console.print(Padding(key_values(pairs), (0, 0, 0, 2)))
    console.print(_standing(state))


def _show_domain(state: Interview, console: Console) -> None:
    entry = domain_question()
    if state.explain:
        console.print(Padding(Text(entry.why), (0, 0, 0, 2)))
        pairs = [("kinds of task", ", ".join(kinds())), ("subjects", ", ".join(subjects()))]
        console.print(Padding(key_values(pairs), (0, 0, 0, 2)))
    console.print()
    place = f"{len(questions()) + 1}/{len(questions()) + 1}  "
    console.print(Text.assemble((place, "dim"), (entry.ask, "bold"), (f" (such as {entry.example})", "dim")))
    console.print(_standing(state))


def _standing(state: Interview) -> Text:
    """The running tally, the verdict so far, and the question that settles most."""
    telling = state.most_telling
    text = Text("  your signals: " + state.signals.tally.text, style="dim")
    if not state.given.is_empty:
        text.append("; so far: ").append(state.leaning, style=VERDICT_STYLE[state.leaning])
    if telling and (state.phase != "question" or telling.question != state.question.id):
        text.append(f"; most telling: {telling.question}", style="dim")
    elif telling:
        text.append("; most telling: this one", style="dim")
    return text


def _show_why(state: Interview, console: Console) -> None:
    entry, number = state.question, number_for(state.question.id)
    console.print(Padding(Text(entry.why), (0, 0, 0, 2)))
    if number is not None and number.threshold is not None:
        told = f"A number answers too: {number.means}; yes {_yes_from(state)}."
        console.print(Padding(Text(told), (0, 0, 0, 2)))
    console.print(Padding(Text(f"{entry.source} ({entry.checked})", style="dim"), (0, 0, 0, 2)))
    console.print(_keys())


def _yes_from(state: Interview) -> str:
    number = number_for(state.question.id)
    return threshold_text(number, number.threshold or 0) if number else ""


def _show_review(state: Interview, console: Console) -> None:
    console.print()
    console.print(heading("Your answers"))
    answers = state.signals.answers
    stand_ins = state.signals.stand_ins
    rows = []
    for index, entry in enumerate(questions(), 1):
        stand_in = stand_ins.get(entry.id)
        number = number_for(entry.id)
        said = _MARK[answers[entry.id]]
        if stand_in is not None and number is not None:
            said += f" ({number_text(number, stand_in.value)})"
        rows.append([str(index), entry.ask, Text(said, style="dim" if answers[entry.id] == "unknown" else "bold")])
    domains = Text(", ".join(state.given.domains) or _MARK["unknown"], style="bold" if state.given.domains else "dim")
    rows.append([str(len(rows) + 1), domain_question().ask, domains])
    console.print(Padding(table([("", "right!"), ("", "left"), ("", "left")], rows, header=False), (0, 0, 0, 2)))
    deciding = {stand_in.number for stand_in in stand_ins.values()}
    others = [
        (number.id, number_text(number, state.given.numbers[number.id]))
        for number in numbers()
        if number.id in state.given.numbers and number.id not in deciding
    ]
    if others:
        console.print(Padding(key_values(others), (0, 0, 0, 2)))
    console.print(_standing(state))
    console.print(Text("  also domain=classification, context_tokens=8000, memory_gb=24, ...", style="dim"))
