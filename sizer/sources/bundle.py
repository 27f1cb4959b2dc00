"""Header bundles: a checkpoint as one small file, read back equal anywhere, without network.

JSON in gzip. Tensor names are templates with ranges of numbers (`model.layers.*.mlp.experts.*.up_proj.weight`,
`3-60`, `0-255`), dtypes and shapes are listed once, so 90,000 tensors take tens of kB. A header whose order
is not the usual one (by dtype, then by name) keeps its names one by one; the cache does so for all, as that
is quicker to write. A bundle may come from anybody: sizes are capped before anything is expanded.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import itertools
import json
import math
import os
import re
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from sizer.errors import UsageError
from sizer.headers.interface import Header, StoredTensor
from sizer.headers.safetensors import DTYPE_BITS
from sizer.notices import Notice
from sizer.sources.interface import Checkpoint, FileEntry, HubFacts, Part, Reading
from sizer.tables import convert, data_path
from sizer.values import frozen

__all__ = ["VERSION", "Bundle", "decode", "encode", "find_shipped", "read_bundle", "save_bundle", "write_atomically"]

FORMAT = "sizer-headers"
VERSION = 1
MAX_FILE_BYTES = 20_000_000
MAX_JSON_BYTES = 64_000_000
MAX_TENSORS = 2_000_000
MAX_NAME_CHARACTERS = 256_000_000
_NUMBER = re.compile(r"(?<![0-9])(0|[1-9][0-9]{0,8})(?![0-9])")
_RANGES = re.compile(r"\d{1,9}(?:-\d{1,9})?(?:,\d{1,9}(?:-\d{1,9})?)*", re.ASCII)
_SIZE_LIMIT = 2**63
_stored = functools.partial(tuple.__new__, StoredTensor)  # what StoredTensor(...) does, in half the time

Kind = tuple[str, tuple[int, ...], int]
"""dtype, shape, bytes of one tensor."""


@frozen
class Bundle:
    """A checkpoint and where its headers came from."""

    checkpoint: Checkpoint
    note: str = ""
    """In words, where it is not what a run of `sizer` read from the Hub."""


@frozen
class _File:
    """A header. Tensors are `rows` of [template, kind, ranges...], in `order` of dtypes and then by name,
    or `names` with their `kinds`, in their own order."""

    path: str
    format: str
    header_bytes: int
    file_bytes: int | None
    verified_by: str | None
    metadata: dict[str, Any]
    notices: list[Notice]
    order: list[str] = field(default_factory=list)
    rows: list[list[int | str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)


@frozen
class _Part:
    name: str
    config: dict[str, Any] | None
    config_path: str | None
    documents: dict[str, Any]
    unread: list[FileEntry]
    files: list[_File]


@frozen
class _Document:
    format: str
    version: int
    note: str
    reference: str
    repository: str
    commit: str | None
    checkpoint_format: str
    alternatives: list[str]
    base_model: str | None
    hub: HubFacts | None
    reading: Reading
    notices: list[Notice]
    templates: list[str]
    kinds: list[Kind]
    parts: list[_Part]


# -- files -----------------------------------------------------------------------------------------------


def save_bundle(checkpoint: Checkpoint, path: Path, *, note: str = "") -> None:
    """Write a bundle. Raises UsageError where the file cannot be written."""
    try:
        write_atomically(path, encode(checkpoint, note=note), private=False)
    except OSError as error:
        raise UsageError(
            f"`{path}` cannot be written",
            code="usage.file",
            because=error.strerror or str(error),
            hint="name a file in a folder that exists and can be written to",
        ) from error


def read_bundle(path: Path) -> Bundle:
    """The bundle in a file. Raises UsageError where it is not one."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _refuse(str(path), error.strerror or "it cannot be read") from error
    return decode(raw, where=str(path))


def find_shipped(repository: str) -> Path | None:
    """The bundle of a repository that comes with `sizer`, if there is one."""
    path = data_path("headers") / f"{repository.replace('/', '--')}.json.gz"
    return path if path.is_file() else None


