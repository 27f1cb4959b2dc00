"""Logs as tools really write them: encodings, layouts, odd values, and what their token counts leave out."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sizer.errors import NotFoundError, UsageError
from sizer.routing.traffic import collect, reader
from sizer.routing.traffic.engine import read_with_duckdb
from sizer.routing.traffic.reader import expand, last_user_text, read_traffic
from sizer.routing.traffic.rows import form_of, open_log
from sizer.routing.traffic.schemas import custom_schema
from sizer.routing.traffic.scoring import read_prompts
from sizer.routing.traffic.sessions import Sessions
from tests.unit.routing import logs

ROWS = [logs.openai(request, number) for number, request in enumerate(logs.REQUESTS)]
LINES = [json.dumps(row) for row in ROWS]
TABLE = ["model,input_tokens,output_tokens,cached_tokens"]
TABLE += [f"{request.model},{request.given},{request.made},{request.cached}" for request in logs.REQUESTS]


def written(tmp_path: Path, content: str | bytes, name: str = "log.jsonl") -> str:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def openai(**changes: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "created": logs.EPOCH, "usage": {"prompt_tokens": 100, "completion_tokens": 10}} | changes


def used(**usage: Any) -> dict[str, Any]:
    return openai(usage={"prompt_tokens": 100, "completion_tokens": 10} | usage)


def in_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("printed.json", json.dumps(ROWS, indent=2)),
        ("page.json", json.dumps({"data": ROWS, "meta": {"page": 1}}, indent=2)),
        ("items.json", "[\n" + ",\n".join(LINES) + "\n]\n"),
        ("commas.json", ",\n".join(LINES)),
        ("spans.jsonl", "".join(json.dumps(row, indent=4) + "\n" for row in ROWS)),
        ("crlf.jsonl", "\r\n".join(LINES)),
        ("blank.jsonl", "\n\n" + "\n \n".join(LINES)),
        ("mark.jsonl", b"\xef\xbb\xbf" + "\n".join(LINES).encode()),
        ("wide.jsonl", "\n".join(LINES).encode("utf-16")),
        ("twice.jsonl.gz", b"".join(gzip.compress(f"{line}\n".encode()) for line in LINES)),
        ("table.csv", "\n".join(TABLE)),
        ("TABLE.CSV", "\n".join(TABLE)),
        ("mac.csv", "\r".join(TABLE)),
        ("semicolon.csv", "\n".join(TABLE).replace(",", ";")),
        ("tab.tsv", "\n".join(TABLE).replace(",", "\t")),
        ("spaces.csv", "\n".join(TABLE).replace(",", ", ")),
        ("wide.csv", "\n".join(TABLE).encode("utf-16")),
        ("no-suffix", "\n".join(TABLE)),
    ],
)  # fmt: skip
def test_layouts(tmp_path: Path, name: str, content: str | bytes) -> None:
    """The same six requests in every layout give the same totals, and no row is left out."""
    traffic = read_traffic([written(tmp_path, content, name)])
    assert (traffic.histogram.totals(), dict(traffic.left_out)) == (logs.TOTALS, {})


def test_a_table_on_stdin(tmp_path: Path) -> None:
    """CSV is known by its first line where no name tells."""
    path = written(tmp_path, "\n".join(TABLE), "log.csv")
    command = [
        sys.executable,
        "-m",
        "sizer",
        "route",
        "--log",
        "-",
        "--small-price",
        "1:1",
        "--large-price",
        "2:2",
        "--json",
    ]
    with Path(path).open() as stream:
        run = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout)["report"]["traffic"]["input_tokens"] == logs.TOTALS[1]


def test_a_broken_first_line_is_one_line(tmp_path: Path) -> None:
    """Good lines after a broken one are read as lines."""
    traffic = read_traffic([written(tmp_path, "\n".join(['{"model": "gpt', *LINES]))])
    assert (traffic.histogram.totals(), traffic.left_out) == (logs.TOTALS, {"not a JSON object": 1})
    cut = written(tmp_path, json.dumps(ROWS, indent=1)[:-40])
    assert read_traffic([cut]).left_out == {"not a JSON object": 1}


@pytest.mark.parametrize(
    ("content", "kind"),
    [(bz2.compress(b"x"), "bzip2"), (b"\x28\xb5\x2f\xfd123", "zstd"), (b"PK\x03\x04", "zip"), (b"PAR1..", "Parquet")],
)  # fmt: skip
def test_other_compressions(tmp_path: Path, content: bytes, kind: str) -> None:
    """What is not unpacked here is named, with what to do."""
    with pytest.raises(UsageError, match=kind) as caught:
        read_traffic([written(tmp_path, content)])
    assert caught.value.hint


def test_bad_gzip_is_no_bug(tmp_path: Path) -> None:
    """A cut or damaged gzip file cannot be read, and the message says so."""
    packed = bytearray(gzip.compress("\n".join(LINES).encode()))
    for at in (20, 30):
        packed[at] ^= 0xFF
    for content in (bytes(packed), gzip.compress(b"x" * 99)[:-9]):
        with pytest.raises(UsageError, match="cannot be read"):
            read_traffic([written(tmp_path, content)])


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    """A line in another encoding counts; its text is replaced."""
    path = written(
        tmp_path, '{"model":"gpt-5","usage":{"prompt_tokens":1,"completion_tokens":2},"x":"\xe9"}'.encode("latin-1")
    )
    assert read_traffic([path]).histogram.totals() == (1, 1, 2, 0)


ODD = [
    used(prompt_tokens="100", completion_tokens="10"), used(prompt_tokens="100.0", completion_tokens=10.0),
    used(prompt_tokens=" 1e2 "), used(prompt_tokens_details={"cached_tokens": ""}),
]  # fmt: skip
NO_COUNTS = [
    used(prompt_tokens=100.5), used(prompt_tokens="100.6"), used(prompt_tokens=-1), used(prompt_tokens=""),
    used(prompt_tokens="1,000"), used(prompt_tokens="\u0661\u0662"), used(prompt_tokens=True), used(prompt_tokens=[1]),
    used(prompt_tokens=10**40), used(prompt_tokens=1 << 30), used(completion_tokens=10**400), used(prompt_tokens=None),
    used(prompt_tokens_details={"cached_tokens": -5}), used(prompt_tokens_details={"cached_tokens": "x"}),
    openai(usage="none"), openai(usage=[1]),
]  # fmt: skip


def test_numbers_as_they_come(tmp_path: Path) -> None:
    """Text and floats that are whole count; what is not a count that a request can have is left out, in DuckDB too."""
    path = written(tmp_path, in_lines([openai(), *ODD, *NO_COUNTS]))
    ours, theirs = read_traffic([path]), read_with_duckdb([path])
    assert ours.histogram.totals() == theirs.histogram.totals() == (1 + len(ODD), 500, 50, 0)
    assert sum(ours.left_out.values()) == sum(theirs.left_out.values()) == len(NO_COUNTS)


def test_numbers_that_json_has_not(tmp_path: Path) -> None:
    """NaN, Infinity and 1e400, which some writers print, are no counts."""
    row = '{"model":"m","usage":{"prompt_tokens":NUMBER,"completion_tokens":1}}\n'
    lines = "".join(row.replace("NUMBER", number) for number in ("NaN", "Infinity", "1e400", "7"))
    assert read_traffic([written(tmp_path, lines)]).histogram.totals() == (1, 7, 1, 0)


def test_models_that_are_no_text(tmp_path: Path) -> None:
    """A number is taken as its text; anything else is no model."""
    rows = [openai(model=model) for model in ("gpt-5", 5, {"a": 1}, ["x"], True, None, "")]
    traffic = read_traffic([written(tmp_path, in_lines(rows))])
    assert ({cell.model for cell in traffic.cells}, traffic.left_out) == ({"gpt-5", "5"}, {"no model": 5})


def test_fields_that_the_first_rows_lack(tmp_path: Path) -> None:
    """Cached tokens, times and failures count where they first come after hundreds of rows without any."""
    bare = {"model": "gpt-5", "usage": {"prompt_tokens": 100, "completion_tokens": 10}}
    late = used(prompt_tokens_details={"cached_tokens": 40})
    path = written(tmp_path, in_lines([bare] * 1500 + [late, late | {"created": logs.EPOCH + 60}]))
    ours, theirs = read_traffic([path]), read_with_duckdb([path])
    assert ours.histogram.totals() == theirs.histogram.totals() == (1502, 150_200, 15_020, 80)
    assert ours.clock.span_seconds() == theirs.clock.span_seconds() == 60
    spans = [logs.otel(logs.REQUESTS[0], number) for number in range(1500)]
    failed = spans[0] | {"status": {"code": 2}}
    path = written(
        tmp_path,
        in_lines([*spans, failed, {**spans[0], "attributes": spans[0]["attributes"] | {"error.type": "timeout"}}]),
    )
    assert read_traffic([path]).histogram.totals()[0] == read_with_duckdb([path]).histogram.totals()[0] == 1500


@pytest.mark.parametrize("sessions", [None, False])
def test_other_places_and_kinds_far_down(tmp_path: Path, sessions: bool | None) -> None:
    """Past the rows that the columns are taken from, a value counts at every place of its field and in every kind."""
    usual = logs.litellm_spend(logs.Logged(model="m", given=100, made=10, cached=7, minute=0, session="a"), 0)
    cached = {"prompt_tokens_details": {"cached_tokens": 40}}
    others: list[tuple[dict[str, Any], int]] = [
        ({"metadata": {"additional_usage_values": cached}}, 40),
        ({"metadata": {"usage_object": {"cache_read_input_tokens": "40"}}}, 40),
        ({"metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": 40.0}}}}, 40),
        ({"metadata": {"usage_object": {"prompt_tokens_details": [1]}, "additional_usage_values": cached}}, 40),
        ({"metadata": [1], "response": {"usage": cached}}, 40),
        ({"metadata": None, "response": {"usage": cached}}, 40),
        ({"metadata": {"Usage_Object": cached}}, 0),  # another key
        ({"metadata": 5, "response": "none"}, 0),
        ({"metadata": {"usage_object": {"completion_tokens_details": {"reasoning_tokens": "3"}}}}, 0),
        ({"metadata": {"routing_decision": {"tier": "COMPLEX"}}}, 0),
    ]
    rows = [usual | change for change, _ in others]
    nested = {"metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": {"a": 1}}}}}
    path = written(tmp_path, in_lines([usual] * 1200 + [*rows, usual | nested]))
    ours, theirs = read_traffic([path]), read_with_duckdb([path], sessions=sessions)
    count, expected = 1200 + len(rows), 1200 * 7 + sum(number for _, number in others)
    assert ours.histogram.totals() == theirs.histogram.totals() == (count, 100 * count, 10 * count, expected)
    assert list(ours.histogram) == list(theirs.histogram)
    assert ours.decisions == theirs.decisions == {"COMPLEX": 1}
    assert ours.reasoning_requests == theirs.reasoning_requests == 1
    assert sum(ours.left_out.values()) == sum(theirs.left_out.values()) == 1


@pytest.mark.parametrize(("mapping", "row"), [
    ("model=m,input=u/a,output=u/b/c", {"m": "x", "u": {"a": 5, "b": {"c": 7}}}),
    ("model=m,input=u/in here,output=u/o.ut", {"m": "x", "u": {"in here": 5, "o.ut": 7}}),
    ('model=m,input=u/"a",output=u/b\'', {"m": "x", "u": {'"a"': 5, "b'": 7}}),
    ("model=u/m,input=u/a,output=v", {"u": {"m": "x", "a": 5}, "v": 7}),
    ("model=m,input=u/a,output=u/b,cached=u/b/c", {"m": "x", "u": {"a": 5, "b": 7}}),
])  # fmt: skip
def test_places_of_any_name(tmp_path: Path, mapping: str, row: dict[str, Any]) -> None:
    """Places mapped by hand are found whatever they are called, and where one would lie within another."""
    path = written(tmp_path, in_lines([row]))
    schema = custom_schema(mapping)
    assert read_traffic([path], schema=schema).histogram.totals() == (1, 5, 7, 0)
    assert read_with_duckdb([path], schema=schema).histogram.totals() == (1, 5, 7, 0)


def timed(*times: Any) -> list[dict[str, Any]]:
    return [
        {"model": "m", "prompt_tokens": 1, "completion_tokens": 1, "timestamp": time, "session_id": "s"}
        for time in times
    ]


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (("2026-11-01T10:00:00+02:00", "2026-11-01T09:00:00Z", "2026-11-01T05:00:00-05:00"), 7200),
        (("2026-11-01T08:00:00Z", "", "soon", None, "2026-11-01T08:00:30.5Z"), 30.5),
        (("2026-11-01 08:00:00", "2026-11-01T08:00:30", "2026-11-01 08:01:00 UTC"), 60),
        ((logs.EPOCH, 0, None, "", logs.EPOCH + 600), 600),
        ((logs.EPOCH * 1000, (logs.EPOCH + 600) * 1000), 600),
        ((logs.EPOCH, "2026-11-01T00:02:00Z", (logs.EPOCH + 180) * 1000), 180),
        (("2026-11-01T00:02:00Z", logs.EPOCH), 120),
    ],
)  # fmt: skip
def test_times_of_a_log(tmp_path: Path, times: tuple[Any, ...], seconds: float) -> None:
    """The span is between real moments: any zone, any unit, and no time where a cell is empty or no time."""
    path = written(tmp_path, in_lines(timed(*times)))
    assert read_traffic([path]).clock.span_seconds() == pytest.approx(seconds, abs=1e-3)
    assert read_with_duckdb([path]).clock.span_seconds() == pytest.approx(seconds, abs=1e-3)


def test_zones_across_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is counted in parts spans what it spans as a whole, where the clocks were set back in between."""
    times = [
        f"2026-10-25T0{hour}:{minute:02d}:00+0{zone}:00" for hour, zone in ((2, 2), (2, 1)) for minute in range(60)
    ]
    path = written(tmp_path, in_lines(timed(*times)))
    monkeypatch.setattr(reader, "LARGE_BYTES", 1000)
    assert read_traffic([path], processes=3).clock.span_seconds() == read_traffic([path]).clock.span_seconds() == 7140


