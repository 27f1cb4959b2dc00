"""Every command that ends with 1 says in its document which gate failed, in one way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.routing.labelled import make_labels, write_labels

POLICY = """\
models: [Qwen/Qwen3-0.6B]
limits: {total_parameters: 100M, active_parameters: 1B, licences: [mit]}
"""
CATALOG = """\
models:
- id: openai/gpt-oss-20b
  family: gpt-oss
  basis: counted
  total_parameters: 20_914_757_185
  active_parameters: 3_608_774_784
  source: a wrong entry
  checked: 2026-11-24
"""

# command line: what failed, and a text that its message has
LINES = {
    "check policy.yaml --offline": (
        ["Qwen/Qwen3-0.6B total_parameters", "Qwen/Qwen3-0.6B licences"], "596.05 M exceeds 100.00 M",
    ),
    "recommend --edge yes --memory-gb 1 --context-tokens 1000000": (["a model for the small leg"], "exclude"),
    "route --fail-if saving<0.9 --fail-if cost>1 --fail-if quality<50%": (["saving<0.9", "cost>1"], "it is 0.792"),
    "route --fail-if p95>2": (["p95>2"], "not known"),
    "route calibrate labels.csv --fail-if apgr<0.99": (["apgr<0.99"], "apgr<0.99: it is"),
    "catalog verify gpt-oss-20b --offline --catalog wrong.yaml": (["openai/gpt-oss-20b"], "total_parameters"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the command lines name, as the current one."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "wrong.yaml").write_text(CATALOG)
    write_labels(tmp_path / "labels.csv", make_labels(100, 1))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_a_failed_gate_is_an_error_beside_the_report(sizer: Any, line: str, folder: Path) -> None:
    """Exit code 1 comes with `error.code` gate.failed, the names in `details.failed`, and the whole report."""
    names, text = LINES[line]
    outcome = sizer(*line.split(), "--json")
    assert outcome.code == 1, outcome.err
    error = outcome.json["error"]
    assert (outcome.json["ok"], error["code"], error["exit_code"]) == (False, "gate.failed", 1)
    assert error["details"]["failed"] == names
    assert text in error["message"]
    assert error["hint"]
    assert outcome.json["report"]
