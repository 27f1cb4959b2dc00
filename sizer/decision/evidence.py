"""Published comparisons of small and large models, and which of them bear on an answer.

The rows are `data/evidence.yaml`. A row speaks about a kind of task (`domain`), sometimes about a subject
(`field`); a user's `--domain` names any of them.
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
    "check_domains",
    "cite",
    "kinds",
    "part",
    "report",
    "row",
    "rows",
    "subjects",
]

_FOR = {"small": ("small", "tie", "near"), "big": ("large", "untuned")}
"""The winners that speak for a side."""

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

    domains: tuple[str, ...]
    """The kinds of task and subjects asked for; none for all."""
    kinds: tuple[str, ...]
    """Kinds of task that may be asked for."""
    subjects: tuple[str, ...]
    """Subjects that may be asked for."""
    wins: dict[str, int]
    """How many rows each side wins."""
    rows: tuple[EvidenceRow, ...]
    """By domain."""


@frozen
class _Table:
    aliases: dict[str, str]
    """Other words for kinds of task and subjects."""
    rows: tuple[EvidenceRow, ...]


def _table() -> _Table:
    table: _Table = load_table("evidence.yaml", _Table)
    return table


def rows() -> tuple[EvidenceRow, ...]:
    """All rows, sorted by id."""
    return _table().rows


@functools.cache
def row(name: str) -> EvidenceRow:
    """The row of that id. Raises KeyError."""
    return _whole({row.id: row for row in rows()}[name])


def _whole(row: EvidenceRow) -> EvidenceRow:
    """A row that holds its defaults itself: msgspec leaves them to the class, and then out of the JSON."""
    return replace(row, small=replace(row.small), large=replace(row.large))


@functools.cache
def kinds() -> tuple[str, ...]:
    """Every kind of task, sorted."""
    return tuple(sorted({row.domain for row in rows()}))


@functools.cache
def subjects() -> tuple[str, ...]:
    """Every subject, sorted."""
    return tuple(sorted({row.field for row in rows() if row.field}))


def check_domains(*given: str) -> tuple[str, ...]:
    """The kinds of task and subjects as the table spells them, from texts with commas; blanks are dropped.

    Raises UsageError with the ones that exist.
    """
    names = [name for text in given for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys(_check_domain(name.strip()) for name in names))


def _check_domain(name: str) -> str:
    spelled = name.lower().replace("_", "-").replace(" ", "-")
    wanted = _table().aliases.get(spelled, spelled)
    if wanted in (known := (*kinds(), *subjects())):
        return wanted
    close = difflib.get_close_matches(wanted, (*known, *_table().aliases), n=1)
    raise UsageError(
        f"--domain: no evidence is filed under `{name}`",
        code="usage.domain",
        because=f"kinds of task are {', '.join(kinds())}; subjects are {', '.join(subjects())}",
        hint=f"did you mean `{close[0]}`?" if close else "leave --domain out, or name one or several of these",
    )


def report(*domains: str) -> EvidenceReport:
    """The rows of kinds of task and subjects, or all of them. Raises UsageError for one that does not exist."""
    wanted = check_domains(*domains)
    chosen = (row for row in rows() if not wanted or _matches(row, wanted))
    shown = tuple(sorted(map(_whole, chosen), key=lambda row: (row.domain, row.id)))
    order = ("small", "tie", "near", "large", "untuned", "unclear")
    wins = {winner: sum(row.winner == winner for row in shown) for winner in order}
    return EvidenceReport(domains=wanted, kinds=kinds(), subjects=subjects(), wins=wins, rows=shown)


def cite(name: str, *, domains: Sequence[str], general: Iterable[str] = ()) -> tuple[str, ...]:
    """Ids of the rows to cite about a question, a number or `split`: at most one for each side.

    With domains only rows of them, of those that match most the median gap of each side; without, the `general` rows.
    """
    if not domains:
        return tuple(general)
    fitting = [row for row in rows() if name in row.bears_on and row.winner != "unclear" and _matches(row, domains)]
    sides = [[row for row in fitting if row.winner in winners] for winners in _FOR.values()]
    return tuple(_median(_closest(side, domains)).id for side in sides if side)


def part(cited: Iterable[str], side: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of rows whose outcome speaks for a side, `small` or `big`, and of those where it speaks against it."""
    names = tuple(cited)
    supporting = tuple(name for name in names if row(name).winner in _FOR[side])
    return supporting, tuple(name for name in names if name not in supporting)


def _matches(row: EvidenceRow, domains: Sequence[str]) -> int:
    """How many of the domains the row is filed under."""
    return len({row.domain, row.field} & set(domains))


def _closest(side: Sequence[EvidenceRow], domains: Sequence[str]) -> list[EvidenceRow]:
    most = max(_matches(row, domains) for row in side)
    return [row for row in side if _matches(row, domains) == most]


def _median(side: Sequence[EvidenceRow]) -> EvidenceRow:
    """The row in the middle by gap: neither the showpiece nor the outlier."""
    return sorted(side, key=lambda row: (_gap(row), row.id))[len(side) // 2]


def _gap(row: EvidenceRow) -> float:
    """The difference of the scores as a share of the scale; below any other where there is none."""
    if row.small.score is None or row.large.score is None or not row.perfect:
        return -1.0
    return abs(row.small.score - row.large.score) / row.perfect
