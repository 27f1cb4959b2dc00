"""The recommendation: answers, catalog and date in, one report out; the same input gives the same bytes.

This module joins what the others decide and adds no rule of its own.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal

from sizer.decision.advice import Size, Split, Step, contradictions, find_sizes, find_split, find_steps
from sizer.decision.answers import told_answers
from sizer.decision.candidates import Candidate, Subject, best_first, judge, pool_leg
from sizer.decision.constraints import Constraint, Leg, Limits, legs_of, limits_of
from sizer.decision.evidence import EvidenceRow, cite, kinds, part, row
from sizer.decision.feasibility import Conflict, find_conflict
from sizer.decision.footprint import assumptions, largest_parameters
from sizer.decision.questions import Answer, numbers, question, questions
from sizer.decision.signals import Given, Signals, StandIn, Tally, number_text, resolve
from sizer.decision.stability import Flip, NextQuestion, Stability, find_flips, measure, next_question
from sizer.decision.verdict import Rule, Verdict, cited_answers, decide, rule_table, sheet_of
from sizer.notices import Notice
from sizer.values import frozen

__all__ = ["Reason", "Recommendation", "recommend"]


@frozen
class Reason:
    """Something that the user said and what follows from it."""

    id: str
    """The rule, question or constraint."""
    kind: Literal["rule", "answer", "constraint"]
    speaks_for: str
    """`small`, `big`, `route`, or `""` for a constraint, which speaks for nothing."""
    text: str
    cites: tuple[str, ...]
    """The answers and numbers it rests on; none where nothing was said."""
    source: str
    evidence: tuple[str, ...]
    """Ids of the rows that support it, shown under `evidence`."""
    against: tuple[str, ...] = ()
    """Ids of the rows that speak against it, shown there too."""


@frozen
class Recommendation:
    """What `sizer recommend` says."""

    verdict: Verdict
    summary: str
    """The verdict in one sentence."""
    feasible: bool
    """Whether a model is left for every leg."""
    rule: str
    answers: dict[str, Answer | float | tuple[str, ...]]
    """What was said, whole: all nine by question, the numbers that were given, `domain`. A file of `--answers`."""
    signals: dict[str, Answer]
    """All nine as the rules see them: with every number in the place of its question."""
    stand_ins: dict[str, StandIn]
    """Question to the number that answered it."""
    numbers: dict[str, float]
    domains: tuple[str, ...]
    """The kinds of task and subjects that were named."""
    domain_text: str
    """The same as a sentence, with what naming more would bring."""
    tally: Tally
    tally_text: str
    """The plain count beside the verdict, and why they differ where they do."""
    reasons: tuple[Reason, ...]
    constraints: tuple[Constraint, ...]
    evidence: tuple[EvidenceRow, ...]
    stability: Stability
    flips: tuple[Flip, ...]
    next_question: NextQuestion | None
    split: Split | None
    sizes: tuple[Size, ...]
    """The kinds of small model, in the order to try them."""
    steps: tuple[Step, ...]
    hosting_text: str
    """What the large models below are for, where an API's would do; `""` where none is listed or none would."""
    candidates: tuple[Candidate, ...]
    """Catalog models that no constraint refuses, best first; or all the models that were named."""
    conflicts: tuple[Conflict, ...]
    """Why a leg has no candidate, where one has none."""
    warnings: tuple[Notice, ...]
    as_of: datetime.date