def test_sessions_newest_first(tmp_path: Path) -> None:
    """A log written newest first, as most exports are, has the switches of the same log turned round."""
    path = written(tmp_path, "\n".join(LINES))
    turned = written(tmp_path, "\n".join(reversed(LINES)), "turned.jsonl")
    forward, backward = read_traffic([path]), read_traffic([turned])
    assert list(forward.sessions) == list(backward.sessions) == list(read_with_duckdb([turned]).sessions) != []
    assert backward.sessions.out_of_order == 0


def test_turns_without_a_time() -> None:
    """A turn whose time is not told follows in the log's order."""
    sessions = Sessions()
    for model, when in (("a", 1.0), ("b", 2.0), ("a", None), ("b", 1.5), ("a", 1.0)):
        sessions.add("s", model, 10, 1, when)
    assert {(pair.before, pair.after): pair.turns for pair in sessions} == {("a", "b"): 2, ("b", "a"): 1}
    assert sessions.out_of_order == 1


def observation(usage: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "type": "GENERATION", "model": "o3", "startTime": "2026-11-01T00:00:00Z", "usageDetails": usage}


def message(**usage: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "model": "claude",
        "usage": {"output_tokens": 50, "input_tokens": 20} | usage,
    }


GEMINI = {
    "modelVersion": "gemini-2.5-flash", "responseId": "1", "candidates": [],
    "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 50, "thoughtsTokenCount": 30,
                      "cachedContentTokenCount": 900, "totalTokenCount": 1080},
}  # fmt: skip
THOUGHT = {"input_cached_tokens": 40, "output_reasoning_tokens": 90, "total": 200}
CACHE = {"cache_read_input_tokens": 900, "cache_creation_input_tokens": 80}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (observation({**THOUGHT, "input": 60, "output": 10}), (100, 100, 40)),
        (observation({**THOUGHT, "input": 100, "output": 100}), (100, 100, 40)),
        (observation({**THOUGHT, "input": 60, "output": 100}), (100, 100, 40)),
        (observation({**THOUGHT, "input": 100, "output": 10}), (100, 100, 40)),
        (observation({"input": 20, "output": 50, **CACHE}), (1000, 50, 900)),
        (message(**CACHE), (1000, 50, 900)),
        ({"custom_id": "x", "result": {"type": "succeeded", "message": message(**CACHE)}}, (1000, 50, 900)),
        ({"model": "claude", "input_tokens": 20, "output_tokens": 50, **CACHE}, (1000, 50, 900)),
        (message(), (20, 50, 0)),
        ({"modelId": "anthropic.claude-x-v1:0", "timestamp": "2026-11-01T00:00:00Z",
          "input": {"inputTokenCount": 20, "cacheReadInputTokenCount": 900, "cacheWriteInputTokenCount": 80},
          "output": {"outputTokenCount": 50}}, (1000, 50, 900)),
        ({"model": "o3", "type": "GENERATION", "usage": {"input": 9, "output": 5, "total": 14, "unit": "TOKENS"}},
         (9, 5, 0)),
        ({"response": GEMINI, "key": "1"}, (1000, 80, 900)),
        (GEMINI, (1000, 80, 900)),
        ({"model_permaslug": "openai/gpt-5", "tokens_prompt": 1000, "tokens_completion": 50, "tokens_cached": 900,
          "tokens_reasoning": 30, "created_at": "2026-11-01 00:00:00.040"}, (1000, 50, 900)),
    ],
)  # fmt: skip
def test_what_counts_leave_out(tmp_path: Path, row: dict[str, Any], expected: tuple[int, int, int]) -> None:
    """Cached, written and reasoning tokens that a tool names beside its counts are added, once, in both readers."""
    path = written(tmp_path, json.dumps(row) + "\n")
    assert read_traffic([path]).histogram.totals()[1:] == expected
    assert read_with_duckdb([path]).histogram.totals()[1:] == expected


