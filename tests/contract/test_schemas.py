"""Every report is valid against the JSON Schema that `sizer schema` prints for it."""

from __future__ import annotations

import jsonschema
import pytest

from sizer.reports import REPORTS

# report: a command line that makes one, offline
LINES = {
    "inspect": ["inspect", "Qwen/Qwen3-0.6B", "--offline"],
    "inspect (several)": ["inspect", "Qwen/Qwen3-0.6B", "openai/gpt-oss-20b", "--offline"],
    "catalog": ["catalog", "--max-active", "1B"],
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
}


@pytest.mark.parametrize("name", LINES)
def test_reports_are_valid(name, sizer, monkeypatch, tmp_path):
    """A report has the shape that its schema says, and integers stay integers."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    schema = sizer("schema", name.partition(" (")[0]).json
    outcome = sizer(*LINES[name], "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["schema_version"] == 1
    jsonschema.validate(outcome.json["report"], schema)


@pytest.mark.parametrize("name", REPORTS)
def test_schemas_are_schemas(name, sizer):
    """Each schema is itself valid."""
    jsonschema.Draft202012Validator.check_schema(sizer("schema", name).json)
