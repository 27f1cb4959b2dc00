"""Logs of every kind, read by the standard library and by DuckDB, into the same whole numbers."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sizer.errors import NotFoundError, UsageError
from sizer.routing.prices import Price, PriceTier
from sizer.routing.traffic import engine
from sizer.routing.traffic import reader as reading
from sizer.routing.traffic.engine import read_with_duckdb
from sizer.routing.traffic.histogram import (
    COLUMNS,
    TIER_EDGES,
    Histogram,
    bucket_of,
    bucket_tokens,
    read_histogram,
    tier_of,
)
from sizer.routing.traffic.reader import expand, last_user_text, parse_time, read_traffic
from sizer.routing.traffic.replay import _cold, effective_api, histogram_usd
from sizer.routing.traffic.schemas import custom_schema, known_schemas
from sizer.routing.traffic.sessions import Sessions
from sizer.routing.traffic.statements import statements
from tests.unit.routing import logs

FORMS = {
    "LiteLLM spend logs": logs.litellm_spend,
    "LiteLLM standard logging payloads": logs.litellm_payload,
    "Langfuse observations": logs.langfuse,
    "OpenTelemetry GenAI spans": logs.otel,
    "OpenAI-format requests or responses": logs.openai,
    "vLLM semantic-router traces": logs.vllm_sr,
}


def written(tmp_path: Path, text: str, name: str = "log.jsonl") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def cells(traffic: Any) -> list[Any]:
    return list(traffic.histogram)


@pytest.mark.parametrize("title", FORMS)
def test_six_schemas(tmp_path: Path, title: str) -> None:
    """Each schema is recognised by its columns and gives the same totals to the token (vLLM-SR logs no cache)."""
    traffic = read_traffic([written(tmp_path, logs.lines(FORMS[title]))])
    expected = (*logs.TOTALS[:3], 0 if "vLLM" in title else logs.TOTALS[3])
    assert (traffic.schema, traffic.histogram.totals(), traffic.rows) == (title, expected, 6)
    assert traffic.clock.span_seconds() == pytest.approx(300)
    assert not traffic.left_out


@pytest.mark.parametrize("sessions", [None, False])
@pytest.mark.parametrize("title", FORMS)
def test_duckdb_agrees(tmp_path: Path, title: str, sessions: bool | None) -> None:
    """DuckDB counts every schema into the same cells, sessions and span as the standard library."""
    path = written(tmp_path, logs.lines(FORMS[title]))
    ours, theirs = read_traffic([path]), read_with_duckdb([path], sessions=sessions)
    assert cells(theirs) == cells(ours)
    assert list(theirs.sessions) == (list(ours.sessions) if sessions is None else [])
    assert theirs.clock.span_seconds() == pytest.approx(ours.clock.span_seconds())
    assert (theirs.rows, theirs.decisions, theirs.reasoning_requests) == (
        ours.rows, ours.decisions, ours.reasoning_requests
    )  # fmt: skip


def test_a_log_that_looked_longer_than_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are followed by the number of rows, whatever the first lines made of the file's size."""
    path = written(tmp_path, logs.lines(logs.litellm_spend))
    monkeypatch.setattr(engine, "_about_rows", lambda *_: float(engine.LARGE_ROWS + 1))
    assert list(read_with_duckdb([path]).sessions) == list(read_traffic([path]).sessions) != []


@pytest.mark.parametrize("title", FORMS)
def test_parquet_agrees(tmp_path: Path, title: str) -> None:
    """The same rows as Parquet, nested as structures, give the same cells."""
    import duckdb

    path = written(tmp_path, logs.lines(FORMS[title]))
    parquet = str(tmp_path / "log.parquet")
    duckdb.sql(f"COPY (SELECT * FROM read_json('{path}')) TO '{parquet}' (FORMAT parquet)")
    assert cells(read_with_duckdb([parquet])) == cells(read_traffic([path]))


def test_duckdb_leaves_nothing_on_the_terminal(tmp_path: Path) -> None:
    """A whole run on Parquet says nothing on stderr, at its end neither."""
    import duckdb

    path = written(tmp_path, logs.lines(logs.litellm_spend))
    parquet = str(tmp_path / "log.parquet")
    duckdb.sql(f"COPY (SELECT * FROM read_json('{path}')) TO '{parquet}' (FORMAT parquet)")
    prices = ["--small-price", "0.05:0.1", "--large-price", "1.25:10"]
    command = [sys.executable, "-m", "sizer", "route", "--log", parquet, *prices]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("form", [logs.litellm_spend, logs.langfuse, logs.vllm_sr])
