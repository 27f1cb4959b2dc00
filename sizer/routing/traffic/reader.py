"""Request logs counted without extras, from files or stdin.

One pass, bounded memory: rows go into the histogram and are forgotten. Parquet goes to `engine`.
"""

from __future__ import annotations

import functools
import glob
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sizer import units
from sizer.errors import NotFoundError, UsageError
from sizer.routing.traffic.histogram import MOST_TOKENS, Cell, Histogram
from sizer.routing.traffic.rows import (
    BATCH,
    Row,
    decode_line,
    decode_lines,
    form_of,
    is_nested,
    is_plain,
    open_log,
    read_batches,
    sniff,
    unrolled,
)
from sizer.routing.traffic.schemas import RowReader, Schema, detect_schema, is_positive
from sizer.routing.traffic.sessions import Sessions
from sizer.routing.traffic.structures import Structures, structures_for

__all__ = [
    "LARGE_BYTES", "Clock", "Traffic", "expand", "last_user_text", "no_rows", "parse_time", "read_traffic",
    "sample_rows",
]  # fmt: skip

LARGE_BYTES = 64 * 1024 * 1024
_SAMPLE = 400

_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)"
    r"(?:Z|\s?[+-][0-9]{2}(?::?[0-9]{2})?)?"
)

_NO_LINES = itertools.repeat(b"")

Progress = Callable[[int], None]
Batch = tuple[Sequence[Any], Sequence[bytes]]
"""Rows, or the structures of them and the lines that they come from."""


@dataclass(kw_only=True)
class Traffic:
    """What a log held."""

    schema: str
    """The schema that its rows fit."""
    histogram: Histogram = field(default_factory=Histogram)
    sessions: Sessions = field(default_factory=Sessions)
    rows: int = 0
    """Rows read."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Why rows do not count, and how many."""
    clock: Clock = field(default_factory=lambda: Clock())
    """The earliest and the latest request."""
    decisions: Counter[str] = field(default_factory=Counter)
    """Routing decisions in the log, and how many requests they sent."""
    reasoning_requests: int | None = None
    """Requests with reasoning tokens; None where the log does not record them."""
    has_sessions: bool = False
    over: int = 0
    """Requests with more cached tokens than input: the rest was cut off."""

    @functools.cached_property
    def cells(self) -> list[Cell]:
        """The histogram's cells, sorted; to be asked for when all is counted."""
        return list(self.histogram)

    def extend(self, later: Traffic) -> None:
        """Add what was counted in a later part of the log."""
        self.histogram.merge(later.histogram)
        self.sessions.extend(later.sessions)
        self.rows += later.rows
        self.left_out += later.left_out
        self.clock.extend(later.clock)
        self.decisions += later.decisions
        if later.reasoning_requests is not None:
            self.reasoning_requests = (self.reasoning_requests or 0) + later.reasoning_requests
        self.has_sessions |= later.has_sessions
        self.over += later.over


