"""One model's sizing in one call: memory, and how it fits where it was asked for or wherever is smallest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sizer.anatomy.attention import AttentionSpec, describe_attention, unknown_attention
from sizer.anatomy.parameters import Anatomy
from sizer.sizing.fit import Fit, fit_on, narrower, smallest_targets
from sizer.sizing.hardware import Target
from sizer.sizing.memory import Memory, estimate_memory
from sizer.sizing.speed import Reads, reads_of
from sizer.values import frozen

__all__ = ["Sizing", "SizingSettings", "size_model", "size_unknown"]


@frozen
class SizingSettings:
    """What to size a model for."""

    context_tokens: int | None = None
    """None: what `memory` assumes."""
    sequences: int = 1
    cache_dtype: str = "auto"
    targets: tuple[Target, ...] = ()
    """Where it is to run; without any, the smallest places that hold it are looked for."""


@frozen
class Sizing:
    """What one model takes to run."""

    memory: Memory
    fit: tuple[Fit, ...]
    """One for each place asked for; without any, the smallest places that hold it."""
    spec: AttentionSpec
    reads: Reads | None


def size_model(
    anatomy: Anatomy | None,
    config: dict[str, Any] | None,
    weights_bytes: int | None,
    settings: SizingSettings | None = None,
    *,
    weights_basis: str = "counted",
) -> Sizing:
    """Memory and fit of one model; without an anatomy (no headers were read) from config.json alone."""
    spec = describe_attention(config, anatomy.components_of if anatomy else ())
    reads = reads_of(anatomy, spec.layers) if anatomy else None
    return _size(
        spec, reads, weights_bytes, weights_basis, settings or SizingSettings(), anatomy.total if anatomy else None
    )


def size_unknown(
    reason: str, weights_bytes: int | None, settings: SizingSettings | None = None, *, weights_basis: str = "counted"
) -> Sizing:
    """The sizing of weights whose cache is not a matter of one text model: only the weights are known."""
    return _size(unknown_attention(reason), None, weights_bytes, weights_basis, settings or SizingSettings())


def _size(
    spec: AttentionSpec, reads: Reads | None, weights_bytes: int | None, weights_basis: str,
    settings: SizingSettings, total_parameters: int | None = None,
) -> Sizing:  # fmt: skip
    memory = estimate_memory(
        spec, weights_bytes, weights_basis=weights_basis, context_tokens=settings.context_tokens,
        sequences=settings.sequences, cache_dtype=settings.cache_dtype, total_parameters=total_parameters,
    )  # fmt: skip
    targets: Sequence[Target] = settings.targets
    fits = tuple(_fit(target, spec, memory, reads, total_parameters) for target in targets)
    return Sizing(memory=memory, fit=fits or smallest_targets(spec, memory, reads), spec=spec, reads=reads)


def _fit(target: Target, spec: AttentionSpec, memory: Memory, reads: Reads | None, total_parameters: int | None) -> Fit:
    fit = fit_on(target, spec, memory, reads)
    if fit.fits != "no" or total_parameters is None:
        return fit
    return replace(fit, narrower=narrower(total_parameters, target, spec, memory))
