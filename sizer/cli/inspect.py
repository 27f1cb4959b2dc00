"""`sizer inspect`: total and active parameters, exactly, from headers alone."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit, note
from sizer.cli.sizing import CacheDtype, Context, On, Sequences, sizing_settings
from sizer.errors import SizerError, UsageError
from sizer.units import parse_bytes, parse_number

if TYPE_CHECKING:
    from sizer.api import ReadingSettings
    from sizer.inspection import Inspection
    from sizer.sizing.model import SizingSettings
    from sizer.sources.interface import Checkpoint

app = command_app()


@app.command(epilog="Example: sizer inspect Qwen/Qwen3-30B-A3B --json | jq .report.active_parameters")
def inspect(
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="REF...",
            help="org/name[@revision], a Hub URL, a folder, a .safetensors, index or .gguf file, or a header bundle.",
        ),
    ],
    on: On = None,
    context: Context = "",
    sequences: Sequences = "1",
    cache_dtype: CacheDtype = "auto",
    as_json: Json = False,
    offline: Offline = False,
    path: Annotated[str | None, typer.Option(help="A file or folder within the repository.")] = None,
    save_headers: Annotated[
        str, typer.Option(metavar="FILE", help="Write the headers as a bundle that inspects the same offline.")
    ] = "",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor write the header cache.")] = False,
    timeout: Annotated[
        str, typer.Option(metavar="SECONDS", help="For one file, with all its attempts; 1 to 3600.")
    ] = "60",
    max_header_bytes: Annotated[str, typer.Option(help="Longest header of one file, up to 100MB.")] = "25MB",
) -> None:
    """Count total and active parameters of a model from its headers, and say what it takes to run.

    No weights are read. Without --on, the smallest places that hold the model are looked for.
    """
    from sizer.api import ReadingSettings

    if save_headers and len(references) > 1:
        raise UsageError(
            "--save-headers takes one reference", code="usage.save_headers", hint="run once for each reference"
        )
    gc.disable()  # a short-lived process that makes 100,000 tuples and no cycles: 10 % of the time on 163 shards
    is_default = not on and not context and (sequences, cache_dtype) == ("1", "auto")
    # What sizing needs is imported before reading only where there is a flag that may be wrong.
    sizing = None if is_default else sizing_settings(on, context, sequences, cache_dtype)
    settings = ReadingSettings(
        path=path,
        offline=offline,
        use_cache=not no_cache,
        timeout_seconds=parse_number(timeout, name="--timeout", minimum=1, maximum=3600),
        max_header_bytes=parse_bytes(max_header_bytes, name="--max-header-bytes", minimum=1, maximum=10**8),
    )
    if len(references) == 1:
        _one(references[0], settings, sizing, as_json, save_headers)
    else:
        _many(references, settings, sizing, as_json)


def _one(
    reference: str, settings: ReadingSettings, sizing: SizingSettings | None, as_json: bool, save_headers: str
) -> None:
    checkpoint = _read(reference, settings)

    from sizer.inspection import find_gap, inspect_checkpoint
    from sizer.render.views import inspect as view

    report = inspect_checkpoint(checkpoint, sizing=sizing)
    if save_headers:
        from sizer.sources.bundle import save_bundle

        save_bundle(checkpoint, Path(save_headers))
        note(f"wrote {save_headers}")
    error = find_gap(report.reading, report.warnings)
    emit("inspect", report, view.show, as_json=as_json, error=error)
    if error is not None:
        raise typer.Exit(error.exit_code)


def _many(references: list[str], settings: ReadingSettings, sizing: SizingSettings | None, as_json: bool) -> None:
    from sizer.inspection import Failure, Inspections, find_gap, inspect_checkpoint
    from sizer.render.views import inspect as view

    models: list[Inspection] = []
    failures: list[Failure] = []
    first: SizerError | None = None
    for reference in references:
        try:
            report = inspect_checkpoint(_read(reference, settings), sizing=sizing)
        except SizerError as error:
            first = first or error
            failures.append(Failure(reference=reference, code=error.code, message=str(error), hint=error.hint))
            continue
        first = first or find_gap(report.reading, report.warnings)
        models.append(report)
    reports = Inspections(models=tuple(models), failures=tuple(failures))
    emit("inspect", reports, view.show_many, as_json=as_json, error=first)
    raise typer.Exit(first.exit_code if first else 0)


def _read(reference: str, settings: ReadingSettings) -> Checkpoint:
    from sizer.api import read
    from sizer.cli.progress import progress

    with progress(f"reading headers of {reference}") as update:
        settings = dataclasses.replace(settings, progress=update, meanwhile=_prepare)
        return read(reference, settings)


def _prepare() -> None:
    """Import what comes after reading, which takes about as long as the first headers do."""
    import sizer.inspection
    import sizer.render.terminal
    import sizer.render.views.inspect  # noqa: F401
