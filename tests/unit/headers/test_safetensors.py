"""The safetensors header reader: what it reads, and which rule every malformed header breaks."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import safetensors

from sizer.errors import InvalidDataError
from sizer.headers import safetensors as reader
from sizer.headers.interface import Header, StoredTensor
from sizer.headers.safetensors import header_length, parse_header

VERIFIED = f"safetensors {safetensors.__version__}"


def frame(text: bytes | str | dict[str, Any]) -> bytes:
    """Header bytes as a file begins with them."""
    if isinstance(text, dict):
        text = json.dumps(text)
    if isinstance(text, str):
        text = text.encode()
    return struct.pack("<Q", len(text)) + text


def tensor(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **extra: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **extra}


def one(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **extra: Any) -> bytes:
    return frame({"a": tensor(dtype, shape, offsets, **extra)})


def read(raw: bytes, file_bytes: int | None = None) -> Header:
    return parse_header(raw, path="model.safetensors", file_bytes=file_bytes)


# -- what is read ------------------------------------------------------------------------------------


def test_a_header_gives_tensors_in_file_order_with_their_bytes() -> None:
    """Names, dtypes, shapes and bytes come out as the file states them, and the reference has agreed."""
    raw = frame(
        {"__metadata__": {"format": "pt"}, "b": tensor("BF16", [3, 2], [8, 20]), "a": tensor("F32", [2], [0, 8])}
    )
    assert read(raw, file_bytes=len(raw) + 20) == Header(
        path="model.safetensors",
        format="safetensors",
        tensors=(StoredTensor("b", "BF16", (3, 2), 12), StoredTensor("a", "F32", (2,), 8)),
        metadata={"format": "pt"},
        header_bytes=len(raw),
        file_bytes=len(raw) + 20,
        verified_by=VERIFIED,
    )


@pytest.mark.parametrize(
    ("raw", "tensors"),
    [
        pytest.param(frame("{}"), (), id="no tensors"),
        pytest.param(frame('{"__metadata__":null}'), (), id="metadata is null"),
        pytest.param(frame('{"__metadata__":{"dtype":"x","shape":"[1]"}}'), (), id="metadata named like fields"),
        pytest.param(frame('{"__metadata__":{"k":"1","k":"2"}}'), (), id="metadata key twice"),
        pytest.param(one("F32", [], [0, 4]), (StoredTensor("a", "F32", (), 4),), id="scalar"),
        pytest.param(one("F32", [0, 2**63, 4], [0, 0]), (StoredTensor("a", "F32", (0, 2**63, 4), 0),), id="empty"),
        pytest.param(one("F4", [4, 2], [0, 4]), (StoredTensor("a", "F4", (4, 2), 4),), id="four-bit floats"),
        pytest.param(one("F6_E2M3", [4], [0, 3]), (StoredTensor("a", "F6_E2M3", (4,), 3),), id="six-bit floats"),
        pytest.param(one(extra={"k": [1, {}]}), (StoredTensor("a", "F32", (2,), 8),), id="unknown field"),
        pytest.param(frame('{"a":["F32",[2],[0,8]]}'), (StoredTensor("a", "F32", (2,), 8),), id="by position"),
        pytest.param(
            frame('{"a":{"dtype":{"F32":null},"shape":[2],"data_offsets":[0,8]}}'),
            (StoredTensor("a", "F32", (2,), 8),),
            id="dtype as a key",
        ),
        pytest.param(
            frame('{"a":{"d\\u0074ype":"F32","shape":[2],"data_offsets":[0,8]}}'),
            (StoredTensor("a", "F32", (2,), 8),),
            id="escaped field name",
        ),
        pytest.param(
            frame('{"a[0]":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
            (StoredTensor("a[0]", "F32", (2,), 8),),
            id="brackets in a name",
        ),
        pytest.param(frame(b" \n\t" + one()[8:] + b"  "), (StoredTensor("a", "F32", (2,), 8),), id="white space"),
        pytest.param(frame({"": tensor()}), (StoredTensor("", "F32", (2,), 8),), id="empty name"),
        pytest.param(frame({"\x1b[2J": tensor()}), (StoredTensor("\x1b[2J", "F32", (2,), 8),), id="control characters"),
        pytest.param(one("U8", [1] * 65, [0, 1]), (StoredTensor("a", "U8", (1,) * 65, 1),), id="65 dimensions"),
        pytest.param(
            frame({"a": tensor("U8", [1], [0, 1]), "b": tensor("F32", [1], [1, 5])}),
            (StoredTensor("a", "U8", (1,), 1), StoredTensor("b", "F32", (1,), 4)),
            id="unaligned",
        ),
    ],
)  # fmt: skip
def test_unusual_headers_that_the_format_allows_are_read(raw: bytes, tensors: tuple[StoredTensor, ...]) -> None:
    """Whatever the reference accepts is read, in every spelling it accepts."""
    header = read(raw, file_bytes=len(raw) + sum(tensor.size_bytes for tensor in tensors))
    assert header.tensors == tensors
    assert (header.verified_by, header.notices) == (VERIFIED, ())


@pytest.mark.parametrize("dtype", sorted(reader.DTYPE_BITS))
def test_every_dtype_has_the_size_that_the_reference_gives_it(dtype: str) -> None:
    """Eight elements take as many bytes as an element has bits, and the reference agrees."""
    bits = reader.DTYPE_BITS[dtype]
    header = read(one(dtype, [8], [0, bits]))
    assert (header.tensors[0].size_bytes, header.verified_by) == (bits, VERIFIED)


def test_the_reference_names_the_dtypes_that_are_known_here() -> None:
    """The table of dtypes is the reference's own list; a new release that adds one is noticed."""
    with pytest.raises(safetensors.SafetensorError) as caught:
        safetensors.deserialize(one("F33"))
    listed = str(caught.value).partition("expected one of ")[2].partition(" at line")[0]
    assert {name.strip("`") for name in listed.split(", ")} == set(reader.DTYPE_BITS)


