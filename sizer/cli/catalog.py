"""`sizer catalog`: well-known models, listed, shown, counted again, added."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from sizer.cli.options import Json, command_app
from sizer.cli.output import emit
from sizer.errors import UsageError
from sizer.units import parse_count

__all__ = ["app"]


class _Group(TyperGroup):
    """`sizer catalog Qwen3-8B` is `sizer catalog show Qwen3-8B`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        first = args[0] if args else ""
        is_model = first and not first.startswith("-") and not difflib.get_close_matches(first, self.commands)
        if is_model:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = command_app(cls=_Group)

_CATALOG = typer.Option("", "--catalog", help="Your own catalog file, merged over the shipped one.", metavar="FILE")


def _text(name: str, help_: str, metavar: str) -> Any:
    return typer.Option("", name, help=help_, metavar=metavar, show_default=False)


@app.callback(
    invoke_without_command=True,
    epilog="Example: sizer catalog --max-active 8B --license apache-2.0 --sort active",
)
def catalog(
    context: typer.Context,
    min_active: str = _text("--min-active", "At least so many active parameters: 3B.", "N"),
    max_active: str = _text("--max-active", "At most so many active parameters.", "N"),
    min_total: str = _text("--min-total", "At least so many parameters in total.", "N"),
    max_total: str = _text("--max-total", "At most so many parameters in total.", "N"),
    min_context: str = _text("--min-context", "At least this context: 128Ki or 128000.", "TOKENS"),
    licence: str = typer.Option("", "--license", "--licence", help="Exactly this licence: apache-2.0.", metavar="ID"),
    family: str = _text("--family", "This family, or how several begin: qwen.", "NAME"),
    modality: str = _text("--modality", "Takes this: text, image, audio.", "INPUT"),
    task: str = _text("--task", "Made for this: chat, completion, embedding, ...", "TASK"),
    moe: bool = typer.Option(False, "--moe", help="Only mixtures of experts."),
    dense: bool = typer.Option(False, "--dense", help="Only dense models."),
    counted: bool = typer.Option(False, "--counted", help="Only what was counted from headers."),
    sort: str = _text("--sort", "name, active, total or released. [name]", "KEY"),
    catalog: str = _CATALOG,
    as_json: Json = False,
) -> None:
    """Well-known models: list them, show one, count them again, add one."""
    if context.invoked_subcommand is not None:
        context.obj = catalog
        return
    from sizer.catalog.listing import Filter, select
    from sizer.render.views.catalog import show_list

    if moe and dense:
        raise UsageError(
            "--moe and --dense exclude each other",
            code="usage.arguments",
            because="no model is both",
            hint="give one of them, or neither for all models",
        )
    wanted = Filter(
        min_total=_count(min_total, "--min-total"),
        max_total=_count(max_total, "--max-total"),
        min_active=_count(min_active, "--min-active"),
        max_active=_count(max_active, "--max-active"),
        min_context=_count(min_context, "--min-context"),
        licence=licence,
        family=family,
        modality=modality,
        task=task,
        is_moe=True if moe else False if dense else None,
        only_counted=counted,
    )
    report = select(_entries(context, catalog), wanted, sort=sort.casefold() or "name")
    emit("catalog", report, show_list, as_json=as_json)


@app.command(epilog="Example: sizer catalog show Qwen/Qwen3-30B-A3B")
def show(
    context: typer.Context,
    model: str = typer.Argument(metavar="ID", help="An id, or a name that only one organisation has."),
    catalog: str = _CATALOG,
    as_json: Json = False,
) -> None:
    """Show everything that the catalog knows about one model."""
    from sizer.catalog.listing import describe
    from sizer.catalog.models import find
    from sizer.render.views.catalog import show_detail

    emit("catalog", describe(find(model, _entries(context, catalog))), show_detail, as_json=as_json)


def _entries(context: typer.Context, catalog: str) -> Any:
    from sizer.catalog.models import load_catalog

    path = catalog or context.obj or ""
    return load_catalog(Path(path) if path else None)


def _count(text: str, name: str) -> int | None:
    return parse_count(text, name=name) if text else None