def test_csv_agrees(tmp_path: Path, form: Any) -> None:
    """The same rows as CSV, nested values as JSON text, give the same cells in both readers."""
    rows = [form(request, number) for number, request in enumerate(logs.REQUESTS)]
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows({k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()} for row in rows)
    path = written(tmp_path, out.getvalue(), "log.csv")
    expected = cells(read_traffic([written(tmp_path, logs.lines(form))]))
    assert cells(read_traffic([path])) == expected
    assert cells(read_with_duckdb([path])) == expected


def test_other_shapes(tmp_path: Path) -> None:
    """OTLP documents, batch results, a page of observations, an array and gzip hold the same six requests."""
    rows = [logs.openai(request, number) for number, request in enumerate(logs.REQUESTS)]
    page = {"data": [logs.langfuse(request, number) for number, request in enumerate(logs.REQUESTS)], "meta": {}}
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(logs.lines(logs.openai).encode()))
    paths = [
        written(tmp_path, json.dumps(logs.otlp(logs.REQUESTS)) + "\n", "otlp.jsonl"),
        written(tmp_path, logs.lines(logs.openai_batch), "batch.jsonl"),
        written(tmp_path, json.dumps(page), "page.json"),
        written(tmp_path, json.dumps(rows), "array.json"),
        str(packed),
    ]
    for path in paths:
        assert read_traffic([path]).histogram.totals() == logs.TOTALS, path


def test_unknown_schema(sizer: Any, tmp_path: Path) -> None:
    """A log that is not recognised ends with 2 and lists the columns seen."""
    path = written(tmp_path, '{"llm": "x", "usage": 3, "n": {"in": 1}}\n')
    outcome = sizer("route", "--log", path, "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["details"]["columns"] == ["llm", "n", "n/in", "usage"]
    assert "--columns" in outcome.json["error"]["hint"]


def test_mapped_columns(tmp_path: Path) -> None:
    """A log of any columns is read with a mapping; nested ones with a slash."""
    rows = [{"llm": r.model, "n": {"in": r.given, "out": str(r.made)}, "hit": r.cached} for r in logs.REQUESTS]
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    schema = custom_schema("model=llm,input=n/in,output=n/out,cached=hit")
    assert read_traffic([path], schema=schema).histogram.totals() == logs.TOTALS
    assert read_with_duckdb([path], schema=schema).histogram.totals() == logs.TOTALS


@pytest.mark.parametrize("mapping", ["model=a", "model=a,input=b,output=c,colour=d", "model"])
def test_bad_mapping(mapping: str) -> None:
    """A mapping without the three columns, or with another name, is refused."""
    with pytest.raises(UsageError, match="--columns"):
        custom_schema(mapping)


def test_rows_that_do_not_count(tmp_path: Path) -> None:
    """Failures, cached answers, broken lines and rows without counts are left out, each with its reason."""
    import duckdb

    good = logs.litellm_spend(logs.REQUESTS[0], 0)
    bad = [good | {"status": "failure"}, good | {"cache_hit": "True"}, good | {"prompt_tokens": None},
           good | {"prompt_tokens": -1}, good | {"model": ""}]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in [good, *bad]) + "{broken\n\n"
    traffic = read_traffic([written(tmp_path, text)])
    assert (traffic.rows, traffic.histogram.totals()[0]) == (7, 1)
    assert traffic.left_out == {
        "status is failure": 1, "cache_hit is True": 1, "no token counts": 2, "no model": 1, "not a JSON object": 1,
    }  # fmt: skip
    path = written(tmp_path, text)
    parquet = str(tmp_path / "log.parquet")
    objects = f"read_json('{path}', ignore_errors = true)"
    duckdb.sql(f"COPY (SELECT * FROM {objects} WHERE request_id IS NOT NULL) TO '{parquet}' (FORMAT parquet)")
    for log, sessions in ((path, None), (path, False), (parquet, None)):
        theirs = read_with_duckdb([log], sessions=sessions)
        assert cells(theirs) == cells(traffic)
        assert theirs.left_out["status rules it out"] == theirs.left_out["cache_hit rules it out"] == 1
        assert theirs.left_out["no model or token counts"] == (3 if log == parquet else 4)
        assert theirs.rows == 1 + sum(theirs.left_out.values())


@pytest.mark.parametrize("sessions", [None, False])
def test_decisions_of_requests_that_count(tmp_path: Path, sessions: bool | None) -> None:
    """A router's decisions are counted over the requests that count, whichever way DuckDB reads the log."""
    rows = [logs.litellm_payload(request, number) for number, request in enumerate(logs.REQUESTS)]
    rows += [rows[1] | {"status": "failure"}, rows[1] | {"routing_decision": None}]
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    ours, theirs = read_traffic([path]), read_with_duckdb([path], sessions=sessions)
    assert theirs.decisions == ours.decisions == {"COMPLEX": 3, "SIMPLE": 3}
    assert (theirs.rows, cells(theirs)) == (8, cells(ours))


