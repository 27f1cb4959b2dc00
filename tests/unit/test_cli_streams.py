"""Commands as processes whose streams are closed, full or gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

POLICY = "decision: {answers: answers.yaml, verdict: big}\n"


def run(shell: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`sh -c` with the command line as "$@"."""
    command = ["sh", "-c", shell, "sh", sys.executable, "-m", "sizer", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder, env=environment)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A folder with a policy that fails: narrow work that is to be big."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "answers.yaml").write_text("well_defined: yes\ndiverse: no\n")
    return tmp_path


CLOSED = '{ "$@"; echo "$?" >&2; } | true'  # the code goes to stderr: a pipe's own is that of its last command


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("1", ["check", "policy.yaml"]),
        ("1", ["check", "policy.yaml", "--format", "github"]),
        ("1", ["check", "policy.yaml", "--json"]),
        ("1", ["route", "--small-price", "1:1", "--large-price", "10:10", "--fail-if", "saving>0"]),
        ("0", ["evidence"]),
        ("0", ["evidence", "--json"]),
        ("0", ["--help"]),
    ],
)
def test_a_closed_pipe_does_not_change_the_exit_code(gate, code, arguments):
    """A gate that fails ends with 1 although nobody reads on, and a listing with 0; neither says anything more."""
    assert run(CLOSED, gate, *arguments).stderr.split() == [code]


def test_an_error_that_nobody_hears_keeps_its_code(gate):
    """`2>&1 | true` on a wrong flag ends with 2."""
    shell = '{ "$@" 2>&1; echo "$?" >code; } | true'
    run(shell, gate, "recommend", "--well-defined", "yse")
    assert (gate / "code").read_text().split() == ["2"]


@pytest.mark.parametrize("arguments", [["evidence"], ["evidence", "--json"], ["schema", "check"], ["--version"]])
@pytest.mark.parametrize(("target", "why"), [("&-", "it is closed"), ("/dev/full", os.strerror(28))])
def test_a_stdout_that_cannot_be_written_is_an_error_of_its_own(tmp_path, target, why, arguments):
    """With stdout closed or its disk full a command ends with 2 and says so in a plain error."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = run(f'"$@" >{target}', tmp_path, *arguments)
    told = [f"error: cannot write to stdout: {why}", "", "hint: send the output elsewhere, such as `> FILE`"]
    assert (done.returncode, done.stderr.splitlines()) == (2, told)


def test_a_command_needs_neither_stdin_nor_stderr(tmp_path):
    """With both closed the advice comes out on stdout, and the note about the saved file is dropped."""
    done = run('"$@" <&- 2>&-', tmp_path, "recommend", "--well-defined", "yes", "--save", "saved.yaml")
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "go small")
    assert "well_defined: yes" in (tmp_path / "saved.yaml").read_text()
