"""When nothing fits: which constraints exclude everything together, and what relaxing each would admit.

Constraints are not independent: a shorter context needs less memory. So nothing is read off the refusals; the
models are judged again with a constraint left out, or loosened.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from sizer.decision.candidates import Candidate
from sizer.decision.constraints import Constraint, Leg, Limits
from sizer.units import format_bytes, format_integer, plural
from sizer.values import frozen

__all__ = ["Conflict", "Judge", "Relaxation", "find_conflict"]

Judge = Callable[[Limits], Sequence[Candidate]]
"""The models of one leg, judged under some limits."""

_CONTEXTS = tuple(2**power for power in range(20, 10, -1))


@frozen
class Relaxation:
    """What relaxing one constraint would admit, the others held."""

    constraint: str
    admits: int
    """Models that would fit without it."""
    needs: float | None
    """The value that admits the first of them, in the constraint's unit; null where none does."""
    examples: tuple[str, ...]
    text: str


@frozen
class Conflict:
    """The fewest constraints that leave no model for a leg."""

    leg: Leg
    constraints: tuple[str, ...]
    text: str
    relaxations: tuple[Relaxation, ...]
    """One for each constraint of that leg whose relaxing alone admits something; else the joint one of all."""


def find_conflict(leg: Leg, limits: Limits, judge: Judge) -> Conflict | None:
    """Why no model of a leg is admitted; None where one is."""
    judged = judge(limits)
    if any(candidate.is_admitted for candidate in judged):
        return None
    if not judged:
        return Conflict(leg=leg, constraints=(), text=f"no model was judged for the {leg} leg", relaxations=())
    if not any(candidate.is_admitted for candidate in judge(limits.only(()))):  # no constraint is why
        return Conflict(leg=leg, constraints=(), text="no model could be judged", relaxations=())
    present = [entry for entry in limits.constraints if leg in entry.legs]
    together = _fewest(present, limits, judge)
    refused = sum(bool(candidate.refusals) for candidate in judged)
    told = " and ".join(entry.text for entry in present if entry.id in together)
    verb = "excludes" if len(together) == 1 else "together exclude"
    alone = [found for entry in present if (found := _relax(entry, limits, judge)).admits]
    return Conflict(
        leg=leg,
        constraints=together,
        text=f"{told} {verb} all {plural(refused, 'model')} judged" if told and refused else "no model could be judged",
        relaxations=tuple(alone) or (_give_up(present, together, limits, judge),),
    )


def _fewest(present: Sequence[Constraint], limits: Limits, judge: Judge) -> tuple[str, ...]:
    """The fewest constraints that admit nothing by themselves."""
    names = [entry.id for entry in present]
    for size in range(1, len(names)):
        for chosen in itertools.combinations(names, size):
            if not any(candidate.is_admitted for candidate in judge(limits.only(chosen))):
                return chosen
    return tuple(names)


def _relax(constraint: Constraint, limits: Limits, judge: Judge) -> Relaxation:
    """What fits without one constraint, and the value of it that admits the first."""
    others = [entry.id for entry in limits.constraints if entry.id != constraint.id]
    admitted = [candidate for candidate in judge(limits.only(others)) if candidate.is_admitted]
    needs, examples = _first(constraint.id, admitted, limits, judge)
    text = f"with {_shown(constraint.id, needs)} {examples[0]} would fit" if needs is not None else ""
    return Relaxation(
        constraint=constraint.id,
        admits=len(admitted) if needs is not None else 0,
        needs=needs,
        examples=examples,
        text=text,
    )


def _first(
    name: str, admitted: Sequence[Candidate], limits: Limits, judge: Judge
) -> tuple[float | None, tuple[str, ...]]:
    """The tightest value of a constraint that admits something, and up to three models that it admits."""
    if name == "context":
        for context in _CONTEXTS:
            if context < (limits.context_tokens or 0):
                fitting = [c.model for c in judge(limits.with_context(context)) if c.is_admitted]
                if fitting:
                    return context, tuple(fitting[:3])
        return None, ()
    if name not in ("memory", "latency"):
        return None, ()
    known = [
        candidate
        for candidate in admitted
        if (candidate.kv_cache_bytes if name == "memory" else candidate.fastest_answer_ms) is not None
    ]
    if not known:
        return None, ()
    ranked = sorted((_need(name, candidate), candidate.model) for candidate in known)
    return ranked[0][0], tuple(model for _, model in ranked[:3])


def _need(name: str, candidate: Candidate) -> float:
    """The memory in GB, rounded up to a tenth, or the milliseconds, that a model needs at least."""
    if name == "memory":
        return math.ceil((candidate.resident_bytes_low or 0) / 10**8) / 10
    return math.ceil(candidate.fastest_answer_ms or 0)


def _give_up(present: Sequence[Constraint], together: Sequence[str], limits: Limits, judge: Judge) -> Relaxation:
    """Where no single constraint is enough to relax: what fits with none of the fewest, or that nothing does."""
    others = [entry.id for entry in present if entry.id not in together]
    admitted = [candidate.model for candidate in judge(limits.only(others)) if candidate.is_admitted]
    names = " and ".join(together)
    text = f"without {names} {admitted[0]} would fit" if admitted else f"giving up {names} admits nothing either"
    return Relaxation(
        constraint=", ".join(together), admits=len(admitted), needs=None, examples=tuple(admitted[:3]), text=text
    )


def _shown(name: str, value: float | None) -> str:
    number = value or 0
    if name == "memory":
        return f"{format_bytes(number * 10**9)} of memory"
    if name == "context":
        return f"a context of {format_integer(int(number))} tokens"
    return f"{format_integer(int(number))} ms"