def test_spans_around_calls_do_not_count(tmp_path: Path) -> None:
    """An agent's span repeats its calls' tokens: only the calls count."""
    rows = [logs.otel(request, number) for number, request in enumerate(logs.REQUESTS)]
    agent = {**rows[0], "attributes": rows[0]["attributes"] | {"gen_ai.operation.name": "invoke_agent"}}
    path = written(tmp_path, in_lines([*rows, agent]))
    traffic = read_traffic([path])
    assert (traffic.histogram.totals(), traffic.left_out) == (logs.TOTALS, {"operation is invoke_agent": 1})
    assert read_with_duckdb([path]).histogram.totals() == logs.TOTALS


def test_spans_one_a_line(tmp_path: Path) -> None:
    """Spans outside of their OTLP document, with attributes as a list, count; broken documents hold none."""
    (resource,) = logs.otlp(logs.REQUESTS)["resourceSpans"]
    spans = resource["scopeSpans"][0]["spans"]
    odd = ['{"resourceSpans": null}', '{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{}, 1]}, 2]}]}]}']
    path = written(tmp_path, in_lines(spans[:-1]) + "\n".join(odd))
    assert read_traffic([path]).histogram.totals() == logs.TOTALS


def test_json_in_text(tmp_path: Path) -> None:
    """A database's export has JSON columns as text: nested counts are found inside, in both readers."""
    rows = [logs.litellm_spend(request, number) for number, request in enumerate(logs.REQUESTS)]
    path = written(tmp_path, in_lines([row | {"metadata": json.dumps(row["metadata"])} for row in rows]))
    assert read_traffic([path]).histogram.totals() == read_with_duckdb([path]).histogram.totals() == logs.TOTALS


