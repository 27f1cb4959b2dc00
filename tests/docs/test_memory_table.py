"""The table of weights and cache beside other programs, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import memory

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_page_shows_what_is_counted_now():
    """Every row of `docs/concepts/memory.md` is what `sizer` counts from the header sets today."""
    page = (ROOT / "docs" / "concepts" / "memory.md").read_text()
    rows = list(memory.rows(memory.load()))
    assert len(rows) >= 40
    assert [row for row in rows if row not in page] == []


def test_published_figures_are_met():
    """Every published figure is within 0.5 % of the count."""
    published = [(row, one) for row in memory.load().models for one in row.published]
    assert len(published) >= 8
    for row, one in published:
        weights, cache, _ = memory.counted(row)
        assert one.bytes == pytest.approx(weights if one.figure == "weights" else cache, rel=0.005)


def test_gguf_metadata_of_latent_attention():
    """The compressed vector of DeepSeek-V3 is one KV head of 512 + 64, its real heads are 128 + 64 and 128 wide."""
    row = next(row for row in memory.load().models if row.id == "deepseek-ai/DeepSeek-V3")
    pairs = {key: value for key, _, value in memory.metadata(memory.checkpoint_of(row.id).parts[0].config)}
    assert pairs["general.architecture"] == "deepseek2"
    assert [pairs[f"deepseek2.attention.{key}"] for key in ("head_count_kv", "key_length", "key_length_mla")] == [
        1,
        576,
        192,
    ]
