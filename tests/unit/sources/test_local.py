"""Folders and files of this machine as a source: what is listed, what is read, what is refused."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizer.errors import InvalidDataError, UsageError
from sizer.headers.interface import Header, StoredTensor
from sizer.sources.interface import FileEntry
from sizer.sources.local import LocalSource
from tests.gguf_writer import Writer


def safetensors(elements: int = 2, name: str = "a") -> bytes:
    """A whole file with one tensor of F32."""
    entry = {"dtype": "F32", "shape": [elements], "data_offsets": [0, 4 * elements]}
    text = json.dumps({name: entry}).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * (4 * elements)


def gguf(index: int = 0, count: int = 1) -> bytes:
    pairs = [("general.architecture", "str", "llama"), ("split.no", "u16", index), ("split.count", "u16", count)]
    return Writer().header(pairs, [(f"t{index}", (8,), 0, 0)]) + b"\0" * 32


def names(source: LocalSource) -> list[str]:
    return [file.path for file in source.listing().files]


def read_all(source: LocalSource) -> list[Header | Exception]:
    weights = [file for file in source.listing().files if file.path.endswith((".safetensors", ".gguf"))]
    return source.read_headers(weights)


# -- folders -----------------------------------------------------------------------------------------


def test_a_folder_lists_its_files_with_sizes(tmp_path: Path) -> None:
    """Files of all folders below, by path from the top; hidden ones are left out."""
    (tmp_path / "unet").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "model.safetensors").write_bytes(safetensors())
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "unet" / "config.json").write_bytes(b"{ }")
    (tmp_path / ".git" / "config").write_bytes(b"x")
    (tmp_path / ".hidden.json").write_bytes(b"x")
    listing = LocalSource(tmp_path).listing()
    assert listing.files == (
        FileEntry(path="config.json", size_bytes=2),
        FileEntry(path="model.safetensors", size_bytes=len(safetensors())),
        FileEntry(path="unet/config.json", size_bytes=3),
    )
    assert (listing.repository, listing.commit, listing.notices) == (str(tmp_path), None, ())


def test_headers_come_in_the_order_asked_with_progress(tmp_path: Path) -> None:
    """One result for each file asked for, and one call of progress."""
    (tmp_path / "a.safetensors").write_bytes(safetensors(1))
    (tmp_path / "b.gguf").write_bytes(gguf())
    source = LocalSource(tmp_path)
    calls: list[tuple[int, int]] = []
    results = source.read_headers(
        source.listing().files[::-1], progress=lambda done, total: calls.append((done, total))
    )
    assert [result.path for result in results if isinstance(result, Header)] == ["b.gguf", "a.safetensors"]
    assert [result.format for result in results if isinstance(result, Header)] == ["gguf", "safetensors"]
    assert calls == [(1, 2), (2, 2)]


def test_a_body_is_never_read(tmp_path: Path) -> None:
    """A file of a terabyte, sparse, costs its header."""
    header = struct.pack("<Q", 61) + b'{"a":{"dtype":"U8","shape":[1048576,1048576],"data_offsets":[0,1099511627776]}}'
    header = struct.pack("<Q", len(header) - 8) + header[8:]
    with (tmp_path / "model.safetensors").open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + 2**40)
    source = LocalSource(tmp_path)
    (result,) = read_all(source)
    assert isinstance(result, Header)
    assert result.tensors == (StoredTensor("a", "U8", (2**20, 2**20), 2**40),)
    assert source.reading().bytes == len(header)
    assert source.reading().requests == 0


def test_a_gguf_costs_its_header_and_a_first_portion(tmp_path: Path) -> None:
    """At most a megabyte is read of a GGUF file without a vocabulary."""
    raw = Writer().header([("general.architecture", "str", "llama")], [("t", (2**20, 2**10), 0, 0)])
    with (tmp_path / "model.gguf").open("wb") as stream:
        stream.write(raw)
        stream.truncate(len(raw) + 2**32)
    source = LocalSource(tmp_path)
    (result,) = read_all(source)
    assert isinstance(result, Header)
    assert result.tensors[0].size_bytes == 2**32
    assert source.reading().bytes == 1_000_000


def test_reading_says_who_verified(tmp_path: Path) -> None:
    """One verifier for all headers is named; where one header was not verified, none is."""
    (tmp_path / "a.safetensors").write_bytes(safetensors())
    source = LocalSource(tmp_path)
    read_all(source)
    assert (source.reading().verified_by or "").startswith("safetensors ")
    (tmp_path / "b.gguf").write_bytes(gguf())
    source = LocalSource(tmp_path)
    read_all(source)
    assert (source.reading().verified_by, source.reading().files, source.reading().complete) == (None, 2, True)


def test_a_broken_file_leaves_the_others(tmp_path: Path) -> None:
    """The error stands in its place, and reading is not complete."""
    (tmp_path / "a.safetensors").write_bytes(safetensors()[:-1])
    (tmp_path / "b.safetensors").write_bytes(safetensors())
    source = LocalSource(tmp_path)
    broken, whole = read_all(source)
    assert isinstance(broken, InvalidDataError)
    assert broken.code == "header.body"
    assert isinstance(whole, Header)
    assert source.reading().complete is False


def test_a_git_lfs_pointer_is_recognised(tmp_path: Path) -> None:
    """A clone without LFS: the error says what the file is and which command fetches it."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123\n"
    (tmp_path / "model.safetensors").write_bytes(pointer)
    (tmp_path / "model.gguf").write_bytes(pointer)
    for result in read_all(LocalSource(tmp_path)):
        assert isinstance(result, InvalidDataError)
        assert "Git LFS pointer" in result.because
        assert "git lfs pull" in result.hint


