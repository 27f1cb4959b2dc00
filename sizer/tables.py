"""YAML in, typed values out: the only module that reads YAML.

Tables are files of ours (`data/`) and of users (answers, policies, prices). Both are read strictly:
no aliases, merge keys or tags, no repeated or unknown keys, capped size and depth, and a message that
names file, line and column. Users' files go through the pure-Python loader on purpose: libyaml's C loader
crashes the process on deeply nested input. Shipped tables are known, so libyaml reads them where PyYAML
has it (1,150 lines: 0.03 s against 0.23 s); `tests/contract/test_tables.py` holds them to the strict reading.
What was read is kept as JSON in the cache folder, by the table's size and checksum, as Python keeps byte code
(seven tables, 240 kB: 0.01 s against 0.13 s, and PyYAML is not even imported); where the folder cannot be written,
nothing is kept.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import json
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from sizer.errors import InternalError, NotFoundError, UsageError

__all__ = ["convert", "data_path", "kept", "load_table", "load_yaml", "parse_yaml"]

T = TypeVar("T")

_CONVERTING = threading.Lock()
"""msgspec 0.22 crashes the process where two threads meet the same dataclass for the first time."""

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 20
_KEPT = 3  # tables of other versions that stay in the cache


def data_path(name: str) -> Path:
    """The path of a shipped table, in an installed wheel (`sizer/data`) or a source checkout (`data`)."""
    package = Path(__file__).resolve().parent
    installed = package / "data"
    return (installed if installed.is_dir() else package.parent / "data") / name


@functools.cache
def load_table(name: str, kind: type[T]) -> T:
    """A shipped table `data/<name>` as `kind`. Read once a process.

    Raises InternalError where the table is broken: it is ours.
    """
    try:
        raw = data_path(name).read_bytes()
        stamp = f"{len(raw):x}-{zlib.crc32(raw):08x}"
        return kept(
            Path(name).stem, stamp, kind, lambda: convert(_parse_shipped(raw, name), kind, where=f"data/{name}")
        )
    except OSError as error:
        raise InternalError(f"the shipped table {name} cannot be read: {error}", code="internal.table") from error
    except UsageError as error:
        raise InternalError(f"the shipped table {name} is broken: {error}", code="internal.table") from error


def kept(stem: str, stamp: str, kind: type[T], make: Callable[[], T]) -> T:
    """What `make` gives, kept as JSON between processes; `stamp` names the version of what it is made from."""
    path = _kept_path(stem, stamp)
    with contextlib.suppress(OSError, msgspec.DecodeError), _CONVERTING:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    value = make()
    _keep(path, value)
    return value


def _kept_path(stem: str, stamp: str) -> Path:
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")
    assets = Path(os.path.expanduser(os.environ.get("HF_ASSETS_CACHE") or os.path.join(home, "assets")))
    return assets / "sizer" / "tables" / f"{stem}-{stamp}.json"


def _keep(path: Path, value: Any) -> None:
    """Keep the JSON for the next process and drop what is older; a folder that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        older = sorted(path.parent.glob(f"{path.stem.split('-')[0]}-*.json"), key=lambda file: file.stat().st_mtime)
        for file in older[:-_KEPT]:
            file.unlink(missing_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_bytes(msgspec.json.encode(value))
        partial.replace(path)
    except OSError:
        pass


def _parse_shipped(raw: bytes, name: str) -> Any:
    """The plain value of a table of ours, by libyaml where it is there. Raises UsageError."""
    import yaml

    try:
        return yaml.load(raw, Loader=_loaders()[1])
    except yaml.YAMLError as error:
        raise _refuse(name, str(error)) from error


def load_yaml(path: Path) -> Any:
    """The plain value of a YAML or JSON file.

    Raises NotFoundError where there is no file of that name, and UsageError, naming the file and the line.
    """
    try:
        if not path.exists():
            raise NotFoundError(
                f"`{path}` was not found",
                code="file.missing",
                because="there is no such file",
                hint="check the path and the order of arguments",
            )
        if not path.is_file():
            raise _refuse(str(path), "it is not a regular file", hint="give the path of a YAML or JSON file")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refuse(str(path), error.strerror or "it cannot be read") from error
    return parse_yaml(raw, where=str(path))


def parse_yaml(raw: bytes, *, where: str) -> Any:
    """The plain value of YAML text; JSON is read by the JSON rules. Raises UsageError."""
    import yaml

    if len(raw) > MAX_BYTES:
        raise _refuse(where, f"it is larger than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse(where, f"it is not UTF-8 (byte {error.start})") from error
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("{", "[")) and (value := _parse_json(text)) is not None:
        return value
    try:
        _check_events(text, where)
        return yaml.load(text, Loader=_loaders()[0])
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _refuse(where, f"{place}{error.problem or error.context or 'not YAML'}") from error
    except UsageError:
        raise
    except Exception as error:  # SafeLoader raises IndexError, KeyError and ValueError on odd scalars
        raise _refuse(where, f"not YAML ({error})") from error


def convert(value: Any, kind: type[T], *, where: str) -> T:
    """A plain value as `kind`, built of frozen dataclasses. Unknown keys and words are refused, as wrong types are.

    Raises UsageError with the path of the value that does not fit.
    """
    if value is None:
        raise _refuse(where, "it is empty", hint="fill it in and run again")
    with _CONVERTING:
        if problem := _misfit(value, _type_info(cast(Any, kind)), "$"):
            raise _refuse(where, problem)
        try:
            return msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError as error:
            raise _refuse(where, str(error)) from error
        except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can spell
            raise _refuse(where, "a text in it is not Unicode") from error


@functools.cache
def _type_info(kind: Any) -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(kind)


_NESTED = (
    msgspec.inspect.UnionType,
    msgspec.inspect.DataclassType,
    msgspec.inspect.DictType,
    msgspec.inspect.ListType,
    msgspec.inspect.VarTupleType,
    msgspec.inspect.LiteralType,
)


def _misfit(value: Any, kind: msgspec.inspect.Type, path: str) -> str:
    """The first key that no dataclass field takes, or word that is none of the choices, as a message; `""` if none.

    msgspec ignores such keys, and does not name the choices.
    """
    inspect = msgspec.inspect
    if isinstance(kind, inspect.UnionType):
        fits = [_misfit(value, option, path) for option in kind.types if _could_be(value, option)]
        return min(fits, key=len, default="")
    if isinstance(kind, inspect.DataclassType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in kind.fields}
        for key, item in value.items():
            if key not in fields:
                close = difflib.get_close_matches(str(key), fields, n=1)
                tip = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(fields)}"
                return f"unknown key `{key}` - {tip} - at `{path}`"
            if problem := _misfit(item, fields[key], f"{path}.{key}"):
                return problem
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType) and isinstance(value, list):
        if not isinstance(kind.item_type, _NESTED):  # a list of 100,000 names has no keys
            return ""
        for number, item in enumerate(value):
            if problem := _misfit(item, kind.item_type, f"{path}[{number}]"):
                return problem
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for key, item in value.items():
            if problem := _misfit(item, kind.value_type, f"{path}.{key}"):
                return problem
    elif isinstance(kind, inspect.LiteralType) and isinstance(value, str) and value not in kind.values:
        return f"`{value}` is not one of {', '.join(map(str, kind.values))} - at `{path}`"
    return ""


