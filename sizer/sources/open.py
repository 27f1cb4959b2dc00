"""From what a user typed to a checkpoint: the right source, the cache before the network, bundles without it.

Order for a repository: a commit that was read before, the Hub, and where the Hub is not asked or cannot be
reached, what the cache or the shipped bundles hold. An answer that is not from the Hub says so. What a
reachable Hub refuses or does not know stays an error: a bundle never hides it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from sizer.errors import NotFoundError, UnavailableError, UsageError
from sizer.headers.safetensors import MAX_HEADER_BYTES
from sizer.notices import Notice
from sizer.reference import Reference, parse_reference
from sizer.sources.bundle import find_shipped, read_bundle
from sizer.sources.cache import Cache
from sizer.sources.hub import DEFAULT_TIMEOUT_SECONDS, HubSource, cache_folder, endpoint, is_offline
from sizer.sources.interface import MAX_SHARDS, Checkpoint, Progress, Reading, Source
from sizer.values import frozen

__all__ = ["ReadingSettings", "open_source", "read_checkpoint"]


ATTEMPTS = 4
ATTEMPTS_WITH_STAND_IN = 2
"""For the first request, where something else can answer if the Hub does not."""


@frozen
class ReadingSettings:
    """How to read, the same for every reference of a run."""

    offline: bool = False
    """Send nothing: cache, shipped bundles and local files only."""
    use_cache: bool = True
    """Look into the cache and write to it."""
    path: str | None = None
    """Subfolder or file inside the repository or folder."""
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    """For one file, with all its attempts."""
    max_header_bytes: int = MAX_HEADER_BYTES
    max_shards: int = MAX_SHARDS
    progress: Progress | None = None
    meanwhile: Callable[[], None] | None = None
    """Called while the Hub is connected to and asked for the first time: time for what will be needed afterwards."""


def read_checkpoint(text: str, settings: ReadingSettings | None = None) -> Checkpoint:
    """The checkpoint that `text` refers to.

    Raises UsageError (not a reference), NotFoundError, UnavailableError, InvalidDataError.
    """
    settings = settings or ReadingSettings()
    reference = parse_reference(text)
    if reference.kind == "bundle":
        if settings.path:
            raise UsageError(
                "a header bundle has no paths inside",
                code="usage.path",
                because="it holds one checkpoint",
                hint="leave --path out, or name the repository",
            )
        return read_bundle(_location(reference)).checkpoint
    if reference.kind == "hub":
        return _Repository(reference, settings).read()
    return _load(open_source(reference, settings), reference, settings)


def open_source(reference: Reference, settings: ReadingSettings | None = None, *, attempts: int = ATTEMPTS) -> Source:
    """The source of a repository, folder or file; nothing is read yet. Not for bundles.

    `attempts` is how often the first request to a Hub is tried.
    """
    settings = settings or ReadingSettings()
    if reference.kind == "hub":
        assert reference.repository is not None
        return HubSource(
            reference.repository,
            reference.revision,
            timeout_seconds=settings.timeout_seconds,
            max_header_bytes=settings.max_header_bytes,
            attempts=attempts,
        )
    from sizer.sources.local import LocalSource

    return LocalSource(_location(reference), max_header_bytes=settings.max_header_bytes)


def _load(source: Source, reference: Reference, settings: ReadingSettings) -> Checkpoint:
    from sizer.sources.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(
        source,
        reference,
        path=settings.path,
        progress=settings.progress,
        max_shards=settings.max_shards,
    )
    is_empty = checkpoint.format == "none" and not any(part.config for part in checkpoint.parts)
    if reference.kind == "folder" and is_empty:
        raise UsageError(
            f"`{reference.text}` holds no model",
            code="usage.no_model",
            because="there are neither weights nor a config.json in it",
            hint="name the folder that has the .safetensors or .gguf files",
        )
    return checkpoint


def _location(reference: Reference) -> Path:
    assert reference.location is not None
    return reference.location


class _Repository:
    """One repository of the Hub, with the places that can stand in for it."""

    def __init__(self, reference: Reference, settings: ReadingSettings) -> None:
        assert reference.repository is not None
        self._reference = reference
        self._settings = settings
        self._repository = reference.repository
        self._revision = reference.revision or "main"
        self._path = settings.path or reference.path
        self._cache = Cache(cache_folder(), endpoint=endpoint(), repository=reference.repository)

    def read(self) -> Checkpoint:
        """From the cache where the commit is known, else from the Hub, else from what stands in for it."""
        if self._reference.commit and (found := self._cached(self._reference.commit)):
            return self._again(found, Reading())
        if self._settings.offline or is_offline():
            why = "--offline" if self._settings.offline else "HF_HUB_OFFLINE"
            if found := self._stand_in(f"The Hub was not asked ({why})"):
                return found
            raise self._nothing_offline(why)
        try:
            return self._from_hub()
        except UnavailableError as error:
            if found := self._stand_in(f"The Hub could not be reached ({error.what})"):
                return found
            raise

    def _from_hub(self) -> Checkpoint:
        has_stand_in = self._known_commit() is not None or self._shipped() is not None
        source = open_source(
            self._reference, self._settings, attempts=ATTEMPTS_WITH_STAND_IN if has_stand_in else ATTEMPTS
        )
        source.prefetch((), ())
        from sizer.sources import checkpoint as _  # noqa: F401 - while the answer is on its way

        if self._settings.meanwhile is not None:
            self._settings.meanwhile()
        listing = source.listing()
        if listing.commit and (found := self._cached(listing.commit)):
            if self._settings.use_cache:
                with contextlib.suppress(OSError):
                    self._cache.remember(self._revision, listing.commit)
            return dataclasses.replace(self._again(found, source.reading()), hub=listing.hub)
        checkpoint = _load(source, self._reference, self._settings)
        if self._settings.use_cache:
            notice = self._cache.store(checkpoint, revision=self._revision, path=self._path)
            if notice is not None:
                return dataclasses.replace(checkpoint, notices=(*checkpoint.notices, notice))
        return checkpoint

    def _cached(self, commit: str) -> Checkpoint | None:
        return self._cache.load(commit, self._path) if self._settings.use_cache else None

    def _again(self, found: Checkpoint, cost: Reading) -> Checkpoint:
        """A checkpoint read before, as the answer to this reference, at the cost of this run."""
        reading = dataclasses.replace(found.reading, requests=cost.requests, bytes=cost.bytes)
        return dataclasses.replace(found, reference=self._reference.text, reading=reading)

    def _known_commit(self) -> str | None:
        return self._cache.commit_of(self._revision) if self._settings.use_cache else None

    def _shipped(self) -> Path | None:
        """The shipped bundle, which is of the main branch and of the whole repository."""
        if self._path or self._reference.revision not in (None, "main"):
            return None
        return find_shipped(self._repository)

    def _stand_in(self, why: str) -> Checkpoint | None:
        if (commit := self._known_commit()) and (found := self._cached(commit)):
            said = f"{why}; read from the cache, at the commit that `{self._revision}` had when it was last read."
            return self._noted(found, "offline.cache", said)
        if (shipped := self._shipped()) is None:
            return None
        bundle = read_bundle(shipped)
        source = f" ({bundle.note})" if bundle.note else ""
        said = f"{why}; counted from the header bundle that comes with sizer{source}."
        return self._noted(bundle.checkpoint, "offline.bundle", said)

    def _noted(self, found: Checkpoint, code: str, message: str) -> Checkpoint:
        again = self._again(found, Reading())
        return dataclasses.replace(again, notices=(*again.notices, Notice(code=code, message=message)))

    def _instead(self, shipped: Sequence[str]) -> str:
        """What to name where there is no network: shipped repositories of a similar name, else all of them."""
        by_name = {repository.rpartition("/")[2].casefold(): repository for repository in shipped}
        wanted = self._repository.rpartition("/")[2].casefold()
        close = [found for name, found in by_name.items() if wanted in name][:3]
        close = close or [by_name[name] for name in difflib.get_close_matches(wanted, by_name, n=2, cutoff=0.8)]
        said = f"did you mean {' or '.join(f'`{name}`' for name in close)}? Or " if close else ""
        said += "run once with the network, or name a local folder, file or saved bundle"
        said += "" if close else f", or one of: {', '.join(shipped)}"
        return f"{said}; `sizer catalog` has the counts of many more models"

    def _nothing_offline(self, why: str) -> NotFoundError:
        return NotFoundError(
            f"`{self._reference.text}` is neither in the cache nor among the shipped header bundles",
            code="hub.offline",
            because=f"the network is switched off ({why})",
            hint=self._instead(shipped_repositories()),
            details={"repository": self._repository},
        )


def shipped_repositories() -> list[str]:
    """Repositories whose header bundles come with `sizer`."""
    from sizer.tables import data_path

    names = [path.name.removesuffix(".json.gz") for path in sorted(data_path("headers").glob("*.json.gz"))]
    return [name.replace("--", "/", 1) for name in names]
