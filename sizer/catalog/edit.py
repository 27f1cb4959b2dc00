"""Adding an entry to a catalog file: a text edit that leaves every other line and every comment as it is."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import re
import tempfile
from decimal import Decimal
from pathlib import Path

from sizer.catalog.models import CATALOG, CacheWindow, CatalogEntry, Shape, check_table
from sizer.errors import UsageError
from sizer.tables import data_path, parse_yaml

__all__ = ["add_entry", "catalog_file", "entry_text", "insert_entry"]

_ORDER = (
    "id", "family", "basis", "total_parameters", "total_precision", "active_parameters", "active_precision",
    "active_compute_parameters", "active_compute_source",
    "source", "checked", "context_tokens", "context_source", "unscaled_context_tokens", "effective_context_tokens",
    "effective_context_source", "licence", "modality", "task", "released", "routed_experts", "experts_per_token",
    "kv_cache_bytes_per_token", "kv_cache_windows", "state_bytes", "kv_cache_source", "shape", "shape_source",
    "stored_format", "stored_bytes", "stored_source", "published_total", "published_active", "published_source",
    "notes",
)  # fmt: skip
_ROW = re.compile(r"^- id: *[\"']?([^\"'#\n]+?)[\"']? *(?:#.*)?$")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ./_()+=<>,;@%'-]*|[0-9]+[A-Za-z][A-Za-z0-9 ./_-]*")
_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
_EMPTY = "models:\n"


def catalog_file(path: str = "") -> Path:
    """The file that `sizer catalog add` writes: the one given, or in a source checkout the catalog itself.

    Raises UsageError where neither is there: an installed catalog is not edited.
    """
    if path:
        return Path(path)
    shipped = data_path(CATALOG)
    if not (shipped.parent.parent / "pyproject.toml").is_file():
        raise UsageError(
            "no file to add to was given",
            code="usage.missing",
            because="this is an installed sizer, whose own catalog is not edited",
            hint="name a file of yours: `--catalog mine.yaml`; it is made if it does not exist",
        )
    return shipped


def entry_text(entry: CatalogEntry) -> str:
    """An entry as YAML, one field a line, what it does not know left out."""
    defaults = {field.name: field.default for field in dataclasses.fields(CatalogEntry)}
    lines: list[str] = []
    for name in _ORDER:
        value = getattr(entry, name)
        if value is not None and value != defaults[name]:
            lines.append(f"{'  ' if lines else '- '}{name}: {_scalar(value)}\n")
    return "".join(lines)


def insert_entry(text: str, entry: CatalogEntry) -> str:
    """A catalog's text with the entry at its place: before the first row that sorts after it, and its comment.

    Raises UsageError where the catalog has the entry already.
    """
    lines = (text or _EMPTY).splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    place = len(lines)
    for number, line in enumerate(lines):
        row = _ROW.match(line.rstrip("\n"))
        if row is None:
            continue
        if row[1].casefold() == entry.id.casefold():
            raise UsageError(
                f"`{entry.id}` is in the catalog already",
                code="catalog.exists",
                because=f"it stands on line {number + 1}",
                hint=f"run `sizer catalog verify {entry.id}` to compare it with the headers",
            )
        if row[1].casefold() > entry.id.casefold():
            place = number
            while place and lines[place - 1].startswith("#"):
                place -= 1
            break
    return "".join([*lines[:place], entry_text(entry), *lines[place:]])


def add_entry(path: Path, entry: CatalogEntry) -> None:
    """Write the entry into the file, which is made if it does not exist. The file is whole at any time.

    Raises UsageError where the file is no catalog, has the entry, or cannot be written; it is then unchanged.
    """
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _refuse(path, str(error)) from error
    if before.strip():
        check_table(parse_yaml(before.encode(), where=str(path)), where=str(path))
    after = insert_entry(before if before.strip() else "", entry)
    check_table(parse_yaml(after.encode(), where=str(path)), where=str(path))
    try:
        _replace(path, after)
    except OSError as error:
        raise _refuse(path, error.strerror or str(error)) from error


def _replace(path: Path, text: str) -> None:
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", text=False)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _scalar(value: object) -> str:
    if isinstance(value, bool) or value is None:
        raise TypeError(f"no entry field holds {value!r}")
    if isinstance(value, tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, CacheWindow | Shape):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{{{', '.join(f'{name}: {_scalar(held)}' for name, held in fields.items() if held is not None)}}}"
    if isinstance(value, int):
        return f"{value:_}" if value >= 1_000 else str(value)
    if isinstance(value, Decimal):
        return f'"{value}"'
    if isinstance(value, datetime.date):
        return value.isoformat()
    text = str(value)
    is_plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS and not text.endswith(" ")
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _refuse(path: Path, why: str) -> UsageError:
    return UsageError(
        f"`{path}` cannot be used", code="usage.file", because=why, hint="choose another file with --catalog"
    )
