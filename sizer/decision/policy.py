"""A policy for models in a repository: limits that each must keep, answers that must still give their verdict.

A rule passes, fails or does not apply. What cannot be measured does not pass: a gate that shrugs is no gate.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import field, fields
from pathlib import Path
from typing import Literal

from sizer.decision.answers import load_answers
from sizer.decision.signals import resolve
from sizer.decision.stability import find_flips
from sizer.decision.verdict import Verdict, decide, sheet_of
from sizer.errors import UsageError
from sizer.sizing.size_class import ClassPair, size_classes
from sizer.tables import convert, load_yaml
from sizer.units import format_bytes, format_count, format_integer, parse_bytes, parse_count
from sizer.values import frozen

__all__ = ["Check", "CheckReport", "Limits", "Measured", "Policy", "check_models", "load_policy"]

_LEAST_PARAMETERS = 1_000
_LEAST_BYTES = 1_000_000
_LEAST_TOKENS = 512
"""Bare numbers below these lack their unit: no model is that small, no window of one that generates that short."""

Status = Literal["pass", "fail", "not_applicable"]


@frozen
class MemoryLimit:
    """A limit on what runs, at a context."""

    at_most: str | int
    """`24GB`, `24GiB` or bytes."""
    context_tokens: str | int = 8_192
    """Tokens of one sequence: `32k`."""


@frozen
class ClassLimit:
    """Size classes that are allowed; an empty list allows all."""

    by_active: tuple[str, ...] = ()
    by_total: tuple[str, ...] = ()


@frozen
class Limits:
    """What each model must keep; a limit that is not there is not checked."""

    total_parameters: str | int | None = None
    """At most: `15B` or a whole number."""
    active_parameters: str | int | None = None
    weights_bytes: str | int | None = None
    """At most, as stored: `8GB`."""
    memory: MemoryLimit | None = None
    size_class: ClassLimit | None = None
    licences: tuple[str, ...] | None = None
    """Allowed, in lower case: `apache-2.0`."""
    context_tokens: str | int | None = None
    """At least, as the model's card or config claims it."""
    catalog_drift: Literal["forbidden"] | None = None
    """The counts must be those of the catalog, where it has the model."""


@frozen
class AnswersRule:
    """Saved answers whose verdict must stand."""

    answers: str
    """A file of `sizer recommend --save`, relative to the policy."""
    verdict: Verdict


@frozen
class Policy:
    """What `sizer check` is given."""

    models: tuple[str, ...] = ()
    """References, where the command line has none."""
    limits: Limits = field(default_factory=Limits)
    decision: AnswersRule | None = None


@frozen
class Measured:
    """What is known about one model; None where it is not."""

    reference: str
    total_parameters: int | None
    active_parameters: int | None
    basis: str
    """Of the counts: `counted`, `declared`, `estimated` or `unknown`."""
    weights_bytes: int | None
    memory_bytes: int | None
    """Resident bytes at the policy's context: the upper end of the estimate."""
    size_class: ClassPair
    licence: str | None
    context_tokens: int | None
    catalog_total_parameters: int | None
    """What the catalog says; None where it does not have the model."""
    catalog_active_parameters: int | None
    catalog_precision: tuple[int, int] = (1, 1)
    """What the catalog's two figures are rounded to."""
    unknown_reason: str = ""
    """Why a count is missing, where one is."""


@frozen
class Check:
    """One rule held against one model."""

    rule: str
    model: str
    """The reference; `""` for a rule about the answers."""
    status: Status
    measured: int | float | str | None
    """The value found, in the rule's own unit; null where it is not known or the rule does not apply."""
    limit: int | float | str
    """What the policy asks for."""
    basis: str
    """Where the measured value comes from."""
    text: str
    """The result in a sentence."""


@frozen
class CheckReport:
    """What `sizer check` says."""

    policy: str
    ok: bool
    """Whether no rule failed."""
    passed: int
    failed: int
    not_applicable: int
    checks: tuple[Check, ...]
    as_of: datetime.date


