"""Progress on stderr, for a person who is looking and a job that takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sizer.sources.interface import Progress

__all__ = ["progress"]

_MOMENT_SECONDS = 0.5


@contextmanager
def progress(what: str) -> Iterator[Progress | None]:
    """A callback for (done, total); None where stderr is not a terminal. The line is cleared at the end."""
    if not sys.stderr.isatty():
        yield None
        return
    started = time.monotonic()
    shown = False

    def update(done: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - started > _MOMENT_SECONDS:
            shown = True
            print(f"\r{what}: {done} of {total}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield update
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
