"""Published decisions replayed through the rules: how often the advice is what teams chose.

The rules were shaped with the first table in view, so the hit rate on it is an upper bound of what to expect;
the second was collected afterwards. `docs/concepts/decision.md` says what both mean.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from sizer.decision.questions import Answer
from sizer.decision.signals import Given, resolve
from sizer.decision.verdict import Verdict, decide, sheet_of
from sizer.errors import UsageError
from sizer.tables import convert, load_table, load_yaml
from sizer.values import frozen

__all__ = ["Case", "CaseResult", "CasesReport", "UnseenCases", "load_cases", "replay"]

VERDICTS: tuple[Verdict, ...] = ("small", "route", "big")


@frozen
class Case:
    """One published decision."""

    id: str
    title: str
    source: str
    checked: datetime.date
    answers: dict[str, Answer]
    """What the text says about the situation before the choice; what it does not say is left out."""
    decision: Verdict
    """What was built."""
    acceptable: tuple[Verdict, ...]
    """What an expert would not call wrong."""
    facts: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    model_used: str = ""


@frozen
class CaseResult:
    """One case and what the rules say about it."""

    id: str
    title: str
    decision: Verdict
    acceptable: tuple[Verdict, ...]
    verdict: Verdict
    rule: str
    tally_verdict: str
    """What the plain count of signals would say."""
    is_hit: bool
    """The verdict is what was built."""
    is_acceptable: bool
    model_used: str
    source: str


@frozen
class UnseenCases:
    """The counts on the cases that the rules were not shaped with."""

    count: int
    hits: int
    acceptable_hits: int
    tally_hits: int


@frozen
class CasesReport:
    """What `sizer cases` says."""

    cases: tuple[CaseResult, ...]
    count: int
    hits: int
    """Verdicts that are what was built."""
    hit_share: float
    acceptable_hits: int
    acceptable_share: float
    tally_hits: int
    """Hits of the plain count of signals."""
    tally_share: float
    commonest_share: float
    """Hits of always saying the commonest decision."""
    confusion: dict[str, dict[str, int]]
    """What was built, then what the rules say."""
    misses: tuple[str, ...]
    """Ids of the cases whose verdict is not what was built."""
    unseen: UnseenCases | None
    """How the rules do on the cases collected after they were fixed; null where those, or a user's, are replayed."""


@frozen
class _Table:
    cases: tuple[Case, ...]


def load_cases(path: Path | None = None, *, unseen: bool = False) -> tuple[Case, ...]:
    """The published cases, those collected afterwards, or those of a file of the same shape. Raises UsageError."""
    if path is None:
        shipped: _Table = load_table("decision_cases_unseen.yaml" if unseen else "decision_cases.yaml", _Table)
        return shipped.cases
    table: _Table = convert(load_yaml(path), _Table, where=str(path))
    if not table.cases:
        raise UsageError(f"`{path}` has no cases", code="usage.file", hint="add at least one under `cases:`")
    return table.cases


def replay(cases: Sequence[Case], unseen: Sequence[Case] = ()) -> CasesReport:
    """Every case through the rules, and the counts; `unseen` ones are only counted. There must be at least one case."""
    results = tuple(_result(case) for case in cases)
    count = len(results)
    hits = sum(result.is_hit for result in results)
    acceptable = sum(result.is_acceptable for result in results)
    tally_hits = sum(result.tally_verdict == result.decision for result in results)
    commonest = Counter(result.decision for result in results).most_common(1)[0][1]
    pairs = Counter((result.decision, result.verdict) for result in results)
    return CasesReport(
        cases=results,
        count=count,
        hits=hits,
        hit_share=hits / count,
        acceptable_hits=acceptable,
        acceptable_share=acceptable / count,
        tally_hits=tally_hits,
        tally_share=tally_hits / count,
        commonest_share=commonest / count,
        confusion={built: {said: pairs[built, said] for said in VERDICTS} for built in VERDICTS},
        misses=tuple(result.id for result in results if not result.is_hit),
        unseen=_count_unseen(unseen),
    )


def _count_unseen(cases: Sequence[Case]) -> UnseenCases | None:
    if not cases:
        return None
    report = replay(cases)
    return UnseenCases(
        count=report.count,
        hits=report.hits,
        acceptable_hits=report.acceptable_hits,
        tally_hits=report.tally_hits,
    )


def _result(case: Case) -> CaseResult:
    signals = resolve(Given(answers=case.answers, numbers=case.numbers))
    rule = decide(sheet_of(signals.answers))
    return CaseResult(
        id=case.id,
        title=case.title,
        decision=case.decision,
        acceptable=case.acceptable,
        verdict=rule.verdict,
        rule=rule.id,
        tally_verdict=signals.tally.verdict,
        is_hit=rule.verdict == case.decision,
        is_acceptable=rule.verdict in case.acceptable,
        model_used=case.model_used,
        source=case.source,
    )
