"""`sizer check`: a policy held against models, for continuous integration."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit, failed_gates
from sizer.errors import SizerError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sizer.decision.policy import CheckReport

app = command_app()

_FORMATS = ("text", "json", "github")


@app.command()
def check(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="The policy, a YAML or JSON file.")],
    references: Annotated[
        list[str], typer.Argument(metavar="[REF]...", help="Models to check; without one, those of the policy.")
    ] = [],  # noqa: B006
    form: Annotated[
        str, typer.Option("--format", metavar="text|json|github", help="github writes annotations for pull requests.")
    ] = "text",
    as_json: Json = False,
    offline: Offline = False,
) -> None:
    """Hold a policy against models: limits on size, memory, licence and class, and saved answers' verdict.

    Exit code 1 where a rule fails.
    """
    from sizer.decision.measured import measure_models
    from sizer.decision.policy import check_models, has_limits, load_policy

    if form not in _FORMATS:
        raise UsageError(
            f"--format: `{form}` is not a format", code="usage.format", hint=f"one of {', '.join(_FORMATS)}"
        )
    path = Path(policy)
    rules = load_policy(path)
    names = list(references) or list(rules.models)
    if has_limits(rules) and not names:
        raise UsageError(
            f"`{path}` has limits but no model to hold them against",
            code="usage.missing",
            hint="name models on the command line, or list them under `models:`",
        )
    measured = measure_models(names, rules, offline=offline) if has_limits(rules) else ()
    report = check_models(path, rules, measured, as_of=datetime.datetime.now(datetime.UTC).date())
    error = failed_gates(
        {f"{check.model} {check.rule}".strip(): check.text for check in report.checks if check.status == "fail"},
        hint="`report.checks` has every rule with what was measured",
    )
    _print(report, "json" if as_json else form, error)
    if error:
        raise typer.Exit(error.exit_code)


def _print(report: CheckReport, form: str, error: SizerError | None) -> None:
    if form == "github":
        from sizer.render.views.check import github_annotations

        sys.stdout.write(github_annotations(report))
        return

    def show(report: CheckReport, console: Console) -> None:
        from sizer.render.views.check import show

        show(report, console)

    emit("check", report, show, as_json=form == "json", error=error)