def test_langfuse_total_tells(tmp_path: Path) -> None:
    """Where a Langfuse row's total is just input plus output, the cached tokens are already in the input."""
    row = logs.langfuse(logs.REQUESTS[1], 0)
    row["usageDetails"] = {"input": 2000, "output": 200, "input_cached_tokens": 500, "total": 2200}
    path = written(tmp_path, json.dumps(row) + "\n")
    assert read_traffic([path]).histogram.totals() == (1, 2000, 200, 500)
    assert read_with_duckdb([path]).histogram.totals() == (1, 2000, 200, 500)


def test_parts_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file split among processes gives the same counts, sessions across the borders included."""
    rng = random.Random(5)
    rows = []
    for number in range(3000):
        request = logs.Logged(
            model=rng.choice(["gpt-5", "gpt-5-mini"]), given=rng.randrange(1, 9000), made=rng.randrange(1, 900),
            cached=0, minute=number // 60, session=f"s{rng.randrange(200)}",
        )  # fmt: skip
        rows.append(logs.litellm_spend(request, number))
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(reading, "LARGE_BYTES", 1000)
    whole, parts = read_traffic([path]), read_traffic([path], processes=3)
    assert cells(parts) == cells(whole)
    assert list(parts.sessions) == list(whole.sessions)
    assert (parts.rows, parts.left_out) == (whole.rows, whole.left_out)
    assert parts.clock.span_seconds() == whole.clock.span_seconds()


def test_sessions() -> None:
    """A switch's prefix is what the turn before left, at most the new prompt; an older turn starts anew."""
    sessions = Sessions()
    sessions.add("s", "a", 100, 20, 1)
    sessions.add("s", "b", 150, 10, 2)
    sessions.add("s", "b", 90, 10, 3)
    sessions.add("s", "a", 50, 10, 0)
    found = {(pair.before, pair.after): (pair.turns, pair.prefix_tokens) for pair in sessions}
    assert found == {("a", "b"): (1, 120), ("b", "b"): (1, 90)}
    assert sessions.out_of_order == 1


def test_open_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many open sessions the quietest is forgotten and counted."""
    monkeypatch.setattr("sizer.routing.traffic.sessions.MOST_SESSIONS", 2)
    sessions = Sessions()
    for number, name in enumerate("abcab"):
        sessions.add(name, "m", 1, 1, number)
    assert sessions.forgotten == 3
    assert not list(sessions)


def test_buckets_are_far_from_whole_numbers() -> None:
    """No whole number below 2**30 comes nearer to a bucket's edge than 1e-10, so no engine's logarithm can differ."""
    nearest = 1.0
    for edge in range(-2, 120):
        tokens = 2 ** (edge / 4) - 0.6
        for number in (math.floor(tokens), math.ceil(tokens)):
            if 0 <= number < 2**30:
                nearest = min(nearest, abs(4 * math.log2(number + 0.6) - edge))
    assert nearest > 1e-10


def test_bucket_middle() -> None:
    """The middle of a bucket is within 9.1 % of every count in it, from 10 tokens on."""
    for tokens in [*range(10, 3000), 10_000, 123_456, 2_000_000]:
        assert abs(bucket_tokens(bucket_of(tokens)) - tokens) <= 0.091 * (tokens + 0.6)


def test_tiers() -> None:
    """A prompt is in the tier of the largest edge that it exceeds."""
    assert [tier_of(tokens) for tokens in (0, 32_000, 32_001, 200_000, 200_001, 10**7)] == [
        0, 0, 32_000, 199_999, 200_000, 524_288,
    ]  # fmt: skip


def test_edges_cover_the_price_list() -> None:
    """Every prompt length at which a listed price changes is an edge of the histogram."""
    import datetime

    from sizer.routing.prices import genai_prices

    starts = {t.above_input_tokens for p in genai_prices(datetime.date(2026, 11, 24)) for t in p.tiers}
    assert starts <= {0, *TIER_EDGES}


TIERED = Price(
    model="m", host="h", source="test", as_of="2026-11-24", usd_per_request=0.0001,
    tiers=(
        PriceTier(
            above_input_tokens=0, input_usd_per_mtok=3.1, output_usd_per_mtok=15.7, cached_input_usd_per_mtok=0.3
        ),
        PriceTier(above_input_tokens=200_000, input_usd_per_mtok=6.2, output_usd_per_mtok=22.5),
    ),
)  # fmt: skip


def random_requests(count: int) -> list[tuple[int, int, int]]:
    rng = random.Random(3)
    given = [int(rng.lognormvariate(9, 2)) % 600_000 for _ in range(count)]
    return [(tokens, rng.randrange(4000), rng.randrange(tokens + 1)) for tokens in given]


def test_histogram_cost_is_exact() -> None:
    """A million requests, tiers included, cost the same by the histogram as row by row, to 1e-12."""
    requests = random_requests(1_000_000)
    histogram = Histogram()
    for given, made, cached in requests:
        histogram.add("m", given, made, cached)

    def one(given: int, made: int, cached: int) -> float:
        tier = TIERED.tiers[1] if given > 200_000 else TIERED.tiers[0]
        hit = tier.input_usd_per_mtok if tier.cached_input_usd_per_mtok is None else tier.cached_input_usd_per_mtok
        return (
            (given - cached) * tier.input_usd_per_mtok + cached * hit + made * tier.output_usd_per_mtok
        ) / 1e6 + 1e-4

    by_row = math.fsum(one(*request) for request in requests)
    assert abs(histogram_usd(list(histogram), TIERED) / by_row - 1) <= 1e-12
    assert sum(given > 200_000 for given, _, _ in requests) > 1000


def test_effective_rates_give_the_replay() -> None:
    """The rates averaged over the tiers give the replay's cost in the closed form."""
    histogram = Histogram()
    for given, made, cached in random_requests(2000):
        histogram.add("m", given, made, cached)
    requests, given, made, cached = histogram.totals()
    api = effective_api(list(histogram), TIERED)
    assert api.cached_input_usd_per_mtok is not None
    usd = ((given - cached) * api.input_usd_per_mtok + cached * api.cached_input_usd_per_mtok
           + made * api.output_usd_per_mtok) / 1e6 + requests * api.usd_per_request  # fmt: skip
    assert usd == pytest.approx(histogram_usd(list(histogram), TIERED), rel=1e-12)


