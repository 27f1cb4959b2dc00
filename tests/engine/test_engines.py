"""The statements of `--emit-sql` on real engines: the same cells as the standard library counts, row by row.

Marked `engine`. An engine that is not installed is skipped by name; SIZER_ENGINES=required makes that a failure.
"""

from __future__ import annotations

import csv
import glob
import json
import os
import pwd
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sizer.routing.traffic.collect import load_histogram
from sizer.routing.traffic.reader import Traffic, read_traffic
from sizer.routing.traffic.schemas import custom_schema
from sizer.routing.traffic.statements import statements

pytestmark = pytest.mark.engine

COLUMNS = "model=model,input=tokens_in,output=tokens_out,cached=tokens_cached,time=at,id=id,session=session"
HEADER = ("id", "at", "session", "model", "tokens_in", "tokens_out", "tokens_cached")
ROWS = 20_000


def need(found: bool, engine: str) -> None:
    """Skip where an engine is not installed, or fail where it has to be."""
    if not found:
        if os.environ.get("SIZER_ENGINES") == "required":
            pytest.fail(f"{engine} is not installed")
        pytest.skip(f"{engine} is not installed: .ci/engines installs it")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of requests: long and short prompts, tier edges, zeros, missing values, ties in time."""
    rng = random.Random(11)
    path = tmp_path_factory.mktemp("engine") / "requests.csv"
    edges = [0, 1, 2, 31_999, 32_000, 32_001, 199_999, 200_000, 200_001, 272_000, 272_001, 524_288, 524_289]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number in range(ROWS):
            given = rng.choice(edges) if number % 50 == 0 else int(rng.lognormvariate(7, 2))
            made = int(rng.lognormvariate(5, 1.5))
            cached = "" if rng.random() < 0.3 else rng.randrange(given + 1)
            model = "" if number % 997 == 0 else rng.choice(["maker/large-1", "maker/small.2", "other, quoted"])
            moment = f"2026-11-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number // 2 * 2 % 60:02d}"
            writer.writerow([f"r{number:06d}", moment, f"s{rng.randrange(900)}", model, given, made, cached])
    return path


@pytest.fixture(scope="module")
def counted(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    """What the standard library counts, from the same rows as JSON Lines."""
    path = tmp_path_factory.mktemp("engine") / "requests.jsonl"
    with table.open(newline="") as stream, path.open("w") as out:
        for row in csv.DictReader(stream):
            typed = {name: int(value) if name.startswith("tokens") and value else value for name, value in row.items()}
            out.write(json.dumps({name: value for name, value in typed.items() if value != ""}) + "\n")
    return read_traffic([str(path)], schema=custom_schema(COLUMNS))


def same(counted: Traffic, folder: Path, histogram: str, switches: str) -> None:
    """An engine's two results, as CSV, are the standard library's to the last digit."""
    (folder / "histogram.csv").write_text(histogram)
    (folder / "switches.csv").write_text(switches)
    found = load_histogram(str(folder / "histogram.csv"), str(folder / "switches.csv"))
    assert found.histogram.to_csv() == counted.histogram.to_csv()
    assert list(found.sessions) == list(counted.sessions)


def test_the_standard_library_has_something_to_compare(counted: Traffic) -> None:
    """The rows cover every tier's edge, several models and thousands of turns."""
    assert counted.sessions.forgotten == counted.sessions.out_of_order == 0
    assert len({cell.input_tier for cell in counted.histogram}) == 10
    assert sum(pair.turns for pair in counted.sessions) > 15_000


def test_duckdb(table: Path, counted: Traffic, tmp_path: Path) -> None:
    """DuckDB."""
    need(find_spec("duckdb") is not None, "DuckDB")
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE requests AS SELECT * FROM read_csv('{table}', all_varchar = true)")
    report = statements("duckdb", "requests", COLUMNS)
    results = []
    for name, statement in (("h", report.histogram), ("s", report.switches)):
        connection.execute(f"COPY ({statement}) TO '{tmp_path / name}.csv' (HEADER)")
        results.append((tmp_path / f"{name}.csv").read_text())
    same(counted, tmp_path, *results)


