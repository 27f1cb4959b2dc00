"""Repositories of the Hugging Face Hub, or of a mirror: the only door to huggingface_hub.

One API call lists the files and resolves the commit; every address after that names the commit. Weight
files are read by ranges, many at once; documents whole, capped. Sessions, tokens, proxies and the endpoint
are huggingface_hub's; addresses are made here, because its own calls have no deadlines and no caps.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sizer import __version__
from sizer.errors import InvalidDataError, NotFoundError, SizerError, UnavailableError, UsageError
from sizer.headers.gguf import GgufReader
from sizer.headers.interface import Header
from sizer.headers.safetensors import MAX_HEADER_BYTES, header_length, parse_header
from sizer.sources.answers import Subject, looks_like_a_page, page_error, status_error
from sizer.sources.crew import Crew, Job
from sizer.sources.interface import FileEntry, Listing, Progress, Reading, Source
from sizer.sources.listing import read_listing, read_revision_names
from sizer.sources.ranges import FIRST_BYTES, RangeReader
from sizer.sources.transfer import Transfer, inflate

__all__ = ["DEFAULT_TIMEOUT_SECONDS", "HubSource", "cache_folder", "endpoint", "is_offline"]

DEFAULT_TIMEOUT_SECONDS = 60.0
"""For one file, with all its attempts."""
IN_FLIGHT = 32
"""Requests under way at once, half of them to the Hub and half to where it redirects.

