"""The docs against the code: every command line runs, generated pages are current."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sizer.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COGGED = [page for page in PAGES if "[[[cog" in page.read_text()]
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
HAVE_THEIR_OWN_TEST = ("decision", "ci", "routing")
"""Pages whose command lines `test_decision_docs.py` (some end with 1) and `test_routing_docs.py` (on logs) run."""


def lines_of(page: Path) -> list[str]:
    """Every line of the page's `console` blocks that starts with `$ sizer`, in order."""
    blocks = [match["text"] for match in BLOCK.finditer(page.read_text()) if match["kind"] == "console"]
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ sizer")]


def write_files_of(page: Path, folder: Path) -> None:
    """The files that the page shows: blocks whose first line is a comment with the file's name."""
    for match in BLOCK.finditer(page.read_text()):
        first, _, _ = match["text"].partition("\n")
        if name := re.fullmatch(r"# ([\w-]+\.(?:yaml|yml|json|csv|jsonl))", first):
            (folder / name[1]).write_text(match["text"])


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if lines_of(page) and page.stem not in HAVE_THEIR_OWN_TEST],
    ids=lambda page: page.stem,
)
def test_command_lines_run(page, sizer, tmp_path, monkeypatch):
    """Every command line of a page runs offline, in the page's order, with the files that the page shows."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.chdir(tmp_path)
    write_files_of(page, tmp_path)
    for line in lines_of(page):
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
        outcome = sizer(*words[1:])
        assert outcome.code == 0, f"{line}\n{outcome.err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    """Every relative link of a page names a file or folder that is there."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_command_is_documented():
    """The reference page has a section for each command."""
    text = (ROOT / "docs/reference/cli.md").read_text()
    assert [name for name in COMMANDS if f"## `sizer {name}`" not in text] == []


@pytest.mark.parametrize("page", COGGED, ids=lambda page: page.stem)
def test_generated_pages_are_current(page):
    """Running cog again changes nothing."""
    run = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", str(page)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, f"run: python -m cogapp -r {page.relative_to(ROOT)}\n{run.stdout}"