@pytest.mark.parametrize("dialect", ["trino", "bigquery", "snowflake"])
def test_dialects_without_an_engine_here(dialect: str, table: Path, counted: Traffic, tmp_path: Path) -> None:
    """A statement for an engine that cannot be had reads as that dialect, and means the same once in DuckDB's."""
    need(find_spec("sqlglot") is not None and find_spec("duckdb") is not None, "sqlglot")
    import duckdb
    import sqlglot

    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE requests AS SELECT * FROM read_csv('{table}', all_varchar = true)")
    report = statements(dialect, "requests", COLUMNS)
    results = []
    for name, statement in (("h", report.histogram), ("s", report.switches)):
        (translated,) = sqlglot.transpile(statement, read=dialect, write="duckdb")
        connection.execute(f"COPY ({translated}) TO '{tmp_path / name}.csv' (HEADER)")
        results.append((tmp_path / f"{name}.csv").read_text())
    same(counted, tmp_path, *results)


def test_clickhouse(table: Path, counted: Traffic, tmp_path: Path) -> None:
    """ClickHouse, in process (chdb)."""
    need(find_spec("chdb") is not None, "chdb")
    code = """
import json, sys
from chdb import session
asked = json.load(sys.stdin)
with session.Session() as found:
    found.query("CREATE DATABASE logs ENGINE = Atomic")
    kinds = {name: "Int64" if name.startswith("tokens") else "String" for name in asked["header"]}
    names = ", ".join(f"{name} Nullable({kind})" for name, kind in kinds.items())
    found.query(f"CREATE TABLE logs.requests ({names}) ENGINE = Memory")
    found.query(f"INSERT INTO logs.requests SELECT * FROM file('{asked['table']}', 'CSVWithNames')")
    print(json.dumps([str(found.query(statement, "CSVWithNames")) for statement in asked["statements"]]))
"""
    report = statements("clickhouse", "logs.requests", COLUMNS)
    asked = {"header": HEADER, "table": str(table), "statements": [report.histogram, report.switches]}
    run = subprocess.run([sys.executable, "-c", code], input=json.dumps(asked), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    same(counted, tmp_path, *json.loads(run.stdout.splitlines()[-1]))


def test_spark(table: Path, counted: Traffic, tmp_path: Path) -> None:
    """Spark, in local mode."""
    need(find_spec("pyspark") is not None and shutil.which("java") is not None, "Spark (pyspark and java)")
    code = """
import csv, io, json, sys
from pyspark.sql import SparkSession
asked = json.load(sys.stdin)
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.sql.shuffle.partitions", "2").config("spark.driver.host", "127.0.0.1")
         .config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())
spark.read.csv(asked["table"], header=True).createOrReplaceTempView("requests")
results = []
for statement in asked["statements"]:
    frame = spark.sql(statement)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(frame.columns)
    writer.writerows(frame.collect())
    results.append(out.getvalue())
print(json.dumps(results))
spark.stop()
"""
    report = statements("spark", "requests", COLUMNS)
    asked = {"table": str(table), "statements": [report.histogram, report.switches]}
    environment = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    run = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(asked), capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr[-2000:]
    same(counted, tmp_path, *json.loads(run.stdout.splitlines()[-1]))


@pytest.fixture
def postgres() -> Iterator[Any]:
    """`postgres(arguments, input)` runs psql on a cluster of its own, reached by a socket in a folder of its own."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    need(bool(folders) and shutil.which("psql") is not None, "PostgreSQL")
    home = Path(tempfile.mkdtemp(prefix="sizer-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(home, owner.pw_uid, owner.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]
    tools = Path(folders[-1])

    def run(*arguments: str, text: str = "") -> str:
        found = subprocess.run([*as_user, *arguments], input=text, capture_output=True, text=True, cwd=home)
        assert found.returncode == 0, found.stderr
        return found.stdout

    run(str(tools / "initdb"), "-D", str(home / "data"), "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
    options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
    log = str(home / "log")
    run(str(tools / "pg_ctl"), "-D", str(home / "data"), "-w", "-l", log, "-o", options, "start")
    try:
        yield lambda *arguments, text="": run(
            "psql", "-h", str(home), "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-q", *arguments, text=text
        )
    finally:
        run(str(tools / "pg_ctl"), "-D", str(home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(home)


def test_postgres(table: Path, counted: Traffic, tmp_path: Path, postgres: Any) -> None:
    """PostgreSQL."""
    kinds = ", ".join(f"{name} {'bigint' if name.startswith('tokens') else 'text'}" for name in HEADER)
    postgres("-c", f"CREATE TABLE requests ({kinds})")
    postgres("-c", "COPY requests FROM STDIN (FORMAT csv, HEADER)", text=table.read_text())
    report = statements("postgres", "requests", COLUMNS)
    results = [postgres("--csv", "-c", statement) for statement in (report.histogram, report.switches)]
    same(counted, tmp_path, *results)


def test_litellm_table(tmp_path: Path, postgres: Any) -> None:
    """Without --columns the statement fits LiteLLM's own table, cached tokens inside its JSON included."""
    from tests.unit.routing import logs

    path = tmp_path / "log.jsonl"
    path.write_text(logs.lines(logs.litellm_spend))
    counted = read_traffic([str(path)])
    postgres(
        "-c",
        'CREATE TABLE "LiteLLM_SpendLogs" (request_id text, model text, prompt_tokens int, completion_tokens int, '
        '"startTime" timestamp, session_id text, metadata jsonb, status text, cache_hit text)',
    )
    for line in path.read_text().splitlines():
        row = json.loads(line)
        values = [row["request_id"], row["model"], row["prompt_tokens"], row["completion_tokens"], row["startTime"],
                  row["session_id"], json.dumps(row["metadata"]), row["status"], row["cache_hit"]]  # fmt: skip
        listed = ", ".join("'" + str(value) + "'" for value in values)
        postgres("-c", f'INSERT INTO "LiteLLM_SpendLogs" VALUES ({listed})')
    report = statements("postgres", "", "")
    results = [postgres("--csv", "-c", statement) for statement in (report.histogram, report.switches)]
    same(counted, tmp_path, *results)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both exports of a router between two models."""
    from sizer.routing.exports.litellm import export_litellm
    from sizer.routing.exports.vllm_sr import export_vllm_sr

    folder = tmp_path_factory.mktemp("exports")
    scores = [number / 100 for number in range(100)]
    litellm = export_litellm(small="maker/small", large="maker/large", scores=scores, large_share=0.3)
    (folder / "litellm.yaml").write_text(litellm.text)
    vllm_sr = export_vllm_sr(small="small", large="large", hard=["prove: it"], easy=["hello"])
    (folder / "vllm-sr.yaml").write_text(vllm_sr.text)
    return folder


def released(tool: str) -> str:
    """A tool of the exports' environment (`.ci/engines` makes it), or of the PATH."""
    folder = os.environ.get("SIZER_EXPORTS_BIN", "")
    found = str(Path(folder) / tool) if folder and (Path(folder) / tool).exists() else shutil.which(tool)
    need(found is not None, tool)
    return str(found)


def test_vllm_sr_accepts(exported: Path) -> None:
    """The released vLLM Semantic Router validates the export, and refuses it with an unknown key."""
    tool = released("vllm-sr")
    path = exported / "vllm-sr.yaml"
    run = subprocess.run([tool, "config", "validate", "--config", str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Configuration is valid" in run.stdout
    broken = exported / "broken.yaml"
    broken.write_text(path.read_text().replace("priority: 200", "priorty: 200"))
    run = subprocess.run([tool, "config", "validate", "--config", str(broken)], capture_output=True, text=True)
    assert run.returncode != 0


def test_litellm_accepts(exported: Path) -> None:
    """The released LiteLLM reads the export's tiers and boundaries as they are written."""
    python = Path(released("litellm")).with_name("python")
    code = """
import json, sys, yaml
from litellm.router_strategy.complexity_router.config import ComplexityRouterConfig
document = yaml.safe_load(open(sys.argv[1]))
config = document["model_list"][-1]["litellm_params"]["complexity_router_config"]
found = ComplexityRouterConfig.model_validate(config)
fields = sorted(type(found).model_fields)
print(json.dumps({"tiers": found.tiers, "boundaries": found.tier_boundaries, "fields": fields}))
"""
    run = subprocess.run(
        [str(python), "-c", code, str(exported / "litellm.yaml")],
        capture_output=True, text=True, env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["tiers"]["COMPLEX"] == "maker/large"
    assert found["boundaries"] == {"simple_medium": 0.5, "medium_complex": 0.7, "complex_reasoning": 0.9}
    from sizer.routing.exports.litellm import _contract

    unknown = set(found["fields"]) - set(_contract().keys)
    assert not unknown, f"add to data/litellm_complexity_router.yaml: {sorted(unknown)}"