def load_policy(path: Path) -> Policy:
    """The policy of a YAML or JSON file. Raises UsageError naming the key or the value that does not fit."""
    policy: Policy = convert(load_yaml(path), Policy, where=str(path))
    limits = policy.limits
    _count(limits.total_parameters, "total_parameters", path)
    _count(limits.active_parameters, "active_parameters", path)
    _count(limits.context_tokens, "context_tokens", path)
    _bytes(limits.weights_bytes, "weights_bytes", path)
    if limits.memory:
        _bytes(limits.memory.at_most, "memory.at_most", path)
        _count(limits.memory.context_tokens, "memory.context_tokens", path)
    keys = [entry.key for entry in size_classes()]
    allowed = (*limits.size_class.by_active, *limits.size_class.by_total) if limits.size_class else ()
    if stray := [key for key in allowed if key not in keys]:
        raise _bad(path, f"size_class: `{stray[0]}` is not a size class; they are {', '.join(keys)}")
    if policy.decision is None and not has_limits(policy):
        raise _bad(path, "it sets no limit and no decision")
    return policy


def has_limits(policy: Policy) -> bool:
    """Whether any limit on models is set."""
    return any(getattr(policy.limits, entry.name) is not None for entry in fields(Limits))


def memory_context(policy: Policy) -> int:
    """The context in tokens at which the policy's memory limit holds."""
    limit = policy.limits.memory
    return int(_count(limit.context_tokens, "memory.context_tokens", Path()) or 0) if limit else 0


def check_models(path: Path, policy: Policy, models: Sequence[Measured], *, as_of: datetime.date) -> CheckReport:
    """Every rule of the policy held against every model, and the answers against their verdict."""
    checks = [check for model in models for check in _check_limits(policy.limits, model, path)]
    if policy.decision is not None:
        checks.append(_check_decision(policy.decision, path))
    counts = {status: sum(check.status == status for check in checks) for status in ("pass", "fail", "not_applicable")}
    return CheckReport(
        policy=str(path),
        ok=counts["fail"] == 0,
        passed=counts["pass"],
        failed=counts["fail"],
        not_applicable=counts["not_applicable"],
        checks=tuple(checks),
        as_of=as_of,
    )


def _check_limits(limits: Limits, model: Measured, path: Path) -> Iterable[Check]:
    if (most := _count(limits.total_parameters, "total_parameters", path)) is not None:
        yield _at_most("total_parameters", model, model.total_parameters, most, format_count)
    if (most := _count(limits.active_parameters, "active_parameters", path)) is not None:
        yield _at_most("active_parameters", model, model.active_parameters, most, format_count)
    if (most := _bytes(limits.weights_bytes, "weights_bytes", path)) is not None:
        yield _at_most("weights_bytes", model, model.weights_bytes, most, format_bytes)
    if limits.memory is not None and (most := _bytes(limits.memory.at_most, "memory.at_most", path)) is not None:
        yield _at_most("memory", model, model.memory_bytes, most, format_bytes, basis="estimated")
    if limits.size_class is not None:
        for side, allowed in (("by_active", limits.size_class.by_active), ("by_total", limits.size_class.by_total)):
            if allowed:
                yield _one_of(f"size_class.{side}", model, getattr(model.size_class, side), allowed)
    if limits.licences is not None:
        allowed = tuple(name.lower() for name in limits.licences)
        yield _one_of("licences", model, model.licence, allowed, basis="declared")
    if (least := _count(limits.context_tokens, "context_tokens", path)) is not None:
        yield _at_least("context_tokens", model, model.context_tokens, least)
    if limits.catalog_drift is not None:
        yield _drift(model)


def _at_most(
    rule: str, model: Measured, value: int | None, limit: int, show: object, *, basis: str | None = None
) -> Check:
    shown = show if callable(show) else str
    if value is None:
        return _unknown(rule, model, limit)
    is_kept = value <= limit
    text = f"{shown(value)} {'is within' if is_kept else 'exceeds'} {shown(limit)}"
    return _check(rule, model, is_kept, value, limit, text, basis)


def _at_least(rule: str, model: Measured, value: int | None, limit: int) -> Check:
    if value is None:
        return _unknown(rule, model, limit)
    is_kept = value >= limit
    text = f"{format_integer(value)} {'reaches' if is_kept else 'is below'} {format_integer(limit)}"
    return _check(rule, model, is_kept, value, limit, text, "declared")


