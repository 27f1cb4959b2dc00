"""GET over HTTP as a careful reader does it: redirects by hand, capped bodies, deadlines, typed errors.

Decided here: which redirects are followed and that a token never leaves its host, how long is waited and
how often is tried, and what a failure below HTTP is called. What a status means is the caller's business.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import random
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from sizer.errors import InvalidDataError, NotFoundError, SizerError, UnavailableError, UsageError

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

_FINAL = frozenset({"hub.dns", "hub.tls", "hub.proxy", "hub.portal", "hub.redirects", "hub.redirect_host"})
_ONCE_MORE = frozenset({"hub.stalled"})
_CHECK_PROXY = "check HF_ENDPOINT and the proxy"


class Cancelled(Exception):  # noqa: N818 - not an error, nobody waits any more
    """The run is over; nobody waits for this read any more."""


class Transfer:
    """GET requests over one client, counted. Safe to use from many threads."""

    def __init__(
        self, client: httpx2.Client, *, endpoint: str, headers: Mapping[str, str], backoff_seconds: float = 1.0
    ) -> None:
        self._client = client
        self._origin = _origin(endpoint)
        self._endpoint_host = urlsplit(endpoint).hostname or ""
        self._headers = {**headers, "accept-encoding": "identity"}
        self._public_headers = {k: v for k, v in self._headers.items() if k.lower() not in ("authorization", "cookie")}
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
        self, url: str, *, deadline: float, headers: Mapping[str, str] | None = None, attempt: int = 1
    ) -> Iterator[httpx2.Response]:
        """The response after redirects, its body not yet read; `response.url` is where it came from.

        Each read may take 10 s at the first attempt, 20 s at the second: a Hub that thinks long is no silent one.

        Raises UnavailableError, InvalidDataError (a redirect that is refused) or UsageError.
        """
        hops = 0
        while True:
            with self._send(url, deadline, headers or {}, READ_SECONDS * attempt) as response:
                location = response.headers.get("location", "")
                if response.status_code not in (301, 302, 303, 307, 308) or not location:
                    yield response
                    return
                self.note(response, deadline)
            hops += 1
            if hops > MAX_HOPS:
                raise UnavailableError(
                    f"`{_host(url)}` answers with one redirect after the other",
                    code="hub.redirects",
                    because=f"more than {MAX_HOPS} in a row, the last from {_without_query(url)}",
                    hint="check HF_ENDPOINT and the proxy, or try again later",
                )
            url = self._target(url, location)

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
                    raise _too_slow(str(response.url))

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

    @contextlib.contextmanager
    def _send(
        self, url: str, deadline: float, extra: Mapping[str, str], read_seconds: float
    ) -> Iterator[httpx2.Response]:
        import httpx2

        self._pause(deadline)
        left = deadline - time.monotonic()
        if left <= 0:
            raise _too_slow(url)
        timeout = httpx2.Timeout(min(read_seconds, left), connect=min(CONNECT_SECONDS, left), pool=left)
        own = self._headers if _origin(url) == self._origin else self._public_headers
        with self._lock:
            self.requests += 1
        with self._translated(url):
            request = self._client.build_request("GET", url, headers={**own, **extra}, timeout=timeout)
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

    def _target(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        parts = urlsplit(target)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _refused_redirect(url, target, "it is not an HTTP address")
        if parts.scheme == "http" and urlsplit(url).scheme == "https":
            raise _refused_redirect(url, target, "it leads from https to http")
        host = parts.hostname.lower()
        if host != self._endpoint_host and _leads_inside(host, self._endpoint_host):
            raise _refused_redirect(url, target, "it leads from a public host into this machine or its network")
        return target

    @contextlib.contextmanager
    def _translated(self, url: str) -> Iterator[None]:
        try:
            yield
        except (SizerError, Cancelled):
            raise
        except Exception as error:
            if self.cancelled.is_set():
                raise Cancelled from error
            raise _translate(error, url) from error


def inflate(body: bytes, encoding: str, limit: int, what: str) -> bytes:
    """A small document that came compressed although it was asked for plain. Raises InvalidDataError."""
    if not encoding or encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise InvalidDataError(
            f"{what} came with an encoding that is not read",
            code="hub.encoding",
            because=f"it was asked for plain and came as `{encoding[:40]}`",
            hint=_CHECK_PROXY,
        )
    unpacker = zlib.decompressobj(47)  # gzip or zlib, as the data says
    try:
        out = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidDataError(
            f"{what} is damaged", code="hub.encoding", because=f"not {encoding}: {error}", hint=_CHECK_PROXY
        ) from error
    if len(out) > limit:
        raise InvalidDataError(
            f"{what} is larger than is read",
            code="hub.too_large",
            because=f"unpacked it exceeds {limit:,} bytes",
            hint=_CHECK_PROXY,
        )
    return out


# -- failures below HTTP ---------------------------------------------------------------------------------


def _translate(error: Exception, url: str) -> SizerError:
    import httpx2
    from huggingface_hub.errors import OfflineModeIsEnabled

    host = _host(url)
    where = f"`{host}`" + (" (set by HF_ENDPOINT)" if os.environ.get("HF_ENDPOINT", "").find(host) >= 0 else "")
    causes = list(_causes(error))
    if isinstance(error, OfflineModeIsEnabled):
        return NotFoundError(
            f"{where} was not asked",
            code="hub.offline",
            because="HF_HUB_OFFLINE is set",
            hint="unset it, or see --offline",
        )
    proxy = _proxy_variable(url)
    if isinstance(error, httpx2.ProxyError) or (
        proxy and isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
    ):
        return UnavailableError(
            f"the proxy does not let requests to {where} through",
            code="hub.proxy",
            because=f"{error or type(error).__name__} (the proxy is set by {proxy or 'the system'})",
            hint="correct or unset that variable, add the host to NO_PROXY, or use --offline",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnavailableError(
            f"cannot resolve the name of {where}",
            code="hub.dns",
            because=str(error),
            hint="is this machine online? --offline uses the cache and shipped headers; a local path needs no network",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return UnavailableError(
            f"no secure connection to {where}",
            code="hub.tls",
            because=str(error),
            hint="behind a proxy that signs its own certificates, point SSL_CERT_FILE at its certificate",
        )
    if isinstance(error, httpx2.ConnectTimeout):
        return UnavailableError(
            f"{where} does not answer",
            code="hub.connect_timeout",
            because="no connection in time",
            hint="try again, or use --offline",
        )
    if isinstance(error, httpx2.TimeoutException):
        return UnavailableError(
            f"{where} stopped answering",
            code="hub.stalled",
            because=f"no byte came in time from {_without_query(url)}",
            hint="try again, or raise --timeout",
        )
    if isinstance(error, httpx2.ConnectError):
        return UnavailableError(
            f"cannot connect to {where}", code="hub.connect", because=str(error), hint="try again, or use --offline"
        )
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return UsageError(
            f"{_without_query(url)} is not an address",
            code="hub.endpoint",
            because=str(error),
            hint="HF_ENDPOINT begins with https:// or http://",
        )
    if isinstance(error, httpx2.LocalProtocolError | ValueError):
        return UsageError(
            "the request cannot be sent",
            code="hub.request",
            because=type(error).__name__,  # the text may quote the token
            hint="check HF_TOKEN and the proxy variables for stray characters",
        )
    return UnavailableError(
        f"the connection to {where} broke",
        code="hub.broken",
        because=str(error) or type(error).__name__,
        hint="try again",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _too_slow(url: str) -> UnavailableError:
    return UnavailableError(
        f"`{_host(url)}` sends too slowly",
        code="hub.slow",
        because=f"{_without_query(url)} did not arrive in time",
        hint="try again, or raise --timeout",
    )


def _refused_redirect(url: str, target: str, why: str) -> InvalidDataError:
    return InvalidDataError(
        f"a redirect of `{_host(url)}` was not followed",
        code="hub.redirect_host",
        because=f"{why}: {_without_query(target)}",
        hint=_CHECK_PROXY,
    )


def _proxy_variable(url: str) -> str | None:
    """The environment variable that names the proxy for an address; None where it is reached directly."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    names = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), None)


