"""`sizer schema`: the JSON Schema of what each command prints with `--json`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sizer.cli.options import command_app
from sizer.errors import UsageError
from sizer.render import json

app = command_app()


@app.command()
def schema(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="A command, of two words where it has two: route calibrate or route-calibrate. [all of them]",
            metavar="COMMAND",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Of the report alone, without the document around it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Accepted for symmetry: the output is JSON anyway.")] = False,
) -> None:
    """Print the JSON Schema of the document that a command prints with --json, errors included."""
    from sizer.reports import REPORTS

    command = " ".join(words or [])
    if command not in REPORTS:
        command = command.replace("-", " ")
    if command and command not in REPORTS:
        raise UsageError(
            f"no report is called `{' '.join(words or [])}`", code="usage.command", hint=f"one of: {', '.join(REPORTS)}"
        )
    schemas: dict[str, Any] = {
        name: json.report_schema(kind) if report else json.document_schema(name, kind)
        for name, kind in REPORTS.items()
        if command in ("", name)
    }
    print(json.encode(schemas[command] if command else schemas), end="")
