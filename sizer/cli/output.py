"""How a command's result leaves the process: a report as JSON, or its view on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sizer.errors import GateFailedError, SizerError, UsageError
from sizer.units import plural

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["emit", "failed_gates", "note", "progress", "write_file"]

Report = TypeVar("Report")


def emit(
    command: str,
    report: Report,
    view: Callable[[Report, Console], None],
    *,
    as_json: bool,
    error: SizerError | None = None,
) -> None:
    """Print the report: the envelope with `--json`, else `view(report, console)`.

    `error` is why the report is not whole, or which gates failed: the envelope says so beside it.
    """
    if as_json:
        from sizer.render import json

        sys.stdout.write(json.encode(json.success(command, report, error=error)))
    else:
        from sizer.render.terminal import console

        view(report, console())


def failed_gates(failed: Mapping[str, str], *, hint: str) -> GateFailedError | None:
    """The error of the gates that failed, each by its name and why; None where none did."""
    if not failed:
        return None
    return GateFailedError(
        f"{plural(len(failed), 'gate')} failed",
        code="gate.failed",
        because="; ".join(f"{name}: {why}" for name, why in failed.items()),
        hint=hint,
        details={"failed": list(failed)},
    )


def write_file(path: str, text: str, *, option: str) -> None:
    """Write a document to a file, or to stdout where the path is `-`. Raises UsageError."""
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{option}: `{path}` cannot be written", code="usage.file", because=error.strerror or "",
            hint="give another path",
        ) from error  # fmt: skip
    note(f"wrote {path}")


def note(text: Any) -> None:
    """One line of talk on stderr."""
    print(text, file=sys.stderr)


def progress(text: str) -> None:
    """What is going on, on stderr, for a person who is looking; each line replaces the last, `""` clears it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
