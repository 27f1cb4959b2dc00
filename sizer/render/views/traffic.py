"""The log behind `sizer route --log`, the statements of `--emit-sql`, and `sizer route score`."""

from __future__ import annotations

from rich.console import Console

from sizer import units
from sizer.render.terminal import bar, heading, is_unicode, key_values, left_out, table
from sizer.render.text import safe
from sizer.routing.exports.report import ConfigCheck, ExportReport
from sizer.routing.traffic.report import ScoreReport, SqlReport, TrafficReport
from sizer.routing.workload import HOURS_PER_MONTH

__all__ = ["check_view", "export_view", "score_line", "score_view", "sql_view", "traffic_section"]

_MOST_MODELS = 12
_WIDE = 60
"""Columns from which the tables have room for tokens and bars."""
_SHORT_DAYS = 7


def traffic_section(traffic: TrafficReport, console: Console) -> None:
    """What was in the log, priced again, and how hard it is."""
    console.print(heading(f"The log: {safe(traffic.schema)}"))
    console.print(key_values(_facts(traffic)))
    console.print()
    console.print(_models(traffic, is_wide=console.width >= _WIDE))
    if console.width < _WIDE:
        console.print(left_out("tokens in", "tokens out"))
    console.print()
    console.print(heading("All of it, a share on the large model ($/month)"))
    console.print(_what_if(traffic, is_unicode(console), is_wide=console.width >= _WIDE))
    console.print()
    console.print(heading("What tells how hard it is, strongest first"))
    rows = []
    for item in traffic.evidence:
        interval = "" if item.low is None or item.high is None else f"[{item.low:.3f}, {item.high:.3f}]"
        rows.append(("used" if item.is_used else "", units.format_percent(item.share), interval, safe(item.name)))
    console.print(table([("", "left!"), ("", "right!"), ("", "left!"), ("", "left")], rows, header=False))


def sql_view(report: SqlReport, console: Console) -> None:
    """The statements alone, so that they can be piped into the engine."""
    console.file.write(report.histogram + ";\n")
    if report.switches:
        console.file.write("\n" + report.switches + ";\n")


def score_view(report: ScoreReport, console: Console) -> None:
    """One line a prompt: the score, a tab, and the model."""
    for decision in report.decisions:
        console.file.write(f"{decision.score:.6f}\t{safe(decision.model)}\n")


def _span(days: float) -> str:
    """How long the log is, and what that means for the figures of a month where it is short."""
    said = units.format_hours(days * 24)
    if 0 < days < _SHORT_DAYS:
        times = units.format_rate(HOURS_PER_MONTH / 24 / days)
        said += f": a month is taken as {times} times that, whatever the hour and weekday"
    return said


def _facts(traffic: TrafficReport) -> list[tuple[str, str]]:
    files = f"{units.plural(traffic.files, 'file')}, " if traffic.files else ""
    rows = f"{files}{units.plural(traffic.rows, 'row')}"
    coverage = units.format_percent(traffic.requests / traffic.rows)
    pairs = [
        (
            "rows",
            f"{rows}, {units.plural(traffic.requests, 'request')} counted ({coverage})",
        )
    ]
    pairs += [("left out", f"{units.plural(row.rows, 'row')}: {safe(row.reason, 50)}") for row in traffic.left_out[:5]]
    untold = "the log names no times: its requests are taken for those of a month"
    pairs.append(("span", untold if traffic.span_days is None else _span(traffic.span_days)))
    cached = units.format_percent(traffic.cached_tokens / traffic.input_tokens) if traffic.input_tokens else "none"
    pairs.append(
        ("tokens", f"{units.format_count(traffic.input_tokens)} in ({cached} cached), "
         f"{units.format_count(traffic.output_tokens)} out; about {traffic.input_p50:,.0f} in and "
         f"{traffic.output_p50:,.0f} out at the median, {traffic.input_p95:,.0f} and {traffic.output_p95:,.0f} at p95")
    )  # fmt: skip
    logged = "unknown: a model has no price" if traffic.usd_as_logged is None else units.format_usd(
        traffic.usd_as_logged)  # fmt: skip
    pairs.append(
        ("cost", f"{logged} as logged at list prices; {units.format_usd(traffic.all_small_usd)} all small, "
         f"{units.format_usd(traffic.all_large_usd)} all large")
    )  # fmt: skip
    if traffic.saving_if_longest is not None:
        pairs.append(
            ("if long", f"{units.format_percent(traffic.saving_if_longest)} is saved if what goes up are the longest "
             "prompts; the figures above take hard requests for as long as the others")
        )  # fmt: skip
    if traffic.switches:
        switches = traffic.switches
        seen = switches.rebilled_usd_per_month
        routed = switches.routed_rebilled_usd_per_month
        pairs.append(
            ("sessions", f"{switches.switched:,} of {switches.turns:,} turns on another model than the turn before; "
             f"reading their prompts again costs {'unknown' if seen is None else units.format_usd(seen)}/month, "
             f"routing every request by itself {'unknown' if routed is None else units.format_usd(routed)}/month")
        )  # fmt: skip
        if switches.out_of_order or switches.forgotten:
            pairs.append(
                ("", f"{switches.out_of_order:,} turns out of order, {switches.forgotten:,} sessions forgotten")
            )
    pairs += [("inexact", safe(note)) for note in traffic.inexact]
    return pairs


