"""Assembling a checkpoint: which headers count, which documents are read, what is said about it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sizer.errors import InvalidDataError, NotFoundError, UnavailableError, UsageError
from sizer.headers.interface import Header, StoredTensor
from sizer.reference import Reference
from sizer.sources.checkpoint import load_checkpoint
from sizer.sources.documents import parse_document
from sizer.sources.interface import Checkpoint, FileEntry, HubFacts, Listing, Progress, Reading, Source

MODEL = Reference(text="a/b", kind="hub", repository="a/b")


class Memory(Source):
    """Files that are names of tensors (weights), documents, or errors."""

    def __init__(self, files: Mapping[str, Any], hub: HubFacts | None = None) -> None:
        self.files = dict(files)
        self.hub = hub
        self.documents_read: list[str] = []
        self.headers_read: list[str] = []

    def listing(self) -> Listing:
        entries = tuple(FileEntry(path=path, size_bytes=1_000) for path in self.files)
        return Listing(repository="a/b", commit="c" * 40, files=entries, hub=self.hub)

    def read_document(self, path: str) -> bytes | None:
        self.documents_read.append(path)
        content = self.files.get(path)
        if isinstance(content, Exception):
            raise content
        return content if isinstance(content, bytes | None) else json.dumps(content).encode()

    def read_headers(self, files: Sequence[FileEntry], progress: Progress | None = None) -> list[Header | Exception]:
        out: list[Header | Exception] = []
        for number, file in enumerate(files, 1):
            self.headers_read.append(file.path)
            content = self.files[file.path]
            out.append(content if isinstance(content, Exception) else header(file.path, content))
            if progress:
                progress(number, len(files))
        return out

    def reading(self) -> Reading:
        return Reading(files=len(self.headers_read))


def header(path: str, names: str) -> Header:
    """A header with these tensors, one letter each."""
    tensors = tuple(StoredTensor(name, "F32", (2, 2), 16) for name in names)
    size = 100 + 16 * len(names)
    return Header(path=path, format="safetensors", tensors=tensors, metadata={}, header_bytes=100, file_bytes=size)


def load(files: Mapping[str, Any], path: str | None = None, hub: HubFacts | None = None) -> Checkpoint:
    return load_checkpoint(Memory(files, hub), MODEL, path=path)


def names(checkpoint: Checkpoint) -> list[list[str]]:
    """Tensor names by part."""
    return [[tensor.name for head in part.headers for tensor in head.tensors] for part in checkpoint.parts]


def codes(checkpoint: Checkpoint) -> list[str]:
    return [notice.code for notice in checkpoint.notices]


CONFIG = {"model_type": "x"}
INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def weight_map(**shards: str) -> dict[str, Any]:
    """An index: tensor letters by shard."""
    return {"metadata": {"total_size": 64}, "weight_map": shards}


def test_single_file() -> None:
    """One file and its config.json are the whole checkpoint, and nothing else is read."""
    source = Memory({"config.json": CONFIG, "README.md": b"", "tokenizer.json": b"{}", "model.safetensors": "ab"})
    checkpoint = load_checkpoint(source, MODEL)
    assert (checkpoint.reference, checkpoint.repository, checkpoint.commit) == ("a/b", "a/b", "c" * 40)
    assert checkpoint.format == "safetensors"
    assert names(checkpoint) == [["a", "b"]]
    assert checkpoint.parts[0].config == CONFIG
    assert checkpoint.parts[0].config_path == "config.json"
    assert checkpoint.notices == checkpoint.alternatives == ()
    assert source.documents_read == ["config.json"]
    assert source.headers_read == ["model.safetensors"]


def test_the_config_of_open_clip_counts_where_there_is_no_other() -> None:
    """open_clip_config.json is the model's configuration, unless a config.json lies beside it."""
    said = {"model_cfg": {"vision_cfg": {"width": 4}, "text_cfg": {"vocab_size": 16}}}
    alone = load({"open_clip_config.json": said, "open_clip_model.safetensors": "ab"})
    assert (alone.parts[0].config, alone.parts[0].config_path) == (said, "open_clip_config.json")

    both = load({"open_clip_config.json": said, "config.json": CONFIG, "open_clip_model.safetensors": "ab"})
    assert both.parts[0].config == CONFIG


