"""`sizer inspect` on files of this machine: the count, and one typed error for each kind of bad file."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.gguf_writer import Writer

F32, Q8_0, Q4_K = 0, 8, 12


def moe_gguf(*more: tuple[str, str, Any], layers: int = 2) -> bytes:
    """A small model of routed experts, one of two picked; tensors are named as llama.cpp names them."""
    pairs = [
        ("general.architecture", "str", "tiny"),
        ("tiny.block_count", "u32", layers),
        ("tiny.embedding_length", "u32", 256),
        ("tiny.attention.head_count", "u32", 8),
        ("tiny.attention.head_count_kv", "u32", 8),
        ("tiny.expert_count", "u32", 2),
        ("tiny.expert_used_count", "u32", 1),
        *more,
    ]
    shapes: list[tuple[str, tuple[int, ...], int]] = [
        ("token_embd.weight", (256, 32), Q8_0),
        ("output.weight", (256, 32), Q8_0),
        ("output_norm.weight", (256,), F32),
    ]
    for i in range(layers):
        shapes += [(f"blk.{i}.attn_{name}.weight", (256, 256), Q4_K) for name in ("q", "k", "v", "output")]
        shapes += [(f"blk.{i}.ffn_gate_inp.weight", (256, 2), F32)]
        shapes += [(f"blk.{i}.ffn_{name}_exps.weight", (256, 256, 2), Q4_K) for name in ("gate", "up", "down")]
    infos, position = [], 0
    for name, dimensions, kind in shapes:
        elements = 1
        for size in dimensions:
            elements *= size
        infos.append((name, dimensions, kind, position))
        position += {F32: elements * 4, Q8_0: elements // 32 * 34, Q4_K: elements // 256 * 144}[kind]
    header = Writer().header(pairs, infos)
    return header + b"\0" * position


def test_a_gguf_file_is_counted_by_its_own_metadata(sizer: Any, tmp_path: Path) -> None:
    """Total and active come from the header; layers, experts and top-k from the key-value pairs.

    Embedding and head 32 x 256 each, a norm of 256; per layer 4 x 256**2 of attention, a router of 512 and
    2 experts of 3 x 256**2, one of them active.
    """
    (tmp_path / "tiny.gguf").write_bytes(moe_gguf())
    outcome = sizer("inspect", str(tmp_path / "tiny.gguf"), "--json")
    report = outcome.json["report"]
    shared = 2 * 32 * 256 + 256 + 2 * (4 * 256**2 + 512)
    assert outcome.code == 0
    assert report["total_parameters"] == shared + 2 * 2 * 3 * 256**2
    assert report["active_parameters"] == shared + 2 * 1 * 3 * 256**2
    assert report["experts"]["routed_experts"] == 2
    assert report["reading"]["requests"] == 0


def test_a_folder_and_its_file_give_the_same_count(sizer: Any, tmp_path: Path) -> None:
    """The file, the folder that holds it and a link to it are one model."""
    (tmp_path / "tiny.gguf").write_bytes(moe_gguf())
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "tiny.gguf").symlink_to(tmp_path / "tiny.gguf")
    places = [tmp_path / "tiny.gguf", tmp_path, tmp_path / "cache"]
    totals = {sizer("inspect", str(place), "--json").json["report"]["total_parameters"] for place in places}
    assert len(totals) == 1


def safetensors(text: str, body: int) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + b"\0" * body


GOOD = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
BAD: dict[str, tuple[bytes, str, int]] = {
    "length of 2 GB": (struct.pack("<Q", 2 * 10**9) + b"{}", "header.too_large", 5),
    "cut short": (safetensors(GOOD, 7), "header.body", 5),
    "bytes behind": (safetensors(GOOD, 9), "header.body", 5),
    "repeated name": (safetensors(GOOD[:-1] + "," + GOOD[1:], 8), "header.duplicate_name", 5),
    "not JSON": (safetensors("{]", 0), "header.json", 5),
    "a page": (b"<!DOCTYPE html><html><body>404</body></html>", "header.too_large", 5),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "header.too_large", 5),
    "empty": (b"", "header.too_short", 5),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_typed_error(sizer: Any, tmp_path: Path, case: str) -> None:
    """Exit code, code and one document on stdout; words without a traceback on stderr."""
    raw, code, exit_code = BAD[case]
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw)
    outcome = sizer("inspect", str(path), "--json")
    assert outcome.code == exit_code
    assert outcome.json["ok"] is False
    assert (outcome.json["error"]["code"], outcome.json["error"]["exit_code"]) == (code, exit_code)
    assert "Traceback" not in outcome.err
    assert outcome.err.startswith("error: ")
    assert "hint: " in outcome.err


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a link to itself", "nothing"])
def test_what_is_no_file_is_refused_at_once(sizer: Any, tmp_path: Path, kind: str) -> None:
    """Nothing is opened that could block or never end."""
    path = tmp_path / "model.safetensors"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a link to itself":
        path.symlink_to(path)
    outcome = sizer("inspect", str(path), "--json")
    expected = (3, "file.missing") if kind == "nothing" else (2, "usage.reference")
    assert (outcome.code, outcome.json["error"]["code"]) == expected


def test_a_broken_shard_keeps_the_rest(sizer: Any, tmp_path: Path) -> None:
    """What could be counted is reported, marked incomplete, with the shard and its fault named; exit code 5."""
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(safetensors(GOOD, 8))
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(safetensors(GOOD, 7))
    outcome = sizer("inspect", str(tmp_path), "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "reading.damaged")
    report = outcome.json["report"]
    assert (report["total_parameters"], report["stored_elements"]) == (None, 2)
    assert report["reading"]["complete"] is False
    assert any("model-00002-of-00002.safetensors" in warning["message"] for warning in report["warnings"])


def test_names_cannot_play_with_the_terminal(sizer: Any, tmp_path: Path) -> None:
    """Escape sequences, markup and line breaks in names and messages come out as text."""
    name = "\x1b]0;owned\x07[/x]\n\u202e"
    text = json.dumps({name: {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}})
    (tmp_path / "model.safetensors").write_bytes(safetensors(text, 8))
    outcome = sizer("inspect", str(tmp_path))
    assert outcome.code == 5
    assert not {"\x1b", "\x07", "\u202e"} & set(outcome.err + outcome.out)


def test_the_limit_of_headers_can_be_set(sizer: Any, tmp_path: Path) -> None:
    """A header above the limit is refused with the flag that raises it, which then reads it."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(GOOD + " " * 2000, 8))
    refused = sizer("inspect", str(path), "--max-header-bytes", "1kB", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (5, "header.over_cap")
    assert "--max-header-bytes 2054" in refused.json["error"]["hint"]
    assert sizer("inspect", str(path), "--max-header-bytes", "2054", "--json").code == 0


def test_a_name_that_is_no_unicode(sizer: Any, tmp_path: Path) -> None:
    """A folder named in another encoding, and half of a surrogate pair in config.json, are escaped in the document."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(safetensors(GOOD, 8))
    (folder / "config.json").write_text('{"model_type": "\\ud800"}')
    outcome = sizer("inspect", str(folder), "--json")
    assert outcome.code == 0
    assert outcome.json["report"]["reference"].endswith("caf\\udce9")
    assert outcome.json["report"]["model_type"] == "\\ud800"
    assert sizer("inspect", f"{folder}x", "--json").code == 3


@pytest.mark.parametrize("names", [["tiny-00001-of-00002.gguf"], ["tiny.gguf"]])
def test_a_split_file_of_several_is_not_the_model(sizer: Any, tmp_path: Path, names: list[str]) -> None:
    """One of two files of a split model, whatever its name: no total, and exit code 5."""
    for name in names:
        (tmp_path / name).write_bytes(moe_gguf(("split.no", "u16", 0), ("split.count", "u16", 2)))
    outcome = sizer("inspect", str(tmp_path), "--json")
    assert (outcome.code, outcome.json["report"]["total_parameters"]) == (5, None)


def test_an_empty_folder_is_no_model(sizer: Any, tmp_path: Path) -> None:
    """A folder of the user's without weights and config is refused; one with a config is described by it."""
    outcome = sizer("inspect", tmp_path, "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage.no_model"
    (tmp_path / "config.json").write_text('{"model_type": "x"}')
    assert sizer("inspect", tmp_path, "--json").json["report"]["total_parameters_basis"] == "unknown"


def small(dtype: str = "F32", **shapes: tuple[int, ...]) -> bytes:
    """A safetensors file of these tensors, four bytes an element."""
    entries, offset = {}, 0
    for name, shape in shapes.items():
        size = 4
        for dimension in shape:
            size *= dimension
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + bytes(offset)


def test_a_broken_index_beside_numbered_shards(sizer: Any, tmp_path: Path) -> None:
    """The index is damage (exit code 5) that is named; the total of the shards stands beside it, marked."""
    for number, name in enumerate("ab", 1):
        (tmp_path / f"model-{number:05d}-of-00002.safetensors").write_bytes(small(**{name: (2, 3)}))
    (tmp_path / "model.safetensors.index.json").write_bytes(b'{"weight_map": [')
    outcome = sizer("inspect", str(tmp_path), "--json")

    assert outcome.code == outcome.json["error"]["exit_code"] == 5
    assert outcome.json["error"]["code"] == "reading.damaged"
    assert "model.safetensors.index.json" in outcome.json["error"]["message"]
    report = outcome.json["report"]
    assert (report["total_parameters"], report["total_parameters_basis"]) == (12, "counted")
    assert report["reading"]["complete"] is False
    assert "index.unusable" in [warning["code"] for warning in report["warnings"]]


def test_a_tensor_of_two_shapes(sizer: Any, tmp_path: Path) -> None:
    """Two shards that give one name unlike shapes are pointed out; the first is counted."""
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(small(a=(2, 3)))
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(small(a=(2, 5), b=(7,)))
    report = sizer("inspect", str(tmp_path), "--json").json["report"]

    assert report["total_parameters"] == 6 + 7
    (message,) = [each["message"] for each in report["warnings"] if each["code"] == "shards.repeated_tensor"]
    assert "they differ in dtype or shape (`a`)" in message


def test_many_other_sets_take_thirty_lines(sizer: Any, tmp_path: Path) -> None:
    """Of very many other weights thirty are named at the terminal, and all in --json."""
    for step in range(100, 151):
        (tmp_path / f"step_{step * 10}.safetensors").write_bytes(small(a=(1,)))
    lines = sizer("inspect", str(tmp_path)).out.splitlines()
    assert sum("step_" in line for line in lines if "safetensors, 1 file" in line) == 30
    assert any("20 more (--json names them)" in line for line in lines)
    assert len(sizer("inspect", str(tmp_path), "--json").json["report"]["alternatives"]) == 50


@pytest.mark.parametrize("shapes", [{}, {"model.layers.0.self_attn.q_proj.weight": (0, 2**63)}])
@pytest.mark.parametrize(
    "command", [("inspect",), ("inspect", "--on", "h100"), ("compare",), ("diff",), ("moe",), ("tune",)]
)
def test_a_file_without_parameters(sizer: Any, tmp_path: Path, shapes: Any, command: tuple[str, ...]) -> None:
    """Nothing is divided by a total of zero: the count is 0, what follows from it is unknown or refused."""
    (tmp_path / "model.safetensors").write_bytes(small(**shapes))
    references = [str(tmp_path)] * (2 if command[0] in ("compare", "diff") else 1)
    outcome = sizer(command[0], *references, *command[1:], "--json")
    assert outcome.code in (0, 5)
    assert sizer(command[0], *references, *command[1:]).code == outcome.code
    if command[0] == "inspect":
        report = outcome.json["report"]
        assert (report["total_parameters"], report["active_parameters"]) == (0, None)
        assert report["active_parameters_reason"] == "the files hold no parameters"
