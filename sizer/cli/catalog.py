"""`sizer catalog`: well-known models, listed, shown, counted again, added."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from sizer.cli.filters import read_parameters
from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit, failed_gates
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
        min_total=read_parameters(min_total, "--min-total"),
        max_total=read_parameters(max_total, "--max-total"),
        min_active=read_parameters(min_active, "--min-active"),
        max_active=read_parameters(max_active, "--max-active"),
        min_context=parse_count(min_context, name="--min-context") if min_context else None,
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

    emit("catalog show", describe(find(model, _entries(context, catalog))), show_detail, as_json=as_json)


def _entries(context: typer.Context, catalog: str) -> Any:
    from sizer.catalog.models import load_catalog

    path = catalog or context.obj or ""
    return load_catalog(Path(path) if path else None)


@app.command(epilog="Example: sizer catalog verify Qwen/Qwen3-30B-A3B --offline")
def verify(
    context: typer.Context,
    models: list[str] = typer.Argument([], metavar="ID", help="Ids or names. [all]"),  # noqa: B008
    offline: Offline = False,
    catalog: str = _CATALOG,
    as_json: Json = False,
) -> None:
    """Count entries again from headers and report every difference.

    Exit code 1 says that there is one. What cannot be reached is named as not checked.
    """
    from sizer.api import ReadingSettings, recount
    from sizer.catalog.models import find
    from sizer.catalog.verify import verify as verify_entries
    from sizer.cli.progress import progress
    from sizer.render.views.catalog import show_verification

    entries = _entries(context, catalog)
    chosen = list(dict.fromkeys(find(model, entries) for model in models)) if models else entries
    settings = ReadingSettings(offline=offline)
    with progress("counting") as update:
        report, failure = verify_entries(
            chosen,
            lambda repository: recount(repository, settings),
            (lambda done: update(done, len(chosen))) if update else None,
        )
    differing = [check for check in report.checks if check.differences]
    drift = failed_gates(
        {check.id: ", ".join(change.field for change in check.differences) + " differ" for check in differing},
        hint="`report.checks` has what is listed and what was counted",
    )
    error = drift or failure
    emit("catalog verify", report, show_verification, as_json=as_json, error=error)
    raise typer.Exit(error.exit_code if error else 0)


@app.command(epilog="Example: sizer catalog add Qwen/Qwen3-30B-A3B --catalog mine.yaml")
def add(
    context: typer.Context,
    repository: str = typer.Argument(metavar="REPO", help="org/name[@revision] on the Hub."),
    family: str = _text("--family", "Its family. [the name up to its size]", "NAME"),
    task: str = _text("--task", "What it is made for. [from the Hub and the name]", "TASK"),
    catalog: str = typer.Option("", "--catalog", help="The file to add it to; made if missing.", metavar="FILE"),
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """Count a repository and add it to a catalog file.

    The file stays sorted, and its comments stay where they are.
    """
    import datetime

    from sizer.api import ReadingSettings, catalog_entry
    from sizer.catalog.edit import add_entry, catalog_file
    from sizer.catalog.listing import describe
    from sizer.cli.output import note
    from sizer.render.views.catalog import show_detail

    path = catalog_file(catalog or context.obj or "")
    today = datetime.datetime.now(tz=datetime.UTC).date()
    entry = catalog_entry(repository, ReadingSettings(offline=offline), today=today, family=family, task=task)
    add_entry(path, entry)
    emit("catalog add", describe(entry), show_detail, as_json=as_json)
    note(f"added to {path}")