def test_index_and_shards() -> None:
    """Shards are read in order, and the index leaves its metadata, not its map, in the documents."""
    checkpoint = load({"config.json": CONFIG, INDEX: weight_map(a=ONE, b=TWO), TWO: "b", ONE: "a"})
    assert names(checkpoint) == [["a", "b"]]
    assert checkpoint.parts[0].documents == {INDEX: {"total_size": 64}}
    assert checkpoint.notices == ()


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (["total_size", 64], "`metadata` is ['total_size', 64], not an object"),
        ("64", "`metadata` is '64', not an object"),
        ({"total_size": "many"}, "`total_size` is 'many', not a number"),
        ({"total_size": True}, "`total_size` is True, not a number"),
        ({"total_parameters": [16], "total_size": 64}, "`total_parameters` is [16], not a number"),
    ],
)
def test_index_metadata_of_a_wrong_type(metadata: Any, said: str) -> None:
    """What an index says of itself in a wrong type is ignored, with the file and the value in a warning."""
    checkpoint = load({"config.json": CONFIG, INDEX: weight_map(a=ONE) | {"metadata": metadata}, ONE: "a"})
    assert names(checkpoint) == [["a"]]
    (notice,) = [notice for notice in checkpoint.notices if notice.code == "index.metadata"]
    assert said in notice.message
    assert f"`{INDEX}`" in notice.message


@pytest.mark.parametrize("metadata", [None, {}, {"total_size": "64"}, {"total_size": 64.0}, {"total_parameters": 0}])
def test_index_metadata_that_is_as_it_should_be(metadata: Any) -> None:
    """No metadata, and numbers as numbers or as text, are no reason for a warning."""
    checkpoint = load(
        {"config.json": CONFIG, INDEX: weight_map(a=ONE, b=TWO) | {"metadata": metadata}, ONE: "a", TWO: "b"}
    )
    assert checkpoint.notices == ()


def test_shards_without_index() -> None:
    """Shards that number themselves need no index."""
    checkpoint = load({ONE: "a", TWO: "b"})
    assert names(checkpoint) == [["a", "b"]]
    assert checkpoint.parts[0].config is None


def test_index_with_other_names() -> None:
    """Without numbers in the names the index alone says which files belong together."""
    checkpoint = load({INDEX: weight_map(a="first.safetensors", b="second.safetensors"),
                       "first.safetensors": "a", "second.safetensors": "b", "third.safetensors": "c"})  # fmt: skip
    assert names(checkpoint) == [["a", "b"]]


def test_index_adds_a_file_apart() -> None:
    """A file that the index names beside the numbered shards belongs to the model (prediction layers often do)."""
    checkpoint = load(
        {INDEX: weight_map(a=ONE, b=TWO, m="mtp.safetensors"), ONE: "a", TWO: "b", "mtp.safetensors": "m"}
    )
    assert names(checkpoint) == [["a", "b", "m"]]


def test_missing_shard() -> None:
    """A shard that the index names and the repository lacks leaves the rest counted, and incomplete."""
    checkpoint = load({INDEX: weight_map(a=ONE, b=TWO), ONE: "a"})
    assert names(checkpoint) == [["a"]]
    assert codes(checkpoint) == ["index.missing_shard"]
    assert not checkpoint.reading.complete
    assert [file.path for file in checkpoint.parts[0].unread] == [TWO]


def test_single_file_beside_a_dead_index() -> None:
    """An index whose shards are gone does not hide the single file that is there."""
    checkpoint = load({INDEX: weight_map(a=ONE, b=TWO), "model.safetensors": "ab"})
    assert names(checkpoint) == [["a", "b"]]
    assert codes(checkpoint) == ["index.unusable"]


def test_gap_without_index() -> None:
    """A gap in the numbers of shards is said, the shards are named, and the count is not of the whole model."""
    checkpoint = load({ONE: "a"})
    assert codes(checkpoint) == ["shards.missing"]
    assert [file.path for file in checkpoint.parts[0].unread] == [TWO]
    assert (checkpoint.reading.complete, checkpoint.reading.retryable) == (False, False)


