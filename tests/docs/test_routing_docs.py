"""docs/concepts/routing.md against the code: its command lines run on small files, its tables are the data."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from sizer.routing.routers import measured_routers
from sizer.routing.traffic.sql import DIALECTS
from tests.unit.routing import logs
from tests.unit.routing.labelled import make_labels, write_labels

PAGE = Path(__file__).parents[2] / "docs/concepts/routing.md"
LINES = re.findall(r"^\$ sizer (.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_command_lines_run(sizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Every command line of the page runs, on a log of six requests and 120 labels."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requests.jsonl").write_text(logs.lines(logs.litellm_spend))
    write_labels(tmp_path / "labels.csv", make_labels(120, 3))
    outcome = sizer(*shlex.split(line))
    assert outcome.code == 0, outcome.err
    assert outcome.out


def test_the_table_of_routers_is_the_data() -> None:
    """Every measured router has its row, with its error rates at 20 %."""
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| 20 % \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    found = {}
    for name, router in measured_routers().items():
        point = router.points[4]
        found[name] = f"{point.false_hard:.3f} | {point.false_easy:.3f}"
    assert rows == found


def test_every_dialect_is_named() -> None:
    """The page names every dialect of --emit-sql."""
    text = PAGE.read_text().lower().replace("postgresql", "postgres")
    assert [name for name in DIALECTS if name not in text] == []
