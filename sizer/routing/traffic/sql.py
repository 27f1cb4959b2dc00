"""The histogram as one SQL statement, for the engine that already holds the logs.

Only whole numbers are summed and every bucket edge is far from every whole number, so all engines give the same
rows. The statement reads one table; its result, saved as CSV, comes back with `--histogram`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sizer.errors import UsageError
from sizer.routing.traffic.histogram import BUCKET_FACTOR, BUCKET_OFFSET, MOST_TOKENS, TIER_EDGES
from sizer.values import frozen

__all__ = [
    "DIALECTS",
    "Dialect",
    "census_sql",
    "column_expressions",
    "find_dialect",
    "histogram_sql",
    "sessions_sql",
    "table_name",
]

_COUNTED = (
    f"input_tokens BETWEEN 0 AND {MOST_TOKENS} AND output_tokens BETWEEN 0 AND {MOST_TOKENS} AND cached_tokens >= 0"
)
"""Where a row has token counts that a request can have."""

_TABLE = re.compile(r"[\w$-]+")
_COLUMN = re.compile(r"""[^\x00-\x1f\x7f"'`\\/;]+(/[^\x00-\x1f\x7f"'`\\/;]+)*""")


@frozen
class Dialect:
    """Where engines differ."""

    name: str
    quote: str
    """The character around identifiers."""
    integer: str
    """A 64-bit integer that may be null."""
    double: str
    text: str
    model: str = ""
    """The type of a model's name where there is a narrower one than text; `""` is text."""
    cast: str = "CAST({0} AS {1})"
    before: str = "LAG({0}) OVER ({1})"
    """A column's value in the row before."""
    part: str = "{0}.{1}"
    """A field of a structure; {0} is the structure, {1} the quoted field, {2} the bare one."""
    is_lenient: bool = False
    """Whether a field that a structure lacks is null, and no error."""

    def quoted(self, name: str) -> str:
        """An identifier; a qualified table's parts are quoted one by one."""
        return f"{self.quote}{name}{self.quote}"

    def column(self, path: str) -> str:
        """A column, or a field inside one: `usage/prompt_tokens`."""
        first, *rest = path.split("/")
        found = self.quoted(first)
        for key in rest:
            found = self.part.format(found, self.quoted(key), key)
        return found


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect(name="duckdb", quote='"', integer="BIGINT", double="DOUBLE", text="VARCHAR"),
        Dialect(
            name="postgres", quote='"', integer="BIGINT", double="DOUBLE PRECISION", text="TEXT",
            part="(CAST({0} AS JSONB) ->> '{2}')", is_lenient=True,
        ),
        Dialect(name="spark", quote="`", integer="BIGINT", double="DOUBLE", text="STRING"),
        Dialect(name="trino", quote='"', integer="BIGINT", double="DOUBLE", text="VARCHAR"),
        Dialect(name="bigquery", quote="`", integer="INT64", double="FLOAT64", text="STRING"),
        Dialect(
            name="snowflake", quote='"', integer="BIGINT", double="DOUBLE", text="VARCHAR", part="GET({0}, '{2}')",
            is_lenient=True,
        ),
        Dialect(
            name="clickhouse", quote="`", integer="Nullable(Int64)", double="Nullable(Float64)",
            text="Nullable(String)",
            before="lagInFrame({0}) OVER ({1} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
        ),
    )
}  # fmt: skip


def find_dialect(name: str) -> Dialect:
    """The dialect of that name. Raises UsageError."""
    if name not in DIALECTS:
        raise UsageError(
            f"--emit-sql: `{name}` is not a dialect that is known", code="usage.arguments",
            because=f"known are {', '.join(DIALECTS)}", hint="take the closest one and adapt what it prints",
        )  # fmt: skip
    return DIALECTS[name]


