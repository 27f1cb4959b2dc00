"""When nothing fits: which constraints exclude everything together, and what relaxing each would admit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sizer.decision.candidates import Candidate, Constraint, Leg
from sizer.units import format_bytes, format_integer, plural

__all__ = ["Conflict", "Relaxation", "find_conflict"]


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """What giving up one constraint would admit, the others held."""

    constraint: str
    admits: int
    """Candidates that would then fit."""
    needs: float | None
    """The value that admits the first of them; null where the constraint has none."""
    examples: tuple[str, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """The fewest constraints that leave no candidate for a leg."""

    leg: Leg
    constraints: tuple[str, ...]
    text: str
    relaxations: tuple[Relaxation, ...]


def find_conflict(leg: Leg, judged: Sequence[Candidate], constraints: Sequence[Constraint]) -> Conflict | None:
    """Why no candidate of a leg is admitted; None where one is, or where none was judged."""
    candidates = [candidate for candidate in judged if candidate.leg == leg]
    if any(candidate.is_admitted for candidate in candidates):
        return None
    names = [entry.id for entry in constraints if leg in entry.legs]
    if not candidates:
        return Conflict(leg=leg, constraints=(), text=f"no model was judged for the {leg} leg", relaxations=())
    together = _fewest(candidates, names)
    by_id = {entry.id: entry for entry in constraints}
    relaxations = tuple(_relax(name, by_id[name], candidates) for name in together)
    told = " and ".join(by_id[name].text for name in together)
    verb = "excludes" if len(together) == 1 else "together exclude"
    count = plural(len(candidates), "model")
    return Conflict(leg=leg, constraints=together, text=f"{told} {verb} all {count} judged", relaxations=relaxations)


def _fewest(candidates: Sequence[Candidate], names: Sequence[str]) -> tuple[str, ...]:
    for size in range(1, len(names) + 1):
        for chosen in itertools.combinations(names, size):
            if all(_is_out(candidate, chosen) for candidate in candidates):
                return chosen
    return tuple(names)


def _is_out(candidate: Candidate, chosen: Sequence[str]) -> bool:
    """Whether these constraints refuse it, or it cannot be judged and so cannot be named."""
    return bool(candidate.unjudged) or any(refusal.constraint in chosen for refusal in candidate.refusals)


def _relax(name: str, constraint: Constraint, candidates: Sequence[Candidate]) -> Relaxation:
    freed = [
        (refusal.needs, candidate)
        for candidate in candidates
        for refusal in candidate.refusals
        if refusal.constraint == name and len(candidate.refusals) == 1 and not candidate.unjudged
    ]
    most_tokens = name == "context"
    freed.sort(key=lambda pair: (-(pair[0] or 0) if most_tokens else (pair[0] or 0), pair[1].model))
    needs = freed[0][0] if freed else None
    examples = tuple(candidate.model for _, candidate in freed[:3])
    return Relaxation(
        constraint=name, admits=len(freed), needs=needs, examples=examples, text=_relax_text(constraint, needs, freed)
    )


def _relax_text(constraint: Constraint, needs: float | None, freed: Sequence[tuple[float | None, Candidate]]) -> str:
    if not freed or needs is None:
        return f"giving up {constraint.id} alone admits nothing"
    shown: dict[str, Callable[[float], str]] = {
        "memory": lambda value: f"{format_bytes(value * 10**9)} of memory",
        "context": lambda value: f"a context of {format_integer(int(value))} tokens",
        "latency": lambda value: f"{format_integer(int(value))} ms",
    }
    return f"with {shown[constraint.id](needs)} {freed[0][1].model} would fit"
