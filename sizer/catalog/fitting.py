"""Which models of the catalog fit a place: the question of `sizer fit`.

Nothing is read here, so weights and cache come from the entry: weights as stored where a release is quantised, else
estimated from total parameters and the bits of a format; the cache as `inspect` counts it, from the entry's bytes per
token, windows and states; the overhead from its shape.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sizer.anatomy.attention import AttentionSpec
from sizer.catalog.cache import attention_of
from sizer.catalog.listing import Filter, select
from sizer.catalog.models import CatalogEntry
from sizer.errors import UsageError
from sizer.sizing.fit import Fit, fit_on
from sizer.sizing.formats import WeightFormat, weight_format, weight_formats
from sizer.sizing.hardware import Target
from sizer.sizing.memory import estimate_memory
from sizer.sizing.speed import Reads, multiplied_bits
from sizer.values import frozen

__all__ = [
    "AS_STORED",
    "FIT_SORTS",
    "CatalogFit",
    "FitList",
    "WeightFormat",
    "find_fitting",
    "weight_format",
    "weight_formats",
]

FIT_SORTS = ("best", "total", "active", "speed", "released", "name")
AS_STORED = "stored"
"""Key of the format that a release has itself."""
_GENERATING = ("chat", "completion")
_PACKED_BITS = {"MXFP4": 4.25, "NVFP4": 4.5, "FP8": 8.0}
"""Bits for one packed parameter, by the release's format: 32 values share an 8-bit scale (OCP Microscaling Formats
v1.0), 16 an 8-bit one (NVFP4, cuDNN documentation), blocks of FP8 scales that add under 0.01 bits."""
_PACKINGS = ("-fp8", "-nvfp4", "-mxfp4", "-awq", "-int4", "-int8")
"""How repositories that hold another entry's weights in a packing of their own end."""


@frozen
class CatalogFit:
    """One model of the catalog in the widest format that fits."""

    id: str
    total_parameters: int
    active_parameters: int | None
    basis: str
    """Of the two counts."""
    licence: str | None
    released: datetime.date | None
    format: str
    """Key of the weight format; `stored` for the packing that the release has."""
    format_name: str
    """For people: `Q4_K_M`, `MXFP4`."""
    weights_bytes: int
    """What the files hold, where the format is `stored`; else total parameters in that format."""
    weights_bytes_basis: str
    """`counted` or `declared` as stored, else `estimated`."""
    needs_scaling: bool
    """Whether the context asked for is beyond what config.json allows as it is: positions must be scaled (YaRN)."""
    unscaled_context_tokens: int | None
    """What config.json allows as it is, where the catalog's context needs scaled positions."""
    longest_needs_scaling: bool
    """Whether the longest context under `fit` needs scaled positions; the limit is `scaled` where nothing else ends
    first."""
    speed_is_rough: bool
    """Whether a step is taken to read the input embedding, because the catalog does not know that it does not."""
    fit: Fit


@frozen
class FitList:
    """The models that fit, and how many do not."""

    on: str
    name: str
    memory_bytes: int
    """What the devices of the place have, all together."""
    available_bytes: int
    """What a program can have of it."""
    context_tokens: int
    sequences: int
    cache_dtype: str
    formats: tuple[WeightFormat, ...]
    """The formats that were tried, widest first; a quantised release as it is stored, and in narrower ones."""
    models: tuple[CatalogFit, ...]
    sort: str
    fitting: int
    """How many fit, shown or not."""
    too_large: int
    """How many fit in none of the formats."""
    too_short: int
    """How many do not take the context."""
    unknown: tuple[str, ...]
    """Models whose weights would fit, but whose cache or size is not known."""


def find_fitting(
    entries: Sequence[CatalogEntry],
    wanted: Filter,
    target: Target,
    *,
    context_tokens: int,
    sequences: int = 1,
    cache_dtype: str = "bf16",
    formats: Sequence[WeightFormat] = (),
    sort: str = "best",
    limit: int | None = None,
) -> FitList:
    """The models that fit a place at a context, each in the widest of the formats that does.

    Without a task in the filter only models that write text are judged. Raises UsageError.
    """
    if sort not in FIT_SORTS:
        raise UsageError(
            f"--sort: `{sort}` is not an order", code="usage.choice", because=f"known are {', '.join(FIT_SORTS)}",
            hint="`best` is the newest 12 months first, the largest first in them, then the 12 before",
        )  # fmt: skip
    tried = tuple(formats) or weight_formats()
    found: list[CatalogFit] = []
    unknown: list[str] = []
    too_large = too_short = 0
    ids = {entry.id.casefold() for entry in entries}
    for entry in select(entries, wanted).models:
        if (not wanted.task and entry.task not in _GENERATING) or _is_packing(entry, ids):
            continue
        if entry.context_tokens is not None and entry.context_tokens < context_tokens:
            too_short += 1
            continue
        judged = list(_judge(entry, target, tried, context_tokens, sequences, cache_dtype))
        best = next((one for one in judged if one.fit.fits == "yes"), None)
        best = best or next((one for one in judged if one.fit.fits == "tight"), None)
        if best is not None:
            found.append(best)
        elif not judged or judged[-1].fit.fits == "unknown":
            unknown.append(entry.id)
        else:
            too_large += 1
    ordered = sorted(found, key=_order(sort, found))
    return FitList(
        on=target.asked,
        name=target.name,
        memory_bytes=target.memory_bytes,
        available_bytes=target.available_bytes,
        context_tokens=context_tokens,
        sequences=sequences,
        cache_dtype=cache_dtype,
        formats=tried,
        models=tuple(ordered[:limit]),
        sort=sort,
        fitting=len(found),
        too_large=too_large,
        too_short=too_short,
        unknown=tuple(unknown),
    )


