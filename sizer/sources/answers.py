"""What a status of the Hub means, in words and with the next thing to try.

The Hub says more in `X-Error-Code` than in the status: a gated repository and one that does not exist
may both be 401. Mirrors send the status alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from sizer.errors import InvalidDataError, NotFoundError, SizerError, UnavailableError
from sizer.sources.transfer import RETRY_AFTER
from sizer.values import frozen

__all__ = ["Subject", "looks_like_a_page", "page_error", "status_error"]

_RESET = re.compile(r";\s*t\s*=\s*(\d{1,9})")
_MAX_MESSAGE = 300


@frozen
class Subject:
    """What was asked for."""

    endpoint: str
    repository: str
    revision: str
    path: str | None = None
    """A file, or None for the repository itself."""
    has_token: bool = False

    @property
    def name(self) -> str:
        """For messages: `org/name`, or the file and its repository."""
        return f"`{self.path}` of `{self.repository}`" if self.path else f"repository `{self.repository}`"


def status_error(status: int, headers: Mapping[str, str], body: bytes, subject: Subject) -> SizerError:
    """The error of an answer with a status of 400 and above."""
    code = headers.get("x-error-code", "")
    message = _server_message(headers, body)
    if code == "GatedRepo" or (status in (401, 403) and "restricted" in message.lower()):
        return _gated(subject)
    if status == 451 or code == "DisabledRepo" or (status == 403 and "disabled" in message.lower()):
        return NotFoundError(
            f"{subject.name} has been disabled",
            code="hub.disabled",
            because=f"the Hub says: {message}" if message else f"the Hub answers {status}",
            hint=f"see {subject.endpoint}/{subject.repository}",
        )
    if code == "RevisionNotFound":
        return NotFoundError(
            f"`{subject.repository}` has no revision `{subject.revision}`",
            code="hub.revision",
            because="no branch, tag or commit has that name",
            hint=f"see the branches at {subject.endpoint}/{subject.repository}/tree/main",
            details={"repository": subject.repository, "revision": subject.revision},
        )
    if status in (401, 403) or code == "RepoNotFound" or (status == 404 and subject.path is None):
        return _no_access(status, subject, message)
    if status in (404, 410):
        return NotFoundError(
            f"{subject.name} was not found",
            code="hub.entry",
            because=f"the Hub lists no such file at revision `{subject.revision}`",
            hint=f"see the files at {subject.endpoint}/{subject.repository}/tree/{subject.revision}",
        )
    if status == 429:
        return _rate_limited(headers, subject)
    if status == 416:
        return InvalidDataError(
            f"{subject.name} cannot be read by ranges",
            code="hub.range",
            because="the server says that the range lies outside of the file",
            hint="try again later; a stale copy on the server's network is a known cause",
        )
    if status >= 500 or status == 408:
        details: dict[str, str | int] = {"status": status}
        if (wait := _retry_after(headers)) is not None:
            details[RETRY_AFTER] = wait
        return UnavailableError(
            f"the Hub cannot answer for {subject.name}",
            code="hub.unavailable",
            because=f"status {status}" + (f": {message}" if message else ""),
            hint="try again later, or use --offline",
            details=details,
        )
    return InvalidDataError(
        f"the Hub answers for {subject.name} with status {status}",
        code="hub.status",
        because=message or "no reason was given",
        hint="check the reference and HF_ENDPOINT",
        details={"status": status},
    )


def looks_like_a_page(content_type: str, first_bytes: bytes) -> bool:
    """Whether an HTML page came where data was asked for."""
    start = first_bytes[:64].lstrip().lower()
    return content_type.lower().startswith("text/html") or start.startswith((b"<!doctype html", b"<html"))


def page_error(subject: Subject) -> UnavailableError:
    """A web page instead of data: something between here and the Hub answered."""
    return UnavailableError(
        f"a web page came instead of {subject.name}",
        code="hub.portal",
        because="a captive portal, a login page or a proxy answered",
        hint="open a browser to sign in to the network, or check HF_ENDPOINT and the proxy",
    )


def _gated(subject: Subject) -> NotFoundError:
    return NotFoundError(
        f"repository `{subject.repository}` is gated",
        code="hub.gated",
        because="its terms must be accepted first"
        + ("; the token that was sent has no access" if subject.has_token else ", and no token was sent"),
        hint=f"accept the terms at {subject.endpoint}/{subject.repository}, "
        + ("with the account of your token" if subject.has_token else "then set HF_TOKEN or run `hf auth login`"),
        details={"repository": subject.repository},
    )


def _no_access(status: int, subject: Subject, message: str) -> NotFoundError:
    if subject.path is not None and status == 403:
        return NotFoundError(
            f"{subject.name} may not be read",
            code="hub.forbidden",
            because=f"the server says: {message}" if message else "the server answers 403",
            hint="check HF_TOKEN, or try again later",
        )
    return NotFoundError(
        f"repository `{subject.repository}` was not found on the Hub",
        code="hub.not_found",
        because="the Hub does not list it, or it is private and "
        + ("the token that was sent has no access" if subject.has_token else "no token was sent"),
        hint="check the spelling" + ("" if subject.has_token else ", or set HF_TOKEN or run `hf auth login`"),
        details={"repository": subject.repository},
    )


def _rate_limited(headers: Mapping[str, str], subject: Subject) -> UnavailableError:
    wait = _retry_after(headers)
    details: dict[str, str | int] = {} if wait is None else {RETRY_AFTER: wait}
    when = "later" if wait is None else f"in {wait:,} s"
    limit = "" if subject.has_token else "; a token raises the limit of files from 3,000 to 5,000 in 5 minutes"
    return UnavailableError(
        "the Hub wants fewer requests",
        code="hub.rate_limit",
        because="status 429" + ("" if wait is None else f", the limit is lifted in {wait:,} s"),
        hint=f"try again {when}{limit}",
        details=details,
    )


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds that the server asks to wait: `Retry-After` in seconds or as a date, or `RateLimit: ...;t=N`."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return int(value[:9])
    if value:
        from email.utils import parsedate_to_datetime  # rarely needed, slow to import

        try:
            wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
        except (ValueError, TypeError):
            return None
        return max(0, round(wait.total_seconds()))
    match = _RESET.search(headers.get("ratelimit", ""))
    return int(match[1]) if match else None


def _server_message(headers: Mapping[str, str], body: bytes) -> str:
    message: object = headers.get("x-error-message", "")
    if not message:
        try:
            document = json.loads(body)
            message = document.get("error", "") if isinstance(document, dict) else ""
        except (ValueError, RecursionError):
            message = ""
    return str(message)[:_MAX_MESSAGE]
