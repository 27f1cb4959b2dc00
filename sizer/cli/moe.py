"""`sizer moe`: one token's way through a model, with the model's own numbers."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit

app = command_app()


@app.command(epilog="Example: sizer moe Qwen/Qwen3-30B-A3B")
def moe(
    reference: Annotated[str, typer.Argument(metavar="REF", help="org/name[@revision], a folder, a file or a bundle.")],
    still: Annotated[bool, typer.Option("--still", help="Do not move at a terminal.")] = False,
    as_json: Json = False,
    offline: Offline = False,
) -> None:
    """Follow one token through a model: what each layer reads for it, and which experts stay asleep."""
    from sizer.api import ReadingSettings, token_path
    from sizer.cli.progress import progress
    from sizer.render.views import moe as view

    with progress(f"reading headers of {reference}") as update:
        report = token_path(reference, ReadingSettings(offline=offline, progress=update))
    moves = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not still
    emit("moe", report, view.animate if moves else view.show, as_json=as_json)
