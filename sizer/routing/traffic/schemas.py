"""Request logs recognised by their columns, and how a row becomes a request.

The schemas are data (`data/log_schemas.yaml`); a user's `--columns` mapping is one more. A row that cannot be
counted says why, so that coverage is known.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from sizer.errors import UsageError
from sizer.routing.traffic.histogram import MOST_TOKENS
from sizer.tables import load_table
from sizer.values import frozen

__all__ = [
    "FIELDS",
    "TAKEN",
    "Path",
    "RowReader",
    "Schema",
    "Values",
    "custom_schema",
    "detect_schema",
    "is_positive",
    "known_schemas",
    "look_up",
]

FIELDS = ("model", "input", "output", "cached", "time", "id", "session", "decision", "score", "text")
TAKEN = ("model", "input", "output", "cached", "time", "session", "decision", "reasoning")
_REQUIRED = ("model", "input", "output")

Path = tuple[str, ...]


@frozen
class Schema:
    """One entry of `data/log_schemas.yaml`."""

    name: str
    title: str
    source: str
    checked: datetime.date
    requires: list[str]
    fields: dict[str, list[str]]
    keep: dict[str, list[str]] = field(default_factory=dict)
    drop: dict[str, list[str]] = field(default_factory=dict)
    input_excludes_cached: bool = False
    output_excludes_reasoning: bool = False

    @property
    def is_split(self) -> bool:
        """Whether a row's input or output is a part of what it names beside it."""
        return self.input_excludes_cached or self.output_excludes_reasoning

    def paths(self, name: str) -> list[Path]:
        """Where a field is found, best first."""
        return [tuple(path.split("/")) for path in self.fields.get(name, [])]

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a row has every column that the schema requires."""
        return all(
            any(look_up(row, tuple(option.strip().split("/"))) is not None for option in need.split("|"))
            for need in self.requires
        )


def known_schemas() -> list[Schema]:
    """The shipped schemas, in the order in which they are tried."""
    schemas: list[Schema] = load_table("log_schemas.yaml", list[Schema])
    return schemas


def detect_schema(rows: Sequence[Mapping[str, Any]], *, where: str) -> Schema:
    """The first schema that one of the sample rows fits.

    Raises UsageError with the columns seen where none does.
    """
    for schema in known_schemas():
        if any(schema.fits(row) for row in rows):
            return schema
    if not rows:
        raise UsageError(
            f"`{where}` holds no request", code="route.no_rows", because="none of its first lines is a JSON object",
            hint="give a log of JSON Lines or CSV",
        )  # fmt: skip
    columns = sorted({name for row in rows for name in _columns(row)})
    raise UsageError(
        f"`{where}` is not a request log that is recognised",
        code="route.schema",
        because=f"columns seen: {', '.join(columns) or 'none'}",
        hint="map them: --columns model=COLUMN,input=COLUMN,output=COLUMN[,cached=,time=,id=,session=,text=]",
        details={"columns": columns, "known": [schema.title for schema in known_schemas()]},
    )


def custom_schema(mapping: str) -> Schema:
    """A schema from `model=COLUMN,input=COLUMN,output=COLUMN,...`; `a/b` is b inside a. Raises UsageError."""
    fields: dict[str, list[str]] = {}
    for part in mapping.split(","):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if name not in FIELDS or not equals or not column:
            raise UsageError(
                f"--columns: `{part}` is not understood", code="usage.columns",
                because=f"it takes NAME=COLUMN pairs; names are {', '.join(FIELDS)}",
                hint="write --columns model=llm,input=tokens_in,output=tokens_out",
            )  # fmt: skip
        fields[name] = [column]
    if missing := [name for name in _REQUIRED if name not in fields]:
        raise UsageError(
            f"--columns: {', '.join(missing)} not mapped", code="usage.columns",
            because="a request's cost needs its model, input tokens and output tokens", hint="map them too",
        )  # fmt: skip
    return Schema(
        name="custom", title="columns mapped by hand", source="--columns", checked=datetime.date(2026, 11, 24),
        requires=[], fields=fields,
    )  # fmt: skip


def look_up(row: Any, path: Path) -> Any:
    """The value at a path of keys; None where it is missing. Text that holds JSON is read on the way."""
    for key in path:
        if isinstance(row, str) and row[:1] in ("{", "["):
            try:
                row = json.loads(row)
            except ValueError:
                return None
        if not isinstance(row, Mapping):
            return None
        row = row.get(key)
        if row is None:
            return None
    return row


def _columns(row: Mapping[str, Any], prefix: str = "", depth: int = 2) -> Iterable[str]:
    for key, value in row.items():
        if key:
            yield prefix + key
        if depth > 1 and isinstance(value, Mapping):
            yield from _columns(value, f"{prefix}{key}/", depth - 1)


Values = tuple[Any, ...]


class RowReader:
    """Takes the fields of one schema out of rows, fast.

    `take(row)` gives a value for each of `TAKEN`, None where there is none, and a tuple of the values that
    the schema's rules look at. A lambda of plain subscripts, made for the paths that the sample rows have, does it
    in half a microsecond; a row that lacks one of them, or has a field that no sample row has, goes the long way.
    """

    def __init__(self, schema: Schema, sample: Sequence[Mapping[str, Any]]) -> None:
        self.schema = schema
        self.sample = sample
        self._rules = [(name, frozenset(values), True) for name, values in schema.keep.items()]
        self._rules += [(name, frozenset(values), False) for name, values in schema.drop.items()]
        self.names = [*TAKEN, *(name for name, _, _ in self._rules)]
        self._paths = {name: _likeliest_first(schema.paths(name), sample) for name in self.names}
        self._seen = {
            name
            for name in self.names
            if any(look_up(row, path) is not None for path in schema.paths(name) for row in sample)
        }
        if "session" not in self._seen:  # following them is dear, so a log has them from its start or has none
            self._paths["session"] = []
        self._get = {name: _getter(paths) for name, paths in self._paths.items()}
        self.take = self._made_for(sample)
        self.reasons: dict[Values, str] = {}
        self.over = 0
        """Requests with more cached tokens than input."""

    def has(self, name: str) -> bool:
        """Whether any sample row has the field."""
        return name in self._seen

    def paths(self, name: str) -> list[Path]:
        """Where a field is found, where most of the sample rows have it first."""
        known = self._paths.get(name)
        return _likeliest_first(self.schema.paths(name), self.sample) if known is None else known

    def get(self, name: str, row: Mapping[str, Any]) -> Any:
        """One field of a row; None where it is missing."""
        get = self._get.get(name) or _getter(self.schema.paths(name))
        return get(row)

    def _made_for(self, sample: Sequence[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], Values]:
        usual = {
            name: paths[0]
            for name, paths in self._paths.items()
            if paths and sum(_subscript(row, paths[0]) is not None for row in sample) > 0.9 * len(sample)
        }
        rare = [name for name, paths in self._paths.items() if paths]
        parts = []
        for name in self.names:
            get = f"get_{rare.index(name)}(row)" if name in rare else "None"
            if name in usual:
                plain = "row" + "".join(f"[{key!r}]" for key in usual[name])
                others = len(self._paths[name]) > 1
                parts.append(f"(at if (at := {plain}) is not None else {get})" if others else plain)
            elif name in rare and name not in self._seen:
                hints = dict.fromkeys(_where_missing(path, sample) for path in self._paths[name])
                parts.append(f"({get} if {' or '.join(hints)} else None)")
            else:
                parts.append(get)
        scope = {f"get_{number}": self._get[name] for number, name in enumerate(rare)}
        judged = "".join(f"{part}," for part in parts[len(TAKEN) :])
        source = f"lambda row: ({', '.join(parts[: len(TAKEN)])}, ({judged}))"
        fast: Callable[[Mapping[str, Any]], Values] = eval(source, scope)
        slow = self._slow

        def take(row: Mapping[str, Any]) -> Values:
            try:
                return fast(row)
            except (KeyError, TypeError):
                return slow(row)

        return take

    def _slow(self, row: Mapping[str, Any]) -> Values:
        found = [self._get[name](row) for name in self.names]
        return *found[: len(TAKEN)], tuple(found[len(TAKEN) :])

    def reason(self, values: Values) -> str:
        """Why the schema's rules leave a row out; `""` where they do not. `values` are the last of `take`.

        `reasons` keeps the answers, so that the same values are judged once.
        """
        known = self._judge(values)
        if len(self.reasons) < 10_000:
            self.reasons[values] = known
        return known

    def _judge(self, values: Values) -> str:
        for value, (name, expected, is_kept) in zip(values, self._rules, strict=True):
            if value is not None and (str(value) in expected) is not is_kept:
                return f"{name} is {value}"
        return ""

    def count(self, row: Mapping[str, Any], given: Any, made: Any, cached: Any) -> tuple[int, int, int] | None:
        """(input, output, cached tokens) as whole numbers, cached ones part of the input; None if they are not."""
        try:
            given, made, cached = _integer(given), _integer(made), _integer(cached or 0)
            if self.schema.is_split:
                more_given, more_made = self._left_out(row, given, made, cached)
                given, made = given + more_given, made + more_made
        except (TypeError, ValueError, OverflowError):
            return None
        if not (0 <= given <= MOST_TOKENS and 0 <= made <= MOST_TOKENS and cached >= 0):
            return None
        self.over += cached > given
        return given, made, min(cached, given)

    def _left_out(self, row: Mapping[str, Any], given: int, made: int, cached: int) -> tuple[int, int]:
        """Cached and reasoning tokens that the input and output counts leave out, as the row's total tells.

        Where it does not, both do: a log that names the parts beside each other means them to be added up.
        """
        stored = cached + (self._part("written", row) or 0) if self.schema.input_excludes_cached else 0
        thought = (self._part("reasoning", row) or 0) if self.schema.output_excludes_reasoning else 0
        total = self._part("total", row)
        if total is not None:
            rest = total - given - made
            for left_out in ((stored, thought), (stored, 0), (0, thought), (0, 0)):
                if rest == sum(left_out):
                    return left_out
        return stored, thought

    def _part(self, name: str, row: Mapping[str, Any]) -> int | None:
        """A whole number beside the counts; None where there is none."""
        try:
            return _integer(self.get(name, row))
        except (TypeError, ValueError, OverflowError):
            return None


def is_positive(value: Any) -> bool:
    """Whether a value is a number above zero, or the text of one."""
    if value.__class__ is int:
        return bool(value > 0)
    try:
        return not isinstance(value, bool) and float(value) > 0
    except (TypeError, ValueError):
        return False


def _likeliest_first(paths: Sequence[Path], sample: Sequence[Mapping[str, Any]]) -> list[Path]:
    """The paths, the one that most of the sample rows have first."""
    counts = {path: sum(look_up(row, path) is not None for row in sample) for path in paths}
    return sorted(paths, key=lambda path: -counts[path])


def _where_missing(path: Path, sample: Sequence[Mapping[str, Any]]) -> str:
    """An expression that is true where a row may have a path that no sample row has: it has the first key they lack.

    What comes before that key is in nearly all rows; in one without it the expression raises.
    """
    known = 0
    while known < len(path) - 1 and sum(isinstance(_subscript(row, path[: known + 1]), dict) for row in sample) > (
        0.9 * len(sample)
    ):
        known += 1
    return f"{path[known]!r} in row" + "".join(f"[{key!r}]" for key in path[:known])


def _subscript(row: Any, path: Path) -> Any:
    """The value at a path of plain dicts; None where it is missing or inside text."""
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def _getter(paths: Sequence[Path]) -> Callable[[Mapping[str, Any]], Any]:
    """A function from a row to the first of the paths that it has."""
    if len(paths) == 1 and len(paths[0]) == 1:
        key = paths[0][0]
        return lambda row: row.get(key)

    def first(row: Mapping[str, Any]) -> Any:
        for path in paths:
            value: Any = row
            for key in path:
                if value.__class__ is str:
                    value = look_up(value, (key,))
                elif value.__class__ is dict:
                    value = value.get(key)
                else:
                    value = None
                if value is None:
                    break
            else:
                return value
        return None

    return first


def _integer(value: Any) -> int:
    """A whole number from a number or its text, as OTLP and CSV write it. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError("a truth value is no count")
    if isinstance(value, str) and not value.isascii():
        raise ValueError("not a number in ASCII")
    number = float(value) if not isinstance(value, int) else value
    if number != int(number):
        raise ValueError("not whole")
    return int(number)
