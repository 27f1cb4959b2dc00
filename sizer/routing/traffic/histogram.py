"""Requests as an integer histogram: small, mergeable, exact in money.

A cell is (model, price tier, input bucket, output bucket) with integer counts and sums. Cost is linear in tokens
within a price tier, so the sums give it exactly, in any engine and in any order; the buckets are for quantiles
and for ranking by length. Buckets are quarter octaves: floor(4 log2(tokens + 0.6)), which no whole number below
2**30 comes nearer to an edge of than 1e-10, so every engine's logarithm agrees.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sizer.errors import UsageError
from sizer.routing.traffic.rows import read_table

__all__ = [
    "COLUMNS",
    "MOST_TOKENS",
    "TIER_EDGES",
    "Cell",
    "Histogram",
    "bucket_edges",
    "bucket_of",
    "bucket_tokens",
    "read_histogram",
    "tier_of",
]

# Prompt lengths above which some host bills the whole request at other rates (genai-prices 0.2.3).
TIER_EDGES = (32_000, 100_000, 128_000, 199_999, 200_000, 256_000, 272_000, 512_000, 524_288)

MOST_TOKENS = (1 << 30) - 1
"""A request with more tokens, in or out, is none: a mistake, or the sum of many."""

COLUMNS = (
    "model", "input_tier", "input_bucket", "output_bucket", "requests", "input_tokens", "output_tokens",
    "cached_tokens",
)  # fmt: skip

BUCKETS_PER_OCTAVE = 4
BUCKET_OFFSET = 0.6
BUCKET_FACTOR = 5.770780163555854  # 4 / ln 2
_TABLE_SIZE = TIER_EDGES[0]
_TABLE: list[int] = []  # the bucket of every short length, shifted
_SHIFT, _WIDE = 8, 1 << 9  # a bucket lies between -3 and 250: packed, a cell's key is one small number
_TIER_NUMBERS = {edge: number for number, edge in enumerate((0, *TIER_EDGES))}

Key = tuple[str, int, int, int]


class Cell(NamedTuple):
    """Requests of one model with about the same tokens. A log has some ten thousand: made by position, as rows are."""

    model: str
    input_tier: int
    """The largest edge of `TIER_EDGES` that the prompts exceed; 0 where they exceed none."""
    input_bucket: int
    output_bucket: int
    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int


def bucket_of(tokens: int) -> int:
    """The quarter octave of a token count."""
    return math.floor(math.log(tokens + BUCKET_OFFSET) * BUCKET_FACTOR)


def bucket_tokens(bucket: int) -> float:
    """The geometric middle of a bucket: within 9.1 % of every count in it (more where counts are under ten)."""
    return float(2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE) - BUCKET_OFFSET)


def bucket_edges(bucket: int) -> tuple[float, float]:
    """Where a bucket begins and ends, in tokens."""
    low, high = (float(2 ** (edge / BUCKETS_PER_OCTAVE) - BUCKET_OFFSET) for edge in (bucket, bucket + 1))
    return low, high


def tier_of(tokens: int) -> int:
    """The largest edge that a prompt exceeds; 0 where it exceeds none."""
    at = bisect_left(TIER_EDGES, tokens)
    return TIER_EDGES[at - 1] if at else 0


class Histogram:
    """Counts and sums by cell."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, list[int]]] = {}

    def add(self, model: str, given: int, made: int, cached: int) -> None:
        """Count one request."""
        if not _TABLE:
            _TABLE.extend(bucket_of(tokens) + _SHIFT for tokens in range(_TABLE_SIZE))
        if given < _TABLE_SIZE:  # below the first edge too
            key = _TABLE[given] * _WIDE
        else:
            key = (_TIER_NUMBERS[tier_of(given)] * _WIDE + bucket_of(given) + _SHIFT) * _WIDE
        key += _TABLE[made] if made < _TABLE_SIZE else bucket_of(made) + _SHIFT
        try:
            cell = self._models[model][key]
        except KeyError:
            self._models.setdefault(model, {})[key] = [1, given, made, cached]
            return
        cell[0] += 1
        cell[1] += given
        cell[2] += made
        cell[3] += cached

    def add_cell(self, key: Key, values: Iterable[int]) -> None:
        """Add the counts and sums of a cell: (model, tier, input bucket, output bucket)."""
        model, tier, given, made = key
        number = (_TIER_NUMBERS[tier] * _WIDE + given + _SHIFT) * _WIDE + made + _SHIFT
        cell = self._models.setdefault(model, {}).setdefault(number, [0, 0, 0, 0])
        for place, value in enumerate(values):
            cell[place] += value

    def merge(self, other: Histogram) -> None:
        """Add another histogram to this one."""
        for model, cells in other._models.items():
            own = self._models.setdefault(model, {})
            for number, values in cells.items():
                own[number] = [a + b for a, b in zip(own.get(number, (0, 0, 0, 0)), values, strict=True)]

    def __bool__(self) -> bool:
        """Whether anything was counted."""
        return bool(self._models)

    def __iter__(self) -> Iterator[Cell]:
        """The cells, sorted: the same requests give the same order wherever they were counted."""
        tiers = (0, *TIER_EDGES)
        for model in sorted(self._models):
            for number, sums in sorted(self._models[model].items()):
                tier, given, made = number // (_WIDE * _WIDE), number // _WIDE % _WIDE, number % _WIDE
                yield Cell(model, tiers[tier], given - _SHIFT, made - _SHIFT, *sums)

    def totals(self) -> tuple[int, int, int, int]:
        """Requests, input, output and cached tokens over all cells."""
        columns = list(zip(*(cell for cells in self._models.values() for cell in cells.values()), strict=True))
        requests, given, made, cached = (sum(column) for column in columns or [()] * 4)
        return requests, given, made, cached

    def to_csv(self) -> str:
        """The cells as CSV with a header, sorted."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(cell, name) for name in COLUMNS] for cell in self)
        return out.getvalue()


def read_histogram(lines: Iterable[str], *, where: str, delimiter: str = ",") -> Histogram:
    """A histogram from CSV with the columns of `--emit-sql`, in any order. Raises UsageError."""
    lines = iter(lines)
    head = next(lines, "")
    names = {name.strip().lower(): name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])}
    if missing := [name for name in COLUMNS if name not in names]:
        raise UsageError(
            f"`{where}` is not the result of --emit-sql", code="route.histogram",
            because=f"it lacks {', '.join(missing)}; columns seen: {', '.join(names) or 'none'}",
            hint="run the printed statement unchanged and save its result as CSV with a header",
        )  # fmt: skip
    rows = read_table(itertools.chain([head], lines), where, delimiter=delimiter)
    found = Histogram()
    for number, row in enumerate(rows, 2):
        try:
            model, *counts = (row[names[name]] for name in COLUMNS)
            tier, given, made, *sums = (_whole(count) for count in counts)
        except (TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"`{where}`: line {number} is not a row of whole numbers", code="route.histogram",
                because=str(error), hint="save the statement's result as CSV without rounding or separators",
            ) from error  # fmt: skip
        if why := _impossible(model, tier, given, made, *sums):
            raise UsageError(
                f"`{where}`: line {number} counts what no requests have", code="route.histogram", because=why,
                hint="print the statement again, run it unchanged, and save its result as it is",
            )  # fmt: skip
        found.add_cell((model, tier, given, made), sums)
    return found


def _impossible(
    model: str | None,
    tier: int,
    given: int,
    made: int,
    requests: int,
    input_tokens: int,
    output_tokens: int,
    cached: int,
) -> str:
    """Why no requests add up to such a cell; `""` where some do."""
    if not model:
        return "it names no model"
    if tier not in _TIER_NUMBERS or not -_SHIFT <= given < _WIDE - _SHIFT or not -_SHIFT <= made < _WIDE - _SHIFT:
        return f"there is no tier {tier}, or bucket {given} or {made}"
    if not 0 < requests < 1 << 50 or not 0 <= cached <= input_tokens:
        return f"{requests} requests, {input_tokens} input tokens, {cached} of them cached"
    for tokens, bucket, kind in ((input_tokens, given, "input"), (output_tokens, made, "output")):
        low, high = bucket_edges(bucket)
        if not low * requests * (1 - 1e-9) <= tokens <= high * requests * (1 + 1e-9):
            return (
                f"{tokens} {kind} tokens of {requests} requests do not lie in bucket {bucket}, {low:.1f} to {high:.1f}"
            )
    if tier_of(input_tokens // requests + 1) < tier or tier_of(-(-input_tokens // requests)) > tier:
        return f"{input_tokens} input tokens of {requests} requests do not lie in tier {tier}"
    return ""


def _whole(text: str | None) -> int:
    if text is None:
        raise ValueError("a cell is empty")
    whole, _, rest = text.strip().partition(".")
    if rest.strip("0"):
        raise ValueError(f"`{text}` is not whole")
    return int(whole)
