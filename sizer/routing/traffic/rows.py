"""A log's bytes as rows, whatever it is written in. Standard library and msgspec only.

JSON Lines, CSV (`,`, `;` or tab), and JSON that is not one value a line: an array, a page, objects printed over
several lines. Plain or gzipped, UTF-8 or UTF-16. One pass, bounded memory but for a value that fills the file.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from sizer.errors import UsageError
from sizer.routing.files import unreadable
from sizer.values import frozen

__all__ = [
    "BATCH", "Form", "Row", "as_text", "decode_line", "decode_lines", "form_of", "is_nested", "is_plain", "is_table",
    "open_log", "read_batches", "read_table", "sniff", "unrolled",
]  # fmt: skip

BATCH = 200
_DECODE = msgspec.json.Decoder().decode  # 4 us a line of 770 bytes, where json.loads takes 7
_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# what is not read here, by its first bytes: its name, and the command that unpacks it to stdout
_PACKED = {
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc"), b"BZh": ("bzip2", "bzip2 -dc"), b"\xfd7zXZ": ("xz", "xz -dc"),
    b"PK\x03\x04": ("zip", "unzip -p"),
}  # fmt: skip
_DELIMITERS = ",;\t|"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BETWEEN = re.compile(r"[\s,\[\]]*")
_PORTION = 1 << 20
_LONGEST = 1 << 28

Row = Mapping[str, Any]


@frozen
class Form:
    """What a log is written in."""

    kind: Literal["lines", "nested", "csv", "documents"]
    """JSON Lines, JSON Lines that hold several rows each, a table, or JSON that does not keep to lines."""
    delimiter: str = ","
    """Between a table's cells."""


@contextmanager
def open_log(path: str, part: tuple[int, int] | None = None) -> Iterator[IO[bytes]]:
    """A log's bytes as UTF-8, gunzipped where it is gzip; `-` is stdin; `part` is a range of bytes of a plain file.

    Raises UsageError for another compression, with the command that undoes it.
    """
    try:
        with contextlib.ExitStack() as stack:
            raw: Any = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
            if part is not None:
                raw = io.BufferedReader(_Part(raw, part), 1 << 18)
            elif raw.peek(2)[:2] == _GZIP:
                raw = stack.enter_context(gzip.open(raw))
            head = raw.peek(6)[:6]
            _refuse_packed(path, head)
            if head[:2] in _UTF16:
                raw = codecs.EncodedFile(raw, "utf-8", "utf-16", "replace")
            elif head[:3] == codecs.BOM_UTF8:
                raw.read(3)
            yield raw
    except BrokenPipeError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error, hint="check the file") from error


def is_plain(path: str) -> bool:
    """Whether a file's bytes are text in UTF-8 without a mark in front, as they stand."""
    with Path(path).open("rb") as stream:
        head = stream.read(3)
    return head != codecs.BOM_UTF8 and head[:2] not in (_GZIP, *_UTF16)


def _refuse_packed(path: str, head: bytes) -> None:
    name = "standard input" if path == "-" else f"`{path}`"
    for magic, (kind, command) in _PACKED.items():
        if head.startswith(magic):
            raise UsageError(
                f"{name} is compressed with {kind}", code="usage.file", because="only gzip is read here",
                hint=f"unpack it on the way: {command} {'FILE' if path == '-' else path} | sizer ... -",
            )  # fmt: skip
    if head.startswith(b"PAR1"):
        raise UsageError(
            f"{name} is Parquet", code="usage.file", because="Parquet is read by DuckDB, from files of that suffix",
            hint="give it as a file called *.parquet",
        )  # fmt: skip


class _Part(io.RawIOBase):
    """A range of bytes of a file."""

    def __init__(self, whole: IO[bytes], part: tuple[int, int]) -> None:
        start, self._left = part[0], part[1] - part[0]
        self._whole = whole
        whole.seek(start)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._whole.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def as_text(lines: Iterable[bytes]) -> Iterator[str]:
    """A log's lines as text, their ends as they are; a lone carriage return ends one too."""
    for line in lines:
        text = line.decode("utf-8", "replace")
        if "\r" in text[:-2]:
            yield from _LINE.findall(text)
        else:
            yield text


def form_of(path: str) -> Form:
    """What a file is written in, by its name and first lines."""
    with open_log(path) as stream:
        return sniff(stream, path)[0]


def sniff(stream: Iterable[bytes], path: str) -> tuple[Form, Iterator[bytes]]:
    """(what a stream is written in, by its name and its first two lines that are not blank, all of its lines)."""
    lines = iter(stream)
    read: list[bytes] = []
    told: list[bytes] = []
    for line in lines:
        read.append(line)
        if stripped := line.strip():
            told.append(stripped)
            if len(told) == 2:
                break
    return _form(told, path), itertools.chain(read, lines)


def is_table(path: str) -> bool:
    """Whether a file is CSV by its name."""
    return bool({".csv", ".tsv"} & _suffixes(path))


def _suffixes(path: str) -> set[str]:
    return {suffix.lower() for suffix in Path(path).suffixes[-2:]}


def _form(told: list[bytes], path: str) -> Form:
    """What a log's first two lines are written in."""
    if not told:
        return Form(kind="csv" if is_table(path) else "lines")
    head = told[0].decode("utf-8", "replace")
    is_json = head[:1] in ("{", "[")
    if is_table(path) or not (is_json or {".json", ".jsonl", ".ndjson"} & _suffixes(path)):
        delimiter = max(_DELIMITERS, key=head.count)
        if is_table(path) or delimiter in head:
            return Form(kind="csv", delimiter=delimiter)
    if not is_json or (value := _decoded(told[0])) is not None:
        return Form(kind="nested" if is_json and is_nested(value) else "lines")
    if len(told) == 1 or (told[0] != b"[" and isinstance(_decoded(told[1]), dict)):
        return Form(kind="lines")  # a broken line, and good ones after it
    return Form(kind="documents")


