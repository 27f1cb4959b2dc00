"""`sizer evidence`: published comparisons of small and large models."""

from __future__ import annotations

from typing import Annotated

import typer

from sizer.cli.options import Json, command_app
from sizer.cli.output import emit

app = command_app()


@app.command()
def evidence(
    domain: Annotated[str, typer.Option("--domain", metavar="DOMAIN", help="Only this kind of task or subject.")] = "",
    as_json: Json = False,
) -> None:
    """Print published comparisons of small and large models: who won, the source, the caveat."""
    from sizer.decision.evidence import report
    from sizer.render.views.evidence import show

    emit("evidence", report(domain), show, as_json=as_json)
