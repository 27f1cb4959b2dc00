"""Parquet, globs and logs larger than memory, through DuckDB: the same requests, counted by a statement.

The rows are the ones that `reader` would count: same schemas, same rules, same whole numbers.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sizer.errors import UsageError
from sizer.routing.extras import require_duckdb
from sizer.routing.traffic.reader import Clock, Traffic, no_rows, sample_rows
from sizer.routing.traffic.rows import form_of
from sizer.routing.traffic.schemas import RowReader, Schema, detect_schema
from sizer.routing.traffic.sql import Dialect, census_sql, sessions_sql

__all__ = ["LARGE_ROWS", "read_with_duckdb"]

LARGE_ROWS = 5_000_000
"""Above this many rows sessions are followed only when asked for: their window costs ten times the histogram."""

_SESSION_ROWS = 3_000_000
"""Rows whose sessions are followed at once."""
_SAMPLE = 1000
_LOCAL = Dialect(
    name="duckdb", quote='"', integer="BIGINT", double="DOUBLE", text="VARCHAR", cast="TRY_CAST({0} AS {1})"
)
_UNTOLD = "no model or token counts"
_JSON_TYPES = ("JSON", "VARCHAR")
_NOTHING = "NULL"
_WHOLE_TYPES = ("BIGINT", "INTEGER", "UBIGINT", "UINTEGER", "SMALLINT", "USMALLINT", "TINYINT", "UTINYINT", "HUGEINT")
_COUNTS = ("input", "output", "cached", "written", "reasoning", "total")


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
            connection.execute("SET TimeZone = 'UTC'")  # of times that name none
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
    is_parquet = any(".parquet" in Path(path).suffixes[-2:] for path in paths)
    source, reader, types = (_parquet if is_parquet else _text_files)(connection, paths, schema)
    columns, rules = _expressions(reader, types), _rules(reader, types)
    may_follow = sessions if sessions is not None else is_parquet or _about_rows(paths, reader.sample) <= LARGE_ROWS
    if may_follow and not is_parquet and {"session", "time"} <= columns.keys():
        source, columns, rules = _loaded(connection, source, columns, rules)  # it is read twice, and parsed once
    traffic = Traffic(schema=reader.schema.title)
    _count(connection, source, columns, rules, traffic, reader, has_statistics=is_parquet)
    if not traffic.histogram:
        raise no_rows(traffic)
    wanted = traffic.rows <= LARGE_ROWS if sessions is None else sessions
    if wanted and {"session", "time"} <= columns.keys():
        keep = " AND ".join(f"NOT ({condition})" for _, condition in rules)
        _follow_sessions(connection, source, columns, keep, traffic)
    return traffic


def _about_rows(paths: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> float:
    """The rows of text files, guessed from their size and the first rows: it only decides how they are read."""
    written = sum(len(json.dumps(row)) for row in sample) / max(1, len(sample))
    return sum(Path(path).stat().st_size for path in paths) / max(1.0, written)


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


def _text_files(connection: Any, paths: Sequence[str], schema: Schema | None) -> tuple[str, RowReader, dict[str, str]]:
    """As `_parquet`, of CSV or JSON Lines: only the columns of the schema's fields."""
    sample = sample_rows(paths[0])
    reader = RowReader(schema or detect_schema(sample, where=paths[0]), sample)
    fields = [path for name in reader.schema.fields if name not in ("text", "score") for path in reader.paths(name)]
    if len({_joined(path).casefold() for path in fields}) < len({*fields}):
        raise UsageError(
            f"`{paths[0]}` cannot be read by DuckDB", code="usage.file",
            because="two of its places differ only in case, and are one name there", hint="map one of them",
        )  # fmt: skip
    roots = {path[0]: "VARCHAR" for path in fields} | {path[0]: "JSON" for path in fields if len(path) > 1}
    structures: dict[str, str] = {}
    form = form_of(paths[0])
    if form.kind == "csv":
        source = (
            f"read_csv({_listed(paths)}, union_by_name = true, all_varchar = true, header = true, null_padding = true, "
            f"delim = {_text(form.delimiter)}, quote = '\"', escape = '\"')"
        )
        roots = {name: kind for name, kind in roots.items() if any(name in row for row in sample)}
    else:
        in_text = [name for name, kind in roots.items() if kind == "JSON" and _is_in_text(name, sample)]
        plain = [name for name in roots if name not in in_text]
        structures = {name: _structure([path[1:] for path in fields if path[0] == name]) for name in plain}
        structures = {name: kind for name, kind in structures.items() if kind}
        columns = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in (roots | structures).items())
        source = (
            f"read_json({_listed(paths)}, format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}})"
        )
        if in_text:
            unpacked = ", ".join(f"{_unpacked(_quoted(name))} AS {_quoted(name)}" for name in in_text)
            source = f"(SELECT * REPLACE ({unpacked}) FROM {source})"
    nested = [path for path in dict.fromkeys(fields) if len(path) > 1 and path[0] in roots]
    return _taken_apart(source, nested, structures), reader, roots | {_joined(path): "VARCHAR" for path in nested}