def recommend(
    given: Given,
    catalog: Iterable[Subject],
    *,
    as_of: datetime.date,
    named: Sequence[Subject] = (),
    bits: int | None = None,
) -> Recommendation:
    """The recommendation for what was given. `named` models are judged in place of the catalog's."""
    signals = resolve(given)
    sheet = sheet_of(signals.answers)
    rule = decide(sheet)
    limits = limits_of(rule.verdict, signals, given, bits=bits or assumptions().bits)
    sizes = find_sizes(rule.verdict, signals, given.domains, largest_parameters=_largest(limits))
    split = find_split(rule.verdict, signals, given.domains)
    pool = _named_pool(named, limits, rule.verdict) if named else _catalog_pool(catalog, sizes, limits, rule.verdict)
    judged = [judge(subject, leg, limits) for subject, leg in pool]
    constraints = tuple(_with_refusals(entry, judged) for entry in limits.constraints)
    conflicts = _conflicts(pool, limits, rule.verdict, is_named=bool(named))
    reasons = _reasons(signals, given, rule, constraints)
    ids = [name for reason in reasons for name in (*reason.evidence, *reason.against)]
    ids += [name for size in sizes[:1] for name in size.evidence] + list(split.evidence if split else ())
    return Recommendation(
        verdict=rule.verdict,
        summary=_summary(rule, sizes, split),
        feasible=not conflicts,
        rule=rule.id,
        answers=told_answers(given),
        signals=signals.answers,
        stand_ins=signals.stand_ins,
        numbers=dict(given.numbers),
        domains=given.domains,
        domain_text=_domain_text(given.domains),
        tally=signals.tally,
        tally_text=_tally_text(signals.tally, rule),
        reasons=reasons,
        constraints=constraints,
        evidence=tuple(row(name) for name in dict.fromkeys(ids)),
        stability=measure(sheet),
        flips=find_flips(signals),
        next_question=next_question(sheet),
        split=split,
        sizes=sizes,
        steps=find_steps(rule.verdict, signals, given, sizes, as_of),
        hosting_text=_hosting_text(rule.verdict, signals),
        candidates=best_first((c for c in judged if named or c.is_admitted), sizes),
        conflicts=conflicts,
        warnings=signals.warnings + contradictions(signals),
        as_of=as_of,
    )


def _largest(limits: Limits) -> int | None:
    """The most parameters that the memory holds, the better end of the range."""
    if limits.memory_bytes is None:
        return None
    return largest_parameters(limits.memory_bytes, bits=limits.bits, on_device=limits.on_device)


_Pool = list[tuple[Subject, Leg]]


def _catalog_pool(catalog: Iterable[Subject], sizes: Sequence[Size], limits: Limits, verdict: Verdict) -> _Pool:
    """The catalog's models, each with the leg that it could serve; what serves no leg of the verdict is left out."""
    wanted = legs_of(verdict)
    legs = [(entry, pool_leg(entry, sizes, on_device=limits.on_device, bits=limits.bits)) for entry in catalog]
    return [(entry, leg) for entry, leg in legs if leg is not None and leg in wanted]


def _named_pool(named: Sequence[Subject], limits: Limits, verdict: Verdict) -> _Pool:
    """Named models serve the leg that the verdict has; of two, the one that their size speaks for."""
    legs = legs_of(verdict)
    if len(legs) == 1:
        return [(entry, legs[0]) for entry in named]
    return [(entry, pool_leg(entry, (), on_device=False, bits=limits.bits) or "small") for entry in named]


def _with_refusals(constraint: Constraint, judged: Sequence[Candidate]) -> Constraint:
    count = sum(any(r.constraint == constraint.id for r in candidate.refusals) for candidate in judged)
    return Constraint(
        id=constraint.id,
        text=constraint.text,
        value=constraint.value,
        unit=constraint.unit,
        given=constraint.given,
        legs=constraint.legs,
        cites=constraint.cites,
        judged=sum(candidate.leg in constraint.legs for candidate in judged),
        refused=count,
    )


def _conflicts(pool: _Pool, limits: Limits, verdict: Verdict, *, is_named: bool) -> tuple[Conflict, ...]:
    """The legs that no model is left for; of named models only the legs that they were judged for."""
    found = []
    for leg in legs_of(verdict):
        subjects = [subject for subject, own in pool if own == leg]
        if subjects or not is_named:
            found.append(find_conflict(leg, limits, partial(_judge_all, subjects, leg)))
    return tuple(conflict for conflict in found if conflict is not None)


def _judge_all(subjects: Sequence[Subject], leg: Leg, limits: Limits) -> list[Candidate]:
    return [judge(subject, leg, limits) for subject in subjects]


