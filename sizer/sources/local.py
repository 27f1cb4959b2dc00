"""A folder or a file on this machine, read like a repository: regular files only, never a body.

For a single file the listing holds that file and the documents beside it, so that what was named is what
is counted: an index brings the shards it names, one file of a split GGUF model the others. A snapshot of
the Hub's cache is a folder of links to files, which are followed; links to folders are not, so no loop can
be entered. Which of the files are the model is decided in `sources.checkpoint`.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sizer.errors import InvalidDataError, SizerError, UsageError
from sizer.headers import gguf, safetensors
from sizer.headers.interface import Header
from sizer.notices import Notice
from sizer.sources.interface import FileEntry, Listing, Progress, Reading, Source
from sizer.units import plural

__all__ = ["LocalSource"]

MAX_DOCUMENT_BYTES = 5_000_000
MAX_INDEX_BYTES = 50_000_000
MAX_FILES = 20_000
"""Files that are listed; a repository of the Hub has at most about 10,000."""
MAX_DEPTH = 4
_WEIGHTS = (".safetensors", ".gguf")
_INDEX = ".index.json"
_SPLIT = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<of>\d{5})\.gguf")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class LocalSource(Source):
    """The files below a folder, or one file with what belongs to it."""

    def __init__(self, location: Path, *, max_header_bytes: int = safetensors.MAX_HEADER_BYTES) -> None:
        self._location = location
        self._max_header_bytes = max_header_bytes
        self._paths: dict[str, Path] = {}
        self._listing: Listing | None = None
        self._bytes = 0
        self._files = 0
        self._complete = True
        self._verifiers: Counter[str | None] = Counter()

    def listing(self) -> Listing:
        """All regular files. Raises UsageError where the location cannot be opened."""
        if self._listing is None:
            notices: list[Notice] = []
            self._paths = dict(_find_files(self._location, notices))
            entries = [FileEntry(path=name, size_bytes=_size(path)) for name, path in self._paths.items()]
            self._listing = Listing(
                repository=str(self._location), commit=None, files=tuple(entries), notices=tuple(notices)
            )
        return self._listing

    def read_document(self, path: str) -> bytes | None:
        """A text file, whole: at most 50 MB for an index, 5 MB for others."""
        self.listing()
        if path not in self._paths:
            return None
        raw = _read_document(self._paths[path])
        self._bytes += len(raw)
        return raw

    def read_headers(self, files: Sequence[FileEntry], progress: Progress | None = None) -> list[Header | Exception]:
        """The headers. A file that fails leaves its error; the others are read all the same."""
        self.listing()
        results: list[Header | Exception] = []
        for count, file in enumerate(files, 1):
            try:
                header = self._read_header(file.path)
                self._verifiers[header.verified_by] += 1
                self._files += 1
                results.append(header)
            except SizerError as error:
                self._complete = False
                results.append(error)
            if progress is not None:
                progress(count, len(files))
        return results

    def reading(self) -> Reading:
        """What was read so far; a local file takes no requests."""
        verified_by = next(iter(self._verifiers)) if len(self._verifiers) == 1 else None
        return Reading(bytes=self._bytes, files=self._files, complete=self._complete, verified_by=verified_by)

    def _read_header(self, name: str) -> Header:
        path = self._paths.get(name)
        if path is None:
            raise _refuse(self._location / name, "it is not there")
        handle = _open(path)
        try:
            size = os.fstat(handle).st_size
            if name.endswith(".gguf"):
                return self._read_gguf(handle, name, size)
            return self._read_safetensors(handle, name, size)
        except OSError as error:
            raise _refuse(path, error.strerror or "it cannot be read") from error
        finally:
            os.close(handle)

    def _read_safetensors(self, handle: int, name: str, size: int) -> Header:
        first = self._read_to(handle, b"", min(size, 64))
        length = safetensors.header_length(first, path=name, file_bytes=size, cap=self._max_header_bytes)
        raw = self._read_to(handle, first, length)
        return safetensors.parse_header(raw, path=name, file_bytes=size)

    def _read_gguf(self, handle: int, name: str, size: int) -> Header:
        reader = gguf.GgufReader(path=name, file_bytes=size, cap=self._max_header_bytes)
        raw = b""
        while True:
            raw = self._read_to(handle, raw, reader.needed)
            if header := reader.feed(raw):
                return header

    def _read_to(self, handle: int, raw: bytes, length: int) -> bytes:
        """The first `length` bytes of a file of which `raw` are there."""
        data = bytearray(raw)
        while len(data) < length:
            chunk = os.read(handle, length - len(data))
            if not chunk:
                raise OSError(0, "it became shorter while it was read")
            data += chunk
            self._bytes += len(chunk)
        return bytes(data)


# -- which files -------------------------------------------------------------------------------------


def _find_files(location: Path, notices: list[Notice]) -> Iterator[tuple[str, Path]]:
    """Names and places of the files that belong to a location, in the order of their names."""
    kind = _kind(location)
    if kind == "a folder":
        yield from _walk(_snapshot(location), notices)
        return
    if kind != "a regular file":
        raise _refuse(location, f"it is {kind}")
    folder, name = location.parent, location.name
    beside = [path for path in _entries(folder, notices) if _kind(path) == "a regular file"]
    if name.endswith(_INDEX):
        named = _shard_names(location)
        yield name, location
        yield from ((path.name, path) for path in beside if path.name in named)
    elif (match := _SPLIT.fullmatch(name)) is not None:
        yield from ((path.name, path) for path in beside if _is_same_split(path.name, match))
    else:
        # A blob may have no suffix: it was known by its first bytes.
        yield (name if name.endswith(_WEIGHTS) else f"{name}.gguf"), location
    yield from ((path.name, path) for path in beside if path.suffix == ".json" and not path.name.endswith(_INDEX))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _is_same_split(name: str, named: re.Match[str]) -> bool:
    match = _SPLIT.fullmatch(name)
    return match is not None and match["stem"] == named["stem"] and match["of"] == named["of"]


def _shard_names(index: Path) -> frozenset[str]:
    """The files that an index names; none where it is not an index, which is said when it is read as one."""
    try:
        weight_map = json.loads(_read_document(index))["weight_map"]
        return frozenset(name for name in weight_map.values() if isinstance(name, str))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return frozenset()


def _snapshot(folder: Path) -> Path:
    """A repository's folder in the Hub's cache stands for the snapshot of its main branch."""
    try:
        commit = (folder / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return folder
    inner = folder / "snapshots" / commit
    return inner if _COMMIT.fullmatch(commit) and inner.is_dir() else folder


def _walk(root: Path, notices: list[Notice]) -> Iterator[tuple[str, Path]]:
    """Regular files below a folder, hidden ones left out; what else has the name of weights is pointed out."""
    count = 0
    folders = [(root, 0)]
    while folders:
        folder, depth = folders.pop(0)
        for path in _entries(folder, notices):
            if path.name.startswith("."):
                continue
            kind = _kind(path)
            if kind == "a folder" and not path.is_symlink() and depth < MAX_DEPTH:
                folders.append((path, depth + 1))
            elif kind == "a regular file":
                count += 1
                if count > MAX_FILES:
                    notices.append(_notice("local.too_many_files", f"only the first {MAX_FILES:,} files were listed"))
                    return
                yield path.relative_to(root).as_posix(), path
            elif path.name.endswith(_WEIGHTS):
                notices.append(_notice("local.not_a_file", f"`{path.relative_to(root)}` is {kind}; it was left out"))


def _entries(folder: Path, notices: list[Notice]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        notices.append(_notice("local.folder", f"`{folder}` was left out: {error.strerror}"))
        return []


def _kind(path: Path) -> str:
    """What a path is, links followed, in words."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "a broken link" if path.is_symlink() else f"not to be opened ({error.strerror})"
    kinds = (
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((words for test, words in kinds if test(mode)), "a special file")


# -- reading -----------------------------------------------------------------------------------------


def _open(path: Path) -> int:
    """A file open for reading. It is looked at again once open, and a pipe in its place does not block."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _refuse(path, error.strerror or "it cannot be opened") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _refuse(path, f"it is {_kind(path)}")
    return handle


def _read_document(path: Path) -> bytes:
    limit = MAX_INDEX_BYTES if path.name.endswith(_INDEX) else MAX_DOCUMENT_BYTES
    with os.fdopen(_open(path), "rb") as stream:
        try:
            raw = stream.read(limit + 1)
        except OSError as error:
            raise _refuse(path, error.strerror or "it cannot be read") from error
    if len(raw) > limit:
        raise InvalidDataError(
            f"`{path}` is larger than is read",
            code="document.too_large",
            because=f"at most {plural(limit, 'byte')} are read",
            hint="check that this is the document of a model",
        )
    return raw


def _notice(code: str, message: str) -> Notice:
    return Notice(code=code, message=message)


def _refuse(path: Path, why: str) -> UsageError:
    return UsageError(
        f"`{path}` cannot be read",
        code="usage.file",
        because=why,
        hint="name a folder with a model, or a .safetensors, .gguf or index file",
    )
