"""`sizer landscape` on the terminal; `landscape_chart` draws the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console
from rich.text import Text

from sizer.catalog.landscape import Landscape, LandscapeRow
from sizer.render.terminal import is_unicode, left_out, safe
from sizer.units import format_count, format_percent, plural

__all__ = ["TICKS", "axis_range", "figure", "footer", "show", "tick_label"]

_NAME_WIDTH = 44
_LEAST_BAR = 12
_STYLES = {"below_1b": "blue", "slm": "green", "grey": "yellow", "llm": "magenta"}
TICKS = [10**power for power in range(6, 16)]


def show(report: Landscape, console: Console) -> None:
    """One line a model: its name, a bar from active to total on a log axis, both figures, their ratio."""
    if not report.rows:
        console.print(Text(footer(report), style="dim"))
        return
    screen = _Screen(report, console)
    for line in (screen.classes(), screen.ticks()):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    for row in report.rows:
        console.print(screen.line(row), no_wrap=True, overflow="ignore", crop=False)
    console.print()
    if narrow := [*([] if screen.bar else ["bars"]), *([] if screen.has_share else ["share"])]:
        console.print(left_out(*narrow))
    console.print(Text(footer(report, screen.key), style="dim"))


class _Screen:
    """The columns of the chart on a console, and where a count falls on its axis."""

    def __init__(self, report: Landscape, console: Console) -> None:
        self.report = report
        unicode = is_unicode(console)
        self.line_, self.active, self.total, self.edge = ("━", "○", "●", "│") if unicode else ("=", "o", "*", "|")
        self.has_share = console.width >= 64
        figures = 21 + (8 if self.has_share else 0)
        longest = max(len(_name(row)) for row in report.rows)
        room = console.width - figures - 3
        least = _LEAST_BAR if room >= 20 + _LEAST_BAR else 0
        self.names = max(8, min(longest, _NAME_WIDTH, room - least, room // 2 + 4))
        self.bar = max(0, room - self.names)
        self.bar = self.bar if self.bar >= _LEAST_BAR else 0
        low, high = axis_range(report.rows)
        self.low, self.high = math.log10(low), math.log10(high)

    @property
    def key(self) -> str:
        """What the signs of the bars mean."""
        edges = ", ".join(format_count(band.from_parameters, 10**9) for band in self.report.bands[1:])
        alone = f"{self.total} alone: dense, all is active"
        if any(row.active_parameters is None for row in self.report.rows):
            alone += ", or active unknown"
        said = f"{self.active} active, {self.total} total ({alone}), {self.edge} classes begin at {edges}"
        return said if self.bar else ""

    def cell(self, count: float) -> int:
        """The cell of a count; -1 below the axis, its length beyond it."""
        if not self.bar:
            return -1
        place = (math.log10(count) - self.low) / (self.high - self.low) if count > 0 else -1.0
        return max(-1, min(self.bar, math.floor(place * self.bar)))

    def classes(self) -> Text:
        """The names of the size classes, each where it begins, as far as there is room."""
        cells = [" "] * self.bar
        starts = [max(0, self.cell(band.from_parameters)) for band in self.report.bands]
        for band, (start, end) in zip(self.report.bands, pairwise([*starts, self.bar]), strict=True):
            name = band.label if len(band.label) < end - start else band.label.split(" ")[0]
            if start < self.bar and band.from_parameters:
                cells[start] = self.edge
            if len(name) < end - start:
                first = start + (1 if band.from_parameters else 0)
                cells[first : first + len(name)] = name
        return self._headed("".join(cells), ("active", "total", "share"))

    def ticks(self) -> Text:
        """The powers of ten, each where it lies."""
        cells = [" "] * self.bar
        for tick in TICKS:
            place, name = self.cell(tick), tick_label(tick)
            end = place + len(name)
            if place >= 0 and end <= self.bar and not "".join(cells[max(0, place - 1) : end + 1]).strip():
                cells[place:end] = name
        return self._headed("".join(cells), ("", "", ""))

    def _headed(self, bar: str, titles: tuple[str, str, str]) -> Text:
        columns = f"{titles[0]:>10} {titles[1]:>10}" + (f" {titles[2]:>7}" if self.has_share else "")
        return Text("  " + " " * self.names + " " + bar + columns, style="dim")

    def line(self, row: LandscapeRow) -> Text:
        """One model."""
        text = Text("> " if row.is_marked else "  ", style="bold" if row.is_marked else "")
        text.append(_name(row, self.names).ljust(self.names) + " ")
        self._draw(row, text)
        text.append(f"{figure(row, 'active'):>10} {figure(row, 'total'):>10}")
        if self.has_share:
            text.append(f" {'' if row.utilisation is None else format_percent(row.utilisation):>7}")
        return text

    def _draw(self, row: LandscapeRow, text: Text) -> None:
        if not self.bar:
            return
        cells = [" "] * self.bar
        for band in self.report.bands:
            if band.from_parameters and 0 <= (place := self.cell(band.from_parameters)) < self.bar:
                cells[place] = self.edge
        end = min(self.bar - 1, max(0, self.cell(row.total_parameters)))
        start = end if row.active_parameters is None else min(end, max(0, self.cell(row.active_parameters)))
        cells[start:end] = self.line_ * (end - start)
        cells[start] = self.active
        cells[end] = self.total
        style = _STYLES.get(row.size_class.by_active or row.size_class.by_total or "", "")
        text.append("".join(cells[:start]), style="dim")
        text.append("".join(cells[start : end + 1]), style=style)
        text.append("".join(cells[end + 1 :]), style="dim")


def _name(row: LandscapeRow, width: int = 200) -> str:
    return safe(row.id if row.is_marked else row.id.rpartition("/")[2], width)


def tick_label(count: int) -> str:
    """`10 B`."""
    figure, _, unit = format_count(count, count).partition(" ")
    return f"{figure} {unit}"


def axis_range(rows: Sequence[LandscapeRow]) -> tuple[float, float]:
    """The ends of the axis: a little beyond the smallest and the largest count."""
    counts = [count for row in rows for count in (row.active_parameters, row.total_parameters) if count]
    low, high = min(counts), max(counts)
    return (low * 0.8, high * 1.25) if low < high else (low / 10, high * 10)


def footer(report: Landscape, key: str = "") -> str:
    """What is shown, in which order, and what is not."""
    said = [key] if key else []
    said.append(f"{plural(len(report.rows), 'model')}, by {report.sort}")
    if report.left_out:
        said.append(f"{report.left_out} left out, whose figures are not known")
    if any(row.basis != "counted" for row in report.rows):
        said.append("~ is declared, not counted")
    return "; ".join(said)


def figure(row: LandscapeRow, kind: str) -> str:
    """The `active` or `total` figure of a row, with a mark where it is declared."""
    count = row.total_parameters if kind == "total" else row.active_parameters
    precision = row.total_precision if kind == "total" else row.active_precision
    mark = "" if row.basis == "counted" else "~"
    return "unknown" if count is None else mark + format_count(count, precision)
