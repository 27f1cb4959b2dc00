"""Which files are the model, from names and sizes alone. Names are those of real repositories."""

from __future__ import annotations

import pytest

from sizer.sources.interface import FileEntry
from sizer.sources.layout import choose, choose_model, describe, find_sets


def files(*paths: str) -> list[FileEntry]:
    """Files of one size, so that names alone decide."""
    return [FileEntry(path=path, size_bytes=1_000_000) for path in paths]


def shards(pattern: str, count: int, first: int = 1) -> list[str]:
    """`model-{}-of-00003.safetensors` with the numbers filled in."""
    return [pattern.format(f"{number:05d}") for number in range(first, count + 1)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["config.json", "model.safetensors"], "model.safetensors"),
        (["model.safetensors", "model.fp16.safetensors"], "model.safetensors"),
        (["model.fp16.safetensors", "pytorch_model.bin"], "model.fp16.safetensors"),
        (shards("model-{}-of-00003.safetensors", 3), "model-*-of-00003.safetensors"),
        (shards("model.safetensors-{}-of-00003.safetensors", 3), "model.safetensors-*-of-00003.safetensors"),
        ([*shards("model-{}-of-00002.safetensors", 2), "consolidated.safetensors"], "model-*-of-00002.safetensors"),
        (["consolidated.00.safetensors", "consolidated.01.safetensors"], "consolidated.*.safetensors"),
        (["model.safetensors", "adapter_model.safetensors"], "model.safetensors"),
        (["adapter_model.safetensors", "adapter_config.json"], "adapter_model.safetensors"),
        (["0000100_adapters.safetensors", "adapters.safetensors"], "adapters.safetensors"),
        (["model.safetensors", "model-Q4_K_M.gguf"], "model.safetensors"),
        (["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"], "pytorch_model-*-of-00002.bin"),
        (["model.safetensors", "training_args.bin", "optimizer.pt", "rng_state.pth"], "model.safetensors"),
        (["diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors"],
         "diffusion_pytorch_model.safetensors"),
        (["model.safetensors", "model.safetensors.index.json", *shards("model-{}-of-00002.safetensors", 2)],
         "model-*-of-00002.safetensors"),
        (["layer_0.safetensors", "layer_1.safetensors", "layer_2.safetensors"], "layer_*.safetensors"),
    ],
)  # fmt: skip
def test_choice(paths: list[str], expected: str) -> None:
    """Of several sets of the same weights exactly one is the model."""
    chosen = choose(find_sets(files(*paths)), "")
    assert chosen is not None
    assert chosen.name == expected


def test_checkpoints_of_a_training_run_are_not_shards() -> None:
    """Numbers with gaps, as steps of training have them, do not make one model."""
    chosen = choose(find_sets(files("step-500.safetensors", "step-1000.safetensors")), "")
    assert chosen is not None
    assert len(chosen.files) == 1


@pytest.mark.parametrize(("count", "first", "complete"), [(3, 1, True), (3, 0, True), (2, 0, True), (2, 1, False)])
def test_completeness(count: int, first: int, complete: bool) -> None:
    """Shards of 3 are complete when numbered 1-3, 0-2, or 0-3 as in gpt-oss."""
    found = find_sets(files(*shards("model-{}-of-00003.safetensors", count, first)))
    assert [weights.is_complete for weights in found] == [complete]


def test_shards_are_in_order() -> None:
    """Shards are sorted by their numbers, whatever the order of the listing."""
    found = find_sets(files(*reversed(shards("model-{}-of-00012.safetensors", 12))))
    assert [file.path[6:11] for file in found[0].files] == [f"{number:05d}" for number in range(1, 13)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf"], "m-Q4_K_M.gguf"),
        (["m.Q8_0.gguf", "m.f16.gguf"], "m.Q8_0.gguf"),
        (["m-IQ2_XS.gguf", "mmproj-F16.gguf"], "m-IQ2_XS.gguf"),
        (["Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf", "Q4_K_M/m-Q4_K_M-00001-of-00001.gguf"],
         "Q4_K_M/m-Q4_K_M-00001-of-00001.gguf"),
        (["m-Q8_0.gguf", "Q4_K_M/m.gguf"], "Q4_K_M/m.gguf"),
        (["BF16/m-00001-of-00002.gguf", "BF16/m-00002-of-00002.gguf"], "BF16/m-*-of-00002.gguf"),
    ],
)  # fmt: skip
def test_gguf(paths: list[str], expected: str) -> None:
    """Of several quantisations the one that llama.cpp takes by default is read; a split file is one set."""
    chosen = choose_model(find_sets(files(*paths)), "", paths)
    assert chosen is not None
    assert chosen.name == expected


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["fp16/model.safetensors"], "fp16/model.safetensors"),
        (["original/consolidated.00.pth", "hf/config.json", "hf/model.safetensors"], "hf/model.safetensors"),
        (["a/model.safetensors", "b/model.safetensors", "b/config.json"], "b/model.safetensors"),
        (["onnx/model.onnx", "0_Transformer/pytorch_model.bin"], "0_Transformer/pytorch_model.bin"),
        (["checkpoint-10/model.safetensors", "final/model.safetensors"], "final/model.safetensors"),
    ],
)
def test_subfolders(paths: list[str], expected: str) -> None:
    """Where the root has no weights, the folder that looks most like a model is taken."""
    sets = find_sets(files(*paths))
    assert choose(sets, "") is None
    chosen = choose_model(sets, "", paths)
    assert chosen is not None
    assert chosen.name == expected


def test_the_rest_is_named() -> None:
    """Each set that is left out has one line with its format, files and size; a subfolder shares one."""
    sets = find_sets(
        files(
            "model.safetensors",
            "model.fp16.safetensors",
            "pytorch_model.bin",
            "onnx/model.onnx",
            "onnx/model_q4.onnx",
            "mmproj-F16.gguf",
        )
    )
    chosen = choose(sets, "")
    assert describe([weights for weights in sets if weights is not chosen], "") == (
        "model.fp16.safetensors (safetensors, fp16, 1 file, 1.00 MB)",
        "mmproj-F16.gguf (GGUF, projector, 1 file, 1.00 MB)",
        "pytorch_model.bin (PyTorch, 1 file, 1.00 MB)",
        "onnx/ (ONNX, 2 files, 2.00 MB)",
    )
