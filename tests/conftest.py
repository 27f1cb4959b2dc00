"""Shared fixtures: the command line as a function, and a network that is only the loopback."""

from __future__ import annotations

import gc
import json
import signal
import socket
from dataclasses import dataclass
from typing import Any

import huggingface_hub.constants  # noqa: F401  # reads the environment once: before a test changes it
import pytest

from sizer.cli.app import main

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # a job in the background, whose children could not be interrupted
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def sizer(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """`sizer("inspect", "x")` runs the command line in this process and returns its Outcome."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main([str(argument) for argument in arguments])
        gc.enable()  # a command may have switched it off: its process ends, this one goes on
        captured = capsys.readouterr()
        return Outcome(code=int(exit_info.value.code or 0), out=captured.out, err=captured.err)

    return run


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches further than this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
