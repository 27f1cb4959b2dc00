"""Laws of the decision, checked on every one of the 19,683 answer sheets."""

import datetime
import itertools
from collections import defaultdict

import pytest

from sizer.decision.questions import questions
from sizer.decision.recommend import recommend
from sizer.decision.signals import Given, resolve
from sizer.decision.stability import completions
from sizer.decision.verdict import question_ids, verdict_of

ORDER = {"small": 0, "route": 1, "big": 2}
STEPS = ("no", "unknown", "yes")
SHEETS = list(itertools.product(STEPS, repeat=9))
AS_OF = datetime.date(2026, 11, 24)


def _with(sheet, name, answer):
    index = question_ids().index(name)
    return (*sheet[:index], answer, *sheet[index + 1 :])


def _named(sheet):
    return dict(zip(question_ids(), sheet, strict=True))


@pytest.fixture(scope="module")
def broken():
    """Law to the sheets that break it, from one pass over every full recommendation."""
    found = defaultdict(list)
    for sheet in SHEETS:
        answers = _named(sheet)
        for law, holds in _laws(sheet, answers, recommend(Given(answers=answers), (), as_of=AS_OF)):
            if not holds:
                found[law].append(sheet)
    return found


def _laws(sheet, answers, report):
    known = {name for name, answer in answers.items() if answer != "unknown"}
    filled = [verdict_of(complete) for complete in completions(sheet)]
    yield "a verdict", report.verdict in ORDER
    yield "a reason", len(report.reasons) >= 1 and all(reason.text for reason in report.reasons)
    yield "reasons cite what was given", all(set(reason.cites) <= known for reason in report.reasons)
    yield "every reason cites something", all(reason.cites for reason in report.reasons) or not known
    constraints = {name for name in ("edge", "on_prem") if answers[name] == "yes"}
    cited = {name for reason in report.reasons if reason.kind == "constraint" for name in reason.cites}
    yield "constraints are reasons", constraints <= cited
    yield "share by enumeration", report.stability.share == filled.count(report.verdict) / len(filled)
    yield "share is 1 when nothing is open", len(known) < 9 or report.stability.share == 1.0
    yield "next question while open", (report.next_question is None) == (len(set(filled)) == 1)
    yield "every flip flips", all(verdict_of(_applied(sheet, flip)) == flip.verdict for flip in report.flips)
    singles = {(c.question, c.becomes) for flip in report.flips if len(flip.changes) == 1 for c in flip.changes}
    yield "no flip is left out", singles == _single_flips(sheet)
    steps = {step.id for step in report.steps}
    yield (
        "small without labels labels",
        not (report.verdict == "small" and answers["labeled_data"] == "no") or "write_labels" in steps,
    )
    yield "big logs", report.verdict != "big" or "log_now" in steps
    split = report.split
    yield (
        "route splits",
        (report.verdict == "route") == bool(split and split.kind and split.small_leg and split.large_leg),
    )
    yield "small has a size", (report.verdict == "big") == (not report.sizes)
    yield "evidence has a source", all(row.source and row.caveat and row.winner != "unclear" for row in report.evidence)
    differs = report.tally.verdict != report.verdict
    yield "the count is explained", ("because" in report.tally_text) == differs


def _applied(sheet, flip):
    for change in flip.changes:
        sheet = _with(sheet, change.question, change.becomes)
    return sheet


def _single_flips(sheet):
    return {
        (name, answer)
        for name, was in _named(sheet).items()
        for answer in ("yes", "no")
        if answer != was and verdict_of(_with(sheet, name, answer)) != verdict_of(sheet)
    }


@pytest.mark.parametrize(
    "law",
    [
        "a verdict",
        "a reason",
        "reasons cite what was given",
        "every reason cites something",
        "constraints are reasons",
        "share by enumeration",
        "share is 1 when nothing is open",
        "next question while open",
        "every flip flips",
        "no flip is left out",
        "small without labels labels",
        "big logs",
        "route splits",
        "small has a size",
        "evidence has a source",
        "the count is explained",
    ],
)
def test_law_holds_on_every_sheet(broken, law):
    """No answer sheet breaks the law."""
    assert broken[law] == []


