"""What a header says: stored tensors, in one shape for every file format.

A reader (`safetensors`, `gguf`) turns the first bytes of one file into a `Header`. It never needs a body.
"""

from __future__ import annotations

from dataclasses import field
from typing import NamedTuple

from sizer.notices import Notice
from sizer.values import frozen

__all__ = ["Header", "StoredTensor"]


class StoredTensor(NamedTuple):
    """One tensor as a file holds it. A named tuple: a large checkpoint has 200,000 of them."""

    name: str
    dtype: str
    """The format's own name: `BF16`, `F8_E4M3`, `U8` (safetensors), `Q4_K` (GGML)."""
    shape: tuple[int, ...]
    """Row-major, slowest dimension first (GGUF stores dimensions reversed; its reader turns them round)."""
    size_bytes: int
    """Bytes in the file."""


@frozen
class Header:
    """The header of one file."""

    path: str
    """The file, relative to its checkpoint."""
    format: str
    """`safetensors` or `gguf`."""
    tensors: tuple[StoredTensor, ...]
    metadata: dict[str, object]
    """`__metadata__` (text to text) or the GGUF key-value pairs, long arrays left out."""
    header_bytes: int
    """Bytes of the file before its first tensor (for safetensors 8 + N)."""
    file_bytes: int | None
    """Size of the whole file, where known."""
    verified_by: str | None = None
    """The reference reader that accepted this header, with its version; None if none did."""
    notices: tuple[Notice, ...] = field(default=())
