"""The catalog against the headers: every entry counted again, every difference reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from sizer.catalog.claims import Counts, Statements, reconcile
from sizer.catalog.models import CatalogEntry
from sizer.errors import InvalidDataError, SizerError
from sizer.units import format_integer
from sizer.values import frozen

__all__ = ["Check", "Difference", "Recount", "Verification", "verify"]


READERS = 4
"""Repositories that are read at the same time; each reads its files in parallel as well."""


@frozen
class Recount:
    """What the headers of one repository give now."""

    counts: Counts
    routed_experts: int | None
    experts_per_token: int | None
    commit: str | None
    is_counted: bool
    """False where there were no headers: what the report says is then somebody's word."""


@frozen
class Difference:
    """One field in which an entry and the headers part."""

    field: str
    """The entry's field: `total_parameters`."""
    listed: int | None
    counted: int | None
    reason: str
    """Why, where it is known."""


@frozen
class Check:
    """What came out for one entry."""

    id: str
    status: Literal["same", "differs", "not checked"]
    total_parameters: int | None
    """As counted now; None where it was not."""
    active_parameters: int | None
    commit: str | None
    differences: tuple[Difference, ...]
    reason: str
    """Why it was not checked; `""` where it was."""
    code: str
    """The error behind it, for scripts: `hub.gated`."""


@frozen
class Verification:
    """What came out for all entries."""

    checks: tuple[Check, ...]
    same: int
    different: int
    not_checked: int


def verify(
    entries: Iterable[CatalogEntry],
    recount: Callable[[str], Recount],
    progress: Callable[[int], None] | None = None,
) -> tuple[Verification, SizerError | None]:
    """Each entry beside its recount, and the first error that kept one from being checked, None where none did.

    What was not checked has not passed. `recount` raises SizerError where
    a repository cannot be read: the entry is then named as not checked. It is called from several threads.
    """
    checks: list[Check] = []
    failures: list[SizerError] = []
    with ThreadPoolExecutor(READERS) as pool:
        try:
            outcomes = pool.map(lambda entry: _attempt(entry, recount), entries)
            for number, (check, failure) in enumerate(outcomes, 1):
                checks.append(check)
                failures += [failure] if failure else []
                if progress:
                    progress(number)
        except BaseException:  # Ctrl-C: what has not begun is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    statuses = [check.status for check in checks]
    result = Verification(
        checks=tuple(checks),
        same=statuses.count("same"),
        different=statuses.count("differs"),
        not_checked=statuses.count("not checked"),
    )
    return result, next(iter(failures), None)


def _attempt(entry: CatalogEntry, recount: Callable[[str], Recount]) -> tuple[Check, SizerError | None]:
    """The check of one entry, and the error that prevented it, else None."""
    try:
        return _check(entry, recount(entry.id)), None
    except SizerError as error:
        return _unchecked(entry, error), error


def _unchecked(entry: CatalogEntry, error: SizerError) -> Check:
    return Check(
        id=entry.id,
        status="not checked",
        total_parameters=None,
        active_parameters=None,
        commit=None,
        differences=(),
        reason=str(error),
        code=error.code,
    )


def _check(entry: CatalogEntry, found: Recount) -> Check:
    if not found.is_counted:
        raise InvalidDataError(
            f"`{entry.id}` has no headers that can be counted", code="catalog.uncounted",
            hint=f"`sizer inspect {entry.id}` says what it has",
        )  # fmt: skip
    differences = (*_size_differences(entry, found), *_expert_differences(entry, found))
    return Check(
        id=entry.id,
        status="differs" if differences else "same",
        total_parameters=found.counts.total,
        active_parameters=found.counts.active,
        commit=found.commit,
        differences=differences,
        reason="",
        code="",
    )


def _size_differences(entry: CatalogEntry, found: Recount) -> Iterable[Difference]:
    """An exact figure must be the count; a rounded one must fit it in some convention."""
    for claim in reconcile(found.counts, Statements(entry=entry)):
        if claim.source != "catalog" or (claim.precision > 1 and claim.agrees):
            continue
        if claim.counted is not None and claim.difference == 0:
            continue
        reason = claim.reason or ("what is counted now is not known" if claim.counted is None else "")
        if claim.precision > 1:
            reason = reason or f"the entry is rounded to {format_integer(claim.precision)}"
        yield Difference(field=f"{claim.kind}_parameters", listed=claim.claimed, counted=claim.counted, reason=reason)


def _expert_differences(entry: CatalogEntry, found: Recount) -> Iterable[Difference]:
    for field, listed, counted in (
        ("routed_experts", entry.routed_experts, found.routed_experts),
        ("experts_per_token", entry.experts_per_token, found.experts_per_token),
    ):
        if listed is not None and counted is not None and listed != counted:
            yield Difference(field=field, listed=listed, counted=counted, reason="")
