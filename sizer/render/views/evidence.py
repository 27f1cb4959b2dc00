"""`sizer evidence` on the terminal: each published comparison with bars for its two scores."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sizer.decision.evidence import Contender, EvidenceReport, EvidenceRow
from sizer.render.terminal import bar, is_unicode, key_values, safe, table
from sizer.render.views.recommend import WINNER_TEXT
from sizer.units import format_count, plural

__all__ = ["show", "show_domains"]

_BAR = 20
_STYLES = {"small": "green", "large": "magenta"}


def show(report: EvidenceReport, console: Console) -> None:
    """Print the rows, then what they come to."""
    for row in report.rows:
        _show_row(row, console)
    console.print(Text(_summary(report), style="bold"))
    if not report.domains:
        show_domains(report, console)


def show_domains(report: EvidenceReport, console: Console) -> None:
    """Print what --domain may name."""
    console.print(key_values([("kinds of task", ", ".join(report.kinds)), ("subjects", ", ".join(report.subjects))]))


def _summary(report: EvidenceReport) -> str:
    wins = report.wins
    told = [
        f"small wins {wins['small']}",
        f"ties {wins['tie']}",
        f"close {wins['near']}",
        f"large wins {wins['large']}",
    ]
    told += [f"untuned wins {wins['untuned']}"] if wins["untuned"] else []
    told += [f"not comparable {wins['unclear']}"] if wins["unclear"] else []
    return f"{plural(len(report.rows), 'row')}: {', '.join(told)}"


def _show_row(row: EvidenceRow, console: Console) -> None:
    kind = row.domain + (f", {row.field}" if row.field else "")
    console.print(Text.assemble((row.task, "bold"), f"  {kind}  {row.metric}  ", (WINNER_TEXT[row.winner], "italic")))
    unicode = is_unicode(console)
    rows = [_contender(side, getattr(row, side), row.perfect, unicode) for side in ("small", "large")]
    columns = [("", "left!"), ("", "left!"), ("", "right!"), ("", "left")]
    console.print(Padding(table(columns, rows, header=False), (0, 0, 0, 2)))
    if row.note_row:
        console.print(Text(f"  the note said: {row.note_row.claim} ({row.note_row.finding})", style="yellow"))
    console.print(Padding(Text(f"{safe(row.source)} ({row.checked}); {safe(row.caveat)}", style="dim"), (0, 0, 0, 2)))
    console.print()


def _contender(side: str, contender: Contender, perfect: float | None, unicode: bool) -> list[Text | str]:
    size = format_count(contender.total_parameters) if contender.total_parameters else "size unpublished"
    if contender.active_parameters:
        size += f", {format_count(contender.active_parameters)} active"
    score = "-" if contender.score is None else f"{contender.score:g}"
    drawn: Text | str = Text(" " * _BAR)
    if contender.score is not None and perfect:
        drawn = bar(contender.score / perfect, _BAR, unicode=unicode, style=_STYLES[side])
    return [side, drawn, score, f"{contender.model} ({size})"]
