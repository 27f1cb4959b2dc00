"""The catalog: what is known about well-known models, with the basis and the source of every figure.

`data/model_catalog.yaml` is the table; this module reads it, merges a user's own file over it and finds
entries. A figure that nobody stated or counted is None: nothing here is guessed or computed.
"""

from __future__ import annotations

import datetime
import difflib
import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Literal

from sizer.errors import InternalError, NotFoundError, UsageError
from sizer.tables import convert, load_table, load_yaml
from sizer.values import frozen

__all__ = [
    "CATALOG",
    "Basis",
    "CacheWindow",
    "CatalogEntry",
    "Shape",
    "Task",
    "check_table",
    "closest",
    "find",
    "load_catalog",
    "problems",
]

Basis = Literal["counted", "declared"]
Task = Literal["chat", "completion", "embedding", "encoder", "text-to-text", "speech-to-text"]

CATALOG = "model_catalog.yaml"


@frozen
class CacheWindow:
    """Layers that keep no more than the last so many tokens."""

    tokens: int
    """Length of the window, or of the chunk."""
    bytes_per_token: int
    """What one token adds to those layers while the window is not full, at 16 bits."""


@frozen
class Shape:
    """What overhead, speed and the splitting of a cache hang on, of the stack that generates."""

    layers: int | None = None
    hidden_size: int
    vocabulary_size: int | None = None
    kv_heads: int | None = None
    """KV heads of the layer that has fewest; 1 where a latent vector serves all heads."""

    @property
    def figures(self) -> tuple[int, ...]:
        """All that are known."""
        known = (self.hidden_size, self.layers, self.vocabulary_size, self.kv_heads)
        return tuple(figure for figure in known if figure is not None)


@frozen
class CatalogEntry:
    """One checkpoint, as the catalog knows it."""

    id: str
    """The repository on the Hub: `Qwen/Qwen3-30B-A3B`."""
    family: str
    """The line it belongs to: `Qwen3`."""
    basis: Basis
    """`counted`: both counts come from tensor headers. `declared`: somebody states them; `source` says who."""
    source: str
    """Where the counts were read."""
    checked: datetime.date
    """When the entry was last compared with its sources."""
    total_parameters: int | None = None
    """Logical parameters of the whole checkpoint: extra prediction layers and towers in, tied tensors once."""
    total_precision: int = 1
    """What `total_parameters` is rounded to: 1 is exact, 1_000_000_000 is whole billions."""
    active_parameters: int | None = None
    """Parameters one text token uses while decoding. A vendor's figure may leave embeddings out."""
    active_precision: int = 1
    """What `active_parameters` is rounded to."""
    active_compute_parameters: int | None = None
    """Active parameters less the input embedding where the head is a matrix of its own: a step reads one row of it."""
    active_compute_source: str | None = None
    """Where the head was found to be one or the other, where that is not the `source` of the counts."""
    context_tokens: int | None = None
    """The longest context that the configuration or the vendor states."""
    context_source: str | None = None
    unscaled_context_tokens: int | None = None
    """What config.json allows as it is, where the context above needs positions that are scaled (YaRN) by hand."""
    effective_context_tokens: int | None = None
    """The longest context that still passes a long-context test. A lower bound where the test went no further."""
    effective_context_source: str | None = None
    licence: str | None = None
    """SPDX id in lower case (`apache-2.0`, `mit`) where there is one, else the licence's own name."""
    modality: str = "text"
    """What it takes in, joined by `+`: `text`, `text+image`, `text+image+audio`, `audio`."""
    task: Task = "chat"
    """What it is made for. `completion` is a base model without instruction tuning."""
    released: datetime.date | None = None
    """When the repository was made, which is days before or after the announcement."""
    routed_experts: int | None = None
    """Routed experts in a mixture-of-experts layer; None for a dense model."""
    experts_per_token: int | None = None
    """How many routed experts a token picks in each such layer."""
    kv_cache_bytes_per_token: int | None = None
    """Bytes that one token adds to one sequence's cache at 16 bits, as long as no sliding window is full."""
    kv_cache_windows: tuple[CacheWindow, ...] = ()
    """The part of those bytes that layers with a window hold, by the length of the window."""
    state_bytes: int | None = None
    """Recurrent and convolution states of one sequence, which do not grow; None where there are none or unknown."""
    kv_cache_source: str | None = None
    """Where its widths were read, where that is not the `source` of the counts."""
    shape: Shape | None = None
    shape_source: str | None = None
    """Where the shape was read, where that is neither the source of the cache nor that of the counts."""
    stored_format: str | None = None
    """The packing of a release that is quantised as it is published: `MXFP4`, `FP8`; None for 16 bits, or unknown."""
    stored_bytes: int | None = None
    """What its files hold."""
    stored_source: str | None = None
    """Where its packing was read, where that is not the `source` of the counts."""
    published_total: Decimal | None = None
    """The vendor's total in billions, with the digits it was stated with: `30.5`; `1E+3` is `1T`."""
    published_active: Decimal | None = None
    """The vendor's active figure in billions, likewise."""
    published_source: str | None = None
    """Where the vendor's figures were read."""
    notes: str | None = None
    """What a reader must know: which claim is off, and why."""

    @property
    def is_moe(self) -> bool:
        """Whether it routes tokens to experts."""
        return self.routed_experts is not None

    def kv_cache_bytes(self, context_tokens: int) -> int | None:
        """Cache and state of one sequence of that length at 16 bits, windows counted as full once they are."""
        if self.kv_cache_bytes_per_token is None:
            return None
        beyond = sum(
            window.bytes_per_token * max(0, context_tokens - window.tokens) for window in self.kv_cache_windows
        )
        return self.kv_cache_bytes_per_token * context_tokens - beyond + (self.state_bytes or 0)

    @property
    def unknown_reason(self) -> str:
        """Nothing: the catalog does not say why a count is not known."""
        return ""

    def needs_scaling(self, context_tokens: int) -> bool:
        """Whether a context of that length needs scaled positions."""
        return self.unscaled_context_tokens is not None and context_tokens > self.unscaled_context_tokens

    @property
    def name(self) -> str:
        """The id without its organisation."""
        return self.id.rpartition("/")[2]


