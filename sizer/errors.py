"""Every failure that a user can meet, each with its exit code.

    SizerError
    |-- GateFailedError           1   a limit that the user asked for does not hold
    |-- UsageError                2   flags, references, files of the user's
    |-- NotFoundError             3   no such repository, revision or file, or no access to it
    |-- UnavailableError          4   network or Hub; trying again may help
    |-- InvalidDataError          5   remote data breaks a rule or is not supported
    |-- InternalError            70   a bug of ours
    `-- InterruptedByUserError  130   Ctrl-C

An error says *what* happened, *because* of what, and gives a *hint*: the next thing to try.
`code` is a stable dotted name for scripts (`hub.gated`); `docs/reference/errors.md` lists them.
Interruption is handled in `sizer.cli.app`, closed pipes in `sizer.cli.streams`, where they are met.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "GateFailedError",
    "InternalError",
    "InterruptedByUserError",
    "InvalidDataError",
    "NotFoundError",
    "SizerError",
    "UnavailableError",
    "UsageError",
]

Detail = str | int | float | bool | None | list[str]


class SizerError(Exception):
    """An expected failure: what, because, hint, and the exit code of its kind."""

    exit_code: ClassVar[int] = 70
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        code: str,
        because: str = "",
        hint: str = "",
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.code = code
        self.because = because
        self.hint = hint
        self.details: dict[str, Detail] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.what}: {self.because}" if self.because else self.what


class GateFailedError(SizerError):
    """A limit that the user asked for does not hold."""

    exit_code = 1


class UsageError(SizerError):
    """The command line, a reference or one of the user's files is not understood."""

    exit_code = 2


class NotFoundError(SizerError):
    """A repository, revision, file or entry does not exist, or may not be read."""

    exit_code = 3


class UnavailableError(SizerError):
    """The network or the Hub did not answer; trying again may help."""

    exit_code = 4
    retryable = True


class InvalidDataError(SizerError):
    """What a repository or file holds breaks a rule of its format, or is not supported."""

    exit_code = 5


class InternalError(SizerError):
    """A bug of ours."""

    exit_code = 70


class InterruptedByUserError(SizerError):
    """The user stopped the command."""

    exit_code = 130
    retryable = True
