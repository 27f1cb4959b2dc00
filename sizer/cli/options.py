"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["Json", "Offline", "command_app"]


def command_app(**settings: Any) -> typer.Typer:
    """The Typer app of a command module: plain help, no completion options of its own."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, **settings)


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Use the network for nothing: cache, shipped header bundles, local files."),
]
