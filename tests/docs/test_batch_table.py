"""The speed ranges with many sequences at once against published runs, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

from benchmarks import batch

ROOT = Path(__file__).resolve().parent.parent.parent


def test_at_least_nine_of_ten_lie_in_the_expected_range():
    """Of at least forty published runs 90 % lie inside."""
    within, total = batch.inside(batch.load())
    assert total >= 40
    assert within >= 0.9 * total


def test_no_run_passes_its_ceiling():
    """Nothing measured is faster than the roofline of its prompts and answers together."""
    table = batch.load()
    models = {model.id: model for model in table.models}
    for run in table.runs:
        assert run.tokens_per_second < batch.estimate(models[run.model], run)[0]


def test_models_and_sources_are_those_of_the_runs():
    """Each run names a model and a source that are there, and each of them is used."""
    table = batch.load()
    assert {run.model for run in table.runs} == {model.id for model in table.models}
    assert {run.source for run in table.runs} == {source.id for source in table.sources}


def test_the_page_shows_the_table():
    """`docs/concepts/speed.md` has every row as it is computed now, the count and the sources."""
    page = (ROOT / "docs" / "concepts" / "speed.md").read_text()
    table = batch.load()
    assert [row for row in batch.rows(table) if row not in page] == []
    assert "{} of {} inside".format(*batch.inside(table)) in page
    assert [source.id for source in table.sources if f"- {source.id}: {source.text}" not in page] == []
