"""Request logs read without extras: JSON Lines and CSV, plain or gzipped, from files or stdin.

One pass, bounded memory: rows go into the histogram and are forgotten. Parquet goes to `engine`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import functools
import gzip
import io
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from sizer import units
from sizer.errors import NotFoundError, UsageError
from sizer.routing.files import unreadable
from sizer.routing.traffic.histogram import Cell, Histogram
from sizer.routing.traffic.schemas import RowReader, Schema, detect_schema
from sizer.routing.traffic.sessions import Sessions

__all__ = [
    "LARGE_BYTES", "Clock", "Traffic", "as_text", "expand", "last_user_text", "no_rows", "open_log",
    "parse_time", "read_batches", "read_traffic", "sample_rows",
]  # fmt: skip

LARGE_BYTES = 64 * 1024 * 1024


_SAMPLE = 400
_BATCH = 200
_DECODE = msgspec.json.Decoder().decode  # 4 us a line of 770 bytes, where json.loads takes 7

Row = Mapping[str, Any]
Progress = Callable[[int], None]


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


def expand(patterns: Iterable[str]) -> list[str]:
    """The files of paths and globs, sorted within each; `-` is stdin. Raises NotFoundError for one without a file."""
    found: list[str] = []
    for pattern in patterns:
        if pattern == "-" or Path(pattern).is_file():
            found.append(pattern)
            continue
        root = Path(pattern).anchor or "."
        relative = str(Path(pattern).relative_to(root)) if Path(pattern).is_absolute() else pattern
        matched = sorted(str(path) for path in Path(root).glob(relative) if path.is_file()) if "*" in pattern else []
        if not matched:
            raise NotFoundError(
                f"`{pattern}` is no file", code="route.no_log",
                because="nothing of that name exists, and as a glob it matches nothing",
                hint="give a file, a quoted glob ('logs/*.jsonl') or - for stdin",
            )  # fmt: skip
        found += matched
    return found


@contextmanager
def open_log(path: str, part: tuple[int, int] | None = None) -> Iterator[IO[bytes]]:
    """A log's bytes, gunzipped where it is gzip; `-` is stdin; `part` is a range of bytes of a plain file."""
    try:
        with contextlib.ExitStack() as stack:
            raw: Any = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
            if part is not None:
                raw = io.BufferedReader(_Part(raw, part), 1 << 18)
            elif raw.peek(2)[:2] == b"\x1f\x8b":
                raw = stack.enter_context(gzip.open(raw))
            if raw.peek(3)[:3] == codecs.BOM_UTF8:
                raw.read(3)
            yield raw
    except BrokenPipeError:
        raise
    except (OSError, EOFError) as error:
        raise unreadable(path, error, hint="check the file") from error


def as_text(lines: Iterable[bytes]) -> Iterator[str]:
    """A log's lines as text, their ends as they are."""
    return (line.decode("utf-8", "replace") for line in lines)


class _Part(io.RawIOBase):
    """A range of bytes of a file."""

    def __init__(self, whole: IO[bytes], part: tuple[int, int]) -> None:
        start, self._left = part[0], part[1] - part[0]
        self._whole = whole
        whole.seek(start)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._whole.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def read_batches(stream: IO[bytes], path: str) -> Iterator[list[Row | None]]:
    """The rows of one stream, some hundred at a time; None for a line that is no object.

    CSV by its suffix, else JSON Lines. A JSON array or a page (`{"data": [...]}`) on one line, and OTLP's
    nested spans, are unrolled.
    """
    if ".csv" in Path(path).suffixes[-2:]:
        csv.field_size_limit(1 << 30)
        rows = csv.DictReader(as_text(stream))
        while batch := list(itertools.islice(rows, _BATCH)):
            yield list(batch)
        return
    while lines := list(itertools.islice(stream, _BATCH)):
        try:
            values: list[Any] = [_DECODE(line) for line in lines]
        except (msgspec.MsgspecError, RecursionError):
            values = list(_one_by_one(lines))
        if values and is_nested(values[0]):  # a log is nested from its first line on; a stray line is met in `_count`
            values = [row for value in values for row in unrolled(value)]
        yield values


