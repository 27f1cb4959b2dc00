"""What the commands do, as functions: a reference in, a report out. Nothing here prints."""

from __future__ import annotations

from sizer.inspection import Inspection, inspect_checkpoint
from sizer.sizing.model import SizingSettings
from sizer.sources.interface import Checkpoint
from sizer.sources.open import ReadingSettings, read_checkpoint

__all__ = ["ReadingSettings", "SizingSettings", "inspect", "read"]


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
