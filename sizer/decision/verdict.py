"""Nine answers to a verdict: the first rule of `data/rules.yaml` that holds, and the answers it rests on."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from typing import Literal, cast

from sizer.decision.conditions import check_names, holds, matches
from sizer.decision.questions import Answer, questions
from sizer.tables import load_table
from sizer.values import frozen

__all__ = [
    "Rule",
    "Sheet",
    "Verdict",
    "cited_answers",
    "decide",
    "question_ids",
    "rule_table",
    "sheet_of",
    "verdict_of",
]

Verdict = Literal["small", "route", "big"]
Sheet = tuple[Answer, ...]
"""The nine answers in the order of the questions."""


@frozen
class Rule:
    """One row: where its conditions hold, its verdict is given, for the reason it states."""

    id: str
    when: dict[str, str]
    verdict: Verdict
    why: str


@frozen
class RuleTable:
    """The whole decision."""

    source: str
    checked: datetime.date
    signals: dict[str, tuple[dict[str, str], ...]]
    """Signals made of answers: `yes` where one of the alternatives holds."""
    rules: tuple[Rule, ...]


@functools.cache
def rule_table() -> RuleTable:
    """`data/rules.yaml`. Raises InternalError where a condition names nothing that exists."""
    table: RuleTable = load_table("rules.yaml", RuleTable)
    alternatives = [when for lines in table.signals.values() for when in lines]
    check_names(alternatives, question_ids(), where="rules.yaml")
    check_names((rule.when for rule in table.rules), (*question_ids(), *table.signals), where="rules.yaml")
    return table


@functools.cache
def question_ids() -> tuple[str, ...]:
    """The ids of the nine questions, in order."""
    return tuple(entry.id for entry in questions())


def sheet_of(answers: Mapping[str, Answer]) -> Sheet:
    """The nine answers in order; what is not there is unknown."""
    return tuple(answers.get(name, "unknown") for name in question_ids())


@functools.cache
def decide(sheet: Sheet) -> Rule:
    """The rule that decides for these nine answers. The last rule holds always."""
    facts = _facts(sheet)
    return next(rule for rule in rule_table().rules if holds(rule.when, facts))


def verdict_of(sheet: Sheet) -> Verdict:
    """`small`, `route` or `big`."""
    return decide(sheet).verdict


def cited_answers(sheet: Sheet) -> tuple[str, ...]:
    """The questions whose known answers the deciding rule rests on, in order.

    A rule that rests on nothing known rests on all that was said: it is what was said that is not enough.
    """
    facts = dict(zip(question_ids(), sheet, strict=True))
    known = {name for name, answer in facts.items() if answer != "unknown"}
    cited: set[str] = set()
    for name, wanted in decide(sheet).when.items():
        if name in facts:
            cited.add(name)
            continue
        for when in rule_table().signals[name]:
            if wanted == "yes" and holds(when, facts):
                cited |= set(when)
            if wanted == "no":
                cited |= {part for part, value in when.items() if not matches(facts[part], value)}
    cited |= {name for name in known if verdict_of(_flipped(sheet, name)) != verdict_of(sheet)}
    return tuple(name for name in question_ids() if name in (cited & known or known))


def _flipped(sheet: Sheet, name: str) -> Sheet:
    turned = {"yes": "no", "no": "yes", "unknown": "unknown"}
    return tuple(
        cast(Answer, turned[answer]) if entry == name else answer
        for entry, answer in zip(question_ids(), sheet, strict=True)
    )


def _facts(sheet: Sheet) -> dict[str, str]:
    facts: dict[str, str] = dict(zip(question_ids(), sheet, strict=True))
    for name, alternatives in rule_table().signals.items():
        facts[name] = "yes" if any(holds(when, facts) for when in alternatives) else "no"
    return facts