def test_ragged_tables(sizer: Any, tmp_path: Path) -> None:
    """Rows with cells too many or too few are no bug, recognised or not."""
    path = written(tmp_path, "model,input_tokens,output_tokens\nm,10,2,9,9\nm,11\nm,12,3\n", "log.csv")
    assert read_traffic([path]).histogram.totals() == (2, 22, 5, 0)
    outcome = sizer("route", "--log", written(tmp_path, "a,b\n1,2,3\n", "other.csv"))
    assert outcome.code == 2
    assert "columns seen: a, b" in outcome.err


def test_duckdb_that_stumbles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text log that DuckDB cannot read is read without it; packed or marked files are not given to it."""
    path = written(tmp_path, "model,input_tokens,output_tokens,x\nm,10,2,caf\xe9\n".encode("latin-1"), "log.csv")
    monkeypatch.setattr(collect, "_DUCKDB_BYTES", 0)
    traffic, _ = collect.collect_logs([path], progress=lambda _: None)
    assert traffic.histogram.totals() == (1, 10, 2, 0)
    line = LINES[0].encode()
    for name, content in (
        ("a.jsonl", b"\xef\xbb\xbf" + line), ("b.json", json.dumps(ROWS, indent=1).encode()),
        ("c.jsonl", LINES[0].encode("utf-16")), ("d.jsonl", gzip.compress(line)),
    ):  # fmt: skip
        traffic, _ = collect.collect_logs([written(tmp_path, content, name)], progress=lambda _: None)
        assert not traffic.left_out


def test_places_that_differ_in_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`u/a` and `u/A` are one name to DuckDB, which would count one of them twice: such a log is read without it."""
    path = written(tmp_path, in_lines([{"m": "x", "u": {"a": 5, "A": 7}}]))
    monkeypatch.setattr(collect, "_DUCKDB_BYTES", 0)
    traffic, _ = collect.collect_logs([path], columns="model=m,input=u/a,output=u/A", progress=lambda _: None)
    assert traffic.histogram.totals() == (1, 5, 7, 0)
    with pytest.raises(UsageError, match="differ only in case"):
        read_with_duckdb([path], schema=custom_schema("model=m,input=u/a,output=u/A"))


