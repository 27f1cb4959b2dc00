r"""Name patterns of configurations, matched in time linear in the name.

A pattern from a repository is not handed to `re`: some make it take exponential time. Understood are literals,
`.`, classes, `\d \w \s`, groups, `|`, `* + ? {m,n}` and `^ $`; a pattern with anything else (look-around,
back-references) or of too many places matches nothing. The method is Thompson's (CACM 11:6, 1968): follow all
readings at once, and remember where each character led.
"""

from __future__ import annotations

import string
from typing import NamedTuple

__all__ = ["NamePattern"]

_LONGEST = 1000
_MOST_PLACES = 5000
_DEEPEST = 30
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_CLASSES = {"d": frozenset(string.digits), "w": _WORD, "s": frozenset(string.whitespace)}
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}


class _NotUnderstoodError(Exception):
    """The pattern uses something that is not supported."""


class _Characters(NamedTuple):
    """One character out of a set, or out of all others."""

    allowed: frozenset[str]
    is_negated: bool = False

    def takes(self, character: str) -> bool:
        """Whether the character is one of them."""
        return (character in self.allowed) != self.is_negated


class _Anchor(NamedTuple):
    """The start or the end of the name."""

    at_end: bool


class _Sequence(NamedTuple):
    parts: tuple[_Part, ...]


class _Choice(NamedTuple):
    parts: tuple[_Part, ...]


class _Repeat(NamedTuple):
    part: _Part
    least: int
    most: int | None


_Part = _Characters | _Anchor | _Sequence | _Choice | _Repeat


class NamePattern:
    """A pattern over the names of modules."""

    _accepting = -1

    def __init__(self, text: str) -> None:
        self._exits: list[list[int]] = [[]]
        """Places that follow each place without a character."""
        self._takes: dict[int, tuple[_Characters, int]] = {}
        """Places that follow after a character."""
        self._anchors: dict[int, tuple[_Anchor, int]] = {}
        self._states: dict[frozenset[int], int] = {}
        self._places: list[frozenset[int]] = []
        """The places of each state met so far."""
        self._after: list[dict[str, int]] = []
        """For each state, the state that a character leads to within a name."""
        self.may_tell_numbers_apart = any(mark in string.digits + "{" for mark in text) or "\\d" in text
        """Whether names that differ in their numbers only can match differently."""
        self.is_understood = True
        try:
            self._last = self._build(_Parser(text).parse(), 0)
        except (_NotUnderstoodError, IndexError, ValueError):
            self.is_understood = False

    def matches(self, name: str) -> bool:
        """Whether the pattern matches from the start of the name on (as `re.match` does)."""
        try:
            return self.is_understood and self._matches(name)
        except _NotUnderstoodError:
            self.is_understood = False
            return False

    def _matches(self, name: str) -> bool:
        if not name:
            return self._last in self._closure({0}, at_start=True, at_end=True)
        state = self._state(self._closure({0}, at_start=True, at_end=False))
        for character in name[:-1]:
            if state == self._accepting:
                return True
            following = self._after[state].get(character)
            if following is None:
                following = self._state(self._step(self._places[state], character, at_end=False))
                self._after[state][character] = following
            state = following
        return state == self._accepting or self._last in self._step(self._places[state], name[-1], at_end=True)

    def _state(self, places: frozenset[int]) -> int:
        """The number of a set of places; all that accept are one, for a match from the start need not go on."""
        if self._last in places:
            return self._accepting
        state = self._states.get(places)
        if state is None:
            if len(self._places) > _MOST_PLACES:
                raise _NotUnderstoodError
            state = self._states[places] = len(self._places)
            self._places.append(places)
            self._after.append({})
        return state

    def _step(self, places: frozenset[int], character: str, *, at_end: bool) -> frozenset[int]:
        """The places after one more character."""
        taken = [self._takes[place] for place in places if place in self._takes]
        return self._closure({to for part, to in taken if part.takes(character)}, at_start=False, at_end=at_end)

    def _closure(self, places: set[int], *, at_start: bool, at_end: bool) -> frozenset[int]:
        """The places and all that follow without a character."""
        waiting, reached = list(places), set(places)
        while waiting:
            place = waiting.pop()
            following = list(self._exits[place])
            anchor = self._anchors.get(place)
            if anchor is not None and (at_end if anchor[0].at_end else at_start):
                following.append(anchor[1])
            for exit_ in following:
                if exit_ not in reached:
                    reached.add(exit_)
                    waiting.append(exit_)
        return frozenset(reached)

    def _place(self) -> int:
        if len(self._exits) >= _MOST_PLACES:
            raise _NotUnderstoodError
        self._exits.append([])
        return len(self._exits) - 1

    def _build(self, part: _Part, start: int) -> int:
        """Add a part that begins at a place; the place where it ends."""
        if isinstance(part, _Characters):
            end = self._place()
            self._takes[start] = (part, end)
        elif isinstance(part, _Anchor):
            end = self._place()
            self._anchors[start] = (part, end)
        elif isinstance(part, _Sequence):
            end = start
            for each in part.parts:
                end = self._build(each, self._fresh(end))
        elif isinstance(part, _Choice):
            end = self._place()
            for each in part.parts:
                self._exits[self._build(each, self._fresh(start))].append(end)
        else:
            end = self._repeat(part, start)
        return end

    def _fresh(self, place: int) -> int:
        """A place of its own after another: a place takes one character or none."""
        fresh = self._place()
        self._exits[place].append(fresh)
        return fresh

    def _repeat(self, repeat: _Repeat, start: int) -> int:
        end = start
        for _ in range(repeat.least):
            end = self._build(repeat.part, self._fresh(end))
        if repeat.most is None:
            begin = self._fresh(end)
            self._exits[self._build(repeat.part, self._fresh(begin))].append(begin)
            return begin
        last = self._place()
        for _ in range(repeat.most - repeat.least):
            self._exits[end].append(last)
            end = self._build(repeat.part, self._fresh(end))
        self._exits[end].append(last)
        return last


