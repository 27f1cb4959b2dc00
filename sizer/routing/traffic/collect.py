"""Where a log's requests come from: files, for `reader` or DuckDB, or another engine's result."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from sizer.errors import UsageError
from sizer.routing.traffic.engine import LARGE_ROWS, read_with_duckdb
from sizer.routing.traffic.histogram import read_histogram
from sizer.routing.traffic.reader import Traffic, expand, read_traffic
from sizer.routing.traffic.rows import as_text, form_of, is_plain, open_log, read_table, sniff
from sizer.routing.traffic.schemas import custom_schema

__all__ = ["LARGE_ROWS", "collect_logs", "load_histogram"]

_DUCKDB_BYTES = 256 * 1024 * 1024
_MOST_PROCESSES = 4


def collect_logs(
    patterns: Sequence[str], *, columns: str = "", sessions: bool | None = None, progress: Callable[[str], None]
) -> tuple[Traffic, int]:
    """The traffic of files, globs or `-`, and how many files there were.

    Parquet goes to DuckDB, as do text logs over 256 MB where it is installed; all else is read by `reader`.
    Raises NotFoundError or UsageError.
    """
    paths = expand(patterns)
    schema = custom_schema(columns) if columns else None
    parquet = [path for path in paths if Path(path).suffix == ".parquet"]
    if parquet and len(parquet) < len(paths):
        raise UsageError(
            "Parquet and other logs cannot be read together", code="usage.arguments",
            because=f"{len(parquet)} of {len(paths)} files are Parquet", hint="run once for each kind",
        )  # fmt: skip
    if parquet or _is_for_duckdb(paths):
        progress(f"DuckDB reads {len(paths):,} files")
        try:
            return read_with_duckdb(paths, schema=schema, sessions=sessions), len(paths)
        except UsageError as error:
            if parquet or error.code != "usage.file":
                raise
        progress("DuckDB stumbled over a line: reading without it")
    processes = min(_MOST_PROCESSES, os.cpu_count() or 1)
    traffic = read_traffic(
        paths, schema=schema, processes=processes, progress=lambda rows: progress(f"{rows:,} rows read")
    )
    return traffic, len(paths)


def _is_for_duckdb(paths: Sequence[str]) -> bool:
    """Whether text logs are large, plain rows in one form, and DuckDB is there to read them."""
    if "-" in paths or find_spec("duckdb") is None:
        return False
    if sum(Path(path).stat().st_size for path in paths) < _DUCKDB_BYTES:
        return False
    if not all(is_plain(path) or Path(path).suffix == ".gz" for path in paths):
        return False
    forms = {form_of(path) for path in paths}
    return len(forms) == 1 and forms.pop().kind in ("lines", "csv")


def load_histogram(path: str, switches: str = "") -> Traffic:
    """The traffic that another engine counted: the results of the two statements of `--emit-sql`, as CSV.

    Raises UsageError where a file is not such a result.
    """
    traffic = Traffic(schema="histogram of another engine")
    with open_log(path) as stream:
        form, lines = sniff(stream, path)
        traffic.histogram = read_histogram(as_text(lines), where=path, delimiter=form.delimiter)
    traffic.rows = traffic.histogram.totals()[0]
    if not traffic.rows:
        raise UsageError(f"`{path}` counts no request", code="route.no_rows", hint="check the table and the columns")
    if switches:
        traffic.has_sessions = True
        with open_log(switches) as stream:
            try:
                for row in read_table(as_text(stream), switches):
                    lower = {name.lower(): value for name, value in row.items()}
                    turns, prefix = int(lower["turns"]), int(lower["prefix_tokens"])
                    if turns < 0 or prefix < 0:
                        raise ValueError("a count is below zero")
                    traffic.sessions.add_pair(lower["before_model"], lower["model"], turns, prefix)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                raise UsageError(
                    f"`{switches}` is not the result of the second statement of --emit-sql", code="route.histogram",
                    because=f"{type(error).__name__}: {error}",
                    hint="save the statement's result as CSV with a header",
                ) from error  # fmt: skip
    return traffic
