"""Every source gives the same checkpoint for the same files: the Hub, a folder, and a bundle of either."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sizer.reference import parse_reference
from sizer.sources.bundle import read_bundle, save_bundle
from sizer.sources.checkpoint import load_checkpoint
from sizer.sources.hub import HubSource
from sizer.sources.interface import Checkpoint, Reading
from sizer.sources.local import LocalSource
from tests.gguf_writer import Writer
from tests.hub import Content, Hub, Sparse, index, safetensors

CONFIG: dict[str, Any] = {"model_type": "x", "num_hidden_layers": 2}


def tensors(*names: str) -> Sparse:
    return safetensors({name: ("BF16", [4, 2]) for name in names}, {"format": "pt"})


def gguf(name: str) -> Sparse:
    head = Writer().header([("general.architecture", "str", "llama")], [(name, (64,), 0, 0)])
    return Sparse(head, len(head) + 256)


ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"

LAYOUTS: dict[str, dict[str, Any]] = {
    "one file": {"config.json": CONFIG, "model.safetensors": tensors("a", "b")},
    "index and shards": {"config.json": CONFIG, INDEX: index({"a": ONE, "b": TWO}), ONE: tensors("a"),
                         TWO: tensors("b")},
    "shards without an index": {ONE: tensors("a"), TWO: tensors("b")},
    "a shard is missing": {INDEX: index({"a": ONE, "b": TWO}), ONE: tensors("a")},
    "a broken shard": {ONE: tensors("a"), TWO: b"12345678"},
    "a lying index": {INDEX: index({"a": ONE, "ghost": TWO}), ONE: tensors("a"), TWO: tensors("b")},
    "a tensor twice": {ONE: tensors("a", "b"), TWO: tensors("b")},
    "twins": {"config.json": CONFIG, "model.safetensors": tensors("a"), "model.fp16.safetensors": tensors("a"),
              "pytorch_model.bin": b"x" * 10, "onnx/model.onnx": b"x"},
    "subfolder": {"config.json": CONFIG, "fp16/model.safetensors": tensors("a")},
    "adapter": {"adapter_config.json": {"base_model_name_or_path": "a/b"}, "adapter_model.safetensors": tensors("a")},
    "diffusers": {"model_index.json": {"unet": ["d", "U"], "vae": ["d", "V"]}, "unet/config.json": {"u": 1},
                  "unet/diffusion_pytorch_model.safetensors": tensors("u"),
                  "vae/diffusion_pytorch_model.safetensors": tensors("v")},
    "gguf": {"m-Q8_0.gguf": gguf("a"), "m-Q4_K_M.gguf": gguf("a"), "mmproj-F16.gguf": gguf("v")},
    "only bin": {"config.json": CONFIG, "pytorch_model.bin": b"x" * 10},
    "no weights": {"config.json": CONFIG},
    "no config": {"model.safetensors": tensors("a")},
    "a config that is none": {"config.json": b"{", "model.safetensors": tensors("a")},
}  # fmt: skip


@pytest.fixture(params=LAYOUTS)
def files(request: pytest.FixtureRequest) -> dict[str, Content]:
    return {
        path: json.dumps(content).encode() if isinstance(content, dict) else content
        for path, content in LAYOUTS[request.param].items()
    }


def write(folder: Path, files: dict[str, Content]) -> None:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as stream:
            stream.write(content.head if isinstance(content, Sparse) else content)
            stream.truncate(content.size if isinstance(content, Sparse) else len(content))


def comparable(checkpoint: Checkpoint) -> Checkpoint:
    """Without what must differ: names of places, cost, and what only a Hub says."""
    reading = Reading(
        files=checkpoint.reading.files,
        complete=checkpoint.reading.complete,
        verified_by=checkpoint.reading.verified_by,
    )
    return dataclasses.replace(checkpoint, reference="", repository="", commit=None, hub=None, reading=reading)


def test_sources_agree(files: dict[str, Content], tmp_path: Path) -> None:
    """The Hub and a folder with the same files give the same parts, alternatives and warnings."""
    with Hub() as hub:
        hub.add("org/model", files)
        source = HubSource("org/model", address=hub.address, backoff_seconds=0.01)
        remote = load_checkpoint(source, parse_reference("hf://org/model"))
    write(tmp_path, files)
    local = load_checkpoint(LocalSource(tmp_path), parse_reference(str(tmp_path)))
    assert comparable(local) == comparable(remote)

    save_bundle(remote, tmp_path / "saved.json.gz")
    assert read_bundle(tmp_path / "saved.json.gz").checkpoint == remote
