"""The GGUF header reader: what it reads in portions, and which rule every malformed header breaks."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from sizer.errors import InvalidDataError
from sizer.headers.ggml_types import FORK_TYPE_NAMES, GGML_TYPES, type_name
from sizer.headers.gguf import FIRST_BYTES, GgufReader, check_split, parse_header
from sizer.headers.interface import Header, StoredTensor
from tests.gguf_writer import Writer

W = Writer()
F32, F16, Q4_0, Q8_0, Q4_K, Q6_K, IQ4_KS = 0, 1, 2, 8, 12, 14, 144


def read(raw: bytes, file_bytes: int | None = None) -> Header:
    return parse_header(raw, path="model.gguf", file_bytes=file_bytes)


def refused(raw: bytes, file_bytes: int | None = None) -> InvalidDataError:
    with pytest.raises(InvalidDataError) as caught:
        read(raw, file_bytes)
    return caught.value


# -- what is read ------------------------------------------------------------------------------------

SMALL = W.header(
    pairs=[("general.architecture", "str", "llama"), ("llama.block_count", "u32", 2)],
    infos=[("token_embd.weight", (256, 10), Q4_K, 0), ("output_norm.weight", (256,), F32, 1440)],
)
"""10 rows of one block of 144 bytes; then 256 floats of 4 bytes. 1440 is a multiple of 32."""


def test_a_header_gives_tensors_row_major_with_their_bytes() -> None:
    """Dimensions are turned round, types named, bytes taken from the block of the type."""
    assert read(SMALL, file_bytes=len(SMALL) + 2464) == Header(
        path="model.gguf",
        format="gguf",
        tensors=(
            StoredTensor("token_embd.weight", "Q4_K", (10, 256), 1440),
            StoredTensor("output_norm.weight", "F32", (256,), 1024),
        ),
        metadata={"general.architecture": "llama", "llama.block_count": 2},
        header_bytes=len(SMALL),
        file_bytes=len(SMALL) + 2464,
    )


@pytest.mark.parametrize(
    ("number", "bits_per_element"),
    [
        # Bits per weight as llama.cpp names them (tools/quantize/README.md, src/llama-quant.cpp, docs of each type).
        (0, 32), (1, 16), (2, 4.5), (3, 5), (6, 5.5), (7, 6), (8, 8.5), (10, 2.625), (11, 3.4375), (12, 4.5),
        (13, 5.5), (14, 6.5625), (16, 2.0625), (17, 2.3125), (18, 3.0625), (19, 1.5625), (20, 4.5), (21, 3.4375),
        (22, 2.5625), (23, 4.25), (29, 1.75), (30, 16), (34, 1.6875), (35, 2.0625), (39, 4.25), (40, 4.5), (41, 1.125),
        (42, 2.25),
    ],
)  # fmt: skip
def test_each_type_takes_the_bits_it_is_known_for(number: int, bits_per_element: float) -> None:
    """Bytes of a block times eight, over its elements, is the published figure."""
    kind = GGML_TYPES[number]
    assert kind.block_bytes * 8 / kind.block_elements == bits_per_element


def test_type_names_are_unique() -> None:
    """No two numbers share a name, and no fork's number is one of mainline."""
    names = [kind.name for kind in GGML_TYPES.values()] + list(FORK_TYPE_NAMES.values())
    assert len(set(names)) == len(names)
    assert not set(FORK_TYPE_NAMES) & set(GGML_TYPES)


@pytest.mark.parametrize(
    ("kind", "value", "read_as"),
    [
        ("u8", 200, 200), ("i8", -3, -3), ("u16", 65535, 65535), ("i16", -3, -3), ("u32", 2**32 - 1, 2**32 - 1),
        ("i32", -3, -3), ("u64", 2**64 - 1, 2**64 - 1), ("i64", -(2**63), -(2**63)), ("f32", 0.5, 0.5),
        ("f64", 0.1, 0.1), ("bool", 1, True), ("bool", 0, False), ("bool", 7, True), ("str", "", ""),
        ("str", "é\x1b", "é\x1b"), ("str", b"\xff", "\ufffd"), ("f32", float("nan"), None), ("f64", float("inf"), None),
        ("str", "x" * 65_536, "x" * 65_536), ("str", "x" * 65_537, {"type": "string", "length": 65_537}),
        ("[u32]", [], []), ("[u32]", [8, 0, 8], [8, 0, 8]), ("[bool]", [1, 0], [True, False]),
        ("[i32]", [1] * 1024, [1] * 1024), ("[i32]", [1] * 1025, {"type": "array of int32", "length": 1025}),
        ("[str]", ["a", "b"], ["a", "b"]), ("[str]", ["a"] * 65, {"type": "array of string", "length": 65}),
    ],
)  # fmt: skip
def test_values_of_every_type_are_read(kind: str, value: Any, read_as: Any) -> None:
    """Numbers, texts and short arrays come out plain; long ones as their type and length; all fit into JSON."""
    raw = W.header(pairs=[("a.key", kind, value), ("after", "u8", 1)])
    assert read(raw).metadata == {"a.key": read_as, "after": 1}


