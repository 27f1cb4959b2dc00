"""Switches of model within a session, and the prompt that a switch makes the provider read again.

A turn's prefix is what the turn before left in the cache: its input and output tokens, at most this turn's
input. Pairs of models are counted in whole numbers; prices come last. Memory is bounded: of more than
`MOST_SESSIONS` open sessions the one that was quiet for longest is forgotten, as a prompt cache would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sizer.values import frozen

__all__ = ["MOST_SESSIONS", "Sessions", "Switch"]

MOST_SESSIONS = 10_000

Turn = tuple[str, int, int, Any]  # model, input, input and output, time


@frozen
class Switch:
    """Consecutive turns of sessions that went from one model to another, or stayed."""

    before: str
    """The model of the turn before."""
    after: str
    """The model of this turn."""
    turns: int
    prefix_tokens: int
    """Tokens at the start of these turns' prompts that the turn before had left with `before`."""


class Sessions:
    """Follows sessions through a log in time order, from the oldest turn or from the newest."""

    def __init__(self, *, is_part: bool = False) -> None:
        """`is_part`: of a log that is counted in parts, so that sessions may go on across the border."""
        self._most_first = MOST_SESSIONS if is_part else 0
        self._first: dict[str, Turn] = {}
        self._last: dict[str, Turn] = {}
        self._pairs: dict[tuple[str, str], list[int]] = {}
        self._is_newest_first: bool | None = None
        self.out_of_order = 0
        """Turns against the log's own order; they start anew."""
        self.forgotten = 0
        """Sessions that were dropped because too many were open."""

    def add(self, session: str, model: str, given: int, made: int, when: Any) -> None:
        """The next turn of a session; `when` is anything that orders, or None where the log does not say."""
        last = self._last
        before = last.pop(session, None)
        turn = (model, given, given + made, when)
        last[session] = turn
        if before is not None:
            is_usual = self._is_newest_first is False and when is not None and when.__class__ is before[3].__class__
            if not is_usual or when <= before[3]:
                self._follow(before, turn)
                return
            prefix = before[2] if before[2] < given else given  # as `_follow`, for the rows of a log in order
            pair = self._pairs.get((before[0], model))
            if pair is None:
                self._pairs[before[0], model] = [1, prefix]
            else:
                pair[0] += 1
                pair[1] += prefix
            return
        if len(self._first) < self._most_first:
            self._first.setdefault(session, turn)
        if len(last) > MOST_SESSIONS:
            del last[next(iter(last))]
            self.forgotten += 1

    def _follow(self, before: Turn, turn: Turn) -> None:
        """Count two turns that are next to each other in the log. One without a time follows in the log's order."""
        if before[3].__class__ is turn[3].__class__ and before[3] != turn[3]:
            is_older = bool(turn[3] < before[3])
            if self._is_newest_first is None:
                self._is_newest_first = is_older
            if is_older is not self._is_newest_first:
                self.out_of_order += 1
                return
        if self._is_newest_first:
            before, turn = turn, before
        self.add_pair(before[0], turn[0], 1, min(before[2], turn[1]))

    def extend(self, later: Sessions) -> None:
        """Add what came later in the log, and the turns that follow across the border."""
        if self._is_newest_first is None:
            self._is_newest_first = later._is_newest_first
        for session, turn in later._first.items():
            if (before := self._last.pop(session, None)) is not None:
                self._follow(before, turn)
            elif len(self._first) < self._most_first:
                self._first.setdefault(session, turn)
        self._last.update(later._last)
        while len(self._last) > MOST_SESSIONS:
            del self._last[next(iter(self._last))]
            self.forgotten += 1
        for (before_model, after), (turns, prefix) in later._pairs.items():
            self.add_pair(before_model, after, turns, prefix)
        self.out_of_order += later.out_of_order
        self.forgotten += later.forgotten

    def add_pair(self, before: str, after: str, turns: int, prefix_tokens: int) -> None:
        """Pairs that were counted elsewhere."""
        pair = self._pairs.setdefault((before, after), [0, 0])
        pair[0] += turns
        pair[1] += prefix_tokens

    def __iter__(self) -> Iterator[Switch]:
        for (before, after), (turns, prefix) in sorted(self._pairs.items()):
            yield Switch(before=before, after=after, turns=turns, prefix_tokens=prefix)