class _Parser:
    """Recursive descent over the text of a pattern."""

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise _NotUnderstoodError
        self._text, self._at, self._depth = text, 0, 0

    def parse(self) -> _Part:
        """The whole pattern. Raises _NotUnderstoodError, IndexError or ValueError."""
        part = self._choice()
        if self._at != len(self._text):
            raise _NotUnderstoodError
        return part

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _choice(self) -> _Part:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _NotUnderstoodError
        parts = [self._sequence()]
        while self._peek() == "|":
            self._next()
            parts.append(self._sequence())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else _Choice(tuple(parts))

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return _Sequence(tuple(parts))

    def _repeated(self, part: _Part) -> _Part:
        mark = self._peek()
        if mark and mark in "*+?":
            self._next()
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[mark]
        elif mark == "{":
            end = self._text.index("}", self._at)
            low, comma, high = self._text[self._at + 1 : end].partition(",")
            self._at = end + 1
            if not (low or comma) or not all(mark in string.digits for mark in low + high):
                raise _NotUnderstoodError
            least = int(low or 0)
            most = (int(high) if high else None) if comma else least
            if least > 1000 or (most is not None and not least <= most <= 1000):
                raise _NotUnderstoodError
        else:
            return part
        if self._peek() == "?":  # a lazy repeat accepts the same names
            self._next()
        return _Repeat(part, least, most)

    def _atom(self) -> _Part:
        character = self._next()
        if character == "(":
            if self._peek() == "?":
                self._next()
                if self._next() != ":":
                    raise _NotUnderstoodError
            inner = self._choice()
            if self._next() != ")":
                raise _NotUnderstoodError
            return inner
        if character == "[":
            return self._class()
        if character == ".":
            return _Characters(frozenset("\n"), True)
        if character in "^$":
            return _Anchor(character == "$")
        if character == "\\":
            return self._escape()
        if character in "*+?{":
            raise _NotUnderstoodError
        return _Characters(frozenset(character))

    def _escape(self) -> _Characters:
        character = self._next()
        if character.lower() in _CLASSES:
            return _Characters(_CLASSES[character.lower()], character.isupper())
        if character.isalnum() and character not in _ESCAPES:
            raise _NotUnderstoodError
        return _Characters(frozenset(_ESCAPES.get(character, character)))

    def _class(self) -> _Characters:
        is_negated = self._peek() == "^"
        if is_negated:
            self._next()
        allowed: set[str] = set()
        while (character := self._next()) != "]" or not allowed:
            if character == "\\":
                escaped = self._escape()
                if escaped.is_negated:
                    raise _NotUnderstoodError
                allowed |= escaped.allowed
            elif self._peek() == "-" and self._text[self._at + 1] != "]":
                self._next()
                end = self._next()
                if end == "\\" or not ord(character) <= ord(end) <= ord(character) + 256:
                    raise _NotUnderstoodError
                allowed.update(map(chr, range(ord(character), ord(end) + 1)))
            else:
                allowed.add(character)
        return _Characters(frozenset(allowed), is_negated)
