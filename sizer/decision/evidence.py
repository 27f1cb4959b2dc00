"""Published comparisons of small and large models, and which of them bear on an answer.

The rows are `data/evidence.yaml`. A row speaks about kinds of task (`domain`), sometimes about a subject
(`field`); a user's `--domain` matches either.
"""

from __future__ import annotations

import datetime
import difflib
import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from sizer.errors import UsageError
from sizer.tables import load_table
from sizer.values import frozen

__all__ = [
    "Contender",
    "EvidenceReport",
    "EvidenceRow",
    "NoteRow",
    "check_domain",
    "cite",
    "domains",
    "report",
    "row",
    "rows",
]

Winner = Literal["small", "large", "tie", "near", "untuned", "unclear"]


@frozen
class Contender:
    """One side of a comparison."""

    model: str
    total_parameters: int | None
    """None where unpublished."""
    score: float | None
    """As published; None where no figure was."""
    active_parameters: int | None = None
    """Only where it differs from the total and is published."""


@frozen
class NoteRow:
    """A row of the note that the project starts from, checked."""

    claim: str
    finding: Literal["confirmed", "corrected", "unverified"]


@frozen
class EvidenceRow:
    """One published comparison."""

    id: str
    domain: str
    """The kind of task."""
    task: str
    small: Contender
    large: Contender
    metric: str
    perfect: float | None
    """The best possible score; None where the figures are not scores of one scale."""
    winner: Winner
    """A tie is less than a point; near: close to large and far cheaper; untuned: tuning made it worse."""
    bears_on: tuple[str, ...]
    """Questions, numbers or `split` that this row says something about."""
    source: str
    checked: datetime.date
    caveat: str
    field: str = ""
    """The subject: finance, medicine, ..."""
    note_row: NoteRow | None = None


@frozen
class EvidenceReport:
    """What `sizer evidence` prints."""

    domain: str
    """The domain or field asked for; `""` for all."""
    domains: tuple[str, ...]
    """What may be asked for."""
    wins: dict[str, int]
    """How many rows each side wins."""
    rows: tuple[EvidenceRow, ...]
    """By domain."""


@frozen
class _Table:
    rows: tuple[EvidenceRow, ...]


def rows() -> tuple[EvidenceRow, ...]:
    """All rows, sorted by id."""
    table: _Table = load_table("evidence.yaml", _Table)
    return table.rows


@functools.cache
def row(name: str) -> EvidenceRow:
    """The row of that id. Raises KeyError."""
    return _whole({row.id: row for row in rows()}[name])


def _whole(row: EvidenceRow) -> EvidenceRow:
    """A row that holds its defaults itself: msgspec leaves them to the class, and then out of the JSON."""
    return replace(row, small=replace(row.small), large=replace(row.large))


@functools.cache
def domains() -> tuple[str, ...]:
    """Every domain and field, sorted."""
    return tuple(sorted({row.domain for row in rows()} | {row.field for row in rows() if row.field}))


def check_domain(name: str) -> str:
    """The domain as the table spells it; `""` stays. Raises UsageError with the ones that exist."""
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    if not wanted or wanted in domains():
        return wanted
    close = difflib.get_close_matches(wanted, domains(), n=1)
    raise UsageError(
        f"--domain: no evidence is filed under `{name}`",
        code="usage.domain",
        because=f"domains and fields are {', '.join(domains())}",
        hint=f"did you mean `{close[0]}`?" if close else "leave --domain out, or name one of these",
    )


def report(domain: str = "") -> EvidenceReport:
    """The rows of a domain or field, or all of them. Raises UsageError for a domain that does not exist."""
    wanted = check_domain(domain)
    chosen = tuple(
        sorted((_whole(row) for row in rows() if _matches(row, wanted)), key=lambda row: (row.domain, row.id))
    )
    order = ("small", "tie", "near", "large", "untuned", "unclear")
    wins = {winner: sum(row.winner == winner for row in chosen) for winner in order}
    return EvidenceReport(domain=wanted, domains=domains(), wins=wins, rows=chosen)


def cite(name: str, *, domain: str, general: Iterable[str] = ()) -> tuple[str, ...]:
    """Ids of the rows to cite about a question, a number or `split`: at most one for each side.

    With a domain only rows of that domain, the median gap of each side; without one the `general` rows.
    """
    if not domain:
        return tuple(general)
    fitting = [row for row in rows() if name in row.bears_on and row.winner != "unclear" and _matches(row, domain)]
    for_small = [row for row in fitting if row.winner in ("small", "tie", "near")]
    for_large = [row for row in fitting if row.winner in ("large", "untuned")]
    return tuple(_median(side).id for side in (for_small, for_large) if side)


def _matches(row: EvidenceRow, domain: str) -> bool:
    return not domain or domain in (row.domain, row.field)


def _median(side: Sequence[EvidenceRow]) -> EvidenceRow:
    """The row in the middle by gap: neither the showpiece nor the outlier."""
    return sorted(side, key=lambda row: (_gap(row), row.id))[len(side) // 2]


def _gap(row: EvidenceRow) -> float:
    """The difference of the scores as a share of the scale; below any other where there is none."""
    if row.small.score is None or row.large.score is None or not row.perfect:
        return -1.0
    return abs(row.small.score - row.large.score) / row.perfect
