"""Text from outside made safe to print, without rich: errors use it too.

Control characters (C0, C1), bidirectional overrides and other invisible characters are escaped, so that a
tensor name or a server's message cannot drive the terminal.
"""

from __future__ import annotations

import unicodedata

__all__ = ["safe"]


def safe(text: str, limit: int = 0) -> str:
    """Text with every non-printable character escaped, cut to `limit` characters where given."""
    shown = "".join(
        char if char.isprintable() and unicodedata.category(char) != "Cf" else _escape(char) for char in text
    )
    return shown if not limit or len(shown) <= limit else shown[: max(1, limit - 3)] + "..."


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
