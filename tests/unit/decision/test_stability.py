"""Stability, flips and the next question, on sheets worked by hand."""

from sizer.decision.signals import Given, resolve
from sizer.decision.stability import find_flips, measure, next_question
from sizer.decision.verdict import sheet_of

NARROW = {"well_defined": "yes", "diverse": "no", "multi_step": "no", "labeled_data": "yes"}


def _sheet(**answers):
    return sheet_of(answers)


def test_nothing_open_is_wholly_stable():
    """With all nine known there is one completion and the share is 1."""
    stability = measure(_sheet(**NARROW, high_volume="yes", realtime="no", edge="no", budget="no", on_prem="no"))
    assert (stability.share, stability.kept, stability.completions, stability.open) == (1.0, 1, 1, ())


def test_one_open_answer_that_matters_halves_the_share():
    """A narrow task with labels is small unless it turns out to be diverse."""
    known = dict.fromkeys(("multi_step", "realtime", "edge", "budget", "on_prem"), "no")
    stability = measure(_sheet(well_defined="yes", labeled_data="yes", high_volume="yes", **known))
    assert (stability.kept, stability.completions, stability.open) == (1, 2, ("diverse",))


def test_a_flip_names_the_crossing_point():
    """4,000 queries a day: the flip says from where volume would change the verdict, and what was said."""
    signals = resolve(Given(answers={"diverse": "yes"}, numbers={"queries_per_day": 4_000}))
    flip = next(flip for flip in find_flips(signals) if flip.changes[0].question == "high_volume")
    assert flip.verdict == "route"
    assert flip.text == (
        "would be route if high_volume were yes, that is from 10,000 queries a day; you said 4,000 queries a day"
    )


def test_flips_are_listed_nearest_first():
    """A number close to its threshold comes before an open answer, and that before a known one."""
    signals = resolve(Given(answers={"diverse": "yes", "labeled_data": "no"}, numbers={"queries_per_day": 9_500}))
    assert find_flips(signals)[0].changes[0].question == "high_volume"


def test_pairs_where_no_single_answer_flips():
    """Broad work under volume and a clock: no single answer turned changes the route, these four pairs do."""
    answers = {"diverse": "yes", "multi_step": "yes", "labeled_data": "yes", "high_volume": "yes", "realtime": "yes",
               "budget": "no", "well_defined": "no", "edge": "no", "on_prem": "no"}  # fmt: skip
    pairs = {
        tuple(c.question for c in flip.changes): flip.verdict for flip in find_flips(resolve(Given(answers=answers)))
    }
    assert pairs == {
        ("high_volume", "realtime"): "big",
        ("labeled_data", "high_volume"): "big",
        ("well_defined", "diverse"): "small",
        ("edge", "diverse"): "small",
    }
    answers["realtime"] = "no"
    singles = find_flips(resolve(Given(answers=answers)))
    assert [[change.question for change in flip.changes] for flip in singles] == [["high_volume"]]


def test_a_settled_sheet_has_no_next_question():
    """On a device with breadth the verdict is route whatever else is said."""
    assert next_question(_sheet(edge="yes", diverse="yes")) is None


def test_the_empty_form_asks_for_breadth_first():
    """With nothing known, breadth parts the completions most."""
    assert next_question(_sheet()).question == "diverse"


def test_knowing_neither_task_nor_breadth_is_low():
    """With well_defined and diverse both open the stability is low, whatever the share."""
    assert measure(_sheet(edge="yes")).level == "low"


def test_high_needs_a_large_share_and_few_flips():
    """A sheet whose completions all agree and that no known answer flips is high."""
    stability = measure(_sheet(diverse="yes", well_defined="no", high_volume="yes", budget="yes", labeled_data="yes"))
    assert stability.share == 1.0
    assert (stability.level, stability.flipping_answers) == ("high", 0)
