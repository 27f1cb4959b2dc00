"""Run as a program by test_header_budget.py: one hostile header, read under limits of time and memory.

    python header_budget.py FORMAT CASE      prints `<code or "read"> <peak memory in MB>`

The limits are there to catch a hang or an explosion, not to measure.
"""

from __future__ import annotations

import resource
import struct
import sys
from collections.abc import Callable

CPU_SECONDS = 20


def _frame(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _shape(dimensions: bytes) -> bytes:
    return _frame(b'{"a":{"dtype":"U8","shape":[' + dimensions + b'],"data_offsets":[0,8]}}')


def _many(count: int, entry: str) -> bytes:
    return _frame(("{" + ",".join(entry.format(i=i) for i in range(count)) + "}").encode())


SAFETENSORS: dict[str, Callable[[], bytes]] = {
    "a million dimensions of 7": lambda: _shape(b"7," * 1_000_000 + b"7"),
    "twelve million dimensions of 1": lambda: _shape(b"1," * 12_000_000 + b"1"),
    "a thousand dimensions of 4,000 digits": lambda: _shape(b",".join([b"9" * 4000] * 1000)),
    "one dimension of a million digits": lambda: _shape(b"9" * 1_000_000),
    "ten million brackets": lambda: _frame(b'{"a":' + b"[" * 10_000_000),
    "a name of 24 MB": lambda: _frame(b'{"' + b"n" * 24_000_000 + b'":3}'),
    "one name, 100,000 times": lambda: _many(100_000, '"a":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "100,000 new dtypes": lambda: _many(100_000, '"a{i}":{{"dtype":"X{i}","shape":[0],"data_offsets":[0,0]}}'),
    "one new dtype, 50,000 times": lambda: _many(50_000, '"a{i}":{{"dtype":"X1","shape":[0],"data_offsets":[0,0]}}'),
    "a million tensors by position": lambda: _many(1_000_000, '"{i}":["U8",[],[0,1]]'),
    "100,000 tensors by position": lambda: _many(100_000, '"{i}":["U8",[],[0,1]]'),
    "150,000 tensors": lambda: _many(150_000, '"{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "24 MB of NUL bytes": lambda: _frame(b"{}" + b"\0" * 24_000_000),
    "24 MB of spaces": lambda: _frame(b"{}" + b" " * 24_000_000),
    "metadata of 24 MB": lambda: _frame(b'{"__metadata__":{"k":"' + b"[" * 24_000_000 + b'"}}'),
}


def _gguf(tensors: int, pairs: int, body: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs) + body


def _texts(count: int) -> bytes:
    """One pair whose value is an array of empty texts."""
    return struct.pack("<Q1sIIQ", 1, b"k", 9, 8, count) + b"\0" * (8 * count)


def _infos(count: int) -> bytes:
    """Tensors of no dimensions, one float each, 32 bytes apart."""
    return b"".join(struct.pack("<Q6sIIQ", 6, b"%06d" % i, 0, 0, 32 * i) for i in range(count))


def _pairs(count: int) -> bytes:
    return b"".join(struct.pack("<Q6sIB", 6, b"%06d" % i, 0, 1) for i in range(count))


GGUF: dict[str, Callable[[], bytes]] = {
    "three million empty texts": lambda: _gguf(0, 1, _texts(3_000_000)),
    "100,000 tensors": lambda: _gguf(100_000, 0, _infos(100_000) + b"\0" * 64),
    "65,536 pairs": lambda: _gguf(0, 65_536, _pairs(65_536)),
    "2**64 - 1 texts": lambda: _gguf(0, 1, struct.pack("<Q1sIIQ", 1, b"k", 9, 8, 2**64 - 1)),
    "2**64 - 1 tensors": lambda: _gguf(2**64 - 1, 0, b"\0" * 64),
    "a text of 24 MB": lambda: _gguf(0, 1, struct.pack("<Q1sIQ", 1, b"k", 8, 24_000_000) + b"x" * 24_000_000),
    "2**32 - 1 dimensions": lambda: _gguf(1, 0, struct.pack("<Q1sI", 1, b"a", 2**32 - 1) + b"\1" * 24_000_000),
}


def main(kind: str, case: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    from sizer.errors import InvalidDataError
    from sizer.headers import gguf, safetensors

    raw = (SAFETENSORS if kind == "safetensors" else GGUF)[case]()
    parse = safetensors.parse_header if kind == "safetensors" else gguf.parse_header
    try:
        parse(raw, path="model")
        outcome = "read"
    except InvalidDataError as error:
        outcome = error.code
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(outcome, peak // (1024**2 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main(*sys.argv[1:])
