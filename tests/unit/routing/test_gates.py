"""The gates' grammar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sizer.errors import UsageError
from sizer.routing.gates import check_gates, parse_gate, parse_gates


@dataclass(frozen=True)
class Inner:
    measured: float | None


@dataclass(frozen=True)
class Report:
    saving: Inner
    verdict: str = "route"


@dataclass(frozen=True)
class Counted:
    counts: dict[str, int]
    rows: int = 2


@pytest.mark.parametrize(
    ("text", "failed"),
    [("saving<0.3", True), ("saving<20%", False), ("saving <= 0.25", True), ("saving>0.25", False),
     ("saving>=25%", True)],
)  # fmt: skip
def test_operators(text: str, failed: bool) -> None:
    """A gate fails where its condition holds for the value 0.25."""
    (result,) = check_gates([parse_gate(text)], Report(saving=Inner(measured=0.25)), {"saving": "saving.measured"})
    assert result.failed is failed


def test_unknown_value_fails() -> None:
    """A gate on a number that is unknown fails: a limit that cannot be checked does not hold."""
    (result,) = check_gates([parse_gate("saving.measured<0.3")], Report(saving=Inner(measured=None)), {})
    assert result.failed
    assert result.value is None


@pytest.mark.parametrize("text", ["saving", "saving=0.3", "saving<", "<0.3", "saving<0.3 and quality<1", "saving<nan"])
def test_bad_grammar(text: str) -> None:
    """What is not NAME OPERATOR NUMBER is refused."""
    with pytest.raises(UsageError, match="--fail-if"):
        parse_gate(text)


@pytest.mark.parametrize("name", ["verdict", "nothing", "saving"])
def test_no_such_number(name: str) -> None:
    """A name that is no number of the report is refused, with the names that are."""
    with pytest.raises(UsageError, match=r"names are .*saving\.measured"):
        parse_gates([f"{name}<1"], Report, {})


def test_a_key_that_a_report_may_have() -> None:
    """Which keys a dictionary of numbers has is known with the report alone: then a wrong one is refused."""
    gates = parse_gates(["counts.right>1", "counts.wrong>1"], Counted, {})
    assert [result.failed for result in check_gates(gates[:1], Counted(counts={"right": 2}), {})] == [True]
    with pytest.raises(UsageError, match=r"counts\.wrong"):
        check_gates(gates, Counted(counts={"right": 2}), {})


@pytest.mark.parametrize("gate", ["quality>90", "nothing<1", "saving=1"])
@pytest.mark.parametrize("command", [["route", "--log"], ["route", "calibrate"]])
def test_a_wrong_gate_is_refused_before_anything_is_read(sizer: Any, command: list[str], gate: str) -> None:
    """The gate is what the user hears of, not the log or labels that are not there."""
    outcome = sizer(*command, "nothing.jsonl", "--fail-if", gate, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "usage.gate")


@pytest.mark.parametrize("flags", [("--tokens", "1:1"), ("--cached-share", "0.1"), ("--self-host", "small")])
def test_flags_that_a_log_excludes_are_refused_before_it_is_read(sizer: Any, flags: tuple[str, str]) -> None:
    """The flag is what the user hears of, not the log that is not there."""
    outcome = sizer("route", "--log", "nothing.jsonl", *flags)
    assert outcome.code == 2
    assert flags[0] in outcome.err


def test_a_number_of_what_is_unknown_is_unknown(sizer: Any) -> None:
    """Without latencies there is no p95: its gate fails, as any whose number is unknown."""
    outcome = sizer("route", "--fail-if", "p95>2", "--json")
    assert outcome.code == 1
    assert outcome.json["report"]["gates"] == [{"gate": "p95>2", "value": None, "failed": True}]


def test_limits_below_zero(sizer: Any) -> None:
    """A router may be allowed to cost a little more: at $0.01 a decision it costs 143 % more."""
    assert sizer("route", "--router-cost", "0.01", "--fail-if", "saving<-1.5").code == 0
    assert sizer("route", "--router-cost", "0.01", "--fail-if", "saving<-140%").code == 1


def test_a_decimal_comma_in_a_gate(sizer: Any) -> None:
    """0,3 is not 3: it is refused with the form that is meant."""
    outcome = sizer("route", "--fail-if", "saving<0,3")
    assert outcome.code == 2
    assert "0.3" in outcome.err


@pytest.mark.parametrize(
    ("gate", "meant"),
    [("quality>90", "'quality>90%'"), ("saving < 30", "'saving<30%'"), ("quality.hard_to_large<=2", "2%'"),
     ("saving>120%", "'saving>90%'"), ("hard_to_large<900", "'hard_to_large<90%'")],
)  # fmt: skip
def test_a_share_held_against_more_than_all(sizer: Any, gate: str, meant: str) -> None:
    """A share is never above 1, so a limit of 90 is refused, and 90% is proposed."""
    outcome = sizer("route", "--fail-if", gate)
    assert outcome.code == 2
    assert meant in outcome.err


@pytest.mark.parametrize(("gate", "code"), [("quality>90%", 0), ("quality<90%", 1), ("quality>1", 0), ("cost<2", 0),
                                            ("quality<110%", 1)])  # fmt: skip
def test_limits_that_a_share_can_pass(sizer: Any, gate: str, code: int) -> None:
    """Percentages, 1 and dollars stay as they are; kept quality may be asked for beyond all of the large model's."""
    assert sizer("route", "--fail-if", gate).code == code
