"""`sizer check` on the terminal, and as annotations for GitHub."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sizer.decision.policy import Check, CheckReport
from sizer.render.terminal import safe, table
from sizer.units import plural

__all__ = ["github_annotations", "show"]

_TABLE_WIDTH = 60
_MARK = {"pass": ("pass", "green"), "fail": ("FAIL", "bold red"), "not_applicable": ("n/a", "dim")}


def show(report: CheckReport, console: Console) -> None:
    """Print every rule by model, then the count."""
    for model in dict.fromkeys(check.model for check in report.checks):
        console.print(Text(safe(model) or "answers", style="bold"))
        if console.width < _TABLE_WIDTH:
            _show_stacked([check for check in report.checks if check.model == model], console)
            continue
        rows = [_row(check) for check in report.checks if check.model == model]
        columns = [("", "left!"), ("", "left!"), ("", "left"), ("", "left!")]
        console.print(Padding(table(columns, rows, header=False), (0, 0, 0, 2)))
    console.print(Text(_summary(report), style="bold green" if report.ok else "bold red"))


def _show_stacked(checks: Sequence[Check], console: Console) -> None:
    """A sentence for each rule: there is no room for a column each."""
    for check in checks:
        mark, style = _MARK[check.status]
        told = f" {check.rule}: {safe(check.text)}"
        basis = Text(f" ({check.basis})" if check.basis else "", style="dim")
        console.print(Padding(Text.assemble((mark, style), told, basis), (0, 0, 0, 2)))


def github_annotations(report: CheckReport) -> str:
    """Workflow commands for GitHub: an error for each failure, a notice for what does not apply, then the count."""
    lines = []
    for check in report.checks:
        if check.status == "pass":
            continue
        level = "error" if check.status == "fail" else "notice"
        place = f"file={_property(report.policy)},title={_property(f'sizer check: {check.rule}')}"
        subject = f"{check.model}: " if check.model else ""
        lines.append(f"::{level} {place}::{_message(subject + check.text)}")
    return "\n".join([*lines, _summary(report)]) + "\n"


def _row(check: Check) -> list[Text | str]:
    mark, style = _MARK[check.status]
    return [Text(mark, style=style), check.rule, safe(check.text), Text(check.basis, style="dim")]


def _summary(report: CheckReport) -> str:
    told = f"{plural(report.failed, 'rule')} failed, {report.passed} passed"
    return told + (f", {report.not_applicable} did not apply" if report.not_applicable else "")


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