def _decoded(line: bytes) -> Any:
    """A line's JSON value; None where it is none."""
    try:
        return json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def read_batches(stream: Iterable[bytes], path: str, form: Form | None = None) -> Iterator[list[Row | None]]:
    """The rows of one stream, some hundred at a time; None for what is no object. Without `form` its first lines tell.

    Arrays, pages (`{"data": [...]}`) and OTLP's nested spans are unrolled. Raises UsageError for a broken table.
    """
    lines = iter(stream)
    if form is None:
        form, lines = sniff(lines, path)
    if form.kind == "csv":
        rows = read_table(as_text(lines), path, delimiter=form.delimiter)
        while batch := list(itertools.islice(rows, BATCH)):
            yield list(batch)
    elif form.kind == "documents":
        values = itertools.chain.from_iterable(map(unrolled, _documents(lines)))
        while found := list(itertools.islice(values, BATCH)):
            yield found
    else:
        yield from _lines(lines)


def _lines(lines: Iterator[bytes]) -> Iterator[list[Row | None]]:
    while batch := list(itertools.islice(lines, BATCH)):
        yield decode_lines(batch)


def decode_lines(lines: Sequence[bytes]) -> list[Row | None]:
    """The rows of lines that are not blank; None for what is no object."""
    try:
        values: list[Any] = [_DECODE(line) for line in lines]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        values = list(_one_by_one(lines))
    if values and is_nested(values[0]):  # a log is nested from its first line on; a stray line is met in `_count`
        values = [row for value in values for row in unrolled(value)]
    return values


def decode_line(line: bytes) -> Any:
    """The value of a line that is not blank; None where it is not JSON."""
    try:
        return _DECODE(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decoded(line)


def _one_by_one(lines: Iterable[bytes]) -> Iterator[Any]:
    """The value of each line that is not blank; None for one that is not JSON. The standard parser knows NaN."""
    for line in lines:
        if not line.isspace():
            yield _decoded(line)


def read_table(lines: Iterable[str], path: str, *, delimiter: str = ",") -> Iterator[dict[str, Any]]:
    """A CSV's rows by the names of its header; None where a cell is empty. Raises UsageError where it is broken."""
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(lines, delimiter=delimiter, restkey="")
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
        for row in reader:
            yield {name: value or None for name, value in row.items()}
    except csv.Error as error:
        raise UsageError(
            f"`{path}` is not read as CSV", code="usage.file", because=f"line {reader.line_num}: {error}",
            hint="export it again as CSV or JSON Lines",
        ) from error  # fmt: skip


def _documents(lines: Iterator[bytes]) -> Iterator[Any]:
    """The values of JSON that does not keep to lines: one after another, or the items of one array.

    Ends with None where what follows is no JSON, or is one value of over `_LONGEST` bytes.
    """
    decode = json.JSONDecoder().raw_decode
    buffer, at, wanted = "", 0, _PORTION
    while True:
        between = _BETWEEN.match(buffer, at)
        at = between.end() if between else at
        try:
            value, at = decode(buffer, at)
        except (ValueError, RecursionError):
            portion = _portion(lines, wanted) if wanted <= _LONGEST else ""
            if not portion:
                if at < len(buffer):
                    yield None
                return
            buffer, at, wanted = buffer[at:] + portion, 0, 2 * wanted
            continue
        yield value
        wanted = _PORTION


def _portion(lines: Iterator[bytes], size: int) -> str:
    """So many bytes of whole lines, or what is left."""
    found: list[bytes] = []
    while size > 0 and (line := next(lines, b"")):
        found.append(line)
        size -= len(line)
    return b"".join(found).decode("utf-8", "replace")


def is_nested(value: Any) -> bool:
    """Whether a value is not a row yet: an array, a page, OTLP's spans, or a span with a list of attributes."""
    if value.__class__ is not dict or "resourceSpans" in value or isinstance(value.get("attributes"), list):
        return True
    return "data" in value and "model" not in value and isinstance(value["data"], list)


def unrolled(value: Any) -> Iterator[Row | None]:
    """The rows of a value; None for what is no object."""
    if isinstance(value, list):
        for item in value:
            yield from unrolled(item)
    elif not isinstance(value, dict):
        yield None
    elif "resourceSpans" in value:
        yield from _spans(value)
    elif not is_nested(value):
        yield value
    elif isinstance(value.get("attributes"), list):
        yield {**value, "attributes": _attributes(value)}
    else:
        yield from unrolled(value["data"])


def _spans(document: dict[str, Any]) -> Iterator[Row]:
    """OTLP spans with their attributes as a plain mapping."""
    for resource in _objects(document, "resourceSpans"):
        for scope in [*_objects(resource, "scopeSpans"), *_objects(resource, "instrumentationLibrarySpans")]:
            for span in _objects(scope, "spans"):
                yield {**span, "attributes": _attributes(span)}


def _attributes(span: dict[str, Any]) -> dict[str, Any]:
    if isinstance(span.get("attributes"), dict):
        return dict(span["attributes"])
    return {str(item.get("key")): _otlp_value(item.get("value")) for item in _objects(span, "attributes")}


def _objects(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in a list of an object; none where it has no such list."""
    items = value.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _otlp_value(value: Any) -> Any:
    return next(iter(value.values()), None) if isinstance(value, dict) else value
