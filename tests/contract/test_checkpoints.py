"""Checkpoints that were written and counted apart from this project, read, unpacked and counted as a user would.

`checkpoints.jsonl.gz` holds one a line: a header bundle and its counts. About a third was written by the quantisation
tools themselves from small models with known modules, a third follows families' own modelling code or configs, and the
rest are models that do not exist, with names of their own. Counts come from modules or from the dimensions, before
packing. Those whose `active` is null do not say how many experts a token uses, or say it in words of their own.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sizer.api import inspect

LINES = gzip.decompress(Path(__file__).with_name("checkpoints.jsonl.gz").read_bytes()).splitlines()
ROWS: list[dict[str, Any]] = [json.loads(line) for line in LINES]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_checkpoint_that_was_counted_elsewhere(row: dict[str, Any], tmp_path: Path) -> None:
    """Total and active are those of the independent count, or active is unknown, and the components sum to both."""
    path = tmp_path / "bundle.json.gz"
    path.write_bytes(gzip.compress(json.dumps(row["bundle"]).encode(), 1))
    report = inspect(str(path))
    assert (report.total_parameters, report.active_parameters) == (row["total"], row["active"])
    parts = report.components
    if parts:
        assert sum(part.total_parameters for part in parts) == row["total"]
    if row["active"] is not None:
        assert sum(part.active_parameters or 0 for part in parts) == row["active"]
