"""What others claim about a model's size, each beside the count, with the reason where the two differ.

Pure functions: counts and statements in, claims out. A claim is never a count, and a claim that fits the
count in some convention agrees: vendors round, truncate, leave out embeddings, prediction layers or towers.
`docs/concepts/claims.md` explains each rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Literal

from sizer.catalog.models import CatalogEntry
from sizer.catalog.names import read_name
from sizer.units import format_count, format_integer, format_percent, split_billions
from sizer.values import frozen

__all__ = ["Claim", "Counts", "Kind", "Statements", "reconcile"]

Kind = Literal["total", "active", "one_expert", "bytes"]

NAME_TOLERANCE = 0.10
"""Names are loose: Qwen3-14B is 14.8 B, sarvam-30b 32.2 B."""
FIGURE_TOLERANCE = 0.02
"""For a figure with decimals."""
EXACT_TOLERANCE = 0.001
"""For a figure to the unit: scales of block-wise FP8 are 0.006 %, router biases less."""
_NEAR = 0.005
"""How much of a claim may stay unexplained when a reason is given all the same."""

ALL_IN = "everything in"
INPUT_OUT = "input embedding out"
BOTH_OUT = "both embeddings out"


@frozen
class Counts:
    """What was counted of one checkpoint, in parameters unless said otherwise."""

    total: int | None
    active: int | None = None
    active_compute: int | None = None
    """Active less the input embedding; a tied table stays, as it is the head."""
    active_without_embeddings: int | None = None
    """Active less input embedding and head."""
    input_embedding: int = 0
    output_head: int = 0
    """0 where the head is tied to the input embedding."""
    prediction_layers: int = 0
    """Extra prediction layers (MTP, draft heads)."""
    prediction_copies: int = 0
    """The part of them that repeats embedding and head."""
    towers: int = 0
    """Vision and audio encoders and projectors."""
    lookup_tables: int = 0
    """Tables other than the input embedding: per-layer embeddings, n-gram memories."""
    routed_experts: int | None = None
    """Routed experts in a layer."""
    routed_expert_parameters: int = 0
    """Parameters of all routed experts of all layers."""
    tied_copy: int = 0
    """Elements of a tied head that the files store again: not in the total."""
    buffers: int = 0
    """Stored elements that are no parameters: masks, rotary tables, position ids."""
    scales: int = 0
    """Stored elements of quantisation state: scales, zero points, group indexes."""
    packing_gain: int = 0
    """Parameters less stored elements, over packed tensors: what a plain sum of shapes misses."""
    stored_elements: int | None = None
    """A plain sum of the shapes of all stored tensors."""
    weights_bytes: int | None = None


@frozen
class Statements:
    """What is said about one checkpoint; None where nothing is."""

    repository: str = ""
    """`org/name`: sizes are read from the name."""
    hub_total: int | None = None
    """`safetensors.total` of the Hub's API, or `gguf.total`."""
    index_total_parameters: int | None = None
    """`metadata.total_parameters` of the index or header."""
    index_total_size: int | None = None
    """`metadata.total_size` of the index: meant to be bytes."""
    config_total: int | None = None
    """What config.json's shapes give, where that was worked out."""
    config_active: int | None = None
    entry: CatalogEntry | None = None
    """The catalog's entry, with the vendor's published figures."""


@frozen
class Claim:
    """One statement about the model, beside the count."""

    source: str
    """`Hub`, `index total_parameters`, `index total_size`, `config`, `name`, `catalog`, `vendor`."""
    kind: Kind
    """`total`, `active`, `one_expert` (the `7B` of `8x7B`) or `bytes`."""
    claimed: int
    precision: int
    """What the claim is rounded to; 1 is exact."""
    counted: int | None
    """The count of that kind; None where there is none to compare with."""
    difference: int | None
    """Claimed less counted."""
    ratio: float | None
    """Claimed by counted."""
    agrees: bool | None
    """Whether the claim fits the count, in some convention; None where there is no count."""
    convention: str
    """What the claim leaves out: `everything in`, `input embedding out` ...; `""` where none fits."""
    conventions: tuple[str, ...]
    """Every convention that fits as well; more than one where rounding hides which was meant."""
    reason: str
    """Why the claim is off, or what it leaves out; `""` where it is plain or not known."""