def histogram_sql(dialect: Dialect, table: str, columns: Mapping[str, str], *, where: str = "") -> str:
    """The statement that counts a table's requests into the histogram.

    `columns` maps `model`, `input`, `output` and, where there is one, `cached` to SQL expressions. `table` is
    a name or a table function. `where` is a condition on the table's rows.
    """
    return f"""\
SELECT model, input_tier, input_bucket, output_bucket, COUNT(*) AS requests,
  SUM(input_tokens) AS input_tokens, SUM(output_tokens) AS output_tokens, SUM(cached_tokens) AS cached_tokens
FROM (
  SELECT model, input_tokens, output_tokens, {_bucketed(dialect)}
  FROM (
    {_requests(dialect, table, columns, where)}
  ) counted
  WHERE model IS NOT NULL AND model <> '' AND {_COUNTED}
) bucketed
GROUP BY model, input_tier, input_bucket, output_bucket
ORDER BY model, input_tier, input_bucket, output_bucket"""


def census_sql(
    dialect: Dialect, table: str, columns: Mapping[str, str], rules: Sequence[str], *, by_decision: bool = True
) -> str:
    """The statement that counts the histogram, and why the other rows do not count, in one reading of a log.

    `columns` is as in `histogram_sql`, and may have `time`, `decision` and `reasoning`; `rules` are the conditions
    under which a row does not count. Columns of the result: whether this is a count by decision; the reason (the
    number of the first rule that holds, `len(rules)` where a row has no model or no token counts, null where it
    counts); the decision, or without `by_decision`, which is faster, how many rows have one; the histogram's columns;
    the first and the last time; how many requests have reasoning tokens; how many have more cached tokens than input.
    """
    also = [name for name in ("time", "decision", "reasoning") if name in columns]
    extra = "".join(
        f", {columns[name] if name == 'time' else f'CAST({columns[name]} AS {dialect.text})'} AS {name}"
        for name in also
    )
    extra += "".join(f", {condition} AS rule_{number}" for number, condition in enumerate(rules))
    judged = " ".join(f"WHEN rule_{number} THEN {number}" for number in range(len(rules)))
    judged += f" WHEN (model <> '' AND {_COUNTED}) IS NOT TRUE THEN {len(rules)}"
    kept = "".join(f", {name}" for name in also)
    cleared = ", ".join(
        f"CASE WHEN reason IS NULL THEN {name} END AS {name}"
        for name in ("model", "input_tokens", "output_tokens", "cached_tokens")
    )
    by = "reason, model, input_tier, input_bucket, output_bucket"
    reasoned = f"COUNT(*) FILTER ({dialect.cast.format('reasoning', dialect.double)} > 0)"
    over = "COUNT(*) FILTER (named > input_tokens)"
    told = "FALSE, reason, " + ("COUNT(decision)" if "decision" in columns else "0")
    groups = by
    if by_decision and "decision" in columns:
        told, groups = "GROUPING(model) = 1, reason, decision", f"GROUPING SETS (({by}), (reason, decision))"
    return f"""\
SELECT {told}, model, input_tier,
  input_bucket, output_bucket, COUNT(*), SUM(input_tokens), SUM(output_tokens), SUM(cached_tokens),
  {"MIN(time), MAX(time)" if "time" in columns else "NULL, NULL"}, {reasoned if "reasoning" in columns else "0"},
  {over if "cached" in columns else "0"}
FROM (
  SELECT reason{kept}, model, input_tokens, output_tokens, cached_tokens AS named, {_bucketed(dialect)}
  FROM (
    SELECT reason{kept}, {cleared}
    FROM (
      SELECT *, CASE {judged} END AS reason
      FROM (
        {_requests(dialect, table, columns, "", extra)}
      ) counted
    ) judged
  ) cleared
) bucketed
GROUP BY {groups}"""


def _bucketed(dialect: Dialect) -> str:
    """The columns of a request that are grouped by or summed: the cached tokens, the tier and the buckets."""
    buckets = ", ".join(
        f"CAST(FLOOR(LN(CAST({name}_tokens AS {dialect.double}) + {BUCKET_OFFSET}) * {BUCKET_FACTOR}) AS "
        f"{dialect.integer}) AS {name}_bucket"
        for name in ("input", "output")
    )
    tiers = f"WHEN input_tokens <= {TIER_EDGES[0]} THEN 0 "  # nearly all rows: an engine need not look further
    tiers += " ".join(f"WHEN input_tokens > {edge} THEN {edge}" for edge in reversed(TIER_EDGES[1:]))
    return f"""CASE WHEN cached_tokens > input_tokens THEN input_tokens
      ELSE cached_tokens END AS cached_tokens,
    CASE {tiers} ELSE {TIER_EDGES[0]} END AS input_tier,
    {buckets}"""