def test_histogram_round_trip() -> None:
    """A histogram written as CSV and read back is the same, whatever the columns' case and order."""
    histogram = Histogram()
    for given, made, cached in random_requests(500):
        histogram.add("a,b", given, made, cached)
    text = histogram.to_csv()
    assert list(read_histogram(text.splitlines(), where="x")) == list(histogram)
    header, *rows = text.splitlines()
    shuffled = [header.upper(), *rows]
    assert list(read_histogram(shuffled, where="x")) == list(histogram)


@pytest.mark.parametrize("text", ["", "model,requests\nx,1\n", logs.__doc__ or ""])
def test_not_a_histogram(text: str) -> None:
    """A file that is no result of --emit-sql is refused, naming what it lacks."""
    with pytest.raises(UsageError, match="not the result of --emit-sql"):
        read_histogram(text.splitlines(), where="x")


def test_rounded_histogram() -> None:
    """A result whose whole numbers were rounded or cut is refused by its line."""
    lines = [",".join(COLUMNS), "m,0,1,1,2,3.5,4,0"]
    with pytest.raises(UsageError, match="line 2"):
        read_histogram(lines, where="x")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2026-11-01T00:00:00Z", logs.EPOCH), ("2026-11-01 01:00:00+01:00", logs.EPOCH), (logs.EPOCH, logs.EPOCH),
     (logs.EPOCH * 1000, logs.EPOCH), (str(logs.EPOCH * 10**9), logs.EPOCH), ("soon", None),
     (None, None), (True, None)],
)  # fmt: skip
def test_times(value: Any, seconds: float | None) -> None:
    """ISO 8601 and seconds, milliseconds and nanoseconds since 1970 are the same moment."""
    assert parse_time(value) == seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ([{"role": "system", "content": "s"}, *({"role": "user", "content": c} for c in ("one", "two"))], "two"),
        ('[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}]}]', "a\nb"),
        ({"messages": [{"role": "user", "content": "x"}]}, "x"),
        ([{"role": "user", "parts": [{"type": "text", "content": "p"}]}], "p"),
        ({}, ""),
        (None, ""),
        ("[not json", "[not json"),
    ],
)  # fmt: skip
def test_last_user_text(value: Any, text: str) -> None:
    """What is scored is the last user turn, in every form that messages take."""
    assert last_user_text(value) == text


def test_expand(tmp_path: Path) -> None:
    """Globs are sorted; a name that matches nothing is not found."""
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in expand([str(tmp_path / "*.jsonl")])] == ["a.jsonl", "b.jsonl"]
    with pytest.raises(NotFoundError):
        expand([str(tmp_path / "c*.jsonl")])


def test_schemas_say_where_they_come_from() -> None:
    """Every schema has a source, a date, and finds model, input and output."""
    for schema in known_schemas():
        assert schema.source
        assert {"model", "input", "output"} <= schema.fields.keys()
        assert set(schema.keep) | set(schema.drop) <= schema.fields.keys()


