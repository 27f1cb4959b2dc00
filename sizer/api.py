"""What the commands do, as functions: a reference in, a report out. Nothing here prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sizer.inspection import Inspection
    from sizer.sources.interface import Checkpoint, Progress

__all__ = ["ReadSettings", "inspect", "read"]


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How a reference is read."""

    path: str | None = None
    """A file or folder within the repository; None lets the layout decide."""
    offline: bool = False
    """Cache and shipped bundles only."""
    use_cache: bool = True
    timeout_seconds: float = 60.0
    """For everything together."""
    max_header_bytes: int = 25_000_000
    """The longest header that is read; the format allows 100,000,000."""


def read(reference: str, settings: ReadSettings | None = None, progress: Progress | None = None) -> Checkpoint:
    """The checkpoint behind a reference: every header, no weights.

    Raises UsageError, NotFoundError, UnavailableError or InvalidDataError.
    """
    from sizer.sources.open import read_checkpoint

    return read_checkpoint(reference, settings or ReadSettings(), progress)


def inspect(reference: str, settings: ReadSettings | None = None, progress: Progress | None = None) -> Inspection:
    """The report of `sizer inspect` on one reference. Raises as `read` does."""
    from sizer.inspection import inspect_checkpoint

    return inspect_checkpoint(read(reference, settings, progress))