@pytest.mark.parametrize("writer", [Writer(1), Writer(2), Writer(3)])
def test_versions_1_to_3_give_the_same(writer: Writer) -> None:
    """Version 1 has lengths of 32 bits; nothing else differs."""
    raw = writer.header([("general.architecture", "str", "x"), ("x.n", "[u16]", [1, 2])], [("t", (32, 2, 3), Q8_0, 0)])
    header = read(raw, file_bytes=len(raw) + 34 * 6 + 20)
    assert header.tensors == (StoredTensor("t", "Q8_0", (3, 2, 32), 204),)
    assert header.metadata == {"general.architecture": "x", "x.n": [1, 2]}
    assert header.notices == ()


def test_big_endian_files_are_read_with_a_warning() -> None:
    """A file in the other byte order is counted, and said to be refused by most loaders."""
    raw = Writer(3, ">").header([("x.n", "u32", 7)], [("t", (32,), F16, 0)])
    header = read(raw, file_bytes=len(raw) + 64)
    assert (header.tensors, header.metadata) == ((StoredTensor("t", "F16", (32,), 64),), {"x.n": 7})
    assert [notice.code for notice in header.notices] == ["header.big_endian"]


def test_tensors_may_be_listed_in_any_order() -> None:
    """The order of the list is kept; the layout is checked in the order of the data."""
    raw = W.header(infos=[("b", (8,), F32, 32), ("a", (2, 2), F32, 0)])
    header = read(raw, file_bytes=len(raw) + 64)
    assert header.tensors == (StoredTensor("b", "F32", (8,), 32), StoredTensor("a", "F32", (2, 2), 16))


@pytest.mark.parametrize("padding", [0, 16])
def test_the_last_tensor_may_be_padded_or_not(padding: int) -> None:
    """Writers differ in whether the file ends with the last tensor or is filled up to the alignment."""
    raw = W.header(infos=[("a", (4,), F32, 0)])
    assert read(raw, file_bytes=len(raw) + 16 + padding).notices == ()


def test_an_own_alignment_is_used() -> None:
    """general.alignment moves the beginning of the data and of every tensor."""
    raw = W.header([("general.alignment", "u32", 4096)], [("a", (4,), F32, 0), ("b", (4,), F32, 4096)], alignment=4096)
    header = read(raw, file_bytes=4096 + 4096 + 16)
    assert header.header_bytes == 4096
    assert len(header.tensors) == 2


def test_scalars_and_empty_tensors_are_read() -> None:
    """A tensor without dimensions has one element, one with a dimension of 0 has none and takes no room."""
    raw = W.header(infos=[("s", (), F32, 0), ("e", (0, 5), F32, 32), ("n", (2,), F32, 32)])
    header = read(raw, file_bytes=len(raw) + 40)
    assert [(tensor.shape, tensor.size_bytes) for tensor in header.tensors] == [((), 4), ((5, 0), 0), ((2,), 8)]


def test_a_file_without_tensors_is_read() -> None:
    """A vocabulary alone is a GGUF file too, as may be the first file of a split model."""
    raw = W.header([("general.architecture", "str", "llama")])
    header = read(raw, file_bytes=len(raw))
    assert (header.tensors, header.header_bytes) == ((), len(raw))


# -- in portions -------------------------------------------------------------------------------------


