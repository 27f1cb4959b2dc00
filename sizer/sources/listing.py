"""The API's description of a repository, typed: what does not fit is left out or refused, never passed on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sizer.errors import InvalidDataError
from sizer.notices import Notice
from sizer.sources.answers import Subject
from sizer.sources.interface import FileEntry, HubFacts, Listing
from sizer.units import plural

__all__ = ["read_listing", "read_revision_names"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?")


def read_listing(raw: bytes, asked: str, subject: Subject) -> Listing:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _odd_answer(subject, "it is not JSON") from error
    if not isinstance(answer, dict):
        raise _odd_answer(subject, "it is not a JSON object")
    repository, commit = answer.get("id"), answer.get("sha")
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        raise _odd_answer(subject, "it names no repository")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise _odd_answer(subject, "it names no commit")
    siblings = answer.get("siblings")
    if not isinstance(siblings, list):
        raise _odd_answer(subject, "it has no list of files")
    notices: list[Notice] = []
    if repository.lower() != asked.lower():
        message = f"`{asked}` is now `{repository}` on the Hub; the new name was read."
        notices.append(Notice(code="hub.renamed", message=message))
    files, refused = _files(siblings)
    if refused:
        message = (
            f"{plural(len(refused), 'name')} in the list of files, `{refused[0][:100]}` first, cannot be asked for "
        )
        notices.append(
            Notice(code="hub.file_name", message=f"{message}(no text, or outside the repository); left out.")
        )
    return Listing(
        repository=repository,
        commit=commit,
        files=files,
        hub=_facts(answer),
        notices=tuple(notices),
    )


def read_revision_names(raw: bytes) -> list[str]:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    refs = [ref for kind in ("branches", "tags") for ref in _list(_table(answer).get(kind))]
    return [name for ref in refs if (name := _text(_table(ref).get("name"))) is not None]


def _files(siblings: list[Any]) -> tuple[tuple[FileEntry, ...], list[str]]:
    """The files, each once, and the names that no file of a repository can have."""
    files: dict[str, FileEntry] = {}
    refused = []
    for item in siblings:
        path = item.get("rfilename") if isinstance(item, dict) else None
        if not isinstance(path, str) or not path:
            continue
        if _is_path(path):
            files.setdefault(path, FileEntry(path=path, size_bytes=_count(item.get("size"))))
        else:
            refused.append(path)
    return tuple(files.values()), refused


def _is_path(path: str) -> bool:
    """Whether it names something below the repository, in text: half of a surrogate pair is none."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return not path.startswith("/") and ".." not in path.split("/")


def _facts(answer: Mapping[str, Any]) -> HubFacts:
    tensors = _table(answer.get("safetensors"))
    total = _count(tensors.get("total"))
    if total is None:
        total = _count(_table(answer.get("gguf")).get("total"))
    tags = tuple(tag for tag in _list(answer.get("tags")) if isinstance(tag, str))
    licence = _table(answer.get("cardData")).get("license")
    if not isinstance(licence, str):
        licence = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None)
    return HubFacts(
        total_parameters=total,
        parameters_by_dtype={
            str(dtype): value
            for dtype, count in _table(tensors.get("parameters")).items()
            if (value := _count(count)) is not None
        },
        licence=licence,
        tags=tags,
        pipeline_tag=_text(answer.get("pipeline_tag")),
        library_name=_text(answer.get("library_name")),
        gated=bool(answer.get("gated")),
        last_modified=_text(answer.get("lastModified")),
    )


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _odd_answer(subject: Subject, why: str) -> InvalidDataError:
    return InvalidDataError(
        f"the Hub's answer for {subject.name} cannot be used",
        code="hub.answer",
        because=why,
        hint="check HF_ENDPOINT: does a Hub answer there?",
    )