@pytest.mark.parametrize("content", [b"", b"GGUF\x03\0", b"\0"])
@pytest.mark.parametrize("name", ["model.safetensors", "model.gguf"])
def test_a_file_that_ends_within_its_first_bytes_is_damaged(tmp_path: Path, name: str, content: bytes) -> None:
    """A file of 0 bytes is no more the user's mistake than one of 6: both are damaged, exit code 5."""
    (tmp_path / name).write_bytes(content)
    (result,) = read_all(LocalSource(tmp_path))
    assert isinstance(result, InvalidDataError)
    assert result.code in ("header.too_short", "header.length", "header.magic")
    assert result.details["file"] == name


def test_header_limits_are_handed_on(tmp_path: Path) -> None:
    """A lower limit refuses a longer header, in both formats."""
    (tmp_path / "a.safetensors").write_bytes(safetensors(name="n" * 500))
    (tmp_path / "b.gguf").write_bytes(Writer().header([("k", "str", "x" * 400)]))
    results = read_all(LocalSource(tmp_path, max_header_bytes=400))
    assert [getattr(result, "code", "") for result in results] == ["header.over_cap", "header.over_cap"]


def test_the_number_of_files_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder given by mistake is not walked to its end."""
    monkeypatch.setattr("sizer.sources.local.MAX_FILES", 3)
    for i in range(5):
        (tmp_path / f"{i}.txt").touch()
    listing = LocalSource(tmp_path).listing()
    assert [file.path for file in listing.files] == ["0.txt", "1.txt", "2.txt"]
    assert [notice.code for notice in listing.notices] == ["local.too_many_files"]


# -- links and special files -------------------------------------------------------------------------


def make_cache(home: Path) -> tuple[Path, Path]:
    """A repository as huggingface_hub caches it: blobs, and a snapshot of links to them."""
    folder = home / "models--org--name"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "blobs").mkdir()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    for name, raw in {"model.safetensors": safetensors(), "config.json": b'{"a": 1}'}.items():
        (folder / "blobs" / f"blob-{name}").write_bytes(raw)
        (snapshot / name).symlink_to(Path("../../blobs") / f"blob-{name}")
    return folder, snapshot


@pytest.mark.parametrize("which", [0, 1])
def test_a_snapshot_of_the_hub_cache_is_followed(tmp_path: Path, which: int) -> None:
    """The snapshot, or the repository's folder in the cache, gives the files behind the links."""
    source = LocalSource(make_cache(tmp_path)[which])
    assert names(source) == ["config.json", "model.safetensors"]
    assert source.read_document("config.json") == b'{"a": 1}'
    assert isinstance(read_all(source)[0], Header)


def test_a_missing_blob_is_pointed_out(tmp_path: Path) -> None:
    """A link whose file was removed or not downloaded is left out, and said."""
    folder, snapshot = make_cache(tmp_path)
    (folder / "blobs" / "blob-model.safetensors").unlink()
    listing = LocalSource(snapshot).listing()
    assert [file.path for file in listing.files] == ["config.json"]
    assert [notice.message for notice in listing.notices] == ["`model.safetensors` is a broken link; it was left out"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    """A link to a folder above, to itself, or two to each other, enters no loop."""
    (tmp_path / "model.safetensors").write_bytes(safetensors())
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "self.safetensors").symlink_to("self.safetensors")
    (tmp_path / "x").symlink_to("y")
    (tmp_path / "y").symlink_to("x")
    listing = LocalSource(tmp_path).listing()
    assert [file.path for file in listing.files] == ["model.safetensors"]
    assert [notice.code for notice in listing.notices] == ["local.not_a_file"]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