def test_command(sizer: Any, tmp_path: Path) -> None:
    """A log gives the closed form on its own traffic, priced exactly, with the decisions in it for hard share."""
    path = written(tmp_path, logs.lines(logs.litellm_payload))
    outcome = sizer("route", "--log", path, "--at", "2026-11-24", "--json")
    assert outcome.code == 0, outcome.err
    report = outcome.json["report"]
    traffic = report["traffic"]
    assert [item["kind"] for item in traffic["evidence"]] == ["decisions", "proxy"]
    assert report["workload"]["hard_share"] == 0.5
    months = 730 * 3600 / 300
    assert report["costs"]["all_large_usd_per_month"] == pytest.approx(traffic["all_large_usd"] * months, rel=1e-9)
    assert traffic["what_if"][0]["random_usd_per_month"] == pytest.approx(traffic["all_small_usd"] * months)
    assert traffic["what_if"][-1]["longest_usd_per_month"] == pytest.approx(traffic["all_large_usd"] * months)
    assert traffic["switches"]["switched"] == 3


def test_command_by_hand(sizer: Any, tmp_path: Path) -> None:
    """Re-priced by hand: 290,950 uncached and 1,500 cached tokens in, 1,245 out at $2, $1 and $4."""
    path = written(tmp_path, logs.lines(logs.openai))
    outcome = sizer("route", "--log", path, "--small-price", "1:1", "--large-price", "2:4:1", "--json")
    assert outcome.json["report"]["traffic"]["all_large_usd"] == pytest.approx(
        (290_950 * 2 + 1_500 * 1 + 1_245 * 4) / 1e6, rel=1e-12
    )


def test_labels_are_the_strongest_evidence(sizer: Any, tmp_path: Path) -> None:
    """With labels the hard share is theirs, with Wilson's interval, before decisions and proxies."""
    from tests.unit.routing.labelled import make_labels, write_labels

    labels = write_labels(tmp_path / "labels.csv", make_labels(100, 1))
    path = written(tmp_path, logs.lines(logs.litellm_payload))
    report = sizer("route", "--log", path, "--labels", labels, "--json").json["report"]
    first = report["traffic"]["evidence"][0]
    assert (first["kind"], first["basis"], first["is_used"]) == ("labels", "measured", True)
    assert first["low"] < first["share"] < first["high"]
    assert report["workload"]["hard_share"] == first["share"]


def test_command_view(sizer: Any, tmp_path: Path) -> None:
    """The view of a log fits 80 columns and calls a proxy a proxy."""
    path = written(tmp_path, logs.lines(logs.openai))
    outcome = sizer("route", "--log", path)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "proxy, not a measurement" in " ".join(outcome.out.split())


def test_histogram_command(sizer: Any, tmp_path: Path) -> None:
    """--histogram gives the same figures to the last digit as the log it was counted from."""
    log = written(tmp_path, logs.lines(logs.openai))
    counted = written(tmp_path, read_traffic([log]).histogram.to_csv(), "histogram.csv")
    arguments = ("--requests", "1M/month", "--at", "2026-11-24", "--json")
    ours = sizer("route", "--log", log, *arguments).json["report"]
    theirs = sizer("route", "--histogram", counted, *arguments).json["report"]
    assert theirs["costs"] == ours["costs"]
    assert theirs["traffic"]["all_large_usd"] == ours["traffic"]["all_large_usd"]


@pytest.mark.parametrize(
    "arguments",
    [("--columns", "model=a,input=b,output=c"), ("--sessions",), ("--log", "x", "--histogram", "y"),
     ("--emit-sql", "oracle"), ("--emit-sql", "duckdb", "--table", "a; drop"), ("--log", "nowhere.jsonl")],
)  # fmt: skip
def test_bad_arguments(sizer: Any, arguments: tuple[str, ...]) -> None:
    """What does not go together, or names nothing, is refused with a hint."""
    outcome = sizer("route", *arguments)
    assert outcome.code in (2, 3)
    assert "hint: " in outcome.err


def test_injection_is_refused(sizer: Any) -> None:
    """A column name that could end its quotes is refused before any statement is printed."""
    outcome = sizer("route", "--emit-sql", "postgres", "--columns", 'model=a"b,input=b,output=c')
    assert outcome.code == 2
    assert outcome.out == ""


def test_a_short_log_says_how_far_it_is_stretched(sizer, tmp_path):
    """Six requests in five minutes: a month of 730 hours is 8,760 times that, and the view says so."""
    shown = sizer("route", "--log", written(tmp_path, logs.lines(logs.openai))).out
    assert "span" in shown
    assert "5.00 min: a month is taken as 8,760 times that" in " ".join(shown.split())


def test_models_without_a_price_are_named(sizer, tmp_path):
    """Of two models one has a price: the message says which, and that the other has none."""
    rows = [{"model": model, "usage": {"prompt_tokens": 9, "completion_tokens": 3}} for model in ("gpt-5", "my-own")]
    outcome = sizer("route", "--log", written(tmp_path, "\n".join(json.dumps(row) for row in rows)))
    assert outcome.code == 2
    assert "the only model of it with a price is gpt-5; no price is known for my-own" in outcome.err


