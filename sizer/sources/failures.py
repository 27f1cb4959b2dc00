"""What a failure below HTTP is called: no name, no connection, no answer, and what to try next."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator

from sizer.errors import InvalidDataError, NotFoundError, SizerError, UnavailableError, UsageError
from sizer.sources.addresses import host_of, proxy_variable, without_query

__all__ = ["CHECK_PROXY", "refused_redirect", "too_slow", "translate"]

CHECK_PROXY = "check HF_ENDPOINT and the proxy"
"""Hint for what only something between here and the Hub would do."""


def translate(error: Exception, url: str) -> SizerError:
    import httpx2
    from huggingface_hub.errors import OfflineModeIsEnabled

    host = host_of(url)
    where = f"`{host}`" + (" (set by HF_ENDPOINT)" if os.environ.get("HF_ENDPOINT", "").find(host) >= 0 else "")
    causes = list(_causes(error))
    if isinstance(error, OfflineModeIsEnabled):
        return NotFoundError(
            f"{where} was not asked",
            code="hub.offline",
            because="HF_HUB_OFFLINE is set",
            hint="unset it, or see --offline",
        )
    proxy = proxy_variable(url)
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
            because=f"no byte came in time from {without_query(url)}",
            hint="try again, or raise --timeout",
        )
    if isinstance(error, httpx2.ConnectError):
        return UnavailableError(
            f"cannot connect to {where}", code="hub.connect", because=str(error), hint="try again, or use --offline"
        )
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return UsageError(
            f"{without_query(url)} is not an address",
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


def too_slow(url: str) -> UnavailableError:
    return UnavailableError(
        f"`{host_of(url)}` sends too slowly",
        code="hub.slow",
        because=f"{without_query(url)} did not arrive in time",
        hint="try again, or raise --timeout",
    )


def refused_redirect(url: str, target: str, why: str) -> InvalidDataError:
    return InvalidDataError(
        f"a redirect of `{host_of(url)}` was not followed",
        code="hub.redirect_host",
        because=f"{why}: {without_query(target)}",
        hint=CHECK_PROXY,
    )
