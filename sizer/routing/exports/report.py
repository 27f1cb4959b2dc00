"""What `sizer route export` answers: types only."""

from __future__ import annotations

from typing import Literal

from sizer.values import frozen

__all__ = ["ConfigCheck", "ExportReport"]


@frozen
class ExportReport:
    """A configuration or memo for the calibrated split."""

    target: Literal["litellm", "vllm-sr", "memo"]
    text: str
    """The file's content."""
    notes: tuple[str, ...]
    """What the other side must know: above all, which numbers are not calibrated."""
    written: str = ""
    """Where it was written; empty for stdout."""


@frozen
class ConfigCheck:
    """A LiteLLM configuration that passed."""

    file: str
    routers: tuple[str, ...]
    """The complexity routers in it, by model name."""
