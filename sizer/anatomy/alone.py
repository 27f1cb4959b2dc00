"""Equal parts of a layer beside which no selector is stored: are they experts?

Much that is used whole is laid out alike: branches, slices, adapters of languages, steps of codebooks. So something
else has to say it: config.json, by a number of picks or the number of parts; or their size, since no feed-forward
layer is so wide. Then they are routed experts, and how many of them a token uses is for config.json to say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from sizer.anatomy.banks import Bank, are_heads, is_feed_forward, mixes
from sizer.anatomy.settings import Settings
from sizer.anatomy.top_k import says_picks
from sizer.anatomy.vocabulary import vocabulary

__all__ = ["WIDEST_DENSE", "join_projections", "numbers_said", "stands_alone"]

WIDEST_DENSE = 8
"""Width of a feed-forward layer, as a multiple of the hidden size; wider ones are experts together."""
_NARROWEST = 32
"""Expert widths below it are rather kernels: conformers have kernels of 31."""
_FEWEST = 4
"""Two and three parts are fused projections (gate and up; query, key and value), if nothing else speaks for them."""


def join_projections(banks: Iterable[Bank]) -> list[Bank]:
    """The banks, with lists of single matrices that stand side by side as one: `up.3` and `down.3`."""
    joined: dict[tuple[str, frozenset[int]], list[Bank]] = defaultdict(list)
    for bank in banks:
        is_single = all(len(matrices) == 1 for matrices in bank.sizes)
        module = bank.names[0].removesuffix(".*").removesuffix(".weight")  # of `up.weight.3`, too
        home = module.rpartition(".")[0] if is_single else bank.names[0]
        joined[home, bank.counts].append(bank)
    return [_join(alike) for alike in joined.values()]


def _join(banks: list[Bank]) -> Bank:
    first, sizes = banks[0], [bank.sizes for bank in banks]
    if len(banks) == 1:
        return first
    return first._replace(
        names=tuple(name for bank in banks for name in bank.names),
        above=first.above[:-2],
        words=tuple({word for bank in banks for word in bank.words}),
        sizes=tuple(tuple(shape for matrices in size for shape in matrices) for size in zip(*sizes, strict=False)),
        parameters=sum(bank.parameters for bank in banks),
        is_bare=all(bank.is_bare for bank in banks),
    )


def stands_alone(bank: Bank, width: int | None, settings: Settings, *, is_list: bool) -> bool:
    """Whether parts without a selector are experts, of a router that is not stored or has no weights."""
    count, words = max(bank.counts), vocabulary()
    picks, is_numbered = says_picks(settings, count), count in set(_numbers(settings))
    if not width or mixes(bank.words) or not is_feed_forward(bank) or count >= width:
        return False
    if count < _FEWEST and not (picks and is_numbered):
        return False
    if any(are_heads(bank, one, width) for one in bank.counts) or any(min(shape) < _NARROWEST for shape in bank.shapes):
        return False
    if is_list:
        is_other = any(words.keys.of_other_parts.any(_words_of(segment)) for segment in bank.words)
        is_network = bank.is_bare and all(len(matrices) > 1 for matrices in bank.sizes)
        if is_other or not is_network or _is_explained(settings, count, is_list=True):
            return False
        return picks or is_numbered or _is_wide(bank, count, width)
    per_head = settings.integer("head_dim")
    reads_width = all(width in shape and per_head not in shape for shape in bank.shapes)
    return reads_width and ((picks and is_numbered) or not _is_explained(settings, count, is_list=False))


def _is_wide(bank: Bank, count: int, width: int) -> bool:
    """Whether parts together are wider than any feed-forward layer."""
    matrices = max(len(size) for size in bank.sizes)
    return count * bank.parameters > WIDEST_DENSE * matrices * width**2


def _is_explained(settings: Settings, count: int, *, is_list: bool) -> bool:
    """Whether config.json says that there are so many of something else; a list of networks is no list of heads."""
    keys, attention = vocabulary().keys, vocabulary().attention
    for key, value in settings.items():
        parts = _words_of(key)
        is_of_heads = is_list and (keys.of_heads.any(parts) or attention.any(parts))
        if value == count and not isinstance(value, bool) and keys.of_other_parts.any(parts) and not is_of_heads:
            return True
    return False


def numbers_said(settings: Settings) -> list[int]:
    """How many parts of something config.json says that there are, where it also says how many are picked."""
    return [count for count in dict.fromkeys(_numbers(settings)) if says_picks(settings, count)]


def _numbers(settings: Settings) -> Iterable[int]:
    """What keys of config.json say that there are so many of, and no words of other parts explain."""
    keys = vocabulary().keys
    others = (keys.of_other_parts, keys.not_top_k, keys.picked, keys.of_sampling)
    for path, value, _ in settings.paths():
        parts = _words_of(path.rpartition(".")[2])
        is_number = parts[:1] in (["n"], ["num"], ["number"]) or parts[-1:] == ["count"]
        if isinstance(value, int) and value > 1 and is_number and not any(words.any(parts) for words in others):
            yield value


def _words_of(key: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", key.lower()) if word]