@pytest.mark.parametrize(
    ("numbers", "of", "missing"),
    [
        ([1, 3], 3, ["00002"]),
        ([2], 3, ["00001", "00003"]),
        ([0, 2], 3, ["00001"]),
        ([0, 1], 3, ["00002"]),
    ],
)
def test_shards_that_are_not_there(numbers: list[int], of: int, missing: list[str]) -> None:
    """The numbers of the others tell which shards are missing, counted from 1 or, where there is a 0, from 0."""
    checkpoint = load({f"a/model-{number:05d}-of-{of:05d}.safetensors": f"t{number}" for number in numbers})
    unread = [file.path for file in checkpoint.parts[0].unread]
    assert unread == [f"a/model-{number}-of-{of:05d}.safetensors" for number in missing]


@pytest.mark.parametrize(
    "name",
    ["../../../../api/whoami-v2", "http://127.0.0.1:1/x.safetensors", "/etc/passwd", "config.json", "gone.safetensors"],
)
def test_index_that_names_nothing_here(name: str) -> None:
    """Names that are not weight files of the repository are never asked for."""
    source = Memory({"config.json": CONFIG, INDEX: weight_map(a=name)})
    with pytest.raises(InvalidDataError) as error:
        load_checkpoint(source, MODEL)
    assert error.value.code == "index.shard_name"
    assert source.headers_read == []


