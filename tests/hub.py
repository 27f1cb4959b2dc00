"""A small Hub on the loopback for tests: repositories from memory, faults on order, a list of all requests.

Like the Hub, it redirects weight files to another host (here `localhost` instead of `127.0.0.1`) with a
signature, and documents to a path of its own. A file is bytes, or a `Sparse` one whose tensors are zeros
that are made when they are asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from sizer.sources.interface import Part

BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "BF16": 16, "F16": 16, "I32": 32, "F32": 32, "I64": 64}


@dataclass(frozen=True)
class Sparse:
    """A file of `size` bytes: `head`, then zeros."""

    head: bytes
    size: int


Content = bytes | Sparse


def safetensors(
    tensors: Mapping[str, tuple[str, Sequence[int]]], metadata: Mapping[str, str] | None = None, pad: int = 0
) -> Sparse:
    """A file with these tensors (dtype and shape by name), its header `pad` bytes longer than it must be."""
    document: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        size = BITS[dtype] // 8
        for dimension in shape:
            size *= dimension
        document[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(document).encode() + b" " * pad
    return Sparse(struct.pack("<Q", len(text)) + text, 8 + len(text) + offset)


def index(weight_map: Mapping[str, str], **metadata: Any) -> bytes:
    """A `model.safetensors.index.json`."""
    return json.dumps({"metadata": metadata, "weight_map": dict(weight_map)}).encode()


def files_of(part: Part) -> dict[str, Content | str | dict[str, Any]]:
    """The files of a header set: config.json, weights (their tensors are zeros), and an index to several of them."""
    files: dict[str, Content | str | dict[str, Any]] = {"config.json": part.config or {}}
    weight_map = {}
    for header in part.headers:
        offset, entries = 0, {}
        for name, dtype, shape, size in header.tensors:
            entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
            weight_map[name] = header.path
            offset += size
        text = json.dumps(entries, separators=(",", ":")).encode()
        files[header.path] = Sparse(struct.pack("<Q", len(text)) + text, 8 + len(text) + offset)
    if len(part.headers) > 1:
        files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": weight_map}, indent=2)
    return files


@dataclass
class Repository:
    """What the Hub knows about one repository."""

    name: str
    files: dict[str, Content]
    commit: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """One request."""

    route: str
    """`api`, `tree` (the list of files that hf-mem asks for), `refs`,
    `resolve`, `document`, `cdn` or `other`."""
    path: str
    """The file asked for, `""` for the repository."""
    range: str | None
    authorization: str | None
    encoding: str | None
    target: str


@dataclass
class Fault:
    """`play(handler, seen)` instead of the answer, where route and path fit, `times` times."""

    play: Callable[[Handler, Seen], None]
    route: str
    path: str
    times: int


class Hub:
    """The server. Use it as a context; `address` is its HF_ENDPOINT."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        self.ignores_ranges = False
        self.in_flight = 0
        self.most_in_flight = 0
        self.latency_seconds = 0.0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        hub = self

        class Bound(Handler):
            @property
            def hub(self) -> Hub:
                return hub

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128  # with the usual 5, of 32 connections at once some wait a second

        self.server = Server(("127.0.0.1", 0), Bound)
        self.port = self.server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.cdn = f"http://localhost:{self.port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def add(self, name: str, files: Mapping[str, Content | str | dict[str, Any]], **facts: Any) -> Repository:
        """A repository; text and dicts (as JSON) are turned into bytes."""
        contents: dict[str, Content] = {}
        for path, content in files.items():
            if isinstance(content, dict):
                content = json.dumps(content)
            contents[path] = content.encode() if isinstance(content, str) else content
        commit = facts.pop("commit", hashlib.sha1(name.encode()).hexdigest())
        self.repositories[name] = Repository(name, contents, commit, facts)
        return self.repositories[name]

    def fail(
        self, play: Callable[[Handler, Seen], None], *, route: str = "", path: str = "", times: int = 1_000_000
    ) -> None:
        """Play a fault on every request of that route and path, at most `times` times."""
        self.faults.append(Fault(play, route, path, times))

    def asked(self, route: str = "", path: str = "") -> list[Seen]:
        """The requests so far, of a route and for a file."""
        return [seen for seen in self.requests if route in ("", seen.route) and path in ("", seen.path)]

    def fault_for(self, seen: Seen) -> Fault | None:
        """The fault that is due for a request."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.route in ("", seen.route) and fault.path in ("", seen.path):
                    fault.times -= 1
                    return fault
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def hub(self) -> Hub:
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().handle()

    def do_GET(self) -> None:
        hub = self.hub
        route, repository, revision, path = self._route()
        seen = Seen(
            route,
            path,
            self.headers.get("range"),
            self.headers.get("authorization"),
            self.headers.get("accept-encoding"),
            self.path,
        )
        with hub.lock:
            hub.requests.append(seen)
            hub.in_flight += 1
            hub.most_in_flight = max(hub.most_in_flight, hub.in_flight)
        try:
            time.sleep(hub.latency_seconds)
            fault = hub.fault_for(seen)
            if fault is not None:
                fault.play(self, seen)
            else:
                self.answer(route, repository, revision, path)
        finally:
            with hub.lock:
                hub.in_flight -= 1

    def _route(self) -> tuple[str, str, str, str]:
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        if parts[:2] == ["api", "models"] and "revision" in parts:
            at = parts.index("revision")
            return "api", "/".join(parts[2:at]), parts[at + 1], ""
        if parts[:2] == ["api", "models"] and parts[-1] == "refs":
            return "refs", "/".join(parts[2:-1]), "main", ""
        if parts[:2] == ["api", "models"] and "tree" in parts:
            at = parts.index("tree")
            return "tree", "/".join(parts[2:at]), parts[at + 1], ""
        if parts[:2] == ["api", "resolve-cache"]:
            return "document", "/".join(parts[3:5]), parts[5], "/".join(parts[6:])
        if parts[:1] == ["cdn"]:
            return "cdn", "/".join(parts[1:3]), "", "/".join(parts[3:])
        if "resolve" in parts:
            at = parts.index("resolve")
            return "resolve", "/".join(parts[:at]), parts[at + 1], "/".join(parts[at + 2 :])
        return "other", "", "", ""

    def answer(self, route: str, name: str, revision: str, path: str) -> None:
        """What the Hub says when nothing goes wrong."""
        hub = self.hub
        if name in hub.renamed:
            self.redirect(307, self.path.replace(name, hub.renamed[name]))
            return
        repository = hub.repositories.get(name)
        if repository is None:
            self.reply(401, {"error": "Invalid username or password."}, {"X-Error-Code": "RepoNotFound"})
            return
        if route != "cdn" and revision not in ("main", "refs/pr/1", repository.commit):
            self.reply(404, {"error": f"Invalid rev id: {revision}"}, {"X-Error-Code": "RevisionNotFound"})
            return
        if route == "api":
            self.reply(200, self.listing(repository))
            return
        if route == "refs":
            self.reply(
                200, {"branches": [{"name": "main"}, {"name": "fp16"}], "tags": [{"name": "v1"}], "converts": []}
            )
            return
        if route == "tree":
            entries = [
                {"type": "file", "path": file["rfilename"], **file} for file in self.listing(repository)["siblings"]
            ]
            self.reply(200, entries)
            return
        content = repository.files.get(path)
        if content is None:
            self.reply(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        elif route == "cdn" and "sig" not in parse_qs(urlsplit(self.path).query):
            self.reply(403, b"<Error><Code>MissingKey</Code></Error>", {"Content-Type": "application/xml"})
        elif route == "resolve" and path.endswith((".safetensors", ".gguf", ".bin")):
            self.redirect(302, f"{hub.cdn}/cdn/{quote(name)}/{quote(path)}?sig=abc")
        elif route == "resolve":
            self.redirect(307, f"/api/resolve-cache/models/{quote(name)}/{repository.commit}/{quote(path)}?etag=x")
        else:
            self.content(content)

    def listing(self, repository: Repository) -> dict[str, Any]:
        """The API's description of a repository."""
        siblings = [
            {"rfilename": path, "size": content.size if isinstance(content, Sparse) else len(content)}
            for path, content in repository.files.items()
        ]
        return {"id": repository.name, "sha": repository.commit, "siblings": siblings, **repository.facts}

    def redirect(self, status: int, location: str) -> None:
        """A redirect with a short body."""
        self.reply(status, f"Redirecting to {location}".encode(), {"Location": location})

    def content(self, content: Content, headers: Mapping[str, str] | None = None) -> None:
        """A file, or the range of it that was asked for."""
        size = content.size if isinstance(content, Sparse) else len(content)
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        extra = dict(headers or {})
        if match is None or self.hub.ignores_ranges:
            self.start(200, size, extra)
            self.send(content, 0, size)
            return
        begin, end = int(match[1]), min(size, int(match[2]) + 1)
        if begin >= size:
            self.reply(416, b"", {"Content-Range": f"bytes */{size}"})
            return
        self.start(206, end - begin, {"Content-Range": f"bytes {begin}-{end - 1}/{size}", **extra})
        self.send(content, begin, end)

    def send(self, content: Content, begin: int, end: int) -> None:
        """Bytes begin to end of a file."""
        for piece in pieces(content, begin, end):
            self.wfile.write(piece)

    def start(self, status: int, length: int | None, headers: Mapping[str, str] | None = None) -> None:
        """Status line and headers."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/octet-stream", **(headers or {})}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def reply(
        self, status: int, body: bytes | dict[str, Any] | list[Any], headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "text/plain" if isinstance(body, bytes) else "application/json"
        self.start(status, len(data), {"Content-Type": kind, **(headers or {})})
        self.wfile.write(data)

    def repository_content(self, seen: Seen) -> Content:
        """The file that a request means."""
        _, name, _, path = self._route()
        return self.hub.repositories[name].files[path]

    def drop(self, *, reset: bool) -> None:
        """End the connection, with or without a TCP reset."""
        self.close_connection = True
        self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.connection.close() if reset else self.connection.shutdown(socket.SHUT_RDWR)


def pieces(content: Content, begin: int, end: int) -> Iterator[bytes]:
    """Bytes begin to end, in pieces of at most 64 kB."""
    head = content.head if isinstance(content, Sparse) else content
    while begin < end:
        piece = head[begin : min(end, begin + 65_536)] or bytes(min(65_536, end - begin))
        yield piece
        begin += len(piece)


# -- faults ----------------------------------------------------------------------------------------------


def status(code: int, body: bytes | dict[str, Any] = b"", **headers: str) -> Callable[[Handler, Seen], None]:
    """That status; `X_Error_Code` becomes the header X-Error-Code."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.reply(code, body, named)


