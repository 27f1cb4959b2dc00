"""`sizer landscape`: every model from active to total parameters, on one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
from sizer.cli.options import Json, Offline, command_app
from sizer.cli.output import emit, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sizer.catalog.landscape import Marked
    from sizer.catalog.models import CatalogEntry

app = command_app()


@app.command(epilog="Example: sizer landscape --family qwen3 --mark ./my-model --svg landscape.svg")
def landscape(
    mark: Annotated[
        list[str] | None, typer.Option("--mark", metavar="REF", help="Your own model among them. Repeatable.")
    ] = None,
    svg: Annotated[str, typer.Option(metavar="FILE", help="Write the chart as SVG; - is stdout.")] = "",
    html: Annotated[str, typer.Option(metavar="FILE", help="Write chart and table as one HTML page.")] = "",
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
    sort: Annotated[str, typer.Option("--sort", metavar="KEY", help="active, total, name or released.")] = "active",
    catalog: CatalogFile = "",
    as_json: Json = False,
    offline: Offline = False,
) -> None:
    """Every model of the catalog as a bar from active to total parameters, behind it the size classes."""
    from sizer.catalog.landscape import build_landscape
    from sizer.render.views import landscape as view
    from sizer.render.views import landscape_chart as chart

    wanted = read_filter(
        min_active=min_active, max_active=max_active, min_total=min_total, max_total=max_total, licence=licence,
        family=family, modality=modality, task=task, moe=moe, dense=dense,
    )  # fmt: skip
    entries = read_catalog(catalog)
    marked = [_marked(reference, entries, offline=offline) for reference in mark or ()]
    report = build_landscape(entries, wanted, marked, sort=sort.casefold())
    if svg:
        write_file(svg, chart.svg(report), option="--svg")
    if html:
        write_file(html, chart.html(report), option="--html")
    if "-" not in (svg, html):
        emit("landscape", report, view.show, as_json=as_json)


def _marked(reference: str, entries: Sequence[CatalogEntry], *, offline: bool) -> Marked:
    """An entry of the catalog where it has both counts, else the model counted from its headers."""
    from sizer.catalog.landscape import Marked
    from sizer.errors import InvalidDataError

    known = next((entry for entry in entries if entry.id.casefold() == reference.casefold()), None)
    if known is not None and known.total_parameters and known.active_parameters:
        return Marked(
            reference=reference, id=known.id, total_parameters=known.total_parameters,
            active_parameters=known.active_parameters, basis=known.basis,
        )  # fmt: skip
    from sizer.api import ReadingSettings, inspect

    report = inspect(reference, ReadingSettings(offline=offline))
    if report.total_parameters is None:
        raise InvalidDataError(
            f"`{reference}` cannot be placed in the landscape",
            code="landscape.unknown",
            because=f"its total is not known: {report.total_parameters_reason}",
            hint=f"`sizer inspect {reference}` says what could be read",
        )
    return Marked(
        reference=reference, id=report.repository, total_parameters=report.total_parameters,
        active_parameters=report.active_parameters, basis=report.total_parameters_basis,
    )  # fmt: skip