@pytest.mark.parametrize("content", [[], None, {}, {"weight_map": {}}, {"weight_map": {"a": 1}}, b"{", b"\xff"])
def test_unusable_index(content: Any) -> None:
    """A broken index beside shards leaves them counted and the reading incomplete; without files it is an error."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(InvalidDataError) as error:
        load({INDEX: raw, "config.json": CONFIG})
    assert error.value.code in ("index.form", "document.form")

    numbered = load({INDEX: raw, ONE: "a", TWO: "b"})
    assert names(numbered) == [["a", "b"]]
    assert codes(numbered) == ["index.unusable"]
    assert (numbered.reading.complete, numbered.reading.retryable, numbered.has_all_weights) == (False, False, True)

    gap = load({INDEX: raw, "config.json": CONFIG, ONE: "a"})
    assert names(gap) == [["a"]]
    assert codes(gap) == ["index.unusable", "shards.missing"]
    assert (gap.reading.complete, gap.has_all_weights) == (False, False)

    single = load({INDEX: raw, "model.safetensors": "ab"})
    assert codes(single) == ["index.unusable"]
    assert single.reading.complete


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (["consolidated.00", "consolidated.02"], ["consolidated.01"]),
        (["consolidated.01", "consolidated.02"], ["consolidated.00"]),
        (["consolidated.02"], ["consolidated.00", "consolidated.01"]),
        (["model-01", "model-03"], ["model-02"]),
        (["consolidated.00", "consolidated.01"], []),
        (["consolidated.00"], []),
        (["model-01", "model-02"], []),
    ],
)
def test_gaps_of_shards_that_are_only_numbered(found: list[str], missing: list[str]) -> None:
    """`consolidated.00` and `consolidated.02` are one model of which a shard is missing, not two."""
    checkpoint = load({f"{name}.safetensors": [name] for name in found})

    assert names(checkpoint) == [found]
    assert [file.path for file in checkpoint.parts[0].unread] == [f"{name}.safetensors" for name in missing]
    assert codes(checkpoint) == ["shards.missing"] * bool(missing)
    assert checkpoint.reading.complete == (not missing)
    assert checkpoint.alternatives == ()


def test_numbers_with_gaps_of_other_files() -> None:
    """Steps of training are files of their own, whatever their numbers are."""
    checkpoint = load({"step_100.safetensors": "a", "step_200.safetensors": "b"})
    assert names(checkpoint) in ([["a"]], [["b"]])
    assert len(checkpoint.alternatives) == 1
    assert checkpoint.reading.complete


def test_an_index_of_nothing_beside_numbered_shards() -> None:
    """Where an index names other files, numbered shards are counted and the reading is marked."""
    checkpoint = load({INDEX: weight_map(a="x.safetensors"), ONE: "a", TWO: "b"})
    assert names(checkpoint) == [["a", "b"]]
    assert codes(checkpoint) == ["index.unusable"]
    assert (checkpoint.reading.complete, checkpoint.has_all_weights) == (False, True)


def test_too_many_shards() -> None:
    """An index that names more shards than any model has is refused before one is read."""
    shards = {f"t{number}": f"s{number}.safetensors" for number in range(2_001)}
    source = Memory({INDEX: {"weight_map": shards}, **dict.fromkeys(shards.values(), "a")})
    with pytest.raises(InvalidDataError) as error:
        load_checkpoint(source, MODEL)
    assert error.value.code == "reading.too_many_files"
    assert source.headers_read == []


def test_headers_win_over_the_index() -> None:
    """Tensors that only the index has are not counted, those that only headers have are; both are said."""
    checkpoint = load({INDEX: weight_map(a=ONE, ghost=ONE, b=TWO), ONE: "ax", TWO: "b"})
    assert names(checkpoint) == [["a", "x", "b"]]
    assert codes(checkpoint) == ["index.ghost_tensor", "index.unnamed_tensor"]


def test_shard_that_the_index_leaves_out() -> None:
    """A numbered shard that the index does not name is counted, and said."""
    checkpoint = load({INDEX: weight_map(a=ONE), ONE: "a", TWO: "b"})
    assert names(checkpoint) == [["a", "b"]]
    assert codes(checkpoint) == ["index.unnamed_shard", "index.unnamed_tensor"]


def test_repeated_tensor() -> None:
    """A tensor in two shards is counted once: where the index says, else in the first."""
    checkpoint = load({INDEX: weight_map(a=ONE, b=TWO, c=TWO), ONE: "ab", TWO: "bc"})
    assert [[tensor.name for tensor in head.tensors] for head in checkpoint.parts[0].headers] == [["a"], ["b", "c"]]
    assert codes(checkpoint) == ["shards.repeated_tensor"]
    checkpoint = load({ONE: "ab", TWO: "bc"})
    assert [[tensor.name for tensor in head.tensors] for head in checkpoint.parts[0].headers] == [["a", "b"], ["c"]]


@pytest.mark.parametrize("folder", ["", "sub/"])
def test_tensors_in_another_shard_than_the_index_says(folder: str) -> None:
    """A loader goes by the index and would not find such a tensor; the headers count it, with a notice."""
    files = {f"{folder}{INDEX}": weight_map(a=ONE, b=ONE, c=TWO), f"{folder}{ONE}": "a", f"{folder}{TWO}": "bc"}
    checkpoint = load(files)
    assert names(checkpoint) == [["a", "b", "c"]]
    assert codes(checkpoint) == ["index.wrong_shard"]
    assert "1 tensor (`b`)" in checkpoint.notices[0].message
    assert checkpoint.reading.complete


def test_parts_in_folders_are_one_model() -> None:
    """Folders that the root's config names are one model, with the folders in its names, if the root has no weights."""
    root = {"model_type": "x", "llm_cfg": {}, "vision_tower_cfg": {}, "draft": {}}
    files = {f"{name}/model.safetensors": "ab" for name in ("llm", "vision_tower", "draft")}
    configs = {f"{name}/config.json": {"of": name} for name in ("llm", "vision_tower", "draft")}
    checkpoint = load({"config.json": root} | files | configs)
    assert names(checkpoint) == [["llm.a", "llm.b", "vision_tower.a", "vision_tower.b"]]
    assert checkpoint.format == "safetensors"
    assert checkpoint.parts[0].config == root | {
        "llm_config": {"of": "llm"},
        "vision_tower_config": {"of": "vision_tower"},
    }
    assert [line.split()[0] for line in checkpoint.alternatives] == ["draft/"]


def test_slices_of_tensor_parallelism() -> None:
    """Where each rank has files of its own beside what all share, the slices of a tensor are joined to the whole."""
    files = {f"model-00001-TP-00{rank}.safetensors": "wv" for rank in range(4)}
    checkpoint = load({"model-00000-TP-common.safetensors": "ab"} | files)
    shapes = {tensor.name: tensor.shape for head in checkpoint.parts[0].headers for tensor in head.tensors}
    assert shapes == {"a": (2, 2), "b": (2, 2), "w": (8, 2), "v": (8, 2)}
    assert sum(tensor.size_bytes for head in checkpoint.parts[0].headers for tensor in head.tensors) == 160
    assert checkpoint.reading.complete
    assert not codes(checkpoint)


