"""One saved router, three ways out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sizer.errors import UsageError
from sizer.routing.calibration.labels import read_labels
from sizer.routing.calibration.text_router import load_router
from sizer.routing.exports.litellm import export_litellm
from sizer.routing.exports.memo import export_memo
from sizer.routing.exports.report import ExportReport
from sizer.routing.exports.vllm_sr import example_prompts, export_vllm_sr
from sizer.routing.traffic.scoring import logged_scores

__all__ = ["TARGETS", "export_router"]

_UNADVISED = "calibration said of this router: do not route. `sizer route export ROUTER --to memo` has its figures"
TARGETS = ("litellm", "vllm-sr", "memo")


def export_router(
    path: Path, target: str, *, small: str, large: str, log: str, labels: Path | None, output: str
) -> ExportReport:
    """The export, written to `output` where that is given.

    Raises UsageError for an unknown target, a file that is no router, or a path that cannot be written.
    """
    if target not in TARGETS:
        raise UsageError(
            f"--to: `{target}` is not known", code="usage.arguments", because=f"targets are {', '.join(TARGETS)}",
            hint="take one of those",
        )  # fmt: skip
    router, facts = load_router(path)
    try:
        small, large = small or str(facts["small"]), large or str(facts["large"])
        if small == large:
            raise UsageError(
                f"--small and --large are both `{small}`", code="usage.arguments",
                because="a router decides between two models", hint="name the other one",
            )  # fmt: skip
        warnings = [_UNADVISED] if facts.get("verdict") == "do not route" else []
        if target == "litellm":
            scores = logged_scores(log) if log else []
            report = export_litellm(
                small=small, large=large, scores=scores, large_share=float(facts["large_share"]), warnings=warnings
            )
        elif target == "vllm-sr":
            hard, easy = example_prompts(router, read_labels([labels])) if labels else ([], [])
            report = export_vllm_sr(small=small, large=large, hard=hard, easy=easy, warnings=warnings)
        else:
            report = export_memo({**facts, "small": small, "large": large}, trained_on=router.trained_on)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"`{path}` lacks what an export needs", code="usage.router", because=f"{type(error).__name__}: {error}",
            hint="save it again with `sizer route calibrate --save`",
        ) from error  # fmt: skip
    if output:
        try:
            Path(output).write_text(report.text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"`{output}` cannot be written", code="usage.file", because=error.strerror or "",
                hint="give another path",
            ) from error  # fmt: skip
        report = replace(report, written=output)
    return report