def _one_of(
    rule: str, model: Measured, value: str | None, allowed: Sequence[str], *, basis: str | None = None
) -> Check:
    limit = ", ".join(allowed)
    if value is None:
        return _unknown(rule, model, limit)
    is_kept = value.lower() in allowed
    text = f"{value} is {'one' if is_kept else 'none'} of {limit}"
    return _check(rule, model, is_kept, value, limit, text, basis)


def _drift(model: Measured) -> Check:
    rule, limit = "catalog_drift", "forbidden"
    claims = (model.catalog_total_parameters, model.catalog_active_parameters)
    if claims == (None, None):
        return _not_applicable(rule, model, limit, "the catalog does not have this model")
    if model.basis != "counted":
        return _not_applicable(rule, model, limit, f"the sizes are {model.basis}, not counted")
    found = (model.total_parameters, model.active_parameters)
    drifted = [
        f"{name} {format_integer(value)} counted, {format_integer(claim)} in the catalog"
        for name, value, claim, step in zip(("total", "active"), found, claims, model.catalog_precision, strict=True)
        if value is not None and claim is not None and abs(value - claim) * 2 > max(1, step)
    ]
    text = "; ".join(drifted) or "the counts are those of the catalog"
    return _check(rule, model, not drifted, "drifted" if drifted else "same", limit, text, None)


def _check_decision(rule: AnswersRule, path: Path) -> Check:
    answers = Path(rule.answers)
    given = load_answers(answers if answers.is_absolute() else path.parent / answers)
    signals = resolve(given)
    verdict = decide(sheet_of(signals.answers)).verdict
    is_kept = verdict == rule.verdict
    text = f"the answers in {rule.answers} {'still give' if is_kept else 'now give'} {verdict}"
    if not is_kept:
        back = [flip.text for flip in find_flips(signals) if flip.verdict == rule.verdict]
        text += f", not {rule.verdict}" + (f"; {back[0]}" if back else "")
    return Check(
        rule="decision",
        model="",
        status="pass" if is_kept else "fail",
        measured=verdict,
        limit=rule.verdict,
        basis="answers",
        text=text,
    )


def _check(
    rule: str, model: Measured, is_kept: bool, measured: int | str, limit: int | str, text: str, basis: str | None
) -> Check:
    status: Status = "pass" if is_kept else "fail"
    return Check(
        rule=rule,
        model=model.reference,
        status=status,
        measured=measured,
        limit=limit,
        basis=basis or model.basis,
        text=text,
    )


def _unknown(rule: str, model: Measured, limit: int | str) -> Check:
    why = f" ({model.unknown_reason})" if model.unknown_reason else ""
    return Check(
        rule=rule,
        model=model.reference,
        status="fail",
        measured=None,
        limit=limit,
        basis="unknown",
        text=f"not known{why}, so the limit cannot be shown to hold",
    )


def _not_applicable(rule: str, model: Measured, limit: str, text: str) -> Check:
    return Check(
        rule=rule, model=model.reference, status="not_applicable", measured=None, limit=limit, basis="", text=text
    )


def _count(value: str | int | None, name: str, path: Path) -> int | None:
    if value is None:
        return None
    least, unit = (_LEAST_TOKENS, "k") if name.endswith("context_tokens") else (_LEAST_PARAMETERS, "B")
    _check_unit(value, name, path, least=least, unit=unit)
    return value if isinstance(value, int) else parse_count(value, name=f"{path}: {name}")


def _bytes(value: str | int | None, name: str, path: Path) -> int | None:
    if value is None:
        return None
    _check_unit(value, name, path, least=_LEAST_BYTES, unit="GB")
    return value if isinstance(value, int) else parse_bytes(value, name=f"{path}: {name}")


def _check_unit(value: str | int, name: str, path: Path, *, least: int, unit: str) -> None:
    """Raises UsageError for a bare number that is no size of a model: 31 parameters, 80 bytes."""
    text = str(value).strip()
    if not text.isdecimal() or int(text) >= least:
        return
    what = {"B": "parameters", "GB": "bytes", "k": "tokens"}[unit]
    raise UsageError(
        f"`{path}`: {name}: {text} would be {text} {what}",
        code="usage.policy",
        because=f"a limit of fewer than {format_integer(least)} {what} lacks its unit",
        hint=f"did you mean {text}{unit}?",
    )


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(
        f"`{path}` cannot be used",
        code="usage.policy",
        because=why,
        hint="docs/guides/ci.md shows a policy with every limit",
    )
