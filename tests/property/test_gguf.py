"""Laws of the GGUF reader: what was written is read, in whichever portions, and nothing but its own errors come out."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.errors import InvalidDataError
from sizer.headers.ggml_types import GGML_TYPES
from sizer.headers.gguf import GgufReader, parse_header
from sizer.headers.interface import Header, StoredTensor
from tests.gguf_writer import Info, Pair, Writer

SETTLED = {number: kind for number, kind in GGML_TYPES.items() if kind.is_settled}
RANGES = {"u8": (0, 255), "i8": (-128, 127), "u32": (0, 2**32 - 1), "i64": (-(2**63), 2**63 - 1)}
NAMES = st.text(min_size=1, max_size=12).filter(lambda text: text != "general.alignment")


@st.composite
def pairs(draw: st.DrawFn) -> list[Pair]:
    found: list[Pair] = []
    for key in draw(st.lists(NAMES, max_size=6, unique=True)):
        kind = draw(st.sampled_from([*RANGES, "str", "bool"]))
        value: st.SearchStrategy[Any] = (
            st.text(max_size=20) if kind == "str" else st.booleans() if kind == "bool" else st.integers(*RANGES[kind])
        )
        if draw(st.booleans()):
            found.append((key, f"[{kind}]", draw(st.lists(value, max_size=5))))
        else:
            found.append((key, kind, draw(value)))
    return found


@st.composite
def infos(draw: st.DrawFn) -> list[tuple[Info, int]]:
    """Tensors one after the other, each with its bytes."""
    found: list[tuple[Info, int]] = []
    position = 0
    for name in draw(st.lists(NAMES, max_size=5, unique=True)):
        number = draw(st.sampled_from(sorted(SETTLED)))
        kind = SETTLED[number]
        first = kind.block_elements * draw(st.integers(0, 3))
        dimensions = [first, *draw(st.lists(st.integers(0, 3), max_size=3))]
        size = math.prod(dimensions) // kind.block_elements * kind.block_bytes
        found.append(((name, dimensions, number, position), size))
        position += -(-size // 32) * 32
    return found


WRITERS = st.sampled_from([Writer(1), Writer(2), Writer(3), Writer(3, ">")])


@settings(max_examples=150, deadline=None)
@given(writer=WRITERS, written=pairs(), tensors=infos(), cuts=st.lists(st.floats(0, 1), max_size=5))
def test_what_was_written_is_read(
    writer: Writer, written: list[Pair], tensors: list[tuple[Info, int]], cuts: list[float]
) -> None:
    """Pairs and tensors come out as they went in, fed at once or in portions."""
    raw = writer.header(written, [info for info, _ in tensors])
    header = parse_header(raw, path="model.gguf")
    assert header.metadata == {key: value for key, _, value in written}
    assert header.tensors == tuple(
        StoredTensor(name, GGML_TYPES[number].name, tuple(reversed(dimensions)), size)
        for (name, dimensions, number, _), size in tensors
    )
    reader = GgufReader(path="model.gguf")
    portions = [reader.feed(raw[: int(cut * len(raw))]) for cut in sorted(cuts)]
    complete = [portion for portion in portions if portion is not None]
    assert all(portion == header for portion in complete)
    if not complete:
        assert reader.feed(raw) == header


@settings(max_examples=400, deadline=None)
@given(writer=WRITERS, written=pairs(), tensors=infos(), data=st.data())
def test_damage_is_refused_or_harmless(
    writer: Writer, written: list[Pair], tensors: list[tuple[Info, int]], data: st.DataObject
) -> None:
    """Whatever a few bytes are changed to, the answer is a header within the file or an error with a rule."""
    raw = bytearray(writer.header(written, [info for info, _ in tensors]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        piece = data.draw(st.sampled_from([b"\0", b"\xff", b"\x01", b"\x09", b"\xff" * 8, b"\0" * 8, b"\x80"]))
        raw[at : at + len(piece)] = piece
    file_bytes = len(raw) + data.draw(st.integers(0, 500))
    result = _read(bytes(raw), file_bytes)
    if isinstance(result, InvalidDataError):
        assert result.code.startswith("header.")
        assert result.details["rule"]
    else:
        assert all(tensor.size_bytes <= file_bytes for tensor in result.tensors)
        assert len({tensor.name for tensor in result.tensors}) == len(result.tensors)


def _read(raw: bytes, file_bytes: int) -> Header | InvalidDataError:
    try:
        return parse_header(raw, path="model.gguf", file_bytes=file_bytes)
    except InvalidDataError as error:
        return error