def test_sessions_in_parts_are_the_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that are followed a share at a time give the same switches as all at once."""
    rows = [
        {"request_id": f"r{number:04d}", "model": f"maker/model-{number * 7 % 5}", "prompt_tokens": 100 + number,
         "completion_tokens": 10, "spend": 0.1, "startTime": f"2026-11-01 00:{number // 60:02d}:{number % 60:02d}",
         "session_id": f"s{number % 11}", "status": "success"}
        for number in range(600)
    ]  # fmt: skip
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = list(read_with_duckdb([str(path)]).sessions)
    monkeypatch.setattr(engine, "_SESSION_ROWS", 70)
    assert list(read_with_duckdb([str(path)]).sessions) == whole == list(read_traffic([str(path)]).sessions)
    assert sum(switch.turns for switch in whole) == 600 - 11


def test_an_empty_log_is_said_to_be_empty(sizer: Any, tmp_path: Path) -> None:
    """An empty file is named as such; beside one with rows it is stepped over."""
    empty = written(tmp_path, "", "empty.jsonl")
    outcome = sizer("route", "--log", empty)
    assert outcome.code == 2
    assert "empty.jsonl` is empty" in outcome.err
    full = written(tmp_path, logs.lines(logs.openai))
    assert read_traffic([empty, full]).histogram.totals() == logs.TOTALS


@pytest.mark.parametrize("names", [("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")])
def test_plain_columns(tmp_path: Path, names: tuple[str, str]) -> None:
    """A CSV of just a model and two token counts needs no mapping."""
    rows = [f"{request.model},{request.given},{request.made}" for request in logs.REQUESTS]
    path = written(tmp_path, "\n".join([",".join(("model", *names)), *rows, ""]), "log.csv")
    traffic = read_traffic([path])
    assert traffic.schema == "plain columns of model and tokens"
    assert traffic.histogram.totals() == (*logs.TOTALS[:3], 0)
    assert cells(read_with_duckdb([path])) == cells(traffic)


def test_a_log_without_labels_has_no_verdict(sizer: Any, tmp_path: Path) -> None:
    """A proxy or the models served say nothing about hardness: no verdict, the closed form at the illustration."""
    path = written(tmp_path, logs.lines(logs.openai))
    report = sizer("route", "--log", path, "--json").json["report"]
    assert report["verdict"] == "unknown"
    assert report["headline"].startswith(
        "How hard this traffic is, the log does not say: give --hard-share or --labels. At 20.0 % hard"
    )
    assert [(item["kind"], item["is_used"]) for item in report["traffic"]["evidence"]] == [
        ("served", False), ("proxy", False),
    ]  # fmt: skip
    assert report["workload"]["hard_share"] == 0.2
    (assumed,) = [item for item in report["assumptions"] if item["name"] == "hard share"]
    assert assumed["basis"] == "estimated"
    assert "the log does not say" in assumed["source"]


def test_prompts_of_one_length_are_no_verdict(sizer: Any, tmp_path: Path) -> None:
    """A hundred requests of about 549 tokens, all on one model: nothing is hard for it, and nothing is easy."""
    rows = [f"gpt-5,{499 + number},{100 + number % 7}" for number in range(101)]
    path = written(tmp_path, "\n".join(["model,prompt_tokens,completion_tokens", *rows, ""]), "log.csv")
    outcome = sizer("route", "--log", path, "--small", "gpt-5-nano", "--large", "gpt-5", "--json")
    report = outcome.json["report"]
    assert report["verdict"] == "unknown"
    traffic = report["traffic"]
    assert traffic["input_p50"] == pytest.approx(549, rel=0.05)
    assert 594 * 0.95 < traffic["input_p95"] < 594 * 1.05
    shown = sizer("route", "--log", path, "--small", "gpt-5-nano", "--large", "gpt-5").out
    assert shown.startswith("How hard this traffic is, the log does not say")
    assert "about 5" in " ".join(shown.split())


def test_a_share_given_by_the_user(sizer: Any, tmp_path: Path) -> None:
    """--hard-share is the user's word: it gives a verdict, and no evidence of the log is in use."""
    path = written(tmp_path, logs.lines(logs.litellm_payload))
    report = sizer("route", "--log", path, "--hard-share", "30%", "--json").json["report"]
    assert report["workload"]["hard_share"] == 0.3
    assert not any(item["is_used"] for item in report["traffic"]["evidence"])
    assert report["verdict"] == "route"


