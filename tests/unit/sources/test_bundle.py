"""Header bundles: equal after a round trip, small, and harmless whoever wrote them."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.errors import UsageError
from sizer.headers.interface import Header, StoredTensor
from sizer.notices import Notice
from sizer.sources.bundle import Bundle, decode, encode, find_shipped, read_bundle, save_bundle
from sizer.sources.interface import Checkpoint, FileEntry, HubFacts, Part, Reading


def make_header(names: list[str], path: str = "model.safetensors", dtype: str = "BF16") -> Header:
    tensors = tuple(StoredTensor(name, dtype, (4, 2), 16 if dtype == "BF16" else 32) for name in names)
    return Header(
        path=path,
        format="safetensors",
        tensors=tensors,
        metadata={"format": "pt"},
        header_bytes=128,
        file_bytes=None,
        verified_by="safetensors 0.8.0",
        notices=(Notice(code="x.y", message="z"),),
    )


def make_checkpoint(*headers: Header, **values: Any) -> Checkpoint:
    part = Part(
        headers=headers,
        config={"model_type": "x", "limits": [0.0, float("inf")], "text": "\ud800", "nothing": None},
        config_path="config.json",
        documents={"quant.json": {"bits": 4}, "list.json": [1, 2]},
        unread=(FileEntry(path="model-2.safetensors", size_bytes=5), FileEntry(path="x")),
    )
    checkpoint = Checkpoint(
        reference="org/model@v1",
        repository="org/model",
        commit="0" * 40,
        format="safetensors",
        parts=(part, Part(name="vae")),
        alternatives=("twin",),
        base_model="org/base",
        hub=HubFacts(total_parameters=0, tags=("a",), gated=True, parameters_by_dtype={"BF16": 8}),
        reading=Reading(requests=7, bytes=100_000, files=1, complete=False, verified_by="safetensors 0.8.0"),
        notices=(Notice(code="a.b", message="c"),),
    )
    return dataclasses.replace(checkpoint, **values)


def experts() -> list[str]:
    """The names of a mixture of experts, sorted as safetensors writes them."""
    names = [
        f"model.layers.{layer}.mlp.experts.{expert}.{name}_proj.weight"
        for layer in range(3, 23)
        for expert in range(256)
        for name in ("gate", "up", "down")
    ]
    return sorted(names)


@pytest.mark.parametrize("quick", [False, True])
def test_round_trip(quick: bool) -> None:
    """A checkpoint comes back equal, every field of it."""
    mixed = dataclasses.replace(
        make_header(["b.1", "b.02", "a"]),
        tensors=(
            StoredTensor("s", "F32", (), 4),
            StoredTensor("q", "I32", (0, 5), 0),
            StoredTensor("r", "F32", (1,), 4),
        ),
    )
    checkpoint = make_checkpoint(make_header(["a.0.w", "a.1.w", "a.10.w", "b"]), mixed, make_header([]))
    assert decode(encode(checkpoint, quick=quick), where="x").checkpoint == checkpoint


def test_checkpoint_without_anything() -> None:
    """The emptiest checkpoint comes back equal too."""
    checkpoint = Checkpoint(reference="x", repository="x", commit=None, format="none", parts=())
    assert decode(encode(checkpoint), where="x") == Bundle(checkpoint=checkpoint)


NAME = st.from_regex(r"[a-c*%{}]{0,2}(\.(0|1|2|10|007|[a-b]{1,2})){0,3}", fullmatch=True)


@given(st.lists(NAME, unique=True, max_size=40), st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_any_names(names: list[str], quick: bool, data: st.DataObject) -> None:
    """Names with numbers, leading zeros, stars, per cent signs and braces come back in their own order."""
    dtypes = data.draw(st.lists(st.sampled_from(["BF16", "F32"]), min_size=len(names), max_size=len(names)))
    tensors = tuple(
        StoredTensor(name, dtype, (2,), 4 if dtype == "BF16" else 8) for name, dtype in zip(names, dtypes, strict=True)
    )
    header = dataclasses.replace(make_header([]), tensors=tensors)
    ordered = dataclasses.replace(header, tensors=tuple(sorted(tensors, key=lambda t: (t.dtype, t.name))))
    checkpoint = make_checkpoint(header, ordered)
    assert decode(encode(checkpoint, quick=quick), where="x").checkpoint == checkpoint


def test_small_and_repeatable() -> None:
    """15,360 tensors of experts take under a kilobyte, and the same checkpoint gives the same bytes."""
    checkpoint = make_checkpoint(make_header(experts()))
    assert len(encode(checkpoint)) < 1_000
    assert encode(checkpoint) == encode(checkpoint)


def test_file(tmp_path: Path) -> None:
    """A saved bundle is read back with its note, and nothing else is left in the folder."""
    checkpoint = make_checkpoint(make_header(["a"]))
    save_bundle(checkpoint, tmp_path / "x.json.gz", note="made by hand")
    assert read_bundle(tmp_path / "x.json.gz") == Bundle(checkpoint=checkpoint, note="made by hand")
    assert [path.name for path in tmp_path.iterdir()] == ["x.json.gz"]


def test_unwritable(tmp_path: Path) -> None:
    """A place that cannot be written to is the user's mistake, said with the reason."""
    with pytest.raises(UsageError) as error:
        save_bundle(make_checkpoint(), tmp_path / "no" / "x.json.gz")
    assert error.value.code == "usage.file"


