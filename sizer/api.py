"""What the commands do, as functions: a reference in, a report out. Nothing here prints."""

from __future__ import annotations

import datetime

from sizer.anatomy.attention import describe_attention
from sizer.catalog.models import CatalogEntry
from sizer.catalog.recount import entry_of, parse_task, recount_of
from sizer.catalog.verify import Recount
from sizer.errors import InvalidDataError
from sizer.inspection import Inspection, examine, inspect_checkpoint
from sizer.sizing.model import SizingSettings
from sizer.sizing.token_path import TokenPath, follow_token
from sizer.sources.interface import Checkpoint
from sizer.sources.open import ReadingSettings, read_checkpoint

__all__ = ["ReadingSettings", "SizingSettings", "catalog_entry", "inspect", "read", "recount", "token_path"]


def read(reference: str, settings: ReadingSettings | None = None) -> Checkpoint:
    """The checkpoint behind a reference: every header, no weights.

    Raises UsageError, NotFoundError, UnavailableError or InvalidDataError.
    """
    return read_checkpoint(reference, settings)


def inspect(
    reference: str, settings: ReadingSettings | None = None, sizing: SizingSettings | None = None
) -> Inspection:
    """The report of `sizer inspect` on one reference. Raises as `read` does."""
    return inspect_checkpoint(read(reference, settings), sizing=sizing)


def token_path(reference: str, settings: ReadingSettings | None = None) -> TokenPath:
    """The report of `sizer moe`. Raises as `read` does, and InvalidDataError where there is no model to follow."""
    checkpoint = read(reference, settings)
    parts = examine(checkpoint)
    if len(parts) != 1 or checkpoint.format == "adapter":
        raise InvalidDataError(
            f"`{reference}` is not one language model that a token could be followed through",
            code="token_path.no_model",
            because=f"its format is {checkpoint.format}",
            hint=f"`sizer inspect {reference}` says what it holds",
        )
    spec = describe_attention(parts[0].part.config, parts[0].anatomy.components_of)
    return follow_token(reference, checkpoint.repository, parts[0].anatomy, spec)


def recount(reference: str, settings: ReadingSettings | None = None) -> Recount:
    """What the headers behind a catalog entry give now. Raises as `read` does."""
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
    kind = parse_task(task) if task else None
    checkpoint = read(reference, settings)
    parts = examine(checkpoint)
    report = inspect_checkpoint(checkpoint, parts)
    return entry_of(checkpoint, report, parts, today=today, family=family, task=kind)