def broken_after(count: int, *, reset: bool = True) -> Callable[[Handler, Seen], None]:
    """The right headers, `count` bytes of the body, then the end of the connection."""

    def play(handler: Handler, seen: Seen) -> None:
        content = handler.repository_content(seen)
        size = content.size if isinstance(content, Sparse) else len(content)
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", seen.range or "")
        begin, end = (int(match[1]), min(size, int(match[2]) + 1)) if match else (0, size)
        headers = {"Content-Range": f"bytes {begin}-{end - 1}/{size}"} if match else {}
        handler.start(206 if match else 200, end - begin, headers)
        handler.send(content, begin, min(end, begin + count))
        time.sleep(0.05)
        handler.drop(reset=reset)

    return play


def hang(seconds: float = 30.0) -> Callable[[Handler, Seen], None]:
    """No answer."""

    def play(handler: Handler, _: Seen) -> None:
        handler.hub.closing.wait(seconds)
        handler.drop(reset=True)

    return play


def drip(pause_seconds: float) -> Callable[[Handler, Seen], None]:
    """The right answer, one byte at a time."""

    def play(handler: Handler, seen: Seen) -> None:
        content = handler.repository_content(seen)
        size = content.size if isinstance(content, Sparse) else len(content)
        handler.start(206, size, {"Content-Range": f"bytes 0-{size - 1}/{size}"})
        for position in range(size):
            handler.send(content, position, position + 1)
            if handler.hub.closing.wait(pause_seconds):
                return

    return play


def redirect(location: str) -> Callable[[Handler, Seen], None]:
    """A redirect to that place."""
    return lambda handler, _: handler.redirect(302, location)
