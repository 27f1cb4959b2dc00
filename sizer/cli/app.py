"""The command line: which commands exist, and how every failure leaves the process.

A command is one module in this package with a Typer `app`, and one line in `COMMANDS`. Its module is
imported when the command runs, so `sizer --help` loads neither the Hub client nor rich.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from sizer import __version__
from sizer.cli.options import take_text_as_given
from sizer.cli.streams import take_over_streams
from sizer.errors import InternalError, InterruptedByUserError, SizerError, UsageError

__all__ = ["COMMANDS", "main"]

# name: (module, what it does). The order is the order of `sizer --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "inspect": ("inspect", "Total and active parameters of a model, from its headers"),
    "catalog": ("catalog", "Well-known models: total and active parameters, with sources"),
    "compare": ("compare", "Models side by side, differences marked, with ratios"),
    "diff": ("diff", "What changed between two revisions, tensors grouped by name"),
    "fit": ("fit", "Which models of the catalog fit a place"),
    "devices": ("devices", "The devices that --on may name, with memory, speed and price"),
    "moe": ("moe", "One token's way through a model: what is read, what stays asleep"),
    "tune": ("tune", "What tuning a model takes and costs: full, LoRA, QLoRA"),
    "landscape": ("landscape", "Every model from active to total parameters, on one axis"),
    "route": ("route", "What routing between a small and a large model costs and saves"),
    "recommend": ("recommend", "Go small, go big or route: nine answers and the models that fit"),
    "evidence": ("evidence", "Published comparisons of small and large models"),
    "check": ("check", "A policy held against models, for continuous integration"),
    "cases": ("cases", "The rules replayed on published decisions"),
    "schema": ("schema", "The JSON Schema of each document that --json prints"),
}


class _LazyGroup(TyperGroup):
    """A group that knows its commands' names and summaries, and imports one when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sizer.cli.{COMMANDS[cmd_name][0]}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        take_text_as_given(command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(COMMANDS, typer.main.get_command(app))  # names for "did you mean"
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_LazyGroup,
    name="sizer",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        print(f"sizer {__version__}")
        raise typer.Exit


@app.callback(epilog="Every command takes --json and --help. Exit codes: docs/reference/errors.md")
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
    ),
) -> None:
    """Which size of language model you need, what size a model really is, and what it costs."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that `sizer.errors` gives each kind of failure."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    gc.set_threshold(100_000)  # a checkpoint is 100,000 tuples; looking for cycles among them took 8 % of the time
    if arguments is None:
        take_over_streams()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = _run(args)
    try:
        sys.stdout.flush()
    except UsageError as error:
        code = _fail([], error)
    if arguments is None and "duckdb" not in sys.modules:  # which says at the end what it thinks was left lying
        gc.freeze()  # the process ends: nothing left is looked through again
    sys.exit(code)


def _run(args: list[str]) -> int:
    try:
        command = typer.main.get_command(app)
        take_text_as_given(command)
        result = command.main(args, prog_name="sizer", standalone_mode=False)
        if result == InterruptedByUserError.exit_code:  # what Typer makes of Ctrl-C
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except SizerError as error:
        return _fail(args, error)
    except TyperException as error:
        return _fail(args, _usage_error(error))
    except (KeyboardInterrupt, typer.Abort):
        print("\nAborted.", file=sys.stderr)
        interrupted = InterruptedByUserError("interrupted", code="cli.interrupted", hint="run it again")
        _write_failure(args, interrupted)
        return interrupted.exit_code
    except Exception as error:
        if os.environ.get("SIZER_DEBUG"):
            raise
        return _fail(
            args,
            InternalError(
                f"this is a bug in sizer ({type(error).__name__}: {error})",
                code="internal.bug",
                hint="run again with SIZER_DEBUG=1 for the traceback and report it with the command line",
            ),
        )


def _usage_error(error: TyperException) -> SizerError:
    if not error.format_message().strip() or type(error).__name__ == "NoArgsIsHelpError":
        return UsageError("no command was given", code="usage.missing", hint="run `sizer --help`")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "sizer"
    return UsageError(error.format_message().rstrip("."), code="usage.arguments", hint=f"run `{path} --help`")


def _write_failure(args: list[str], error: SizerError) -> None:
    """With --json, the one document of a command that failed."""
    if "--json" in args:
        from sizer.render import json

        sys.stdout.write(json.encode(json.failure(_command_of(args), error)))


def _command_of(args: list[str]) -> str:
    """The command that the arguments name, `route calibrate`; `sizer` where they name none."""
    command: Any = typer.main.get_command(app)
    names: list[str] = []
    with contextlib.suppress(Exception):  # what is wrong with the arguments is said already
        while isinstance(command, TyperGroup):
            context = command.make_context("sizer", args, resilient_parsing=True)
            name, command, args = command.resolve_command(context, [*context._protected_args, *context.args])
            names += [name] if name else []
    return " ".join(names) or "sizer"


def _fail(args: list[str], error: SizerError) -> int:
    _write_failure(args, error)
    lines = [f"error: {error.what}"]
    lines += [f"  because {error.because}"] if error.because else []
    lines += ["", f"hint: {error.hint}"] if error.hint else []
    from sizer.render.text import safe

    print("\n".join(safe(line) for line in lines), file=sys.stderr)
    return error.exit_code