def document(**changes: Any) -> bytes:
    """A valid bundle with some keys changed; None removes one."""
    value = json.loads(gzip.decompress(encode(make_checkpoint(make_header(["a.0.w", "a.1.w"])))))
    for key, change in changes.items():
        if change is None:
            del value[key]
        else:
            value[key] = change(value[key]) if callable(change) else change
    return gzip.compress(json.dumps(value).encode())


def with_file(**changes: Any) -> bytes:
    """The same, with keys of its first file changed."""

    def change(parts: Any) -> Any:
        parts[0]["files"][0].update(changes)
        return parts

    return document(parts=change)


HOSTILE = {
    "not gzip": b"hello",
    "empty": b"",
    "cut short": document()[:-20],
    "not JSON": gzip.compress(b"{"),
    "a list": gzip.compress(b"[]"),
    "deep": gzip.compress(b"[" * 1_000_000),
    "another format": document(format="zip"),
    "another version": document(version=2),
    "unknown key": gzip.compress(json.dumps({**json.loads(gzip.decompress(document())), "more": 1}).encode()),
    "missing key": document(repository=None),
    "wrong type": document(repository=7),
    "bomb": gzip.compress(b'{"format": "sizer-headers", "version": 1, "note": "' + b" " * 70_000_000 + b'"}'),
    "too many tensors": with_file(rows=[[0, 0, "0-999999999"]]),
    "too many in all": with_file(rows=[[0, 0, "0-999999"]] * 5),
    "long names": document(templates=["x" * 1_000_000 + "*"], parts=lambda parts: [
        {**parts[0], "files": [{**parts[0]["files"][0], "rows": [[0, 0, "0-99999"]]}]}]),
    "no such template": with_file(rows=[[9, 0, "0-1"]]),
    "template below zero": with_file(rows=[[-1, 0, "0-1"]]),
    "no such kind": with_file(rows=[[0, 9, "0-1"]]),
    "kind below zero": with_file(rows=[[0, -1, "0-1"]]),
    "names and kinds differ": with_file(rows=[], names=["a", "b"], kinds=[0]),
    "name's kind below zero": with_file(rows=[], names=["a"], kinds=[-1]),
    "too few ranges": with_file(rows=[[0, 0]]),
    "a bad range": with_file(rows=[[0, 0, "0-x"]]),
    "other digits": with_file(rows=[[0, 0, "٣"]]),
    "a name twice": with_file(rows=[[0, 0, "0-1"], [0, 0, "1"]]),
    "dtype out of order": with_file(order=["F64"]),
    "size that does not fit": document(kinds=[["BF16", [4, 2], 17]]),
    "negative shape": document(kinds=[["BF16", [-4, -2], 16]]),
    "endless shape": document(kinds=[["X", [10] * 100_000, 16]]),
    "huge size": document(kinds=[["X", [], 10**30]]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """What is no bundle, or would grow beyond any model, is refused as the user's file, with the reason."""
    with pytest.raises(UsageError) as error:
        decode(HOSTILE[name], where="x.json.gz")
    assert error.value.because
    assert "x.json.gz" in error.value.what


# Elements that the Hub's API states for the published repositories (their `safetensors.total`): one from
# the other without packing, so stored elements and the Hub's claim must be the same.
STORED = {
    "Qwen/Qwen3-0.6B": 751_632_384,
    "Qwen/Qwen3-30B-A3B": 30_532_122_624,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": 401_583_781_376,
}


@pytest.mark.parametrize("repository", STORED)
def test_shipped(repository: str) -> None:
    """A shipped bundle holds the elements that the Hub states, and says where its headers come from."""
    path = find_shipped(repository)
    assert path is not None
    bundle = read_bundle(path)
    elements = 0
    for header in bundle.checkpoint.parts[0].headers:
        for tensor in header.tensors:
            count = 1
            for dimension in tensor.shape:
                count *= dimension
            elements += count
    assert elements == STORED[repository]
    assert bundle.checkpoint.repository == repository
    assert "not read from the live Hub" in bundle.note
    assert bundle.checkpoint.commit is None


def test_not_shipped() -> None:
    """A repository without a bundle has none, whatever its name leads to."""
    assert find_shipped("no/such") is None
    assert find_shipped("../headers/Qwen--Qwen3-0.6B") is None
