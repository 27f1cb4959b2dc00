"""The terminal: one console, safe text, bars and tables that fit.

Text that comes from outside (tensor names, repository ids, server messages) goes through `safe` first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sizer.render.text import safe

__all__ = ["bar", "console", "heading", "is_unicode", "key_values", "safe", "table"]

DEFAULT_WIDTH = 80
MAX_WIDTH = 120
_BLOCKS = " ▏▎▍▌▋▊▉█"


class _Console(Console):
    """A console that leaves a closed pipe to the command line, which ends with 0; rich would end with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False, file: IO[str] | None = None, width: int | None = None) -> Console:
    """A console that prints text as it is given: no markup, emoji or highlighting.

    A pipe gets 80 columns (or COLUMNS); a terminal its own width, at most 120.
    """
    stream = file or (sys.stderr if stderr else sys.stdout)
    made = _Console(file=stream, markup=False, emoji=False, highlight=False, width=width, soft_wrap=False)
    if width is None and not os.environ.get("COLUMNS", "").isdigit():
        made.width = min(made.width, MAX_WIDTH) if made.is_terminal else DEFAULT_WIDTH
    return made


def is_unicode(target: Console) -> bool:
    """Whether block characters can be written to this console."""
    return target.encoding.lower().replace("-", "").startswith("utf")


def bar(share: float, width: int, *, unicode: bool = True, style: str = "cyan") -> Text:
    """A bar of `width` cells, `share` (0 to 1) of it filled; in ASCII where blocks cannot be written."""
    share = min(1.0, max(0.0, share))
    if not unicode:
        filled = round(share * width)
        return Text("#" * filled + "." * (width - filled))
    eighths = round(share * width * 8)
    if share > 0 and eighths == 0:
        eighths = 1
    full, rest = divmod(eighths, 8)
    cells = "█" * full + (_BLOCKS[rest] if rest else "")
    return Text(cells.ljust(width), style=style)


def heading(text: str) -> Text:
    """A section title."""
    return Text(text, style="bold")


def table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], *, header: bool = True) -> Table:
    """A plain table. `columns` are (title, justify); a justify of `left!` or `right!` never wraps or cuts."""
    made = Table(box=None, show_header=header, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title, justify in columns:
        fixed = justify.endswith("!")
        made.add_column(
            title,
            justify="right" if justify.startswith("right") else "left",
            no_wrap=fixed,
            overflow="fold" if not fixed else "ellipsis",
        )
    for row in rows:
        made.add_row(*[cell if not isinstance(cell, str) else Text(cell) for cell in row])
    return made


def key_values(pairs: Sequence[tuple[str, Any]]) -> Table:
    """Two columns: a dim label and its value."""
    return table([("", "left!"), ("", "left")], [(Text(k, style="dim"), v) for k, v in pairs], header=False)
