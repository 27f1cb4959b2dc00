"""`sizer route calibrate` on the terminal: the verdict, the routers side by side, the curve, what to do next."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sizer import units
from sizer.render.terminal import heading, is_unicode, key_values, table
from sizer.render.text import safe
from sizer.render.views.route import assumptions_table, gates_view
from sizer.routing.calibration.report import CalibrationReport, Interval, RouterScore

__all__ = ["calibration_view"]

_HEIGHT, _WIDTH = 10, 61


def calibration_view(report: CalibrationReport, console: Console) -> None:
    """The whole answer, 80 columns."""
    unicode = is_unicode(console)
    console.print(Text(report.verdict.capitalize(), style="bold green" if report.verdict == "route" else "bold yellow"))
    for reason in report.reasons:
        console.print(Padding(Text(safe(reason)), (0, 0, 0, 2)))
    console.print()
    console.print(key_values(_facts(report)))
    console.print()
    console.print(heading("Routers (APGR: 0.5 is a coin; CPT: % of calls to the large model)"))
    console.print(_routers(report))
    console.print()
    console.print(heading("Quality against the share sent to the large model"))
    console.print(_curve(report, unicode))
    console.print()
    unadvised = "" if report.verdict == "route" else " of the text router, which is not advised"
    console.print(heading("Operating point" + unadvised))
    console.print(key_values(_operating(report)))
    console.print()
    console.print(heading("Rests on"))
    console.print(assumptions_table(report.assumptions))
    if report.gates:
        console.print()
        gates_view(report.gates, console)


def _facts(report: CalibrationReport) -> list[tuple[str, str]]:
    left_out = f", {report.dropped:,} incomplete rows left out" if report.dropped else ""
    prompts = units.plural(report.labels, "prompt")
    pairs = [("labels", f"{prompts}{left_out}, {report.near_duplicates:,} with a near-duplicate")]
    for model in report.models:
        role = {report.small: "small", report.large: "large"}.get(model.name, "other")
        cost = (
            "price unknown" if model.usd_per_request is None else f"{units.format_usd(model.usd_per_request)}/request"
        )
        pairs.append((role, f"{safe(model.name)}: quality {_interval(model.quality)}, {cost}"))
    pairs.append(
        ("hard", f"{_interval(report.hard_share)} of the prompts only the large model answers better; "
         f"{units.format_percent(report.only_small)} only the small one")
    )  # fmt: skip
    return pairs


def _routers(report: CalibrationReport) -> object:
    base = report.baselines
    own = RouterScore(apgr=report.apgr, cpt50=report.cpt50, cpt80=report.cpt80, aiq=report.aiq)
    rows = [("coin", base.random, None), ("prompt length", base.length, report.intervals.get("length_apgr"))]
    if base.group_mean:
        rows.append(("mean of the group", base.group_mean, None))
    rows += [("text router, 5 folds", own, report.intervals.get("apgr")), ("knows the outcomes", base.oracle, None)]
    shown = [
        (
            name,
            _number(score.apgr, 3),
            f"[{interval.low:.3f}, {interval.high:.3f}]" if interval else "",
            _number(score.cpt50, 1),
            _number(score.cpt80, 1),
            f"{score.aiq:.3f}",
        )
        for name, score, interval in rows
    ]
    return table(
        [("", "left!"), ("APGR", "right!"), ("95 %", "left!"), ("CPT50", "right!"), ("CPT80", "right!"),
         ("AIQ", "right!")],
        shown,
    )  # fmt: skip


def _curve(report: CalibrationReport, unicode: bool) -> Text:
    marks = {"oracle": "·", "random": "─", "length": "○", "router": "●"} if unicode else {
        "oracle": ".", "random": "-", "length": "+", "router": "o"}  # fmt: skip
    series = {
        "oracle": [point.oracle_quality for point in report.curve],
        "random": [point.random_quality for point in report.curve],
        "length": [point.length_quality for point in report.curve],
        "router": [point.quality for point in report.curve],
    }
    low = min(map(min, series.values()))
    high = max(map(max, series.values()))
    span = (high - low) or 1.0
    grid = [[" "] * _WIDTH for _ in range(_HEIGHT + 1)]
    for name, values in series.items():
        for column in range(_WIDTH):
            if name != "random" and column % 3 != {"oracle": 0, "length": 1, "router": 2}[name]:
                continue
            at = column / (_WIDTH - 1) * (len(values) - 1)
            index = min(int(at), len(values) - 2)
            value = values[index] + (at - index) * (values[index + 1] - values[index])
            grid[_HEIGHT - round((value - low) / span * _HEIGHT)][column] = marks[name]
    lines = []
    for row, cells in enumerate(grid):
        label = f"{high - span * row / _HEIGHT:.3f}" if row % 5 == 0 else ""
        lines.append(f"{label:>12} {'┤' if unicode else '|'}{''.join(cells)}".rstrip())
    lines.append(f"{'':13}{'└' if unicode else '+'}{('─' if unicode else '-') * _WIDTH}")
    here = round(report.operating.large_share * (_WIDTH - 1))
    lines.append(f"{'':14}{'^':>{here + 1}}" + f" {units.format_percent(report.operating.large_share)}")
    lines.append(
        f"{'':14}{marks['router']} text router   {marks['length']} length   {marks['random']} coin   "
        f"{marks['oracle']} knows the outcomes"
    )
    return Text("\n".join(lines))


def _operating(report: CalibrationReport) -> list[tuple[str, str]]:
    point, kept = report.operating, report.intervals.get("quality_kept")
    up, hard_up = units.format_percent(point.large_share), units.format_percent(1 - point.false_easy)
    pairs = [
        ("chosen by", point.chosen_by),
        ("threshold", f"score >= {point.threshold:.4f}"),
        ("sent up", f"{up} of all, {hard_up} of the hard ones, {units.format_percent(point.false_hard)} of the others"),
        ("quality", _interval(point.quality) + (
            "" if kept is None else f", {units.format_percent(kept.value)} of the large model's "
            f"[{units.format_percent(kept.low)}, {units.format_percent(kept.high)}]")),
        ("cost", f"{units.format_usd(point.usd_per_request)}/request, {units.format_percent(point.saving)} saved"),
        ("instead", f"{safe(point.best_single)} alone, at most the same cost: quality {point.best_single_quality:.3f}"),
    ]  # fmt: skip
    if point.arena_score is not None:
        pairs.append(("RouterArena", f"score {point.arena_score:.3f}"))
    more = [f"{row.more:,} more for +-{row.half_width:.2f}" for row in report.more_labels if row.more]
    pairs.append(("labels", "; ".join(more) + " on the quality" if more else "enough for +-0.02 on the quality"))
    if report.labels_to_decide is not None and report.labels_to_decide > report.labels:
        pairs.append(
            ("to decide", f"about {report.labels_to_decide:,} labels in all would settle whether it beats length, "
             "if the difference seen is real")
        )  # fmt: skip
    pairs.append(
        ("leakage", f"with near-duplicates split over the folds it would claim APGR {_number(report.apgr_leaky, 3)}")
    )  # fmt: skip
    if report.saved:
        pairs.append(("saved", safe(report.saved)))
    return pairs


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _interval(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