# -- addresses -------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _without_query(url: str) -> str:
    """An address without the signature in its query."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


@functools.lru_cache(maxsize=256)
def _leads_inside(host: str, endpoint: str) -> bool:
    """Whether a redirect to `host` reaches further inside than the endpoint is: 0 public, 1 private, 2 this machine.

    A name that resolves into a private network is let through (transparent proxies do that); one that
    resolves to this machine is not. Behind a proxy the proxy resolves.
    """
    level = _literal_exposure(host)
    if level is None:
        level = 0 if _proxy_variable(f"https://{host}") or _resolved_exposure(host) < 2 else 2
    if level == 0:
        return False
    own = _literal_exposure(endpoint)
    return level > (_resolved_exposure(endpoint) if own is None else own)


def _literal_exposure(host: str) -> int | None:
    """Of an address or of a name that always means this machine; None for other names."""
    if host == "localhost" or host.endswith(".localhost"):
        return 2
    try:
        return _exposure_of_address(host)
    except ValueError:
        return None


def _resolved_exposure(host: str) -> int:
    try:
        found: list[Any] = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return 0  # the connection will say so
    return max((_exposure_of_address(str(entry[4][0])) for entry in found), default=0)


def _exposure_of_address(text: str) -> int:
    address = ipaddress.ip_address(text.split("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return 2
    return 0 if address.is_global else 1
