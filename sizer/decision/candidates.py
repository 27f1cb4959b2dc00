"""Which models the constraints leave: each named model judged by arithmetic, with the reason where it is refused.

Constraints never vote on the verdict. Memory is judged by total parameters, speed by active ones, context by
the window that was shown to work, so that a mixture of experts with 3 B active fits a phone no more than its
30 B do.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from sizer.decision.advice import Size
from sizer.decision.constraints import Leg, Limits
from sizer.decision.footprint import (
    Footprint,
    assumptions,
    decode_ceiling,
    device_of,
    fastest_answer_ms,
    measure_footprint,
    reference_device,
    weight_width,
)
from sizer.sizing.size_class import ClassPair, classify_pair
from sizer.units import format_bytes, format_count, format_integer
from sizer.values import frozen

__all__ = [
    "Candidate",
    "Refusal",
    "Subject",
    "best_first",
    "judge",
    "pool_leg",
]

Fit = Literal["fits", "tight", "unknown", "refused"]


class Subject(Protocol):
    """What is known about a model that is judged; a catalog entry is one."""

    @property
    def id(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def basis(self) -> str: ...
    @property
    def total_parameters(self) -> int | None: ...
    @property
    def active_parameters(self) -> int | None: ...
    @property
    def context_tokens(self) -> int | None: ...
    @property
    def effective_context_tokens(self) -> int | None: ...
    def kv_cache_bytes(self, context_tokens: int) -> int | None: ...
    def needs_scaling(self, context_tokens: int) -> bool: ...
    @property
    def licence(self) -> str | None: ...
    @property
    def task(self) -> str: ...
    @property
    def released(self) -> datetime.date | None: ...
    @property
    def unknown_reason(self) -> str:
        """Why the total or the active count is not known; `""` where both are or nobody says."""


@frozen
class Refusal:
    """Why a constraint refuses a candidate."""

    constraint: str
    text: str
    needs: float | None
    """The value of the constraint at which the candidate would pass; None where none would do."""


@frozen
class Candidate:
    """A model, judged for one leg."""

    model: str
    leg: Leg
    family: str
    task: str
    """`chat`, or `encoder` where an encoder is what to start with."""
    size: str
    """The kind of small model it is of (an id of `sizes`); `""` where none, and for the large leg."""
    total_parameters: int | None
    active_parameters: int | None
    basis: str
    """Of the two counts: `counted` or `declared`."""
    size_class: ClassPair
    licence: str | None
    released: datetime.date | None
    bits: int
    bits_per_weight: float
    """What a file of that nominal width holds for a weight, scales included: 4.85 at 4 bits (Q4_K_M)."""
    weights_bytes: int | None
    """Estimated for these bits, by total parameters."""
    kv_cache_bytes: int | None
    """For one sequence of the context; null where the bytes per token are not known."""
    resident_bytes_low: int | None
    resident_bytes_high: int | None
    gpus: int | None
    """80 GB GPUs that hold it."""
    context_tokens: int | None
    effective_context_tokens: int | None
    fastest_answer_ms: float | None
    """To the last token of `output_tokens` (the first where they were not given), by active parameters, at the
    ceiling: nothing real is faster."""
    decode_tokens_per_second: tuple[float, float] | None
    """Expected on the device, by active parameters; null on a server, where the number of layers decides too."""
    speed_on: str
    """The device that both are reckoned on; on a server as many as memory asks for."""
    fit: Fit
    """`tight`: only the better end of the range fits. `unknown`: a constraint cannot be judged, as memory without the
    cache, or its total or active count is not known, and the model is not named as one that fits."""
    refusals: tuple[Refusal, ...]
    unjudged: tuple[str, ...]
    """Constraints that cannot be judged, because a figure is not known."""
    notes: tuple[str, ...]

    @property
    def is_admitted(self) -> bool:
        """Whether every constraint could be judged and none refuses it."""
        return self.fit in ("fits", "tight")


def pool_leg(subject: Subject, sizes: Sequence[Size], *, on_device: bool, bits: int) -> Leg | None:
    """The leg that a catalog model could serve; None where it is none of them.

    Small: few active parameters and held by one 24 GB GPU; the grey zone counts where no device caps it.
    Large: 30 B total and up. Encoders serve only where an encoder is what to start with.
    """
    total, active = subject.total_parameters, subject.active_parameters
    if total is None:
        return None
    if subject.task == "encoder":
        return "small" if sizes and sizes[0].id == "encoder" else None
    if subject.task != "chat":
        return None
    pair = classify_pair(active if active is not None else total, total)
    small_classes = ("below_1b", "slm") if on_device else ("below_1b", "slm", "grey")
    weights = measure_footprint(total, bits=bits, kv_cache_bytes=None, on_device=False)
    if pair.by_active in small_classes and weights.weights_bytes <= device_of(assumptions().small_leg).available_bytes:
        return "small"
    return "large" if pair.by_total == "llm" else None


def judge(subject: Subject, leg: Leg, limits: Limits) -> Candidate:
    """One model against the constraints of one leg; an encoder at 16 bits at least."""
    if subject.task == "encoder":
        limits = replace(limits, bits=max(limits.bits, assumptions().encoder_bits))
    total, active = subject.total_parameters, subject.active_parameters
    on_device = limits.on_device and leg == "small"
    footprint = _footprint(subject, limits, on_device=on_device)
    fastest = _fastest(subject, limits, footprint, on_device=on_device)
    judgements = {
        "memory": _judge_memory(footprint, limits, leg),
        "context": _judge_context(subject, limits, leg),
        "latency": _judge_latency(fastest, limits, leg),
    }
    found = [judgement.fit for judgement in judgements.values()]
    found += ["unknown"] if total is None or active is None else []
    refusals = tuple(judgement.refusal for judgement in judgements.values() if judgement.refusal)
    notes = [judgement.note for judgement in judgements.values() if judgement.note]
    notes += _unknowns(subject, footprint) + _mismatch(subject, leg, limits.bits)
    return Candidate(
        model=subject.id,
        leg=leg,
        family=subject.family,
        task=subject.task,
        size="",
        total_parameters=total,
        active_parameters=active,
        basis=subject.basis,
        size_class=classify_pair(active, total),
        licence=subject.licence,
        released=subject.released,
        bits=limits.bits,
        bits_per_weight=weight_width(limits.bits),
        weights_bytes=footprint.weights_bytes if footprint else None,
        kv_cache_bytes=footprint.kv_cache_bytes if footprint else None,
        resident_bytes_low=footprint.resident_bytes_low if footprint else None,
        resident_bytes_high=footprint.resident_bytes_high if footprint else None,
        gpus=footprint.gpus if footprint else None,
        context_tokens=subject.context_tokens,
        effective_context_tokens=subject.effective_context_tokens,
        fastest_answer_ms=fastest,
        decode_tokens_per_second=_device_speed(subject, limits) if on_device else None,
        speed_on=reference_device(on_device=on_device).name,
        fit="refused" if refusals else max(found, key=_FITS.index),
        refusals=refusals,
        unjudged=tuple(name for name, judgement in judgements.items() if judgement.fit == "unknown"),
        notes=tuple(notes),
    )


def _footprint(subject: Subject, limits: Limits, *, on_device: bool) -> Footprint | None:
    if subject.total_parameters is None:
        return None
    return measure_footprint(
        subject.total_parameters,
        bits=limits.bits,
        kv_cache_bytes=_kept(subject, limits.context_tokens or assumptions().context_tokens),
        on_device=on_device,
    )


def _kept(subject: Subject, context_tokens: int) -> int | None:
    """The cache of one sequence; an encoder keeps nothing between tokens, as `inspect` says too."""
    kept = subject.kv_cache_bytes(context_tokens)
    return 0 if kept is None and subject.task == "encoder" else kept


def _device_speed(subject: Subject, limits: Limits) -> tuple[float, float] | None:
    if subject.active_parameters is None:
        return None
    known = assumptions()
    ceiling = decode_ceiling(subject.active_parameters, bits=limits.bits, on_device=True, gpus=1)
    return known.bandwidth_share_low * ceiling, known.bandwidth_share_high * ceiling


def _fastest(subject: Subject, limits: Limits, footprint: Footprint | None, *, on_device: bool) -> float | None:
    if subject.active_parameters is None or footprint is None:
        return None
    return fastest_answer_ms(
        active_parameters=subject.active_parameters,
        bits=limits.bits,
        prompt_tokens=limits.context_tokens or 0,
        output_tokens=limits.output_tokens or 1,
        on_device=on_device,
        gpus=footprint.gpus,
    )


_FITS: tuple[Fit, ...] = ("fits", "tight", "unknown", "refused")


@frozen
class _Judgement:
    """One constraint held against one model."""

    fit: Fit = "fits"
    refusal: Refusal | None = None
    note: str = ""


def _refuse(constraint: str, text: str, needs: float) -> _Judgement:
    return _Judgement(fit="refused", refusal=Refusal(constraint=constraint, text=text, needs=needs))


def _judge_memory(footprint: Footprint | None, limits: Limits, leg: Leg) -> _Judgement:
    if limits.memory_bytes is None or not limits.holds_for("memory", leg):
        if footprint is not None and footprint.kv_cache_bytes is None and limits.holds_for("on_prem", leg):
            return _Judgement(fit="unknown", note="what hosting it takes cannot be judged without the cache")
        return _Judgement()
    if footprint is None:
        return _Judgement(fit="unknown", note="the total is not known: memory cannot be judged")
    low, high = footprint.resident_bytes_low, footprint.resident_bytes_high
    if footprint.kv_cache_bytes is None and low <= limits.memory_bytes:
        return _Judgement(fit="unknown", note="memory cannot be judged without the cache")
    resident = f"{format_bytes(low)} to {format_bytes(high)} resident (file {format_bytes(footprint.weights_bytes)})"
    if low > limits.memory_bytes:
        text = f"{resident} exceed {format_bytes(limits.memory_bytes)}"
        return _refuse("memory", text, math.ceil(low / 10**8) / 10)
    if high > limits.memory_bytes:
        return _Judgement(fit="tight", note=f"tight: {resident} against {format_bytes(limits.memory_bytes)}")
    return _Judgement()


def _judge_context(subject: Subject, limits: Limits, leg: Leg) -> _Judgement:
    needed = limits.context_tokens
    if needed is None or not limits.holds_for("context", leg):
        return _Judgement()
    claim, works = subject.context_tokens, subject.effective_context_tokens
    asked = f"{format_integer(needed)} tokens"
    if works is not None and works < needed:
        text = f"the window works to {format_integer(works)} tokens, {asked} are needed"
        text += f" (the card claims {format_integer(claim)})" if claim else ""
        return _refuse("context", text, works)
    if claim is None:
        return _Judgement(fit="unknown", note="the window is not known: it cannot be judged")
    if claim < needed:
        return _refuse("context", f"the window is {format_integer(claim)} tokens, {asked} are needed", claim)
    if subject.needs_scaling(needed):
        return _Judgement(note=f"{asked} need scaled positions (YaRN): config.json alone allows less")
    if works is None and needed > claim / 2:
        return _Judgement(note=f"{asked} are above half of the claimed {format_integer(claim)}: test it there")
    return _Judgement()


def _judge_latency(fastest: float | None, limits: Limits, leg: Leg) -> _Judgement:
    if limits.latency_ms is None or not limits.holds_for("latency", leg):
        return _Judgement()
    if fastest is None:
        return _Judgement(fit="unknown", note="the active count is not known: latency cannot be judged")
    if fastest > limits.latency_ms:
        text = f"{fastest:,.0f} ms at best, {limits.latency_ms:g} ms are allowed"
        return _refuse("latency", text, math.ceil(fastest))
    return _Judgement()


def _unknowns(subject: Subject, footprint: Footprint | None) -> list[str]:
    notes = []
    if footprint is not None and footprint.kv_cache_bytes is None:
        notes.append("KV cache not known, left out of the memory")
    total, active = subject.total_parameters, subject.active_parameters
    if total is None or active is None:
        which = "active" if total is not None else "total" if active is not None else "total and active"
        why = f": {subject.unknown_reason}" if subject.unknown_reason else ""
        notes.append(f"{which} parameters not known{why}")
    elif active * 2 <= total:
        notes.append(f"memory of a {format_count(total)} model, speed of a {format_count(active)} one")
    return notes


def _mismatch(subject: Subject, leg: Leg, bits: int) -> list[str]:
    """A note where a named model is of another size than its leg asks for."""
    own = pool_leg(subject, (), on_device=False, bits=bits)
    if own is None or own == leg:
        return []
    return [f"{'smaller' if own == 'small' else 'larger'} than what the advice asks for"]


def best_first(candidates: Iterable[Candidate], sizes: Sequence[Size]) -> tuple[Candidate, ...]:
    """Candidates in the order to look at, whatever the order they came in: the size to start with, then newest."""
    ids = [size.id for size in sizes]

    def rank(candidate: Candidate) -> tuple[bool, int, int, str]:
        age = -(candidate.released.toordinal() if candidate.released else 0)
        rung = ids.index(candidate.size) if candidate.size else len(ids)
        return (candidate.leg == "large", rung, age, candidate.model)

    sized = (replace(candidate, size=_size_of(candidate, sizes)) for candidate in candidates)
    return tuple(sorted(sized, key=rank))


def _size_of(candidate: Candidate, sizes: Sequence[Size]) -> str:
    """The id of the size that a small model is of; what generates is no encoder, however small."""
    if candidate.leg == "large":
        return ""
    if candidate.task == "encoder":
        return next((size.id for size in sizes if size.id == "encoder"), "")
    total = candidate.total_parameters or 0
    generating = (size for size in sizes if size.id != "encoder")
    fitting = (s.id for s in generating if s.total_parameters_from <= total < s.total_parameters_to)
    return next(fitting, "")