@frozen
class _Table:
    models: tuple[CatalogEntry, ...] | None = None
    """None where the key stands alone: a catalog that is still empty."""


def load_catalog(extra: Path | None = None) -> tuple[CatalogEntry, ...]:
    """Every entry, sorted by id; entries of the file `extra` are added, or replace those of the same id.

    Raises UsageError where `extra` cannot be used, InternalError where the shipped table is broken.
    """
    shipped = _shipped()
    if extra is None:
        return shipped
    merged = {_key(entry.id): entry for entry in (*shipped, *check_table(load_yaml(extra), where=str(extra)))}
    return tuple(merged[key] for key in sorted(merged))


def check_table(value: object, *, where: str) -> tuple[CatalogEntry, ...]:
    """The entries of a catalog file's plain value, in any order. Raises UsageError, naming `where` and the rule."""
    table: _Table = convert(value, _Table, where=where)
    entries = table.models or ()
    if problem := next(iter(problems(entries, is_sorted=False)), ""):
        raise UsageError(
            f"`{where}` cannot be used", code="usage.file", because=problem, hint="correct the file and run again"
        )
    return _whole(entries)


def find(name: str, entries: Sequence[CatalogEntry] | None = None) -> CatalogEntry:
    """The entry with this id, or with this name where only one organisation has it. Case does not matter.

    Raises NotFoundError with the closest ids.
    """
    entries = load_catalog() if entries is None else entries
    wanted = _key(name)
    by_id = {_key(entry.id): entry for entry in entries}
    if wanted in by_id:
        return by_id[wanted]
    named = [entry for entry in entries if _key(entry.name) == wanted]
    if len(named) == 1:
        return named[0]
    close = [entry.id for entry in named] or closest(wanted, entries)
    raise NotFoundError(
        f"`{name}` is not in the catalog",
        code="catalog.unknown",
        because="more than one organisation has that name" if named else f"none of its {len(entries)} entries has it",
        hint=f"did you mean {_one_of(close)}?" if close else "`sizer catalog` lists all; `sizer inspect` counts any",
        details={"close_matches": close},
    )


def closest(name: str, entries: Sequence[CatalogEntry] | None = None) -> list[str]:
    """Ids of at most three entries whose id, or name where no organisation is given, is close to `name`."""
    entries = load_catalog() if entries is None else entries
    wanted = _key(name)
    names = {_key(entry.name if "/" not in wanted else entry.id): entry.id for entry in entries}
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
    inside = [key for key in names if wanted and wanted in key]
    return [names[key] for key in dict.fromkeys([*close, *inside][:3])]