@pytest.mark.parametrize(
    "paths",
    [
        ["rank0.safetensors", "rank1.safetensors"],
        ["model0-mp2.safetensors", "model1-mp2.safetensors"],
        ["model-rank-0-part-0.safetensors", "model-rank-1-part-0.safetensors"],
        ["model-00000-TP-common.safetensors", "model-00001-TP-000.safetensors", "model-00001-TP-002.safetensors"],
    ],
)
def test_slices_or_copies(paths: list[str]) -> None:
    """Where a tensor of several ranks may be a slice or a whole copy, or a rank is missing, nothing is counted."""
    checkpoint = load(dict.fromkeys(paths, "w"))
    assert names(checkpoint) == [["w"]]
    assert not checkpoint.reading.complete


def test_one_bad_shard() -> None:
    """A shard that cannot be read leaves the others counted, is named with the reason, and the count incomplete."""
    bad = InvalidDataError("`x` is not a valid safetensors file", code="header.json", because="not JSON")
    checkpoint = load({INDEX: weight_map(a=ONE, b=TWO), ONE: "a", TWO: bad})
    assert names(checkpoint) == [["a"]]
    assert not checkpoint.reading.complete
    assert [file.path for file in checkpoint.parts[0].unread] == [TWO]
    incomplete = next(notice for notice in checkpoint.notices if notice.code == "header.json")
    assert "not JSON" in incomplete.message


@pytest.mark.parametrize(
    ("files", "is_retryable"),
    [
        pytest.param({TWO: UnavailableError("down", code="hub.unavailable")}, True, id="the network"),
        pytest.param({TWO: InvalidDataError("bad", code="header.json")}, False, id="a broken shard"),
        pytest.param({}, False, id="an absent shard"),
    ],
)
def test_what_trying_again_may_help(files: dict[str, Any], is_retryable: bool) -> None:
    """A shard that did not come may come; one that is broken or absent will not, whatever the index gets wrong."""
    checkpoint = load({INDEX: weight_map(a=ONE, ghost=ONE, b=TWO), ONE: "a", **files})
    assert (checkpoint.reading.complete, checkpoint.reading.retryable) == (False, is_retryable)


def test_nothing_readable() -> None:
    """Where no header can be read, the first error is the answer."""
    down = UnavailableError("the Hub cannot answer", code="hub.unavailable")
    with pytest.raises(UnavailableError):
        load({ONE: down, TWO: down, "config.json": CONFIG})


def test_gated_says_what_is_known() -> None:
    """For a gated repository the error holds what config.json and the Hub declare."""
    gated = NotFoundError("gated", code="hub.gated", because="its terms must be accepted")
    with pytest.raises(NotFoundError) as error:
        load({"model.safetensors": gated, "config.json": CONFIG}, hub=HubFacts(total_parameters=8_030_261_248))
    assert error.value.details == {"declared_total_parameters": 8_030_261_248, "model_type": "x"}
    assert "8.03 B" in error.value.because


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (b"", "document.form"),
        (b"{", "document.form"),
        (b"[1, 2]", None),
        (b"[" * 100_000, "document.form"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "document.form"),
    ],
)
def test_unusable_config(config: bytes, expected: str | None) -> None:
    """A config.json that cannot be used leaves the count exact, and a notice."""
    checkpoint = load({"config.json": config, "model.safetensors": "a"})
    assert names(checkpoint) == [["a"]]
    assert checkpoint.parts[0].config is None
    assert len(checkpoint.notices) == 1
    if expected:
        with pytest.raises(InvalidDataError) as error:
            parse_document(config, "config.json")
        assert error.value.code == expected


def test_odd_numbers() -> None:
    """Infinity stays (Mamba has it as an upper limit), NaN becomes null, and digits without end a float."""
    raw = b'{"time_step_limit": [0.0, Infinity], "x": NaN, "n": ' + b"9" * 5_000 + b"}"
    assert parse_document(raw, "config.json") == {"time_step_limit": [0.0, float("inf")], "x": None, "n": float("inf")}


def test_quantization_documents() -> None:
    """Documents about the quantisation are read where config.json says nothing of it, and only then."""
    files = {"hf_quant_config.json": {"q": 1}, "quantize_config.json": {"bits": 4}, "model.safetensors": "a"}
    checkpoint = load({**files, "config.json": CONFIG})
    assert checkpoint.parts[0].documents == {"hf_quant_config.json": {"q": 1}, "quantize_config.json": {"bits": 4}}
    checkpoint = load({**files, "config.json": {"quantization_config": {}}})
    assert checkpoint.parts[0].documents == {}