def test_a_routers_decisions_are_called_decisions(sizer: Any, tmp_path: Path) -> None:
    """Decisions of the log's own router are used, as declared and not as the truth."""
    path = written(tmp_path, logs.lines(logs.litellm_payload))
    report = sizer("route", "--log", path, "--json").json["report"]
    first = report["traffic"]["evidence"][0]
    assert (first["kind"], first["basis"], first["is_used"]) == ("decisions", "declared", True)
    assert "not the truth" in first["name"]
    (assumed,) = [item for item in report["assumptions"] if item["name"] == "hard share"]
    assert (assumed["basis"], assumed["value"]) == ("declared", 0.5)


def test_prices_alone_decide(sizer: Any, tmp_path: Path) -> None:
    """Where the large model is no dearer nothing needs to be known about hardness."""
    path = written(tmp_path, logs.lines(logs.openai))
    found = sizer("route", "--log", path, "--small-price", "1:1", "--large-price", "1:1", "--json").json["report"]
    assert found["verdict"] == "do not route"


def test_narrow_view_of_a_log(sizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 40 columns the log's tables keep their numbers whole."""
    monkeypatch.setenv("COLUMNS", "40")
    out = sizer("route", "--log", written(tmp_path, logs.lines(logs.openai))).out
    assert max(map(len, out.splitlines())) <= 40
    assert "…" not in out


def test_one_row_is_one_row(sizer: Any, tmp_path: Path) -> None:
    """A single row is counted in the singular."""
    path = written(tmp_path, logs.lines(logs.openai).splitlines()[0] + "\n")
    out = sizer("route", "--log", path, "--small-price", "1:1", "--large-price", "2:2").out
    assert "1 file, 1 row, 1 request counted (100.0 %)" in out


def histogram_of(*cells: str) -> list[str]:
    return [",".join(COLUMNS), "m,0,26,13,10,1000,100,0", *cells]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("m,0,26,13,-10,1000,100,0", "-10 requests"), ("m,0,26,13,10,-1000,100,0", "-1000 input"),
        ("m,0,26,13,10,1000,100,5000", "5000 of them cached"), ("m,0,26,13,10,1000000,100,0", "do not lie in bucket"),
        ("m,0,26,13,10,1000,9,0", "do not lie in bucket 13"), ("m,200000,26,13,10,1000,100,0", "in tier 200000"),
        ("m,0,67,13,10,1200000,100,0", "in tier 0"), (",0,26,13,10,1000,100,0", "no model"),
        ("m,5,26,13,10,1000,100,0", "no tier 5"), (f"m,0,26,13,10,{'9' * 400},100,0", "do not lie"),
        ("m,0,26", "a cell is empty"),
    ],
)  # fmt: skip
def test_cells_that_no_requests_have(cell: str, why: str) -> None:
    """A cell that no requests add up to is refused by its line, with what is wrong."""
    assert read_histogram(histogram_of(), where="x").totals() == (10, 1000, 100, 0)
    with pytest.raises(UsageError, match="line 3") as caught:
        read_histogram(histogram_of(cell), where="x")
    assert why in caught.value.because


def test_a_histogram_with_semicolons(sizer: Any, tmp_path: Path) -> None:
    """A result saved with another delimiter is read."""
    path = written(tmp_path, "\n".join(histogram_of()).replace(",", ";"), "result.csv")
    outcome = sizer("route", "--histogram", path, "--small-price", "1:1", "--large-price", "2:2", "--json")
    assert outcome.json["report"]["traffic"]["input_tokens"] == 1000


def test_odd_column_names(tmp_path: Path) -> None:
    """A column of any name that can be quoted is found in DuckDB as it is: spaces, other scripts, digits, keywords."""
    import duckdb

    mapping = "model=Модель,input=prompt tokens,output=1 select"
    (tmp_path / "log.csv").write_text("Модель,prompt tokens,1 select\nm,100,10\n", encoding="utf-8")
    statement = statements("duckdb", "requests", mapping).histogram
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE requests AS SELECT * FROM read_csv('{tmp_path / 'log.csv'}', header = true)")
    assert connection.execute(statement).fetchall() == [("m", 0, 26, 13, 1, 100, 10, 0)]


@pytest.mark.parametrize("name", ['a"b', "a`b", "a'b", "a\\b", "a;b", "a\nb"])
def test_names_that_end_their_quotes(name: str) -> None:
    """A name that could end its quotes in some dialect is refused in all."""
    with pytest.raises(UsageError, match="cannot be a column's name"):
        statements("clickhouse", "requests", f"model={name},input=b,output=c")


def test_every_place_of_the_cache() -> None:
    """PostgreSQL, where a missing field is null, is asked for cached tokens wherever LiteLLM keeps them."""
    for name in ("postgres", "snowflake"):
        assert "additional_usage_values" in statements(name, "", "").histogram
    assert "additional_usage_values" not in statements("trino", "", "").histogram