def _could_be(value: Any, kind: msgspec.inspect.Type) -> bool:
    if isinstance(value, dict):
        return isinstance(kind, msgspec.inspect.DataclassType | msgspec.inspect.DictType)
    if isinstance(value, list):
        return isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType)
    return isinstance(value, str) and isinstance(kind, msgspec.inspect.LiteralType | msgspec.inspect.StrType)


def _refuse(where: str, why: str, hint: str = "correct the file and run again") -> UsageError:
    return UsageError(f"`{where}` cannot be used", code="usage.file", because=why, hint=hint)


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique_pairs)
    except (ValueError, RecursionError):
        return None


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("repeated key")
    return out


def _check_events(text: str, where: str) -> None:
    """Refuse what makes YAML dangerous before anything is built: aliases, tags, depth, several documents."""
    import yaml

    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark: Any = event.start_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: "
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refuse(where, place + "anchors and aliases are not accepted")
        if getattr(event, "tag", None):
            raise _refuse(where, place + "tags (`!...`) are not accepted")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _refuse(where, place + "more than one document")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _refuse(where, place + f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@functools.cache
def _loaders() -> tuple[Any, Any]:
    """The loader of users' files and the one of shipped tables: both refuse repeated keys and merge keys."""
    import yaml

    class UniqueKeys(yaml.constructor.SafeConstructor):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: dict[Any, int] = {}
            for key_node, _ in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(
                        None, None, "merge keys (`<<`) are not accepted", key_node.start_mark
                    )
                key = self.construct_object(key_node, deep=True)
                line = key_node.start_mark.line + 1
                if isinstance(key, dict | list):
                    raise yaml.constructor.ConstructorError(None, None, "a key must be a scalar", key_node.start_mark)
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key `{key}` was already given on line {seen[key]}", key_node.start_mark
                    )
                seen[key] = line
            return super().construct_mapping(node, deep=deep)

    class Strict(UniqueKeys, yaml.SafeLoader):
        pass

    class Fast(UniqueKeys, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    return Strict, Fast
