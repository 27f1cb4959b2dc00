"""`sizer compare`: models side by side, what differs, and by how much."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit
from sizer.cli.sizing import CacheDtype, Context, On, Sequences, sizing_settings
from sizer.errors import UsageError

if TYPE_CHECKING:
    from sizer.comparison import Figures
    from sizer.sizing.model import SizingSettings

app = command_app()


@app.command(epilog="Example: sizer compare Qwen/Qwen3-30B-A3B openai/gpt-oss-20b --on rtx-4090 --context 32k")
def compare(
    references: Annotated[list[str], typer.Argument(metavar="REF...", help="Two models or more; ratios to the first.")],
    on: On = None,
    context: Context = "",
    sequences: Sequences = "1",
    cache_dtype: CacheDtype = "auto",
    as_json: Json = False,
    offline: Offline = False,
) -> None:
    """Compare models: size, experts, layers, cache, memory and speed, with differences marked."""
    from sizer.comparison import compare as compare_models
    from sizer.render.views.compare import show
    from sizer.sizing.memory import DEFAULT_CONTEXT

    if len(references) < 2:
        raise UsageError(
            "one reference has nothing to be compared with", code="usage.arguments",
            hint=f"name a second one, or run `sizer inspect {references[0]}`",
        )  # fmt: skip
    sizing = sizing_settings(on, context, sequences, cache_dtype)
    sizing = dataclasses.replace(sizing, context_tokens=sizing.context_tokens or DEFAULT_CONTEXT)
    models = [_figures(reference, sizing, offline=offline) for reference in references]
    report = compare_models(models, context_tokens=sizing.context_tokens or DEFAULT_CONTEXT, sequences=sizing.sequences)
    error = next((model.gap for model in models if model.gap), None)
    emit("compare", report, show, as_json=as_json, error=error)
    raise typer.Exit(error.exit_code if error else 0)


def _figures(reference: str, sizing: SizingSettings, *, offline: bool) -> Figures:
    """Counted from headers; from the catalog where none can be had."""
    from sizer.api import ReadingSettings, inspect
    from sizer.catalog.models import load_catalog
    from sizer.cli.progress import progress
    from sizer.comparison import figures_of, figures_of_entry
    from sizer.errors import NotFoundError, UnavailableError

    try:
        with progress(f"reading headers of {reference}") as update:
            return figures_of(inspect(reference, ReadingSettings(offline=offline, progress=update), sizing))
    except (NotFoundError, UnavailableError):
        known = next((entry for entry in load_catalog() if entry.id.casefold() == reference.casefold()), None)
        if known is None:
            raise
        return figures_of_entry(reference, known, context_tokens=sizing.context_tokens or 0, sequences=sizing.sequences)