def is_nested(value: Any) -> bool:
    """Whether a line holds several rows: an array, a page, or OTLP's spans."""
    if value.__class__ is not dict or "resourceSpans" in value:
        return True
    return "data" in value and "model" not in value and isinstance(value["data"], list)


def _one_by_one(lines: Iterable[bytes]) -> Iterator[Any]:
    """The value of each line that is not blank; None for one that is not JSON. The standard parser knows NaN."""
    for line in lines:
        if not line.isspace():
            try:
                yield json.loads(line.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                yield None


def unrolled(value: Any) -> Iterator[Row | None]:
    """The rows of a line; None for what is no object."""
    if isinstance(value, list):
        for item in value:
            yield from unrolled(item)
    elif not isinstance(value, dict):
        yield None
    elif "resourceSpans" in value:
        yield from _spans(value)
    elif is_nested(value):
        yield from unrolled(value["data"])
    else:
        yield value


def _spans(document: dict[str, Any]) -> Iterator[Row]:
    """OTLP spans with their attributes as a plain mapping."""
    for resource in document["resourceSpans"]:
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                attributes = {item["key"]: _otlp_value(item.get("value", {})) for item in span.get("attributes", [])}
                yield {**span, "attributes": attributes}


def _otlp_value(value: dict[str, Any]) -> Any:
    return next(iter(value.values()), None)


def read_traffic(
    paths: Sequence[str], *, schema: Schema | None = None, processes: int = 1, progress: Progress = lambda _: None
) -> Traffic:
    """The traffic of logs of one schema, detected from the first rows unless given.

    A plain JSON Lines file of `LARGE_BYTES` or more is split among `processes`; the result is the same. Raises
    UsageError where the schema is not recognised or no row counts, naming the columns seen.
    """
    traffic: Traffic | None = None
    reader: RowReader | None = None
    for path in paths:
        with open_log(path) as stream:
            batches = read_batches(stream, path)
            sample = list(itertools.islice(batches, _SAMPLE // _BATCH))
            if not sample:
                continue
            if reader is None:
                objects = [row for batch in sample for row in batch if isinstance(row, dict)]
                reader = RowReader(schema or detect_schema(objects, where=path), objects)
                traffic = Traffic(schema=reader.schema.title)
            assert traffic is not None
            if processes > 1 and _is_large(path):
                _count_in_parts(path, reader, traffic, processes, progress)
            else:
                _count(itertools.chain(sample, batches), reader, traffic, progress)
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
    if path == "-" or {".csv", ".gz"} & set(Path(path).suffixes):
        return False
    with Path(path).open("rb") as stream:
        return Path(path).stat().st_size >= LARGE_BYTES and stream.read(2) != b"\x1f\x8b"


def _count_in_parts(path: str, reader: RowReader, traffic: Traffic, processes: int, progress: Progress) -> None:
    """As `_count`, with a part of the file for each process; this one takes the first."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    parts = _cut(path, processes)
    with ProcessPoolExecutor(max_workers=max(1, len(parts) - 1), mp_context=get_context("spawn")) as pool:
        others = [pool.submit(_count_part, path, part, reader.schema, reader.sample) for part in parts[1:]]
        with open_log(path, parts[0]) as stream:
            _count(read_batches(stream, path), reader, traffic, lambda rows: progress(rows * len(parts)))
        for other in others:
            traffic.extend(other.result())


def _count_part(path: str, part: tuple[int, int], schema: Schema, sample: Sequence[Row]) -> Traffic:
    reader = RowReader(schema, sample)
    traffic = Traffic(schema=schema.title, sessions=Sessions(is_part=True))
    with open_log(path, part) as stream:
        _count(read_batches(stream, path), reader, traffic, lambda _: None)
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
        batches = itertools.islice(read_batches(stream, path), _SAMPLE // _BATCH)
        return [row for batch in batches for row in batch if isinstance(row, dict)]


def no_rows(traffic: Traffic) -> UsageError:
    """The error of a log of which nothing counts, with the reasons."""
    reasons = "; ".join(f"{units.plural(count, 'row')}: {why}" for why, count in traffic.left_out.most_common(5))
    return UsageError(
        "no row of the log counts", code="route.no_rows", because=reasons or "it is empty",
        hint="check the file, or map its columns with --columns",
    )  # fmt: skip


def _count(batches: Iterable[list[Row | None]], reader: RowReader, traffic: Traffic, progress: Progress) -> None:
    """Every row into the histogram, the sessions and the counts of why not.

    This loop runs once a row and is written for speed: no time is parsed, since the earliest and the latest
    are found by comparing them as they are written.
    """
    add, follow, see = traffic.histogram.add, traffic.sessions.add, traffic.clock.see
    take, reasons, excludes = reader.take, reader.reasons, reader.schema.input_excludes_cached
    left_out, decisions = traffic.left_out, traffic.decisions
    reasoned = 0
    for batch in batches:
        strays = 0
        for row in batch:
            if row.__class__ is not dict:
                if row is None:
                    left_out["not a JSON object"] += 1
                    traffic.rows += 1
                else:
                    _count([list(unrolled(row))], reader, traffic, progress)
                strays += 1
                continue
            model, given, made, cached, when, session, decision, reasoning, judged = take(row)
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
                given.__class__ is made.__class__ is cached.__class__ is int and 0 <= cached <= given and made >= 0
            ):
                counted = reader.count(row, given, made, cached)
                if counted is None:
                    if is_nested(row):
                        _count([list(unrolled(row))], reader, traffic, progress)
                        strays += 1
                    else:
                        left_out["no token counts"] += 1
                    continue
                given, made, cached = counted
            if not model:
                left_out["no model"] += 1
                continue
            add(model, given, made, cached)
            if when is not None:
                when = see(when)
            if session is not None and session != "":
                follow(str(session), model, given, made, when)
            if decision is not None:
                decisions[str(decision)] += 1
            if reasoning is not None and str(reasoning) not in ("0", "0.0"):
                reasoned += 1
        traffic.rows += len(batch) - strays
        progress(traffic.rows)
    if reader.has("reasoning"):
        traffic.reasoning_requests = (traffic.reasoning_requests or 0) + reasoned
    traffic.has_sessions |= reader.has("session")


class Clock:
    """The earliest and the latest time of a log, compared as written where all are written alike.

    ISO 8601 times of one zone sort as text, once a `Z` at the end no longer hides the fraction.
    """

    def __init__(self) -> None:
        self.first: Any = None
        self.last: Any = None
        self._is_text: bool | None = None

    def see(self, when: Any) -> Any:
        """Take note of a time; returns what orders it among the log's."""
        if self._is_text is None:
            self._is_text = when.__class__ is str and len(when) >= 19 and when[4:5] == when[7:8] == "-"
        if self._is_text and when.__class__ is str:
            if when[-1:] == "Z":
                when = when[:-1]
        else:
            when = parse_time(when) or 0.0
            if self._is_text:
                return str(when)
        if self.first is None:
            self.first = self.last = when
        elif when > self.last:
            self.last = when
        elif when < self.first:
            self.first = when
        return when

    def extend(self, other: Clock) -> None:
        """Take note of another clock's times."""
        for when in (other.first, other.last):
            if when is not None:
                self.see(when)

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
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _scaled(float(value))
    return None


def _scaled(number: float) -> float:
    """Seconds from seconds, milliseconds, microseconds or nanoseconds: whichever falls before the year 2286."""
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
                return last_user_text(json.loads(stripped))
            except ValueError:
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
