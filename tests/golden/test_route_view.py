"""Whole outputs of `sizer route`, at 80 columns, without colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "route"
CASES = {
    "defaults": ("--at", "2026-11-24"),
    "cascade": ("--at", "2026-11-24", "--cascade", "--detected", "0.9", "--needless", "0.1", "--verifier-cost",
                "0.0001", "--small-latency", "0.4:1.2", "--large-latency", "2:6"),
    "self-hosted": ("--at", "2026-11-24", "--self-host", "small", "--gpu-hour", "2.5", "--rps", "50", "--requests",
                    "300k/day", "--tokens", "1148:245", "--hard-share", "18%", "--large-price", "1.25:10:0.125",
                    "--target-quality", "95%", "--fail-if", "saving<90%"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_view(sizer: Any, name: str) -> None:
    """The view is the saved one, to the character."""
    outcome = sizer("route", *CASES[name])
    expected = FOLDER / f"{name}.txt"
    assert outcome.out == expected.read_text()