def expand(patterns: Iterable[str]) -> list[str]:
    """The files of paths and globs, each once, sorted within each; `-` is stdin, and a pipe is read as a file.

    Raises NotFoundError for one without a file.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if pattern == "-" or path.is_file() or path.is_fifo():
            found[pattern] = None
            continue
        matched = sorted(name for name in glob.glob(pattern, recursive=True) if Path(name).is_file())
        if not matched:
            is_folder = path.is_dir()
            raise NotFoundError(
                f"`{pattern}` is {'a folder' if is_folder else 'no file'}", code="route.no_log",
                because="a log is a file" if is_folder
                else "nothing of that name exists, and as a glob it matches nothing",
                hint=f"give its files: --log '{path / '*.jsonl'}'" if is_folder
                else "give a file, a quoted glob ('logs/*.jsonl') or - for stdin",
            )  # fmt: skip
        found.update(dict.fromkeys(matched))
    return list(found)


def read_traffic(
    paths: Sequence[str], *, schema: Schema | None = None, processes: int = 1, progress: Progress = lambda _: None
) -> Traffic:
    """The traffic of logs of one schema, detected from the first rows unless given.

    A plain JSON Lines file of `LARGE_BYTES` or more is split among `processes`; the result is the same. Raises
    UsageError where the schema is not recognised or no row counts, naming the columns seen.
    """
    traffic: Traffic | None = None
    reader: RowReader | None = None
    structures: Structures | None = None
    for path in paths:
        with open_log(path) as stream:
            form, lines = sniff(stream, path)
            batches = read_batches(lines, path, form)
            sample = list(itertools.islice(batches, _SAMPLE // BATCH))
            if not sample:
                continue
            if reader is None:
                objects = [row for batch in sample for row in batch if isinstance(row, dict)]
                reader = RowReader(schema or detect_schema(objects, where=path), objects)
                structures = structures_for(reader)
                traffic = Traffic(schema=reader.schema.title)
            assert traffic is not None
            if processes > 1 and _is_large(path):
                _count_in_parts(path, reader, structures, traffic, processes, progress)
            else:
                later = _structured(lines, structures) if form.kind == "lines" else _whole(batches)
                _count(itertools.chain(_whole(sample), later), reader, structures, traffic, progress)
    if traffic is None:
        raise UsageError(
            f"`{paths[0]}` is empty" if len(paths) == 1 else f"all {len(paths)} files of the log are empty",
            code="route.no_rows", because="it has no row", hint="check that the export of the log went through",
        )  # fmt: skip
    if not traffic.histogram:
        raise no_rows(traffic)
    return traffic


def _is_large(path: str) -> bool:
    """Whether a file is worth more than one process and can be cut at its lines."""
    if path == "-" or Path(path).stat().st_size < LARGE_BYTES:
        return False
    return is_plain(path) and form_of(path).kind in ("lines", "nested")


def _count_in_parts(
    path: str,
    reader: RowReader,
    structures: Structures | None,
    traffic: Traffic,
    processes: int,
    progress: Progress,
) -> None:
    """As `_count`, with a part of the file for each process; this one takes the first."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    parts = _cut(path, processes)
    with ProcessPoolExecutor(max_workers=max(1, len(parts) - 1), mp_context=get_context("spawn")) as pool:
        others = [pool.submit(_count_part, path, part, reader.schema, reader.sample) for part in parts[1:]]
        with open_log(path, parts[0]) as stream:
            batches = _structured(stream, structures)
            _count(batches, reader, structures, traffic, lambda rows: progress(rows * len(parts)))
        for other in others:
            traffic.extend(other.result())


def _count_part(path: str, part: tuple[int, int], schema: Schema, sample: Sequence[Row]) -> Traffic:
    reader = RowReader(schema, sample)
    structures = structures_for(reader)
    traffic = Traffic(schema=schema.title, sessions=Sessions(is_part=True))
    with open_log(path, part) as stream:
        _count(_structured(stream, structures), reader, structures, traffic, lambda _: None)
    return traffic


