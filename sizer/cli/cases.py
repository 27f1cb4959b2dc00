"""`sizer cases`: the rules replayed on published decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sizer.cli.options import Json, command_app
from sizer.cli.output import emit

app = command_app()


@app.command("cases")
def replay_cases(
    file: Annotated[str, typer.Argument(help="Cases of your own, shaped like data/decision_cases.yaml.")] = "",
    unseen: Annotated[bool, typer.Option("--unseen", help="The cases collected after the rules were fixed.")] = False,
    as_json: Json = False,
) -> None:
    """Replay published decisions through the rules: hit rate, confusion, misses."""
    from sizer.decision.cases import load_cases, replay
    from sizer.render.views.cases import show

    cases = load_cases(Path(file) if file else None, unseen=unseen)
    held_out = () if file or unseen else load_cases(unseen=True)
    emit("cases", replay(cases, held_out), show, as_json=as_json)
