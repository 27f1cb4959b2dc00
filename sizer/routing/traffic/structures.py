"""Lines of JSON decoded into the places of a schema alone: what else they hold is passed over, unmade.

That takes a third of the time of making a dict of each line. A line that is not as most are goes the long way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from sizer.routing.traffic.rows import Row
from sizer.routing.traffic.schemas import TAKEN, Path, RowReader, Values

__all__ = ["Structures", "structures_for"]

_OTHERS = str | int | float | bool | list[Any] | None


class Structures:
    """Decodes lines into structures, and takes a schema's values out of these.

    `take(structure)` gives what `RowReader.take` gives of the whole row. It raises AttributeError where a place on the
    way to a value is not an object: then only the whole row tells.
    """

    def __init__(self, reader: RowReader) -> None:
        """Raises ValueError where a structure does not help: a place inside another, a name that none can have, or
        sample rows of which more than a tenth go the long way."""
        paths = {name: reader.paths(name) for name in reader.names}
        root, attributes = _structure(path for found in paths.values() for path in found)
        self.kind: type[Any] = root
        self._decode = msgspec.json.Decoder(root).decode_lines
        taken = [_first(attributes[path] for path in paths[name]) for name in reader.names]
        judged = "".join(f"{part}," for part in taken[len(TAKEN) :])
        self.take: Callable[[Any], Values] = eval(f"lambda row: ({', '.join(taken[: len(TAKEN)])}, ({judged}))")

        if sum(map(self._is_plain, reader.sample)) < 0.9 * len(reader.sample):
            raise ValueError("the rows are not plain")

    def _is_plain(self, row: Row) -> bool:
        try:
            self.take(msgspec.convert(row, self.kind))
        except (AttributeError, msgspec.ValidationError):
            return False
        return True

    def decode(self, lines: Sequence[bytes]) -> list[Any] | None:
        """The structure of each line; None where one is not a single object on a line of its own."""
        text = b"".join(lines)
        # where each begins and ends as an object does, none goes on in the next; as many objects as lines are one each
        if text.count(b"}\n{") != len(lines) - 1 or text[:1] != b"{":
            return None
        try:
            found: list[Any] = self._decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return found if len(found) == len(lines) else None


def structures_for(reader: RowReader) -> Structures | None:
    """The structures of a reader's rows; None where every row or most must be whole."""
    if reader.schema.is_split:
        return None
    try:
        return Structures(reader)
    except ValueError:
        return None


def _structure(paths: Iterable[Path]) -> tuple[type[Any], dict[Path, str]]:
    """(a structure with a place for each path, where each path is in it: `.at_0.at_2`)."""
    below: dict[str, list[Path]] = {}
    for path in dict.fromkeys(paths):
        if not path:
            raise ValueError("a place is inside another")
        below.setdefault(path[0], []).append(path[1:])
    fields: list[tuple[str, Any, Any]] = []
    found: dict[Path, str] = {}
    for number, (key, rest) in enumerate(below.items()):
        name = f"at_{number}"
        if rest == [()]:
            fields.append((name, Any, None))
            found[(key,)] = f".{name}"
        else:
            inner, places = _structure(rest)
            fields.append((name, inner | _OTHERS, inner()))
            found |= {(key, *path): f".{name}{place}" for path, place in places.items()}
    names = {f"at_{number}": key for number, key in enumerate(below)}
    return msgspec.defstruct("Row", fields, rename=names, gc=False, frozen=True), found


def _first(places: Iterable[str]) -> str:
    """An expression of the first place that holds anything."""
    source = "None"
    for place in reversed([f"row{place}" for place in places]):
        source = place if source == "None" else f"(at if (at := {place}) is not None else {source})"
    return source