def _structure(paths: Iterable[tuple[str, ...]]) -> str:
    """The type of a JSON column whose reader takes it apart, with a place for each path; `""` where there is none.

    What a row lacks, or has of another kind, is null, as it is when it is extracted afterwards, which takes longer.
    There is none for a path that ends inside another's, and for names that are one name to DuckDB.
    """
    below: dict[str, list[tuple[str, ...]]] = {}
    for path in dict.fromkeys(paths):
        if not path or not path[0]:
            return ""
        below.setdefault(path[0], []).append(path[1:])
    kinds = {key: "VARCHAR" if rest == [()] else _structure(rest) for key, rest in below.items()}
    if not all(kinds.values()) or len({key.casefold() for key in kinds}) < len(kinds):
        return ""
    return f"STRUCT({', '.join(f'{_quoted(key)} {kind}' for key, kind in kinds.items())})"


def _taken_apart(source: str, nested: Sequence[tuple[str, ...]], structures: Mapping[str, str]) -> str:
    """A source with a column for each path into a JSON column: a value is parsed once for all of its paths."""
    by_root: dict[str, list[tuple[str, ...]]] = {}
    for path in nested:
        by_root.setdefault(path[0], []).append(path)
    for root, paths in by_root.items():
        if root in structures:
            columns = ", ".join(f"{_inside(path)} AS {_quoted(_joined(path))}" for path in paths)
            source = f"(SELECT * EXCLUDE ({_quoted(root)}), {columns} FROM {source})"
            continue
        places = ", ".join(_text(_place(path)) for path in paths)
        columns = ", ".join(f"parts[{number}] AS {_quoted(_joined(path))}" for number, path in enumerate(paths, 1))
        inside = f"SELECT *, json_extract_string({_quoted(root)}, [{places}]) AS parts FROM {source}"
        source = f"(SELECT * EXCLUDE (parts), {columns} FROM ({inside}))"
    return source


def _inside(path: tuple[str, ...]) -> str:
    """A field of a structure."""
    column = _quoted(path[0])
    for key in path[1:]:
        column = f"struct_extract({column}, {_text(key)})"
    return column


def _joined(path: tuple[str, ...]) -> str:
    return "/".join(path)


def _place(path: tuple[str, ...]) -> str:
    """Where a path leads in a JSON column, as DuckDB writes it."""
    return "$" + "".join('."' + key.replace('"', "") + '"' for key in path[1:])


def _unpacked(column: str) -> str:
    """A JSON column whose values may be text that holds JSON."""
    inside = f"TRY_CAST(json_extract_string({column}, '$') AS JSON)"
    return f"CASE WHEN json_type({column}) = 'VARCHAR' THEN {inside} ELSE {column} END"


