"""The process's own streams: what a closed pipe, a full disk or a stream that was never open does to a command.

A reader that has enough (`| head -1`) is no failure, and no success either: the rest is dropped and the command
goes on to the exit code that it would have had. So is talk that nobody can hear.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Any, TextIO

from sizer.errors import UsageError

__all__ = ["take_over_streams"]

_KEPT: list[TextIO] = []
"""What the streams were: a file that nobody holds is closed."""


class _Talk(io.FileIO):
    """Standard error as bytes; what cannot be written is dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # for the interpreter's own flush at exit, too
            self.refuse(error)
            return len(data)

    def refuse(self, error: OSError) -> None:
        """Say that it could not be written, where that matters."""


class _Data(_Talk):
    """Standard output as bytes. Raises UsageError where it cannot be written, unless its reader has enough."""

    def refuse(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            return
        why = "it is closed" if error.errno == errno.EBADF else error.strerror
        raise UsageError(
            f"cannot write to stdout: {why}", code="usage.stdout", hint="send the output elsewhere, such as `> FILE`"
        ) from error


def take_over_streams() -> None:
    """Guard stdout and stderr, and stand in for streams that the process was started without."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # for as long as the process lives
    if sys.stdout is None:  # what is open for reading alone refuses as what is closed does
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdout = _guarded(sys.stdout, _Data)
    sys.stderr = _guarded(sys.stderr, _Talk)


def _guarded(stream: Any, kind: type[_Talk]) -> Any:
    """The stream with its bytes going through `kind`; itself where it is no file."""
    with contextlib.suppress(OSError):
        raw = kind(stream.fileno(), "w", closefd=False)
        _KEPT.append(stream)
        return io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
    return stream
