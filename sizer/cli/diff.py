"""`sizer diff`: what changed between two revisions, tensors grouped by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit

if TYPE_CHECKING:
    from sizer.inspection import Inspection

app = command_app()


@app.command(epilog="Example: sizer diff Qwen/Qwen3-8B@9c925d64 Qwen/Qwen3-8B@main")
def diff(
    before: Annotated[str, typer.Argument(metavar="REF@OLD", help="The earlier revision, or one model.")],
    after: Annotated[str, typer.Argument(metavar="REF@NEW", help="The later revision, or another model.")],
    as_json: Json = False,
    offline: Offline = False,
) -> None:
    """Say what changed between two revisions: tensors added, removed, reshaped or repacked, and config.json."""
    from sizer.difference import find_difference
    from sizer.render.views.diff import show

    report = find_difference(_read(before, offline=offline), _read(after, offline=offline))
    emit("diff", report, show, as_json=as_json)


def _read(reference: str, *, offline: bool) -> tuple[Inspection, Any]:
    from sizer.api import ReadingSettings, read
    from sizer.cli.progress import progress
    from sizer.inspection import examine, inspect_checkpoint, refuse_gap

    with progress(f"reading headers of {reference}") as update:
        checkpoint = read(reference, ReadingSettings(offline=offline, progress=update))
    parts = examine(checkpoint)
    report = inspect_checkpoint(checkpoint, parts)
    refuse_gap(reference, report.reading, report.warnings)  # tensors of absent files would stand as removed
    return report, parts
