"""Reading a repository of the Hub: which requests are sent, and what comes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sizer.errors import InvalidDataError, NotFoundError, UsageError
from sizer.headers.interface import Header
from sizer.reference import parse_reference
from sizer.sources.checkpoint import load_checkpoint
from sizer.sources.hub import FIRST_BYTES, HubSource, endpoint
from sizer.sources.interface import Checkpoint, HubFacts
from tests.gguf_writer import Writer
from tests.hub import Hub, Sparse, index, safetensors, status

CONFIG: dict[str, Any] = {"model_type": "x", "architectures": ["X"]}
ONE = safetensors({"a": ("F32", [2, 3]), "b": ("BF16", [5])}, {"format": "pt"})


def shards(count: int) -> dict[str, Any]:
    """A model of one tensor a shard."""
    names = [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
    files: dict[str, Any] = {name: safetensors({f"t.{n}": ("F32", [n])}) for n, name in enumerate(names)}
    weight_map = {f"t.{number}": name for number, name in enumerate(names)}
    return {"config.json": CONFIG, "model.safetensors.index.json": index(weight_map, total_size=4), **files}


def load(source: HubSource, reference: str = "org/model") -> Checkpoint:
    return load_checkpoint(source, parse_reference(reference))


def test_single_file(hub: Hub, source: Any) -> None:
    """A model of one file takes five requests: the API, config.json and the file, each of them redirected once."""
    hub.add("org/model", {"README.md": "x", "tokenizer.json": "{}", "config.json": CONFIG, "model.safetensors": ONE})
    checkpoint = load(source("org/model"))
    assert [seen.route for seen in hub.requests].count("api") == 1
    assert sorted(seen.route for seen in hub.requests) == ["api", "cdn", "document", "resolve", "resolve"]
    header = checkpoint.parts[0].headers[0]
    assert [(t.name, t.dtype, t.shape, t.size_bytes) for t in header.tensors] == [
        ("a", "F32", (2, 3), 24),
        ("b", "BF16", (5,), 10),
    ]
    assert header.file_bytes == ONE.size
    assert checkpoint.parts[0].config == CONFIG
    assert checkpoint.reading.requests == len(hub.requests) == 5
    assert checkpoint.reading.files == 1
    assert checkpoint.reading.complete
    assert checkpoint.reading.verified_by == header.verified_by is not None
    assert checkpoint.commit == hub.repositories["org/model"].commit


def test_two_requests_a_shard(hub: Hub, source: Any) -> None:
    """Each shard takes two requests, its redirect counted, and everything else five, or four where the second document
    is asked for after the first has told where documents are."""
    hub.add("org/model", shards(40))
    checkpoint = load(source("org/model"))
    assert len(checkpoint.parts[0].headers) == 40
    assert checkpoint.reading.requests == len(hub.requests)
    assert len(hub.requests) - 2 * 40 in (4, 5)
    assert len(hub.asked("resolve")) - 40 in (1, 2)
    assert len(hub.asked("cdn")) == 40
    assert [header.path[6:11] for header in checkpoint.parts[0].headers] == [f"{n:05d}" for n in range(1, 41)]


def test_many_in_flight(hub: Hub, source: Any) -> None:
    """More shards are read at once than hf-mem's 6 or huggingface_hub's 8."""
    hub.add("org/model", shards(40))
    hub.latency_seconds = 0.1
    load(source("org/model"))
    assert hub.most_in_flight > 12


def test_everything_names_the_commit(hub: Hub, source: Any) -> None:
    """After the first request every address names the commit, so that a push in between changes nothing."""
    repository = hub.add("org/model", shards(3))
    load(source("org/model", "refs/pr/1"))
    assert "refs%2Fpr%2F1" in hub.asked("api")[0].target
    assert all(f"/resolve/{repository.commit}/" in seen.target for seen in hub.asked("resolve"))


def test_ranges_are_plain(hub: Hub, source: Any) -> None:
    """Weights are asked for by range and uncompressed (CloudFront ignores ranges of compressed answers)."""
    hub.add("org/model", {"model.safetensors": ONE})
    load(source("org/model"))
    for route in ("resolve", "cdn"):
        seen = hub.asked(route)[0]
        assert seen.range == f"bytes=0-{min(FIRST_BYTES, ONE.size) - 1}"
        assert seen.encoding == "identity"


def test_long_header(hub: Hub, source: Any) -> None:
    """Of a header longer than the first range only the rest is asked for, at the address the redirect gave."""
    long = safetensors({"a": ("F32", [100_000])}, pad=150_000)
    hub.add("org/model", {"model.safetensors": long})
    checkpoint = load(source("org/model"))
    assert checkpoint.parts[0].headers[0].header_bytes == len(long.head)
    assert [seen.range for seen in hub.asked("cdn")] == [
        f"bytes=0-{FIRST_BYTES - 1}",
        f"bytes={FIRST_BYTES}-{len(long.head) - 1}",
    ]
    assert len(hub.asked("resolve")) == 1


def test_first_range_fits_the_index(hub: Hub, source: Any) -> None:
    """Headers of many tensors still take one range: the size of the index tells how long they will be."""
    tensors = [
        f"model.layers.{layer}.mlp.experts.{expert}.up_proj.weight" for layer in range(8) for expert in range(700)
    ]
    names = [f"model-{number:05d}-of-00004.safetensors" for number in range(1, 5)]
    parts = [tensors[number::4] for number in range(4)]
    files = {n: safetensors({t: ("BF16", [64, 32]) for t in part}) for n, part in zip(names, parts, strict=True)}
    weight_map = {tensor: name for name, part in zip(names, parts, strict=True) for tensor in part}
    hub.add("org/model", {"model.safetensors.index.json": index(weight_map), **files})
    assert min(len(file.head) for file in files.values()) > FIRST_BYTES
    checkpoint = load(source("org/model"))
    assert sum(len(header.tensors) for header in checkpoint.parts[0].headers) == 5_600
    assert len(hub.asked("cdn")) == 4


def test_no_body_is_read(hub: Hub, source: Any) -> None:
    """Of a file of a terabyte less than the first range is received."""
    hub.add("org/model", {"model.safetensors": safetensors({"a": ("F32", [250_000_000_000])})})
    checkpoint = load(source("org/model"))
    assert checkpoint.parts[0].headers[0].file_bytes > 10**12
    assert checkpoint.reading.bytes < FIRST_BYTES + 2_000


def test_connections_are_used_again(hub: Hub, source: Any) -> None:
    """The body of a redirect is read, so that the next request can use the connection."""
    hub.add("org/model", shards(40))
    ports = set()
    answer = hub.server.RequestHandlerClass.answer  # type: ignore[attr-defined]

    def spy(handler: Any, *arguments: Any) -> None:
        ports.add(handler.client_address)
        answer(handler, *arguments)

    hub.server.RequestHandlerClass.answer = spy  # type: ignore[attr-defined]
    load(source("org/model"))
    assert len(ports) <= 2 * 32 < len(hub.requests)


def test_token_stays_at_home(hub: Hub, source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token goes to the endpoint and to no other host, not even by redirect."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.add("org/model", {"config.json": CONFIG, "model.safetensors": ONE})
    load(source("org/model"))
    assert {seen.authorization for seen in hub.requests if seen.route != "cdn"} == {"Bearer hf_secret"}
    assert {seen.authorization for seen in hub.asked("cdn")} == {None}


def test_no_hidden_request(hub: Hub, source: Any) -> None:
    """huggingface_hub's own request for a list of agents is not sent, and its setting is left as it was."""
    from huggingface_hub import constants

    before = constants.HF_HUB_DISABLE_TELEMETRY
    hub.add("org/model", {"model.safetensors": ONE})
    load(source("org/model"))
    assert hub.asked("other") == []
    assert before == constants.HF_HUB_DISABLE_TELEMETRY


