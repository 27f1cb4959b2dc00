"""`sizer evidence`: published comparisons of small and large models."""

from __future__ import annotations

from typing import Annotated

import typer

from sizer.cli.options import Json, command_app
from sizer.cli.output import emit

app = command_app()


@app.command()
def evidence(
    domain: Annotated[
        list[str], typer.Option("--domain", metavar="DOMAIN", help="Only this kind of task or subject (repeatable).")
    ] = [],  # noqa: B006
    domains: Annotated[bool, typer.Option("--domains", help="List what --domain may name.")] = False,
    as_json: Json = False,
) -> None:
    """Print published comparisons of small and large models: who won, the source, the caveat."""
    from sizer.decision.evidence import report
    from sizer.render.views.evidence import show, show_domains

    emit("evidence", report(*domain), show_domains if domains else show, as_json=as_json)
