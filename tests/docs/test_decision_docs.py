"""The pages on the decision and on the gate say what the code does."""

import re
import shlex
from pathlib import Path

import pytest

from sizer.decision.cases import load_cases, replay
from sizer.decision.evidence import rows
from sizer.decision.questions import numbers, questions
from sizer.decision.verdict import rule_table
from sizer.tables import parse_yaml

ROOT = Path(__file__).parents[2]
DECISION = (ROOT / "docs/concepts/decision.md").read_text(encoding="utf-8")
GATE = (ROOT / "docs/guides/ci.md").read_text(encoding="utf-8")


def _blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def _commands(page):
    return [line[2:] for block in _blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]


def _file(name):
    """A block of the guide, by the name in its first line."""
    return next(block for block in _blocks(GATE, "yaml") if block.startswith(f"# {name}\n"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the guide's policy and answers."""
    for name in ("sizer-policy.yaml", "sizer-answers.yaml"):
        (tmp_path / name).write_text(_file(name))
    (tmp_path / "answers.yaml").write_text(_file("sizer-answers.yaml"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", [line for line in _commands(DECISION) if line != "sizer recommend"])
def test_the_commands_of_the_page_run(sizer, folder, command):
    """Every command line of the page runs; only the one whose model does not fit ends with 1."""
    outcome = sizer(*shlex.split(command)[1:])
    assert outcome.code == (1 if "--memory-gb 8" in command else 0), outcome.err


@pytest.mark.parametrize("command", _commands(GATE))
def test_the_commands_of_the_guide_run(sizer, folder, monkeypatch, command):
    """Every command line of the guide passes the guide's own policy, on the shipped bundle."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    outcome = sizer(*shlex.split(command)[1:])
    assert outcome.code == 0, outcome.out + outcome.err


def test_the_policy_of_the_guide_has_every_limit():
    """The guide's policy shows each limit that there is, and each holds a value that is checked."""
    from dataclasses import fields

    from sizer.decision.policy import Limits

    policy = parse_yaml(_file("sizer-policy.yaml").encode(), where="guide")
    assert set(policy["limits"]) == {field.name for field in fields(Limits)}


@pytest.mark.parametrize("name", [".github/workflows/model-size.yml", ".pre-commit-config.yaml"])
def test_the_ready_made_files_call_the_command(name):
    """The workflow and the hook are YAML and call `sizer check` on the policy."""
    text = _file(name)
    assert parse_yaml(text.encode(), where=name)
    assert "sizer check sizer-policy.yaml" in text


def test_the_table_of_questions_is_the_data():
    """The page's table has each question with its side and the number that stands in for it."""
    stands_in = {number.stands_for: number.id for number in numbers() if number.stands_for}
    for entry in questions():
        number = f"`{stands_in[entry.id]}`" if entry.id in stands_in else ""
        row = next(line for line in DECISION.splitlines() if line.startswith(f"| `{entry.id}`"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:3] == [entry.speaks_for, number]


def test_the_rates_on_the_page_are_the_replay():
    """The page's hit rates are what the replay counts."""
    for unseen in (False, True):
        report = replay(load_cases(unseen=unseen))
        acceptable, tally = report.acceptable_hits, report.tally_hits
        told = (
            f"| {report.hits} ({report.hit_share:.0%}) | {acceptable} ({report.acceptable_share:.0%}) "
            f"| {tally} ({report.tally_share:.0%}) | {report.commonest_share:.0%} |"
        )
        assert told.replace("%", " %") in DECISION


def test_the_counts_on_the_page_are_the_tables():
    """The page's numbers of rules and of evidence rows are those of the tables."""
    assert len(rule_table().rules) == 11
    assert "Eleven rules in `data/rules.yaml`" in DECISION
    assert f"prints {len(rows())} published comparisons" in DECISION