@frozen
class _Statement:
    source: str
    kind: Kind
    claimed: int
    precision: int = 1
    tolerance: float = EXACT_TOLERANCE


def reconcile(counts: Counts, stated: Statements) -> tuple[Claim, ...]:
    """Every statement as a claim beside its count: Hub, index, config, name, catalog, vendor, in that order."""
    return tuple(_claim(counts, statement) for statement in _statements(stated))


def _statements(stated: Statements) -> Iterator[_Statement]:
    exact: tuple[tuple[str, Kind, int | None], ...] = (
        ("Hub", "total", stated.hub_total),
        ("index total_parameters", "total", stated.index_total_parameters),
        ("index total_size", "bytes", stated.index_total_size),
        ("config", "total", stated.config_total),
        ("config", "active", stated.config_active),
    )
    for source, kind, claimed in exact:
        if claimed is not None:
            yield _Statement(source=source, kind=kind, claimed=claimed)
    named = read_name(stated.repository)
    sizes: tuple[Kind, ...] = ("total", "active", "one_expert")
    for kind in sizes:
        if (size := getattr(named, kind)) is not None:
            yield _Statement(
                source="name",
                kind=kind,
                claimed=size.parameters,
                precision=size.precision,
                tolerance=NAME_TOLERANCE,
            )
    if stated.entry is not None:
        yield from _entry_statements(stated.entry)


def _entry_statements(entry: CatalogEntry) -> Iterator[_Statement]:
    own: tuple[tuple[Kind, int | None, int], ...] = (
        ("total", entry.total_parameters, entry.total_precision),
        ("active", entry.active_parameters, entry.active_precision),
    )
    for kind, claimed, precision in own:
        if claimed is not None:
            tolerance = EXACT_TOLERANCE if precision == 1 else _tolerance(claimed, precision)
            yield _Statement(source="catalog", kind=kind, claimed=claimed, precision=precision, tolerance=tolerance)
    published: tuple[tuple[Kind, Decimal | None], ...] = (
        ("total", entry.published_total),
        ("active", entry.published_active),
    )
    for kind, figure in published:
        if figure is not None:
            claimed, precision = split_billions(figure)
            yield _Statement(
                source="vendor",
                kind=kind,
                claimed=claimed,
                precision=precision,
                tolerance=_tolerance(claimed, precision),
            )


