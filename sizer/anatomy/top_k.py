"""How many routed experts a token uses, as config.json says it or the architecture fixes it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sizer.anatomy.settings import Settings
from sizer.anatomy.vocabulary import Family, vocabulary
from sizer.values import frozen

__all__ = ["TopK", "is_count", "read_top_k", "says_picks", "words_of", "zero_experts"]


@frozen
class TopK:
    """How many routed experts a token uses."""

    value: int | None
    """The number, where it is the same in every layer."""
    per_layer: tuple[int, ...] = ()
    """One number a layer, where it varies."""
    source: str = ""
    """The config key, or the family's file."""
    reason: str = ""
    """Why it is unknown."""


def read_top_k(settings: Settings, family: Family, held: Collection[int]) -> TopK:
    """How many experts a token uses: from config.json, else what the family fixes.

    `held` are the numbers of experts that the layers hold. Known keys come first; a key that nobody listed is
    taken where its words say so and all such keys agree.
    """
    keys, most = vocabulary().keys.experts_per_token, max(held, default=0)
    value, key = settings.integers(*keys), next((key for key in keys if settings.raw(key) is not None), "")
    if value is None and key:
        return TopK(value=None, reason=f"`{key}` in config.json is no usable number")
    likely = _of_experts(settings, most) if value is None else {}
    if not likely and value is None and family.experts_per_token is not None:
        key, value = "fixed by the architecture", family.experts_per_token
    if value is None:
        likely = likely or _of_parts(settings, held)
        if len({repr(value) for value in likely.values()}) > 1:
            shown = ", ".join(f"`{key}` ({value})" for key, value in likely.items())
            return TopK(value=None, reason=f"config.json has several keys that may be the top-k: {shown}")
        key, value = next(iter(likely.items()), ("", None))
    if value is None:
        bare = ", but for a bare `top_k`, which is how text is sampled" if settings.raw("top_k") is not None else ""
        where = "there is no config.json" if settings.is_missing else f"config.json has no top-k{bare}"
        return TopK(value=None, reason=where)
    numbers = value if isinstance(value, list) else [value]
    fewest = 0 if any(numbers) and len(numbers) > 1 else 1  # a list may have zeros for the dense layers
    if bad := [number for number in numbers if not fewest <= number <= most]:
        return TopK(value=None, reason=f"config.json says {bad[0]} experts per token, the layers have {most}")
    if len(set(numbers)) == 1:
        return TopK(value=numbers[0], source=key)
    return TopK(value=None, per_layer=tuple(numbers), source=key)


def says_picks(settings: Settings, count: int) -> bool:
    """Whether config.json says, of anything that there may be `count` of, how many of them a token picks."""
    keys = vocabulary().keys.experts_per_token
    return settings.raw(*keys) is not None or bool(_of_experts(settings, count) or _of_parts(settings, {count}))


def zero_experts(settings: Settings) -> int:
    """Experts without weights that the router may pick (identity experts), from a key that says so."""
    words = vocabulary().keys
    for key, value in settings.items():
        parts = words_of(key)
        if words.weightless.any(parts) and words.of_experts.any(parts) and is_count(value):
            return int(value)
    return 0


def _of_experts(settings: Settings, most: int) -> dict[str, int | list[int]]:
    """Keys whose words say "experts per token", with values that a layer allows (a list has one for each layer)."""
    words = vocabulary().keys
    found: dict[str, int | list[int]] = {}
    for path, value, _ in settings.paths():
        parts, values = words_of(path), value if isinstance(value, list) else [value]
        if len(values) > 1:
            parts = [part for part in parts if part not in ("layer", "layers", "per")]
        says_so = words.of_experts.any(parts) and words.chosen.any(parts) and not words.not_top_k.any(parts)
        if says_so and values and all(is_count(one) and one <= most for one in values):
            found.setdefault(path, value)
    return found


def _of_parts(settings: Settings, held: Collection[int]) -> dict[str, int | list[int]]:
    """Keys that say "so many per token" of something that is not called experts, with values that a layer allows.

    A bare `top_k` or `k` is one only in a group that speaks of this mixture: by its name, or by a value beside it
    that is the number of experts. At the root, or beside a temperature, it is how text is sampled.
    """
    words = vocabulary().keys
    found: dict[str, int | list[int]] = {}
    for path, value, beside in settings.paths():
        if not is_count(value) or value > max(held, default=0):
            continue
        group, _, key = path.rpartition(".")
        parts, above = words_of(key), words_of(group)
        if words.not_top_k.any(parts) or words.of_other_parts.any([*parts, *above]):
            continue
        is_of_mixture = words.of_experts.any(above) or _counts_parts(beside, held)
        is_sampling = words.of_sampling.any(word for other in beside for word in words_of(other))
        if parts in _BARE:
            says_so = bool(group) and is_of_mixture and not is_sampling
        else:
            says_so = bool(re.search(r"(^|_)(top_?k|per_tok(en)?)(_|$)", "_".join(parts)))
            says_so = says_so or words.picked.any(parts)
        if says_so:
            found.setdefault(path, int(value))
    return found


_BARE = (["top", "k"], ["k"])


def _counts_parts(beside: Mapping[str, Any], held: Collection[int]) -> bool:
    """Whether a group of keys has the number of experts under a key that does not speak of something else."""
    words = vocabulary().keys
    return any(
        is_count(value) and value in held and not words.not_top_k.any(parts) and not words.of_other_parts.any(parts)
        for key, value in beside.items()
        if (parts := words_of(key)) not in _BARE
    )


def words_of(key: str) -> list[str]:
    """`numUnits.per_tok` -> num, units, per, tok."""
    return [word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()) if word]


def is_count(value: object) -> bool:
    """Whether a value of a config is a positive whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
