"""What the routing commands print against the JSON Schemas that `sizer schema` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.routing import logs
from tests.unit.routing.labelled import make_labels, write_labels


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a log and labels, as the current one."""
    (tmp_path / "log.jsonl").write_text(logs.lines(logs.litellm_payload))
    write_labels(tmp_path / "labels.csv", make_labels(100, 1))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def holds(sizer: Any, command: str, *arguments: str) -> None:
    outcome = sizer(*command.split(), *arguments, "--json")
    assert outcome.code == 0, outcome.err
    schema = sizer("schema", command).json
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(outcome.json, schema)
    assert outcome.json["command"] == command


@pytest.mark.parametrize(
    "arguments",
    [(), ("--cascade", "--gpu-hour", "2", "--rps", "9", "--small-latency", "1:2", "--large-latency", "2:3"),
     ("--log", "log.jsonl"), ("--emit-sql", "trino"), ("--fail-if", "saving<0.1", "--distil-labels", "10k")],
)  # fmt: skip
def test_route(sizer: Any, folder: Path, arguments: tuple[str, ...]) -> None:
    """Every form of `sizer route` prints what its schema says."""
    holds(sizer, "route", *arguments)


def test_calibrate_score_export(sizer: Any, folder: Path) -> None:
    """So do calibrate, score and export."""
    holds(sizer, "route calibrate", "labels.csv", "--save", "router.json")
    holds(sizer, "route score", "labels.csv", "--router", "router.json")
    for target in ("litellm", "vllm-sr", "memo"):
        holds(sizer, "route export", "router.json", "--to", target, "--output", f"{target}.out")
    holds(sizer, "route export", "--check", "litellm.out")
