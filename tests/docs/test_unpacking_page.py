"""The page on unpacking lists the formats that exist."""

from __future__ import annotations

from pathlib import Path

from sizer.quantization.formats import FORMATS

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "unpacking.md"


def test_every_format_has_its_row() -> None:
    """The first column of the table names each format of `FORMATS` once, and nothing else."""
    rows = [line.split("|")[1].strip() for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]

    assert sorted(rows[2:]) == sorted(packing.name for packing in FORMATS)
