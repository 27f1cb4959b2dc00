"""Hostile headers are refused, or read, in bounded time and memory."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("header_budget.py")
PEAK_MB = 500

SAFETENSORS_OUTCOMES = {
    "a million dimensions of 7": "header.overflow",
    "twelve million dimensions of 1": "header.over_cap",
    "a thousand dimensions of 4,000 digits": "header.json",
    "one dimension of a million digits": "header.json",
    "ten million brackets": "header.json",
    "a name of 24 MB": "header.field",
    "one name, 100,000 times": "header.duplicate_name",
    "100,000 new dtypes": "header.dtype",
    "one new dtype, 50,000 times": "read",
    "a million tensors by position": "header.over_cap",
    "100,000 tensors by position": "header.offsets",
    "150,000 tensors": "read",
    "24 MB of NUL bytes": "read",
    "24 MB of spaces": "read",
    "metadata of 24 MB": "read",
}
GGUF_OUTCOMES = {
    "three million empty texts": "read",
    "100,000 tensors": "read",
    "65,536 pairs": "read",
    "2**64 - 1 texts": "header.over_cap",
    "2**64 - 1 tensors": "header.over_cap",
    "a text of 24 MB": "read",
    "2**32 - 1 dimensions": "header.dimensions",
}


@pytest.mark.skipif(importlib.util.find_spec("resource") is None, reason="limits need a POSIX system")
@pytest.mark.parametrize("case", SAFETENSORS_OUTCOMES)
def test_a_hostile_safetensors_header_stays_within_its_budget(case: str) -> None:
    """Each case ends as said, within 20 seconds of processor time and 500 MB."""
    assert _run("safetensors", case) == SAFETENSORS_OUTCOMES[case]


@pytest.mark.skipif(importlib.util.find_spec("resource") is None, reason="limits need a POSIX system")
@pytest.mark.parametrize("case", GGUF_OUTCOMES)
def test_a_hostile_gguf_header_stays_within_its_budget(case: str) -> None:
    """Each case ends as said, within 20 seconds of processor time and 500 MB."""
    assert _run("gguf", case) == GGUF_OUTCOMES[case]


def _run(kind: str, case: str) -> str:
    """The outcome of one case in a process of its own; the peak memory is checked here."""
    root = PROGRAM.parents[2]
    finished = subprocess.run(
        [sys.executable, str(PROGRAM), kind, case],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    outcome, peak = finished.stdout.split()
    assert int(peak) < PEAK_MB
    return outcome
