"""Laws of choosing: nothing is lost, nothing is taken twice, and the order of a listing means nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.sources.interface import FileEntry
from sizer.sources.layout import choose_model, describe, find_sets

FOLDERS = ("", "", "", "fp16/", "original/", "unet/", "a/b/")
NAMES = (
    "model.safetensors", "model.fp16.safetensors", "consolidated.safetensors", "consolidated.00.safetensors",
    "consolidated.01.safetensors", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
    "model-00001-of-00003.safetensors", "layer_0.safetensors", "layer_1.safetensors", "step-500.safetensors",
    "adapter_model.safetensors", "x-Q4_K_M.gguf", "x-Q8_0-00001-of-00002.gguf", "x-Q8_0-00002-of-00002.gguf",
    "mmproj-F16.gguf", "pytorch_model.bin", "model.onnx", "tf_model.h5", "ae.safetensors",
    "model.safetensors.index.json", "config.json", "training_args.bin", "README.md",
)  # fmt: skip
LISTINGS = st.lists(
    st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES), st.integers(0, 10**12)),
    max_size=16,
    unique_by=lambda item: item[:2],
).map(lambda items: [FileEntry(path=folder + name, size_bytes=size) for folder, name, size in items])
WEIGHTS = (".safetensors", ".gguf", ".bin", ".onnx", ".h5")


@settings(deadline=None)
@given(LISTINGS)
def test_every_weight_file_is_in_one_set(files: list[FileEntry]) -> None:
    """Sets share no file, and together hold all weight files but those of a training run's state."""
    found = [file.path for weights in find_sets(files) for file in weights.files]
    expected = [f.path for f in files if f.path.endswith(WEIGHTS) and not f.path.endswith("training_args.bin")]
    assert sorted(found) == sorted(expected)


@settings(deadline=None)
@given(LISTINGS, st.randoms(use_true_random=False))
def test_order_means_nothing(files: list[FileEntry], random: object) -> None:
    """However a listing is sorted, the same set is chosen and the same are left out."""
    shuffled = list(files)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    outcomes = []
    for listing in (files, shuffled):
        sets = find_sets(listing)
        chosen = choose_model(sets, "", [file.path for file in listing])
        outcomes.append(
            (chosen, describe([weights for weights in sets if weights is not chosen and weights.files], ""))
        )
    assert outcomes[0] == outcomes[1]


@settings(deadline=None)
@given(LISTINGS)
def test_a_model_is_found_where_there_is_one(files: list[FileEntry]) -> None:
    """Wherever there is a set that is not a mere projector, one is chosen, and a readable one before others."""
    sets = find_sets(files)
    chosen = choose_model(sets, "", [file.path for file in files])
    candidates = [weights for weights in sets if not weights.is_projector]
    assert (chosen is not None) == bool(candidates)
    here = [weights for weights in candidates if weights.folder == ""]
    if chosen is not None and any(weights.is_read for weights in here):
        assert chosen.is_read