@pytest.mark.parametrize("name", [entry.id for entry in questions()])
def test_more_for_a_side_never_moves_away_from_it(name):
    """Raising an answer for small never moves the verdict up, and raising one for big never moves it down."""
    speaks_for = next(entry.speaks_for for entry in questions() if entry.id == name)
    for sheet in SHEETS:
        ranks = [ORDER[verdict_of(_with(sheet, name, answer))] for answer in STEPS]
        assert ranks == sorted(ranks, reverse=speaks_for == "small"), sheet


def test_a_device_never_gives_big():
    """With edge = yes no sheet gives big."""
    assert all(verdict_of(_with(sheet, "edge", "yes")) != "big" for sheet in SHEETS)


def test_many_kinds_never_give_small():
    """With diverse = yes no sheet gives small."""
    assert all(verdict_of(_with(sheet, "diverse", "yes")) != "small" for sheet in SHEETS)


def test_a_loose_task_gives_small_only_on_a_device():
    """With well_defined = no and edge not yes no sheet gives small."""
    for sheet in SHEETS:
        if _named(sheet)["edge"] != "yes":
            assert verdict_of(_with(sheet, "well_defined", "no")) != "small"


def test_house_rules_do_not_shrink_a_broad_model():
    """With diverse = yes, on_prem = yes alone never gives small."""
    for sheet in SHEETS:
        broad = _with(sheet, "diverse", "yes")
        assert verdict_of(_with(broad, "on_prem", "yes")) != "small"


def test_nothing_to_own_is_big():
    """Low volume without labels, device, house rule or bill is always big."""
    for sheet in SHEETS:
        named = _named(sheet)
        pays = "yes" in (named["labeled_data"], named["edge"], named["on_prem"], named["budget"])
        if named["high_volume"] == "no" and not pays:
            assert verdict_of(sheet) == "big"


def test_nothing_known_is_the_least_stable():
    """With nothing known the stability is low, no reason is hard, and the next question is the broadest one."""
    report = recommend(Given(), (), as_of=AS_OF)
    assert report.stability.level == "low"
    assert [(reason.kind, reason.cites) for reason in report.reasons] == [("rule", ())]
    assert report.next_question.question == "diverse"


def test_an_open_sheet_asks_for_the_device_after_breadth():
    """After diverse = yes the next question is one of volume, device or bill."""
    report = recommend(Given(answers={"diverse": "yes"}), (), as_of=AS_OF)
    assert report.next_question.question in ("high_volume", "edge", "budget")


def test_the_order_of_answers_does_not_matter():
    """The same answers in another order give the same report."""
    answers = {"edge": "no", "well_defined": "yes", "budget": "yes", "multi_step": "no"}
    backwards = dict(reversed(answers.items()))
    assert recommend(Given(answers=answers), (), as_of=AS_OF) == recommend(Given(answers=backwards), (), as_of=AS_OF)


@pytest.mark.parametrize(
    ("number", "name", "below", "at", "answer_at"),
    [
        ("queries_per_day", "high_volume", 9_999, 10_000, "yes"),
        ("labeled_examples", "labeled_data", 499, 500, "yes"),
        ("latency_ms", "realtime", 1_000, 1_001, "no"),
    ],
)
def test_one_unit_across_a_threshold_is_the_answer_turned(number, name, below, at, answer_at):
    """A number one unit across its threshold gives the verdict of the turned answer on every sheet."""
    other = {"yes": "no", "no": "yes"}[answer_at]
    for value, answer in ((below, other), (at, answer_at)):
        assert resolve(Given(numbers={number: value})).answers[name] == answer
        for contradicted in ("yes", "no"):
            signals = resolve(Given(answers={name: contradicted}, numbers={number: value}))
            assert signals.answers[name] == answer
            assert bool(signals.warnings) == (contradicted != answer)
