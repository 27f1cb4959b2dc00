"""`sizer devices`: what `--on` may name."""

from __future__ import annotations

from typing import Annotated

import typer

from sizer.cli.options import Json, command_app
from sizer.cli.output import emit

app = command_app()


@app.command(epilog="Example: sizer devices rtx 40")
def devices(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Only devices that have every word: rtx, 80 GB.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option("--kind", metavar="KIND", help="data-centre, workstation, consumer, apple, phone, edge or cpu."),
    ] = "",
    as_json: Json = False,
) -> None:
    """The devices that --on may name: memory, bandwidth, rate, price, with their sources in --json."""
    from sizer.render.views.devices import show
    from sizer.sizing.devices import list_devices

    emit("devices", list_devices(words or (), kind=kind), show, as_json=as_json)
