"""The catalog's filters as options, for every command that goes over the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sizer.errors import UsageError
from sizer.units import parse_count

if TYPE_CHECKING:
    from sizer.catalog.listing import Filter
    from sizer.catalog.models import CatalogEntry

__all__ = [
    "CatalogFile",
    "Dense",
    "Family",
    "Licence",
    "MaxActive",
    "MaxTotal",
    "MinActive",
    "MinTotal",
    "Modality",
    "Moe",
    "Task",
    "read_catalog",
    "read_filter",
    "read_parameters",
]


def _text(help_: str, metavar: str, *names: str) -> Any:
    return typer.Option(*names, help=help_, metavar=metavar, show_default=False)


MinActive = Annotated[str, _text("At least so many active parameters: 3B.", "N", "--min-active")]
MaxActive = Annotated[str, _text("At most so many active parameters.", "N", "--max-active")]
MinTotal = Annotated[str, _text("At least so many parameters in total.", "N", "--min-total")]
MaxTotal = Annotated[str, _text("At most so many parameters in total.", "N", "--max-total")]
Licence = Annotated[str, _text("Exactly this licence: apache-2.0.", "ID", "--license", "--licence")]
Family = Annotated[str, _text("This family, or how several begin: qwen.", "NAME", "--family")]
Modality = Annotated[str, _text("Takes this: text, image, audio.", "INPUT", "--modality")]
Task = Annotated[str, _text("Made for this: chat, completion, embedding, ...", "TASK", "--task")]
Moe = Annotated[bool, typer.Option("--moe", help="Only mixtures of experts.")]
Dense = Annotated[bool, typer.Option("--dense", help="Only dense models.")]
CatalogFile = Annotated[str, _text("Your own catalog file, merged over the shipped one.", "FILE", "--catalog")]


def read_filter(
    *,
    min_active: str = "",
    max_active: str = "",
    min_total: str = "",
    max_total: str = "",
    licence: str = "",
    family: str = "",
    modality: str = "",
    task: str = "",
    moe: bool = False,
    dense: bool = False,
) -> Filter:
    """The filter behind the options. Raises UsageError."""
    from sizer.catalog.listing import Filter

    if moe and dense:
        raise UsageError(
            "--moe and --dense exclude each other",
            code="usage.arguments",
            because="no model is both",
            hint="give one of them, or neither for all models",
        )
    return Filter(
        min_total=read_parameters(min_total, "--min-total"),
        max_total=read_parameters(max_total, "--max-total"),
        min_active=read_parameters(min_active, "--min-active"),
        max_active=read_parameters(max_active, "--max-active"),
        licence=licence,
        family=family,
        modality=modality,
        task=task,
        is_moe=True if moe else False if dense else None,
    )


def read_catalog(path: str) -> tuple[CatalogEntry, ...]:
    """The catalog, with the user's own file over it where one is named. Raises UsageError."""
    from sizer.catalog.models import load_catalog

    return load_catalog(Path(path) if path else None)


def read_parameters(text: str, name: str) -> int | None:
    """A limit in parameters, None for no text. Raises UsageError, also for a bare `8`: it lacks its unit."""
    if text.strip().isdecimal() and 0 < int(text) < 1000:
        raise UsageError(
            f"{name}: `{text}` would be {text} parameters",
            code="usage.number",
            because="no model is that small",
            hint=f"write {name} {text.strip()}B for billions, or {text.strip()}M for millions",
        )
    return parse_count(text, name=name) if text else None
