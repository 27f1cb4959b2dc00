"""Every document that `--json` prints is valid against the JSON Schema that `sizer schema` prints for its command."""

from __future__ import annotations

import jsonschema
import pytest

from sizer.reports import REPORTS
from tests.contract.test_gates import LINES as GATES
from tests.contract.test_gates import folder  # noqa: F401

# report: a command line that makes one, offline
LINES = {
    "inspect": ["inspect", "Qwen/Qwen3-0.6B", "--offline"],
    "inspect (several)": ["inspect", "Qwen/Qwen3-0.6B", "openai/gpt-oss-20b", "--offline"],
    "catalog": ["catalog", "--max-active", "1B"],
    "catalog add": ["catalog", "add", "Qwen/Qwen3-0.6B", "--offline", "--catalog", "mine.yaml"],
    "catalog show": ["catalog", "show", "Qwen/Qwen3-0.6B"],
    "recommend": ["recommend", "--well-defined", "yes", "--diverse", "no"],
    "evidence": ["evidence"],
    "cases": ["cases"],
    "route": ["route"],
    "compare": ["compare", "Qwen/Qwen3-0.6B", "openai/gpt-oss-20b", "--offline"],
    "diff": ["diff", "meta-llama/Llama-3.1-8B", "bench/Llama-3.1-8B-GPTQ-Int4", "--offline"],
    "fit": ["fit", "--on", "rtx-4090"],
    "landscape": ["landscape"],
    "tune": ["tune", "openai/gpt-oss-20b", "--offline"],
    "moe": ["moe", "openai/gpt-oss-20b", "--offline"],
    "devices": ["devices", "rtx"],
}


@pytest.mark.parametrize("name", LINES)
def test_reports_are_valid(name, sizer, monkeypatch, tmp_path):
    """A document has the shape that its schema says, and integers stay integers."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    schema = sizer("schema", name.partition(" (")[0]).json
    monkeypatch.chdir(tmp_path)
    outcome = sizer(*LINES[name], "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["ok"] is True
    jsonschema.validate(outcome.json, schema)


# command: arguments with which it fails, offline, and the exit code
FAILURES = {
    "inspect": (["org/nothing", "--offline"], 3),
    "catalog": (["--max-active", "8"], 2),
    "catalog show": (["show", "nothing-of-that-name"], 3),
    "catalog verify": (["verify", "xai-org/grok-1", "--offline"], 3),
    "catalog add": (["add", "org/nothing", "--offline", "--catalog", "mine.yaml"], 3),
    "compare": (["one"], 2),
    "diff": (["org/nothing", "org/other", "--offline"], 3),
    "fit": ([], 2),
    "devices": (["--nonsense"], 2),
    "moe": (["org/nothing", "--offline"], 3),
    "tune": (["org/nothing", "--offline"], 3),
    "landscape": (["--sort", "nonsense"], 2),
    "recommend": (["--edge", "perhaps"], 2),
    "evidence": (["--domain", "nonsense"], 2),
    "cases": (["nothing.yaml"], 3),
    "check": (["nothing.yaml"], 3),
    "route": (["--log", "nothing.jsonl"], 3),
    "route calibrate": (["calibrate", "nothing.csv"], 3),
    "route score": (["score"], 2),
    "route export": (["export"], 2),
}


@pytest.mark.parametrize("name", REPORTS)
def test_failures_are_valid(name, sizer, monkeypatch, tmp_path):
    """So is the document of an error, which names the command in full."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    arguments, code = FAILURES[name]
    outcome = sizer(name.split()[0], *arguments, "--json")
    assert (outcome.code, outcome.json["ok"], outcome.json["command"]) == (code, False, name)
    jsonschema.validate(outcome.json, sizer("schema", name).json)


def test_what_is_not_whole_is_valid(sizer, monkeypatch, tmp_path):
    """So is the document of what could be read, beside the error of what could not."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    document = sizer("inspect", "Qwen/Qwen3-0.6B", "org/nothing", "--offline", "--json").json
    assert (len(document["report"]["models"]), document["error"]["code"]) == (1, "hub.offline")
    jsonschema.validate(document, sizer("schema", "inspect").json)


@pytest.mark.parametrize("line", GATES)
def test_failed_gates_are_valid(line, sizer, folder):  # noqa: F811
    """So is the document of a failed gate, with the report and the error."""
    document = sizer(*line.split(), "--json").json
    assert {"report", "error"} <= document.keys()
    jsonschema.validate(document, sizer("schema", document["command"]).json)


@pytest.mark.parametrize(
    "change",
    [{"ok": False}, {"report": None}, {"command": "moe"}, {"schema_version": 2}, {"error": {"code": "a.b"}}],
    ids=str,
)
def test_what_is_no_document_is_refused(change, sizer):
    """A schema refuses a failure without an error, another command's document and a half error."""
    document = sizer("devices", "h100", "--json").json
    schema = sizer("schema", "devices").json
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, **change}, schema)


def test_the_schema_of_a_report_alone(sizer):
    """`--report` gives the schema of what stands under `report`."""
    document = sizer("devices", "h100", "--json").json
    schema = sizer("schema", "devices", "--report").json
    jsonschema.validate(document["report"], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


@pytest.mark.parametrize("name", REPORTS)
def test_schemas_are_schemas(name, sizer):
    """Each schema is itself valid."""
    jsonschema.Draft202012Validator.check_schema(sizer("schema", name).json)
