"""The limits that answers and numbers set for models: memory, self-hosting, latency, context.

Constraints never vote on the verdict; they are held against named models in `candidates`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from sizer.decision.footprint import assumptions
from sizer.decision.signals import Given, Signals
from sizer.decision.verdict import Verdict
from sizer.units import format_integer
from sizer.values import frozen

__all__ = ["Constraint", "Leg", "Limits", "legs_of", "limits_of"]

Leg = Literal["small", "large"]


@frozen
class Constraint:
    """A limit that candidates are held against."""

    id: str
    """`memory`, `latency`, `context` or `on_prem`."""
    text: str
    value: float | None
    unit: str
    given: bool
    """False where the limit is assumed because only a yes was said."""
    legs: tuple[Leg, ...]
    """The legs that it holds for."""
    cites: tuple[str, ...]
    """The answers and numbers that it comes from."""
    judged: int = 0
    """Models judged for these legs."""
    refused: int = 0
    """Of them, the ones that it refuses, whatever the other constraints do."""


@frozen
class Limits:
    """The limits as numbers, for the arithmetic."""

    bits: int
    on_device: bool
    memory_bytes: int | None
    context_tokens: int | None
    latency_ms: float | None
    output_tokens: int | None
    constraints: tuple[Constraint, ...]

    def holds_for(self, constraint: str, leg: Leg) -> bool:
        """Whether a constraint is there and holds for that leg."""
        return any(entry.id == constraint and leg in entry.legs for entry in self.constraints)

    def only(self, names: Iterable[str]) -> Limits:
        """These limits with only some of the constraints."""
        kept = set(names)
        return replace(
            self,
            memory_bytes=self.memory_bytes if "memory" in kept else None,
            context_tokens=self.context_tokens if "context" in kept else None,
            latency_ms=self.latency_ms if "latency" in kept else None,
            constraints=tuple(entry for entry in self.constraints if entry.id in kept),
        )

    def with_context(self, context_tokens: int) -> Limits:
        """These limits at another context."""
        return replace(self, context_tokens=context_tokens)


def legs_of(verdict: Verdict) -> tuple[Leg, ...]:
    """The legs that a verdict needs models for."""
    return {"small": ("small",), "big": ("large",), "route": ("small", "large")}[verdict]  # type: ignore[return-value]


def limits_of(verdict: Verdict, signals: Signals, given: Given, *, bits: int) -> Limits:
    """The constraints that the answers and numbers make, each with the legs that it holds for."""
    legs = legs_of(verdict)
    on_device = signals.answers["edge"] == "yes"
    near: tuple[Leg, ...] = ("small",) if verdict == "route" else legs
    found: list[Constraint] = []
    memory_gb = given.numbers.get("memory_gb")
    if memory_gb is not None or on_device:
        found.append(_memory_constraint(memory_gb, on_device, near if on_device else legs))
    if signals.answers["on_prem"] == "yes":
        text = "weights that you can host yourself; models that exist only behind an API are out"
        cites: tuple[str, ...] = ("on_prem",)
        found.append(Constraint(id="on_prem", text=text, value=None, unit="", given=True, legs=legs, cites=cites))
    if "latency_ms" in given.numbers:
        found.append(_latency_constraint(given, near))
    if "context_tokens" in given.numbers:
        value = given.numbers["context_tokens"]
        text = f"a window that works at {format_integer(int(value))} tokens, whatever the model card claims"
        cites = ("context_tokens",)
        found.append(
            Constraint(id="context", text=text, value=value, unit="tokens", given=True, legs=legs, cites=cites)
        )
    stated = memory_gb if memory_gb is not None else assumptions().device_memory_gb if on_device else None
    output = given.numbers.get("output_tokens")
    context = given.numbers.get("context_tokens")
    return Limits(
        bits=bits,
        on_device=on_device,
        memory_bytes=None if stated is None else round(stated * 10**9),
        context_tokens=None if context is None else int(context),
        latency_ms=given.numbers.get("latency_ms"),
        output_tokens=None if output is None else int(output),
        constraints=tuple(found),
    )


def _memory_constraint(memory_gb: float | None, on_device: bool, legs: tuple[Leg, ...]) -> Constraint:
    if memory_gb is not None:
        place = "on the device" if on_device else "in the memory you have"
        text = f"at most {memory_gb:g} GB resident {place}, weights by total parameters"
        return Constraint(
            id="memory", text=text, value=memory_gb, unit="GB", given=True, legs=legs, cites=("memory_gb",)
        )
    assumed = assumptions().device_memory_gb
    text = f"at most {assumed:g} GB resident on the device, an assumption: say --memory-gb"
    return Constraint(id="memory", text=text, value=assumed, unit="GB", given=False, legs=legs, cites=("edge",))


def _latency_constraint(given: Given, legs: tuple[Leg, ...]) -> Constraint:
    value = given.numbers["latency_ms"]
    is_whole = "output_tokens" in given.numbers
    scope = "the last token" if is_whole else "the first token (say --output-tokens for the last)"
    cites = ("latency_ms", "output_tokens") if is_whole else ("latency_ms",)
    text = f"{scope} within {value:g} ms, at the ceiling that active parameters and bandwidth allow"
    return Constraint(id="latency", text=text, value=value, unit="ms", given=True, legs=legs, cites=cites)
