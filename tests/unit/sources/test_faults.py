"""What goes wrong between here and the Hub, one test or more for each kind of fault."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sizer.errors import InvalidDataError, NotFoundError, SizerError, UnavailableError, UsageError
from sizer.reference import parse_reference
from sizer.sources import hub as hub_module
from sizer.sources.checkpoint import load_checkpoint
from sizer.sources.failures import translate
from sizer.sources.hub import FIRST_BYTES, connect
from sizer.sources.interface import Checkpoint
from sizer.sources.open import ReadingSettings, read_checkpoint
from sizer.sources.transfer import Transfer
from tests.hub import (
    Handler,
    Hub,
    Seen,
    Sparse,
    broken_after,
    drip,
    hang,
    index,
    redirect,
    safetensors,
    status,
)

ROOT = Path(__file__).parents[3]
FILE = "model.safetensors"
ONE = safetensors({"a": ("F32", [2, 3])})
LONG = safetensors({"a": ("F32", [1000])}, pad=150_000)
CONFIG = {"model_type": "x"}


@pytest.fixture
def load(hub: Hub, source: Any) -> Any:
    """`load(files)` serves a repository with these files and reads it."""

    def run(files: dict[str, Any] | None = None, **settings: Any) -> Checkpoint:
        hub.add("org/model", {FILE: ONE, "config.json": CONFIG} if files is None else files)
        return load_checkpoint(source("org/model", **settings), parse_reference("org/model"))

    return run


def two() -> dict[str, Any]:
    """A model of two shards."""
    names = [f"model-{number:05d}-of-00002.safetensors" for number in (1, 2)]
    files: dict[str, Any] = {name: safetensors({name[6:11]: ("F32", [4])}) for name in names}
    return {**files, "model.safetensors.index.json": index({name[6:11]: name for name in names})}


def fails(load: Any, *arguments: Any, **settings: Any) -> SizerError:
    """The error of reading."""
    with pytest.raises(SizerError) as caught:
        load(*arguments, **settings)
    error: SizerError = caught.value
    assert error.hint, "an error has a hint"
    assert error.because, "an error has a reason"
    return error


# -- below HTTP ------------------------------------------------------------------------------------------


class Broken:
    """A client whose every request fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def build_request(self, method: str, url: str, **_: object) -> httpx2.Request:
        return httpx2.Request(method, url)

    def send(self, *_: object, **__: object) -> None:
        raise self.error


def caused(error: Exception, cause: Exception) -> Exception:
    """An error as httpx raises it: the cause two steps below."""
    middle = OSError(str(cause))
    middle.__cause__ = cause
    error.__cause__ = middle
    return error


