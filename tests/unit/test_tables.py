import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import pytest

from sizer import tables
from sizer.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Choice:
    side: Literal["left", "right"] | None = None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"a: &x 1\nb: *x", "aliases"),
        (b"a: !!python/object:os.system x", "tags"),
        (b"a: !local x", "tags"),
        (b"a: 1\na: 2", "already given on line 1"),
        (b"b: {<<: {a: 1}}", "merge keys"),
        (b"[" * 100_000, "nested deeper"),
        (b"a: 1\n---\nb: 2", "more than one document"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a: [1", "line"),
        (b"a:\n\t- 1", "line 2"),
        (b"a: 2026-13-45", "not YAML"),
        (b"#" * (tables.MAX_BYTES + 1), "larger"),
    ],
)
def test_parse_yaml_refuses(text, why):
    """What makes YAML dangerous or ambiguous is refused with the place."""
    with pytest.raises(UsageError) as info:
        tables.parse_yaml(text, where="x.yaml")
    assert why in info.value.because
    assert "x.yaml" in info.value.what


def test_parse_yaml_reads_json():
    """JSON is read by the JSON rules."""
    assert tables.parse_yaml(b'{"a": [1, 2.5, null]}', where="x.json") == {"a": [1, 2.5, None]}


def test_convert_refuses_unknown_keys_and_suggests():
    """A misspelt key is an error that names the right one and the place."""
    with pytest.raises(UsageError, match=r"did you mean `size`\? - at `\$\[0\]`"):
        tables.convert([{"name": "a", "sise": 3}], list[Row], where="rows.yaml")


def test_convert_names_the_choices():
    """A word that is none of the choices is refused with all of them; one of them and null are taken."""
    assert tables.convert([{"side": "left"}, {"side": None}], list[Choice], where="x") == [
        Choice(side="left"),
        Choice(),
    ]
    with pytest.raises(UsageError, match=r"`up` is not one of left, right - at `\$\[0\].side`"):
        tables.convert([{"side": "up"}], list[Choice], where="rows.yaml")


def test_convert_refuses_wrong_types():
    """A number in quotes is not a number."""
    with pytest.raises(UsageError, match="Expected `int`, got `str`"):
        tables.convert([{"name": "a", "size": "3"}], list[Row], where="rows.yaml")


def test_convert_refuses_text_that_is_no_unicode():
    """Half of a surrogate pair, which JSON can spell, is the file's fault in any place."""
    for value in ({"name": 1, "size": "\ud800"}, {"name": "a", "size": "\ud800"}, "\ud800"):
        with pytest.raises(UsageError):
            tables.convert(value, Row, where="x.json")


@pytest.mark.parametrize(
    "call", ["convert({'items': [{'size': 1}]}, Outer, where='x')", "load_table('size_classes.yaml', Outer)"]
)
def test_threads_may_meet_a_type_at_once(call, tmp_path):
    """Threads that convert or load the same new type at the same time all get their value, and the process lives."""
    # In a process of its own: without the lock msgspec ends it with a segmentation fault.
    script = f"""
from __future__ import annotations
import sys, threading
from dataclasses import dataclass
from sizer import tables
from sizer.tables import convert, load_table
tables._kept_path = lambda *_: tables.Path({str(tmp_path / "table.json")!r})
sys.setswitchinterval(1e-6)
start = threading.Barrier(8)
for _ in range(60):
    @dataclass(frozen=True, kw_only=True)
    class Inner:
        size: int | None = None
        name: str | None = None
        share: float | None = None
        parts: tuple[str, ...] = ()
    @dataclass(frozen=True, kw_only=True)
    class Outer:
        items: tuple[Inner, ...]
    def run():
        start.wait()
        assert {call}.items[0].size == 1
    threads = [threading.Thread(target=run) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""
    (tmp_path / "table.json").write_text('{"items": [{"size": 1}]}')
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
