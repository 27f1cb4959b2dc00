"""Gates: a limit on a number of the report, `saving<0.3`, for CI.

The grammar is `NAME OPERATOR NUMBER[%]` with `<`, `<=`, `>`, `>=`; NAME is a dotted path of the report
(`saving.measured`, `costs.routed_usd_per_month`) or a short name. A gate that holds true fails the run, as does
one whose number is unknown.
"""

from __future__ import annotations

import difflib
import operator
import re
import types
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from sizer import units
from sizer.errors import UsageError
from sizer.values import frozen

__all__ = ["Gate", "GateResult", "check_gates", "parse_gate", "parse_gates"]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_SHARES = {
    "saving": 1.0, "perfect": 1.0, "measured": 1.0, "random_mix": 1.0, "at_gap_target": 1.0, "gap_target": 1.0,
    "all_small": 1.0, "routed_perfect": 1.0, "routed": 1.0, "best_single": 1.0, "hard_to_large": 1.0,
    "hard_share": 1.0, "large_share": 1.0, "false_hard": 1.0, "false_easy": 1.0, "only_small": 1.0, "cpt50": 1.0,
    "cpt80": 1.0, "quality_kept": None, "gap_kept": None, "apgr": None, "apgr_leaky": None,
}  # fmt: skip
"""Last parts of the paths whose numbers are shares of 1, and the most they can be; None where they are ratios."""
_GATE = re.compile(r"\s*(?P<name>[a-z][a-z0-9_.]*)\s*(?P<operator><=|>=|<|>)\s*(?P<limit>-?[0-9][0-9_.,]*\s*%?)\s*")


@frozen
class Gate:
    """A condition under which the run fails."""

    text: str
    name: str
    operator: str
    limit: float
    """A share of 1 where it was written as a percentage."""
    is_percentage: bool = False


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
    return Gate(
        text=text.strip(), name=match["name"], operator=match["operator"], limit=value,
        is_percentage=limit.endswith("%"),
    )  # fmt: skip


def parse_gates(texts: Sequence[str], kind: type, short_names: dict[str, str]) -> tuple[Gate, ...]:
    """The gates on reports of a type, before there is one.

    Raises UsageError for what is no gate, a name that such a report has no number for, and a limit that a share
    cannot pass.
    """
    gates = tuple(map(parse_gate, texts))
    for gate in gates:
        path = short_names.get(gate.name, gate.name)
        if not _is_number_in(kind, path):
            raise _no_such_number(gate, kind, short_names)
        _check_limit(gate, path)
    return gates


def check_gates(gates: Sequence[Gate], report: Any, short_names: dict[str, str]) -> tuple[GateResult, ...]:
    """Each gate's result against a report of dataclasses. Raises UsageError for a name that it has no number for."""
    results = []
    for gate in gates:
        path = short_names.get(gate.name, gate.name)
        value = _value(report, path, gate, short_names)
        failed = value is None or _OPERATORS[gate.operator](value, gate.limit)
        results.append(GateResult(gate=gate.text, value=value, failed=failed))
    return tuple(results)


def _check_limit(gate: Gate, path: str) -> None:
    """Raises UsageError where a share is held against more than all of it: `quality>90` could never be true."""
    name = path.rpartition(".")[2]
    if name not in _SHARES or gate.limit <= 1:
        return
    most = _SHARES[name]
    if gate.is_percentage and most is None:  # of the large model's quality more than all can be kept
        return
    written = re.split("[<>]=?", gate.text)[1].strip().rstrip("% ")
    meant = f"{gate.name}{gate.operator}{written}%"
    is_percent = not gate.is_percentage and (most is None or gate.limit <= 100 * most)
    raise UsageError(
        f"--fail-if: in `{gate.text}` the limit is more than all of it", code="usage.gate",
        because=f"`{gate.name}` is a share of 1: 0.9 is 90%",
        hint=f"did you mean '{meant}'?" if is_percent else f"write it as --fail-if '{gate.name}{gate.operator}90%'",
    )  # fmt: skip


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
    raise _no_such_number(gate, type(report), short_names)


def _no_such_number(gate: Gate, kind: type, short_names: dict[str, str]) -> UsageError:
    known = [*short_names, *_numbers(kind)]
    close = difflib.get_close_matches(gate.name, known, n=3)
    return UsageError(
        f"--fail-if: the report has no number `{gate.name}`", code="usage.gate",
        because=f"short names are {', '.join(short_names)}; the others are paths in --json, such as {known[-1]}",
        hint=f"did you mean {' or '.join(f'`{name}`' for name in close)}?" if close else "take one of those names",
        details={"names": known},
    )  # fmt: skip


def _is_number_in(kind: Any, path: str) -> bool:
    """Whether a report of this type may have a number there; a dictionary may have any key."""
    for part in path.split("."):
        kind = _known(kind)
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif is_dataclass(kind) and part in (hints := get_type_hints(kind)):
            kind = hints[part]
        else:
            return False
    return _known(kind) in (int, float)


def _known(kind: Any) -> Any:
    """A type without its null."""
    if get_origin(kind) in (Union, types.UnionType):
        others = [part for part in get_args(kind) if part is not type(None)]
        return others[0] if len(others) == 1 else kind
    return kind


def _numbers(kind: Any, prefix: str = "", depth: int = 2) -> list[str]:
    """The paths of a type's numbers, at most so deep."""
    found = []
    for name, field in get_type_hints(kind).items():
        field = _known(field)
        if field in (int, float):
            found.append(prefix + name)
        elif is_dataclass(field) and depth > 1:
            found += _numbers(field, f"{prefix}{name}.", depth - 1)
    return found