def test_consolidated_beside_model_files() -> None:
    """Of `consolidated` and `model` files one set is counted and the other named."""
    checkpoint = load({"config.json": CONFIG, "params.json": {}, ONE: "a", TWO: "b", "consolidated.safetensors": "ab"})
    assert names(checkpoint) == [["a", "b"]]
    assert checkpoint.alternatives == ("consolidated.safetensors (safetensors, 1 file, 1.00 kB)",)


def test_consolidated_alone() -> None:
    """`consolidated` files alone are the model, and params.json its configuration."""
    checkpoint = load({"params.json": {"dim": 1}, "consolidated.safetensors": "ab"})
    assert names(checkpoint) == [["a", "b"]]
    assert checkpoint.parts[0].config == {"dim": 1}
    assert checkpoint.parts[0].config_path == "params.json"


def test_subfolder_only() -> None:
    """Weights in a subfolder alone are found there, with the root's config.json."""
    checkpoint = load({"config.json": CONFIG, "fp16/model.safetensors": "a"})
    assert names(checkpoint) == [["a"]]
    assert checkpoint.parts[0].config == CONFIG


def test_path() -> None:
    """A path chooses a subfolder or a file, its set with it; what is left out below it is still named."""
    files = {"model.safetensors": "r", f"sub/{ONE}": "a", f"sub/{TWO}": "b", "sub/consolidated.safetensors": "c"}
    assert names(load(files, "sub")) == [["a", "b"]]
    assert names(load(files, "sub/")) == [["a", "b"]]
    assert names(load(files, f"sub/{TWO}")) == [["a", "b"]]
    assert names(load(files, "sub/consolidated.safetensors")) == [["c"]]
    assert load(files, "sub").alternatives == ("sub/consolidated.safetensors (safetensors, 1 file, 1.00 kB)",)
    reference = dataclasses.replace(MODEL, path="sub")
    assert names(load_checkpoint(Memory(files), reference)) == [["a", "b"]]


@pytest.mark.parametrize("path", ["submarine", "../x", "config.json", "sub/../model.safetensors"])
def test_path_that_is_no_model(path: str) -> None:
    """A path that is not there, leads out, or is no weights is refused with a hint."""
    with pytest.raises(UsageError) as error:
        load({"config.json": CONFIG, "model.safetensors": "a", "sub/model.safetensors": "a"}, path)
    assert error.value.hint


def test_adapter() -> None:
    """An adapter is named as one, with the model that it belongs to, and never as the model."""
    checkpoint = load({"adapter_config.json": {"base_model_name_or_path": "a/base"}, "adapter_model.safetensors": "ab"})
    assert (checkpoint.format, checkpoint.base_model) == ("adapter", "a/base")
    assert names(checkpoint) == [["a", "b"]]
    assert checkpoint.parts[0].documents["adapter_config.json"]["base_model_name_or_path"] == "a/base"


def test_adapter_of_mlx() -> None:
    """MLX names the base under `model`, and keeps earlier steps beside the adapter."""
    files = {"adapters.safetensors": "ab", "0000100_adapters.safetensors": "ab"}
    checkpoint = load({"adapter_config.json": {"model": "a/base"}} | files)
    assert (checkpoint.format, checkpoint.base_model) == ("adapter", "a/base")
    assert [header.path for header in checkpoint.parts[0].headers] == ["adapters.safetensors"]


def test_adapter_without_config() -> None:
    """Without adapter_config.json the Hub's tags may name the base."""
    hub = HubFacts(tags=("lora", "base_model:a/base", "base_model:adapter:a/base"))
    checkpoint = load({"pytorch_lora_weights.safetensors": "ab"}, hub=hub)
    assert (checkpoint.format, checkpoint.base_model) == ("adapter", "a/base")


def test_model_beside_an_adapter() -> None:
    """A model wins over an adapter in the same repository, and the adapter is named."""
    checkpoint = load({"config.json": CONFIG, "model.safetensors": "a", "adapter_model.safetensors": "b"})
    assert (checkpoint.format, names(checkpoint)) == ("safetensors", [["a"]])
    assert "adapter" in checkpoint.alternatives[0]


