"""What the header readers say about a file that they refuse."""

from __future__ import annotations

from collections.abc import Mapping

from sizer.errors import InvalidDataError
from sizer.units import format_integer

__all__ = ["format_shape", "guess_kind", "quote", "refuse", "shorten"]

_UNREAD = ("header.over_cap", "header.incomplete")  # the file may be sound all the same


def refuse(
    path: str, found: str, *, kind: str, rules: Mapping[str, str], code: str, guess: str = "", hint: str = ""
) -> InvalidDataError:
    """The error for a file that breaks a rule: the file, what was found, the rule, and what to do.

    `kind` names the format (`safetensors`), `guess` what the file looks like instead.
    """
    because = f"{found} (rule: {rules[code]})"
    if kind in guess:
        guess = ""
    is_unread = code in _UNREAD
    return InvalidDataError(
        f"the header of `{path}` was not read" if is_unread else f"`{path}` is not a valid {kind} file",
        code=code,
        because=f"{because}; {guess}" if guess else because,
        hint=hint or _hint(kind, guess),
        details={"file": path, "rule": rules[code], "found": found},
    )


def guess_kind(first_bytes: bytes) -> str:
    """What the first bytes of a file look like; `""` if nothing that is known."""
    start = first_bytes.lstrip()
    if first_bytes.startswith(b"version "):
        return "it looks like a Git LFS pointer: the file itself was not downloaded"
    if start.startswith(b"<"):
        return "it looks like an HTML page: a proxy or a login page may have answered"
    if first_bytes.startswith(b"GGUF"):
        return "it looks like a GGUF file"
    if first_bytes.startswith((b"lmgg", b"tjgg", b"fmgg")):
        return "it looks like an older GGML file"
    if first_bytes.startswith((b"PK\x03\x04", b"\x80\x02")):
        return "it looks like a PyTorch file"
    if start.startswith((b"{", b"[")):
        return "it looks like a JSON document"
    if first_bytes[8:9] == b"{":
        return "it looks like a safetensors file"
    return ""


def quote(name: str) -> str:
    """A tensor's name in a message."""
    return f"`{shorten(name, 120)}`"


def shorten(text: str, limit: int = 240) -> str:
    """Text that may be megabytes long, cut, with its length."""
    return text if len(text) <= limit else f"{text[:limit]}... ({format_integer(len(text))} characters)"


def format_shape(shape: tuple[int, ...]) -> str:
    """`[2, 3]`; the first eight of very many dimensions."""
    if len(shape) > 8:
        return f"[{', '.join(map(str, shape[:8]))}, ...] ({format_integer(len(shape))} dimensions)"
    return str(list(shape))


def _hint(kind: str, guess: str) -> str:
    if "LFS" in guess:
        return "run `git lfs pull` in the folder, or name the repository instead of the folder"
    if "HTML" in guess:
        return "open the address in a browser, or run again without the proxy"
    return f"the file is damaged or was not written by a {kind} writer: tell its author, or try another revision"