def vocabulary(tokens: int) -> bytes:
    """A header as real files have it: a vocabulary first, then some tensors."""
    words = [f"token{i}" for i in range(tokens)]
    pairs = [("general.architecture", "str", "x"), ("tokenizer.ggml.tokens", "[str]", words)]
    pairs += [("tokenizer.ggml.scores", "[f32]", [0.0] * tokens), ("x.block_count", "u32", 3)]
    return W.header(pairs, [(f"blk.{i}.attn_q.weight", (32, 4), Q4_0, 96 * i) for i in range(50)])


def test_every_beginning_leads_to_the_same_header() -> None:
    """Fed one byte more each time, the reader ends with what it reads at once, and no sooner than it can."""
    raw = vocabulary(70)
    reader = GgufReader(path="model.gguf")
    answers = [reader.feed(raw[:size]) for size in range(len(raw) + 1)]
    complete = [answer for answer in answers if answer is not None]
    assert complete[0] == read(raw)
    assert answers.index(complete[0]) > len(raw) - 32  # all but padding


def test_the_reader_asks_for_what_it_needs() -> None:
    """Fed as much as it asks for, it ends after few portions and never asks beyond the file."""
    raw = vocabulary(100_000)
    file_bytes = len(raw) + 50 * 96 - 24
    reader = GgufReader(path="model.gguf", file_bytes=file_bytes)
    portions = []
    header = None
    while header is None:
        portions.append(reader.needed)
        header = reader.feed(raw[: reader.needed])
    assert portions == [FIRST_BYTES, file_bytes]
    assert header.metadata["tokenizer.ggml.tokens"] == {"type": "array of string", "length": 100_000}
    assert len(header.tensors) == 50


def test_each_portion_is_four_times_the_last() -> None:
    """Without the size of the file, portions grow fast enough that ten megabytes take three."""
    reader = GgufReader(path="model.gguf")
    start = W.start(1, 1) + W.text("k") + W.number("I", 9) + W.number("I", 8) + W.number("Q", 10**6)
    assert reader.feed(start) is None
    assert reader.needed == len(start) * 4
    assert reader.feed(start + W.text("word") * 10_000) is None
    assert reader.needed == (len(start) + 120_000) * 4


def test_a_large_vocabulary_takes_one_pass() -> None:
    """A second portion goes on where the first ended: bytes already read may even be gone."""
    raw = vocabulary(1000)
    reader = GgufReader(path="model.gguf")
    assert reader.feed(raw[:9000]) is None
    assert reader.feed(b"\xff" * 8900 + raw[8900:]) == read(raw)


# -- layouts of forks --------------------------------------------------------------------------------


def test_types_of_forks_are_sized_by_their_offsets() -> None:
    """A type that mainline does not have is named, its elements counted, its bytes read off the offsets."""
    # ik_llama.cpp's IQ4_KS: 136 bytes for 256 elements, and 4 bytes for each row: 2 x (136 + 4) = 280, padded 288.
    raw = W.header(infos=[("a", (256, 2), IQ4_KS, 0), ("b", (256, 2), 999, 288), ("c", (4,), F32, 384)])
    header = read(raw, file_bytes=len(raw) + 400)
    assert header.tensors == (
        StoredTensor("a", "IQ4_KS", (2, 256), 288),
        StoredTensor("b", "GGML_TYPE_999", (2, 256), 96),
        StoredTensor("c", "F32", (4,), 16),
    )
    assert [notice.code for notice in header.notices] == ["header.fork_type", "header.fork_type"]
    assert "1 tensor of type IQ4_KS" in header.notices[0].message


@pytest.mark.parametrize(("block_elements", "block_bytes", "notices"), [(64, 18, 0), (128, 34, 1)])
def test_a_number_with_two_layouts_goes_by_the_offsets(block_elements: int, block_bytes: int, notices: int) -> None:
    """Type 42 is 18 bytes for 64 elements in mainline and 34 for 128 in a fork; the file says which."""
    size = 8192 // block_elements * block_bytes  # 2,304 and 2,176, both multiples of 32
    raw = W.header(infos=[("a", (8192,), 42, 0), ("b", (4,), F32, size)])
    header = read(raw, file_bytes=len(raw) + size + 16)
    assert header.tensors[0] == StoredTensor("a", "Q2_0", (8192,), size)
    assert len(header.notices) == notices


