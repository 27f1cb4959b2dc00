"""The catalog against recounts: what is a difference, what is not, and what was not checked."""

from __future__ import annotations

import datetime

import pytest

from sizer.catalog.claims import Counts
from sizer.catalog.models import CatalogEntry
from sizer.catalog.verify import Check, Recount, verify
from sizer.errors import NotFoundError, UnavailableError

B = 10**9


def entry(**changes: object) -> CatalogEntry:
    """A counted mixture of experts of 30 B, 3 B active, changed as told."""
    values: dict[str, object] = {
        "id": "someone/Model",
        "family": "Model",
        "basis": "counted",
        "source": "tensor headers",
        "checked": datetime.date(2026, 11, 24),
        "total_parameters": 30 * B,
        "active_parameters": 3 * B,
        "routed_experts": 128,
        "experts_per_token": 8,
    }
    return CatalogEntry(**{**values, **changes})  # type: ignore[arg-type]


def recount(counts: Counts | None = None, *, experts: int | None = 128, is_counted: bool = True) -> Recount:
    """What the same model counts, or other counts."""
    return Recount(
        counts=counts or Counts(total=30 * B, active=3 * B, active_compute=2 * B, active_without_embeddings=B),
        routed_experts=experts,
        experts_per_token=8,
        commit="0" * 40,
        is_counted=is_counted,
    )


def check(listed: CatalogEntry, found: Recount) -> Check:
    """The check of one entry."""
    return verify([listed], lambda repository: found)[0].checks[0]


def test_an_entry_that_counts_the_same_passes() -> None:
    """An entry whose counts come out again is the same."""
    found = check(entry(), recount())
    assert (found.status, found.differences, found.total_parameters) == ("same", (), 30 * B)


def test_an_exact_figure_that_is_off_by_one_is_a_difference() -> None:
    """A count is exact: one parameter more is reported."""
    found = check(entry(total_parameters=30 * B + 1), recount())
    (difference,) = found.differences
    assert (difference.field, difference.listed, difference.counted) == ("total_parameters", 30 * B + 1, 30 * B)


def test_a_difference_has_its_reason() -> None:
    """A listed total that counts a tied head twice is reported with that reason."""
    counts = Counts(total=30 * B, active=3 * B, input_embedding=B, tied_copy=B)
    found = check(entry(basis="declared", total_parameters=31 * B), recount(counts))
    assert found.differences[0].reason == "it counts the tied head twice (1.00 B)"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"active_parameters": 2 * B, "active_precision": B}, "same"),  # without the input embedding
        ({"total_parameters": 30 * B, "total_precision": B}, "same"),
        ({"total_parameters": 40 * B, "total_precision": B}, "differs"),
        ({"active_parameters": 9 * B, "active_precision": B}, "differs"),
    ],
)
def test_a_rounded_figure_must_fit_in_a_convention(changes: dict[str, object], status: str) -> None:
    """A rounded figure is no difference where the count fits it, rounded, with or without embeddings."""
    assert check(entry(basis="declared", **changes), recount()).status == status


def test_other_experts_are_a_difference() -> None:
    """A pruned checkpoint has fewer experts than the entry says."""
    found = check(entry(), recount(experts=96))
    assert [(d.field, d.listed, d.counted) for d in found.differences] == [("routed_experts", 128, 96)]


def test_what_has_no_headers_is_not_checked() -> None:
    """A repository whose total is only declared is named as not checked, and has not passed."""
    result, error = verify([entry()], lambda repository: recount(is_counted=False))
    (found,) = result.checks
    assert (found.status, found.code, found.reason) == ("not checked", "catalog.uncounted", str(error))
    assert error is not None
    assert error.exit_code == 5


def test_failures_are_named_and_do_not_hide_differences() -> None:
    """Unreachable entries are named with their error; a difference elsewhere is still counted."""

    def count(repository: str) -> Recount:
        if repository == "a/gone":
            raise NotFoundError("gone", code="hub.not_found")
        if repository == "b/down":
            raise UnavailableError("down", code="hub.unavailable")
        return recount()

    entries = [entry(id="a/gone"), entry(id="b/down"), entry(id="c/same"), entry(id="d/other", total_parameters=B * 31)]
    result, error = verify(entries, count)
    assert [(found.status, found.code) for found in result.checks] == [
        ("not checked", "hub.not_found"),
        ("not checked", "hub.unavailable"),
        ("same", ""),
        ("differs", ""),
    ]
    assert (result.same, result.different, result.not_checked) == (1, 1, 2)
    assert error is not None
    assert error.code == "hub.not_found"


def test_what_is_not_checked_has_not_passed() -> None:
    """Where an entry could not be read there is an error, that of the first failure, whatever came out for others."""
    down = UnavailableError("down", code="hub.unavailable")

    def fail(repository: str) -> Recount:
        if repository == "c/same":
            return recount()
        raise down

    assert verify([entry()], fail)[1] is down
    assert verify([entry(id="c/same"), entry()], fail)[1] is down
    assert verify([entry(id="c/same")], fail)[1] is None
    assert verify([], fail)[1] is None