def test_files_and_folders(tmp_path: Path) -> None:
    """Every glob works, a file named twice is one, a pipe is read, and a folder is called a folder."""
    path = written(tmp_path, "\n".join(LINES), "log1.jsonl")
    assert expand([path, str(tmp_path / "log?.jsonl"), str(tmp_path / "log[12].jsonl")]) == [path]
    with pytest.raises(NotFoundError, match="is a folder"):
        expand([str(tmp_path)])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert expand([str(pipe)]) == [str(pipe)]


def test_prompts_of_every_layout(tmp_path: Path) -> None:
    """`score` reads the prompts of tables, printed JSON and lines of text; a comma makes no table of a text."""
    texts = ["one, two", "three"]
    rows = [{"prompt": text} for text in texts]
    for name, content in (
        ("a.json", json.dumps(rows, indent=1)), ("b.jsonl", in_lines(rows)), ("c.txt", "\n".join(texts)),
        ("d.csv", 'id,prompt\n1,"one, two"\n2,three\n'), ("e", 'id,prompt\n1,"one, two"\n2,three\n'),
    ):  # fmt: skip
        assert list(read_prompts(written(tmp_path, content, name))) == texts, name


def test_a_prompt_that_is_json() -> None:
    """JSON that is no message is the text itself."""
    assert last_user_text('{"task": "sort"}') == '{"task": "sort"}'


