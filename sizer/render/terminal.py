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

__all__ = ["bar", "console", "heading", "is_unicode", "key_values", "left_out", "safe", "table"]

DEFAULT_WIDTH = 80
MAX_WIDTH = 120
_BLOCKS = " ▏▎▍▌▋▊▉█"
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python puts into LC_CTYPE where it found the C locale (PEP 538); it is then in UTF-8 mode."""


def console(*, stderr: bool = False, file: IO[str] | None = None, width: int | None = None) -> Console:
    """A console that prints text as it is given: no markup, emoji or highlighting.

    A pipe gets 80 columns (or COLUMNS); a terminal its own width, at most 120.
    """
    stream = file or (sys.stderr if stderr else sys.stdout)
    made = Console(file=stream, markup=False, emoji=False, highlight=False, width=width, soft_wrap=False)
    if width is None and not os.environ.get("COLUMNS", "").isdigit():
        made.width = min(made.width, MAX_WIDTH) if made.is_terminal else DEFAULT_WIDTH
    return made


def is_unicode(target: Console) -> bool:
    """Whether block characters can be written to this console: its encoding has them, and so has the user's locale.

    The encoding alone does not say it: Python writes UTF-8 where the locale is C (PEP 538, PEP 540).
    """
    return target.encoding.lower().replace("-", "").startswith("utf") and _locale_is_unicode()


def _locale_is_unicode() -> bool:
    """What LC_ALL, LC_CTYPE and LANG say, the first that is set; yes where none is, or Python was told an encoding."""
    if os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8"):
        return True
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if sys.flags.utf8_mode and os.environ.get("LC_CTYPE") in _COERCED:
        names.remove("LC_CTYPE")
    locale = next((value for name in names if (value := os.environ.get(name))), "utf-8")
    return "utf" in locale.lower()


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


def left_out(*titles: str) -> Text:
    """The line below a table whose columns do not all find room."""
    return Text(f"Left out at this width, see --json: {', '.join(titles)}", style="dim")


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
