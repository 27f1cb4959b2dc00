"""Answers from a file and back: nine answers, numbers and a domain, flat, in YAML or JSON."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sizer.decision.evidence import check_domains
from sizer.decision.questions import Answer, numbers, parse_answer, parse_quantity, questions
from sizer.decision.signals import Given
from sizer.errors import UsageError
from sizer.tables import load_yaml, parse_yaml

__all__ = ["dump_answers", "given_from", "load_answers", "parse_answers", "told_answers"]


def load_answers(path: Path) -> Given:
    """The answers of a YAML or JSON file. Raises UsageError naming the file and the key."""
    return given_from(load_yaml(path), where=str(path))


def parse_answers(raw: bytes, *, where: str) -> Given:
    """The answers of YAML or JSON text. Raises UsageError."""
    return given_from(parse_yaml(raw, where=where), where=where)


def given_from(value: Any, *, where: str) -> Given:
    """The answers of a mapping of ids to values. Raises UsageError for a key or a value that does not fit."""
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise UsageError(
            f"`{where}` cannot be used",
            code="usage.answers",
            because="it is not a mapping of questions to answers",
            hint="write lines such as `well_defined: yes`; `sizer recommend --save FILE` writes an example",
        )
    known = [*(entry.id for entry in questions()), *(number.id for number in numbers()), "domain"]
    fields = {str(key).strip().lstrip("-").replace("-", "_"): item for key, item in value.items()}
    for key in fields:
        if key not in known:
            raise _unknown_key(key, known, where)
    return Given(
        answers={
            entry.id: parse_answer(fields[entry.id], name=f"{where}: {entry.id}")
            for entry in questions()
            if entry.id in fields
        },
        numbers={
            number.id: parse_quantity(number, fields[number.id], name=f"{where}: {number.id}")
            for number in numbers()
            if fields.get(number.id) is not None
        },
        domains=check_domains(*_texts(fields.get("domain"))),
    )


def told_answers(given: Given) -> dict[str, Answer | float | tuple[str, ...]]:
    """The answers as a flat mapping that `given_from` reads back to what was given: numbers and domains too."""
    told: dict[str, Answer | float | tuple[str, ...]] = {
        entry.id: given.answers.get(entry.id, "unknown") for entry in questions()
    }
    told |= {number.id: given.numbers[number.id] for number in numbers() if number.id in given.numbers}
    return {**told, "domain": given.domains} if given.domains else told


def dump_answers(given: Given) -> str:
    """The answers as YAML with each question as a comment; `load_answers` reads it back to the same value."""
    lines = ["# Answers for `sizer recommend --answers FILE`. An answer is yes, no or unknown."]
    lines += ["# A number stands in for its question and beats a contradicting yes or no.", ""]
    for entry in questions():
        lines += [f"# {entry.ask}", f"#   yes: {entry.yes.means}", f"#   no:  {entry.no.means}"]
        lines.append(f"{entry.id}: {given.answers.get(entry.id, 'unknown')}")
    lines += ["", "# Numbers, where you have them."]
    for number in numbers():
        shown = f"{number.id}: {given.numbers[number.id]:.15g}" if number.id in given.numbers else f"# {number.id}:"
        lines += [f"# {number.means} ({number.unit})", shown]
    lines += ["", "# The kind of task or the subject, for evidence that fits (`sizer evidence --domains`)."]
    lines.append(f"domain: {', '.join(given.domains)}" if given.domains else "# domain:")
    return "\n".join(lines) + "\n"


def _texts(value: Any) -> list[str]:
    """A text or a list of them."""
    return [str(item) for item in (value if isinstance(value, list) else [value or ""])]


def _unknown_key(key: str, known: list[str], where: str) -> UsageError:
    close = difflib.get_close_matches(key, known, n=1)
    return UsageError(
        f"`{where}`: `{key}` is not a question or a number",
        code="usage.answers",
        because=f"the keys are {', '.join(known)}",
        hint=f"did you mean `{close[0]}`?" if close else "correct the key and run again",
    )