def test_bitnets_type_36_is_counted() -> None:
    """bitnet.cpp's I2_S keeps a number that mainline once had: two bits an element and 32 bytes."""
    raw = W.header(infos=[("a", (2560, 640), 36, 0), ("b", (4,), F32, 2560 * 640 // 4 + 32)])
    header = read(raw, file_bytes=len(raw) + 2560 * 640 // 4 + 32 + 16)
    assert header.tensors[0].size_bytes == 409_632
    assert header.tensors[0].shape == (640, 2560)


# -- what is refused ---------------------------------------------------------------------------------


def _pairs(count: int, raw: bytes, tensors: int = 0) -> bytes:
    return W.start(tensors, count) + raw


def _infos(*raw: bytes) -> bytes:
    return W.start(len(raw), 0) + b"".join(raw)


def _array(kind: int, count: int, raw: bytes = b"") -> bytes:
    return _pairs(1, W.text("k") + W.number("I", 9) + W.number("I", kind) + W.number("Q", count) + raw)


SIZE = 100_000
"""The size of the file in every case below, unless it is stated."""

HOSTILE: dict[str, tuple[bytes, str]] = {
    "no magic": (b"GGML" + SMALL[4:], "header.magic"),
    "magic reversed": (b"FUGG" + SMALL[4:], "header.magic"),
    "zeroes": (b"\0" * 64, "header.magic"),
    "version 0": (b"GGUF" + b"\0" * 60, "header.version"),
    "version 4": (Writer(4).start(0, 0), "header.version"),
    "version 4, big-endian": (Writer(4, ">").start(0, 0), "header.version"),
    "version 65,536": (b"GGUF\0\0\1\0" + b"\0" * 16, "header.version"),
    "2**63 pairs": (W.start(0, 2**63), "header.counts"),
    "2**64 - 1 tensors": (W.start(2**64 - 1, 0), "header.counts"),
    "more pairs than fit": (W.start(0, SIZE // 14 + 1), "header.counts"),
    "more tensors than fit": (W.start(SIZE // 24 + 1, 0), "header.counts"),
    "key of 2**64 - 1 bytes": (_pairs(1, W.number("Q", 2**64 - 1)), "header.length"),
    "key of 70,000 bytes": (_pairs(1, W.text("k" * 70_000)), "header.length"),
    "key without a name": (_pairs(1, W.pair("", "u8", 1)), "header.key"),
    "key twice": (_pairs(2, W.pair("k", "u8", 1) + W.pair("k", "u8", 2)), "header.key"),
    "key not UTF-8": (_pairs(1, W.pair(b"\xff", "u8", 1)), "header.utf8"),
    "text beyond the file": (_pairs(1, W.text("k") + W.number("I", 8) + W.number("Q", SIZE)), "header.length"),
    "text of 2**63 bytes": (_pairs(1, W.text("k") + W.number("I", 8) + W.number("Q", 2**63)), "header.length"),
    "value of type 13": (_pairs(1, W.text("k") + W.number("I", 13) + b"\0" * 8), "header.value_type"),
    "value of type 2**32 - 1": (_pairs(1, W.text("k") + W.number("I", 2**32 - 1)), "header.value_type"),
    "array of type 13": (_array(13, 0), "header.value_type"),
    "array of arrays": (_array(9, 1, W.number("I", 0) + W.number("Q", 0)), "header.value_type"),
    "array of 2**64 - 1 bytes": (_array(0, 2**64 - 1), "header.length"),
    "array of 2**61 doubles": (_array(12, 2**61), "header.length"),
    "array of 2**61 texts": (_array(8, 2**61), "header.length"),
    "array one text too long": (_array(8, 100, W.text("x") * 99 + W.number("Q", SIZE)), "header.length"),
    "short array beyond the file": (_array(12, 1000), "header.incomplete"),
    "alignment 0": (W.header([("general.alignment", "u32", 0)]), "header.alignment"),
    "alignment 24": (W.header([("general.alignment", "u32", 24)]), "header.alignment"),
    "alignment 2**40": (W.header([("general.alignment", "u64", 2**40)]), "header.alignment"),
    "alignment -32": (W.header([("general.alignment", "i32", -32)]), "header.alignment"),
    "alignment is text": (W.header([("general.alignment", "str", "32")]), "header.alignment"),
    "alignment is a float": (W.header([("general.alignment", "f32", 32.0)]), "header.alignment"),
    "alignment is true": (W.header([("general.alignment", "bool", 1)]), "header.alignment"),
    "alignment is a list": (W.header([("general.alignment", "[u32]", [32])]), "header.alignment"),
    "tensor name of 2**60 bytes": (_infos(W.number("Q", 2**60) + b"\0" * 24), "header.length"),
    "tensor name not UTF-8": (_infos(W.info(b"\xc0\xaf", (4,), F32, 0)), "header.utf8"),
    "tensor twice": (_infos(W.info("a", (4,), F32, 0), W.info("a", (4,), F32, 32)), "header.duplicate_name"),
    "five dimensions": (_infos(W.info("a", (1,) * 5, F32, 0)), "header.dimensions"),
    "2**32 - 1 dimensions": (_infos(W.text("a") + W.number("I", 2**32 - 1) + b"\0" * 24), "header.dimensions"),
    "elements overflow": (_infos(W.info("a", (2**32, 2**31), F32, 0)), "header.overflow"),
    "one dimension of 2**64 - 1": (_infos(W.info("a", (2**64 - 1,), F32, 0)), "header.overflow"),
    "four dimensions of 2**64 - 1": (_infos(W.info("a", (2**64 - 1,) * 4, F32, 0)), "header.overflow"),
    "row of 33 in blocks of 32": (_infos(W.info("a", (33, 32), Q4_0, 0)), "header.block"),
    "row of 32 in blocks of 256": (_infos(W.info("a", (32, 8), Q6_K, 0)), "header.block"),
    "scalar in blocks": (_infos(W.info("a", (), Q6_K, 0)), "header.block"),
    "first tensor not at 0": (W.header(infos=[("a", (4,), F32, 32)]), "header.offsets"),
    "hole": (W.header(infos=[("a", (4,), F32, 0), ("b", (4,), F32, 64)]), "header.offsets"),
    "overlap": (W.header(infos=[("a", (16,), F32, 0), ("b", (4,), F32, 32)]), "header.offsets"),
    "same place": (W.header(infos=[("a", (4,), F32, 0), ("b", (4,), F32, 0)]), "header.offsets"),
    "not padded": (W.header(infos=[("a", (4,), F32, 0), ("b", (4,), F32, 16)]), "header.offsets"),
    "offset 2**64 - 32": (W.header(infos=[("a", (4,), F32, 0), ("b", (4,), F32, 2**64 - 32)]), "header.offsets"),
    "beyond the file": (W.header(infos=[("a", (SIZE,), F32, 0)]), "header.body"),
    "vast, beyond the file": (W.header(infos=[("a", (2**60,), F32, 0)]), "header.body"),
    "unknown type, too small": (W.header(infos=[("a", (4096,), 999, 0), ("b", (4,), F32, 32)]), "header.size"),
    "unknown type, too large": (W.header(infos=[("a", (4,), 999, 0), ("b", (4,), F32, 4096)]), "header.size"),
    "unknown type, vast": (W.header(infos=[("a", (2**50,), 999, 0)]), "header.size"),
    "cut within the start": (SMALL[:10], "header.incomplete"),
    "cut within a pair": (SMALL[:60], "header.incomplete"),
    "cut within a tensor": (SMALL[:160], "header.incomplete"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_malformed_header_is_refused_by_the_rule_it_breaks(case: str) -> None:
    """Every malformed header ends in exit code 5, with the file and the rule named."""
    raw, code = HOSTILE[case]
    error = refused(raw, file_bytes=SIZE)
    assert error.code == code
    assert error.exit_code == 5
    is_unread = code == "header.incomplete"
    expected = "the header of `model.gguf` was not read" if is_unread else "`model.gguf` is not a valid GGUF file"
    assert error.what == expected
    assert error.details["rule"] in error.because
    assert error.hint
    assert len(str(error)) < 1000


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (HOSTILE["hole"][0], "tensor `b` has offset 64, expected 32"),
        (
            HOSTILE["row of 33 in blocks of 32"][0],
            "tensor `a`, [32, 33] of Q4_0, has rows that are not a multiple of 32",
        ),
        (HOSTILE["array of 2**61 texts"][0], "key `k` reaches byte 18,446,744,073,709,551,665 of a file of 100,000"),
        (HOSTILE["2**63 pairs"][0], "9,223,372,036,854,775,808 key-value pairs in a file of 100,000 bytes"),
        (HOSTILE["version 4"][0], "the version is 4"),
        (HOSTILE["alignment 24"][0], "general.alignment is 24"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "HTML page"),
        (b"tjgg\3\0\0\0", "an older GGML file"),
        (struct.pack("<Q", 2) + b"{}", "a safetensors file"),
    ],
)
def test_the_message_says_what_was_expected_and_found(raw: bytes, words: str) -> None:
    """The reason names the tensor or key and the numbers, or what the file looks like instead."""
    assert words in refused(raw, file_bytes=SIZE).because


def test_a_file_cut_short_is_refused() -> None:
    """The tensors must lie within the file."""
    error = refused(SMALL, file_bytes=len(SMALL) + 2463)
    assert error.code == "header.body"
    assert f"take {len(SMALL) + 2464:,} bytes, the file has {len(SMALL) + 2463:,}" in error.because
    assert "cut short" in error.hint


def test_bytes_behind_the_last_tensor_are_pointed_out() -> None:
    """More than padding behind the last tensor is left out of the count, and said."""
    header = read(SMALL, file_bytes=len(SMALL) + 2464 + 7)
    assert [notice.code for notice in header.notices] == ["header.trailing_bytes"]
    assert "7 bytes follow the last tensor" in header.notices[0].message


def test_a_header_above_the_cap_says_how_to_raise_it() -> None:
    """The hint names the flag, unless no value of it would be enough."""
    for count, hint in ((10**6, "--max-header-bytes 100000000"), (10**8, "tell its author")):
        with pytest.raises(InvalidDataError) as caught:
            GgufReader(path="x.gguf", cap=1_000_000).feed(_array(8, count))
        assert caught.value.code == "header.over_cap"
        assert hint in caught.value.hint


@pytest.mark.parametrize(("tensors", "pairs"), [(100_001, 0), (0, 65_537)])
def test_counts_are_limited(tensors: int, pairs: int) -> None:
    """More tensors or pairs than any model has are refused before they are read."""
    with pytest.raises(InvalidDataError) as caught:
        GgufReader(path="x.gguf", file_bytes=10**12).feed(W.start(tensors, pairs))
    assert caught.value.code == "header.over_cap"


def test_an_unknown_type_at_the_end_of_a_file_of_unknown_size_is_refused() -> None:
    """Its bytes cannot be told, so no number is given."""
    raw = W.header(infos=[("a", (32,), 999, 0)])
    assert refused(raw).code == "header.size"
    assert read(raw, file_bytes=len(raw) + 32).tensors[0].size_bytes == 32


# -- split files -------------------------------------------------------------------------------------


def part(index: int, count: int, tensors: int) -> Header:
    pairs = [("split.no", "u16", index), ("split.count", "u16", count), ("split.tensors.count", "i32", tensors)]
    return read(W.header(pairs, [(f"t{index}", (4,), F32, 0)]))


def test_a_complete_split_has_nothing_to_say() -> None:
    """Two of two files with the tensors that they announce, in whichever order they were read."""
    assert check_split([part(0, 2, 2), part(1, 2, 2)]) == ()
    assert check_split([part(1, 2, 2), part(0, 2, 2)]) == ()


@pytest.mark.parametrize(
    ("headers", "codes"),
    [
        ([part(0, 3, 3), part(1, 3, 3)], ["gguf.split_count", "gguf.split_tensors"]),
        ([part(0, 2, 5), part(1, 2, 5)], ["gguf.split_tensors"]),
        ([part(0, 2, 2), part(0, 2, 2)], ["gguf.split_count"]),
        ([part(0, 2, 2), part(1, 3, 2)], ["gguf.split_count"]),
    ],
)
def test_a_split_that_does_not_add_up_is_pointed_out(headers: list[Header], codes: list[str]) -> None:
    """A missing or repeated file, and a count of tensors that is not the real one, are said."""
    assert [notice.code for notice in check_split(headers)] == codes


def test_files_that_are_not_split_have_nothing_to_say() -> None:
    """One file without split keys, and no files at all."""
    assert check_split([read(SMALL)]) == ()
    assert check_split([]) == ()


def test_unknown_types_have_a_name() -> None:
    """A number that nobody named is named after itself."""
    assert [type_name(12), type_name(144), type_name(500)] == ["Q4_K", "IQ4_KS", "GGML_TYPE_500"]
