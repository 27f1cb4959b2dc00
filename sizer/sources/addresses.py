"""Addresses: which host, which proxy, and whether a redirect leads from outside into this machine or its network."""

from __future__ import annotations

import functools
import ipaddress
import os
import socket
from typing import Any
from urllib.parse import urlsplit

__all__ = ["host_of", "leads_inside", "origin_of", "proxy_variable", "without_query"]


@functools.lru_cache(maxsize=256)
def origin_of(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def host_of(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def without_query(url: str) -> str:
    """An address without the signature in its query."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def proxy_variable(url: str) -> str | None:
    """The environment variable that names the proxy for an address; None where it is reached directly."""
    import urllib.request  # slow to import, and rarely needed

    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    names = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), None)


@functools.lru_cache(maxsize=256)
def leads_inside(host: str, endpoint: str) -> bool:
    """Whether a redirect to `host` reaches further inside than the endpoint is: 0 public, 1 private, 2 this machine.

    A name that resolves into a private network is let through (transparent proxies do that); one that
    resolves to this machine is not. Behind a proxy the proxy resolves.
    """
    level = _literal_exposure(host)
    if level is None:
        level = 0 if proxy_variable(f"https://{host}") or _resolved_exposure(host) < 2 else 2
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
