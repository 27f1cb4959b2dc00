"""The header of a GGUF file: key-value pairs, then a name, dimensions, type and offset for each tensor.

The header has no stated length: it ends where the last tensor has been named, behind a vocabulary of
several megabytes. So reading is incremental: `GgufReader` is fed longer and longer beginnings of the file
and says how much more it needs. Long arrays and texts are skipped, not built.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; versions 1 (32-bit lengths) to 3, in
either byte order. Rules beyond the text are those of ggml's own reader (ggml/src/gguf.cpp), except that
tensors may be listed in any order and that types which forks add are read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Generator, Sequence
from typing import NamedTuple, cast

from sizer.errors import InvalidDataError
from sizer.headers.faults import format_shape, guess_kind, quote, refuse, shorten
from sizer.headers.ggml_types import GGML_TYPES, type_name
from sizer.headers.gguf_config import config_from_metadata
from sizer.headers.interface import Header, StoredTensor
from sizer.notices import Notice
from sizer.units import format_integer as number
from sizer.units import plural

__all__ = ["FIRST_BYTES", "MAX_HEADER_BYTES", "GgufReader", "check_split", "config_from_metadata", "parse_header"]

MAX_HEADER_BYTES = 25_000_000
"""Longest header that is read unless told otherwise; a vocabulary of 262,144 tokens takes about 13 MB."""
MOST_HEADER_BYTES = 100_000_000
"""Longest header that may be asked for, the same as of safetensors."""
FIRST_BYTES = 1_000_000
"""A good first portion: enough for a file without a vocabulary (the second and later files of a split)."""

_GROWTH = 4
_LONGEST_ARRAY = 1024  # numbers kept; per-layer values have as many entries as layers
_LONGEST_LIST = 64  # texts kept; tags and languages
_LONGEST_TEXT = 65_536
_MAX_TENSORS = 100_000
_MAX_PAIRS = 65_536
_MAX_DIMENSIONS = 4  # GGML_MAX_DIMS
_DEFAULT_ALIGNMENT = 32
_INT64_MAX = 2**63 - 1

_TEXT, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOL: "B", 10: "Q", 11: "q", 12: "d"}
_VALUE_NAMES = {
    0: "uint8", 1: "int8", 2: "uint16", 3: "int16", 4: "uint32", 5: "int32", 6: "float32", _BOOL: "bool",
    _TEXT: "string", _ARRAY: "array", 10: "uint64", 11: "int64", 12: "float64",
}  # fmt: skip

_RULES = {
    "header.magic": "a file begins with the letters GGUF",
    "header.version": "the version is 1, 2 or 3",
    "header.counts": "the key-value pairs and tensors that are announced fit the file",
    "header.length": "texts and arrays lie within the file",
    "header.incomplete": "the header is read whole",
    "header.over_cap": "a header above the limits of this run is not read",
    "header.utf8": "keys and tensor names are UTF-8",
    "header.key": "a key has a name, and occurs once",
    "header.value_type": "a value is of one of 13 types, and an array holds no arrays",
    "header.alignment": "general.alignment is a power of two below 2**32",
    "header.duplicate_name": "a name occurs once",
    "header.dimensions": f"a tensor has at most {_MAX_DIMENSIONS} dimensions",
    "header.overflow": "the elements of a tensor can be counted in 63 bits",
    "header.block": "a row is a whole number of blocks of its type",
    "header.offsets": "tensors follow each other from byte 0, each padded to the alignment",
    "header.size": "the bytes of a tensor agree with its elements",
    "header.body": "the tensors lie within the file",
}

_More = Generator[int, None, None]


class _Info(NamedTuple):
    """One tensor as the header names it; dimensions fastest first, the offset from the start of the data."""

    name: str
    dimensions: tuple[int, ...]
    type: int
    offset: int

    @property
    def elements(self) -> int:
        return math.prod(self.dimensions)

    @property
    def table_bytes(self) -> int | None:
        """Bytes by the type table, None where the type is not of mainline."""
        known = GGML_TYPES.get(self.type)
        return self.elements // known.block_elements * known.block_bytes if known else None


def parse_header(raw: bytes, *, path: str, file_bytes: int | None = None) -> Header:
    """The header in the first bytes of a file. Raises InvalidDataError, also where `raw` ends too early."""
    reader = GgufReader(path=path, file_bytes=file_bytes, cap=max(MAX_HEADER_BYTES, len(raw)))
    header = reader.feed(raw)
    if header is None:
        raise reader.refuse(f"{plural(len(raw), 'byte')} end within it", code="header.incomplete")
    return header


class GgufReader:
    """Reads the header of one file from longer and longer beginnings of it.

    `feed(data)` takes everything from byte 0 on and gives the header, or None; then `needed` says how long
    the next beginning should be. What was read before is not read again.
    """

    def __init__(self, *, path: str, file_bytes: int | None = None, cap: int = MAX_HEADER_BYTES) -> None:
        """`file_bytes` is the size of the whole file, `cap` the most bytes to read before giving up."""
        self.path = path
        self.needed = min(FIRST_BYTES, cap, cap if file_bytes is None else file_bytes)
        self._file_bytes = file_bytes
        self._cap = cap
        self._data = b""
        self._at = 0
        self._order = "<"
        self._length = struct.Struct("<Q")
        self._layouts: dict[str, struct.Struct] = {}
        self._notices: list[Notice] = []
        self._steps = self._read()

    def feed(self, data: bytes) -> Header | None:
        """The header, once `data` holds all of it. Raises InvalidDataError where a rule is broken."""
        self._data = data
        try:
            end = next(self._steps)
        except StopIteration as finished:
            return cast(Header, finished.value)
        limit = self._cap if self._file_bytes is None else min(self._cap, self._file_bytes)
        self.needed = max(end, min(_GROWTH * len(data), limit))
        return None

    def refuse(self, found: str, *, code: str, hint: str = "") -> InvalidDataError:
        """The error for this file, naming the rule."""
        guess = guess_kind(self._data[:64]) if code == "header.magic" else ""
        return refuse(self.path, found, kind="GGUF", rules=_RULES, code=code, guess=guess, hint=hint)

    # -- the file, from front to back ----------------------------------------------------------------

    def _read(self) -> Generator[int, None, Header]:
        tensor_count, pair_count = yield from self._read_start()
        metadata: dict[str, object] = {}
        for _ in range(pair_count):
            yield from self._read_pair(metadata)
        infos: dict[str, _Info] = {}
        for _ in range(tensor_count):
            yield from self._read_info(infos)
        alignment = self._alignment(metadata)
        start = _pad(self._at, alignment) if infos else self._at
        return Header(
            path=self.path,
            format="gguf",
            tensors=self._lay_out(list(infos.values()), start, alignment),
            metadata=metadata,
            header_bytes=start,
            file_bytes=self._file_bytes,
            notices=tuple(self._notices),
        )

    def _read_start(self) -> Generator[int, None, tuple[int, int]]:
        """Magic, version and counts; from here on byte order and the width of lengths are known."""
        yield from self._need(4)
        magic = self._data[:4]
        if magic != b"GGUF":
            raise self.refuse(f"its first 4 bytes are {magic!r}", code="header.magic")
        yield from self._need(8)
        version = int.from_bytes(self._data[4:8], "little")
        if version & 0xFFFF == 0 and version:
            self._layouts.clear()
            self._order, version = ">", int.from_bytes(self._data[4:8], "big")
            message = f"`{self.path}`: bytes are in big-endian order; it was read, most loaders refuse this file"
            self._notices.append(Notice(code="header.big_endian", message=message))
        if version not in (1, 2, 3):
            hint = "a newer version of sizer may read it" if version > 3 else ""
            raise self.refuse(f"the version is {number(version)}", code="header.version", hint=hint)
        self._length = struct.Struct(self._order + ("I" if version == 1 else "Q"))
        self._at = 8
        tensor_count = yield from self._read_length()
        pair_count = yield from self._read_length()
        width = self._length.size
        self._check_count(pair_count, "key-value pair", smallest=width + 6, limit=_MAX_PAIRS)
        self._check_count(tensor_count, "tensor", smallest=width + 16, limit=_MAX_TENSORS)
        return tensor_count, pair_count

    def _read_pair(self, metadata: dict[str, object]) -> _More:
        key = yield from self._read_name("a key")
        if not key or key in metadata:
            found = f"key {quote(key)} occurs more than once" if key else "a key has no name"
            raise self.refuse(found, code="header.key")
        kind = yield from self._read_number("I")
        if kind == _ARRAY:
            metadata[key] = yield from self._read_array(key)
        elif kind == _TEXT:
            metadata[key] = yield from self._read_text()
        else:
            self._check_value_type(key, kind)
            value = yield from self._read_numbers(_SCALARS[kind])
            metadata[key] = _plain(kind, value)[0]

    def _read_array(self, key: str) -> Generator[int, None, object]:
        """A short array as a list; of a longer one the type and the length."""
        kind = yield from self._read_number("I")
        count = yield from self._read_length()
        self._check_value_type(key, kind)
        summary = {"type": f"array of {_VALUE_NAMES[kind]}", "length": count}
        if kind != _TEXT:
            if count <= _LONGEST_ARRAY:
                values = yield from self._read_numbers(f"{count}{_SCALARS[kind]}")
                return _plain(kind, values)
            self._skip(count * struct.calcsize("=" + _SCALARS[kind]), key)
            return summary
        if count <= _LONGEST_LIST:
            texts: list[object] = []
            while len(texts) < count:
                texts.append((yield from self._read_text()))
            return texts
        yield from self._skip_texts(count, key)
        return summary

    def _skip_texts(self, count: int, key: str) -> _More:
        """Step over texts; the loop is the longest of a header, so everything it needs is local."""
        width, unpack = self._length.size, self._length.unpack_from
        self._check_room(count * width, key)
        data, size, at = self._data, len(self._data), self._at
        for _ in range(count):
            while at + width > size:
                self._check_end(at + width, key)
                yield at + width
                data, size = self._data, len(self._data)
            at += width + unpack(data, at)[0]
        self._check_end(at, key)
        self._at = at

    def _read_info(self, infos: dict[str, _Info]) -> _More:
        name = yield from self._read_name("a tensor's name")
        if name in infos:
            raise self.refuse(f"{quote(name)} occurs more than once", code="header.duplicate_name")
        rank = yield from self._read_number("I")
        if rank > _MAX_DIMENSIONS:
            raise self.refuse(f"tensor {quote(name)} has {number(rank)}", code="header.dimensions")
        *dimensions, kind, offset = yield from self._read_numbers(f"{rank}{self._length.format[-1]}IQ")
        info = _Info(name, tuple(dimensions), kind, offset)
        self._check_info(info)
        infos[name] = info

    # -- pieces --------------------------------------------------------------------------------------

    def _need(self, size: int) -> _More:
        """Come back when `size` more bytes are there."""
        end = self._at + size
        while len(self._data) < end:
            self._check_end(end, "")
            yield end

    def _read_numbers(self, codes: str) -> Generator[int, None, tuple[int, ...]]:
        """Numbers in a row; `codes` are those of the struct module."""
        layout = self._layouts.get(codes) or self._layouts.setdefault(codes, struct.Struct(self._order + codes))
        if self._at + layout.size > len(self._data):
            yield from self._need(layout.size)
        values = layout.unpack_from(self._data, self._at)
        self._at += layout.size
        return values

    def _read_number(self, code: str) -> Generator[int, None, int]:
        return (yield from self._read_numbers(code))[0]

    def _read_length(self) -> Generator[int, None, int]:
        return (yield from self._read_number(self._length.format[-1]))

    def _read_bytes(self, length: int) -> Generator[int, None, bytes]:
        yield from self._need(length)
        self._at += length
        return self._data[self._at - length : self._at]

    def _read_name(self, what: str) -> Generator[int, None, str]:
        length = yield from self._read_length()
        if length > _LONGEST_TEXT:
            raise self.refuse(f"{what} is {number(length)} bytes long", code="header.length")
        raw = yield from self._read_bytes(length)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.refuse(f"{what} is {shorten(repr(raw), 120)}", code="header.utf8") from error

    def _read_text(self) -> Generator[int, None, object]:
        """A text; of a very long one the type and the length in bytes. Bytes that are not UTF-8 are replaced."""
        length = yield from self._read_length()
        if length > _LONGEST_TEXT:
            self._skip(length, "")
            return {"type": "string", "length": length}
        raw = yield from self._read_bytes(length)
        return raw.decode("utf-8", "replace")

    def _skip(self, size: int, key: str) -> None:
        self._check_end(self._at + size, key)
        self._at += size

    # -- rules ---------------------------------------------------------------------------------------

    def _check_count(self, count: int, noun: str, *, smallest: int, limit: int) -> None:
        if self._file_bytes is not None and count * smallest > self._file_bytes - self._at:
            found = f"{plural(count, noun)} in a file of {number(self._file_bytes)} bytes"
            raise self.refuse(found, code="header.counts")
        if count > limit:
            found = f"the header announces {plural(count, noun)}, the limit is {number(limit)}"
            raise self.refuse(found, code="header.over_cap")

    def _check_room(self, size: int, key: str) -> None:
        self._check_end(self._at + size, key)

    def _check_end(self, end: int, key: str) -> None:
        where = f"key {quote(key)} reaches" if key else "the header reaches"
        if self._file_bytes is not None and end > self._file_bytes:
            found = f"{where} byte {number(end)} of a file of {number(self._file_bytes)} bytes"
            raise self.refuse(found, code="header.length")
        if end > self._cap:
            found = f"{where} byte {number(end)}, the limit is {number(self._cap)}"
            hint = f"raise the limit with `--max-header-bytes {MOST_HEADER_BYTES}` if you trust the file"
            raise self.refuse(found, code="header.over_cap", hint=hint if end <= MOST_HEADER_BYTES else "")

    def _check_value_type(self, key: str, kind: int) -> None:
        if kind not in _SCALARS and kind != _TEXT:
            what = "an array of arrays" if kind == _ARRAY else f"of type {number(kind)}"
            raise self.refuse(f"key {quote(key)} is {what}", code="header.value_type")

    def _alignment(self, metadata: dict[str, object]) -> int:
        alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
        if type(alignment) is int and 0 < alignment < 2**32 and not alignment & (alignment - 1):
            return alignment
        raise self.refuse(f"general.alignment is {shorten(repr(alignment), 80)}", code="header.alignment")

    def _check_info(self, info: _Info) -> None:
        what = f"tensor {quote(info.name)}, {format_shape(info.dimensions[::-1])} of {type_name(info.type)},"
        if info.elements > _INT64_MAX:
            raise self.refuse(f"{what} has too many elements", code="header.overflow")
        known = GGML_TYPES.get(info.type)
        if known and known.is_settled and (info.dimensions[:1] or (1,))[0] % known.block_elements:
            found = f"{what} has rows that are not a multiple of {known.block_elements}"
            raise self.refuse(found, code="header.block")

    def _lay_out(self, infos: list[_Info], start: int, alignment: int) -> tuple[StoredTensor, ...]:
        """The tensors in file order with their bytes; every byte of the data belongs to one of them."""
        space = None if self._file_bytes is None else max(0, self._file_bytes - start)
        order = sorted(infos, key=lambda info: (info.offset, info.elements > 0))
        ends = [info.offset for info in order[1:]] + [space]
        sizes: dict[str, int] = {}
        forked: dict[str, int] = {}
        position = last_byte = 0
        for info, end in zip(order, ends, strict=False):
            if info.offset != position:
                found = f"tensor {quote(info.name)} has offset {number(info.offset)}, expected {number(position)}"
                raise self.refuse(found, code="header.offsets")
            size = self._size(info, end, alignment, is_last=info is order[-1])
            if size != info.table_bytes:
                forked[type_name(info.type)] = forked.get(type_name(info.type), 0) + 1
            sizes[info.name] = size
            last_byte = info.offset + size
            position = _pad(last_byte, alignment)
        if infos:
            self._check_body(start, last_byte, position)
        self._notices += [_fork_notice(self.path, name, count) for name, count in forked.items()]
        return tuple([StoredTensor(i.name, type_name(i.type), i.dimensions[::-1], sizes[i.name]) for i in infos])

    def _size(self, info: _Info, end: int | None, alignment: int, *, is_last: bool) -> int:
        """Bytes of a tensor: by the type table where it is to be trusted, else up to where the next one begins."""
        known, by_table = GGML_TYPES.get(info.type), info.table_bytes
        if known and by_table is not None:
            fits = end is None or _pad(by_table, alignment) == end - info.offset
            if known.is_settled or fits or (is_last and by_table == (end or 0) - info.offset):
                return by_table
        what = f"tensor {quote(info.name)}, {format_shape(info.dimensions[::-1])} of {type_name(info.type)},"
        if end is None:
            raise self.refuse(f"{what} is the last one of a file of unknown size", code="header.size")
        room = end - info.offset
        # A layout that is not known: between one bit and sixteen bytes an element.
        if not info.elements <= 8 * room <= 128 * info.elements + 8 * alignment:
            raise self.refuse(f"{what} cannot take {plural(room, 'byte')}", code="header.size")
        return room

    def _check_body(self, start: int, last_byte: int, padded: int) -> None:
        if self._file_bytes is None:
            return
        if start + last_byte > self._file_bytes:
            found = f"header and tensors take {number(start + last_byte)} bytes, the file has "
            hint = "the file is cut short: download it again, or ask its author for a whole one"
            raise self.refuse(found + number(self._file_bytes), code="header.body", hint=hint)
        if start + padded < self._file_bytes:
            surplus = plural(self._file_bytes - start - padded, "byte")
            message = f"`{self.path}`: {surplus} follow the last tensor; they were left out"
            self._notices.append(Notice(code="header.trailing_bytes", message=message))


def check_split(headers: Sequence[Header]) -> tuple[Notice, ...]:
    """What the headers of a split model say about their number, where the files at hand do not agree with it.

    Each file carries `split.no` (from 0), `split.count` and `split.tensors.count` (of all files together).
    """
    if not headers or "split.count" not in headers[0].metadata:
        return ()
    notices = []
    counts = sorted({str(header.metadata.get("split.count")) for header in headers})
    numbers = [header.metadata.get("split.no") for header in headers]
    if counts != [str(len(headers))] or sorted(numbers, key=repr) != sorted(range(len(headers)), key=repr):
        found = f"the model is split into {' or '.join(counts)} files, {plural(len(headers), 'file')} were read"
        notices.append(Notice(code="gguf.split_count", message=found))
    stated = headers[0].metadata.get("split.tensors.count")
    tensors = sum(len(header.tensors) for header in headers)
    if isinstance(stated, int) and stated != tensors:
        found = f"the split files announce {plural(stated, 'tensor')}, they hold {number(tensors)}, which were counted"
        notices.append(Notice(code="gguf.split_tensors", message=found))
    return tuple(notices)


def _plain(kind: int, values: Sequence[float]) -> list[object]:
    """Numbers as JSON can hold them: 0 and 1 as booleans, NaN and infinity as None."""
    if kind == _BOOL:
        return [value != 0 for value in values]
    return [value if math.isfinite(value) else None for value in values]


def _pad(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _fork_notice(path: str, name: str, count: int) -> Notice:
    message = f"`{path}`: {plural(count, 'tensor')} of type {name}, in a layout that mainline ggml does not have; bytes"
    return Notice(code="header.fork_type", message=f"{message} were read off the offsets, padding included")