def test_later_documents_use_the_redirect(hub: Hub, source: Any) -> None:
    """Once a document's redirect is known, the next document is asked for where it led: one request less."""
    files = {"config.json": CONFIG, "hf_quant_config.json": {"q": 1}, "model.safetensors": ONE}
    hub.add("org/model", files)
    checkpoint = load(source("org/model"))
    assert checkpoint.parts[0].documents == {"hf_quant_config.json": {"q": 1}}
    assert len(hub.asked("resolve", "hf_quant_config.json")) == 0
    assert checkpoint.reading.requests == 6


def test_later_documents_where_that_does_not_work(hub: Hub, source: Any) -> None:
    """A Hub that does not know the shortened address is asked in the usual way."""
    files = {"config.json": CONFIG, "hf_quant_config.json": {"q": 1}, "model.safetensors": ONE}
    hub.add("org/model", files)
    hub.fail(status(404), route="document", path="hf_quant_config.json", times=1)
    assert load(source("org/model")).parts[0].documents == {"hf_quant_config.json": {"q": 1}}


def test_renamed(hub: Hub, source: Any) -> None:
    """A repository that has a new name is read under it, and the answer says so."""
    hub.add("new/name", {"config.json": CONFIG, "model.safetensors": ONE})
    hub.renamed["old/name"] = "new/name"
    checkpoint = load(source("old/name"), "old/name")
    assert checkpoint.repository == "new/name"
    assert [notice.code for notice in checkpoint.notices] == ["hub.renamed"]
    assert all("new/name" in seen.target for seen in hub.asked("resolve"))


