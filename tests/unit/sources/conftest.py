"""A Hub on the loopback, and a cache of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """An empty Hub that HF_ENDPOINT names, without a token, with an empty cache."""
    from huggingface_hub import constants

    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # read once a process, perhaps while another test set it
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture
def source(hub: Hub) -> Any:
    """`source("org/name")` is that repository of the Hub, read without long waits."""
    from sizer.sources.hub import HubSource

    def make(repository: str, revision: str | None = None, **settings: Any) -> HubSource:
        return HubSource(repository, revision, **{"backoff_seconds": 0.01, "timeout_seconds": 10.0, **settings})

    return make
