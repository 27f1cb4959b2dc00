"""`sizer fit`: which models of the catalog fit a place."""

from __future__ import annotations

from typing import Annotated

import typer

from sizer.cli.filters import (
    CatalogFile,
    Dense,
    Family,
    Licence,
    MaxActive,
    MaxTotal,
    MinActive,
    MinTotal,
    Modality,
    Moe,
    Task,
    read_catalog,
    read_filter,
)
from sizer.cli.options import Json, command_app
from sizer.cli.output import emit
from sizer.cli.sizing import CacheDtype, Context, Sequences, sizing_settings
from sizer.errors import UsageError
from sizer.units import parse_count

app = command_app()


@app.command(epilog="Example: sizer fit --on rtx-4090 --context 16k --license apache-2.0")
def fit(
    on: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="WHERE", help="The place: rtx-4090, 2xh100, m4-max,memory=64GB, memory=24GB."),
    ] = None,
    context: Context = "",
    sequences: Sequences = "1",
    cache_dtype: CacheDtype = "auto",
    weights: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="Only these weights: bf16, q8_0, q6_k, q5_k_m, q4_k_m.")
    ] = "",
    sort: Annotated[
        str, typer.Option("--sort", metavar="KEY", help="best, total, active, speed, released or name.")
    ] = "best",
    limit: Annotated[str, typer.Option("--limit", metavar="N", help="Show the first N; 0 shows all.")] = "20",
    min_active: MinActive = "",
    max_active: MaxActive = "",
    min_total: MinTotal = "",
    max_total: MaxTotal = "",
    licence: Licence = "",
    family: Family = "",
    modality: Modality = "",
    task: Task = "",
    moe: Moe = False,
    dense: Dense = False,
    catalog: CatalogFile = "",
    as_json: Json = False,
) -> None:
    """Which models of the catalog fit a place, each in the widest format that does."""
    from sizer.catalog.fitting import find_fitting, weight_format
    from sizer.render.views.fit import show
    from sizer.sizing.memory import DEFAULT_CONTEXT

    if len(on or ()) != 1:
        raise UsageError(
            "--on is missing" if not on else f"--on was given {len(on)} times",
            code="usage.arguments",
            because="fit looks at one place",
            hint="write `sizer fit --on rtx-4090`; `sizer devices` lists what there is"
            if not on
            else "run it once for each, or write `2xh100` for two of a kind",
        )
    settings = sizing_settings(on, context, sequences, cache_dtype)
    wanted = read_filter(
        min_active=min_active, max_active=max_active, min_total=min_total, max_total=max_total, licence=licence,
        family=family, modality=modality, task=task, moe=moe, dense=dense,
    )  # fmt: skip
    report = find_fitting(
        read_catalog(catalog),
        wanted,
        settings.targets[0],
        context_tokens=settings.context_tokens or DEFAULT_CONTEXT,
        sequences=settings.sequences,
        cache_dtype="bf16" if settings.cache_dtype == "auto" else settings.cache_dtype,
        formats=(weight_format(weights),) if weights else (),
        sort=sort.casefold(),
        limit=parse_count(limit, name="--limit") or None,
    )
    emit("fit", report, show, as_json=as_json)