@pytest.mark.parametrize(
    ("failure", "code", "attempts"),
    [
        (caused(httpx2.ConnectError("x"), socket.gaierror(-2, "unknown")), "hub.dns", 1),
        (caused(httpx2.ConnectError("x"), ssl.SSLCertVerificationError("self-signed")), "hub.tls", 1),
        (httpx2.ConnectError("refused"), "hub.connect", 3),
        (httpx2.ConnectTimeout("x"), "hub.connect_timeout", 3),
        (httpx2.ReadTimeout("x"), "hub.stalled", 2),
        (httpx2.PoolTimeout("x"), "hub.stalled", 2),
        (httpx2.RemoteProtocolError("peer closed"), "hub.broken", 3),
        (httpx2.ReadError("reset"), "hub.broken", 3),
        (httpx2.ProxyError("403 Forbidden"), "hub.proxy", 1),
        (httpx2.UnsupportedProtocol("x"), "hub.endpoint", 1),
        (httpx2.InvalidURL("x"), "hub.endpoint", 1),
        (httpx2.LocalProtocolError("Illegal header value b'Bearer hf_secret\\n'"), "hub.request", 1),
    ],
)
def test_translation(failure: Exception, code: str, attempts: int) -> None:
    """Each failure of the network has a code, a reason and a hint of its own, and is tried as often as it helps."""
    transfer = Transfer(Broken(failure), endpoint="https://hub.test", headers={}, backoff_seconds=0)  # type: ignore[arg-type]

    def action(_: int) -> None:
        with transfer.open("https://hub.test/x", deadline=time.monotonic() + 5):
            pass

    with pytest.raises(SizerError) as caught:
        transfer.retry(action, deadline=time.monotonic() + 5, attempts=3)
    assert caught.value.code == code
    assert caught.value.hint
    assert caught.value.because
    assert transfer.requests == attempts
    assert "hf_secret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    "failure", [httpx2.ProxyError("403"), httpx2.ConnectError("refused"), httpx2.ConnectTimeout("")]
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_proxy_variable_is_named(failure: Exception, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails behind a proxy names the variable that set it; a host in NO_PROXY has none."""
    for other in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    error = translate(failure, "https://hub.test")
    assert error.code == "hub.proxy"
    assert name in error.because
    monkeypatch.setenv("NO_PROXY", "hub.test")
    assert name not in translate(failure, "https://hub.test").because


def test_bad_proxy_variable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that is no address is a failure of the network, not of the program."""
    from huggingface_hub.utils import _http

    monkeypatch.setenv("HTTPS_PROXY", "nonsense://x")
    monkeypatch.setattr(_http, "_GLOBAL_CLIENT", None)
    with pytest.raises(UnavailableError) as error:
        connect(hub.address)
    assert error.value.code == "hub.proxy"


def test_offline_mode_of_the_client(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE, as the client sees it, is said in those words."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fails(load).code == "hub.offline"


def test_token_that_cannot_be_sent(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is no header value is never shown, nor is the codec's message, which quotes it."""
    monkeypatch.setenv("HF_TOKEN", "hf_secr\u00e9t")
    error = fails(load)
    assert (error.code, error.exit_code) == ("hub.request", 2)
    assert "hf_secr" not in f"{error} {error.hint} {error.details}"


# -- waiting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["api", "resolve", "cdn"])
def test_silence(hub: Hub, load: Any, route: str) -> None:
    """A server that never answers is given up at the deadline of the file."""
    hub.fail(hang(), route=route, path="" if route == "api" else FILE)
    started = time.monotonic()
    error = fails(load, timeout_seconds=0.6)
    assert error.code in ("hub.stalled", "hub.slow")
    assert time.monotonic() - started < 10


def test_drip(hub: Hub, load: Any) -> None:
    """A body that comes byte by byte is given up at the deadline, although every read succeeds."""
    hub.fail(drip(0.05), route="cdn")
    started = time.monotonic()
    assert fails(load, timeout_seconds=0.6).code == "hub.slow"
    assert time.monotonic() - started < 10


def test_drip_after_the_header(hub: Hub, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the header is there, the slow rest of the range is not waited for."""
    monkeypatch.setattr("sizer.sources.ranges._DRAIN_SECONDS", 0.1)
    monkeypatch.setattr(hub_module, "FIRST_BYTES", 10_000)

    def play(handler: Handler, seen: Seen) -> None:
        handler.start(206, 10_000, {"Content-Range": f"bytes 0-9999/{LATE.size}"})
        handler.wfile.write(LATE.head)
        drip_rest(handler)

    def drip_rest(handler: Handler) -> None:
        while not handler.hub.closing.wait(0.02):
            handler.wfile.write(b"\0")

    hub.fail(play, route="cdn")
    started = time.monotonic()
    assert load({FILE: LATE}).reading.complete
    assert time.monotonic() - started < 10


LATE = safetensors({"a": ("F32", [50_000])})


def test_slow_headers(hub: Hub, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status line that comes byte by byte, where no timeout reaches, does not hold the others up."""
    monkeypatch.setattr(hub_module, "_GRACE_SECONDS", 0.2)

    def play(handler: Handler, _: Seen) -> None:
        while not handler.hub.closing.wait(0.1):
            handler.wfile.write(b"H")
            handler.wfile.flush()

    files = two()
    hub.fail(play, route="cdn", path="model-00001-of-00002.safetensors")
    checkpoint = load(files, timeout_seconds=1.0)
    assert len(checkpoint.parts[0].headers) == 1
    assert not checkpoint.reading.complete


@pytest.mark.parametrize("name", ["Retry-After", "Retry-After as a date", "RateLimit"])
def test_asked_to_wait(hub: Hub, load: Any, name: str) -> None:
    """A server that says when to come back is asked again then."""

    def play(handler: Handler, _: Seen) -> None:
        value = {
            "Retry-After": "1",
            "Retry-After as a date": formatdate(time.time() + 1, usegmt=True),
            "RateLimit": '"resolvers";r=0;t=1',
        }[name]
        handler.reply(429, b"", {name.split()[0]: value})

    hub.fail(play, route="cdn", times=1)
    started = time.monotonic()
    assert load().reading.complete
    assert 0.9 <= time.monotonic() - started < 10


def test_asked_to_wait_too_long(hub: Hub, load: Any) -> None:
    """A wait beyond the budget is not begun, the error says how long it is, and nobody else asks meanwhile."""
    names = [f"model-{number:05d}-of-00100.safetensors" for number in range(1, 101)]
    hub.fail(status(429, Retry_After="86400"), route="cdn")
    started = time.monotonic()
    error = fails(load, dict.fromkeys(names, ONE))
    assert (error.code, error.exit_code) == ("hub.rate_limit", 4)
    assert "86,400 s" in error.hint
    assert "token" in error.hint
    assert error.details["retry_after_seconds"] == 86_400
    assert time.monotonic() - started < 10
    assert len(hub.asked("cdn")) <= 32


@pytest.mark.parametrize("code", [500, 502, 503, 504, 408])
def test_passing_failures(hub: Hub, load: Any, code: int) -> None:
    """A server error is tried again, three times at most."""
    hub.fail(status(code), route="cdn", times=3)
    assert load().reading.complete
    hub.fail(status(code), route="cdn")
    error = fails(load)
    assert (error.code, error.exit_code, error.details["status"]) == ("hub.unavailable", 4, code)


def test_giving_up_together(hub: Hub, load: Any) -> None:
    """When one file after the other fails the rest is not tried."""
    names = [f"model-{number:05d}-of-00400.safetensors" for number in range(1, 401)]
    hub.fail(status(503), route="cdn")
    assert fails(load, dict.fromkeys(names, ONE)).code == "hub.unavailable"
    assert len(hub.asked("cdn")) < 200


def test_interrupt(hub: Hub) -> None:
    """Ctrl-C ends a read that hangs, long before the Hub's time is up, without a thread's traceback."""
    hub.add("org/model", {f"model-{number:05d}-of-00040.safetensors": ONE for number in range(1, 41)})
    hub.fail(hang(), route="cdn")
    code = "from sizer.sources.open import read_checkpoint; read_checkpoint('org/model')"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_HOME": "/nonexistent"},
    )
    for _ in range(200):
        if len(hub.asked("cdn")) >= 10:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, stderr = process.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert stderr.rstrip().endswith("KeyboardInterrupt")
    assert "Exception in thread" not in stderr


# -- bodies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [True, False])
def test_broken_body(hub: Hub, load: Any, reset: bool) -> None:
    """After a broken connection only the missing bytes are asked for, and the header is whole."""
    hub.fail(broken_after(60, reset=reset), route="cdn", times=2)
    checkpoint = load()
    assert [tensor.name for tensor in checkpoint.parts[0].headers[0].tensors] == ["a"]
    last = ONE.size - 1
    received = [int((seen.range or "").removeprefix("bytes=").removesuffix(f"-{last}")) for seen in hub.asked("cdn")]
    assert received[0] == 0
    assert received == sorted(received)


def test_broken_for_good(hub: Hub, load: Any) -> None:
    """A connection that breaks every time is an error that may pass."""
    hub.fail(broken_after(0), route="cdn")
    assert fails(load).code == "hub.broken"


def test_ranges_ignored(hub: Hub, load: Any) -> None:
    """A server that ignores ranges is left as soon as the header is there, however large the file."""
    hub.ignores_ranges = True
    checkpoint = load({FILE: safetensors({"a": ("F32", [40_000_000_000])})})
    assert checkpoint.reading.complete
    assert checkpoint.reading.bytes < 2 * FIRST_BYTES
    assert load({FILE: LONG}).parts[0].headers[0].header_bytes == len(LONG.head)


@pytest.mark.parametrize(
    ("content_range", "length", "code"),
    [
        ("bytes 1-100/{size}", 100, "hub.range"),
        ("bytes 0-999999/{size}", 1_000_000, "hub.range"),
        ("bytes 0-99/123456789", 100, "hub.range"),
        ("bytes 0-{last}/{size}", 20, "hub.range"),
    ],
)
def test_another_range(hub: Hub, load: Any, content_range: str, length: int, code: str) -> None:
    """A range that was not asked for, of another file size, or shorter than announced is refused."""
    said = content_range.format(size=ONE.size, last=ONE.size - 1)

    def play(handler: Handler, _: Seen) -> None:
        handler.start(206, length, {"Content-Range": said})
        handler.wfile.write(b"\0" * length)

    hub.fail(play, route="cdn")
    error = fails(load)
    assert (error.code, error.exit_code) == (code, 5)
    assert FILE in error.what


def test_longer_than_asked(hub: Hub, load: Any) -> None:
    """Bytes beyond the asked range are not taken."""

    def play(handler: Handler, _: Seen) -> None:
        handler.start(206, None, {"Content-Range": f"bytes 0-{ONE.size - 1}/{ONE.size}", "Connection": "close"})
        handler.send(ONE, 0, ONE.size)
        handler.wfile.write(b"\1" * 1_000_000)
        handler.close_connection = True

    hub.fail(play, route="cdn")
    assert load().parts[0].headers[0].file_bytes == ONE.size


def test_no_content_range(hub: Hub, load: Any) -> None:
    """A mirror that leaves Content-Range out is read all the same."""

    def play(handler: Handler, _: Seen) -> None:
        handler.start(206, ONE.size)
        handler.send(ONE, 0, ONE.size)

    hub.fail(play, route="cdn")
    assert load().reading.complete


@pytest.mark.parametrize("code", [403, 404, 410, 416])
def test_stale_address(hub: Hub, load: Any, code: int) -> None:
    """An address that ran out, or a stale copy behind it, is asked for anew, once."""
    hub.fail(status(code), route="cdn", times=1)
    assert load().reading.complete
    assert len(hub.asked("resolve", FILE)) == 2
    hub.fail(status(code), route="cdn")
    assert fails(load).code in ("hub.forbidden", "hub.entry", "hub.range")


def test_compressed_range(hub: Hub, load: Any) -> None:
    """A range that comes compressed is refused, not inflated."""

    def play(handler: Handler, _: Seen) -> None:
        body = gzip.compress(bytes(10_000_000))
        handler.start(
            206, len(body), {"Content-Range": f"bytes 0-{ONE.size - 1}/{ONE.size}", "Content-Encoding": "gzip"}
        )
        handler.wfile.write(body)

    hub.fail(play, route="cdn")
    assert fails(load).code == "hub.range"


def compressed(body: bytes) -> Any:
    """A document that comes as gzip, although it was asked for plain."""
    packed = gzip.compress(body)
    return lambda handler, _: handler.reply(
        200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )


def test_compressed_document(hub: Hub, load: Any) -> None:
    """A document that comes compressed is read."""
    hub.fail(compressed(json.dumps(CONFIG).encode()), route="document", path="config.json")
    assert load().parts[0].config == CONFIG


def test_gzip_bomb(hub: Hub, load: Any) -> None:
    """A document that unpacks to more than a document is ignored, and the count stays."""
    hub.fail(compressed(b" " * 6_000_000), route="document", path="config.json")
    checkpoint = load()
    assert checkpoint.parts[0].config is None
    assert [notice.code for notice in checkpoint.notices] == ["config.unreadable"]
    hub.fail(compressed(b" " * 60_000_000), route="api")
    assert fails(load).code == "hub.too_large"


@pytest.mark.parametrize("announced", [True, False])
def test_large_documents(hub: Hub, load: Any, announced: bool) -> None:
    """A config.json of hundreds of megabytes is not read, whether its size is listed or not."""
    files = {FILE: ONE, "config.json": Sparse(b"{", 200_000_000)}
    if not announced:
        hub.fail(lambda handler, _: handler.reply(200, handler.listing(hub.repositories["org/model"])
                 | {"siblings": [{"rfilename": path} for path in files]}), route="api")  # fmt: skip
    checkpoint = load(files)
    assert checkpoint.reading.complete
    assert [notice.code for notice in checkpoint.notices] == ["config.unreadable"]
    assert checkpoint.reading.bytes < 10_000_000


@pytest.mark.parametrize("route", ["api", "resolve", "cdn"])
def test_captive_portal(hub: Hub, load: Any, route: str) -> None:
    """A web page in place of data is called one, not a broken file."""
    page = b"<!DOCTYPE html><title>Sign in</title>"
    hub.fail(lambda handler, _: handler.reply(200, page, {"Content-Type": "text/html"}), route=route,
             path="" if route == "api" else FILE)  # fmt: skip
    error = fails(load)
    assert (error.code, error.exit_code) == ("hub.portal", 4)


def test_page_without_its_type(hub: Hub, load: Any) -> None:
    """A web page that claims to be data is known by its first bytes."""
    page = b"  <!doctype HTML>" + b" " * 200
    hub.fail(lambda handler, _: handler.reply(200, page), route="cdn")
    assert fails(load).code == "hub.portal"


# -- statuses and answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("play", "code", "exit_code", "words"),
    [
        (status(401), "hub.not_found", 3, "private"),
        (status(404), "hub.not_found", 3, "org/model"),
        (status(401, X_Error_Code="RepoNotFound"), "hub.not_found", 3, "HF_TOKEN"),
        (status(403, X_Error_Code="GatedRepo"), "hub.gated", 3, "accept the terms"),
        (status(401, {"error": "Access to model org/model is restricted."}), "hub.gated", 3, "HF_TOKEN"),
        (status(404, X_Error_Code="RevisionNotFound"), "hub.revision", 3, "main"),
        (status(403, {"error": "Access to this resource is disabled."}), "hub.disabled", 3, "disabled"),
        (status(451, {"error": "Taken down"}), "hub.disabled", 3, "Taken down"),
        (status(418, b"teapot"), "hub.status", 5, "418"),
        (status(400, {"error": "x" * 10_000}), "hub.status", 5, "xxx"),
        (lambda handler, _: handler.reply(200, b"{", {}), "hub.answer", 5, "not JSON"),
        (lambda handler, _: handler.reply(200, b"[" * 200_000, {}), "hub.answer", 5, "not JSON"),
        (lambda handler, _: handler.reply(200, b"[]", {}), "hub.answer", 5, "object"),
        (lambda handler, _: handler.reply(200, {}), "hub.answer", 5, "repository"),
        (lambda handler, _: handler.reply(200, {"id": "../x", "sha": "0" * 40}), "hub.answer", 5, "repository"),
        (lambda handler, _: handler.reply(200, {"id": "a/b", "sha": "main"}), "hub.answer", 5, "commit"),
        (lambda handler, _: handler.reply(200, {"id": "a/b", "sha": "0" * 40}), "hub.answer", 5, "files"),
    ],
)  # fmt: skip
def test_answers_of_the_api(hub: Hub, load: Any, play: Any, code: str, exit_code: int, words: str) -> None:
    """Each refusal of the Hub, and each answer that is none, has its code, exit code and words."""
    hub.fail(play, route="api")
    error = fails(load)
    assert (error.code, error.exit_code) == (code, exit_code)
    assert words in f"{error} {error.hint}"
    assert len(str(error)) < 1_000


def test_odd_siblings(hub: Hub, load: Any) -> None:
    """Entries of the list of files that are none, lead out of the repository or were there before are left out."""
    paths: list[Any] = [7, "../model.safetensors", "/x.safetensors", FILE, FILE]
    siblings: list[Any] = [1, {}, *({"rfilename": path, "size": "big"} for path in paths)]
    odd = {"siblings": siblings, "tags": 7, "safetensors": [], "gguf": {"total": True}}
    hub.fail(lambda handler, _: handler.reply(200, handler.listing(hub.repositories["org/model"]) | odd), route="api")
    checkpoint = load()
    assert [header.path for header in checkpoint.parts[0].headers] == [FILE]
    assert checkpoint.hub is not None
    assert checkpoint.hub.total_parameters is None


def test_gated(hub: Hub, load: Any) -> None:
    """A gated repository is asked for its weights once, and the error links its page."""
    hub.fail(status(401, X_Error_Code="GatedRepo"), route="resolve")
    names = [f"model-{number:05d}-of-00400.safetensors" for number in range(1, 401)]
    error = fails(load, dict.fromkeys(names, ONE))
    assert (error.code, error.exit_code) == ("hub.gated", 3)
    assert f"{hub.address}/org/model" in error.hint
    assert len(hub.asked("resolve")) < 100


def test_gated_with_a_token(hub: Hub, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token the hint is another one, and the token is nowhere in the error."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.fail(status(403, X_Error_Code="GatedRepo"), route="resolve")
    error = fails(load)
    assert "account of your token" in error.hint
    assert "hf_secret" not in f"{error} {error.hint} {error.details} {error!r}"


def test_one_shard_fails(hub: Hub, load: Any) -> None:
    """A shard that does not come leaves the other counted and the answer incomplete."""
    hub.fail(status(503), route="cdn", path="model-00002-of-00002.safetensors")
    checkpoint = load(two())
    assert [tensor.name for header in checkpoint.parts[0].headers for tensor in header.tensors] == ["00001"]
    assert not checkpoint.reading.complete
    assert "hub.unavailable" in [notice.code for notice in checkpoint.notices]


def test_one_shard_fails_beside_a_remark(hub: Hub, sizer: Any) -> None:
    """A remark on the index does not make a network failure final: exit 4, with the report beside the error."""
    files = two()
    files["model.safetensors.index.json"] = index({"00001": "model-00001-of-00002.safetensors",
        "ghost": "model-00001-of-00002.safetensors", "00002": "model-00002-of-00002.safetensors"})  # fmt: skip
    hub.add("org/model", files)
    hub.fail(status(503), route="cdn", path="model-00002-of-00002.safetensors")
    outcome = sizer("inspect", "org/model", "--no-cache", "--timeout", "2", "--json")
    assert "index.ghost_tensor" in [notice["code"] for notice in outcome.json["report"]["warnings"]]
    error = outcome.json["error"]
    assert (outcome.code, error["exit_code"], error["code"], error["retryable"]) == (4, 4, "reading.unavailable", True)
    assert outcome.json["ok"] is False


def test_config_does_not_come(hub: Hub, load: Any) -> None:
    """A config.json that does not come is a notice; the headers are complete without it."""
    hub.fail(status(503), route="resolve", path="config.json")
    checkpoint = load()
    assert checkpoint.parts[0].config is None
    assert len(checkpoint.parts[0].headers) == 1
    assert checkpoint.reading.complete
    assert [notice.code for notice in checkpoint.notices] == ["reading.document"]


def test_without_config_the_answer_may_change(hub: Hub, sizer: Any) -> None:
    """A config.json that does not come ends with 4: with it the head may turn out to be the table again."""
    hub.add("org/model", {"model.safetensors": ONE, "config.json": {}})
    hub.fail(status(503), route="resolve", path="config.json")
    outcome = sizer("inspect", "org/model", "--no-cache", "--timeout", "2", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "reading.unavailable")
    assert outcome.json["report"]["reading"]["complete"] is True


def test_several_of_which_one_fails(hub: Hub, sizer: Any) -> None:
    """The failure of one of several is the error of the document, beside the report on the others."""
    hub.add("org/model", {"model.safetensors": ONE, "config.json": {}})
    outcome = sizer("inspect", "org/model", "org/none", "--no-cache", "--timeout", "2", "--json")
    assert (outcome.code, outcome.json["ok"], outcome.json["error"]["code"]) == (3, False, "hub.not_found")
    assert [model["reference"] for model in outcome.json["report"]["models"]] == ["org/model"]


def test_index_does_not_come(hub: Hub, load: Any) -> None:
    """Numbered shards are counted without their index, where that does not come."""
    hub.fail(status(503), route="resolve", path="model.safetensors.index.json")
    checkpoint = load(two())
    assert len(checkpoint.parts[0].headers) == 2
    assert [notice.code for notice in checkpoint.notices] == ["reading.document"]


def test_document_gone(hub: Hub, load: Any) -> None:
    """A file that is listed and not there is a notice."""
    hub.fail(status(404, X_Error_Code="EntryNotFound"), route="resolve", path="config.json")
    assert [notice.code for notice in load().notices] == ["config.unreadable"]


# -- redirects -------------------------------------------------------------------------------------------


def test_redirect_loop(hub: Hub, load: Any) -> None:
    """A redirect to itself is left after five steps."""
    hub.fail(lambda handler, seen: handler.redirect(302, seen.target), route="resolve", path=FILE)
    error = fails(load)
    assert (error.code, error.exit_code) == ("hub.redirects", 4)
    assert 6 <= len(hub.asked("resolve", FILE)) <= 7


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/y"])
def test_redirect_out_of_http(hub: Hub, load: Any, location: str) -> None:
    """A redirect to something else than HTTP is refused."""
    hub.fail(redirect(location), route="resolve", path=FILE)
    error = fails(load)
    assert (error.code, error.exit_code) == ("hub.redirect_host", 5)


@pytest.mark.parametrize(
    "location",
    [
        "http://cdn.test/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://x.localhost/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://0.0.0.0/x",
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://loop.test/x",
    ],
)
def test_redirect_into_this_machine(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a public Hub no redirect leads to plain http, this machine, its link or its private network."""
    addresses = {"hub.test": "1.2.3.4", "loop.test": "127.0.0.1", "cdn.test": "1.1.1.1"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: [(0, 0, 0, "", (addresses[host], 0))])
    transfer = Transfer(Broken(OSError()), endpoint="https://hub.test", headers={})  # type: ignore[arg-type]
    with pytest.raises(InvalidDataError) as error:
        transfer._check_target("https://hub.test/a", location)
    assert error.value.code == "hub.redirect_host"


@pytest.mark.parametrize(
    ("endpoint", "location"),
    [
        ("https://huggingface.co", "https://cdn.test/x"),
        ("https://huggingface.co", "https://huggingface.co/api/resolve-cache/x"),
        ("http://10.0.0.5", "http://10.0.0.6/x"),
        ("http://127.0.0.1:8000", "http://localhost:8000/cdn"),
        ("https://inside.test", "https://10.0.0.6/x"),
    ],
)
def test_redirect_that_is_followed(endpoint: str, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirects to public hosts are followed, and those of a mirror inside a network to its neighbours."""
    addresses = {"cdn.test": "10.0.0.1", "inside.test": "10.0.0.5"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: [(0, 0, 0, "", (addresses[host], 0))])
    transfer = Transfer(Broken(OSError()), endpoint=endpoint, headers={})  # type: ignore[arg-type]
    transfer._check_target(f"{endpoint}/a", location)


# -- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "size", "code"),
    [
        (b"", 0, "header.too_short"),
        (b"\x08\x00\x00", 3, "header.too_short"),
        ((2_000_000_000).to_bytes(8, "little"), 3_000_000_000, "header.too_large"),
        ((30_000_000).to_bytes(8, "little"), 40_000_000, "header.over_cap"),
        ((1_000).to_bytes(8, "little"), 500, "header.length"),
        ((8).to_bytes(8, "little") + b"notjson!", 16, "header.json"),
        (ONE.head, ONE.size + 1, "header.body"),
    ],
)
def test_hostile_headers(hub: Hub, load: Any, head: bytes, size: int, code: str) -> None:
    """A header that breaks a rule is refused with the file and the rule, and cheaply."""
    error = fails(load, {FILE: Sparse(head, size)})
    assert (error.code, error.exit_code) == (code, 5)
    assert FILE in error.what
    assert sum(seen.route == "cdn" for seen in hub.requests) <= 1


def test_custom_code_is_not_fetched(hub: Hub, load: Any) -> None:
    """`auto_map` and `_name_or_path` lead to no request."""
    config = {"auto_map": {"AutoModel": "other/repo--modeling.X"}, "_name_or_path": "other/repo"}
    load({FILE: ONE, "config.json": config, "modeling.py": "raise SystemExit"})
    assert {seen.path for seen in hub.requests} == {"", FILE, "config.json"}


def test_cap_can_be_raised(hub: Hub, source: Any) -> None:
    """A header above the limit is read when the limit is raised."""
    hub.add("org/model", {FILE: LONG})
    reader = source("org/model", max_header_bytes=100_000)
    results = reader.read_headers(reader.listing().files)
    assert isinstance(results[0], InvalidDataError)
    assert results[0].code == "header.over_cap"
    reader = source("org/model", max_header_bytes=200_000)
    assert not isinstance(reader.read_headers(reader.listing().files)[0], Exception)


def test_settings_reach_the_hub(hub: Hub) -> None:
    """The timeout of the settings is the deadline of a file."""
    hub.add("org/model", {FILE: ONE})
    hub.fail(hang(), route="cdn")
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        read_checkpoint("org/model", ReadingSettings(timeout_seconds=0.5))
    assert time.monotonic() - started < 10


def test_not_found_is_no_usage_error(hub: Hub) -> None:
    """Exit codes keep apart what the user wrote, what is not there, and what is broken."""
    with pytest.raises(NotFoundError):
        read_checkpoint("org/nothing")
    with pytest.raises(UsageError):
        read_checkpoint("a/b/c")
