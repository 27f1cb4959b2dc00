"""A prompt as numbers: hashed word 1- and 2-grams, and 25 cheap counts. Standard library only.

Training and scoring read the same features, so a saved router needs neither numpy nor its training data.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Mapping
from zlib import crc32

__all__ = ["BUCKETS", "CHEAP_NAMES", "cheap_features", "grams", "weigh"]

BUCKETS = 1 << 18

_WORD = re.compile(rb"[a-z0-9\x80-\xff]+|[^\sa-z0-9_\x80-\xff]")
_PAIR = 0x9E3779B9  # tells the pair (a, b) from the word ab
_NUMBER = re.compile(rb"[0-9][0-9,.]*")
_SENTENCE = re.compile(rb"[.!?]+\s|[.!?]+$")
_OPTION = re.compile(rb"^\s*\(?[A-Ea-e1-5][.)]\s", re.MULTILINE)
_QUANTITY = frozenset(
    b"each every per total altogether left more less fewer than twice half double times percent average remaining rest "
    b"if then many much".split()
)
_REASON = frozenset(
    b"why prove explain derive compare analyze analyse evaluate design implement because therefore assume suppose "
    b"following not except best most likely how".split()
)
_DIGITS = string.digits.encode()
_CAPITALS = string.ascii_uppercase.encode()
_PUNCTUATION = string.punctuation.encode()
_CODE = b"{};`_#"
_MATHEMATICS = b"=+*/^<>\\|"

CHEAP_NAMES = (
    "log characters", "log words", "log sentences", "log lines", "characters per word", "words per sentence",
    "share of distinct words", "numbers", "log largest number", "decimals", "percent signs", "money signs",
    "share of digits", "share of capitals", "share of punctuation", "question marks", "commas", "quotes", "brackets",
    "quantity words", "reasoning words", "code marks", "mathematics marks", "options", "longest word",
)  # fmt: skip


def grams(text: str) -> Mapping[int, int]:
    """Bucket -> how often, over the words and pairs of adjacent words of a text, lower case."""
    words = _WORD.findall(text.lower().encode("utf-8", "replace"))
    hashes = list(map(crc32, words))
    pairs = [crc32(word, before ^ _PAIR) % BUCKETS for word, before in zip(words[1:], hashes, strict=False)]
    return Counter([*[value % BUCKETS for value in hashes], *pairs])


def weigh(counts: Mapping[int, int], idf: Mapping[int, float]) -> dict[int, float]:
    """TF-IDF of length 1: (1 + log count) x idf over the buckets that training saw."""
    raw = {bucket: (1 + math.log(count)) * idf[bucket] for bucket, count in counts.items() if bucket in idf}
    length = math.sqrt(sum(value * value for value in raw.values()))
    return {bucket: value / length for bucket, value in raw.items()} if length else {}


def cheap_features(text: str) -> list[float]:
    """25 numbers in the order of `CHEAP_NAMES`; counts as log(1 + count)."""
    raw = text.encode("ascii", "replace")
    words = raw.lower().split()
    bare = [word.strip(_PUNCTUATION) for word in words]
    characters = max(1, len(raw))
    numbers = _NUMBER.findall(raw)
    sentences = max(1, len(_SENTENCE.findall(raw)))
    shares = [_count(raw, _DIGITS), _count(raw, _CAPITALS), _count(raw, _PUNCTUATION)]
    counts = [
        len(numbers), max(map(_size, numbers), default=0.0), sum(b"." in number[:-1] for number in numbers),
        raw.count(b"%"), raw.count(b"$"),
    ]  # fmt: skip
    marks = [
        raw.count(b"?"), raw.count(b","), _count(raw, b"\"'"), _count(raw, b"(["),
        sum(map(_QUANTITY.__contains__, bare)), sum(map(_REASON.__contains__, bare)), _count(raw, _CODE),
        _count(raw, _MATHEMATICS), len(_OPTION.findall(raw)), max(map(len, words), default=0),
    ]  # fmt: skip
    return [
        math.log1p(characters), math.log1p(len(words)), math.log1p(sentences), math.log1p(raw.count(b"\n")),
        characters / max(1, len(words)), math.log1p(len(words) / sentences),
        len(set(words)) / max(1, len(words)),
        *map(math.log1p, counts), *(share / characters for share in shares), *map(math.log1p, marks),
    ]  # fmt: skip


def _count(raw: bytes, kind: bytes) -> int:
    """How many bytes of a kind there are."""
    return len(raw) - len(raw.translate(None, kind))


def _size(number: bytes) -> float:
    try:
        return min(1e12, float(number.replace(b",", b"").rstrip(b".")))
    except ValueError:
        return 0.0