def test_facts(hub: Hub, source: Any) -> None:
    """What the Hub says about a repository is kept as its claim; values of other types are left out."""
    hub.add(
        "org/model",
        {"model.safetensors": ONE},
        safetensors={"parameters": {"BF16": 5, "F32": 6, "x": "y"}, "total": 11},
        tags=["transformers", "license:mit", 7],
        pipeline_tag="text-generation",
        library_name=None,
        gated="auto",
        lastModified="2026-01-01T00:00:00.000Z",
    )
    assert load(source("org/model")).hub == HubFacts(
        total_parameters=11,
        parameters_by_dtype={"BF16": 5, "F32": 6},
        licence="mit",
        tags=("transformers", "license:mit"),
        pipeline_tag="text-generation",
        library_name=None,
        gated=True,
        last_modified="2026-01-01T00:00:00.000Z",
    )


def test_many_files(hub: Hub, source: Any) -> None:
    """A repository of 10,000 files is listed by one request."""
    hub.add("org/model", {**{f"data/{number}.txt": "x" for number in range(10_000)}, "model.safetensors": ONE})
    checkpoint = load(source("org/model"))
    assert checkpoint.format == "safetensors"
    assert len(hub.asked("api")) == 1


def test_documents_that_are_not_listed_are_not_asked_for(hub: Hub, source: Any) -> None:
    """No request is spent on a file that the listing does not have."""
    hub.add("org/model", {"model.safetensors": ONE})
    reader = source("org/model")
    assert reader.read_document("config.json") is None
    assert len(hub.requests) == 1


def test_unknown_repository(hub: Hub, source: Any) -> None:
    """A repository that is not there is said to be missing or private, and what to do."""
    with pytest.raises(NotFoundError) as error:
        source("no/such").listing()
    assert error.value.code == "hub.not_found"
    assert "private" in error.value.because
    assert "HF_TOKEN" in error.value.hint


def test_unknown_revision(hub: Hub, source: Any) -> None:
    """A revision that is not there is named, with those that are."""
    hub.add("org/model", {"model.safetensors": ONE})
    with pytest.raises(NotFoundError) as error:
        source("org/model", "v9").listing()
    assert error.value.code == "hub.revision"
    assert "`v9`" in error.value.what
    assert error.value.because == "its branches and tags are `main`, `fp16`, `v1`"
    assert error.value.details["revisions"] == ["main", "fp16", "v1"]


@pytest.mark.parametrize("play", [status(404), status(200, b"[]"), status(200, {"branches": [1, {}], "tags": "x"})])
def test_unknown_revision_where_no_list_is_given(hub: Hub, source: Any, play: Any) -> None:
    """A mirror that does not list its revisions gives the error without them."""
    hub.add("org/model", {"model.safetensors": ONE})
    hub.fail(play, route="refs")
    with pytest.raises(NotFoundError) as error:
        source("org/model", "v9").listing()
    assert (error.value.code, error.value.because) == ("hub.revision", "no branch, tag or commit has that name")


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://x", "https://", "https://x?y=1", "nonsense"])
def test_endpoint_is_checked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An HF_ENDPOINT that is no address of a Hub is refused before anything is sent."""
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(UsageError) as error:
        endpoint()
    assert error.value.code == "hub.endpoint"


def test_empty_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty HF_ENDPOINT is none: the public Hub is meant."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", "")
    monkeypatch.setattr(constants, "ENDPOINT", "")
    assert endpoint() == "https://huggingface.co"


def test_endpoint_with_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror below a path is an endpoint, a trailing slash is not part of it."""
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.test/api/huggingface/")
    assert endpoint() == "https://mirror.test/api/huggingface"


def test_progress(hub: Hub, source: Any) -> None:
    """Progress is called once a file, as they come."""
    hub.add("org/model", shards(5))
    reader = source("org/model")
    files = [file for file in reader.listing().files if file.path.endswith(".safetensors")]
    seen: list[tuple[int, int]] = []
    results = reader.read_headers(files, lambda done, total: seen.append((done, total)))
    assert all(isinstance(result, Header) for result in results)
    assert seen == [(number, 5) for number in range(1, 6)]


