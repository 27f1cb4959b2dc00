"""A fragment of the decision memo: what was measured, on what, and what follows, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sizer import units
from sizer.routing.exports.report import ExportReport

__all__ = ["export_memo"]


def export_memo(facts: Mapping[str, Any], *, trained_on: int) -> ExportReport:
    """The fragment for a saved router's facts. Every number is the calibration's."""
    area = "no gap between the models"
    if facts["apgr"] is not None and facts["apgr_interval"] is not None:
        low, high = facts["apgr_interval"]
        area = f"{facts['apgr']:.3f}, 95 % in [{low:.3f}, {high:.3f}]"
    quality_low, quality_high = facts["quality_interval"]
    route = facts["verdict"] == "route"
    lines = [
        "## Routing",
        "",
        f"Verdict: **{facts['verdict']}** between `{facts['small']}` (small) and `{facts['large']}` (large).",
        f"Measured on {trained_on:,} labelled outcomes, out of fold.",
        "",
        "| | |",
        "|---|---|",
        f"| Share of hard requests | {units.format_percent(facts['hard_share'])} |",
        f"| APGR (a coin has 0.5) | {area} |",
        f"| Operating point | {facts['chosen_by']} |",
        f"| Sent to the large model | {units.format_percent(facts['large_share'])} |",
        f"| Hard requests sent to the small model | {units.format_percent(facts['false_easy'])} |",
        f"| Quality | {facts['quality']:.3f}, 95 % in [{quality_low:.3f}, {quality_high:.3f}] |",
        "",
        "Revisit when the share sent up drifts by 5 points (it needs no labels), or after the next 500 labels."
        if route
        else "Do not build a router on these labels: the reasons are in the calibration report.",
    ]
    return ExportReport(target="memo", text="\n".join(lines) + "\n", notes=())
