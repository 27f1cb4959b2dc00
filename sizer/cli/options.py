"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["Json", "Offline", "command_app", "take_text_as_given"]


def command_app(**settings: Any) -> typer.Typer:
    """The Typer app of a command module: plain help, no completion options of its own."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, **settings)


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Use the network for nothing: cache, shipped header bundles, local files."),
]


class _AsGiven:
    """Stands in for Typer's validation of a text or a flag: both are what they should be."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        return list(value or ()) if param.multiple or param.nargs == -1 else value


def take_text_as_given(command: Any) -> None:
    """Keep Typer from importing pydantic and building a validator for each text or flag of a command.

    The import costs 0.13 s and every validator 2 ms, more than most commands do. Text and flags need neither;
    a parameter of another type, or a Typer that does this differently, keeps Typer's own way.
    """
    make_help = command.get_help_option
    command.get_help_option = lambda ctx: _plain(make_help(ctx))
    for param in command.params:
        _plain(param)
    for inner in getattr(command, "commands", {}).values():
        take_text_as_given(inner)


def _plain(param: Any) -> Any:
    wanted = getattr(getattr(param, "type_descriptor", None), "annotation", None)
    is_plain = wanted is str or wanted == list[str] or getattr(param, "is_flag", False)
    if hasattr(param, "_runtime_param") and is_plain:
        param._runtime_param = _AsGiven()
    return param
