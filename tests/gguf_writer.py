"""Builds the first bytes of GGUF files for tests, right or wrong, without the library's code."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

TYPES = {"u8": 0, "i8": 1, "u16": 2, "i16": 3, "u32": 4, "i32": 5, "f32": 6, "bool": 7, "str": 8, "arr": 9}
TYPES |= {"u64": 10, "i64": 11, "f64": 12}
CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "bool": "B"}
CODES |= {"u64": "Q", "i64": "q", "f64": "d"}

Pair = tuple[str, str, Any]
"""Key, type and value; an array has a type such as `[u32]`."""
Info = tuple[str, Sequence[int], int, int]
"""Name, dimensions fastest first, number of the type, offset."""


class Writer:
    """One version and byte order of the format."""

    def __init__(self, version: int = 3, order: str = "<") -> None:
        self.version = version
        self.order = order
        self.width = "I" if version == 1 else "Q"

    def number(self, code: str, value: float) -> bytes:
        return struct.pack(self.order + code, value)

    def text(self, value: str | bytes) -> bytes:
        raw = value.encode() if isinstance(value, str) else value
        return self.number(self.width, len(raw)) + raw

    def value(self, kind: str, value: Any) -> bytes:
        if kind.startswith("["):
            inner = kind[1:-1]
            items = b"".join(self.value(inner, item) for item in value)
            return self.number("I", TYPES[inner]) + self.number(self.width, len(value)) + items
        return self.text(value) if kind == "str" else self.number(CODES[kind], value)

    def pair(self, key: str | bytes, kind: str, value: Any) -> bytes:
        number = TYPES["arr" if kind.startswith("[") else kind]
        return self.text(key) + self.number("I", number) + self.value(kind, value)

    def info(self, name: str | bytes, dimensions: Sequence[int], kind: int, offset: int) -> bytes:
        sizes = b"".join(self.number(self.width, size) for size in dimensions)
        rank = self.number("I", len(dimensions))
        return self.text(name) + rank + sizes + self.number("I", kind) + self.number("Q", offset)

    def start(self, tensors: int, pairs: int) -> bytes:
        return (
            b"GGUF" + self.number("I", self.version) + self.number(self.width, tensors) + self.number(self.width, pairs)
        )

    def header(self, pairs: Sequence[Pair] = (), infos: Sequence[Info] = (), alignment: int = 32) -> bytes:
        """A whole header, padded to where the data begins."""
        body = b"".join(self.pair(*pair) for pair in pairs) + b"".join(self.info(*info) for info in infos)
        raw = self.start(len(infos), len(pairs)) + body
        return raw + b"\0" * (-len(raw) % alignment if infos else 0)
