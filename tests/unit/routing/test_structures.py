"""Lines decoded into a schema's places alone count as whole rows do, whatever a line holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sizer.routing.traffic import reader as reading
from sizer.routing.traffic.reader import Traffic, read_traffic
from sizer.routing.traffic.schemas import RowReader, custom_schema, detect_schema
from sizer.routing.traffic.structures import Structures, structures_for
from tests.unit.routing import logs

USUAL = logs.litellm_spend(logs.REQUESTS[1], 1)
LINE = json.dumps(USUAL).encode() + b"\n"
CACHED = {"prompt_tokens_details": {"cached_tokens": 8}}


def changed(**changes: Any) -> bytes:
    return json.dumps(USUAL | changes).encode() + b"\n"


def reader_of(*rows: dict[str, Any]) -> RowReader:
    sample = rows or (USUAL,)
    return RowReader(detect_schema(sample, where="log"), sample)


ODD = {
    "another place": changed(metadata={"usage_object": {"cache_read_input_tokens": 9}}),
    "a place in the response": changed(
        metadata={}, response={"usage": {"prompt_tokens_details": {"cached_tokens": 8}}}
    ),
    "JSON in text": changed(metadata=json.dumps(USUAL["metadata"])),
    "nothing on the way": changed(metadata=None),
    "a list on the way": changed(metadata={"usage_object": [CACHED]}),
    "a number on the way": changed(metadata={"usage_object": {"prompt_tokens_details": 7}}),
    "no place": changed(metadata={}),
    "a decision": changed(metadata={"routing_decision": {"tier": "COMPLEX"}}),
    "reasoning": changed(metadata={"usage_object": {"completion_tokens_details": {"reasoning_tokens": "3"}}}),
    "text for a count": changed(prompt_tokens="12"),
    "a whole float": changed(prompt_tokens=12.0, metadata={}),
    "no count": changed(prompt_tokens=12.5),
    "no counts": changed(prompt_tokens=None),
    "a truth value": changed(completion_tokens=True),
    "more than a request has": changed(prompt_tokens=1 << 40),
    "more cached than read": changed(prompt_tokens=3),
    "no model": changed(model=None),
    "a number for a model": changed(model=5),
    "a list for a status": changed(status=["failure"]),
    "a failure": changed(status="failure"),
    "no session": changed(session_id=None),
    "a later time": changed(startTime="2026-12-01T00:00:00+05:00"),
    "no time": changed(startTime="soon"),
    "an unneeded NaN": changed(other=float("nan")),
    "an unneeded large number": LINE.replace(b'"messages": {}', b'"messages": 1e999'),
    "unneeded bytes that are not UTF-8": LINE.replace(b'"messages": {}', b'"messages": "caf\xe9"'),
    "needed bytes that are not UTF-8": LINE.replace(b"gpt-5", b"gpt\xe9"),
    "half a character": LINE.replace(b'"messages": {}', b'"messages": "\\ud800"'),
    "an escape that is none": LINE.replace(b'"messages": {}', b'"messages": "\\q"'),
    "a key given twice": LINE.replace(b'"messages": {}', b'"prompt_tokens": 77'),
    "a key in escapes": LINE.replace(b"prompt_tokens", b"prompt\\u005ftokens"),
    "a broken line": LINE[:40] + b"\n",
    "two objects on a line": LINE[:-1] + LINE,
    "two objects, and an object over two lines": LINE[:-1] + LINE + LINE.replace(b', "', b',\n"', 1),
    "two objects, and one in another over two lines": LINE[:-1] + LINE + LINE.replace(b": {}", b': {}\n, "b": {}', 1),
    "blank lines": b"\n  \n",
    "a mark": b"\xef\xbb\xbf" + LINE,
    "a carriage return": LINE[:-1] + b"\r\n",
    "spaces around": b"  " + LINE[:-1] + b"  \n",
    "a list": b"[" + LINE[:-1] + b"," + LINE[:-1] + b"]\n",
    "a page": b'{"data": [' + LINE[:-1] + b"]}\n",
    "no object": b'5\n"x"\nnull\n',
    "deeper than is read": LINE.replace(b'"messages": {}', b'"messages": ' + b"[" * 3000 + b"]" * 3000),
}


def told(traffic: Traffic) -> tuple[Any, ...]:
    return (
        traffic.cells, traffic.rows, traffic.left_out, list(traffic.sessions), traffic.clock.first, traffic.clock.last,
        traffic.decisions, traffic.reasoning_requests, traffic.over,
    )  # fmt: skip


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("name", ODD)
def test_any_line_counts_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, first: bool) -> None:
    """A line far down in a log counts as in whole rows, whether it begins a batch or is in the middle of one."""
    log = tmp_path / "log.jsonl"
    log.write_bytes(LINE * 400 + (b"" if first else LINE * 7) + ODD[name] + LINE * 200)
    decoded = []
    decode = Structures.decode
    monkeypatch.setattr(Structures, "decode", lambda self, lines: decoded.append(decode(self, lines)) or decoded[-1])
    found = told(read_traffic([str(log)]))
    assert any(decoded)
    monkeypatch.setattr(reading, "structures_for", lambda _: None)
    assert found == told(read_traffic([str(log)]))


def test_one_object_a_line() -> None:
    """Lines are decoded together only where each is one object: not two on a line, nor one on two lines."""
    structures = structures_for(reader_of())
    assert structures is not None
    decoded = structures.decode([LINE, LINE[:-1]])
    assert decoded is not None
    assert [structures.take(row)[:4] for row in decoded] == [("gpt-5", 2_000, 200, 500)] * 2
    assert structures.decode([LINE[:-1] + LINE, b'{"model":\n', b"5}\n"]) is None
    assert structures.decode([LINE[:-1] + LINE, LINE]) is None
    assert structures.decode([LINE[:-1] + LINE, b"\n"]) is None
    assert structures.decode([b"[1]\n", LINE]) is None


def test_a_place_on_the_way_that_is_no_object() -> None:
    """Only the whole row tells what JSON in text holds: the structure refuses to answer."""
    structures = structures_for(reader_of())
    assert structures is not None
    (row,) = structures.decode([ODD["JSON in text"]]) or [None]
    with pytest.raises(AttributeError):
        structures.take(row)


def test_logs_without_structures() -> None:
    """Rows whose parts are added up, rows of JSON in text, and places within each other are read whole."""
    assert structures_for(reader_of(logs.langfuse(logs.REQUESTS[0], 0))) is None
    assert structures_for(reader_of(USUAL | {"metadata": json.dumps(USUAL["metadata"])})) is None
    for mapping in ("model=m,input=u/a,output=u/b,cached=u/a/c", 'model=m,input=u/a,output=u/"b"'):
        row = {"m": "x", "u": {"a": 5, "b": 7, '"b"': 7}}
        assert structures_for(RowReader(custom_schema(mapping), [row])) is None
