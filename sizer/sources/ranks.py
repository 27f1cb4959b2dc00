"""Checkpoints cut for tensor parallelism: every rank has files of its own, and a tensor's slices share one name.

Where a file of what all ranks share stands beside them (`model-00003-TP-001`, `model-00000-TP-common`, as SGLang
loads grok-2: python/sglang/srt/models/grok.py), each file of a rank holds slices only and they can be joined.
Where none does, a repeated tensor may be a slice or a whole copy, which headers do not say.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Collection, Sequence

from sizer.headers.interface import Header, StoredTensor

__all__ = ["join_slices", "rank_of", "shard_of"]

_SHARDS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<stem>.+?)[-_.]+(?P<number>\d{1,6})[-_.]+tp[-_.]?(?:common|\d{1,4})(?P<of>)",  # SGLang
        r"(?P<stem>.+?)[-_.]+rank[-_.]?\d{1,4}[-_.]+part[-_.]?(?P<number>\d{1,6})(?P<of>)",  # vLLM's sharded state
        r"(?P<stem>.+?)(?P<number>\d{1,4})-mp(?P<of>\d{1,4})",  # DeepSeek-V3, inference/convert.py
    )
]
_RANK = re.compile(r"(?:^|[-_.])(?:tp|rank)[-_.]?(common|\d{1,4})(?=[-_.])|(\d{1,4})-mp\d{1,4}(?=\.)", re.IGNORECASE)
_COMMON = "common"


def shard_of(base: str) -> tuple[str, int, str] | None:
    """(stem, number, how many or `""`) of a file that holds one rank's part, from its name less the suffix."""
    match = next((match for pattern in _SHARDS if (match := pattern.fullmatch(base))), None)
    return (match["stem"], int(match["number"]), match["of"]) if match else None


def rank_of(path: str) -> str:
    """The rank that a file belongs to, by its name: a number, `common`, or `""`."""
    match = _RANK.search(path.rpartition("/")[2])
    return (match[1] or match[2]).lower() if match else ""


def join_slices(headers: Sequence[Header], repeated: Collection[str]) -> tuple[Header, ...] | None:
    """The headers with the slices of each repeated tensor joined in the first file that has one.

    None where that is not safe: no file holds what the ranks share, or a tensor lacks the slice of a rank.
    """
    ranks = {rank_of(header.path) for header in headers}
    slices = Counter(t.name for header in headers if rank_of(header.path) != _COMMON for t in header.tensors)
    numbers = sorted(int(rank) for rank in ranks if rank.isdigit())
    is_whole = ranks >= {_COMMON} and "" not in ranks and numbers == list(range(len(ranks) - 1))
    if not is_whole or any(slices[name] != len(numbers) for name in repeated):
        return None
    lengths = {t.shape[0] for header in headers for t in header.tensors if len(t.shape) == 1}
    out, seen = [], set[str]()
    for header in headers:
        own = []
        for tensor in header.tensors:
            if tensor.name not in seen:
                own.append(_whole(tensor, len(numbers), lengths) if tensor.name in repeated else tensor)
            seen.add(tensor.name)
        out.append(dataclasses.replace(header, tensors=tuple(own)))
    return tuple(out)


def _whole(tensor: StoredTensor, ranks: int, lengths: Collection[int]) -> StoredTensor:
    """The tensor of which this is one of so many equal slices: cut along a dimension that is no width of the model."""
    place = next((i for i, size in enumerate(tensor.shape) if size not in lengths), 0)
    shape = tuple(size * ranks if i == place else size for i, size in enumerate(tensor.shape))
    return tensor._replace(shape=shape, size_bytes=tensor.size_bytes * ranks)
