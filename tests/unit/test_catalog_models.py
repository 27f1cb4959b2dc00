"""The catalog: its table, its rules, and finding an entry."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from sizer.catalog.models import CatalogEntry, find, load_catalog, problems
from sizer.errors import NotFoundError, UsageError


def entry(**changes: object) -> CatalogEntry:
    """An entry without fault, changed as told."""
    values: dict[str, object] = {
        "id": "someone/Model-8B",
        "family": "Model",
        "basis": "declared",
        "source": "the model card",
        "checked": datetime.date(2026, 11, 24),
    }
    return CatalogEntry(**{**values, **changes})  # type: ignore[arg-type]


def test_the_catalog_is_broad() -> None:
    """The catalog holds at least 120 models of at least 40 families, from 0.1 B to above 1 T."""
    entries = load_catalog()
    totals = [found.total_parameters for found in entries if found.total_parameters]
    assert len(entries) >= 120
    assert len({found.family for found in entries}) >= 40
    assert min(totals) < 150_000_000
    assert max(totals) > 1_000_000_000_000


def test_every_entry_has_a_source_and_a_date() -> None:
    """Every entry says where its counts come from and when that was checked."""
    assert [found.id for found in load_catalog() if not found.source or not found.checked] == []


def test_counted_entries_equal_independent_counts() -> None:
    """Counted totals and active counts are those that an independent count of the architecture gives."""
    # By hand: 30,532,122,624 = 2 x 151,936 x 2,048 + 48 layers of attention, router and 128 experts + norms.
    layer = 2_048 * 4_096 * 2 + 2_048 * 512 * 2 + 2_048 * 128 + 2 * 2_048 + 2 * 128
    expert = 3 * 2_048 * 768
    found = find("Qwen/Qwen3-30B-A3B")
    assert found.total_parameters == 2 * 151_936 * 2_048 + 48 * (layer + 128 * expert) + 2_048
    assert found.active_parameters == 2 * 151_936 * 2_048 + 48 * (layer + 8 * expert) + 2_048
    assert found.kv_cache_bytes_per_token == 48 * 2 * 4 * 128 * 2


def test_a_tied_head_stored_twice_is_counted_once() -> None:
    """Qwen3-0.6B and 1.7B carry the count without the second copy of the head, which the Hub counts."""
    assert find("Qwen3-0.6B").total_parameters == 751_632_384 - 151_936 * 1_024
    assert find("Qwen3-1.7B").total_parameters == 2_031_739_904 - 151_936 * 2_048


def test_a_rounded_figure_says_so() -> None:
    """A figure stated in whole billions has a precision of a billion; a counted one has a precision of 1."""
    grok = find("xai-org/grok-1")
    assert (grok.total_parameters, grok.total_precision) == (314_000_000_000, 1_000_000_000)
    assert find("Qwen/Qwen3-30B-A3B").total_precision == 1


def test_published_figures_keep_their_digits() -> None:
    """`1T` is one digit, `3.3` two: what a vendor stated can be told from what it rounds to."""
    assert find("moonshotai/Kimi-K2-Instruct").published_total == Decimal("1E+3")
    assert find("Qwen/Qwen3-30B-A3B").published_active == Decimal("3.3")


def test_effective_context_is_carried_from_a_long_context_test() -> None:
    """Llama-3.1-8B states 128K and passes RULER to 32K; the 70B passes it to 64K."""
    small, large = find("meta-llama/Llama-3.1-8B-Instruct"), find("meta-llama/Llama-3.1-70B-Instruct")
    assert (small.context_tokens, small.effective_context_tokens) == (131_072, 32_768)
    assert large.effective_context_tokens == 65_536
    assert "RULER" in (small.effective_context_source or "")


@pytest.mark.parametrize("name", ["Qwen/Qwen3-8B", "qwen/qwen3-8b", "Qwen3-8B", " qwen3-8b "])
def test_an_entry_is_found_by_id_or_name(name: str) -> None:
    """An id is found in any letter case, and so is a name that only one organisation has."""
    assert find(name).id == "Qwen/Qwen3-8B"


def test_a_near_miss_names_what_was_meant() -> None:
    """A misspelt name is answered with the closest ids."""
    with pytest.raises(NotFoundError) as caught:
        find("Qwen3-30B-A33B")
    assert caught.value.code == "catalog.unknown"
    assert "`Qwen/Qwen3-30B-A3B`" in caught.value.hint


def test_a_name_of_two_organisations_is_refused() -> None:
    """A name that two organisations have is answered with both ids."""
    with pytest.raises(NotFoundError, match="more than one organisation") as caught:
        find("model-8b", [entry(), entry(id="other/Model-8B")])
    assert caught.value.details["close_matches"] == ["someone/Model-8B", "other/Model-8B"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "Model"}, "organisation/name"),
        ({"total_parameters": 7, "active_parameters": 9}, "active exceeds total"),
        ({"total_parameters": 1_500, "total_precision": 1_000}, "finer than stated"),
        ({"basis": "counted", "total_parameters": 7}, "has both counts"),
        ({"context_tokens": 4_096}, "context and its source"),
        ({"published_total": Decimal(8)}, "published figures and their source"),
        ({"routed_experts": 8, "experts_per_token": 9}, "more experts than there are"),
        ({"effective_context_tokens": 9, "effective_context_source": "a test"}, "exceeds the stated one"),
    ],
)
def test_a_figure_that_cannot_be_is_named(changes: dict[str, object], says: str) -> None:
    """An entry that contradicts itself is refused with the rule that it breaks."""
    assert len(problems([entry(**changes)])) == 1
    assert says in problems([entry(**changes)])[0]


def test_order_and_repeats_are_checked() -> None:
    """A stray row is told where it belongs, and a repeated id is named."""
    first, second = entry(id="a/x"), entry(id="b/x")
    assert problems([first, second]) == []
    assert problems([second, first]) == ["`a/x` must come before `b/x`: entries are sorted by id"]
    assert "`a/x` is listed twice" in problems([first, first])


def test_a_users_file_is_merged(tmp_path: Path) -> None:
    """A user's file adds entries and replaces those of the same id; the rest stays."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "models:\n"
        "- {id: me/Mine-3B, family: Mine, basis: declared, source: me, checked: 2026-11-24}\n"
        "- {id: qwen/qwen3-8b, family: Mine, basis: declared, source: me, checked: 2026-11-24}\n"
    )
    merged = load_catalog(path)
    assert len(merged) == len(load_catalog()) + 1
    assert find("Mine-3B", merged).family == "Mine"
    assert find("Qwen/Qwen3-8B", merged).family == "Mine"
    assert problems(merged) == []


def test_a_users_file_with_a_fault_is_refused(tmp_path: Path) -> None:
    """A user's entry that contradicts itself is a usage error that names file and rule."""
    path = tmp_path / "mine.yaml"
    path.write_text("models:\n- {id: Mine, family: Mine, basis: declared, source: me, checked: 2026-11-24}\n")
    with pytest.raises(UsageError, match="organisation/name") as caught:
        load_catalog(path)
    assert str(path) in caught.value.what
