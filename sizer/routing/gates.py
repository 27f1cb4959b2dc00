"""Gates: a limit on a number of the report, `saving<0.3`, for CI.

The grammar is `NAME OPERATOR NUMBER[%]` with `<`, `<=`, `>`, `>=`; NAME is a dotted path of the report
(`saving.measured`, `costs.routed_usd_per_month`) or a short name. A gate that holds true fails the run, as does
one whose number is unknown.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from sizer import units
from sizer.errors import UsageError
from sizer.values import frozen

__all__ = ["Gate", "GateResult", "check_gates", "parse_gate"]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_GATE = re.compile(r"\s*(?P<name>[a-z][a-z0-9_.]*)\s*(?P<operator><=|>=|<|>)\s*(?P<limit>-?[0-9][0-9_.,]*\s*%?)\s*")


@frozen
class Gate:
    """A condition under which the run fails."""

    text: str
    name: str
    operator: str
    limit: float


@frozen
class GateResult:
    """What became of one gate."""

    gate: str
    """The condition under which the run fails."""
    value: float | None
    """The report's number; null where it is unknown."""
    failed: bool


def parse_gate(text: str) -> Gate:
    """A gate from `saving<0.3` or `quality_kept < 95%`. Raises UsageError."""
    match = _GATE.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--fail-if: `{text}` is not understood", code="usage.gate",
            because="it takes NAME OPERATOR NUMBER with one of < <= > >=",
            hint="write it as --fail-if 'saving<0.3'",
        )  # fmt: skip
    limit = match["limit"].replace(" ", "")
    value = units.parse_number(limit.strip("-%"), name="--fail-if") / (100 if limit.endswith("%") else 1)
    if limit.startswith("-"):
        value = -value
    return Gate(text=text.strip(), name=match["name"], operator=match["operator"], limit=value)


def check_gates(gates: Sequence[Gate], report: Any, short_names: dict[str, str]) -> tuple[GateResult, ...]:
    """Each gate's result against a report of dataclasses. Raises UsageError for a name that it has no number for."""
    results = []
    for gate in gates:
        path = short_names.get(gate.name, gate.name)
        value = _value(report, path, gate, short_names)
        failed = value is None or _OPERATORS[gate.operator](value, gate.limit)
        results.append(GateResult(gate=gate.text, value=value, failed=failed))
    return tuple(results)


def _value(report: Any, path: str, gate: Gate, short_names: dict[str, str]) -> float | None:
    value = report
    for part in path.split("."):
        if value is None:  # of what is unknown every number is
            return None
        if is_dataclass(value) and part in {field.name for field in fields(value)}:
            value = getattr(value, part)
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            value = "missing"
            break
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    known = [*short_names, *_numbers(report)]
    close = difflib.get_close_matches(gate.name, known, n=3)
    raise UsageError(
        f"--fail-if: the report has no number `{gate.name}`", code="usage.gate",
        because=f"short names are {', '.join(short_names)}; the others are paths in --json, such as {known[-1]}",
        hint=f"did you mean {' or '.join(f'`{name}`' for name in close)}?" if close else "take one of those names",
        details={"names": known},
    )  # fmt: skip


def _numbers(report: Any, prefix: str = "", depth: int = 2) -> list[str]:
    found = []
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.append(prefix + field.name)
        elif is_dataclass(value) and depth > 1:
            found += _numbers(value, f"{prefix}{field.name}.", depth - 1)
    return found