def test_diffusers() -> None:
    """Each component of model_index.json that has weights is a part, twins in half precision left out."""
    checkpoint = load(
        {
            "model_index.json": {
                "_class_name": "Pipeline",
                "unet": ["diffusers", "UNet"],
                "vae": ["diffusers", "VAE"],
                "scheduler": ["diffusers", "S"],
                "safety_checker": [None, None],
                "text_encoder": ["transformers", "T"],
            },
            "unet/config.json": {"u": 1},
            "unet/diffusion_pytorch_model.safetensors": "u",
            "unet/diffusion_pytorch_model.fp16.safetensors": "u",
            "vae/config.json": {"v": 1},
            "vae/diffusion_pytorch_model.safetensors": "v",
            "text_encoder/model-00001-of-00002.safetensors": "s",
            "text_encoder/model-00002-of-00002.safetensors": "t",
            "text_encoder/model.safetensors.index.json": weight_map(s=ONE, t=TWO),
            "scheduler/scheduler_config.json": {},
            "safety_checker/model.safetensors": "x",
            "single_file.safetensors": "uv",
        }
    )
    assert checkpoint.format == "pipeline"
    assert [part.name for part in checkpoint.parts] == ["unet", "vae", "text_encoder"]
    assert names(checkpoint) == [["u"], ["v"], ["s", "t"]]
    assert checkpoint.parts[0].config == {"u": 1}
    assert len(checkpoint.alternatives) == 3
    assert checkpoint.notices == ()


def test_a_component_in_pytorch_files() -> None:
    """A component whose headers are not read is named and makes the checkpoint incomplete, for good."""
    checkpoint = load(
        {
            "model_index.json": {"unet": ["d", "U"], "safety_checker": ["d", "S"]},
            "unet/diffusion_pytorch_model.safetensors": "u",
            "safety_checker/pytorch_model.bin": "s",
        }
    )
    assert names(checkpoint) == [["u"], []]
    assert [file.path for file in checkpoint.parts[1].unread] == ["safety_checker/pytorch_model.bin"]
    assert codes(checkpoint) == ["weights.unread"]
    assert not checkpoint.reading.complete
    assert not checkpoint.reading.retryable


def test_model_index_that_is_none() -> None:
    """Where model_index.json cannot be used every folder with weights is a component."""
    checkpoint = load({"model_index.json": b"{", "b/model.safetensors": "b", "a/model.safetensors": "a"})
    assert [part.name for part in checkpoint.parts] == ["a", "b"]
    assert codes(checkpoint) == ["config.unreadable"]


def test_sentence_transformers() -> None:
    """Modules with weights of their own are parts; a plain encoder stays one model."""
    modules = [
        {"idx": 0, "path": "", "type": "Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "Pooling"},
        {"idx": 2, "path": "2_Dense", "type": "Dense"},
    ]
    files = {"modules.json": modules, "config.json": CONFIG, "model.safetensors": "a", "1_Pooling/config.json": {}}
    assert load(files).format == "safetensors"
    checkpoint = load({**files, "2_Dense/model.safetensors": "d", "2_Dense/config.json": {"d": 1}})
    assert checkpoint.format == "pipeline"
    assert [part.name for part in checkpoint.parts] == ["", "2_Dense"]
    assert names(checkpoint) == [["a"], ["d"]]


def test_only_pytorch_files() -> None:
    """Without a readable format the files are listed with their sizes, and nothing is counted."""
    checkpoint = load({"config.json": CONFIG, "pytorch_model.bin": "x", "tf_model.h5": "x"})
    assert checkpoint.format == "bin"
    assert checkpoint.parts[0].headers == ()
    assert checkpoint.parts[0].config == CONFIG
    assert checkpoint.parts[0].unread == (FileEntry(path="pytorch_model.bin", size_bytes=1_000),)
    assert codes(checkpoint) == ["weights.unread"]
    assert checkpoint.alternatives == ("tf_model.h5 (Keras, 1 file, 1.00 kB)",)


def test_no_weights() -> None:
    """A repository without weights still gives its config.json."""
    checkpoint = load({"config.json": CONFIG, "README.md": b""})
    assert (checkpoint.format, checkpoint.parts[0].config) == ("none", CONFIG)
    assert codes(checkpoint) == ["weights.none"]
    assert load({}).format == "none"


def test_progress() -> None:
    """Progress counts the weight files of all parts together."""
    seen: list[tuple[int, int]] = []
    load_checkpoint(Memory({ONE: "a", TWO: "b"}), MODEL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