def sessions_sql(dialect: Dialect, table: str, columns: Mapping[str, str], *, where: str = "") -> str:
    """The statement that counts which model followed which within sessions, and the prefix they share.

    Turns of the same time are ordered by their id. Raises UsageError where session or time is not mapped.
    """
    if not {"session", "time"} <= columns.keys():
        raise UsageError(
            "--sessions needs the columns of the session and the time", code="usage.columns",
            hint="map them: --columns ...,session=session_id,time=created_at,id=request_id",
        )  # fmt: skip
    extra = f", {columns['session']} AS session_key, {columns['time']} AS turn_time"
    extra += f", {columns['id']} AS turn_id" if "id" in columns else ""
    window = "PARTITION BY session_key ORDER BY turn_time" + (", turn_id" if "id" in columns else "")
    return f"""\
SELECT before_model, model, COUNT(*) AS turns,
  SUM(CASE WHEN prefix_tokens < input_tokens THEN prefix_tokens ELSE input_tokens END) AS prefix_tokens
FROM (
  SELECT model, input_tokens, {dialect.before.format("model", window)} AS before_model,
    {dialect.before.format("input_tokens + output_tokens", window)} AS prefix_tokens
  FROM (
    {_requests(dialect, table, columns, where, extra)}
  ) counted
  WHERE model IS NOT NULL AND model <> '' AND {_COUNTED}
    AND CAST(session_key AS {dialect.text}) <> ''
) turns
WHERE before_model IS NOT NULL
GROUP BY before_model, model
ORDER BY before_model, model"""


def _requests(dialect: Dialect, table: str, columns: Mapping[str, str], where: str, extra: str = "") -> str:
    def integer(name: str) -> str:
        return dialect.cast.format(columns[name], dialect.integer)

    cached = f"COALESCE({integer('cached')}, 0)" if "cached" in columns else "0"
    condition = f"\n    WHERE {where}" if where else ""
    model = dialect.cast.format(columns["model"], dialect.model or dialect.text)
    return (
        f"SELECT {model} AS model, {integer('input')} AS input_tokens, {integer('output')} AS output_tokens,\n"
        f"      {cached} AS cached_tokens{extra}\n    FROM {table}{condition}"
    )


def column_expressions(dialect: Dialect, columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """SQL expressions of a mapping from names to columns, best first.

    An engine in which a field that is missing is null is asked for all of them, another for the first alone. Raises
    UsageError for a name that cannot be quoted.
    """
    for name, column in ((name, column) for name, found in columns.items() for column in found):
        if not _COLUMN.fullmatch(column):
            raise UsageError(
                f"--columns: `{column}` cannot be a column's name in SQL", code="usage.columns",
                because=f"{name} takes any name without quotes, `;` and backslashes, with `/` between a structure and "
                "its field",
                hint="give the column's name as the engine stores it, or make a view with a plainer one",
            )  # fmt: skip
    expressions = {}
    for name, found in columns.items():
        root = found[0].partition("/")[0]  # another column may not be there
        lenient = [column for column in found if column.partition("/")[0] == root]
        parts = [dialect.column(column) for column in (lenient if dialect.is_lenient else found[:1])]
        expressions[name] = parts[0] if len(parts) == 1 else f"COALESCE({', '.join(parts)})"
    return expressions


def table_name(dialect: Dialect, name: str) -> str:
    """A table's quoted name: `logs.requests` becomes two quoted parts. Raises UsageError."""
    parts = name.split(".")
    if not all(map(_TABLE.fullmatch, parts)):
        raise UsageError(
            f"--table: `{name}` cannot be a table's name", code="usage.arguments",
            because="it takes letters, digits, `_`, `$`, `-` and dots between its parts",
            hint="write --table schema.requests",
        )  # fmt: skip
    return ".".join(dialect.quoted(part) for part in parts)
