"""`sizer route` on the terminal: the strategies, the flow with the money on it, the curve, what matters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sizer import units
from sizer.render.terminal import bar, heading, is_unicode, key_values, left_out, table
from sizer.render.text import safe
from sizer.routing.gates import GateResult
from sizer.routing.simulate import Flow, ModelReport, RouteReport
from sizer.routing.workload import HOURS_PER_MONTH, Assumption

__all__ = ["assumptions_table", "gates_view", "route_view"]

_CURVE_HEIGHT = 10
_TOP_INFLUENCES = 6
_WIDE = 76
"""Columns from which the tables have room; below, a row is a sentence."""


def route_view(report: RouteReport, console: Console) -> None:
    """The whole answer, 80 columns."""
    unicode = is_unicode(console)
    _head(report, console)
    console.print()
    _strategies(report, console)
    console.print()
    console.print(heading(f"Where the requests go ({report.router})"))
    console.print(_flow(report.flow, report, unicode, is_wide=console.width >= _WIDE))
    console.print()
    console.print(heading("Cost a month against the share of hard requests"))
    console.print(_curve(report, unicode, console.width))
    console.print()
    console.print(heading("What moves the saving most (each input 20 % down, 20 % up)"))
    console.print(_tornado(report, unicode, is_wide=console.width >= _WIDE))
    if console.width < _WIDE:
        console.print(left_out("saved a month"))
    console.print()
    console.print(key_values(_facts(report)))
    console.print()
    if report.traffic:
        from sizer.render.views.traffic import traffic_section

        traffic_section(report.traffic, console)
        console.print()
    console.print(heading("Rests on"))
    console.print(assumptions_table(report.assumptions, is_wide=console.width >= _WIDE))
    if report.gates:
        console.print()
        gates_view(report.gates, console)


def gates_view(results: Sequence[GateResult], console: Console) -> None:
    """One line for each gate."""
    for result in results:
        value = "unknown" if result.value is None else f"{result.value:.4g}"
        console.print(Text(f"{'FAILED' if result.failed else 'passed'}  {result.gate}  (value {value})"))


def _head(report: RouteReport, console: Console) -> None:
    style = {"route": "bold green", "do not route": "bold yellow"}.get(report.verdict, "bold")
    console.print(Text(report.headline, style=style))
    for reason in report.reasons:
        if reason not in report.headline:
            console.print(Padding(Text(reason), (0, 0, 0, 2)))
    console.print()
    workload = report.workload
    illustration = " for illustration" if report.verdict == "unknown" else ""
    console.print(
        key_values(
            [
                ("traffic", f"{units.format_count(workload.requests_per_month)} requests/month, "
                            f"{workload.input_tokens:,.0f} tokens in, {workload.output_tokens:,.0f} out, "
                            f"{units.format_percent(workload.hard_share)} hard{illustration}"),
                ("small", _model(report.small)),
                ("large", _model(report.large)),
            ]
        )
    )  # fmt: skip


def _model(model: ModelReport) -> str:
    size = "" if model.active_parameters is None else f" ({units.format_count(model.active_parameters)} active)"
    text = f"{safe(model.name)}{size}: {units.format_usd(model.usd_per_request)}/request"
    if model.kind == "self-hosted":
        return f"{text} at full load, self-hosted"
    text += f" (${model.input_usd_per_mtok:g} in, ${model.output_usd_per_mtok:g} out per M tokens"
    text += f", host {safe(model.host)})" if model.host else ")"
    if model.spread and model.spread.hosts > 1:
        spread = model.spread
        low, high = units.format_usd(spread.lowest_usd), units.format_usd(spread.highest_usd)
        text += f"; {spread.hosts} hosts ask "
        text += f"{low} ({safe(spread.lowest_host)}) to {high} ({safe(spread.highest_host)})" if low != high else "that"
    return text


def _strategies(report: RouteReport, console: Console) -> None:
    costs, quality, saving = report.costs, report.quality, report.saving
    target, workload = report.gap_target_flow, report.workload
    target_month = target.small_usd_per_month + target.large_usd_per_month + target.overhead_usd_per_month
    name = "cascade" if report.strategy == "cascade" else "router"
    rows = [
        ("all large", costs.all_large_usd_per_month, 1.0, 1.0, 1.0),
        ("all small", costs.all_small_usd_per_month, 0.0, 0.0, quality.all_small),
        (f"perfect {name}", costs.routed_perfect_usd_per_month, report.perfect_flow.large_share, 1.0,
         quality.routed_perfect),
        (f"this {name}", costs.routed_usd_per_month, report.flow.large_share, quality.hard_to_large, quality.routed),
        ("coin, same share", costs.random_mix_usd_per_month, min(1, report.flow.large_calls_per_request),
         min(1, report.flow.large_calls_per_request), quality.random_mix),
    ]  # fmt: skip
    if report.strategy == "router" and quality.gap_kept is not None and not _is_perfect(report):
        gap = 1 - target.false_easy
        rows.insert(4, (f"  at {saving.gap_target:.0%} of gap", target_month, target.large_share, gap, -1.0))
    shown = []
    for label, month, up, hard, kept in rows:
        saved = 1 - month / costs.all_large_usd_per_month
        if kept < 0:
            kept = 1 - (1 - saving.gap_target) * (1 - quality.all_small)
        shown.append(
            (
                label,
                units.format_usd(month),
                units.format_usd(month / workload.requests_per_month),
                units.format_percent(saved),
                units.format_percent(up),
                units.format_percent(hard),
                units.format_percent(kept),
            )
        )
    titles = ("", "$/month", "$/request", "saved", "sent up", "hard up", "quality")
    if console.width >= _WIDE:
        console.print(table([(title, "right!" if title else "left!") for title in titles], shown))
        return
    for label, *cells in shown:
        told = ", ".join(
            cell + title.removeprefix("$") if title.startswith("$") else f"{cell} {title}"
            for title, cell in zip(titles[1:], cells, strict=True)
        )
        console.print(Text(label.strip()))
        console.print(Padding(Text(told), (0, 0, 0, 2)))


def _is_perfect(report: RouteReport) -> bool:
    """Whether the router that was asked for is the perfect one: there is nothing to set beside it."""
    return report.strategy == "router" and report.flow.false_hard == report.flow.false_easy == 0


def _flow(flow: Flow, report: RouteReport, unicode: bool, *, is_wide: bool) -> Text:
    branch, last, down, arrow = ("├─", "└─", "│", "─▶") if unicode else ("|-", "`-", "|", "->")
    small, large = flow.paths[:2], flow.paths[2:]
    money_width, name_width = (14, 38) if is_wide else (0, 0)
    lines = [f"{units.format_count(report.workload.requests_per_month)} requests/month"]
    overhead = units.format_usd(flow.overhead_usd_per_month)
    if report.strategy == "cascade":
        label = f"{branch}{arrow} small, every request".ljust(50 if is_wide else 0)
        lines += [down, f"{label} {units.format_usd(flow.small_usd_per_month):>{money_width}}/month"]
        lines += [down, f"verifier {overhead}/month", down]
    else:
        lines += [down, f"router {overhead}/month", down]
    groups = (("small", small, flow.small_usd_per_month), ("large", large, flow.large_usd_per_month))
    for number, (name, paths, usd) in enumerate(groups):
        is_last = number == 1
        stem = " " if is_last else down
        share = sum(path.share for path in paths)
        kept = report.strategy == "cascade" and name == "small"
        label = "kept the small answer" if kept else f"{safe((report.small if name == 'small' else report.large).name)}"
        money = "" if kept else f"{units.format_usd(usd):>{money_width}}/month"
        lines.append(
            f"{last if is_last else branch}{arrow} {units.format_percent(share):>7} "
            f"{label[: name_width or 14]:<{name_width}}{'' if is_wide else ' '}{money}"
        )
        for path in sorted(paths, key=lambda path: not path.is_right):
            wrong = "  quality lost" if path.truth == "hard" else "  money lost"
            end = last if path is sorted(paths, key=lambda path: not path.is_right)[-1] else branch
            note = "" if path.is_right else wrong
            amount = "" if kept else f"{units.format_usd(path.usd_per_month):>{money_width}}"
            lines.append(
                f"{stem}{'      ' if is_wide else ' '}{end} {units.format_percent(path.share):>7} "
                f"{path.truth}{'':{26 if is_wide else 1}}{amount}{note if is_wide else note[1:]}"
            )
        if not is_last:
            lines.append(down)
    return Text("\n".join(lines))


def _curve(report: RouteReport, unicode: bool, columns: int) -> Text:
    """Lines over hard shares 0 to 100 %: all large, perfect, this router, and it where it keeps most of the quality."""
    width, height = max(19, min(61, columns - 15)), _CURVE_HEIGHT
    top = max(point.all_large_usd_per_month for point in report.curve) * 1.0
    marks = {"large": "─", "perfect": "·", "routed": "●", "target": "○"} if unicode else {
        "large": "-", "perfect": ".", "routed": "o", "target": "*"}  # fmt: skip
    grid = [[" "] * width for _ in range(height + 1)]
    series = [
        ("large", [point.all_large_usd_per_month for point in report.curve]),
        ("perfect", [point.perfect_usd_per_month for point in report.curve]),
        ("target", [point.at_gap_target_usd_per_month for point in report.curve]),
        ("routed", [point.routed_usd_per_month for point in report.curve]),
    ]
    if report.strategy == "cascade" or _is_perfect(report):
        del series[2]
    if _is_perfect(report):
        del series[1]
    for name, values in series:
        for column in range(width):
            if name == "large" or column % 3 == {"perfect": 0, "target": 1, "routed": 2}[name]:
                at = column / (width - 1) * (len(values) - 1)
                index = min(int(at), len(values) - 2)
                value = values[index] + (at - index) * (values[index + 1] - values[index])
                row = height - round(min(value, top) / top * height)
                grid[row][column] = marks[name]
    here = round(report.workload.hard_share * (width - 1))
    lines = []
    for row, cells in enumerate(grid):
        amount = units.format_usd(top * (height - row) / height) if row % 5 == 0 else ""
        lines.append(f"{amount:>12} {'┤' if unicode else '|'}{''.join(cells)}".rstrip())
    lines.append(f"{'':13}{'└' if unicode else '+'}{('─' if unicode else '-') * width}")
    yours = f"yours: {units.format_percent(report.workload.hard_share)} hard"
    is_right_of = 14 + here + 2 + len(yours) <= columns
    lines.append(f"{'':14}{'':{here}}^ {yours}" if is_right_of else f"{f'{yours} ^':>{15 + here}}")
    kept = units.format_percent(report.quality_kept)
    legend = [f"{marks['large']} all large"]
    if not _is_perfect(report):
        legend.append(f"{marks['perfect']} perfect, no quality lost")
    legend.append(f"{marks['routed']} this {report.strategy}: below perfect it loses quality ({kept} kept at yours)")
    if report.strategy == "router" and not _is_perfect(report):
        legend.append(f"{marks['target']} this router where it keeps {report.saving.gap_target:.0%} of the quality gap")
    return Text("\n".join([*lines, *legend]))


def _tornado(report: RouteReport, unicode: bool, *, is_wide: bool) -> object:
    top = report.sensitivity[:_TOP_INFLUENCES]
    widest = max((row.swing_usd_per_month for row in top), default=0.0) or 1.0
    told = [
        (
            row.name,
            f"{units.format_usd(row.low_usd_per_month)} to {units.format_usd(row.high_usd_per_month)}",
            f"{units.format_percent(row.low_saving)} to {units.format_percent(row.high_saving)}",
        )
        for row in top
    ]
    if not is_wide:
        return table([("", "left"), ("saved", "left!")], [(name, saved) for name, _, saved in told])
    taken = sum(max((len(row[column]) for row in told), default=0) + 2 for column in range(3))
    width = min(14, max(4, _WIDE + 2 - taken))
    rows = [
        (*row, bar(one.swing_usd_per_month / widest, width, unicode=unicode))
        for row, one in zip(told, top, strict=True)
    ]
    return table([("", "left!"), ("saved a month", "left!"), ("saved", "left!"), ("", "left!")], rows)


def _facts(report: RouteReport) -> list[tuple[str, str]]:
    even = report.break_even
    pairs = [("break-even", _break_even(report))]
    if even.requests_per_month:
        pairs.append(("volume", f"routing pays from {units.format_count(even.requests_per_month)} requests/month"))
    if report.latency:
        latency = report.latency
        pairs.append(
            ("p95 latency", f"{units.format_seconds(latency.routed_p95_seconds)} routed; "
             f"{units.format_seconds(latency.all_small_p95_seconds)} small, "
             f"{units.format_seconds(latency.all_large_p95_seconds)} large")
        )  # fmt: skip
    else:
        pairs.append(("p95 latency", "unknown: give --small-latency and --large-latency (P50:P95 in seconds)"))
    if report.self_hosting:
        hosting = report.self_hosting
        api_month = units.format_usd(hosting.api_usd_per_month)
        point = "never" if hosting.break_even_requests_per_month is None else (
            f"from {units.format_count(hosting.break_even_requests_per_month)} requests/month "
            f"({units.format_rate(hosting.break_even_requests_per_second or 0)}/s sustained)")  # fmt: skip
        always = hosting.always_requests_per_month
        if always is not None and always > (hosting.break_even_requests_per_month or 0) * 1.001:
            point += f", always from {units.format_count(always)}"
        pairs.append(
            ("self-hosting", f"pays {point}; here {units.plural(hosting.gpus, 'GPU')} at "
             f"{units.format_usd(hosting.gpu_usd_per_month)}/month against {api_month} "
             f"by API: {hosting.cheaper} is cheaper")
        )  # fmt: skip
    if report.distil:
        distil = report.distil
        against = "never pays back against routing" if distil.months_against_routed is None else (
            f"pays back in {_months(distil.months_against_routed)} against routing")  # fmt: skip
        if distil.months_against_all_large is not None:
            against += f", {_months(distil.months_against_all_large)} against all large"
        pairs.append(("distilling", f"{units.format_usd(distil.upfront_usd)} up front {against}"))
    if report.strategy == "router":
        pairs.append(("honestly", _honestly(report)))
    return pairs


def _months(months: float) -> str:
    """A pay-back time in words: `3.2 months`, `5 days`."""
    return f"{months:.1f} months" if months >= 3 else units.format_hours(months * HOURS_PER_MONTH)


def _saves(share: float) -> str:
    """`saves 79.2 %`, or `costs 22.8 % more`."""
    return f"saves {units.format_percent(share)}" if share >= 0 else f"costs {units.format_percent(-share)} more"


def _honestly(report: RouteReport) -> str:
    """The router and the point in use beside the perfect router."""
    saving = report.saving
    if _is_perfect(report):
        return (
            f"{units.format_percent(saving.perfect)} is the most that routing can save: no router is never wrong "
            "(`--router text` is a measured one)"
        )
    kept = report.quality.gap_kept
    gap = "" if kept is None else f" and keeps {units.format_percent(kept)} of the quality gap"
    said = f"a perfect router {_saves(saving.perfect)} and keeps all the quality; "
    said += f"this one {_saves(saving.measured)}{gap}"
    if kept is not None and kept < saving.gap_target - 1e-9:
        said += f"; to keep {saving.gap_target:.0%} of the gap, it {_saves(saving.at_gap_target)}"
    return said


def _break_even(report: RouteReport) -> str:
    even = report.break_even
    parts = [even.hard_share_means]
    if even.price_ratio is not None and even.actual_price_ratio is not None:
        parts.append(
            f"needs a price ratio over {units.format_rate(even.price_ratio)}, "
            f"which is {units.format_rate(even.actual_price_ratio)} here"
        )
    return "; ".join(parts)


def assumptions_table(items: Sequence[Assumption], *, is_wide: bool = True) -> Table:
    """One row a number; a source that several share is written once."""
    rows: list[tuple[str, ...]] = []
    before = ""
    for item in items:
        source = safe(item.source) + (f" ({item.as_of})" if item.as_of else "")
        rows.append((item.name, _assumed(item.value), item.basis, '"' if source == before else source))
        before = source
    if not is_wide:
        told = [
            (f"{name}: {value}, {basis}" + (f", {source}" if source != '"' else ""),)
            for name, value, basis, source in rows
        ]
        return table([("", "left")], told, header=False)
    return table([("", "left!"), ("", "right!"), ("", "left!"), ("", "left")], rows, header=False)


def _assumed(value: float | str | None) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else units.format_plain(value)
