"""What a user types, understood: a repository on the Hub, a folder, or one file.

An existing local path wins over a repository of the same name, as it does in `transformers`;
`hf://org/name` always means the Hub. Nothing is opened here beyond the first bytes of a local file.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from sizer.errors import NotFoundError, UsageError
from sizer.values import frozen

__all__ = ["Kind", "Reference", "parse_reference"]

Kind = Literal["hub", "folder", "safetensors", "index", "gguf", "bundle"]

_HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co"})
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9_./+-]{1,255}")
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_LONG_REVISION = re.compile(r"refs/(?:pr/[0-9]+|convert/[A-Za-z0-9_.-]+)(?=/|$)")
_OTHER_REPOSITORIES = {"datasets": "a dataset", "spaces": "a Space", "kernels": "a kernel", "buckets": "a bucket"}
_SUFFIXES: tuple[tuple[str, Kind], ...] = (
    (".safetensors", "safetensors"),
    (".index.json", "index"),
    (".gguf", "gguf"),
    (".json.gz", "bundle"),
)
_FORMS = "write `org/name`, `org/name@revision`, a Hub URL, a folder, a .safetensors, .gguf or index file, or a bundle"


@frozen
class Reference:
    """Where a checkpoint is."""

    text: str
    """What the user typed."""
    kind: Kind
    repository: str | None = None
    """`org/name`, or a bare name from the Hub's first years (`gpt2`). Only for kind `hub`."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; None means its main branch."""
    path: str | None = None
    """Subfolder or file inside the repository, where the reference names one."""
    location: Path | None = None
    """The local folder or file. None for kind `hub`."""

    @property
    def commit(self) -> str | None:
        """The full commit hash, where the revision is one: nothing has to be asked to pin it."""
        return self.revision if self.revision and re.fullmatch(r"[0-9a-f]{40}", self.revision) else None


def parse_reference(text: str) -> Reference:
    """The reference that `text` means.

    Raises UsageError where it means none, and NotFoundError where it can only be a path and nothing is there.
    """
    text = text.strip()
    if not text:
        raise _refuse(text, "it is empty")
    if "://" in text:
        return _parse_url(text)
    path = Path(os.path.expanduser(text))  # Path.expanduser raises for a user who does not exist
    if _exists(path):
        return _parse_local(text, path)
    if _WINDOWS.match(text) or "\\" in text:
        raise _absent(text, "it is a Windows path, and no such file or folder is here")
    if text.split("/")[0].lower() in _HUB_HOSTS:
        return _parse_url(f"https://{text}")
    if text.startswith(("/", ".", "~")) or text.lower().endswith(tuple(suffix for suffix, _ in _SUFFIXES)):
        raise _absent(text, "no such file or folder is here")
    name, at, revision = text.partition("@")
    return _hub(text, name, revision if at else None, None)


def _parse_url(text: str) -> Reference:
    scheme, rest = text.split("://", 1)
    if scheme.lower() == "hf":
        return _parse_hf(text, rest)
    if scheme.lower() not in ("http", "https"):
        raise _refuse(text, f"`{scheme}://` is not a scheme that is read")
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").lower()
        address = parts.netloc.rpartition("@")[2].lower()
    except ValueError as error:
        raise _refuse(text, "it is not a URL") from error
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT", ""))
    path = parts.path
    if host not in _HUB_HOSTS:
        if not endpoint.netloc or address != endpoint.netloc.lower():
            raise _refuse(text, f"`{host}` is not the Hub (set HF_ENDPOINT to read from a mirror)")
        path = path.removeprefix(endpoint.path.rstrip("/"))
    segments = [segment for segment in path.split("/") if segment]
    if not segments:
        raise _refuse(text, "it names no repository")
    if segments[0] == "models":
        segments = segments[1:]
    if other := _OTHER_REPOSITORIES.get(segments[0] if segments else ""):
        raise _refuse(text, f"it names {other}, not a model")
    if len(segments) > 2 and segments[2] in ("tree", "blob", "resolve", "raw", "commit"):
        verb, tail = segments[2], segments[3:]
        name = "/".join(segments[:2])
    elif len(segments) > 1 and segments[1] in ("tree", "blob", "resolve", "raw", "commit"):
        verb, tail = segments[1], segments[2:]
        name = segments[0]
    elif len(segments) <= 2:
        return _hub(text, "/".join(segments), None, None)
    else:
        raise _refuse(text, f"`{'/'.join(segments[2:])}` is not a page of a model's files")
    if not tail:
        return _hub(text, name, None, None)
    revision, inner = _split_revision("/".join(unquote(segment) for segment in tail), unquote(tail[0]))
    return _hub(text, name, revision, None if verb == "commit" else inner)