def problems(entries: Iterable[CatalogEntry], *, is_sorted: bool = True) -> list[str]:
    """What is wrong with a table's entries, one sentence each: order, repeats, figures that cannot be."""
    entries = list(entries)
    found = [problem for entry in entries for problem in _entry_problems(entry)]
    keys = [_key(entry.id) for entry in entries]
    found += [f"`{entry.id}` is listed twice" for n, entry in enumerate(entries) if keys[n] in keys[:n]]
    if is_sorted:
        found += [
            f"`{late.id}` must come before `{early.id}`: entries are sorted by id"
            for early, late in pairwise(entries)
            if _key(late.id) < _key(early.id)
        ]
    return found


@functools.cache
def _shipped() -> tuple[CatalogEntry, ...]:
    table: _Table = load_table(CATALOG, _Table)
    entries = table.models or ()
    if problem := next(iter(problems(entries)), ""):
        raise InternalError(f"the shipped table {CATALOG} is broken: {problem}", code="internal.table")
    return _whole(entries)


def _whole(entries: Iterable[CatalogEntry]) -> tuple[CatalogEntry, ...]:
    """Entries that hold their defaults themselves: msgspec leaves them to the class, and then out of the JSON."""
    return tuple(replace(entry) for entry in entries)


def _entry_problems(entry: CatalogEntry) -> list[str]:
    total, active = entry.total_parameters, entry.active_parameters
    slack = entry.total_precision // 2 + entry.active_precision // 2
    rules = [
        (entry.id.count("/") == 1 and not entry.id.startswith("/"), "the id must be organisation/name"),
        (total is None or total > 0, "the total must be positive"),
        (active is None or active > 0, "the active count must be positive"),
        (total is None or active is None or active <= total + slack, "active exceeds total"),
        (entry.total_precision >= 1 and (total or 0) % entry.total_precision == 0, "the total is finer than stated"),
        (entry.active_precision >= 1 and (active or 0) % entry.active_precision == 0, "active is finer than stated"),
        (
            entry.basis != "counted" or None not in (total, active),
            "a counted entry has both counts",
        ),
        (
            entry.active_compute_parameters is None or entry.active_compute_parameters <= (active or 0),
            "what a step multiplies exceeds active",
        ),
        (
            entry.active_compute_source is None or entry.active_compute_parameters is not None,
            "a source of what a step multiplies stands beside it",
        ),
        (entry.basis != "counted" or entry.total_precision == entry.active_precision == 1, "a count is exact"),
        ((entry.context_tokens is None) == (entry.context_source is None), "a context and its source go together"),
        (
            not entry.unscaled_context_tokens or entry.unscaled_context_tokens < (entry.context_tokens or 0),
            "without scaling the context is shorter than with it",
        ),
        (
            (entry.effective_context_tokens is None) == (entry.effective_context_source is None),
            "an effective context and its source go together",
        ),
        (
            (entry.published_total is None and entry.published_active is None) == (entry.published_source is None),
            "published figures and their source go together",
        ),
        (
            entry.kv_cache_source is None or entry.kv_cache_bytes_per_token is not None,
            "a source of cache bytes stands beside them",
        ),
        (
            sum(window.bytes_per_token for window in entry.kv_cache_windows) <= (entry.kv_cache_bytes_per_token or 0),
            "windows hold more than a token adds",
        ),
        (
            all(window.tokens > 0 and window.bytes_per_token > 0 for window in entry.kv_cache_windows),
            "a window and its bytes are positive",
        ),
        ((entry.stored_format is None) == (entry.stored_bytes is None), "stored bytes and their format go together"),
        (
            entry.stored_source is None or entry.stored_bytes is not None,
            "a source of stored bytes stands beside them",
        ),
        (
            entry.stored_bytes is None or 0 < entry.stored_bytes < 2 * (total or 0),
            "stored bytes are of a packing narrower than 16 bits",
        ),
        (entry.shape_source is None or entry.shape is not None, "a source of a shape stands beside it"),
        (entry.shape is None or all(figure > 0 for figure in entry.shape.figures), "a shape is positive"),
        (entry.state_bytes is None or entry.state_bytes > 0, "the state must be positive"),
        (
            entry.experts_per_token is None or (entry.routed_experts or 0) >= entry.experts_per_token,
            "a token cannot pick more experts than there are",
        ),
        (
            not entry.effective_context_tokens or entry.effective_context_tokens <= (entry.context_tokens or 0),
            "the effective context exceeds the stated one",
        ),
    ]
    return [f"`{entry.id}`: {what}" for holds, what in rules if not holds]


def _one_of(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _key(name: str) -> str:
    return name.strip().casefold()