MAKERS: dict[str, Callable[[Path], Any]] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to(os.devnull),
    "a broken link": lambda path: path.symlink_to("nothing"),
    "a socket": make_socket,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_special_files_are_not_opened(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder they are left out and said; as the thing to read they are refused by name, without waiting."""
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    MAKERS[kind](Path("x.safetensors"))
    listing = LocalSource(Path()).listing()
    assert listing.files == ()
    assert kind in listing.notices[0].message
    with pytest.raises(UsageError) as caught:
        LocalSource(Path("x.safetensors")).listing()
    assert caught.value.exit_code == 2
    assert kind in caught.value.because


def test_a_file_replaced_by_a_pipe_does_not_block(tmp_path: Path) -> None:
    """The kind of a file is looked at again once it is open."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors())
    source = LocalSource(tmp_path)
    source.listing()
    path.unlink()
    os.mkfifo(path)
    (result,) = read_all(source)
    assert isinstance(result, UsageError)
    assert "a pipe" in result.because


def test_a_file_that_went_away_is_an_error_of_its_own(tmp_path: Path) -> None:
    """Between listing and reading a file may be removed; so may a name never have been listed."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors())
    source = LocalSource(tmp_path)
    files = source.listing().files
    path.unlink()
    for result in source.read_headers([*files, FileEntry(path="other.safetensors")]):
        assert isinstance(result, UsageError)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    """A path that does not exist."""
    with pytest.raises(UsageError):
        LocalSource(tmp_path / "nothing").listing()


# -- single files ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two checkpoints, an adapter and split GGUF files side by side."""
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    for i in (1, 2):
        (tmp_path / f"model-0000{i}-of-00002.safetensors").write_bytes(safetensors(name="ab"[i - 1]))
        (tmp_path / f"big-0000{i}-of-00002.gguf").write_bytes(gguf(i - 1, 2))
        (tmp_path / f"small-0000{i}-of-00002.gguf").write_bytes(gguf(i - 1, 2))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "consolidated.safetensors").write_bytes(safetensors())
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "model.safetensors").write_bytes(safetensors())
    return tmp_path


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("consolidated.safetensors", ["consolidated.safetensors", "config.json"]),
        ("model-00002-of-00002.safetensors", ["model-00002-of-00002.safetensors", "config.json"]),
        ("big-00001-of-00002.gguf", ["big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "config.json"]),
        (
            "model.safetensors.index.json",
            [
                "model.safetensors.index.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "config.json",
            ],
        ),
    ],
)
def test_a_file_brings_what_belongs_to_it(folder: Path, name: str, listed: list[str]) -> None:
    """A file brings the documents beside it, an index its shards, a split GGUF file its others; nothing else."""
    assert names(LocalSource(folder / name)) == listed


def test_a_blob_without_a_suffix_is_a_gguf_file(tmp_path: Path) -> None:
    """Ollama stores GGUF files under their checksum."""
    (tmp_path / "sha256-00").write_bytes(gguf())
    source = LocalSource(tmp_path / "sha256-00")
    assert names(source) == ["sha256-00.gguf"]
    assert isinstance(read_all(source)[0], Header)


@pytest.mark.parametrize(
    "text", [b"[]", b"{}", b'{"weight_map": 3}', b'{"weight_map": {"a": 1}}', b"\xff", b"[" * 10**5]
)
def test_a_malformed_index_brings_nothing(folder: Path, text: bytes) -> None:
    """What is wrong with it is said where it is read as an index."""
    (folder / "model.safetensors.index.json").write_bytes(text)
    source = LocalSource(folder / "model.safetensors.index.json")
    assert names(source) == ["model.safetensors.index.json", "config.json"]
    assert source.read_document("model.safetensors.index.json") == text


def test_an_index_brings_no_file_from_elsewhere(folder: Path) -> None:
    """Names that lead out of the folder are not followed."""
    shards = {"a": "../x.safetensors", "b": "/etc/passwd", "c": "sub/model.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert names(LocalSource(folder / "model.safetensors.index.json")) == [
        "model.safetensors.index.json",
        "config.json",
    ]


# -- documents ---------------------------------------------------------------------------------------


def test_documents_are_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document above its limit is refused; an index has a limit of its own."""
    monkeypatch.setattr("sizer.sources.local.MAX_DOCUMENT_BYTES", 10)
    monkeypatch.setattr("sizer.sources.local.MAX_INDEX_BYTES", 20)
    (tmp_path / "config.json").write_bytes(b" " * 11)
    (tmp_path / "model.safetensors.index.json").write_bytes(b" " * 20)
    source = LocalSource(tmp_path)
    with pytest.raises(InvalidDataError) as caught:
        source.read_document("config.json")
    assert caught.value.code == "document.too_large"
    assert source.read_document("model.safetensors.index.json") == b" " * 20
    assert source.reading().bytes == 20


def test_a_document_that_is_not_there_is_none(tmp_path: Path) -> None:
    """Also one outside the folder."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out.json").write_text("{}")
    source = LocalSource(tmp_path / "in")
    assert source.read_document("config.json") is None
    assert source.read_document("../out.json") is None