def _is_in_text(name: str, sample: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a column has JSON inside text, as a database's export has it."""
    return any(isinstance(row.get(name), str) and row[name][:1] in ("{", "[") for row in sample)


def _loaded(
    connection: Any, source: str, columns: Mapping[str, str], rules: Sequence[tuple[str, str]]
) -> tuple[str, dict[str, str], list[tuple[str, str]]]:
    """(a table of the fields and of what the rules say, its columns, its rules)."""
    parts = [f"{expression} AS {name}" for name, expression in columns.items()]
    parts += [f"{condition} AS rule_{number}" for number, (_, condition) in enumerate(rules)]
    connection.execute(f"CREATE TEMP TABLE log AS SELECT {', '.join(parts)} FROM {source}")
    return "log", {name: name for name in columns}, [(name, f"rule_{number}") for number, (name, _) in enumerate(rules)]


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
        expression = _first(reader.paths(name), types)
        if expression != _NOTHING:
            found[name] = expression
    whole = {name: _whole(reader.paths(name), types) for name in _COUNTS}
    found |= {name: whole[name] for name in ("input", "output") if name in found}
    if "cached" in found:  # one that is no count rules its row out, as in `RowReader.count`
        is_empty = f"COALESCE(CAST({found['cached']} AS VARCHAR), '') = ''"
        found["cached"] = f"(CASE WHEN {is_empty} THEN 0 ELSE COALESCE({whole['cached']}, -1) END)"
    if "time" in found and types.get(reader.paths("time")[0][0]) in (*_JSON_TYPES, *_WHOLE_TYPES, "DOUBLE"):
        found["time"] = _seconds(found["time"])
    if reader.schema.is_split and {"input", "output"} <= found.keys():
        found |= _put_together(reader.schema, whole)
    return found


def _whole(paths: Sequence[tuple[str, ...]], types: Mapping[str, str]) -> str:
    """A whole number from a number or its text, null from any other: DuckDB's own cast rounds."""
    value = _first(paths, types)
    if value == _NOTHING or all(
        len(path) == 1 and types.get(path[0], _WHOLE_TYPES[0]) in _WHOLE_TYPES for path in paths
    ):
        return value
    number, text = _number(value), f"CAST({value} AS VARCHAR)"
    whole = f"TRY_CAST({text} AS BIGINT)"
    return (
        f"(CASE WHEN CAST({whole} AS VARCHAR) = {text} OR REGEXP_FULL_MATCH({text}, '[0-9]+') THEN {whole} "
        f"WHEN {number} = FLOOR({number}) AND ABS({number}) < 1e15 THEN CAST({number} AS BIGINT) END)"
    )


def _number(value: str) -> str:
    """A number from a number or its text, null from any other. Trimmed, since DuckDB gives a bare cast of a column to
    its CSV reader, which then stumbles over what is no number."""
    return f"TRY_CAST(TRIM(CAST({value} AS VARCHAR)) AS DOUBLE)"


def _seconds(value: str) -> str:
    """Seconds since 1970 from ISO 8601 text of any zone or a number, as `reader.parse_time`."""
    number = _number(value)
    scaled = " ".join(f"WHEN {number} < {1e10 * scale:.0f} THEN {number} / {scale}" for scale in (1, 1000, 1_000_000))
    scaled = (
        f"CASE WHEN {number} <= 0 OR {number} >= 1e19 OR ISNAN({number}) THEN NULL {scaled} ELSE {number} / 1e9 END"
    )
    # A cast to a number that fails takes four times as long as one to a moment: what is inside a CASE is not computed
    # for all rows.
    return f"COALESCE(EPOCH(TRY_CAST({value} AS TIMESTAMPTZ)), CASE WHEN {value} IS NOT NULL THEN {scaled} END)"


def _put_together(schema: Schema, whole: Mapping[str, str]) -> dict[str, str]:
    """Input and output with the cached and reasoning tokens that they leave out, as `RowReader.count` finds them."""
    part = {name: f"COALESCE({expression}, 0)" for name, expression in whole.items()}
    stored = f"({part['cached']} + {part['written']})" if schema.input_excludes_cached else "0"
    thought = part["reasoning"] if schema.output_excludes_reasoning else "0"
    rest = f"({whole['total']} - {whole['input']} - {whole['output']})"
    told = f"CASE WHEN {rest} = {stored} + {thought} THEN {{0}} WHEN {rest} = {stored} THEN {{1}} "
    told += f"WHEN {rest} = {thought} THEN {{2}} WHEN {rest} = 0 THEN 0 ELSE {{0}} END"
    return {
        "input": f"({whole['input']} + {told.format(stored, stored, 0)})",
        "output": f"({whole['output']} + {told.format(thought, 0, thought)})",
    }


def _first(paths: Sequence[tuple[str, ...]], types: Mapping[str, str]) -> str:
    usable = [_path(path, types) for path in paths if _is_there(path, types)]
    if not usable:
        return _NOTHING
    return usable[0] if len(usable) == 1 else f"COALESCE({', '.join(f'CAST({one} AS VARCHAR)' for one in usable)})"


def _is_there(path: tuple[str, ...], types: Mapping[str, str]) -> bool:
    """Whether a column exists and, where it is a structure, has the fields."""
    kind = types.get(path[0], "")
    if not kind or kind in _JSON_TYPES:
        return bool(kind)
    return all(re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.])", kind) for key in path[1:])


