"""The docs against the code: every command line runs, generated pages current."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COGGED = [page for page in PAGES if "[[[cog" in page.read_text()]


def command_lines() -> list[str]:
    """Every line of the `console` blocks that starts with `$ sizer`."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            found += [line[2:] for line in block.splitlines() if line.startswith("$ sizer")]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("page", COGGED or [pytest.param(None, marks=pytest.mark.skip)], ids=str)
def test_generated_pages_are_current(page):
    """Running cog again changes nothing."""
    run = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", str(page)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, f"run: python -m cogapp -r {page.relative_to(ROOT)}\n{run.stdout}"


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_run(line, sizer, tmp_path, monkeypatch):
    """Every command line in the docs runs offline and ends with 0."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    for folder in ("docs", "data", "examples"):
        if (ROOT / folder).exists():
            (tmp_path / folder).symlink_to(ROOT / folder)
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
    outcome = sizer(*words[1:])
    assert outcome.code == 0, outcome.err
