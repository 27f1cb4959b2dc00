"""Which entries of the catalog fit, and in which order: what `sizer catalog` answers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from sizer.catalog.models import CatalogEntry
from sizer.errors import UsageError
from sizer.sizing.size_class import ClassPair, classify_pair
from sizer.values import frozen

__all__ = ["SORTS", "CatalogDetail", "CatalogList", "Filter", "describe", "select"]

SORTS = ("name", "active", "total", "released")


@frozen
class Filter:
    """What an entry must be; None and `""` accept all. Bounds are inclusive, in parameters or tokens."""

    min_total: int | None = None
    max_total: int | None = None
    min_active: int | None = None
    max_active: int | None = None
    min_context: int | None = None
    licence: str = ""
    family: str = ""
    """A family, or how several begin: `qwen` takes Qwen2.5 and Qwen3."""
    modality: str = ""
    """An input that it must take: `image`."""
    task: str = ""
    is_moe: bool | None = None
    only_counted: bool = False


@frozen
class CatalogList:
    """The entries that fit."""

    models: tuple[CatalogEntry, ...]
    catalog_models: int
    """How many entries the catalog has."""
    unknown: int
    """Entries left out because the catalog does not know a figure that was asked for."""
    sort: str
    """`name`, `active`, `total` (ascending, unknown last) or `released` (newest first)."""


@frozen
class CatalogDetail:
    """One entry, with its size class."""

    model: CatalogEntry
    size_class: ClassPair


def describe(entry: CatalogEntry) -> CatalogDetail:
    """An entry with the size class of its active and its total parameters."""
    return CatalogDetail(model=entry, size_class=classify_pair(entry.active_parameters, entry.total_parameters))


def select(entries: Sequence[CatalogEntry], wanted: Filter, *, sort: str = "name") -> CatalogList:
    """The entries that fit, sorted. Raises UsageError where a word is asked for that no entry has."""
    _known_word("--sort", sort, SORTS)
    _known_word("--license", wanted.licence, {entry.licence for entry in entries if entry.licence})
    _known_word("--task", wanted.task, {entry.task for entry in entries})
    _known_word("--modality", wanted.modality, {word for entry in entries for word in entry.modality.split("+")})
    families = {entry.family for entry in entries}
    if not any(_starts(family, wanted.family) for family in families):
        _known_word("--family", wanted.family, families)
    fitting = [entry for entry in entries if _has_words(entry, wanted)]
    bounded = [(entry, _in_bounds(entry, wanted)) for entry in fitting]
    return CatalogList(
        models=tuple(sorted((entry for entry, fits in bounded if fits), key=_ORDERS[sort])),
        catalog_models=len(entries),
        unknown=sum(fits is None for _, fits in bounded),
        sort=sort,
    )


def _has_words(entry: CatalogEntry, wanted: Filter) -> bool:
    return (
        _starts(entry.family, wanted.family)
        and (not wanted.licence or (entry.licence or "").casefold() == wanted.licence.casefold())
        and (not wanted.task or entry.task == wanted.task.casefold())
        and (not wanted.modality or wanted.modality.casefold() in entry.modality.split("+"))
        and (wanted.is_moe is None or entry.is_moe == wanted.is_moe)
        and (not wanted.only_counted or entry.basis == "counted")
    )


def _in_bounds(entry: CatalogEntry, wanted: Filter) -> bool | None:
    """Whether every bound holds; None where one is asked about a figure that is not known."""
    bounds = (
        (entry.total_parameters, wanted.min_total, wanted.max_total),
        (entry.active_parameters, wanted.min_active, wanted.max_active),
        (entry.context_tokens, wanted.min_context, None),
    )
    holds = [_within(value, low, high) for value, low, high in bounds if low is not None or high is not None]
    return False if False in holds else None if None in holds else True


def _within(value: int | None, low: int | None, high: int | None) -> bool | None:
    if value is None:
        return None
    return (low is None or low <= value) and (high is None or value <= high)


def _known_word(option: str, word: str, known: Sequence[str] | set[str]) -> None:
    if not word or word.casefold() in {item.casefold() for item in known}:
        return
    by_key = {item.casefold(): item for item in sorted(known)}
    close = [by_key[key] for key in difflib.get_close_matches(word.casefold(), by_key, n=3, cutoff=0.5)]
    raise UsageError(
        f"{option}: `{word}` is not in the catalog",
        code="usage.choice",
        because="no entry has it" if len(known) > len(SORTS) else f"one of {', '.join(known)} was expected",
        hint=f"did you mean {' or '.join(f'`{item}`' for item in close)}?" if close else "run `sizer catalog --json`",
        details={"close_matches": close},
    )


def _starts(family: str, prefix: str) -> bool:
    return family.casefold().startswith(prefix.casefold())


def _ascending(value: int | None) -> tuple[bool, int]:
    return (value is None, value or 0)


_ORDERS: dict[str, Callable[[CatalogEntry], tuple[object, ...]]] = {
    "name": lambda entry: (entry.id.casefold(),),
    "active": lambda entry: (*_ascending(entry.active_parameters), *_ascending(entry.total_parameters), entry.id),
    "total": lambda entry: (*_ascending(entry.total_parameters), *_ascending(entry.active_parameters), entry.id),
    "released": lambda entry: (*_ascending(-entry.released.toordinal() if entry.released else None), entry.id),
}
