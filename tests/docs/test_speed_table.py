"""The speed ranges against published measurements, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

from benchmarks import speed

ROOT = Path(__file__).resolve().parent.parent.parent


def test_at_least_nine_of_ten_measurements_lie_in_the_expected_range():
    """Of the published measurements at least 90 % lie inside their range, also of those found after it was drawn."""
    table = speed.load()
    for measurements, least in ((table.measurements, 50), (table.held_out, 30)):
        within, total = speed.inside(table, measurements)
        assert total >= least
        assert within >= 0.9 * total


def test_no_measurement_passes_its_ceiling():
    """A roofline is a ceiling: nothing measured is faster."""
    table = speed.load()
    models = {model.id: model for model in table.models}
    for item in (*table.measurements, *table.held_out):
        assert item.tokens_per_second < speed.decode_of(models[item.model], item.device).ceiling_tokens_per_second


def test_every_measurement_names_a_known_source():
    """Each row's source stands in the list of sources, and each source is used."""
    table = speed.load()
    assert {item.source for item in (*table.measurements, *table.held_out)} == {source.id for source in table.sources}


def test_the_page_shows_the_table():
    """`docs/concepts/speed.md` has every row as it is computed now."""
    page = (ROOT / "docs" / "concepts" / "speed.md").read_text()
    table = speed.load()
    for measurements in (table.measurements, table.held_out):
        assert "{} of {} inside".format(*speed.inside(table, measurements)) in page
        for row in speed.rows(table, measurements):
            assert row in page


def test_prompts_and_several_devices():
    """At least nine of ten lie inside, no prompt is read faster than its ceiling, and the page has the counts."""
    table = speed.load()
    models = {model.id: model for model in table.models}
    page = (ROOT / "docs" / "concepts" / "speed.md").read_text()
    for name, runs in speed.outside(table).items():
        total = len(getattr(table, name))
        assert len(runs) <= total / 10
        assert f"{total - len(runs)} of {total}" in page
    for run in table.prefill:
        ceiling = speed.prefill_of(models[run.model], run.device, run.devices).ceiling_tokens_per_second
        assert run.tokens_per_second < ceiling
