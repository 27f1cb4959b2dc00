"""The functions behind the commands: what they add to reading."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sizer import api
from sizer.errors import NotFoundError, UsageError
from sizer.sources.interface import Checkpoint
from sizer.sources.open import ReadingSettings


def failing(repository: str) -> object:
    def read(text: str, settings: ReadingSettings | None) -> Checkpoint:
        raise NotFoundError(
            f"repository `{text}` was not found", code="hub.not_found", hint="check", details={"repository": repository}
        )

    return read


def test_close_names_are_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a repository that the Hub does not know the closest id of the catalog is proposed."""
    monkeypatch.setattr(api, "read_checkpoint", failing("Qwen/Qwen3-30B-A3"))
    with pytest.raises(NotFoundError) as error:
        api.read("Qwen/Qwen3-30B-A3")
    assert error.value.hint == "did you mean `Qwen/Qwen3-30B-A3B`? Else check"
    assert "Qwen/Qwen3-30B-A3B" in error.value.details["close_matches"]  # type: ignore[operator]


def test_nothing_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is like none of the catalog leaves the hint as it was."""
    monkeypatch.setattr(api, "read_checkpoint", failing("zz/000000000000"))
    with pytest.raises(NotFoundError) as error:
        api.read("zz/000000000000")
    assert error.value.hint == "check"


def test_other_errors_stay() -> None:
    """What is no reference stays the user's mistake."""
    with pytest.raises(UsageError):
        api.read("a/b/c")


def test_reading_starts_before_the_rest_is_imported() -> None:
    """Neither counting nor rich is imported to start reading; that is done while the first headers come."""
    code = "import sys, sizer.api; print({'rich', 'sizer.inspection', 'huggingface_hub'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