def _parse_hf(text: str, rest: str) -> Reference:
    rest = rest.removeprefix("models/").rstrip("/")
    head, at, tail = rest.partition("@")
    if at:
        revision, inner = _split_revision(tail, tail.split("/")[0])
        return _hub(text, head, unquote(revision), inner)
    segments = rest.split("/")
    return _hub(text, "/".join(segments[:2]), None, "/".join(segments[2:]) or None)


def _split_revision(tail: str, first: str) -> tuple[str, str | None]:
    """`refs/pr/1/sub` -> (`refs/pr/1`, `sub`): revisions with slashes that the Hub itself makes."""
    match = _LONG_REVISION.match(tail)
    revision = match[0] if match else first
    return revision, tail[len(revision) :].strip("/") or None


def _hub(text: str, name: str, revision: str | None, path: str | None) -> Reference:
    parts = name.split("/")
    if other := _OTHER_REPOSITORIES.get(parts[0]):
        raise _refuse(text, f"it names {other}, not a model")
    if len(parts) > 2:
        raise _refuse(
            text,
            "a repository is `org/name`; this has more parts",
            hint=f"for a folder or file inside a repository: `{'/'.join(parts[:2])} --path {'/'.join(parts[2:])}`",
        )
    if not parts[-1] and len(parts) == 2:
        raise _absent(text, "no such folder is here, and a repository is `org/name`")
    for part in parts:
        if not _NAME.fullmatch(part) or ".." in part or "--" in part or part.endswith(".git"):
            raise _refuse(text, f"`{part}` cannot be part of a repository's name")
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision or revision.startswith("/")):
        raise _refuse(text, f"`{revision}` cannot be a branch, tag or commit")
    return Reference(
        text=text, kind="hub", repository=name, revision=revision, path=check_path(path, text) if path else None
    )


def check_path(path: str, text: str) -> str:
    """A path inside a repository, without a trailing slash. Raises UsageError where it leads out of it."""
    clean = path.strip("/")
    if not clean or "\\" in clean or any(part in ("", ".", "..") for part in clean.split("/")):
        raise _refuse(text, f"`{path}` is not a path inside the repository")
    return clean


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (OSError, ValueError):
        return os.path.islink(path)  # a broken one is there; False for a name that no file can have
    return True


def _parse_local(text: str, path: Path) -> Reference:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise _absent(text, "it is a link to nothing") from error
    except OSError as error:
        raise _refuse(text, f"it cannot be opened ({error.strerror})") from error
    if stat.S_ISDIR(mode):
        return Reference(text=text, kind="folder", location=path)
    if not stat.S_ISREG(mode):
        raise _refuse(text, f"it is {_name_of(mode)}, not a regular file")
    return Reference(text=text, kind=_kind_of(text, path), location=path)


def _name_of(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a block device"),
    )
    return next((name for test, name in kinds if test(mode)), "a special file")


def _kind_of(text: str, path: Path) -> Kind:
    try:
        with path.open("rb") as stream:
            first = stream.read(4)
    except OSError as error:
        raise _refuse(text, f"it cannot be read ({error.strerror})") from error
    if first == b"GGUF":
        return "gguf"
    if first[:2] == b"\x1f\x8b":
        return "bundle"
    for suffix, kind in _SUFFIXES:
        if path.name.lower().endswith(suffix):
            return kind
    if not first:
        raise _refuse(text, "the file is empty")
    raise _refuse(text, "the file is none of: .safetensors, .gguf, an index (.index.json), a saved header bundle")


def _absent(text: str, why: str) -> NotFoundError:
    return NotFoundError(f"`{text}` was not found", code="file.missing", because=why, hint="check the path")


def _refuse(text: str, why: str, hint: str = _FORMS) -> UsageError:
    return UsageError(f"`{text}` is not a reference to a model", code="usage.reference", because=why, hint=hint)
