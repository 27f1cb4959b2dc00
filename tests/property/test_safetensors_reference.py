"""Law: a header is read here exactly when the reference reader opens the file and no name occurs twice."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sizer.errors import InvalidDataError
from sizer.headers.interface import Header
from sizer.headers.safetensors import DTYPE_BITS, parse_header

NAMES = st.sampled_from(["a", "b", "c", "a[0]", "", "é", "__metadata__", "I4"])
DTYPES = st.sampled_from([*DTYPE_BITS, "F4", "f32", "I4", 3, None])
NUMBERS = st.one_of(st.integers(0, 9), st.sampled_from([-1, 2.0, True, None, "1", 2**32, 2**63, 2**64]))
SIZE = st.integers(-2, 2)


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, int]:
    """Header text and body size: a sound file, then a few faults of every kind."""
    members: list[tuple[str, Any]] = []
    position = 0
    for name in draw(st.lists(NAMES, max_size=4)):
        dtype = draw(st.sampled_from(sorted(DTYPE_BITS)))
        shape = draw(st.lists(st.integers(0, 5), max_size=3))
        elements = 1
        for dimension in shape:
            elements *= dimension
        size = elements * DTYPE_BITS[dtype] // 8
        members.append((name, {"dtype": dtype, "shape": shape, "data_offsets": [position, position + size]}))
        position += size
    for _ in range(draw(st.integers(0, 2))):
        _damage(draw, members)
    if draw(st.booleans()):
        members.insert(0, ("__metadata__", draw(st.sampled_from([{"format": "pt"}, {"k": "[1]"}, {}, None, {"k": 1}]))))
    members = draw(st.permutations(members))
    text = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members) + "}"
    raw = text.encode()
    if draw(st.integers(0, 4)) == 0:
        raw = _mutate(draw, raw)
    return raw, max(0, position + draw(st.sampled_from([0, 0, 0, 0, -1, 1])))


def _damage(draw: st.DrawFn, members: list[tuple[str, Any]]) -> None:
    if not members:
        return
    index = draw(st.integers(0, len(members) - 1))
    name, value = members[index]
    kind = draw(st.sampled_from(["dtype", "shape", "offset", "drop", "extra", "position", "twice", "swap"]))
    if not isinstance(value, dict) or len(value) < 3:
        return
    value = dict(value)
    if kind == "dtype":
        value["dtype"] = draw(DTYPES)
    elif kind == "shape":
        value["shape"] = draw(st.lists(NUMBERS, max_size=4))
    elif kind == "offset":
        value["data_offsets"] = draw(st.lists(NUMBERS, min_size=1, max_size=3))
    elif kind == "drop":
        del value[draw(st.sampled_from(sorted(value)))]
    elif kind == "extra":
        value["x"] = draw(st.sampled_from([[1], {"dtype": "F32"}, "[", None, 10**30]))
    elif kind == "position":
        members[index] = (name, list(value.values()))
        return
    elif kind == "twice":
        members.append((name, value))
        return
    elif kind == "swap":
        value["data_offsets"] = value["data_offsets"][::-1]
    members[index] = (name, value)


def _mutate(draw: st.DrawFn, raw: bytes) -> bytes:
    at = draw(st.integers(0, len(raw)))
    piece = draw(
        st.sampled_from([b"", b"\0", b" ", b"[", b"}", b'"', b",", b"\\", b"\xff", b"0", b"-", b"1e9", b"\0\0"])
    )
    return raw[:at] + piece + raw[at + draw(st.integers(0, 1)) :]


@pytest.fixture(scope="module")
def sparse_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("sparse") / "model.safetensors"
    yield path
    path.unlink(missing_ok=True)


def _opens(path: Path) -> bool:
    """Whether the reference opens the file. Without numpy it says so only after accepting the header."""
    try:
        with safetensors.safe_open(path, framework="np"):
            return True
    except ModuleNotFoundError:
        return True
    except safetensors.SafetensorError:
        return False


def _has_repeated_name(text: bytes) -> bool:
    pairs = json.loads(text.rstrip(b"\0"), object_pairs_hook=tuple)
    return len({name for name, _ in pairs}) < len(pairs)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=headers())
def test_the_verdict_is_that_of_the_reference(case: tuple[bytes, int], sparse_file: Path) -> None:
    """Refused there is refused here; accepted there is accepted here unless a name occurs twice.

    Two kinds of file that the reference refuses are read, unverified and with a notice.
    """
    text, body = case
    raw = struct.pack("<Q", len(text)) + text
    with sparse_file.open("wb") as stream:
        stream.write(raw)
        stream.truncate(len(raw) + body)
    accepted = _opens(sparse_file)
    verdict = _read(raw, len(raw) + body)
    if isinstance(verdict, InvalidDataError):
        assert verdict.code != "header.reference"  # the rule was named
        assert not accepted or verdict.code == "header.duplicate_name"
        assert verdict.code != "header.duplicate_name" or _has_repeated_name(text)
    elif accepted:
        assert not _has_repeated_name(text)
        assert verdict.verified_by is not None
        assert verdict.header_bytes + sum(tensor.size_bytes for tensor in verdict.tensors) == verdict.file_bytes
    else:
        assert verdict.verified_by is None
        assert verdict.notices
        assert {notice.code for notice in verdict.notices} <= {"header.new_dtype", "header.nul_padding"}


def _read(raw: bytes, file_bytes: int) -> Header | InvalidDataError:
    try:
        return parse_header(raw, path="model.safetensors", file_bytes=file_bytes)
    except InvalidDataError as error:
        return error