def _tolerance(claimed: int, precision: int) -> float:
    """A figure of one or two digits, zeros at its end apart, is as loose as a name; one with decimals is not."""
    digits = str(claimed // precision).rstrip("0")
    is_loose = len(digits) <= 2 and precision >= 10**9
    return NAME_TOLERANCE if is_loose else FIGURE_TOLERANCE


def _claim(counts: Counts, statement: _Statement) -> Claim:
    counted = _counted(counts, statement.kind)
    if counted is None:
        return _outcome(statement, None, agrees=None)
    if statement.kind == "bytes":
        return _bytes_claim(counts, statement, counted)
    variants = _variants(counts, statement.kind)
    fitting = [name for name, value in variants.items() if _rounds(value, statement) or _truncates(value, statement)]
    surplus = _surplus(counts, statement, counted) if statement.precision == 1 else ""
    chosen = _choose(variants, statement, is_exact=bool(surplus))
    if chosen is not None:
        conventions = [chosen, *(name for name in fitting if name != chosen)]
        reason = surplus if chosen == ALL_IN else _left_out(counts, chosen)
        return _outcome(statement, counted, agrees=True, conventions=conventions, reason=reason)
    return _outcome(statement, counted, agrees=False, reason=surplus or _far_off(counts, statement, counted))


def _choose(variants: Mapping[str, int], statement: _Statement, *, is_exact: bool) -> str | None:
    """The convention that a claim fits best; None where it fits none.

    An active figure is rounded far more often than truncated, so a convention that it rounds to comes before
    one that it truncates to. A total is nearly always the whole or the whole less something named: the
    plainest comes first, and embeddings are left out only by vendors.
    """
    natural = {name: value for name, value in variants.items() if name != ALL_IN and "embedding" not in name}
    plain = {name: value for name, value in variants.items() if name == ALL_IN}
    without = {name: value for name, value in variants.items() if name not in natural | plain}
    steps: list[tuple[Mapping[str, int], Callable[[int, _Statement], bool]]]
    if statement.kind == "active":
        steps = [(variants, _rounds), (variants, _truncates), (variants, _is_near)]
    else:
        steps = [(plain, _rounds), (natural, _rounds), (plain, _truncates), (plain, _is_about), (natural, _truncates)]
        if statement.source == "vendor":
            steps += [(without, _rounds), (without, _truncates)]
        steps += [(plain, _is_near)]
        if not is_exact:
            steps += [(natural, _is_near)]
    for options, fits in steps:
        for name, value in options.items():
            if fits(value, statement):
                return name
    return None


def _counted(counts: Counts, kind: Kind) -> int | None:
    if kind == "bytes":
        return counts.weights_bytes
    if kind == "active":
        return counts.active
    if kind == "one_expert":
        if not counts.total or not counts.routed_experts:
            return None
        shared = counts.total - counts.routed_expert_parameters
        return shared + counts.routed_expert_parameters // counts.routed_experts
    return counts.total


def _outcome(
    statement: _Statement,
    counted: int | None,
    *,
    agrees: bool | None,
    conventions: list[str] | None = None,
    reason: str = "",
) -> Claim:
    names = tuple(conventions or ())
    return Claim(
        source=statement.source,
        kind=statement.kind,
        claimed=statement.claimed,
        precision=statement.precision,
        counted=counted,
        difference=None if counted is None else statement.claimed - counted,
        ratio=None if not counted else statement.claimed / counted,
        agrees=agrees,
        convention=names[0] if names else "",
        conventions=names,
        reason=reason,
    )


def _variants(counts: Counts, kind: Kind) -> dict[str, int]:
    """What the count becomes in each convention, the plainest first."""
    if kind == "one_expert":
        one = _counted(counts, kind)
        return {} if one is None else {ALL_IN: one}
    if kind == "active":
        return _active_variants(counts)
    total = counts.total or 0
    parts = {
        "prediction layers out": counts.prediction_layers,
        "copies in prediction layers out": counts.prediction_copies,
        "towers out": counts.towers,
        "lookup tables out": counts.lookup_tables,
        INPUT_OUT: counts.input_embedding if counts.output_head else 0,
        BOTH_OUT: counts.input_embedding + counts.output_head,
    }
    alike = [{"prediction layers out", "copies in prediction layers out"}, {INPUT_OUT, BOTH_OUT}]
    present = [name for name, size in parts.items() if size]
    out = {ALL_IN: total}
    for number in range(1, len(present) + 1):
        for names in combinations(present, number):
            if not any(pair <= set(names) for pair in alike):
                out[", ".join(names)] = total - sum(parts[name] for name in names)
    return out


def _active_variants(counts: Counts) -> dict[str, int]:
    out = {
        ALL_IN: counts.active,
        INPUT_OUT: counts.active_compute,
        BOTH_OUT: counts.active_without_embeddings,
    }
    known = {name: value for name, value in out.items() if value is not None}
    if counts.towers:
        known |= {
            ("towers in" if name == ALL_IN else f"towers in, {name}"): value + counts.towers
            for name, value in known.items()
        }
    return known


def _rounds(value: int, statement: _Statement) -> bool:
    if statement.precision == 1:
        return value == statement.claimed
    return 2 * abs(value - statement.claimed) <= statement.precision


def _truncates(value: int, statement: _Statement) -> bool:
    return statement.precision > 1 and 0 <= value - statement.claimed < statement.precision


def _is_about(value: int, statement: _Statement) -> bool:
    """A figure that ends in a zero may have one digit less than it shows: 401.6 B is called 400 B."""
    ends_in_zero = statement.precision > 1 and statement.claimed % (10 * statement.precision) == 0
    return ends_in_zero and _close(value, statement.claimed, FIGURE_TOLERANCE)


def _is_near(value: int, statement: _Statement) -> bool:
    return _close(value, statement.claimed, statement.tolerance)


def _close(value: int, claimed: int, tolerance: float) -> bool:
    return abs(value - claimed) <= tolerance * claimed


def _left_out(counts: Counts, convention: str) -> str:
    sizes = {
        "prediction layers out": ("the extra prediction layers", counts.prediction_layers),
        "copies in prediction layers out": (
            "copies of embedding and head in the prediction layers",
            counts.prediction_copies,
        ),
        "towers out": ("the towers", counts.towers),
        "lookup tables out": ("lookup tables", counts.lookup_tables),
        INPUT_OUT: ("the input embedding", counts.input_embedding),
        BOTH_OUT: ("both embeddings", counts.input_embedding + counts.output_head),
    }
    if "towers in" in convention:
        return f"it counts the towers ({format_count(counts.towers)})"
    words = [sizes[name] for name in convention.split(", ") if name in sizes]
    return f"it leaves out {_and([f'{what} ({format_count(size)})' for what, size in words])}" if words else ""


def _surplus(counts: Counts, statement: _Statement, counted: int) -> str:
    """Why an exact claim differs: the fewest known parts that make up the difference, to the unit or nearly."""
    if statement.kind != "total":
        return ""
    head = counts.tied_copy or (0 if counts.output_head else counts.input_embedding)
    parts: Mapping[str, int] = {
        f"counts packed elements as parameters ({format_count(counts.packing_gain)} too few)": -counts.packing_gain,
        f"counts the tied head twice ({format_count(head)})": head,
        f"counts scales ({format_count(counts.scales)})": counts.scales,
        f"counts buffers that are no parameters ({format_count(counts.buffers)})": counts.buffers,
        f"leaves out the extra prediction layers ({format_count(counts.prediction_layers)})": (
            -counts.prediction_layers
        ),
        f"leaves out the towers ({format_count(counts.towers)})": -counts.towers,
    }
    present = [(words, size) for words, size in parts.items() if size]
    difference = statement.claimed - counted
    best: tuple[tuple[str, int], ...] = ()
    for number in range(1, 4):
        for group in combinations(present, number):
            if _unexplained(difference, group) < _unexplained(difference, best) // 2 or (
                _unexplained(difference, group) == 0 != _unexplained(difference, best)
            ):
                best = group
    rest = _unexplained(difference, best)
    if not best or rest > _NEAR * statement.claimed or 4 * rest > abs(difference):
        return ""
    reason = f"it {_and([words for words, _ in best])}"
    return f"{reason}; {format_integer(rest)} stay unexplained" if rest else reason


