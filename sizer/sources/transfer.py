"""GET over HTTP as a careful reader does it: redirects by hand, capped bodies, deadlines, typed errors.

Decided here: which redirects are followed and that a token never leaves its host, how long is waited and
how often is tried. What a failure is called is `failures`' business, what a status means the caller's.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from sizer.errors import InvalidDataError, SizerError, UnavailableError
from sizer.sources.addresses import host_of, leads_inside, origin_of, without_query
from sizer.sources.failures import CHECK_PROXY, refused_redirect, too_slow, translate

if TYPE_CHECKING:
    import httpx2

__all__ = ["Cancelled", "Transfer", "inflate"]

T = TypeVar("T")

CONNECT_SECONDS = 10.0
READ_SECONDS = 10.0
MAX_HOPS = 5
MAX_NOTE_BYTES = 65_536
"""Bodies of redirects and errors are read up to here, so that the connection can be used again."""
RETRY_AFTER = "retry_after_seconds"
"""Key in `details` of an error whose server said when to come back."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PRIVATE_HEADERS = ("authorization", "cookie")
_FINAL = frozenset({"hub.dns", "hub.tls", "hub.proxy", "hub.portal", "hub.redirects", "hub.redirect_host"})
_ONCE_MORE = frozenset({"hub.stalled"})


class Cancelled(Exception):  # noqa: N818 - not an error, nobody waits any more
    """The run is over; nobody waits for this read any more."""


