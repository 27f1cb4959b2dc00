"""One model's sizing in one call: memory, and how it fits where it was asked for or wherever is smallest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sizer.anatomy.attention import AttentionSpec, describe_attention
from sizer.anatomy.parameters import Anatomy
from sizer.sizing.fit import Fit, fit_on, smallest_targets
from sizer.sizing.hardware import Target
from sizer.sizing.memory import Memory, estimate_memory
from sizer.sizing.speed import Reads, reads_of

__all__ = ["Sizing", "size_model"]


@dataclass(frozen=True, kw_only=True)
class Sizing:
    """What one model takes to run."""

    memory: Memory
    fit: tuple[Fit, ...]
    """One for each place asked for; without any, the smallest places that hold it."""
    spec: AttentionSpec
    reads: Reads | None


def size_model(
    anatomy: Anatomy,
    config: dict[str, Any] | None,
    weights_bytes: int | None,
    *,
    weights_basis: str = "counted",
    context_tokens: int | None = None,
    sequences: int = 1,
    cache_dtype: str = "auto",
    targets: Sequence[Target] = (),
    smallest: bool = True,
) -> Sizing:
    """Memory and fit of a counted model. `smallest` looks for the smallest places where `targets` is empty."""
    spec = describe_attention(config, anatomy.components_of)
    memory = estimate_memory(
        spec, weights_bytes, weights_basis=weights_basis, context_tokens=context_tokens, sequences=sequences,
        cache_dtype=cache_dtype,
    )  # fmt: skip
    reads = reads_of(anatomy, spec.layers)
    if targets:
        fits = tuple(fit_on(target, spec, memory, reads) for target in targets)
    else:
        fits = smallest_targets(spec, memory, reads) if smallest else ()
    return Sizing(memory=memory, fit=fits, spec=spec, reads=reads)