def gguf(tokens: int, *, number: int = 0, count: int = 1) -> Sparse:
    """A GGUF file with a vocabulary, one tensor of 32 MB, as part `number` of `count`."""
    pairs: list[Any] = [("general.architecture", "str", "llama"), ("llama.block_count", "u32", 1)]
    pairs += [("tokenizer.ggml.tokens", "[str]", [f"token{word}" for word in range(tokens)])] if tokens else []
    if count > 1:
        pairs += [("split.no", "u16", number), ("split.count", "u16", count), ("split.tensors.count", "i32", count)]
    head = Writer().header(pairs, [(f"t.{number}", (8_000_000,), 0, 0)])
    return Sparse(head, len(head) + 32_000_000)


def test_gguf_header_takes_two_requests(hub: Hub, source: Any) -> None:
    """A GGUF header of megabytes takes one range that is ended when the header is whole."""
    file = gguf(150_000)
    hub.add("org/model", {"model-Q8_0.gguf": file})
    checkpoint = load(source("org/model"))
    assert (checkpoint.format, checkpoint.reading.requests) == ("gguf", 3)
    assert checkpoint.parts[0].headers[0].header_bytes == len(file.head) > 2_000_000
    assert len(file.head) <= checkpoint.reading.bytes < len(file.head) + 500_000
    assert checkpoint.parts[0].config == {"model_type": "llama", "num_hidden_layers": 1, "vocab_size": 150_000}
    assert checkpoint.parts[0].config_path == "model-Q8_0.gguf"


def test_split_gguf(hub: Hub, source: Any) -> None:
    """The files of a split model are one model; of several quantisations one is read and named."""
    files = {f"Q4_K_M/m-{number + 1:05d}-of-00003.gguf": gguf(9, number=number, count=3) for number in range(3)}
    hub.add("org/model", {**files, "m-Q8_0.gguf": gguf(9)})
    checkpoint = load(source("org/model"))
    assert len(checkpoint.parts[0].headers) == 3
    assert checkpoint.alternatives == (f"m-Q8_0.gguf (GGUF, 1 file, {gguf(9).size / 1e6:.2f} MB)",)
    assert [notice.code for notice in checkpoint.notices] == ["gguf.choice"]


def test_gguf_cut_short(hub: Hub, source: Any) -> None:
    """A GGUF file that ends within its header is refused by its rules."""
    hub.add("org/model", {"model.gguf": gguf(1000).head[:5_000]})
    with pytest.raises(InvalidDataError) as error:
        load(source("org/model"))
    assert error.value.code.startswith("header.")


def test_a_large_index_is_compared_name_by_name(hub: Hub, source: Any) -> None:
    """An index of 3 MB beside completely numbered shards is read whole: a name that no header has is found."""
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    tensors = [[f"model.layers.{n}.{shard}.weight" for n in range(200)] for shard in "ab"]
    files: dict[str, Any] = {
        n: safetensors({t: ("F32", [1]) for t in ts}) for n, ts in zip(names, tensors, strict=True)
    }
    weight_map = {tensor: name for name, ts in zip(names, tensors, strict=True) for tensor in ts}
    said = json.loads(index({**weight_map, "ghost": names[0]}, total_size=1_600))
    files["model.safetensors.index.json"] = json.dumps(said).encode() + b" " * 3_000_000
    hub.add("org/model", files)
    checkpoint = load(source("org/model"))

    assert [notice.code for notice in checkpoint.notices] == ["index.ghost_tensor"]
    assert checkpoint.parts[0].documents == {"model.safetensors.index.json": {"total_size": 1_600}}
    assert checkpoint.reading.complete
    assert sum(len(header.tensors) for header in checkpoint.parts[0].headers) == 400


@pytest.mark.parametrize(
    "name",
    ["\ud800.safetensors", "\udfff/config.json", "/etc/x.safetensors", "../x.safetensors", "a/../../x.safetensors"],
)
def test_names_that_no_file_can_have(hub: Hub, source: Any, name: str) -> None:
    """A name that is no text, or leads out of the repository, is left out, said, and never asked for."""
    hub.add("org/model", {name: ONE, "model.safetensors": ONE})
    checkpoint = load(source("org/model"))

    assert [head.path for head in checkpoint.parts[0].headers] == ["model.safetensors"]
    assert [notice.code for notice in checkpoint.notices] == ["hub.file_name"]
    assert {seen.path for seen in hub.requests} <= {"", "model.safetensors"}


@pytest.mark.parametrize(
    "name", ["a\x1b[31mb\x07.safetensors", "a\nb.safetensors", "\u202ex.safetensors", "%2e%2e/?#.safetensors"]
)
def test_odd_names_are_asked_for_as_they_are(hub: Hub, source: Any, name: str) -> None:
    """Control characters and marks of addresses in a name are quoted in the address: that very file is read."""
    hub.add("org/model", {name: ONE})
    (part,) = load(source("org/model")).parts
    assert [head.path for head in part.headers] == [name]
