"""A calibrated router on disk: the weights, and beside them what was measured and where to cut."""

from __future__ import annotations

from pathlib import Path

from sizer.routing.calibration.report import CalibrationReport
from sizer.routing.calibration.text_router import TextRouter, save_router

__all__ = ["save_calibration"]


def save_calibration(report: CalibrationReport, router: TextRouter, path: Path) -> None:
    """Write the router with its threshold, its two models and its measurements. Raises UsageError."""
    point, area = report.operating, report.intervals.get("apgr")
    facts = {
        "small": report.small.removeprefix("small:"),
        "large": report.large.removeprefix("large:"),
        "threshold": point.threshold,
        "chosen_by": point.chosen_by,
        "large_share": point.large_share,
        "false_hard": point.false_hard,
        "false_easy": point.false_easy,
        "verdict": report.verdict,
        "apgr": report.apgr,
        "apgr_interval": [area.low, area.high] if area else None,
        "quality": point.quality.value,
        "quality_interval": [point.quality.low, point.quality.high],
        "hard_share": report.hard_share.value,
        "curve": [[step.large_share, step.quality] for step in report.curve],
    }
    save_router(router, path, facts)
