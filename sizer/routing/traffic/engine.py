"""Parquet, globs and logs larger than memory, through DuckDB: the same requests, counted by a statement.

The rows are the ones that `reader` would count: same schemas, same rules, same whole numbers.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sizer.errors import UsageError
from sizer.routing.extras import require_duckdb
from sizer.routing.traffic.reader import Clock, Traffic, no_rows, sample_rows
from sizer.routing.traffic.schemas import RowReader, Schema, detect_schema
from sizer.routing.traffic.sql import Dialect, histogram_sql, sessions_sql

__all__ = ["LARGE_ROWS", "read_with_duckdb"]

LARGE_ROWS = 5_000_000
"""Above this many rows sessions are followed only when asked for: their window costs ten times the histogram."""

_SESSION_ROWS = 3_000_000
"""Rows whose sessions are followed at once."""
_SAMPLE = 1000
_LOCAL = Dialect(
    name="duckdb", quote='"', integer="BIGINT", double="DOUBLE", text="VARCHAR", cast="TRY_CAST({0} AS {1})"
)
_JSON_TYPES = ("JSON", "VARCHAR")
_FIELDS = (
    "model", "input", "output", "cached", "time", "id", "session", "decision", "reasoning", "total", "written",
    "status", "cache_hit", "kind",
)  # fmt: skip


def read_with_duckdb(
    paths: Sequence[str],
    *,
    schema: Schema | None = None,
    sessions: bool | None = None,
    memory_limit: str = "400MB",
    threads: int | None = None,
) -> Traffic:
    """The traffic of Parquet, CSV or JSON Lines files of one schema.

    `sessions` None follows sessions up to `LARGE_ROWS` rows. Raises UsageError where DuckDB is missing, cannot
    read a file, the schema is not recognised, or no row counts.
    """
    require_duckdb("reading Parquet")
    import duckdb

    with tempfile.TemporaryDirectory(prefix="sizer-") as spill:
        connection = duckdb.connect(":memory:")
        try:
            connection.execute(f"SET memory_limit = '{memory_limit}'")
            connection.execute("SET temp_directory = ?", [spill])
            connection.execute("SET preserve_insertion_order = false")
            if threads:
                connection.execute(f"SET threads = {int(threads)}")
            return _read(connection, paths, schema, sessions)
        except duckdb.Error as error:
            raise UsageError(
                f"`{paths[0]}` cannot be read by DuckDB", code="usage.file",
                because=str(error).partition("\n")[0], hint="check the files, or map columns with --columns",
            ) from error  # fmt: skip
        finally:
            connection.close()


def _read(connection: Any, paths: Sequence[str], schema: Schema | None, sessions: bool | None) -> Traffic:
    if any(".parquet" in Path(path).suffixes[-2:] for path in paths):
        source, reader, types = _parquet(connection, paths, schema)
        columns, rules = _expressions(reader, types), _rules(reader, types)
    else:
        source, reader, columns, rules = _loaded(connection, paths, schema)
    traffic = Traffic(schema=reader.schema.title)
    keep = " AND ".join(f"NOT ({condition})" for _, condition in rules)
    if {"model", "input", "output"} <= columns.keys():
        for model, tier, given, made, *sums in connection.execute(
            histogram_sql(_LOCAL, source, columns, where=keep)
        ).fetchall():
            traffic.histogram.add_cell((model, tier, given, made), map(int, sums))
        _side_facts(connection, source, columns, keep, traffic)
    _coverage(connection, source, rules, traffic)
    if not traffic.histogram:
        raise no_rows(traffic)
    wanted = traffic.rows <= LARGE_ROWS if sessions is None else sessions
    if wanted and {"session", "time"} <= columns.keys():
        _follow_sessions(connection, source, columns, keep, traffic)
    return traffic


def _parquet(connection: Any, paths: Sequence[str], schema: Schema | None) -> tuple[str, RowReader, dict[str, str]]:
    """(what to read from, the schema's reader, the columns' types)."""
    source = f"read_parquet({_listed(paths)}, union_by_name = true)"
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    shown = ", ".join(  # moments as text: as objects they would need another package
        f"CAST({_quoted(name)} AS VARCHAR) AS {_quoted(name)}" if "TIMESTAMP" in kind else _quoted(name)
        for name, kind in types.items()
    )
    cursor = connection.execute(f"SELECT {shown} FROM {source} LIMIT {_SAMPLE}")
    names = [column[0] for column in cursor.description]
    sample = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return source, RowReader(schema or detect_schema(sample, where=paths[0]), sample), types


def _loaded(
    connection: Any, paths: Sequence[str], schema: Schema | None
) -> tuple[str, RowReader, dict[str, str], list[tuple[str, str]]]:
    """Text files, parsed once into a table of the fields; as `_parquet`, with the fields and rules for columns."""
    sample = sample_rows(paths[0])
    reader = RowReader(schema or detect_schema(sample, where=paths[0]), sample)
    roots = {path[0]: "VARCHAR" for name in _FIELDS for path in reader.paths(name)}
    roots |= {path[0]: "JSON" for name in _FIELDS for path in reader.paths(name) if len(path) > 1}
    if ".csv" in Path(paths[0]).suffixes[-2:]:
        source = f"read_csv({_listed(paths)}, union_by_name = true, all_varchar = true)"
        roots = {name: kind for name, kind in roots.items() if any(name in row for row in sample)}
    else:
        columns = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in roots.items())
        source = (
            f"read_json({_listed(paths)}, format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}})"
        )
    expressions, rules = _expressions(reader, roots), _rules(reader, roots)
    parts = [f"{expression} AS {name}" for name, expression in expressions.items()]
    parts += [f"{condition} AS rule_{number}" for number, (_, condition) in enumerate(rules)]
    connection.execute(f"CREATE TEMP TABLE log AS SELECT {', '.join(parts)} FROM {source}")
    names = {name: name for name in expressions}
    return "log", reader, names, [(name, f"rule_{number}") for number, (name, _) in enumerate(rules)]


def _listed(paths: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, paths)) + "]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _expressions(reader: RowReader, types: Mapping[str, str]) -> dict[str, str]:
    """An SQL expression for every field that the sample rows have."""
    found = {}
    for name in ("model", "input", "output", "cached", "time", "id", "session", "decision", "reasoning"):
        paths = reader.paths(name)
        if paths:
            found[name] = _first(paths, types)
    if reader.schema.input_excludes_cached and {"input", "output"} <= found.keys():
        parts = {
            name: f"COALESCE(TRY_CAST({_first(reader.paths(name), types)} AS BIGINT), 0)" if reader.paths(name) else "0"
            for name in ("input", "output", "total", "cached", "written")
        }
        given = f"TRY_CAST({found['input']} AS BIGINT)"
        found["input"] = (
            f"(CASE WHEN {parts['total']} = {parts['input']} + {parts['output']} THEN {given} "
            f"ELSE {given} + {parts['cached']} + {parts['written']} END)"
        )
    return found


def _first(paths: Sequence[tuple[str, ...]], types: Mapping[str, str]) -> str:
    usable = [_path(path, types) for path in paths if _is_there(path, types)]
    if not usable:
        return "NULL"
    return usable[0] if len(usable) == 1 else f"COALESCE({', '.join(f'CAST({one} AS VARCHAR)' for one in usable)})"


def _is_there(path: tuple[str, ...], types: Mapping[str, str]) -> bool:
    """Whether a column exists and, where it is a structure, has the fields."""
    kind = types.get(path[0], "")
    if not kind or kind in _JSON_TYPES:
        return bool(kind)
    return all(re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.])", kind) for key in path[1:])


def _path(path: tuple[str, ...], types: Mapping[str, str]) -> str:
    first, *rest = path
    column = _quoted(first)
    if not rest:
        return column
    if types[first] in _JSON_TYPES:
        inside = "".join('."' + key.replace('"', "") + '"' for key in rest)
        return f"json_extract_string({column}, '${inside}')"
    for key in rest:
        column = f"struct_extract({column}, {_text(key)})"
    return column


def _rules(reader: RowReader, types: Mapping[str, str]) -> list[tuple[str, str]]:
    """(field, condition under which a row does not count) of the schema."""
    found = []
    for rules, is_kept in ((reader.schema.keep, True), (reader.schema.drop, False)):
        for name, values in rules.items():
            if not reader.paths(name):
                continue
            value = f"CAST({_first(reader.paths(name), types)} AS VARCHAR)"
            listed = ", ".join(map(_text, values))
            found.append((name, f"COALESCE({value} {'NOT IN' if is_kept else 'IN'} ({listed}), false)"))
    return found


def _side_facts(connection: Any, source: str, columns: Mapping[str, str], keep: str, traffic: Traffic) -> None:
    """Times, routing decisions and reasoning, where the log has them."""
    where = f" WHERE {keep}" if keep else ""
    if "time" in columns:  # of all rows: a Parquet file's statistics know it without reading one
        ends = (f"CAST({end}({columns['time']}) AS VARCHAR)" for end in ("MIN", "MAX"))
        first, last = connection.execute(f"SELECT {', '.join(ends)} FROM {source}").fetchone()
        clock = Clock()
        for moment in (first, last):
            if moment is not None:
                clock.see(moment)
        traffic.clock = clock
    if "decision" in columns:
        for decision, count in connection.execute(
            f"SELECT CAST({columns['decision']} AS VARCHAR), COUNT(*) FROM {source}{where} GROUP BY 1 ORDER BY 1"
        ).fetchall():
            if decision is not None:
                traffic.decisions[decision] += count
    if "reasoning" in columns:
        (count,) = connection.execute(
            f"SELECT COUNT(*) FILTER (TRY_CAST({columns['reasoning']} AS BIGINT) > 0) FROM {source}{where}"
        ).fetchone()
        traffic.reasoning_requests = count


def _follow_sessions(connection: Any, source: str, columns: Mapping[str, str], keep: str, traffic: Traffic) -> None:
    """Which model followed which, over a share of the sessions at a time: the window then fits into memory.

    20 M rows at 400 MB: 24 s of CPU in seven parts, 48 s in one that spills to disk.
    """
    traffic.has_sessions = True
    models = ", ".join(_text(model) for model in sorted({cell.model for cell in traffic.cells}))
    connection.execute(f"CREATE TYPE logged_model AS ENUM ({models})")  # a byte or two in every row of the window
    dialect = replace(_LOCAL, model="logged_model")
    parts = -(-traffic.rows // _SESSION_ROWS)
    for part in range(parts):
        share = f"hash(CAST({columns['session']} AS VARCHAR)) % {parts} = {part}"
        statement = sessions_sql(dialect, source, columns, where=" AND ".join(filter(None, [keep, share])))
        for before, after, turns, prefix in connection.execute(statement).fetchall():
            traffic.sessions.add_pair(before, after, int(turns), int(prefix))


def _coverage(connection: Any, source: str, rules: Sequence[tuple[str, str]], traffic: Traffic) -> None:
    """How many rows there are, and why some do not count."""
    (traffic.rows,) = connection.execute(f"SELECT COUNT(*) FROM {source}").fetchone()
    left = traffic.rows - traffic.histogram.totals()[0]
    if left and rules:
        counts = ", ".join(f"COUNT(*) FILTER ({condition})" for _, condition in rules)
        judged = connection.execute(f"SELECT {counts} FROM {source}").fetchone()
        for (name, _), count in zip(rules, judged, strict=True):
            if count:
                traffic.left_out[f"{name} rules it out"] += count
                left -= count
    if left > 0:
        traffic.left_out["no model or token counts"] += left