def test_bytes_after_the_header_are_ignored() -> None:
    """A first range that reaches into the body is as good as the exact header."""
    raw = one()
    assert read(raw + b"\x00" * 8, file_bytes=len(raw) + 8) == read(raw, file_bytes=len(raw) + 8)


def test_the_file_size_may_be_unknown() -> None:
    """Without the size of the file the last rule is not checked, every other one is."""
    assert read(one()).file_bytes is None


def test_headers_are_parsed_in_threads() -> None:
    """Several threads at once give what one gives."""
    raws = [one("U8", [size], [0, size]) for size in range(1, 40)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, raws)) == [read(raw) for raw in raws]


def test_a_large_header_takes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two brackets per tensor no name can have been lost, and the slow decoder is not needed."""
    monkeypatch.setattr(reader, "_decode_members", None)
    text = {f"model.layers.{i}.weight": tensor("BF16", [4, 2], [16 * i, 16 * i + 16]) for i in range(1000)}
    assert len(read(frame(text)).tensors) == 1000


# -- what is read with a warning ---------------------------------------------------------------------


def test_nul_padding_is_read_with_a_warning() -> None:
    """A header padded with NUL bytes is counted, said to be refused by strict loaders, and not verified."""
    raw = frame(one()[8:] + b"\0" * 5)
    header = read(raw, file_bytes=len(raw) + 8)
    assert header.tensors == (StoredTensor("a", "F32", (2,), 8),)
    assert header.header_bytes == len(raw)
    assert header.verified_by is None
    assert [notice.code for notice in header.notices] == ["header.nul_padding"]
    assert "5 NUL bytes" in header.notices[0].message


def test_a_dtype_newer_than_the_library_is_counted_from_shapes() -> None:
    """A dtype that the reference does not know yet is read: elements from the shape, bytes from the offsets."""
    raw = frame(
        {"a": tensor("F3_E1M1", [8], [0, 3]), "b": tensor("I4", [2, 3], [3, 6]), "c": tensor("F32", [1], [6, 10])}
    )
    header = read(raw, file_bytes=len(raw) + 10)
    assert header.tensors == (
        StoredTensor("a", "F3_E1M1", (8,), 3),
        StoredTensor("b", "I4", (2, 3), 3),
        StoredTensor("c", "F32", (1,), 4),
    )
    assert header.verified_by is None
    assert [notice.code for notice in header.notices] == ["header.new_dtype"]
    assert "`F3_E1M1`, `I4`" in header.notices[0].message


def test_a_tensor_named_like_a_new_dtype_keeps_its_name() -> None:
    """Asking the reference with the dtype replaced leaves what is reported alone."""
    assert read(frame({"I4": tensor("I4", [2], [0, 1])})).tensors == (StoredTensor("I4", "I4", (2,), 1),)


# -- what is refused ---------------------------------------------------------------------------------

_F32 = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
_EMPTY = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'


def _pair(first: Any, second: Any) -> bytes:
    return frame({"a": tensor("U8", [first[1] - first[0]], first), "b": tensor("U8", [second[1] - second[0]], second)})


HOSTILE: dict[str, tuple[bytes, str]] = {
    # The length.
    "empty file": (b"", "header.too_short"),
    "seven bytes": (b"\x02\0\0\0\0\0\0", "header.too_short"),
    "longer than the format allows": (struct.pack("<Q", 100_000_001) + b"{}", "header.too_large"),
    "two gigabytes": (struct.pack("<Q", 2 * 10**9) + b"{}", "header.too_large"),
    "largest length": (b"\xff" * 8 + b"{}", "header.too_large"),
    "cut short": (frame("{}")[:-1], "header.incomplete"),
    "nothing after the length": (struct.pack("<Q", 16), "header.incomplete"),
    # Text.
    "not UTF-8": (frame(b'{"\xff":' + _F32.encode() + b"}"), "header.utf8"),
    "overlong UTF-8": (frame(b'{"\xc0\xaf":' + _F32.encode() + b"}"), "header.utf8"),
    "surrogate in UTF-8": (frame(b'{"\xed\xa0\x80":' + _F32.encode() + b"}"), "header.utf8"),
    "UTF-16": (frame(("{}").encode("utf-16")), "header.utf8"),
    "byte order mark": (frame(b"\xef\xbb\xbf{}"), "header.json"),
    # JSON.
    "no text": (frame(b""), "header.json"),
    "only spaces": (frame(b"    "), "header.json"),
    "only NUL bytes": (frame(b"\0\0\0\0"), "header.json"),
    "unclosed": (frame('{"a":' + _F32), "header.json"),
    "trailing comma": (frame('{"a":' + _F32 + ",}"), "header.json"),
    "two documents": (frame("{}{}"), "header.json"),
    "text after the object": (frame("{} x"), "header.json"),
    "NUL bytes, then text": (frame(b"{}\0\0x"), "header.json"),
    "single quotes": (frame("{'a':1}"), "header.json"),
    "comment": (frame("{/* */}"), "header.json"),
    "NaN": (frame('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}'), "header.json"),
    "Infinity": (frame('{"a":{"dtype":"F32","shape":[Infinity],"data_offsets":[0,8]}}'), "header.json"),
    "leading zero": (frame('{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}'), "header.json"),
    "plus sign": (frame('{"a":{"dtype":"F32","shape":[+2],"data_offsets":[0,8]}}'), "header.json"),
    "hexadecimal": (frame('{"a":{"dtype":"F32","shape":[0x2],"data_offsets":[0,8]}}'), "header.json"),
    "lone surrogate": (frame('{"\\ud800":' + _F32 + "}"), "header.json"),
    "raw control character": (frame(b'{"a\nb":' + _F32.encode() + b"}"), "header.json"),
    "bad escape": (frame('{"\\x":' + _F32 + "}"), "header.json"),
    "nested 200 deep": (frame('{"a":{"x":' + "[" * 200 + "]" * 200 + "}}"), "header.json"),
    "nested 100,000 deep": (frame('{"a":' + "[" * 100_000), "header.json"),
    "number out of range": (frame('{"a":{"x":1e999,"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'), "header.json"),
    # Structure.
    "a list": (frame("[]"), "header.field"),
    "null": (frame("null"), "header.field"),
    "a number": (frame("3"), "header.field"),
    "a string": (frame('"x"'), "header.field"),
    "tensor is a number": (frame('{"a":3}'), "header.field"),
    "tensor is null": (frame('{"a":null}'), "header.field"),
    "metadata is a list": (frame('{"__metadata__":[]}'), "header.field"),
    "metadata is a string": (frame('{"__metadata__":"pt"}'), "header.field"),
    "metadata holds a number": (frame('{"__metadata__":{"a":1}}'), "header.field"),
    "metadata holds an object": (frame('{"__metadata__":{"a":{}}}'), "header.field"),
    "metadata twice": (frame('{"__metadata__":{},"__metadata__":{}}'), "header.field"),
    "no dtype": (frame({"a": {"shape": [2], "data_offsets": [0, 8]}}), "header.field"),
    "no shape": (frame({"a": {"dtype": "F32", "data_offsets": [0, 8]}}), "header.field"),
    "no data_offsets": (frame({"a": {"dtype": "F32", "shape": [2]}}), "header.field"),
    "dtype twice": (frame('{"a":{"dtype":"F32",' + _F32[1:] + "}"), "header.field"),
    "data_offsets twice": (frame('{"a":{"data_offsets":[0,8],' + _F32[1:] + "}"), "header.field"),
    "four by position": (frame('{"a":["F32",[2],[0,8],1]}'), "header.field"),
    # Types of fields.
    "dtype is a number": (one(dtype=3), "header.field"),
    "dtype is null": (one(dtype=None), "header.field"),
    "dtype is a list": (one(dtype=["F32"]), "header.field"),
    "shape is null": (one(shape=None), "header.field"),
    "shape is a number": (one(shape=2), "header.field"),
    "shape is text": (one(shape="2"), "header.field"),
    "dimension is text": (one(shape=["2"]), "header.field"),
    "dimension is negative": (one(shape=[-2]), "header.field"),
    "dimension is a float": (one(shape=[2.0]), "header.field"),
    "dimension has an exponent": (frame('{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}'), "header.field"),
    "dimension is minus zero": (frame('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), "header.field"),
    "dimension is true": (one(shape=[True]), "header.field"),
    "dimension is null": (one(shape=[None]), "header.field"),
    "dimension is a list": (one(shape=[[2]]), "header.field"),
    "dimension is 2**64": (one(shape=[2**64]), "header.field"),
    "dimension has 300 digits": (one(shape=[10**300]), "header.field"),
    "data_offsets is null": (one(offsets=None), "header.field"),
    "data_offsets is an object": (one(offsets={"0": 0, "1": 8}), "header.field"),
    "data_offsets has one number": (one(offsets=[0]), "header.field"),
    "data_offsets has three numbers": (one(offsets=[0, 8, 8]), "header.field"),
    "data_offsets is negative": (one(offsets=[-8, 0]), "header.field"),
    "data_offsets is a float": (one(offsets=[0, 8.0]), "header.field"),
    "data_offsets is 2**64": (one(offsets=[0, 2**64]), "header.field"),
    # Dtypes.
    "dtype in lower case": (one(dtype="f32"), "header.dtype"),
    "dtype of torch": (one(dtype="torch.float32"), "header.dtype"),
    "dtype is empty": (one(dtype=""), "header.dtype"),
    "dtype with a space": (one(dtype="F32 "), "header.dtype"),
    "dtype of 10,000 letters": (one(dtype="F" * 10_000), "header.dtype"),
    "five new dtypes": (frame({f"a{i}": tensor(f"X{i}", [8], [8 * i, 8 * i + 8]) for i in range(5)}), "header.dtype"),
    "new dtype, escaped": (frame('{"a":{"dtype":"\\u0046999","shape":[2],"data_offsets":[0,8]}}'), "header.dtype"),
    # Names.
    "name twice": (frame('{"a":' + _F32 + ',"a":' + _F32 + "}"), "header.duplicate_name"),
    "name twice, first one hidden": (frame('{"a":' + _EMPTY + ',"a":' + _F32 + "}"), "header.duplicate_name"),
    "name twice, one escaped": (frame('{"a":' + _F32 + ',"\\u0061":' + _F32 + "}"), "header.duplicate_name"),
    "name twice, one by position": (frame('{"a":["F32",[2],[0,8]],"a":' + _F32 + "}"), "header.duplicate_name"),
    "name twice beside brackets": (frame('{"a[":' + _F32 + ',"a[":' + _F32 + "}"), "header.duplicate_name"),
    "name twice, new dtype": (frame('{"a":["I4",[2],[0,1]],"a":["I4",[2],[1,2]]}'), "header.duplicate_name"),
    # Layout.
    "does not begin at 0": (one(offsets=[8, 16]), "header.offsets"),
    "ends before it begins": (one(offsets=[8, 0]), "header.offsets"),
    "hole": (_pair((0, 8), (9, 10)), "header.offsets"),
    "overlap": (_pair((0, 8), (4, 12)), "header.offsets"),
    "same place twice": (_pair((0, 8), (0, 8)), "header.offsets"),
    "one inside the other": (_pair((0, 8), (2, 4)), "header.offsets"),
    "end near 2**64": (one(offsets=[2**64 - 8, 2**64 - 1]), "header.offsets"),
    "elements overflow": (one(shape=[2**32, 2**32]), "header.overflow"),
    "elements overflow before a zero": (one(shape=[2**63, 4, 0], offsets=[0, 0]), "header.overflow"),
    "bits overflow": (one(shape=[2**60]), "header.overflow"),
    "a thousand dimensions of 2**63": (one(shape=[2**63] * 1000), "header.overflow"),
    "odd count of four-bit floats": (one("F4", [3], [0, 2]), "header.misaligned"),
    "two six-bit floats": (one("F6_E3M2", [2], [0, 2]), "header.misaligned"),
    "too few bytes": (one(shape=[3]), "header.size"),
    "too many bytes": (one(shape=[1]), "header.size"),
    "empty tensor with bytes": (one(shape=[0]), "header.size"),
    "scalar with eight bytes": (one(shape=[]), "header.size"),
    "new dtype with too few bytes": (one("I4", [100], [0, 8]), "header.size"),
    "new dtype with too many bytes": (one("I4", [1], [0, 17]), "header.size"),
    "new dtype, vast": (one("I4", [2**40, 2**40], [0, 8]), "header.overflow"),
    "new dtype, hole": (one("I4", [2], [1, 2]), "header.offsets"),
    "NUL padding, hole": (frame(one(offsets=[8, 16])[8:] + b"\0"), "header.offsets"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_malformed_header_is_refused_by_the_rule_it_breaks(case: str) -> None:
    """Every malformed header ends in exit code 5, with the file and the rule named."""
    raw, code = HOSTILE[case]
    with pytest.raises(InvalidDataError) as caught:
        read(raw)
    error = caught.value
    assert error.code == code
    assert error.exit_code == 5
    is_unread = code == "header.incomplete"
    expected = "the header of `model.safetensors` was not read" if is_unread else "`model.safetensors` is not a valid"
    assert error.what.startswith(expected)
    assert error.details["rule"] in error.because
    assert error.hint
    assert len(str(error)) < 1000


@pytest.mark.parametrize("case", HOSTILE)
def test_the_reference_refuses_what_is_refused_here(case: str) -> None:
    """The table of malformed headers is not stricter than the format, but for repeated names and new dtypes."""
    raw, code = HOSTILE[case]
    if code == "header.duplicate_name" and "new dtype" not in case:
        assert reader._ask_reference(raw) == ""
    else:
        assert reader._ask_reference(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (_pair((0, 8), (9, 10)), "tensor `b` has data_offsets [9, 10], expected to begin at 8"),
        (one(shape=[3]), "tensor `a`, [3] of F32, takes 12 bytes, its data_offsets span 8"),
        (one("F4", [3], [0, 2]), "tensor `a`, [3] of F4, takes 12 bits"),
        (
            one(shape=[-2]),
            "invalid value: integer `-2`, expected an unsigned integer of 64 bits at byte 69 of the file",
        ),
        (frame('{\n"a":\n 3}'), "expected an object with dtype, shape and data_offsets at byte 17 of the file"),
        (frame('{"a":' + _F32 + ',"a":' + _F32 + "}"), "`a` occurs more than once"),
        (frame("{}{}"), "trailing characters at byte 10 of the file, near `{}{}`"),
        (struct.pack("<Q", 2**40), "its first 8 bytes give a header of 1,099,511,627,776 bytes"),
        (frame("{}")[:-1], "9 of 10 bytes arrived"),
        (b"abc", "the file has 3 bytes"),
    ],
)
def test_the_message_says_what_was_expected_and_found(raw: bytes, words: str) -> None:
    """The reason names the tensor and the numbers, or the byte of the file where reading stopped."""
    with pytest.raises(InvalidDataError) as caught:
        read(raw)
    assert words in caught.value.because


@pytest.mark.parametrize(("surplus", "hint"), [(-1, "cut short"), (1, "damaged"), (-8, "cut short")])
def test_the_tensors_fill_the_file(surplus: int, hint: str) -> None:
    """A file that is shorter or longer than header and tensors together is refused."""
    raw = one()
    with pytest.raises(InvalidDataError) as caught:
        read(raw, file_bytes=len(raw) + 8 + surplus)
    error = caught.value
    assert error.code == "header.body"
    assert f"take {len(raw) + 8:,} bytes, the file has {len(raw) + 8 + surplus:,}" in error.because
    assert hint in error.hint


def test_a_header_longer_than_its_file_is_refused() -> None:
    """The length is held against the file before anything is read."""
    with pytest.raises(InvalidDataError) as caught:
        header_length(struct.pack("<Q", 1000), path="x.safetensors", file_bytes=900)
    assert caught.value.code == "header.length"
    assert "8 + 1,000 bytes does not fit a file of 900 bytes" in caught.value.because


def test_header_length_counts_its_own_eight_bytes() -> None:
    """The first tensor begins after 8 + N bytes."""
    assert header_length(one()[:8], path="x.safetensors", file_bytes=10**6) == len(one())


def test_a_header_above_the_cap_says_how_to_raise_it() -> None:
    """The default limit is 25,000,000 bytes; the hint names the flag and the value to use."""
    first = struct.pack("<Q", 25_000_001)
    with pytest.raises(InvalidDataError) as caught:
        header_length(first, path="x.safetensors")
    assert caught.value.code == "header.over_cap"
    assert "--max-header-bytes 25000001" in caught.value.hint
    assert header_length(first, path="x.safetensors", cap=100_000_000) == 25_000_009


@pytest.mark.parametrize(
    ("first", "guess"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "HTML page"),
        (b"\n\n<html>", "HTML page"),
        (b"GGUF\x03\0\0\0", "GGUF file"),
        (b"PK\x03\x04\0\0\x08\x08", "PyTorch file"),
        (b'{"error": "x"}', "JSON document"),
    ],
)
def test_another_kind_of_file_is_recognised(first: bytes, guess: str) -> None:
    """What is not safetensors at all is said to look like what it is."""
    with pytest.raises(InvalidDataError) as caught:
        header_length(first, path="x.safetensors")
    assert caught.value.code == "header.too_large"
    assert guess in caught.value.because


def test_a_git_lfs_pointer_says_how_to_get_the_file() -> None:
    """A clone without LFS has pointers in place of weights; the hint is the command that fetches them."""
    with pytest.raises(InvalidDataError) as caught:
        header_length(b"version https://git-lfs", path="x.safetensors")
    assert "git lfs pull" in caught.value.hint


def test_the_words_of_the_reference_are_the_ones_relied_upon() -> None:
    """A header without its body fails with one text only; a release that changes it fails here first."""
    with pytest.raises(safetensors.SafetensorError) as caught:
        safetensors.deserialize(one())
    assert str(caught.value) == "Error while deserializing: incomplete metadata, file not fully covered"
