"""Where a checkpoint's bytes come from, in one shape for the Hub, folders, files and header bundles.

`Source` lists files and reads documents and headers; `sources.checkpoint` decides which files are the
model. Everything after that is a pure function of a `Checkpoint`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

from sizer.headers.interface import Header
from sizer.notices import Notice
from sizer.values import frozen

__all__ = [
    "MAX_SHARDS",
    "Checkpoint",
    "FileEntry",
    "HubFacts",
    "Listing",
    "Part",
    "Progress",
    "Reading",
    "Source",
]

MAX_SHARDS = 2_000
"""Weight files that one model may have; the largest have about 200."""

Progress = Callable[[int, int], None]
"""Called with (files read, files to read)."""


@frozen
class FileEntry:
    """One file of a repository or folder."""

    path: str
    size_bytes: int | None = None


@frozen
class HubFacts:
    """What the Hub says about a repository: claims, never counts."""

    total_parameters: int | None = None
    """`safetensors.total` of the API, or `gguf.total`."""
    parameters_by_dtype: dict[str, int] = field(default_factory=dict)
    licence: str | None = None
    tags: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    library_name: str | None = None
    gated: bool = False
    last_modified: str | None = None


@frozen
class Listing:
    """A repository or folder at one commit."""

    repository: str
    """`org/name` as the Hub returns it (a renamed repository has its new name), or the local path."""
    commit: str | None
    """Full commit hash on the Hub; None for local files."""
    files: tuple[FileEntry, ...]
    hub: HubFacts | None = None
    notices: tuple[Notice, ...] = ()


@frozen
class Reading:
    """What reading cost, and whether it was complete."""

    requests: int = 0
    """HTTP requests sent, redirects counted."""
    bytes: int = 0
    """Body bytes received."""
    files: int = 0
    """Weight files whose headers were read."""
    complete: bool = True
    """Whether every header that had to be read was read, and the index that names them."""
    retryable: bool = False
    """Whether trying again may read what is missing: no file of it is broken or absent."""
    verified_by: str | None = None
    """The reference reader that accepted every header."""


@frozen
class Part:
    """The files of one model: a whole checkpoint, or one component of a pipeline."""

    name: str = ""
    """`""` for the model itself; the subfolder for a component (`unet`, `text_encoder`, `0_Transformer`)."""
    headers: tuple[Header, ...] = ()
    config: dict[str, Any] | None = None
    """The parsed config.json (or params.json, or what GGUF metadata says in config.json's words)."""
    config_path: str | None = None
    documents: dict[str, Any] = field(default_factory=dict)
    """Other parsed JSON documents beside the weights, by file name: `hf_quant_config.json`,
    `quantize_config.json`, `adapter_config.json`, the index's `metadata` under its file name ..."""
    unread: tuple[FileEntry, ...] = ()
    """Weight files that could not be read, or that are in a format whose headers are not read (`.bin`)."""


@frozen
class Checkpoint:
    """One model at one commit, as far as headers and documents say."""

    reference: str
    """What the user typed."""
    repository: str
    commit: str | None
    format: str
    """`safetensors`, `gguf`, `adapter`, `pipeline` (several parts), `bin`, or `none`."""
    parts: tuple[Part, ...]
    alternatives: tuple[str, ...] = ()
    """Other complete sets of weights in the same repository, left out of the count, one line each."""
    base_model: str | None = None
    """For an adapter: the model it belongs to."""
    hub: HubFacts | None = None
    reading: Reading = Reading()
    notices: tuple[Notice, ...] = ()

    @property
    def has_all_weights(self) -> bool:
        """Whether no weights are missing: everything was read, or everything but a broken index of numbered shards."""
        codes = {notice.code for notice in self.notices}
        is_index_alone = "index.unusable" in codes and "gguf.split_count" not in codes
        return self.reading.complete or (is_index_alone and not any(part.unread for part in self.parts))


class Source(ABC):
    """A place that holds files. Counts what it costs to read them."""

    @abstractmethod
    def listing(self) -> Listing:
        """All files, at one commit. Raises NotFoundError, UnavailableError or InvalidDataError."""

    def prefetch(self, documents: Sequence[str], files: Sequence[FileEntry]) -> None:  # noqa: B027
        """A hint that these will be asked for, and with neither that the listing will.

        A source that waits for a network starts reading them.
        """

    @abstractmethod
    def read_document(self, path: str) -> bytes | None:
        """A small text file of the listing, whole (capped); None if it is not there."""

    @abstractmethod
    def read_headers(self, files: Sequence[FileEntry], progress: Progress | None = None) -> list[Header | Exception]:
        """The header of each file, in the order given; the error in place of one that cannot be read."""

    @abstractmethod
    def reading(self) -> Reading:
        """What was read so far."""
