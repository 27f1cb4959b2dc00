"""References: what a user types, and what it means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sizer.errors import NotFoundError, SizerError, UsageError
from sizer.reference import parse_reference

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "repository", "revision", "path"),
    [
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B", None, None),
        ("  Qwen/Qwen3-8B \n", "Qwen/Qwen3-8B", None, None),
        ("gpt2", "gpt2", None, None),
        ("gpt2@v1.0", "gpt2", "v1.0", None),
        ("Qwen/Qwen3-8B@refs/pr/12", "Qwen/Qwen3-8B", "refs/pr/12", None),
        (f"Qwen/Qwen3-8B@{COMMIT}", "Qwen/Qwen3-8B", COMMIT, None),
        ("https://huggingface.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", None, None),
        ("https://huggingface.co/Qwen/Qwen3-8B/", "Qwen/Qwen3-8B", None, None),
        ("https://huggingface.co/Qwen/Qwen3-8B?library=transformers#files", "Qwen/Qwen3-8B", None, None),
        ("huggingface.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", None, None),
        ("hf.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", None, None),
        ("https://hf.co/gpt2", "gpt2", None, None),
        ("https://huggingface.co/gpt2/tree/main", "gpt2", "main", None),
        ("https://huggingface.co/a/b/tree/main", "a/b", "main", None),
        ("https://huggingface.co/a/b/tree/main/unet/fp16", "a/b", "main", "unet/fp16"),
        ("https://huggingface.co/a/b/tree/refs%2Fpr%2F3/unet", "a/b", "refs/pr/3", "unet"),
        ("https://huggingface.co/a/b/tree/refs/pr/3/unet", "a/b", "refs/pr/3", "unet"),
        ("https://huggingface.co/a/b/blob/main/x.gguf", "a/b", "main", "x.gguf"),
        ("https://huggingface.co/a/b/resolve/v1/x.gguf?download=true", "a/b", "v1", "x.gguf"),
        (f"https://huggingface.co/a/b/commit/{COMMIT}", "a/b", COMMIT, None),
        ("hf://a/b", "a/b", None, None),
        ("hf://models/a/b", "a/b", None, None),
        ("hf://gpt2", "gpt2", None, None),
        ("hf://a/b/unet", "a/b", None, "unet"),
        ("hf://a/b@v1/unet/x.safetensors", "a/b", "v1", "unet/x.safetensors"),
        ("hf://a/b@refs/pr/3/unet", "a/b", "refs/pr/3", "unet"),
    ],
)
def test_repositories(text: str, repository: str, revision: str | None, path: str | None) -> None:
    """Every form of address of the Hub gives the repository, the revision and the path inside."""
    reference = parse_reference(text)
    assert (reference.kind, reference.repository, reference.revision, reference.path) == (
        "hub",
        repository,
        revision,
        path,
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("a/b/c", "more parts"),
        ("https://example.com/a/b", "`example.com` is not the Hub"),
        ("https://huggingface.co.evil.test/a/b", "is not the Hub"),
        ("https://huggingface.co", "names no repository"),
        ("https://huggingface.co/datasets/a/b", "a dataset"),
        ("https://huggingface.co/spaces/a/b", "a Space"),
        ("datasets/a", "a dataset"),
        ("https://huggingface.co/a/b/discussions/1", "not a page of a model's files"),
        ("ftp://huggingface.co/a/b", "not a scheme"),
        ("http://[::1", "not a URL"),
        ("a--b/c", "cannot be part"),
        ("a/..b", "cannot be part"),
        ("a/b.git", "cannot be part"),
        ("a/b c", "cannot be part"),
        ("a/\x1b[31mb", "cannot be part"),
        ("a/b@", "cannot be a branch"),
        ("a/b@../../api", "cannot be a branch"),
        ("hf://a/b@main/../../x", "not a path inside"),
    ],
)
def test_refused(text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no reference is refused with the reason, before anything is sent."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        parse_reference(text)
    assert why in error.value.because
    assert error.value.code == "usage.reference"
    assert error.value.hint


@pytest.mark.parametrize(
    "text",
    ["./nope", "../x", "/no/such/folder", "~/no/such/folder", "model.safetensors", "nope/", "C:\\models\\x", "..\\x"],
)
def test_nothing_there(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can only be a path is a missing file where nothing is there: exit code 3, as of any other file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError) as error:
        parse_reference(text)
    assert (error.value.code, error.value.exit_code) == ("file.missing", 3)
    assert "no such f" in error.value.because


def test_a_link_to_nothing(tmp_path: Path) -> None:
    """A link whose target is gone is a missing file too."""
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    with pytest.raises(NotFoundError) as error:
        parse_reference(str(tmp_path / "gone"))
    assert error.value.code == "file.missing"


def test_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL of the mirror that HF_ENDPOINT names is a reference too, its path prefix taken off."""
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.test/hub/")
    assert parse_reference("https://mirror.test/hub/a/b/tree/main/x").path == "x"


def test_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Existing files and folders are local references, of the kind that their first bytes or name say."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name, content in {
        "x.safetensors": b"8bytes..",
        "x.gguf": b"GGUF....",
        "model.safetensors.index.json": b"{}",
        "x.bundle": b"\x1f\x8b...",
        "downloaded": b"GGUF....",
    }.items():
        (tmp_path / name).write_bytes(content)
    kinds = {name: parse_reference(name).kind for name in sorted(os.listdir(tmp_path))}
    assert kinds == {
        "a": "folder",
        "downloaded": "gguf",
        "model.safetensors.index.json": "index",
        "x.bundle": "bundle",
        "x.gguf": "gguf",
        "x.safetensors": "safetensors",
    }
    assert parse_reference("a/b").kind == "folder", "a folder wins over a repository of that name"
    assert parse_reference("hf://a/b").kind == "hub", "hf:// always means the Hub"


def test_special_files(tmp_path: Path) -> None:
    """A pipe, an empty file, a loop of links and an unknown file are refused by what they are."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.bin").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "notes.txt").write_text("hello")
    for name, why in {
        "pipe": "a pipe",
        "empty.bin": "empty",
        "loop": "cannot be opened",
        "notes.txt": "none of",
    }.items():
        with pytest.raises(UsageError) as error:
            parse_reference(str(tmp_path / name))
        assert why in error.value.because


@pytest.mark.parametrize("text", ["./" + "x" * 5_000, "a" * 300 + "/b", "a/b@" + "x" * 9_999, "~nosuchuser/x", "/\0"])
def test_names_that_nothing_can_have(text: str) -> None:
    """A name that is too long, or below the home of nobody, is refused like any other that is not there."""
    with pytest.raises(SizerError) as error:
        parse_reference(text)
    assert error.value.code in ("usage.reference", "file.missing")