def test_form_of(tmp_path: Path) -> None:
    """A form is told by the name and the first lines."""
    assert form_of(written(tmp_path, "a;b\n1;2", "x.csv")).delimiter == ";"
    assert form_of(written(tmp_path, json.dumps(ROWS))).kind == "nested"
    with open_log(written(tmp_path, "a")) as stream:
        assert stream.read() == b"a"


def test_parts_that_are_no_numbers(tmp_path: Path) -> None:
    """A total, a stored or a reasoning part that is no count tells nothing; the row's own counts stand."""
    usage = {"input": 60, "input_cached_tokens": 40, "output": 10}
    rows = [
        observation(usage | {"total": "x", "output_reasoning_tokens": 90}),
        observation(usage | {"total": 3.5, "output_reasoning_tokens": ""}),
        observation(usage | {"cache_creation_input_tokens": "?", "output_reasoning_tokens": "90"}),
    ]
    path = written(tmp_path, in_lines(rows))
    ours, theirs = read_traffic([path]), read_with_duckdb([path])
    assert ours.histogram.totals() == theirs.histogram.totals() == (3, 300, 210, 120)
    assert ours.reasoning_requests == theirs.reasoning_requests == 2


def test_a_table_whose_first_rows_are_numbers(tmp_path: Path) -> None:
    """A cell that is no number, far down in a column of numbers, rules out its row and not the file."""
    rows = [f"m,{number},1" for number in range(3000)]
    path = written(tmp_path, "\n".join(["model,input_tokens,output_tokens", *rows, "m,x,1", ""]), "log.csv")
    ours, theirs = read_traffic([path]), read_with_duckdb([path])
    assert list(ours.histogram) == list(theirs.histogram)
    assert sum(theirs.left_out.values()) == 1


def test_more_cached_than_read(sizer: Any, tmp_path: Path) -> None:
    """Where a mapped input leaves the cache out, that shows in some rows, and the answer says so, in both readers."""
    rows = [f"m,{given},{cached},1" for given, cached in ((20, 900), (20, 10), (5, 6))]
    path = written(tmp_path, "\n".join(["llm,fresh,hits,made", *rows, ""]), "log.csv")
    mapping = "model=llm,input=fresh,output=made,cached=hits"
    schema = custom_schema(mapping)
    assert read_traffic([path], schema=schema).over == read_with_duckdb([path], schema=schema).over == 2
    arguments = ("--log", path, "--columns", mapping, "--small-price", "1:1", "--large-price", "2:2")
    assert "2 requests with more tokens cached than read" in " ".join(sizer("route", *arguments).out.split())
    assert read_traffic([written(tmp_path, "\n".join(LINES))]).over == 0
