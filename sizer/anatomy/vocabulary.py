"""The words of tensor names and the facts of families, from `data/architectures/`: no model name in code."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Iterable

from sizer.tables import load_table
from sizer.values import frozen

__all__ = ["Family", "Vocabulary", "family_of", "vocabulary"]


@frozen
class _Beside:
    component: str
    roots: list[str] | None = None
    segments: list[str] | None = None


@frozen
class _Adapters:
    frozen: list[str]
    constants: list[str]
    companions: list[str]


@frozen
class _Experts:
    indexed: list[str]
    numbered: list[str]
    fused: list[str]
    grouped: list[str]
    rows: list[str]
    shared: list[str]
    router: list[str]
    router_only: list[str]


@frozen
class _Keys:
    experts: list[str]
    experts_per_token: list[str]
    shared_experts: list[str]
    extra_layers: list[str]
    tied: list[str]
    of_experts: list[str]
    chosen: list[str]
    not_top_k: list[str]
    of_sizes: list[str]
    picked: list[str]
    of_other_parts: list[str]
    of_heads: list[str]
    of_sampling: list[str]
    weightless: list[str]


@frozen
class _Table:
    source: str
    checked: object
    beside_the_text: list[_Beside]
    text: list[str]
    buffers: list[str]
    buffer_leaves: list[str]
    adapters: _Adapters
    constants: list[str]
    experts: _Experts
    mtp_markers: list[str]
    head: list[str]
    input_embedding: list[str]
    position_embedding: list[str]
    token_table: list[str]
    lookup: list[str]
    memory_keys: list[str]
    memory_values: list[str]
    norm: list[str]
    attention: list[str]
    mixer: list[str]
    dense_ffn: list[str]
    keys: _Keys


@frozen
class Family:
    """What cannot be inferred about a group of architectures from names, shapes and config.json."""

    model_types: list[str]
    """`model_type` of config.json, exactly."""
    experts_per_token: int | None = None
    """Routed experts a token uses, where the class fixes it."""
    tie_word_embeddings: bool | None = None
    """Whether head and input embedding are one table where config.json does not say."""


@frozen
class _Families:
    source: str
    checked: object
    families: list[Family]


class Words:
    """A set of patterns (`*` any text), each matched against one segment of a name.

    Nearly all are a word with stars at its ends at most: text methods say it without a regular expression, of which
    compiling some fifty took 0.06 s.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        whole, beginnings, ends, inner, rest = set[str](), list[str](), list[str](), list[str](), list[str]()
        for pattern in patterns:
            body = pattern.removeprefix("*").removesuffix("*")
            if not body or any(sign in body for sign in "*?["):
                rest.append(pattern)
            elif pattern == f"*{body}*":
                inner.append(body)
            elif pattern == body:
                whole.add(body)
            else:
                (ends if pattern.startswith("*") else beginnings).append(body)
        self._whole, self._beginnings, self._ends = whole, tuple(beginnings), tuple(ends)
        self._inner, self._rest = inner, rest
        self._seen: dict[str, bool] = {}

    def _match(self, segment: str) -> bool:
        return (
            segment in self._whole
            or segment.startswith(self._beginnings)
            or segment.endswith(self._ends)
            or any(part in segment for part in self._inner)
            or any(fnmatch.fnmatchcase(segment, pattern) for pattern in self._rest)
        )

    def has(self, segment: str) -> bool:
        """Whether the segment is one of the words."""
        known = self._seen.get(segment)
        if known is None:
            known = self._seen[segment] = self._match(segment)
        return known

    def any(self, segments: Iterable[str]) -> bool:
        """Whether one of the segments is one of the words."""
        return any(self.has(segment) for segment in segments)


class Keys:
    """Keys of config.json by meaning (a dot steps into a nested group), and the words that keys are made of."""

    def __init__(self, table: _Keys) -> None:
        self.experts = table.experts
        self.experts_per_token = table.experts_per_token
        self.shared_experts = table.shared_experts
        self.extra_layers = table.extra_layers
        self.tied = table.tied
        self.of_experts = Words(table.of_experts)
        self.chosen = Words(table.chosen)
        self.not_top_k = Words(table.not_top_k)
        self.of_sizes = Words(table.of_sizes)
        self.picked = Words(table.picked)
        self.of_other_parts = Words(table.of_other_parts)
        self.of_heads = Words(table.of_heads)
        self.of_sampling = Words(table.of_sampling)
        self.weightless = Words(table.weightless)


class Vocabulary:
    """`data/architectures/vocabulary.yaml`, ready to match."""

    def __init__(self) -> None:
        table = load_table("architectures/vocabulary.yaml", _Table)
        self.beside = [
            (row.component, Words(row.roots or []), Words(row.segments or [])) for row in table.beside_the_text
        ]
        self.text = Words(table.text)
        self.buffers = Words(table.buffers)
        self.buffer_leaves = Words(table.buffer_leaves)
        self.adapter = Words(
            segment for row in table.beside_the_text if row.component == "adapter" for segment in row.segments or []
        )
        self.adapter_frozen = Words(table.adapters.frozen)
        self.adapter_constants = Words(table.adapters.constants)
        self.adapter_companions = Words(table.adapters.companions)
        self.constants = Words(table.constants)
        self.keys = Keys(table.keys)
        self.indexed_experts = Words(table.experts.indexed)
        self.numbered_expert = Words(table.experts.numbered)
        self.expert_rows = Words(table.experts.rows)
        self.fused_experts = Words(table.experts.fused)
        self.grouped_experts = Words(table.experts.grouped)
        self.shared_experts = Words(table.experts.shared)
        self.router = Words(table.experts.router)
        self.router_only = Words(table.experts.router_only)
        self.mtp_markers = Words(table.mtp_markers)
        self.head = Words(table.head)
        self.input_embedding = Words(table.input_embedding)
        self.position_embedding = Words(table.position_embedding)
        self.token_table = Words(table.token_table)
        self.lookup = Words(table.lookup)
        self.memory_keys = Words(table.memory_keys)
        self.memory_values = Words(table.memory_values)
        self.norm = Words(table.norm)
        self.attention = Words(table.attention)
        self.mixer = Words([*table.attention, *table.mixer])
        self.dense_ffn = Words(table.dense_ffn)


@functools.cache
def vocabulary() -> Vocabulary:
    """The shipped vocabulary."""
    return Vocabulary()


def family_of(model_types: Iterable[str]) -> Family:
    """The facts on record for the first of these model types that has any; an empty Family if none has."""
    table: _Families = load_table("architectures/families.yaml", _Families)
    for model_type in model_types:
        for family in table.families:
            if model_type in family.model_types:
                return family
    return Family(model_types=[])
