"""What the commands do, as functions: a reference in, a report out. Nothing here prints."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from sizer.errors import InvalidDataError, NotFoundError
from sizer.sources.interface import Checkpoint
from sizer.sources.open import ReadingSettings, read_checkpoint

# What comes after reading is imported when it is called: reading starts that much earlier.
if TYPE_CHECKING:
    from sizer.anatomy.attention import AttentionSpec
    from sizer.anatomy.parameters import Anatomy
    from sizer.catalog.models import CatalogEntry
    from sizer.catalog.verify import Recount
    from sizer.inspection import Inspection
    from sizer.sizing.model import SizingSettings
    from sizer.sizing.token_path import TokenPath
    from sizer.sizing.training import Tuning, TuningSettings

__all__ = ["ReadingSettings", "SizingSettings", "catalog_entry", "inspect", "read", "recount", "token_path", "tuning"]


def __getattr__(name: str) -> Any:
    if name == "SizingSettings":
        from sizer.sizing.model import SizingSettings

        return SizingSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def read(reference: str, settings: ReadingSettings | None = None) -> Checkpoint:
    """The checkpoint behind a reference: every header, no weights.

    Raises UsageError, NotFoundError (with ids of the catalog that are close), UnavailableError or
    InvalidDataError.
    """
    try:
        return read_checkpoint(reference, settings)
    except NotFoundError as error:
        if error.code == "hub.not_found":
            _suggest(error)
        raise


def _suggest(error: NotFoundError) -> None:
    from sizer.catalog.models import closest

    if close := closest(str(error.details.get("repository", ""))):
        error.hint = f"did you mean `{close[0]}`? Else {error.hint}"
        error.details["close_matches"] = close


def inspect(
    reference: str, settings: ReadingSettings | None = None, sizing: SizingSettings | None = None
) -> Inspection:
    """The report of `sizer inspect` on one reference. Raises as `read` does."""
    from sizer.inspection import inspect_checkpoint

    return inspect_checkpoint(read(reference, settings), sizing=sizing)


def token_path(reference: str, settings: ReadingSettings | None = None) -> TokenPath:
    """The report of `sizer moe`.

    Raises as `read` does, also where files are missing, and InvalidDataError where there is no model to follow.
    """
    from sizer.sizing.token_path import follow_token

    repository, anatomy, spec = _one_model(reference, settings)
    return follow_token(reference, repository, anatomy, spec)


def tuning(reference: str, wanted: TuningSettings, settings: ReadingSettings | None = None) -> Tuning:
    """The report of `sizer tune`.

    Raises as `read` does, also where files are missing, and InvalidDataError where there is no one model.
    """
    from sizer.sizing.training import estimate_tuning

    repository, anatomy, spec = _one_model(reference, settings)
    return estimate_tuning(reference, repository, anatomy, spec, wanted)


def _one_model(reference: str, settings: ReadingSettings | None) -> tuple[str, Anatomy, AttentionSpec]:
    from sizer.anatomy.attention import describe_attention
    from sizer.inspection import examine, refuse_gap, told_by_tensors, warnings_of

    checkpoint = read(reference, settings)
    parts = examine(checkpoint)
    refuse_gap(reference, checkpoint.reading, warnings_of(checkpoint, parts))
    checkpoint = told_by_tensors(checkpoint, parts)
    if len(parts) != 1 or checkpoint.format == "adapter":
        raise InvalidDataError(
            f"`{reference}` is not one language model with headers",
            code="anatomy.no_model",
            because=f"its format is {checkpoint.format}",
            hint=f"`sizer inspect {reference}` says what it holds",
        )
    anatomy = parts[0].anatomy
    return checkpoint.repository, anatomy, describe_attention(parts[0].part.config, anatomy.components_of)


def recount(reference: str, settings: ReadingSettings | None = None) -> Recount:
    """What the headers behind a catalog entry give now. Raises as `read` does."""
    from sizer.catalog.recount import recount_of
    from sizer.inspection import examine, inspect_checkpoint

    checkpoint = read(reference, settings)
    parts = examine(checkpoint)
    return recount_of(inspect_checkpoint(checkpoint, parts), parts)


def catalog_entry(
    reference: str,
    settings: ReadingSettings | None = None,
    *,
    today: datetime.date,
    family: str = "",
    task: str = "",
) -> CatalogEntry:
    """A counted catalog entry for a repository. Raises as `read` does, and UsageError for an unknown task."""
    from sizer.catalog.recount import entry_of, parse_task
    from sizer.inspection import examine, inspect_checkpoint

    kind = parse_task(task) if task else None
    checkpoint = read(reference, settings)
    parts = examine(checkpoint)
    report = inspect_checkpoint(checkpoint, parts)
    return entry_of(checkpoint, report, parts, today=today, family=family, task=kind)