def _path(path: tuple[str, ...], types: Mapping[str, str]) -> str:
    if len(path) == 1:
        return _quoted(path[0])
    if _joined(path) in types:
        return _quoted(_joined(path))
    if types[path[0]] in _JSON_TYPES:
        return f"json_extract_string({_quoted(path[0])}, {_text(_place(path))})"
    return _inside(path)


def _rules(reader: RowReader, types: Mapping[str, str]) -> list[tuple[str, str]]:
    """(field, condition under which a row does not count) of the schema."""
    found = []
    for rules, is_kept in ((reader.schema.keep, True), (reader.schema.drop, False)):
        for name, values in rules.items():
            if _first(reader.paths(name), types) == _NOTHING:
                continue
            value = f"CAST({_first(reader.paths(name), types)} AS VARCHAR)"
            listed = ", ".join(map(_text, values))
            found.append((name, f"COALESCE({value} {'NOT IN' if is_kept else 'IN'} ({listed}), false)"))
    return found


def _count(
    connection: Any,
    source: str,
    columns: Mapping[str, str],
    rules: Sequence[tuple[str, str]],
    traffic: Traffic,
    reader: RowReader,
    *,
    has_statistics: bool,
) -> None:
    """The histogram, the times, routing decisions and reasoning where the log has them, and why rows do not count."""
    if not {"model", "input", "output"} <= columns.keys():
        (traffic.rows,) = connection.execute(f"SELECT COUNT(*) FROM {source}").fetchone()
        traffic.left_out[_UNTOLD] = traffic.rows
        return
    clock, reasoned = Clock(), 0
    moments: list[float] = []
    if has_statistics and "time" in columns:  # they know a column's ends without reading a row of it
        ends = (f"CAST({end}({columns['time']}) AS VARCHAR)" for end in ("MIN", "MAX"))
        _see(clock, connection.execute(f"SELECT {', '.join(ends)} FROM {source}").fetchone())
        columns = {name: expression for name, expression in columns.items() if name != "time"}
    reasons = [f"{name} rules it out" for name, _ in rules] + [_UNTOLD]
    found = _census(connection, source, columns, rules, by_decision=reader.has("decision"))
    if not reader.has("decision") and any(reason is None and decisions for _, reason, decisions, *_ in found):
        found = _census(connection, source, columns, rules, by_decision=True)  # later rows have what the first had not
    for (
        is_by_decision,
        reason,
        decision,
        *key,
        requests,
        given,
        made,
        cached,
        first,
        last,
        reasoning,
        over,
    ) in found:
        if is_by_decision:
            if reason is None and decision is not None:
                traffic.decisions[decision] += requests
            continue
        traffic.rows += requests
        if reason is not None:
            traffic.left_out[reasons[reason]] += requests
            continue
        traffic.histogram.add_cell(tuple(key), (requests, int(given), int(made), int(cached)))
        moments += (first, last) if first is not None else ()
        reasoned += reasoning
        traffic.over += over
    _see(clock, (min(moments), max(moments)) if moments else ())
    traffic.clock = clock
    if reader.has("reasoning") or reasoned:
        traffic.reasoning_requests = reasoned


def _census(
    connection: Any, source: str, columns: Mapping[str, str], rules: Sequence[tuple[str, str]], *, by_decision: bool
) -> list[Any]:
    conditions = [condition for _, condition in rules]
    statement = census_sql(_LOCAL, source, columns, conditions, by_decision=by_decision)
    return list(connection.execute(statement).fetchall())


def _see(clock: Clock, moments: Iterable[str | float | None]) -> None:
    for moment in moments:
        if moment is not None:
            clock.see(moment)


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