@pytest.mark.parametrize(("write", "cold"), [(None, 2.0), (2.5, 2.5), (0.5, 2.5)])
def test_reading_a_prompt_cold(write: float | None, cold: float) -> None:
    """A write price above the input price is paid instead of it, one below it on top."""
    tier = PriceTier(
        above_input_tokens=0, input_usd_per_mtok=2.0, output_usd_per_mtok=1.0, cache_write_usd_per_mtok=write
    )
    assert _cold(tier) == cold


def test_labels_tell_the_quality_too(sizer: Any, tmp_path: Path) -> None:
    """Of 100 labels 30 are right by the large model alone, 10 by the small one alone, 50 by both, 10 by none.

    The large model's quality is 0.8, and a coin at the share sent up keeps (0.8 s + 0.6 (1 - s)) / 0.8 of it.
    """
    outcomes = [(0, 1)] * 30 + [(1, 0)] * 10 + [(1, 1)] * 50 + [(0, 0)] * 10
    lines = [f"prompt number {at} asks,{small},{large}" for at, (small, large) in enumerate(outcomes)]
    labels = written(tmp_path, "\n".join(["prompt,small:a,large:b", *lines]), "labels.csv")
    path = written(tmp_path, logs.lines(logs.openai))
    report = sizer("route", "--log", path, "--labels", labels, "--json").json["report"]
    told = {item["name"]: (item["value"], item["basis"]) for item in report["assumptions"]}
    assert told["large model's quality"] == (pytest.approx(0.8), "measured")
    assert told["only small is right"] == (pytest.approx(0.1), "measured")
    share = report["flow"]["large_share"]
    assert report["quality"]["random_mix"] == pytest.approx((0.8 * share + 0.6 * (1 - share)) / 0.8)
    given = sizer("route", "--log", path, "--labels", labels, "--large-quality", "90%", "--json").json["report"]
    assert {item["name"]: item["value"] for item in given["assumptions"]}["large model's quality"] == 0.9


@pytest.mark.parametrize("outcome", [(0, 1), (1, 1), (1, 0)])
def test_labels_of_one_kind(sizer: Any, tmp_path: Path, outcome: tuple[int, int]) -> None:
    """Labels that are all alike give shares of 0 and 1, and an answer."""
    lines = [f"prompt number {at} asks,{outcome[0]},{outcome[1]}" for at in range(60)]
    labels = written(tmp_path, "\n".join(["prompt,small:a,large:b", *lines]), "labels.csv")
    outcome_of = sizer("route", "--log", written(tmp_path, logs.lines(logs.openai)), "--labels", labels, "--json")
    assert outcome_of.code == 0, outcome_of.err


def test_the_saving_where_hard_requests_are_long(sizer: Any, tmp_path: Path) -> None:
    """Of five requests one is ten times as long: with it on the large model, what is saved is told beside the mean."""
    rows = [{"model": "maker/big", "prompt_tokens": 2000 if n % 5 == 0 else 200, "completion_tokens": 100}
            for n in range(100)]  # fmt: skip
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    labels = tmp_path / "labels.csv"
    labels.write_text("prompt,small,large\n" + "".join(f"p{n},{int(n % 5 > 0)},1\n" for n in range(100)))
    prices = ["--small-price", "0:0.001", "--large-price", "1:0.001"]
    outcome = sizer("route", "--log", path, "--labels", str(labels), *prices, "--router", "perfect", "--json")
    report = outcome.json["report"]
    assert report["saving"]["perfect"] == pytest.approx(0.8, abs=1e-3)
    assert "hard requests are taken for as long as the others" in report["reasons"][-1]
    assert report["traffic"]["saving_if_longest"] == pytest.approx(80 * 200 / (20 * 2000 + 80 * 200), abs=1e-3)
    assert "28.6 % is saved if what goes up are the longest" in " ".join(
        sizer("route", "--log", path, "--labels", str(labels), *prices, "--router", "perfect").out.split()
    )


def test_a_log_without_times_is_said_to_be_taken_for_a_month(sizer: Any, tmp_path: Path) -> None:
    """The text names the basis of the volume: no times, or the span that the log covers."""
    row = {"model": "maker/big", "prompt_tokens": 200, "completion_tokens": 100}
    prices = ["--small-price", "0.05:0.1", "--large-price", "1:2"]
    untimed = written(tmp_path, json.dumps(row) + "\n", "untimed.jsonl")
    said = " ".join(sizer("route", "--log", untimed, *prices).out.split())
    assert "the log names no times: its requests are taken for those of a month" in said
    rows = [row | {"startTime": f"2026-11-02T1{hour}:00:00Z"} for hour in range(2)]
    timed = written(tmp_path, "".join(json.dumps(one) + "\n" for one in rows), "timed.jsonl")
    assert "span 1.00 h: a month is taken as 730 times that" in " ".join(
        sizer("route", "--log", timed, *prices).out.split()
    )
