import importlib
import subprocess
import sys

import pytest
import typer

from sizer.cli import app as cli
from sizer.cli.options import _AsGiven, take_text_as_given
from sizer.errors import GateFailedError, NotFoundError
from sizer.render.text import safe


def test_help_names_every_command(sizer):
    """`sizer --help` lists each command with its summary."""
    out = sizer("--help").out
    assert [name for name in cli.COMMANDS if name not in out] == []


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["schema", "--nonsense"], ["schema", "nonsense"]])
def test_usage_errors_end_with_2(sizer, arguments):
    """A wrong command line ends with 2 and a hint, without a traceback."""
    outcome = sizer(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert "hint: " in outcome.err


def test_json_failure_is_one_document(sizer):
    """With --json a failure is one envelope on stdout, and its exit code is the process's."""
    outcome = sizer("schema", "nonsense", "--json")
    assert outcome.json["ok"] is False
    assert outcome.json["error"]["exit_code"] == outcome.code == 2


@pytest.mark.parametrize("words", [("route calibrate",), ("route", "calibrate"), ("route-calibrate",)])
def test_schema_of_a_command_of_two_words(sizer, words):
    """A command of two words is named in one, in two or with a hyphen."""
    assert "cpt50" in sizer("schema", *words).out


INTERRUPTED_IMPORT = """
import os, signal, sys

wanted = sys.argv[1]
sys.argv[1:] = ["schema", "inspect"]

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
import runpy
runpy.run_module("sizer", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["sizer.cli.app", "typer", "sizer.cli.schema"])
def test_an_interrupt_during_imports_leaves_no_traceback(module):
    """Ctrl-C while the command line is being loaded ends with 130; so does one while a command is, which says so."""
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, module]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr.strip() == ("Aborted." if module == "sizer.cli.schema" else "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("no", code="hub.x"), 3),
        (GateFailedError("no", code="gate.x"), 1),
        (RuntimeError("boom"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(sizer, monkeypatch, error, code):
    """Each kind of failure has its exit code."""

    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr("sizer.render.json.encode", fail)
    outcome = sizer("schema")
    assert outcome.code == code


def test_ctrl_c_is_one_document(sizer, monkeypatch):
    """With --json an interruption is an envelope, too; a person is told in a word."""

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sizer.api.read", interrupt)
    outcome = sizer("inspect", "org/model", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (130, "cli.interrupted")
    assert outcome.err.strip() == "Aborted."


def test_safe_escapes_what_drives_a_terminal():
    """Escape sequences, C1 controls, bidirectional overrides and newlines are shown, not obeyed."""
    assert safe("a\x1b[31m\x9b\u202e\nb[/x]") == "a\\x1b[31m\\x9b\\u202e\\x0ab[/x]"


def test_a_reader_that_has_enough():
    """A pipe that is closed early is no failure: `sizer landscape | head -1` ends with 0 and says nothing."""
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-m", "sizer", "landscape"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        run.stdout.readline()
        run.stdout.close()
        said = run.stderr.read()
    assert (run.returncode, said) == (0, b"")


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_no_command_needs_typers_validators(name):
    """Every parameter is text or a flag, so that Typer does not import pydantic (0.13 s) to read one."""
    command = typer.main.get_command(importlib.import_module(f"sizer.cli.{cli.COMMANDS[name][0]}").app)
    take_text_as_given(command)
    pending = [command]
    while pending:
        command = pending.pop()
        pending += getattr(command, "commands", {}).values()
        others = [param.name for param in command.params if not isinstance(param._runtime_param, _AsGiven)]
        assert others == []
