"""Which entries `sizer catalog` lists, and in which order."""

from __future__ import annotations

import datetime

import pytest

from sizer.catalog.listing import Filter, describe, select
from sizer.catalog.models import CatalogEntry, load_catalog
from sizer.errors import UsageError


def entry(name: str, **changes: object) -> CatalogEntry:
    """An entry of that name, changed as told."""
    values: dict[str, object] = {
        "id": f"someone/{name}",
        "family": "Family",
        "basis": "declared",
        "source": "the model card",
        "checked": datetime.date(2026, 11, 24),
        "licence": "mit",
    }
    return CatalogEntry(**{**values, **changes})  # type: ignore[arg-type]


ENTRIES = (
    entry("a", total_parameters=30, active_parameters=3, routed_experts=8, experts_per_token=1, context_tokens=64,
          context_source="config.json", released=datetime.date(2025, 1, 1)),
    entry("b", total_parameters=8, active_parameters=8, licence="apache-2.0", basis="counted",
          released=datetime.date(2026, 1, 1)),
    entry("c", total_parameters=12, modality="text+image", family="Other", released=datetime.date(2024, 1, 1)),
    entry("d", total_parameters=1, active_parameters=1, task="embedding", licence=None),
)  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Filter(), "abcd"),
        (Filter(max_active=3), "ad"),
        (Filter(min_active=3, max_active=8), "ab"),
        (Filter(min_total=9, max_total=29), "c"),
        (Filter(min_context=64), "a"),
        (Filter(licence="MIT"), "ac"),
        (Filter(family="oth"), "c"),
        (Filter(modality="image"), "c"),
        (Filter(task="embedding"), "d"),
        (Filter(is_moe=True), "a"),
        (Filter(is_moe=False), "bcd"),
        (Filter(only_counted=True), "b"),
        (Filter(licence="mit", max_total=20), "c"),
    ],
)
def test_a_filter_keeps_what_fits(wanted: Filter, names: str) -> None:
    """Bounds are inclusive, words ignore case, a family may be begun, and filters add up."""
    assert "".join(found.name for found in select(ENTRIES, wanted).models) == names


def test_what_is_not_known_is_left_out_and_said() -> None:
    """An entry whose active count is not known fits no bound on it, and the report says how many there were."""
    report = select(ENTRIES, Filter(max_active=8))
    assert (len(report.models), report.unknown, report.catalog_models) == (3, 1, 4)


def test_a_known_bound_that_fails_is_not_unknown() -> None:
    """An entry that fails one bound counts as unfit although another figure of it is not known."""
    assert select(ENTRIES, Filter(max_active=100, max_total=11)).unknown == 0


@pytest.mark.parametrize(
    ("sort", "names"), [("name", "abcd"), ("total", "dbca"), ("active", "dabc"), ("released", "bacd")]
)
def test_order(sort: str, names: str) -> None:
    """Counts ascend, dates descend, and what is not known comes last."""
    assert "".join(found.name for found in select(ENTRIES, Filter(), sort=sort).models) == names


@pytest.mark.parametrize(
    ("wanted", "option", "hint"),
    [
        (Filter(licence="apache"), "--license", "`apache-2.0`"),
        (Filter(family="familly"), "--family", "`Family`"),
        (Filter(modality="images"), "--modality", "`image`"),
        (Filter(task="embeddings"), "--task", "`embedding`"),
    ],
)
def test_a_word_that_no_entry_has_is_refused(wanted: Filter, option: str, hint: str) -> None:
    """A licence, family, input or task that no entry has is a usage error that names the closest."""
    with pytest.raises(UsageError) as caught:
        select(ENTRIES, wanted)
    assert caught.value.what.startswith(option)
    assert hint in caught.value.hint


def test_an_order_that_does_not_exist_is_refused() -> None:
    """An unknown order is answered with the known ones."""
    with pytest.raises(UsageError, match="name, active, total, released"):
        select(ENTRIES, Filter(), sort="size")


def test_a_detail_carries_both_size_classes() -> None:
    """Qwen3-30B-A3B is an SLM by active and an LLM by total parameters."""
    found = next(found for found in load_catalog() if found.id == "Qwen/Qwen3-30B-A3B")
    assert (describe(found).size_class.by_active, describe(found).size_class.by_total) == ("slm", "llm")
