"""`sizer cases` on the terminal: the hit rate, the confusion, and every miss."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sizer.decision.cases import VERDICTS, CasesReport
from sizer.render.terminal import heading, key_values, safe, table
from sizer.units import format_percent

__all__ = ["show"]


def show(report: CasesReport, console: Console) -> None:
    """Print the replay."""
    rate = format_percent(report.hit_share)
    console.print(Text(f"{report.hits} of {report.count} verdicts are what was built ({rate})", style="bold"))
    acceptable = f"{report.acceptable_hits} of {report.count} ({format_percent(report.acceptable_share)})"
    facts = [
        ("acceptable", f"{acceptable} are a choice that an expert would not call wrong"),
        ("plain count", f"{report.tally_hits} of {report.count} ({format_percent(report.tally_share)})"),
        ("always the commonest", format_percent(report.commonest_share)),
    ]
    if unseen := report.unseen:
        share = format_percent(unseen.hits / unseen.count)
        later = f"{unseen.hits} of {unseen.count} ({share}), plain count {unseen.tally_hits}: --unseen"
        facts.append(("collected later", later))
    console.print(key_values(facts))
    console.print()
    console.print(heading("What was built (rows) and what the rules say (columns)"))
    columns = [("", "left!"), *((verdict, "right!") for verdict in VERDICTS)]
    rows = [[built, *(str(report.confusion[built][said]) for said in VERDICTS)] for built in VERDICTS]
    console.print(Padding(table(columns, rows), (0, 0, 0, 2)))
    missed = [case for case in report.cases if not case.is_hit]
    if missed:
        console.print()
        console.print(heading("Misses"))
        told = [(case.id, f"{_miss(case.decision, case.verdict)}: {safe(case.title)}") for case in missed]
        console.print(Padding(key_values(told), (0, 0, 0, 2)))
    console.print()
    console.print(
        Text("The rules were shaped with such cases in view, and published cases are successes: expect less.", "dim")
    )


def _miss(built: str, said: str) -> str:
    return f"built {built}, the rules say {said}"
