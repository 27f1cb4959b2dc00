"""The statements of `--emit-sql`: a dialect, a table, and the columns of a schema or of the user's own table."""

from __future__ import annotations

from sizer.routing.traffic.report import SqlReport
from sizer.routing.traffic.schemas import Schema, custom_schema, known_schemas
from sizer.routing.traffic.sql import column_expressions, find_dialect, histogram_sql, sessions_sql, table_name

__all__ = ["statements"]

_DEFAULT_TABLE = "LiteLLM_SpendLogs"


def statements(dialect_name: str, table: str, columns: str) -> SqlReport:
    """The histogram's statement and, where session and time are mapped, the one for switches.

    Without `columns` the table is LiteLLM's spend logs. Raises UsageError.
    """
    dialect = find_dialect(dialect_name)
    schema = custom_schema(columns) if columns else known_schemas()[0]
    names = ("model", "input", "output", "cached", "time", "id", "session")
    mapping = {name: schema.fields[name] for name in names if name in schema.fields}
    expressions = column_expressions(dialect, mapping)
    source = table_name(dialect, table or _DEFAULT_TABLE)
    where = _rules(schema, dialect.column)
    has_sessions = {"session", "time"} <= mapping.keys()
    return SqlReport(
        dialect=dialect.name,
        table=table or _DEFAULT_TABLE,
        histogram=histogram_sql(dialect, source, expressions, where=where),
        switches=sessions_sql(dialect, source, expressions, where=where) if has_sessions else None,
    )


def _rules(schema: Schema, column: object) -> str:
    """The schema's rules as a condition; columns that a table may lack are in the shipped schema's table."""
    assert callable(column)
    parts = []
    for name, values in schema.drop.items():
        expression = column(schema.fields[name][0])
        listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
        parts.append(f"({expression} IS NULL OR {expression} NOT IN ({listed}))")
    return " AND ".join(parts)