def _unexplained(difference: int, group: Sequence[tuple[str, int]]) -> int:
    return abs(difference - sum(size for _, size in group))


def _far_off(counts: Counts, statement: _Statement, counted: int) -> str:
    if statement.precision == 1 and statement.kind == "total" and counts.packing_gain > 0:
        share = counted / statement.claimed if statement.claimed else 0
        if 1.3 < share < 16:
            return f"it seems to count packed elements as parameters: the count is {share:.2f} times the claim"
    if statement.source == "index total_parameters":
        return "the index's figure was not written for these weights"
    return ""


def _bytes_claim(counts: Counts, statement: _Statement, counted: int) -> Claim:
    """`total_size` beside the bytes stored. Writers disagree on what it holds, so few values are an error."""
    claimed = statement.claimed
    if claimed == 0:
        return _outcome(statement, counted, agrees=False, reason="it was never filled in")
    if _close(counted, claimed, EXACT_TOLERANCE):
        return _outcome(statement, counted, agrees=True, conventions=["bytes stored"])
    elements = counts.stored_elements or 0
    for width in (2, 4, 1):
        if elements and _close(width * elements, claimed, EXACT_TOLERANCE):
            return _outcome(
                statement,
                counted,
                agrees=False,
                reason=f"it is {width} bytes for each stored element, not the bytes stored",
            )
    for width in (2, 4):
        if counts.total and _close(width * counts.total, claimed, EXACT_TOLERANCE):
            return _outcome(
                statement, counted, agrees=False, reason=f"it is {width} bytes for each parameter, unpacked"
            )
    off = format_percent(abs(claimed - counted) / counted)
    return _outcome(statement, counted, agrees=False, reason=f"it is off by {off}")


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