6 or 8 are usual; the Hub's limits are per 5 minutes, not per moment.
"""
MAX_DOCUMENT_BYTES = 5_000_000
MAX_INDEX_BYTES = 50_000_000
MAX_LISTING_BYTES = 50_000_000
_MAX_FIRST_BYTES = 4_000_000
_GGUF_STEP_BYTES = 65_536
_STRIKES = 4
_GRACE_SECONDS = 5.0
_ASIDE_SECONDS = 5.0
_NAMES_SHOWN = 8
_PUBLIC_HUB = "https://huggingface.co"
_SHARD = re.compile(r"(.+)-\d{1,6}-of-\d{1,6}\.safetensors")


def endpoint() -> str:
    """Address of the Hub or mirror, without a trailing slash. Raises UsageError where HF_ENDPOINT is not one."""
    from huggingface_hub import constants

    address = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT or _PUBLIC_HUB).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(
            f"HF_ENDPOINT is `{address}`, which is not the address of a Hub",
            code="hub.endpoint",
            because="it must begin with https:// or http:// and name a host",
            hint="for example HF_ENDPOINT=https://huggingface.co",
        )
    return address


def is_offline() -> bool:
    """Whether the user switched the network off for all tools of the Hub (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return constants.is_offline_mode() or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def cache_folder() -> Path:
    """Where what `sizer` read is kept: in huggingface_hub's cache of assets (HF_HOME/assets/sizer).

    The place of `huggingface_hub.cached_assets_path("sizer")`, without making the folder.
    """
    from huggingface_hub import constants

    return Path(constants.HF_ASSETS_CACHE).expanduser() / "sizer"


def connect(address: str, *, backoff_seconds: float = 1.0) -> Transfer:
    """A connection to the Hub with the user's token, proxies and certificates. Sends nothing yet."""
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    try:
        client = get_session()
    except ValueError as error:  # httpx refuses a proxy variable that is no address
        raise UnavailableError(
            "the proxy cannot be used",
            code="hub.proxy",
            because=str(error),
            hint="correct or unset HTTPS_PROXY, HTTP_PROXY and ALL_PROXY",
        ) from error
    return Transfer(client, endpoint=address, headers=_request_headers(), backoff_seconds=backoff_seconds)


def _request_headers() -> dict[str, str]:
    """User agent and token. The client would ask the Hub for a list of agent names first; that is switched off."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    before = constants.HF_HUB_DISABLE_TELEMETRY
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        return dict(build_hf_headers(library_name="sizer", library_version=__version__))
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = before


@functools.cache
def _crew() -> Crew:
    """Who asks the Hub."""
    return Crew(IN_FLIGHT // 2)


@functools.cache
def _far_crew() -> Crew:
    """Who asks where the Hub redirects to.

    If one thread did both, half of all connections would be idle at any time, and the client looks at each idle
    one before each request: for 163 files that took 0.3 s of processor time, as much as parsing them.
    """
    return Crew(IN_FLIGHT // 2)


class HubSource(Source):
    """One repository at one commit."""

    def __init__(
        self,
        repository: str,
        revision: str | None = None,
        *,
        address: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_header_bytes: int = MAX_HEADER_BYTES,
        attempts: int = 4,
        backoff_seconds: float = 1.0,
    ) -> None:
        self._endpoint = address or endpoint()
        self._asked = repository
        self._revision = revision or "main"
        self._timeout_seconds = timeout_seconds
        self._max_header_bytes = max_header_bytes
        self._attempts = attempts
        self._backoff_seconds = backoff_seconds
        self._documents: dict[str, Job[bytes]] = {}
        self._headers: dict[str, Job[Callable[[], Header]]] = {}
        self._document_address: str | None = None
        self._lock = threading.Lock()
        self._strikes = 0
        self._stop: SizerError | None = None
        self._files = 0
        self._complete = True
        self._verifiers: Counter[str | None] = Counter()

    # -- Source

    @functools.cached_property
    def _transfer(self) -> Transfer:
        return connect(self._endpoint, backoff_seconds=self._backoff_seconds)

    @functools.cached_property
    def _asking(self) -> Job[bytes]:
        where = f"{self._endpoint}/api/models/{quote(self._asked)}/revision/{quote(self._revision, safe='')}?blobs=true"
        deadline = self._deadline()
        return _crew().start(  # connecting is a part of it: certificates take as long as an answer
            lambda: self._get(where, self._subject(None), MAX_LISTING_BYTES, attempts=self._attempts, deadline=deadline)
        )

    @functools.cached_property
    def _listing(self) -> Listing:
        job = self._wait([self._asking])[0]
        if isinstance(job.error, NotFoundError) and job.error.code == "hub.revision":
            self._name_revisions(job.error)
        if job.error is not None:
            raise job.error
        return read_listing(job.result or b"", self._asked, self._subject(None))

    def listing(self) -> Listing:
        """All files at the commit that the revision has now: one request."""
        return self._listing

    def _name_revisions(self, error: NotFoundError) -> None:
        """Add the branches and tags that there are, where the Hub says so quickly."""
        where = f"{self._endpoint}/api/models/{quote(self._asked)}/refs"
        deadline = time.monotonic() + min(_ASIDE_SECONDS, self._timeout_seconds)
        job = _crew().start(
            lambda: self._get(where, self._subject(None), MAX_DOCUMENT_BYTES, attempts=1, deadline=deadline)
        )
        raw = self._wait([job])[0].result
        if names := read_revision_names(raw or b""):
            shown = ", ".join(f"`{name}`" for name in names[:_NAMES_SHOWN])
            more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
            error.because = f"its branches and tags are {shown}{more}"
            error.details["revisions"] = names

    def prefetch(self, documents: Sequence[str], files: Sequence[FileEntry]) -> None:
        """Start reading; the results are kept for the calls that ask for them."""
        asking = self._asking
        if not documents and not files and not asking.is_done:
            return  # the listing alone, which `listing` waits for
        first_bytes = self._first_bytes(files)
        for path in documents:
            self._start_document(path)
        for file in files:
            self._start_header(file, first_bytes)

    def read_document(self, path: str) -> bytes | None:
        """A text file, whole: at most 50 MB for an index, 5 MB for others."""
        job = self._start_document(path)
        if job is None:
            return None
        done = self._wait([job])[0]
        if isinstance(done.error, NotFoundError) and done.error.code == "hub.entry":
            return None
        if done.error is not None:
            raise done.error
        return done.result

    def read_headers(self, files: Sequence[FileEntry], progress: Progress | None = None) -> list[Header | Exception]:
        """The headers, by ranges. A file that fails leaves its error; the others are read all the same."""
        first_bytes = self._first_bytes(files)
        jobs = [self._start_header(file, first_bytes) for file in files]
        place = {id(job): number for number, job in enumerate(jobs)}
        found: dict[int, Header | Exception] = {}
        for count, job in enumerate(self._as_done(jobs), 1):
            found[place[id(job)]] = self._parse(job)
            if progress is not None:
                progress(count, len(jobs))
        results = [found[number] for number in range(len(jobs))]
        self._files += sum(isinstance(result, Header) for result in results)
        self._complete &= all(isinstance(result, Header) for result in results)
        return results

    def reading(self) -> Reading:
        """What was read so far."""
        verifiers = set(self._verifiers)
        return Reading(
            requests=self._transfer.requests,
            bytes=self._transfer.bytes,
            files=self._files,
            complete=self._complete,
            verified_by=verifiers.pop() if len(verifiers) == 1 else None,
        )

    # -- documents

    def _start_document(self, path: str) -> Job[bytes] | None:
        if path not in self._sizes:
            return None
        if path not in self._documents:
            self._documents[path] = _crew().start(lambda: self._read_document(path))
        return self._documents[path]

    def _read_document(self, path: str) -> bytes:
        subject = self._subject(path)
        limit = MAX_INDEX_BYTES if path.endswith(".index.json") else MAX_DOCUMENT_BYTES
        size = self._sizes[path]
        if size is not None and size > limit:
            raise _too_large(subject, size, limit)
        deadline = self._deadline()
        if shortcut := self._shortcut(path):
            try:
                return self._get(shortcut, subject, limit, attempts=1, deadline=deadline)
            except SizerError:
                self._document_address = ""  # not how this Hub works: the usual way from here on
        return self._get(self._file_url(path), subject, limit, attempts=4, deadline=deadline)

    def _shortcut(self, path: str) -> str | None:
        """Where the Hub keeps the small files of this commit, once the redirect of one of them has told."""
        return self._document_address.replace("{path}", quote(path)) if self._document_address else None

    def _learn(self, asked: str, came_from: str) -> None:
        """Remember where a document was redirected to, if that place differs from others by the path alone."""
        prefix = f"{self._endpoint}/{quote(self._listing.repository)}/resolve/{self._listing.commit}/"
        path = asked.removeprefix(prefix)
        target = came_from.partition("?")[0]
        if (
            self._document_address is None
            and path != asked
            and target != asked
            and target.startswith(f"{self._endpoint}/")
            and target.endswith(f"/{self._listing.commit}/{path}")
        ):
            self._document_address = target.removesuffix(path) + "{path}"

    def _get(self, url: str, subject: Subject, limit: int, *, attempts: int, deadline: float) -> bytes:
        return self._transfer.retry(
            lambda attempt: self._get_once(url, subject, limit, deadline, attempt), deadline=deadline, attempts=attempts
        )

    def _get_once(self, url: str, subject: Subject, limit: int, deadline: float, attempt: int) -> bytes:
        transfer = self._transfer
        with transfer.open(url, deadline=deadline, attempt=attempt) as response:
            if response.status_code >= 400:
                raise status_error(response.status_code, response.headers, transfer.note(response, deadline), subject)
            length = response.headers.get("content-length", "")
            if length.isdigit() and int(length) > limit:
                raise _too_large(subject, int(length), limit)
            body = bytearray()
            for chunk in transfer.chunks(response, deadline):
                body += chunk
                if len(body) > limit:
                    raise _too_large(subject, len(body), limit)
            if looks_like_a_page(response.headers.get("content-type", ""), bytes(body[:64])):
                raise page_error(subject)
            if subject.path is not None:
                self._learn(url, str(response.url))
            return inflate(bytes(body), response.headers.get("content-encoding", ""), limit, subject.name)

    # -- headers

    def _start_header(self, file: FileEntry, first_bytes: int) -> Job[Callable[[], Header]]:
        """Begin with one header: the Hub's crew finds out where the file is, the other one reads it."""
        if file.path in self._headers:
            return self._headers[file.path]
        reader = RangeReader(
            self._transfer, self._file_url(file.path), self._subject(file.path), file_bytes=file.size_bytes
        )
        header = _GgufHeader if file.path.endswith(".gguf") else _SafetensorsHeader
        work = header(file, cap=self._max_header_bytes, first_bytes=first_bytes)

        def fetch() -> Callable[[], Header]:
            with self._struck():
                reader.read(work.needed, deadline=self._deadline(), first_bytes=work.first_bytes)
            self._strikes = 0
            return lambda: work.parse(reader)

        def locate() -> None:
            job.begin()
            try:
                with self._struck():
                    reader.locate(work.needed, deadline=self._deadline(), first_bytes=work.first_bytes)
            except Exception as error:
                job.settle(None, error)
            else:
                _far_crew().add(job)

        job = self._headers[file.path] = Job(fetch)
        _crew().start(locate)
        return job

    @contextlib.contextmanager
    def _struck(self) -> Iterator[None]:
        """Give up on the rest when access is denied, or when several files in a row fail without a success."""
        if self._stop is not None:
            raise self._stop
        try:
            yield
        except (UnavailableError, NotFoundError) as error:
            with self._lock:
                self._strikes += 1
                if self._stop is None and (isinstance(error, NotFoundError) or self._strikes >= _STRIKES):
                    self._stop = error
            raise

    def _parse(self, job: Job[Callable[[], Header]]) -> Header | Exception:
        if job.error is not None:
            return job.error
        assert job.result is not None
        try:
            header = job.result()
        except SizerError as error:
            return error
        self._verifiers[header.verified_by] += 1
        return header

    def _first_bytes(self, files: Sequence[FileEntry]) -> int:
        """A first range that fits the longest header of these shards, guessed from the size of their index.

        An index names every tensor once, in about 0.7 times the bytes that its entry takes in a header.
        """
        index_bytes = max((size or 0 for path, size in self._sizes.items() if path.endswith(".index.json")), default=0)
        shards = sum(_SHARD.fullmatch(file.path) is not None for file in files)
        if not index_bytes or not shards:
            return FIRST_BYTES
        uneven = 1.7 if shards > 4 else 2.4
        return max(FIRST_BYTES, min(_MAX_FIRST_BYTES, int(index_bytes * min(1.6, uneven / shards))))

    # -- common

    @functools.cached_property
    def _sizes(self) -> Mapping[str, int | None]:
        return {file.path: file.size_bytes for file in self._listing.files}

    def _file_url(self, path: str) -> str:
        listing = self._listing
        return f"{self._endpoint}/{quote(listing.repository)}/resolve/{listing.commit}/{quote(path)}"

    def _subject(self, path: str | None) -> Subject:
        return Subject(
            endpoint=self._endpoint,
            repository=self._asked if path is None else self._listing.repository,
            revision=self._revision,
            path=path,
            has_token=self._transfer.has_token,
        )

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout_seconds

    def _wait(self, jobs: Sequence[Job[Any]]) -> list[Job[Any]]:
        return list(self._as_done(jobs))

    def _as_done(self, jobs: Sequence[Job[Any]]) -> Any:
        def late() -> Exception:
            return UnavailableError(
                f"the Hub did not answer within {self._timeout_seconds:g} s",
                code="hub.slow",
                hint="try again, or raise --timeout",
            )

        try:
            yield from _crew().finish(jobs, limit_seconds=self._timeout_seconds + _GRACE_SECONDS, late=late)
        except BaseException:  # Ctrl-C: tell the threads
            if "_transfer" in vars(self):
                self._transfer.cancelled.set()
            raise


class _SafetensorsHeader:
    """How far a safetensors header reaches: its first eight bytes say so."""

    def __init__(self, file: FileEntry, *, cap: int, first_bytes: int) -> None:
        self._file = file
        self._cap = cap
        self.first_bytes = first_bytes

    def needed(self, buffer: bytearray, file_bytes: int | None) -> int:
        return header_length(bytes(buffer[:8]), path=self._file.path, file_bytes=file_bytes, cap=self._cap)

    def parse(self, reader: RangeReader) -> Header:
        return parse_header(bytes(reader.buffer), path=self._file.path, file_bytes=reader.file_bytes)


class _GgufHeader:
    """A GGUF header does not say how long it is: one long range, ended when the header is whole."""

    def __init__(self, file: FileEntry, *, cap: int, first_bytes: int) -> None:
        self._parser = GgufReader(path=file.path, file_bytes=file.size_bytes, cap=cap)
        self._header: Header | None = None
        self._fed = 0
        self.first_bytes = cap

    def needed(self, buffer: bytearray, file_bytes: int | None) -> int:
        is_whole = len(buffer) in (file_bytes, self.first_bytes)
        if self._header is None and (len(buffer) - self._fed >= max(_GGUF_STEP_BYTES, self._fed // 8) or is_whole):
            self._fed = len(buffer)
            self._header = self._parser.feed(bytes(buffer))
        return len(buffer) + 1 if self._header is None else 0

    def parse(self, reader: RangeReader) -> Header:
        if self._header is None:
            raise self._parser.refuse(f"{len(reader.buffer):,} bytes end within it", code="header.incomplete")
        return self._header


def _too_large(subject: Subject, size: int, limit: int) -> InvalidDataError:
    return InvalidDataError(
        f"{subject.name} is larger than is read",
        code="hub.too_large",
        because=f"{size:,} bytes, at most {limit:,} are read",
        hint="check that this is a model; nothing that long is needed to count one",
    )
