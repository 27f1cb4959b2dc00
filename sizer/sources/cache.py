"""What was read before, by commit: a commit never changes, so nothing here ever goes stale.

Kept beside huggingface_hub's own cache, one file for each commit, readable by its owner alone (a repository
may be private), and keyed with the endpoint, since two Hubs may use one name. A damaged entry is removed
and read again. A place that cannot be written to is one notice, not a failure.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path
from urllib.parse import quote

from sizer.errors import UsageError
from sizer.notices import Notice
from sizer.sources.bundle import VERSION, decode, encode, write_atomically
from sizer.sources.interface import Checkpoint

__all__ = ["Cache"]

_COMMIT = re.compile(r"[0-9a-f]{40}")


class Cache:
    """Checkpoints of one repository at one endpoint."""

    def __init__(self, folder: Path, *, endpoint: str, repository: str) -> None:
        place = hashlib.sha256(endpoint.encode()).hexdigest()[:16]
        self._folder = folder / f"headers-v{VERSION}" / place / repository.replace("/", "--").lower()

    def commit_of(self, revision: str) -> str | None:
        """The commit that a branch or tag had when it was last read."""
        try:
            text = self._ref(revision).read_text("ascii").strip()
        except (OSError, ValueError):
            return None
        return text if _COMMIT.fullmatch(text) else None

    def load(self, commit: str, path: str | None) -> Checkpoint | None:
        """The checkpoint at a commit, if it was read before."""
        entry = self._entry(commit, path)
        try:
            return decode(entry.read_bytes(), where=str(entry)).checkpoint
        except OSError:
            return None
        except UsageError:
            with contextlib.suppress(OSError):
                entry.unlink()
            return None

    def store(self, checkpoint: Checkpoint, *, revision: str, path: str | None) -> Notice | None:
        """Keep a checkpoint that was read whole; a notice where that is not possible."""
        is_whole = checkpoint.reading.complete and all(n.code != "reading.document" for n in checkpoint.notices)
        if checkpoint.commit is None or not is_whole:
            return None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._entry(checkpoint.commit, path), encode(checkpoint, quick=True), private=True)
            self.remember(revision, checkpoint.commit)
        except OSError as error:
            why = error.strerror or type(error).__name__
            return Notice(
                code="cache.unwritable", message=f"Nothing was cached: `{self._folder}` cannot be written ({why})."
            )
        return None

    def remember(self, revision: str, commit: str) -> None:
        """Note which commit a revision has now. Raises OSError."""
        if revision != commit and self.commit_of(revision) != commit:
            write_atomically(self._ref(revision), commit.encode(), private=True)

    def _entry(self, commit: str, path: str | None) -> Path:
        inner = "-" + hashlib.sha256(path.encode()).hexdigest()[:16] if path else ""
        return self._folder / f"{commit}{inner}.json.gz"

    def _ref(self, revision: str) -> Path:
        return self._folder / f"ref-{quote(revision, safe='')}"