def _cut(path: str, processes: int) -> list[tuple[int, int]]:
    """Ranges of bytes that begin and end at lines."""
    size = Path(path).stat().st_size
    edges = [0]
    with Path(path).open("rb") as stream:
        for number in range(1, processes):
            stream.seek(size * number // processes)
            stream.readline()
            edges.append(stream.tell())
    edges.append(size)
    return [(start, end) for start, end in itertools.pairwise(edges) if start < end]


def sample_rows(path: str) -> list[Row]:
    """The first rows of a log that are objects."""
    with open_log(path) as stream:
        batches = itertools.islice(read_batches(stream, path), _SAMPLE // BATCH)
        return [row for batch in batches for row in batch if isinstance(row, dict)]


def no_rows(traffic: Traffic) -> UsageError:
    """The error of a log of which nothing counts, with the reasons."""
    reasons = "; ".join(f"{units.plural(count, 'row')}: {why}" for why, count in traffic.left_out.most_common(5))
    return UsageError(
        "no row of the log counts", code="route.no_rows", because=reasons or "it is empty",
        hint="check the file, or map its columns with --columns",
    )  # fmt: skip


def _whole(batches: Iterable[list[Row | None]]) -> Iterator[Batch]:
    """Batches of rows that are whole."""
    return ((batch, ()) for batch in batches)


def _structured(lines: Iterable[bytes], structures: Structures | None) -> Iterator[Batch]:
    """Batches of JSON Lines, as structures where the log and its lines allow it."""
    lines = iter(lines)
    while batch := list(itertools.islice(lines, BATCH)):
        found = structures.decode(batch) if structures else None
        yield (decode_lines(batch), ()) if found is None or is_nested(decode_line(batch[0])) else (found, batch)


def _count(
    batches: Iterable[Batch], reader: RowReader, structures: Structures | None, traffic: Traffic, progress: Progress
) -> None:
    """Every row into the histogram, the sessions and the counts of why not.

    This loop runs once a row and is written for speed: no time is parsed, since the earliest and the latest
    are found by comparing them as they are written.
    """
    add, follow, see = traffic.histogram.add, traffic.sessions.add, traffic.clock.see
    take, reasons, excludes = reader.take, reader.reasons, reader.schema.is_split
    left_out, decisions = traffic.left_out, traffic.decisions
    reasoned = 0
    structure, take_structure = (structures.kind, structures.take) if structures else (None, take)
    for batch, lines in batches:
        strays = 0
        for row, line in zip(batch, lines or _NO_LINES, strict=False):
            if row.__class__ is structure:
                try:
                    taken = take_structure(row)
                except AttributeError:
                    row = decode_line(line)
                    taken = take(row)
            elif row.__class__ is dict:
                taken = take(row)
            else:
                if row is None:
                    left_out["not a JSON object"] += 1
                    traffic.rows += 1
                else:
                    _count(_whole([list(unrolled(row))]), reader, None, traffic, progress)
                strays += 1
                continue
            model, given, made, cached, when, session, decision, reasoning, judged = taken
            try:
                why = reasons.get(judged)
            except TypeError:  # something nested where text is expected
                judged = tuple(map(str, judged))
                why = reasons.get(judged)
            if why is None:
                why = reader.reason(judged)
            if why:
                left_out[why] += 1
                continue
            if cached is None:
                cached = 0
            if excludes or not (
                given.__class__ is made.__class__ is cached.__class__ is int
                and 0 <= cached <= given <= MOST_TOKENS
                and 0 <= made <= MOST_TOKENS
            ):
                if row.__class__ is structure:
                    row = decode_line(line)
                counted = reader.count(row, given, made, cached)
                if counted is None:
                    if is_nested(row):
                        _count(_whole([list(unrolled(row))]), reader, None, traffic, progress)
                        strays += 1
                    else:
                        left_out["no token counts"] += 1
                    continue
                given, made, cached = counted
            if not model or model.__class__ is not str:
                if not model or isinstance(model, dict | list | bool):
                    left_out["no model"] += 1
                    continue
                model = str(model)
            add(model, given, made, cached)
            if when is not None:
                when = see(when)
            if session is not None and session != "":
                follow(str(session), model, given, made, when)
            if decision is not None:
                decisions[str(decision)] += 1
            if reasoning is not None and is_positive(reasoning):
                reasoned += 1
        traffic.rows += len(batch) - strays
        progress(traffic.rows)
    if reader.has("reasoning") or reasoned:
        traffic.reasoning_requests = (traffic.reasoning_requests or 0) + reasoned
    traffic.has_sessions |= reader.has("session")
    traffic.over, reader.over = traffic.over + reader.over, 0


class Clock:
    """The earliest and the latest time of a log, compared as written where all are written alike.

    ISO 8601 times of one zone sort as text, once the zone no longer hides the fraction; times written otherwise are
    put into the words of the first. What is no time is passed over.
    """

    def __init__(self) -> None:
        self.first: Any = None
        self.last: Any = None
        self._is_text: bool | None = None
        self._length = self._end = 0
        self._zone = self._marks = ""  # what follows the time; what stands before it, and before its fraction

    def see(self, when: Any) -> Any:
        """Take note of a time; returns what orders it among the log's, None where it is none."""
        if self._is_text is None:
            self._learn(when)
        if self._is_text:
            if (
                when.__class__ is str
                and len(when) == self._length
                and when[self._end :] == self._zone
                and when[10:20:9] == self._marks
            ):
                when = when[: self._end]
            else:
                when = self._written_alike(when)
        else:
            when = parse_time(when)
        if when is None:
            return None
        if self.first is None:
            self.first = self.last = when
        elif when > self.last:
            self.last = when
        elif when < self.first:
            self.first = when
        return when

    def _learn(self, when: Any) -> None:
        """How the log writes its times, from the first."""
        match = _MOMENT.fullmatch(when) if isinstance(when, str) else None
        if match and parse_time(when) is not None:
            self._is_text, self._length, self._end = True, len(when), match.end("time")
            self._zone, self._marks = when[self._end :], when[10:20:9]
        elif parse_time(when) is not None:
            self._is_text = False

    def _written_alike(self, when: Any) -> str | None:
        """A time in the words of the log's first, without the zone."""
        match = _MOMENT.fullmatch(when) if isinstance(when, str) else None
        if match and when[match.end("time") :] == self._zone:
            return f"{match['day']}{self._marks[0]}{match['time']}"
        seconds = parse_time(when)
        if seconds is None:
            return None
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{self._zone.strip()}").tzinfo or UTC
        try:
            return datetime.fromtimestamp(seconds, zone).replace(tzinfo=None).isoformat(self._marks[0])
        except (ValueError, OverflowError, OSError):
            return None

    def extend(self, other: Clock) -> None:
        """Take note of another clock's times."""
        for when in (other.first, other.last):
            if when is not None:
                self.see(when + other._zone if isinstance(when, str) else when)

    def span_seconds(self) -> float | None:
        """Seconds from the earliest to the latest; None where the log has fewer than two times."""
        first, last = parse_time(self.first), parse_time(self.last)
        return None if first is None or last is None or last <= first else last - first


def parse_time(value: Any) -> float | None:
    """Seconds since 1970 from ISO 8601 text or a number of seconds, milli-, micro- or nanoseconds; None if neither."""
    if isinstance(value, str):
        try:
            return _scaled(float(value))
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _scaled(float(value))
    return None


def _scaled(number: float) -> float | None:
    """Seconds from seconds, milliseconds, microseconds or nanoseconds: whichever falls before the year 2286.

    None for what is no such time: 0, a time before 1970, NaN.
    """
    if not 0 < number < 1e19:
        return None
    for scale in (1.0, 1e3, 1e6):
        if abs(number) / scale < 1e10:
            return number / scale
    return number / 1e9


def last_user_text(value: Any) -> str:
    """The prompt to score: the last user turn of messages (as a list, or as JSON text), or the text itself."""
    if isinstance(value, str):
        stripped = value.lstrip()
        if stripped[:1] in ("[", "{"):
            try:
                return last_user_text(json.loads(stripped)) or value
            except (ValueError, RecursionError):
                return value
        return value
    if isinstance(value, dict):
        value = value.get("messages", [value])
    if not isinstance(value, list):
        return ""
    turns = [turn for turn in value if isinstance(turn, dict)]
    users = [turn for turn in turns if turn.get("role", "user") in ("user", "human")]
    for turn in reversed(users):
        text = _content(turn.get("content", turn.get("parts", "")))
        if text:
            return text
    return ""


def _content(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = (part.get("text", part.get("content", "")) if isinstance(part, dict) else part for part in value)
        return "\n".join(part for part in parts if isinstance(part, str) and part)
    return ""
