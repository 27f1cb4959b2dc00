"""The interview: every line leads somewhere, and the end can be reached from everywhere."""

import itertools

import pytest

from sizer.decision.interview import start, step
from sizer.decision.questions import questions
from sizer.decision.signals import Given


def _talk(*lines, given=None):
    state = start(given or Given())
    for line in lines:
        state = step(state, line)
    return state


def test_nine_answers_end_in_the_review():
    """Nine yes or no answers, one a question, lead to the domain and, skipped, to the review with all nine."""
    state = _talk(*["y", "n", "Y", "no", "yes", "N", "y", "n", "y"])
    assert state.phase == "domain"
    state = step(state, "")
    assert state.phase == "review"
    assert list(state.given.answers.values()) == ["yes", "no", "yes", "no", "yes", "no", "yes", "no", "yes"]


def test_enter_alone_is_do_not_know_nine_times():
    """Ten times Enter is a review with nothing known, and Enter there goes on to the advice."""
    state = _talk(*[""] * 10)
    assert (state.phase, state.given.is_empty) == ("review", True)
    assert step(state, "").phase == "done"


def test_a_question_mark_explains_and_asks_again():
    """`?` explains and stays at the question."""
    state = _talk("?")
    assert (state.explain, state.position, state.phase) == (True, 0, "question")


def test_back_and_forth():
    """`b` goes back one question, and the new answer leads on to the first question not yet asked."""
    state = _talk("y", "y", "b")
    assert state.position == 1
    state = step(state, "n")
    assert (state.position, state.given.answers["labeled_data"]) == (2, "no")


def test_enter_keeps_what_was_said():
    """Enter at a question that has an answer keeps it, and `u` takes it back."""
    assert _talk("y", "b", "").given.answers["well_defined"] == "yes"
    assert _talk("y", "b", "u").given.answers["well_defined"] == "unknown"


def test_back_at_the_first_question_says_so():
    """There is nothing before the first question."""
    state = _talk("b")
    assert (state.position, state.message) == (0, "this is the first question")


def test_a_number_answers_its_question():
    """4000 at the volume question is a no, said so, and the next question follows."""
    state = _talk("", "", "4000")
    assert (state.signals.answers["high_volume"], state.position) == ("no", 3)
    assert state.message == "noted: 4,000 queries a day, so high_volume is no"


def test_a_number_that_decides_nothing_asks_for_yes_or_no():
    """24 GB may be a device or not, so the question is asked again; the number is kept."""
    state = _talk("", "", "", "", "24")
    assert (state.position, state.given.numbers) == (4, {"memory_gb": 24})
    assert state.message.endswith("yes or no?")
    assert step(state, "y").position == 5


def test_the_later_word_wins_over_an_earlier_number():
    """A yes after a number that said no takes the number back."""
    state = _talk("", "", "4000", "b", "y")
    assert (state.signals.answers["high_volume"], state.given.numbers) == ("yes", {})


def test_most_telling_question():
    """`m` goes to the open question that settles most."""
    assert _talk("m").question.id == "diverse"


def test_the_review_changes_answers_and_numbers():
    """In the review a digit goes to that question and comes back; name=value sets a number."""
    state = _talk("d")
    assert state.phase == "review"
    state = step(state, "9")
    assert state.question.id == "multi_step"
    state = step(state, "y")
    assert (state.phase, state.given.answers["multi_step"]) == ("review", "yes")
    state = step(state, "context-tokens = 32k")
    assert (state.phase, state.given.numbers) == ("review", {"context_tokens": 32_000})
    assert step(state, "output_tokens=x").message.startswith("output_tokens:")
    assert step(step(state, "3"), "b").phase == "review"
    assert step(state, "b").phase == "domain"
    assert step(step(state, "b"), "b").question.id == "multi_step"


def test_the_domain_is_asked_last_and_may_be_skipped():
    """A kind of task, a subject or both are taken with commas and under other words; `?` stays, `u` takes them back."""
    last = _talk(*[""] * 9)
    assert (step(last, "?").explain, step(last, "?").phase) == (True, "domain")
    assert step(last, "Classification, customer support").given.domains == ("classification", "support")
    assert step(last, "summarization").given.domains == ("summarisation",)
    assert (step(last, "").phase, step(last, "").given.domains) == ("review", ())
    wrong = step(last, "classificaton")
    assert (wrong.phase, "did you mean `classification`?" in wrong.message) == ("domain", True)
    assert step(step(step(last, "ner"), "10"), "u").given.domains == ()


def test_the_review_takes_a_domain():
    """`domain=...` in the review is taken; 10 asks for it and comes back."""
    state = step(_talk("y", "d"), "domain = classification")
    assert (state.phase, state.given.domains) == ("review", ("classification",))
    assert step(state, "domain=nonsense").message.startswith("`nonsense` is no kind")
    assert step(state, "10").phase == "domain"
    assert step(step(state, "10"), "sql").given.domains == ("sql",)


def test_a_domain_that_was_given_is_not_asked():
    """With --domain the nine questions lead straight to the review."""
    assert _talk(*[""] * 9, given=Given(domains=("ner",))).phase == "review"


def test_the_end_of_input():
    """The end of input goes on to the advice with what is known, and leaves where nothing is."""
    assert _talk("y", None).phase == "done"
    assert _talk(None).phase == "left"
    assert _talk("y", "q").phase == "left"


def test_answers_given_before_are_not_asked_again():
    """With answers and numbers given, the first question is the first that nothing was said about."""
    given = Given(answers={"well_defined": "yes"}, numbers={"labeled_examples": 10})
    assert start(given).question.id == "high_volume"
    answered = Given(answers=dict.fromkeys((entry.id for entry in questions()), "no"))
    assert start(answered).phase == "review"


@pytest.mark.parametrize("nonsense", ["x", "yes please", "11", "=", "context_tokens=", "\x1b[A", "0", "é", "-1", "y n"])
def test_nonsense_stays_and_says_what_is_understood(nonsense):
    """What is not understood at the first question or in the review changes nothing and says what can be typed."""
    for state in (_talk(), _talk("d"), _talk(*[""] * 9)):
        after = step(state, nonsense)
        assert (after.phase, after.position, after.given) == (state.phase, state.position, state.given)
        assert after.message


def test_done_can_be_reached_after_any_three_lines():
    """After any three lines `d` and Enter end in the advice, unless the user has left: nobody gets stuck."""
    lines = ("y", "n", "", "?", "b", "m", "d", "u", "4000", "x", "3")
    for talk in itertools.product(lines, repeat=3):
        state = _talk(*talk)
        if state.phase in ("question", "domain", "review"):
            state = step(state, "d")
            state = step(state, "") if state.phase == "review" else state
        assert state.phase == "done", talk
