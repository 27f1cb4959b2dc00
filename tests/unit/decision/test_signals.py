"""Numbers that stand in for answers, and the plain count."""

import pytest

from sizer.decision.questions import numbers, parse_answer, parse_quantity
from sizer.decision.signals import Given, resolve, threshold_text
from sizer.errors import UsageError

BY_ID = {number.id: number for number in numbers()}


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        *[(word, "yes") for word in ("yes", "y", "Y", "true", "1", 1, True, " on ")],
        *[(word, "no") for word in ("no", "n", "FALSE", "0", 0, False, "off")],
        *[(word, "unknown") for word in ("unknown", "?", None, "don't know")],
    ],
)
def test_words_for_an_answer(word, answer):
    """Yes, no and unknown may be said in several ways, in flags, files and prompts alike."""
    assert parse_answer(word, name="--edge") == answer


@pytest.mark.parametrize(
    ("word", "hint"),
    [("yess", "did you mean `yes`?"), *[(word, "write yes, no or unknown") for word in ("42", "maybe", "")]],
)
def test_a_word_that_is_no_answer_is_refused(word, hint):
    """Anything else is a usage error that names the flag and the accepted words."""
    with pytest.raises(UsageError) as info:
        parse_answer(word, name="--edge")
    assert "--edge" in info.value.what
    assert info.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("queries_per_day", "12k", 12_000),
        ("queries_per_day", "1,200", 1_200),
        ("queries_per_day", 10_000, 10_000),
        ("queries_per_day", 10_000.0, 10_000),
        ("context_tokens", "32Ki", 32_768),
        ("memory_gb", "7.5", 7.5),
        ("latency_ms", 0.5, 0.5),
        ("latency_ms", "200ms", 200),
        ("memory_gb", "24 GB", 24),
        ("queries_per_day", "40,000 queries a day", 40_000),
        ("budget_usd_per_month", "0", 0),
    ],
)
def test_numbers_are_read_in_the_usual_forms(name, text, value):
    """Counts may have thousands separators and units of a thousand; amounts decimals; both their own unit."""
    assert parse_quantity(BY_ID[name], text, name=name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("queries_per_day", "1.5"),
        ("queries_per_day", 1.5),
        ("queries_per_day", "-5"),
        ("queries_per_day", "nan"),
        ("queries_per_day", float("inf")),
        ("queries_per_day", True),
        ("queries_per_day", [1]),
        ("memory_gb", "0"),
        ("memory_gb", "8GiB"),
        ("latency_ms", "2s"),
        ("queries_per_day", "40.000"),
        ("context_tokens", "0"),
        ("latency_ms", "fast"),
    ],
)
def test_what_is_no_number_is_refused(name, text):
    """Negative, infinite, broken and misplaced values are usage errors."""
    with pytest.raises(UsageError, match=name):
        parse_quantity(BY_ID[name], text, name=name)


def test_a_number_beats_a_contradicting_answer_and_warns():
    """4,000 a day overrules a yes to high volume, and the warning says where a yes begins."""
    signals = resolve(Given(answers={"high_volume": "yes"}, numbers={"queries_per_day": 4_000}))
    assert signals.answers["high_volume"] == "no"
    [warning] = signals.warnings
    assert warning.code == "answer.overridden"
    assert "from 10,000 queries a day" in warning.message


def test_little_memory_is_a_device_and_much_memory_says_nothing():
    """Under 16 GB is a yes to edge; from 16 GB on, what was said stays."""
    assert resolve(Given(numbers={"memory_gb": 15.9})).answers["edge"] == "yes"
    assert resolve(Given(numbers={"memory_gb": 16})).answers["edge"] == "unknown"
    assert resolve(Given(answers={"edge": "yes"}, numbers={"memory_gb": 24})).answers["edge"] == "yes"


def test_a_budget_is_held_against_the_bill():
    """10,000 queries a day at 700 in and 300 out, $3 and $15 a million, are $66 a day and $1,980 a month."""
    bill = 10_000 * 30 * (700 * 3 + 300 * 15) / 1_000_000
    assert bill == 1_980
    for budget, answer in ((bill, "no"), (bill - 0.01, "yes")):
        signals = resolve(Given(numbers={"queries_per_day": 10_000, "budget_usd_per_month": budget}))
        assert signals.answers["budget"] == answer
        assert signals.stand_ins["budget"].threshold == bill


def test_a_budget_without_volume_is_not_used_and_says_so():
    """Without queries a day there is no bill, so the budget answers nothing."""
    signals = resolve(Given(numbers={"budget_usd_per_month": 100}))
    assert signals.answers["budget"] == "unknown"
    assert [warning.code for warning in signals.warnings] == ["number.unused"]


def test_the_plain_count():
    """A yes to seven questions counts for small, to two for big; no and unknown count for nothing."""
    answers = {"well_defined": "yes", "budget": "yes", "edge": "no", "diverse": "yes"}
    tally = resolve(Given(answers=answers)).tally
    assert (tally.small, tally.big, tally.unknown, tally.verdict, tally.text) == (2, 1, 5, "small", "1 big, 2 small")


def test_an_even_count_says_route():
    """One signal on each side is even."""
    assert resolve(Given(answers={"edge": "yes", "diverse": "yes"})).tally.verdict == "route"


@pytest.mark.parametrize(
    ("name", "answer", "text"),
    [
        ("queries_per_day", "yes", "from 10,000 queries a day"),
        ("queries_per_day", "no", "below 10,000 queries a day"),
        ("latency_ms", "yes", "at 1,000 ms or less"),
        ("latency_ms", "no", "above 1,000 ms"),
        ("memory_gb", "yes", "below 16 GB"),
    ],
)
def test_where_an_answer_begins(name, answer, text):
    """The crossing point reads as a person would say it."""
    number = BY_ID[name]
    assert threshold_text(number, number.threshold, answer=answer) == text
