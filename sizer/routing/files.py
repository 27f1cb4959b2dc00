"""What became of a file of the user's that could not be read: it is not there, or it is there and no good."""

from __future__ import annotations

from sizer.errors import NotFoundError, SizerError, UsageError

__all__ = ["unreadable"]


def unreadable(path: object, error: Exception, *, hint: str = "check the path") -> SizerError:
    """The error for a file that could not be opened or read: NotFoundError where there is none of that name."""
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"`{path}` is no file", code="route.no_file", because="nothing has that name", hint=hint)
    why = getattr(error, "strerror", None) or str(error) or "it cannot be read"
    return UsageError(f"`{path}` cannot be read", code="usage.file", because=why, hint=hint)