def write_atomically(path: Path, data: bytes, *, private: bool) -> None:
    """Write a file that is whole or not there. A private one can be read by its owner alone."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        if not private:
            os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


# -- writing ---------------------------------------------------------------------------------------------


def encode(checkpoint: Checkpoint, *, note: str = "", quick: bool = False) -> bytes:
    """A checkpoint as the bytes of a bundle; the same checkpoint gives the same bytes.

    `quick` spends bytes to save time: names one by one, light compression.
    """
    templates: dict[str, int] = {}
    kinds: dict[Kind, int] = {}
    parts = [
        _Part(
            name=part.name,
            config=part.config,
            config_path=part.config_path,
            documents=part.documents,
            unread=list(part.unread),
            files=[_pack(header, templates, kinds, quick) for header in part.headers],
        )
        for part in checkpoint.parts
    ]
    document = _Document(
        format=FORMAT,
        version=VERSION,
        note=note,
        reference=checkpoint.reference,
        repository=checkpoint.repository,
        commit=checkpoint.commit,
        checkpoint_format=checkpoint.format,
        alternatives=list(checkpoint.alternatives),
        base_model=checkpoint.base_model,
        hub=checkpoint.hub,
        reading=checkpoint.reading,
        notices=list(checkpoint.notices),
        templates=list(templates),
        kinds=list(kinds),
        parts=parts,
    )
    raw = json.dumps(_plain(document), separators=(",", ":")).encode()
    return gzip.compress(raw, 1 if quick else 9, mtime=0)


def _plain(value: Any) -> Any:
    """Dataclasses as dicts, without the fields that are empty by default."""
    if dataclasses.is_dataclass(value):
        return {
            item.name: _plain(inner)
            for item in dataclasses.fields(value)
            if (inner := getattr(value, item.name)) or item.default_factory is dataclasses.MISSING
        }
    if isinstance(value, list) and value and dataclasses.is_dataclass(value[0]):
        return [_plain(item) for item in value]
    return value


def _pack(header: Header, templates: dict[str, int], kinds: dict[Kind, int], quick: bool) -> _File:
    tensors = header.tensors
    numbers = [kinds.setdefault(tensor[1:], len(kinds)) for tensor in tensors]
    order = list(dict.fromkeys(tensor.dtype for tensor in tensors))
    tidy = not quick and list(tensors) == _sorted(tensors, order)
    tidy = tidy and not any("*" in tensor.name for tensor in tensors)
    return _File(
        path=header.path,
        format=header.format,
        header_bytes=header.header_bytes,
        file_bytes=header.file_bytes,
        verified_by=header.verified_by,
        metadata=header.metadata,
        notices=list(header.notices),
        order=order if tidy else [],
        rows=_rows(tensors, numbers, templates) if tidy else [],
        names=[] if tidy else [tensor.name for tensor in tensors],
        kinds=[] if tidy else numbers,
    )


def _sorted(tensors: Iterable[StoredTensor], order: Sequence[str]) -> list[StoredTensor]:
    rank = {dtype: number for number, dtype in enumerate(order)}
    return sorted(tensors, key=lambda tensor: (rank[tensor.dtype], tensor.name))


def _rows(tensors: Iterable[StoredTensor], kinds: Iterable[int], templates: dict[str, int]) -> list[list[int | str]]:
    groups: dict[tuple[int, int], list[tuple[int, ...]]] = defaultdict(list)
    for tensor, kind in zip(tensors, kinds, strict=True):
        template = templates.setdefault(_NUMBER.sub("*", tensor.name), len(templates))
        groups[template, kind].append(tuple(map(int, _NUMBER.findall(tensor.name))))
    return [
        [template, kind, *(_ranges(values) for values in box)]
        for (template, kind), tuples in groups.items()
        for box in _boxes(tuples)
    ]


def _boxes(tuples: Sequence[tuple[int, ...]]) -> list[tuple[frozenset[int], ...]]:
    """Few products of sets that together are exactly these tuples.

    One axis after the other, boxes that differ in that axis alone become one.
    """
    boxes = [tuple(frozenset((value,)) for value in item) for item in tuples]
    for axis in reversed(range(len(tuples[0]))):
        merged: dict[tuple[frozenset[int], ...], set[int]] = defaultdict(set)
        for box in boxes:
            merged[(*box[:axis], *box[axis + 1 :])] |= box[axis]
        boxes = [(*rest[:axis], frozenset(values), *rest[axis:]) for rest, values in merged.items()]
    return boxes


def _ranges(values: Iterable[int]) -> str:
    """{0, 1, 2, 5} -> `0-2,5`."""
    parts: list[list[int]] = []
    for value in sorted(values):
        if parts and value == parts[-1][-1] + 1:
            parts[-1][1:] = [value]
        else:
            parts.append([value])
    return ",".join("-".join(map(str, part)) for part in parts)


# -- reading ---------------------------------------------------------------------------------------------


def decode(raw: bytes, *, where: str) -> Bundle:
    """A bundle from its bytes. Raises UsageError where it is not one, or where it is larger than any can be."""
    document = convert(_parse(raw, where), _Document, where=where)
    try:
        return Bundle(checkpoint=_checkpoint(document), note=document.note)
    except (ValueError, IndexError, TypeError) as error:
        raise _refuse(where, str(error)) from error


def _parse(raw: bytes, where: str) -> Any:
    if len(raw) > MAX_FILE_BYTES:
        raise _refuse(where, f"it is larger than {MAX_FILE_BYTES:,} bytes")
    unpacker = zlib.decompressobj(31)
    try:
        text = unpacker.decompress(raw, MAX_JSON_BYTES + 1)
        if len(text) > MAX_JSON_BYTES:
            raise _refuse(where, f"unpacked it is larger than {MAX_JSON_BYTES:,} bytes")
        if not unpacker.eof:
            raise _refuse(where, "it is cut short")
        value = json.loads(text)
    except zlib.error as error:
        raise _refuse(where, f"it is not gzip, or damaged ({error})") from error
    except (ValueError, RecursionError) as error:
        raise _refuse(where, "what it holds is not JSON") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise _refuse(where, f"its `format` is not `{FORMAT}`")
    if value.get("version") != VERSION:
        raise _refuse(where, f"its version is {value.get('version')!r}, this sizer reads version {VERSION}")
    return value


def _checkpoint(document: _Document) -> Checkpoint:
    for kind in document.kinds:
        _check_kind(kind)
    _check_size(document)
    return Checkpoint(
        reference=document.reference,
        repository=document.repository,
        commit=document.commit,
        format=document.checkpoint_format,
        parts=tuple(
            Part(
                name=part.name,
                headers=tuple(_header(file, document) for file in part.files),
                config=part.config,
                config_path=part.config_path,
                documents=part.documents,
                unread=tuple(part.unread),
            )
            for part in document.parts
        ),
        alternatives=tuple(document.alternatives),
        base_model=document.base_model,
        hub=document.hub,
        reading=document.reading,
        notices=tuple(document.notices),
    )


def _header(file: _File, document: _Document) -> Header:
    if file.rows:
        if missing := {document.kinds[int(row[1])][0] for row in file.rows}.difference(file.order):
            raise ValueError(f"`{file.path}` has no place for tensors of {missing.pop()[:20]}")
        tensors = _sorted(_expand(file.rows, document), file.order)
    else:
        kinds = document.kinds
        if any(kind < 0 for kind in file.kinds):
            raise ValueError(f"`{file.path}` refers to a kind below zero")
        tensors = [_stored((name, *kinds[kind])) for name, kind in zip(file.names, file.kinds, strict=True)]
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ValueError(f"`{file.path}` has a tensor twice")
    return Header(
        path=file.path,
        format=file.format,
        tensors=tuple(tensors),
        metadata=file.metadata,
        header_bytes=file.header_bytes,
        file_bytes=file.file_bytes,
        verified_by=file.verified_by,
        notices=tuple(file.notices),
    )


def _check_size(document: _Document) -> None:
    """Refuse more tensors, or longer names, than any model has, before the first one is made."""
    tensors = characters = 0
    for file in itertools.chain.from_iterable(part.files for part in document.parts):
        tensors += len(file.names)
        for row in file.rows:
            template, _, axes = _row(row, document)
            count = math.prod(sum(map(len, axis)) for axis in axes)
            tensors += count
            characters += count * (len(template) + 10 * len(axes))
    if tensors > MAX_TENSORS or characters > MAX_NAME_CHARACTERS:
        raise ValueError(f"it names more than {MAX_TENSORS:,} tensors, or names longer than any model has")


def _row(row: list[int | str], document: _Document) -> tuple[str, Kind, list[list[range]]]:
    match row:
        case [int(template), int(kind), *ranges] if template >= 0 and kind >= 0:
            text = document.templates[template]
        case _:
            raise ValueError("a row of tensors does not begin with a template and a kind")
    if len(ranges) != text.count("*"):
        raise ValueError(f"template `{text[:80]}` has another number of ranges")
    return text, document.kinds[kind], [_values(values) for values in ranges]


def _expand(rows: Iterable[list[int | str]], document: _Document) -> Iterator[StoredTensor]:
    for row in rows:
        template, kind, axes = _row(row, document)
        pattern = template.replace("%", "%%").replace("*", "%d")
        for numbers in itertools.product(*(itertools.chain(*axis) for axis in axes)):
            yield _stored((pattern % numbers, *kind))


def _values(text: int | str) -> list[range]:
    if not isinstance(text, str) or not _RANGES.fullmatch(text):
        raise ValueError(f"`{str(text)[:40]}` is not a list of ranges")
    bounds = [part.partition("-") for part in text.split(",")]
    return [range(int(low), int(high or low) + 1) for low, _, high in bounds]


def _check_kind(kind: Kind) -> None:
    dtype, shape, size = kind
    elements = 1
    for dimension in shape:
        if dimension < 0 or elements >= _SIZE_LIMIT:
            raise ValueError(f"a tensor of {dtype[:20]} has a shape that no tensor has")
        elements *= dimension
    bits = DTYPE_BITS.get(dtype)
    if not 0 <= size < _SIZE_LIMIT or (bits is not None and elements * bits != size * 8):
        raise ValueError(f"{size} bytes are not the size of a tensor of {dtype[:20]} and its shape")


def _refuse(where: str, why: str) -> UsageError:
    return UsageError(
        f"`{where}` is not a header bundle that can be read",
        code="usage.bundle",
        because=why,
        hint="make one with `sizer inspect org/name --save-headers FILE`",
    )
