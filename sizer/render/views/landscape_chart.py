"""The landscape as a picture: SVG for slides, and one HTML page with the same as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from sizer.catalog.landscape import Landscape, LandscapeRow
from sizer.render.text import safe
from sizer.render.views.landscape import TICKS, axis_range, figure, footer, tick_label
from sizer.units import format_percent

__all__ = ["html", "svg"]

_WIDTH, _ROW, _TOP, _LEFT, _RIGHT = 1280, 22, 92, 340, 250
_FILLS = {"below_1b": "#eef4fb", "slm": "#e9f6ec", "grey": "#fff6df", "llm": "#f8ebf6"}
_INKS = {"below_1b": "#2f6db3", "slm": "#23803c", "grey": "#a87400", "llm": "#8a2f7d"}
_INK = "#57606a"
_LEGEND, _LETTER = 26, 6.7
"""Height of the line of signs below the axis, and the width of a letter in it, about."""


def svg(report: Landscape) -> str:
    """The landscape as a standalone SVG picture, 1280 wide."""
    rows = report.rows
    height = _TOP + _ROW * max(1, len(rows)) + 40 + _LEGEND
    low, high = map(math.log10, axis_range(rows)) if rows else (8.0, 12.0)
    bottom = height - 36 - _LEGEND

    def x(count: float) -> float:
        place = (math.log10(max(count, 1)) - low) / (high - low)
        return _LEFT + min(1.0, max(0.0, place)) * (_WIDTH - _LEFT - _RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'role="img" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13">',
        "<title>Language models from active to total parameters</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="20" y="32" font-size="20" font-weight="600" fill="#1b1f24">From active to total parameters</text>',
        '<text x="20" y="54" fill="#57606a">A bar runs from what one token uses (speed, cost) to what must be in '
        "memory, each colour a size class by active</text>",
    ]
    ends = [*[band.from_parameters for band in report.bands][1:], 10.0**high]
    for band, end in zip(report.bands, ends, strict=True):
        start, stop = x(band.from_parameters), x(end)
        if stop - start < 1:
            continue
        parts.append(
            f'<rect x="{start:.1f}" y="{_TOP - 16}" width="{stop - start:.1f}" height="{bottom - _TOP + 16}" '
            f'fill="{_FILLS.get(band.key, "#f3f4f6")}"/>'
        )
        if stop - start > 7.5 * len(band.label):
            parts.append(
                f'<text x="{(start + stop) / 2:.1f}" y="{_TOP - 22}" text-anchor="middle" '
                f'fill="{_INKS.get(band.key, "#57606a")}">{escape(band.label)}</text>'
            )
    for tick in TICKS:
        if low <= math.log10(tick) <= high:
            place = x(tick)
            parts.append(
                f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{_TOP - 16}" y2="{bottom}" stroke="#d0d7de"/>'
                f'<text x="{place:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#57606a">{tick_label(tick)}</text>'
            )
    for title, place in (("active", _WIDTH - 170), ("total", _WIDTH - 80), ("share", _WIDTH - 20)):
        parts.append(f'<text x="{place}" y="{_TOP - 22}" text-anchor="end" fill="#57606a">{title}</text>')
    for number, row in enumerate(rows):
        parts += _svg_row(row, _TOP + _ROW * number + _ROW / 2 - 4, x)
    parts += [*_legend(rows, bottom + 40), "</svg>", ""]
    return "\n".join(parts)


def _legend(rows: Sequence[LandscapeRow], y: float) -> list[str]:
    """The signs that occur in the picture, each with what it means."""
    bar = [row for row in rows if row.active_parameters is not None and row.active_parameters < row.total_parameters]
    dense = [row for row in rows if row.active_parameters == row.total_parameters]
    unknown = [row for row in rows if row.active_parameters is None]
    shown = []
    if bar:
        shown += [
            (
                _bar(0, 44, _INK) + _dot(44, _INK),
                44,
                "from active to total: a mixture, or a model with parts that text does not use",
            )
        ]
    if dense:
        shown += [(_dot(0, _INK), 0, "dense: all is active")]
    if unknown:
        shown += [(_dot(0, _INK, is_known=False), 0, "active unknown")]
    if any(row.basis != "counted" for row in rows):
        shown += [("", -14, "~ declared, not counted")]
    parts, at = [], 20.0
    for sign, width, text in shown:
        parts.append(
            f'<g class="legend" transform="translate({at + 6:.1f} {y:.1f})">{sign}'
            f'<text x="{width + 14}" y="4.5" fill="#57606a">{escape(text)}</text></g>'
        )
        at += width + 14 + _LETTER * len(text) + 28
    return parts


def _dot(x: float, ink: str, *, is_known: bool = True, y: float = 0) -> str:
    """The end of a bar, or a dense model; a ring of dashes where it is not known whether a bar leads there."""
    fill = f'fill="{ink}"' if is_known else f'fill="#ffffff" stroke="{ink}" stroke-width="2" stroke-dasharray="3 2"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {fill}/>'


def _bar(start: float, end: float, ink: str, *, y: float = 0) -> str:
    """A bar from active to total, without the dot at its end."""
    return (
        f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{ink}" stroke-width="6" '
        'stroke-opacity="0.45"/>'
        f'<circle cx="{start:.1f}" cy="{y:.1f}" r="5" fill="#ffffff" stroke="{ink}" stroke-width="2"/>'
    )


def _svg_row(row: LandscapeRow, y: float, x: Callable[[float], float]) -> list[str]:
    ink = _INKS.get(row.size_class.by_active or row.size_class.by_total or "", "#57606a")
    weight = ' font-weight="700"' if row.is_marked else ""
    name = safe(row.id)
    shown = name if len(name) <= 44 else name[:43] + "\u2026"
    active = row.active_parameters
    said = f"{name}: {figure(row, 'total')} total, {figure(row, 'active')} active"
    end = x(row.total_parameters)
    start = end if active is None else x(active)
    parts = [f"<g><title>{escape(said)}</title>"]
    if row.is_marked:
        parts.append(f'<rect x="8" y="{y - 10:.1f}" width="{_WIDTH - 16}" height="{_ROW - 1}" rx="4" fill="#fde68a"/>')
    parts.append(
        f'<text x="{_LEFT - 12}" y="{y + 4.5:.1f}" text-anchor="end" fill="#1b1f24"{weight}>{escape(shown)}</text>'
    )
    if end - start > 1:
        parts.append(_bar(start, end, ink, y=y))
    parts.append(_dot(end, ink, is_known=active is not None, y=y))
    share = "" if row.utilisation is None else format_percent(row.utilisation)
    for text, place in (
        (figure(row, "active"), _WIDTH - 170),
        (figure(row, "total"), _WIDTH - 80),
        (share, _WIDTH - 20),
    ):
        parts.append(f'<text x="{place}" y="{y + 4.5:.1f}" text-anchor="end" fill="#1b1f24"{weight}>{text}</text>')
    parts.append("</g>")
    return parts


_STYLE = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; margin: 2rem; color: #1b1f24 }
svg { max-width: 100%; height: auto }
table { border-collapse: collapse; margin-top: 2rem }
th, td { padding: .25rem .75rem; text-align: left; border-bottom: 1px solid #d0d7de }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
tr.own { background: #fde68a; font-weight: 600 }
"""


def html(report: Landscape) -> str:
    """The landscape as one HTML page: the picture, and the same as a table. Nothing is loaded from elsewhere."""
    rows = []
    for row in report.rows:
        share = "" if row.utilisation is None else format_percent(row.utilisation)
        own = ' class="own"' if row.is_marked else ""
        cells = "".join(
            f'<td class="n">{escape(text)}</td>' for text in (figure(row, "active"), figure(row, "total"), share)
        )
        rows.append(f"<tr{own}><td>{escape(safe(row.id))}</td>{cells}<td>{escape(row.basis)}</td></tr>")
    head = '<th>model</th><th class="n">active</th><th class="n">total</th><th class="n">share</th><th>basis</th>'
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>Language models from active to total parameters</title><style>{_STYLE}</style></head><body>",
            svg(report),
            f"<p>{escape(footer(report))}</p>",
            f"<table><thead><tr>{head}</tr></thead><tbody>",
            *rows,
            "</tbody></table></body></html>",
            "",
        ]
    )