class Transfer:
    """GET requests over one client, counted. Safe to use from many threads."""

    def __init__(
        self, client: httpx2.Client, *, endpoint: str, headers: Mapping[str, str], backoff_seconds: float = 1.0
    ) -> None:
        self._client = client
        self._origin = origin_of(endpoint)
        self._endpoint_host = urlsplit(endpoint).hostname or ""
        self._headers = {**headers, "accept-encoding": "identity"}
        self._public_headers = {k: v for k, v in self._headers.items() if k.lower() not in _PRIVATE_HEADERS}
        self._backoff_seconds = backoff_seconds
        self._lock = threading.Lock()
        self._busy: tuple[float, UnavailableError] | None = None  # until when the server wants no requests
        self.cancelled = threading.Event()
        self.requests = 0
        self.bytes = 0

    @property
    def has_token(self) -> bool:
        """Whether requests to the endpoint carry a token."""
        return any(name.lower() == "authorization" for name in self._headers)

    def retry(self, action: Callable[[int], T], *, deadline: float, attempts: int = 4) -> T:
        """`action(attempt)`, again after a failure that may pass, while there are attempts and time left.

        Waits 1, 2, 4 s with jitter, or as long as the server asks; never past the deadline. Then the last
        error is raised.
        """
        for attempt in range(1, attempts + 1):
            self._pause(deadline)
            try:
                return action(attempt)
            except UnavailableError as error:
                asked = error.details.get(RETRY_AFTER)
                limit = min(attempts, 2) if error.code in _ONCE_MORE else attempts
                if error.code in _FINAL or attempt >= limit:
                    raise
                wait = self._backoff_seconds * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)
                if isinstance(asked, int | float):
                    wait = float(asked) + random.uniform(0, self._backoff_seconds / 4)
                    self._busy = (time.monotonic() + float(asked), error)
                if time.monotonic() + wait > deadline:
                    raise
                if self.cancelled.wait(wait):
                    raise Cancelled from error
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def open(
        self,
        url: str | httpx2.URL,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        attempt: int = 1,
        follow: bool = True,
    ) -> Iterator[httpx2.Response]:
        """The response after redirects, its body not yet read; `response.url` is where it came from.

        Without `follow` a redirect is the response, and `response.next_request.url`, which has been looked at,
        is where it leads.

        Each read may take 10 s at the first attempt, 20 s at the second: a Hub that thinks long is no silent one.

        Raises UnavailableError, InvalidDataError (a redirect that is refused) or UsageError.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise too_slow(str(url))
        request = self._request(url, headers or {}, left, READ_SECONDS * attempt)
        for _ in range(MAX_HOPS + 1):
            with self._send(request, deadline) as response:
                if response.status_code not in _REDIRECTS or not response.headers.get("location"):
                    yield response
                    return
                self.note(response, deadline)
                request = self._next_request(response)
                if not follow:
                    yield response
                    return
        raise UnavailableError(
            f"`{host_of(str(url))}` answers with one redirect after the other",
            code="hub.redirects",
            because=f"more than {MAX_HOPS} in a row, the last to {without_query(str(request.url))}",
            hint="check HF_ENDPOINT and the proxy, or try again later",
        )

    def chunks(self, response: httpx2.Response, deadline: float) -> Iterator[bytes]:
        """The body as it comes, undecoded and counted. Raises UnavailableError past the deadline."""
        with self._translated(str(response.url)):
            for chunk in response.iter_raw():
                with self._lock:
                    self.bytes += len(chunk)
                if self.cancelled.is_set():
                    raise Cancelled
                yield chunk
                if time.monotonic() > deadline:
                    raise too_slow(str(response.url))

    def note(self, response: httpx2.Response, deadline: float) -> bytes:
        """The short body of a redirect or an error; whatever is wrong with it does not matter."""
        body = bytearray()
        with contextlib.suppress(UnavailableError):
            for chunk in self.chunks(response, min(deadline, time.monotonic() + READ_SECONDS)):
                body += chunk
                if len(body) > MAX_NOTE_BYTES:
                    break
        return bytes(body[:MAX_NOTE_BYTES])

    # -- one request

    def _request(
        self, url: str | httpx2.URL, headers: Mapping[str, str], left: float, read_seconds: float
    ) -> httpx2.Request:
        import httpx2

        timeout = httpx2.Timeout(min(read_seconds, left), connect=min(CONNECT_SECONDS, left), pool=left)
        address = str(url)
        own = self._headers if origin_of(address) == self._origin else self._public_headers
        with self._translated(address):
            return self._client.build_request("GET", url, headers={**own, **headers}, timeout=timeout)

    def _next_request(self, response: httpx2.Response) -> httpx2.Request:
        """The request that the client made of a redirect, looked at before it is sent. Raises InvalidDataError."""
        request, url = response.next_request, str(response.url)
        if request is None:
            raise refused_redirect(url, response.headers["location"], "it is not an address")
        target = str(request.url)
        self._check_target(url, target)
        if origin_of(target) != self._origin:
            for name in _PRIVATE_HEADERS:
                request.headers.pop(name, None)
        return request

    @contextlib.contextmanager
    def _send(self, request: httpx2.Request, deadline: float) -> Iterator[httpx2.Response]:
        url = str(request.url)
        self._pause(deadline)
        if time.monotonic() > deadline:
            raise too_slow(url)
        with self._lock:
            self.requests += 1
        with self._translated(url):
            response = self._client.send(request, stream=True, follow_redirects=False, auth=None)
        try:
            yield response
        finally:
            with contextlib.suppress(Exception):
                response.close()

    def _pause(self, deadline: float) -> None:
        """Wait until a busy server wants requests again; raise its error at once where that is too late."""
        if self.cancelled.is_set():
            raise Cancelled
        until, error = self._busy or (0.0, None)
        if error is None or until <= time.monotonic():
            return
        if until > deadline:
            raise error
        if self.cancelled.wait(until - time.monotonic()):
            raise Cancelled

    def _check_target(self, url: str, target: str) -> None:
        """Raises InvalidDataError where a redirect from `url` to `target` is not to be followed."""
        parts = urlsplit(target)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise refused_redirect(url, target, "it is not an HTTP address")
        if parts.scheme == "http" and urlsplit(url).scheme == "https":
            raise refused_redirect(url, target, "it leads from https to http")
        host = parts.hostname.lower()
        if host != self._endpoint_host and leads_inside(host, self._endpoint_host):
            raise refused_redirect(url, target, "it leads from a public host into this machine or its network")

    @contextlib.contextmanager
    def _translated(self, url: str) -> Iterator[None]:
        try:
            yield
        except (SizerError, Cancelled):
            raise
        except Exception as error:
            if self.cancelled.is_set():
                raise Cancelled from error
            raise translate(error, url) from error


def inflate(body: bytes, encoding: str, limit: int, what: str) -> bytes:
    """A small document that came compressed although it was asked for plain. Raises InvalidDataError."""
    if not encoding or encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise InvalidDataError(
            f"{what} came with an encoding that is not read",
            code="hub.encoding",
            because=f"it was asked for plain and came as `{encoding[:40]}`",
            hint=CHECK_PROXY,
        )
    unpacker = zlib.decompressobj(47)  # gzip or zlib, as the data says
    try:
        out = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidDataError(
            f"{what} is damaged", code="hub.encoding", because=f"not {encoding}: {error}", hint=CHECK_PROXY
        ) from error
    if len(out) > limit:
        raise InvalidDataError(
            f"{what} is larger than is read",
            code="hub.too_large",
            because=f"unpacked it exceeds {limit:,} bytes",
            hint=CHECK_PROXY,
        )
    return out