def _models(traffic: TrafficReport, *, is_wide: bool) -> object:
    rows = [
        (
            safe(row.model, 30),
            f"{row.requests:,}",
            units.format_count(row.input_tokens),
            units.format_count(row.output_tokens),
            "unknown" if row.usd is None else units.format_usd(row.usd),
        )
        for row in traffic.models[:_MOST_MODELS]
    ]
    if len(traffic.models) > _MOST_MODELS:
        rest = traffic.models[_MOST_MODELS:]
        rows.append((f"{len(rest)} more", f"{sum(row.requests for row in rest):,}", "", "", ""))
    if not is_wide:
        return table(
            [("model", "left"), ("requests", "right!"), ("cost", "right!")], [(*row[:2], row[4]) for row in rows]
        )
    return table(
        [("model", "left"), ("requests", "right!"), ("in", "right!"), ("out", "right!"), ("cost", "right!")], rows
    )


def _what_if(traffic: TrafficReport, unicode: bool, *, is_wide: bool) -> object:
    points = traffic.what_if[:: max(1, len(traffic.what_if) // 10)]
    most = max(point.longest_usd_per_month for point in traffic.what_if) or 1.0
    rows = [
        (
            units.format_percent(point.large_share, 0),
            units.format_usd(point.random_usd_per_month),
            bar(point.random_usd_per_month / most, 20, unicode=unicode),
            units.format_usd(point.longest_usd_per_month),
            bar(point.longest_usd_per_month / most, 20, unicode=unicode),
        )
        for point in points
    ]
    if not is_wide:
        narrow = [(row[0], row[1], row[3]) for row in rows]
        return table([("sent up", "right!"), ("a coin", "right!"), ("longest first", "right!")], narrow)
    return table(
        [("sent up", "right!"), ("a coin", "right!"), ("", "left!"), ("longest first", "right!"), ("", "left!")], rows
    )


def score_line(report: ScoreReport) -> str:
    """The summary of a scoring, for stderr."""
    unadvised = report.verdict == "do not route"
    warning = "; calibration said of this router: do not route" if unadvised else ""
    return (
        f"{units.plural(report.prompts, 'prompt')}, {units.format_percent(report.large_share)} to {safe(report.large)} "
        f"(score >= {report.threshold:.4f}, {report.threshold_from}); "
        f"{units.plural(report.without_text, 'row')} without text{warning}"
    )


def export_view(report: ExportReport, console: Console) -> None:
    """The file's text, so that it can be redirected; or where it was written."""
    console.file.write(f"written to {safe(report.written)}\n" if report.written else report.text)


def check_view(report: ConfigCheck, console: Console) -> None:
    """One line: it passed."""
    console.file.write(f"{safe(report.file)}: {', '.join(map(safe, report.routers))} right\n")