def _is_packing(entry: CatalogEntry, ids: set[str]) -> bool:
    """Whether the catalog has the same model without the packing: the formats stand for it."""
    name = entry.id.casefold()
    return any(name.endswith(end) and name.removesuffix(end) in ids for end in _PACKINGS)


def _judge(
    entry: CatalogEntry,
    target: Target,
    formats: Iterable[WeightFormat],
    context_tokens: int,
    sequences: int,
    cache_dtype: str,
) -> Iterable[CatalogFit]:
    total = entry.total_parameters
    if total is None:
        return
    spec = attention_of(entry)
    for width in _widths(entry, total, tuple(formats)):
        is_stored = width.key == AS_STORED and entry.stored_bytes is not None
        weights = entry.stored_bytes if is_stored and entry.stored_bytes else round(total * width.bits / 8)
        basis = entry.basis if is_stored else "estimated"
        memory = estimate_memory(
            spec, weights, weights_basis=basis, context_tokens=context_tokens, sequences=sequences,
            cache_dtype=cache_dtype,
        )  # fmt: skip
        fit = fit_on(target, spec, memory, _reads(entry, spec, width))
        longest = fit.longest_context_tokens
        is_scaled = longest is not None and entry.needs_scaling(longest)
        if is_scaled and fit.longest_context_limit == "model":
            fit = replace(fit, longest_context_limit="scaled")
        yield CatalogFit(
            id=entry.id,
            total_parameters=total,
            active_parameters=entry.active_parameters,
            basis=entry.basis,
            licence=entry.licence,
            released=entry.released,
            format=width.key,
            format_name=width.name,
            weights_bytes=weights,
            weights_bytes_basis=basis,
            needs_scaling=entry.needs_scaling(context_tokens),
            unscaled_context_tokens=entry.unscaled_context_tokens,
            longest_needs_scaling=is_scaled,
            speed_is_rough=entry.active_compute_parameters is None,
            fit=fit,
        )


def _widths(entry: CatalogEntry, total: int, formats: tuple[WeightFormat, ...]) -> tuple[WeightFormat, ...]:
    """The formats to judge an entry in: a quantised release as it is stored in place of all that are wider."""
    if entry.stored_bytes is None or entry.stored_format is None:
        return formats
    bits = entry.stored_bytes * 8 / total
    narrower = tuple(width for width in formats if width.bits < bits)
    stored = WeightFormat(
        key=AS_STORED, name=entry.stored_format, bits=bits, source=entry.stored_source or entry.source,
        checked=entry.checked,
    )  # fmt: skip
    return narrower if len(narrower) == len(formats) else (stored, *narrower)


def _reads(entry: CatalogEntry, spec: AttentionSpec, width: WeightFormat) -> Reads | None:
    """What a step reads: routed parameters follow from total, active and the share of experts picked.

    The input embedding is left out where the catalog knows that the head is a matrix of its own. A release that is
    packed as it is published has its routed experts packed; what its files hold beside them is read whole.
    """
    total, active = entry.total_parameters, entry.active_parameters
    if total is None or active is None:
        return None
    experts, picked = entry.routed_experts, entry.experts_per_token
    routed = 0
    if experts and picked and picked < experts and active < total:
        routed = min(total, round((total - active) / (1 - picked / experts)))
    per_parameter = width.bits / 8
    multiplied = active if entry.active_compute_parameters is None else entry.active_compute_parameters
    embedding = active - multiplied
    fixed = max(0, (total if routed else active) - routed - embedding)
    fixed_bytes, routed_bytes = fixed * per_parameter, routed * per_parameter
    packed = _PACKED_BITS.get(entry.stored_format or "")
    if width.key == AS_STORED and packed and entry.stored_bytes:
        beside = entry.stored_bytes - routed * packed / 8 - 2 * embedding  # tables of tokens stay at 16 bits
        fixed_bytes = min(max(beside, fixed * packed / 8), 2 * fixed) if routed else beside
        routed_bytes = entry.stored_bytes - 2 * embedding - fixed_bytes
    return Reads(
        fixed_bytes=round(fixed_bytes),
        routed_bytes=round(routed_bytes),
        experts=experts if routed else None,
        experts_per_token=picked if routed else None,
        layers=spec.layers or 0,
        active_parameters=multiplied,
        routed_parameters=routed,
        compute_bits=multiplied_bits(width.name),
    )


def _order(sort: str, found: Sequence[CatalogFit]) -> Callable[[CatalogFit], tuple[object, ...]]:
    newest = max((one.released for one in found if one.released), default=None)

    def years(one: CatalogFit) -> int:
        """Whole years that it is older than the newest that fits."""
        return 99 if one.released is None or newest is None else (newest - one.released).days // 365

    def speed(one: CatalogFit) -> float:
        decode = one.fit.speed.decode if one.fit.speed else None
        return -decode.expected_tokens_per_second[1] if decode else 0.0

    orders: dict[str, Callable[[CatalogFit], tuple[object, ...]]] = {
        "best": lambda one: (years(one), -one.total_parameters, one.id),
        "total": lambda one: (-one.total_parameters, one.id),
        "active": lambda one: (one.active_parameters is None, one.active_parameters or 0, one.id),
        "speed": lambda one: (speed(one), one.id),
        "released": lambda one: (-(one.released.toordinal() if one.released else 0), one.id),
        "name": lambda one: (one.id.casefold(),),
    }
    return orders[sort]
