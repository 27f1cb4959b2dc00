"""Measure reading logs: speed, memory, repeatability. The figures of docs/benchmarks.md.

    python benchmarks/traffic.py [--rows 20000000] [--lines 1000000] [--folder DIR]

Writes a Parquet log (LiteLLM's columns) and a JSON Lines log into the folder, once, and runs `sizer route --log` on
each in a process of its own: wall time, CPU time, peak resident memory of the largest process, and whether five runs
print the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

COMMAND = [sys.executable, "-m", "sizer", "route", "--at", "2026-11-24", "--small-price", "0.05:0.1",
           "--large-price", "1.25:10:0.125", "--json"]  # fmt: skip

COPIES = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "sizer-traffic")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    parquet, lines = options.folder / f"{options.rows}.parquet", options.folder / f"{options.lines}.jsonl"
    if not parquet.exists():
        make_parquet(parquet, options.rows)
    if not lines.exists():
        make_lines(lines, options.lines)
    print(f"Parquet: {options.rows:,} rows, {parquet.stat().st_size / 1e6:,.0f} MB")
    seen = {measure("  histogram", parquet, options.rows) for _ in range(5)}
    print(f"  five runs: {len(seen)} different outputs")
    measure("  with sessions", parquet, options.rows, "--sessions")
    print(f"JSON Lines: {options.lines:,} lines, {lines.stat().st_size / options.lines:,.0f} bytes each")
    for _ in range(3):
        measure("  without extras", lines, options.lines, hide_duckdb=True)
        measure("  DuckDB", lines, options.lines)
        measure_reading("  DuckDB, reading and counting alone", lines, options.lines)
    long = options.folder / f"{COPIES}x{options.lines}.jsonl"
    if not long.exists():
        with long.open("wb") as whole:
            for _ in range(COPIES):
                with lines.open("rb") as part:
                    shutil.copyfileobj(part, whole, 1 << 24)
    print(f"JSON Lines: the same {COPIES} times, too many to follow sessions unasked")
    for _ in range(3):
        measure("  DuckDB", long, options.lines * COPIES)


def measure(name: str, log: Path, rows: int, *more: str, hide_duckdb: bool = False) -> str:
    """Run the command on a log and print what it took; returns the hash of what it printed."""
    output = log.with_suffix(".out")
    environment = dict(os.environ)
    if hide_duckdb:  # a finder that knows no DuckDB, as where the extra is not installed
        folder = log.with_suffix(".hidden")
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text("import sys\nsys.modules['duckdb'] = None\n")
        environment["PYTHONPATH"] = f"{folder}:{environment.get('PYTHONPATH', '.')}"
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.execve(sys.executable, [*COMMAND, "--log", str(log), *more], environment)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    assert status == 0, f"{name} ended with {status}"
    print(
        f"{name}: {wall:.2f} s, {used.ru_utime + used.ru_stime:.2f} s of CPU, {rows / wall:,.0f} rows/s, "
        f"{used.ru_maxrss / 1024:,.0f} MB"
    )
    return hashlib.sha256(output.read_bytes()).hexdigest()


def measure_reading(name: str, log: Path, rows: int) -> None:
    """Read and count a log without sessions, in this process: no start of Python, no report."""
    from sizer.routing.traffic.engine import read_with_duckdb

    started = time.perf_counter()
    read_with_duckdb([str(log)], sessions=False)
    wall = time.perf_counter() - started
    print(f"{name}: {wall:.2f} s, {rows / wall:,.0f} rows/s")


def make_parquet(path: Path, rows: int) -> None:
    """LiteLLM-like rows: log-normal tokens, 12 models, sessions of about eight turns."""
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    connection.execute(
        f"""COPY (SELECT 'chatcmpl-' || i AS request_id, 'maker/model-' || (hash(i) % 12) AS model,
            CAST(exp(6.5 + 1.2 * sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random())) AS BIGINT) AS prompt_tokens,
            CAST(exp(5.3 + 0.8 * sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random())) AS BIGINT)
              AS completion_tokens, random() * 0.01 AS spend,
            TIMESTAMP '2026-11-01' + INTERVAL (i * 50) MILLISECOND AS "startTime",
            's' || (i // 24 * 3 + hash(i) % 3) AS session_id, 'success' AS status, 'False' AS cache_hit
            FROM range({rows}) AS t(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"""
    )


def make_lines(path: Path, lines: int) -> None:
    """The same as JSON Lines, with what else LiteLLM writes into a row."""
    rng = random.Random(1)
    filler = {"api_key": "a" * 64, "model_id": "x" * 32, "cache_key": "k" * 32, "api_base": "https://host.example",
              "user": "u", "request_tags": [], "team_id": None, "end_user": None, "messages": {}, "response": {},
              "call_type": "acompletion", "custom_llm_provider": "maker"}  # fmt: skip
    with path.open("w") as stream:
        for number in range(lines):
            given, made = int(rng.lognormvariate(6.5, 1.2)) + 1, int(rng.lognormvariate(5.3, 0.8)) + 1
            second = number // 2
            moment = f"2026-11-{second // 86400 % 28 + 1:02d}T{second // 3600 % 24:02d}:{second // 60 % 60:02d}"
            row = {
                "request_id": f"chatcmpl-{number:09d}", "model": f"maker/model-{rng.randrange(12)}",
                "prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made, "spend": given * 1e-6,
                "startTime": f"{moment}:{second % 60:02d}.000000+00:00",
                "endTime": f"{moment}:{second % 60:02d}.900000+00:00",
                "session_id": f"s{number // 24 * 3 + rng.randrange(3)}", "status": "success", "cache_hit": "False",
                "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": given // 3}}}, **filler,
            }  # fmt: skip
            stream.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