def _reasons(signals: Signals, given: Given, rule: Rule, constraints: Sequence[Constraint]) -> tuple[Reason, ...]:
    sheet = sheet_of(signals.answers)
    cited = cited_answers(sheet)
    first = Reason(
        id=rule.id,
        kind="rule",
        speaks_for=rule.verdict,
        text=rule.why,
        cites=cited,
        source=rule_table().source,
        evidence=(),
    )
    answered = [entry.id for entry in questions() if signals.answers[entry.id] == "yes" or entry.id in cited]
    return (
        first,
        *(_answer_reason(name, signals, given) for name in answered),
        *(_constraint_reason(entry, given, rule.verdict) for entry in constraints),
    )


def _answer_reason(name: str, signals: Signals, given: Given) -> Reason:
    entry = question(name)
    answer = signals.answers[name]
    meaning = entry.meaning(answer)
    stand_in = signals.stand_ins.get(name)
    cited = cite(name, domains=given.domains, general=entry.evidence)
    if entry.shown_by == "quality":
        supporting, against = part(cited, entry.side(answer))
    else:  # what a call costs or how long it takes supports a yes, and says nothing about a no
        supporting, against = cited if answer == "yes" else (), ()
    said = meaning.says if stand_in is None else f"{_said_number(stand_in)}, so {meaning.says}"
    return Reason(
        id=name,
        kind="answer",
        speaks_for=entry.side(answer),
        text=f"you said {said}: {meaning.effect}",
        cites=(name,) if stand_in is None else (name, stand_in.number),
        source=entry.source,
        evidence=supporting,
        against=against,
    )


def _said_number(stand_in: StandIn) -> str:
    return number_text(next(number for number in numbers() if number.id == stand_in.number), stand_in.value)


def _constraint_reason(constraint: Constraint, given: Given, verdict: Verdict) -> Reason:
    legs = f" ({constraint.legs[0]} leg)" if verdict == "route" and len(constraint.legs) == 1 else ""
    return Reason(
        id=constraint.id,
        kind="constraint",
        speaks_for="",
        text=f"{constraint.text}{legs}: {constraint.refused} of {constraint.judged} models judged are refused",
        cites=constraint.cites,
        source="docs/concepts/decision.md, constraints",
        evidence=cite("context_tokens", domains=given.domains, general=assumptions().context_evidence)
        if constraint.id == "context"
        else (),
    )


def _summary(rule: Rule, sizes: Sequence[Size], split: Split | None) -> str:
    if rule.verdict == "small":
        return f"go small: start with {sizes[0].title}"
    if split is not None:
        return f"route {split.kind}: a small model for part of the work, a large one for the rest"
    return "go big: prompt a large model, and log what a small one would need"


def _domain_text(domains: Sequence[str]) -> str:
    """What was named; a kind of task is what sizes and rows go by, so its lack is said."""
    if not domains:
        return "not said: --domain KIND (classification, extraction, ...) brings closer evidence and sizes"
    told = ", ".join(domains)
    if set(domains).isdisjoint(kinds()):
        return f"{told}; a kind of task with it (--domain classification,{told}) brings closer sizes"
    return told


def _hosting_text(verdict: Verdict, signals: Signals) -> str:
    """The large model may be an API's wherever the data may leave; then open weights are the second choice."""
    if verdict == "small" or signals.answers["on_prem"] == "yes":
        return ""
    told = "the advice is an API's large model" if verdict == "big" else "an API's model can be the large leg"
    priced = "its price: `sizer route --small NAME --large NAME`"
    return f"{told} ({priced}); these are open models of that size, if you must host"


def _tally_text(tally: Tally, rule: Rule) -> str:
    told = f"your signals: {tally.text}"
    if tally.verdict == rule.verdict:
        return f"{told}; the plain count says {tally.verdict} too"
    return f"{told}; the plain count says {tally.verdict}, the rules say {rule.verdict}, because {rule.why}"
