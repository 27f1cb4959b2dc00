"""The tables behind the decision: questions, rules, advice, evidence."""

import datetime
import re

import pytest

from sizer.decision import advice, evidence
from sizer.decision.questions import numbers, question, questions
from sizer.decision.recommend import recommend
from sizer.decision.signals import Given
from sizer.decision.verdict import question_ids, rule_table
from sizer.tables import data_path

ROWS = evidence.rows()


def test_nine_questions_of_which_two_speak_for_big():
    """The questions are the nine of the note; a yes to the last two speaks for big."""
    assert question_ids() == (
        "well_defined",
        "labeled_data",
        "high_volume",
        "realtime",
        "edge",
        "budget",
        "on_prem",
        "diverse",
        "multi_step",
    )
    assert [entry.id for entry in questions() if entry.speaks_for == "big"] == ["diverse", "multi_step"]


def test_numbers_stand_for_questions_that_exist():
    """A number stands in for one of the nine questions or for none, and then has no threshold."""
    for number in numbers():
        assert number.stands_for is None or number.stands_for in question_ids()
        assert (number.stands_for is None) == (number.yes_when is None)


def test_rules_fit_on_a_screen_and_the_last_holds_always():
    """The rules take at most 60 lines, and one of them always holds."""
    assert len(data_path("rules.yaml").read_text().splitlines()) <= 60
    assert rule_table().rules[-1].when == {}
    assert len({rule.id for rule in rule_table().rules}) == len(rule_table().rules)


def test_every_rule_decides_some_sheet():
    """No rule is dead: each is the first that holds for at least one of the answer sheets."""
    import itertools

    from sizer.decision.verdict import decide

    seen = {decide(sheet).id for sheet in itertools.product(("no", "unknown", "yes"), repeat=9)}
    assert seen == {rule.id for rule in rule_table().rules}


def test_cited_evidence_exists():
    """Questions and sizes cite rows of the evidence table that can be compared."""
    table = advice._table()
    cited = [name for entry in questions() for name in entry.evidence]
    cited += [name for size in table.sizes for name in size.evidence]
    assert all(evidence.row(name).winner != "unclear" for name in cited)


def test_evidence_is_plentiful_sorted_and_unique():
    """There are at least 80 rows, sorted by id, each once."""
    names = [row.id for row in ROWS]
    assert len(names) >= 80
    assert names == sorted(set(names))


def test_losing_rows_are_there():
    """Rows that a large model wins are at least a third as many as those a small one wins."""
    wins = evidence.report().wins
    assert wins["large"] * 3 >= wins["small"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_evidence_row(row):
    """A row has a source, a caveat, and a winner that agrees with its scores."""
    assert row.source
    assert row.caveat
    assert set(row.bears_on) <= {*question_ids(), "context_tokens", "split"}
    assert row.perfect is not None or row.small.score is None or row.large.score is None
    small, large = row.small.score, row.large.score
    if small is None or large is None or row.perfect is None:
        return
    gap = (small - large) / row.perfect
    assert 0 <= small <= row.perfect
    assert 0 <= large <= row.perfect
    assert {
        "small": gap > 0,
        "large": gap < 0,
        "tie": abs(gap) <= 0.01,
        "near": gap < 0,
        "untuned": True,
        "unclear": not row.bears_on,
    }[row.winner]


def test_the_four_rows_of_the_note():
    """The note's four claims are there: two confirmed, one corrected to the paper's figure, one unverified."""
    noted = {row.note_row.claim: row for row in ROWS if row.note_row}
    findings = sorted(row.note_row.finding for row in noted.values())
    assert findings == ["confirmed", "confirmed", "corrected", "unverified"]
    corrected = next(row for row in noted.values() if row.note_row.finding == "corrected")
    assert (corrected.small.model, corrected.small.score, corrected.large.score) == ("Mistral-7B LoRA", 0.986, 0.742)


def test_other_words_lead_to_a_domain():
    """Every other word for a domain is none itself, and is taken for one that exists."""
    for word, domain in evidence._table().aliases.items():
        assert word not in (*evidence.kinds(), *evidence.subjects())
        assert evidence.check_domains(word) == (domain,)


@pytest.mark.parametrize("entry", [entry for entry in questions() if entry.shown_by in ("cost", "latency")])
def test_rows_about_cost_and_latency_have_the_figure(entry):
    """A row that is cited for what a call costs or how long it takes says so, with a number."""
    figure = {"cost": r"\$\d|\d times (the cost|cheaper)|% cheaper", "latency": r"\d ms"}[entry.shown_by]
    bearing = [row for row in ROWS if entry.id in row.bears_on]
    assert bearing
    assert [row.id for row in bearing if not re.search(figure, row.caveat)] == []


def test_a_reason_parts_its_rows_by_who_wins():
    """Over every domain, the rows of a reason about quality are won by its side, those against it by the other."""
    winners = {"small": {"small", "tie", "near"}, "big": {"large", "untuned"}}
    for domain in ("", *evidence.kinds(), *evidence.subjects()):
        for answer in ("yes", "no"):
            given = Given(answers=dict.fromkeys(question_ids(), answer), domains=(domain,) if domain else ())
            for reason in recommend(given, (), as_of=datetime.date(2026, 11, 24)).reasons:
                if reason.kind == "answer" and question(reason.id).shown_by == "quality":
                    assert {evidence.row(name).winner for name in reason.evidence} <= winners[reason.speaks_for]
                    assert not {evidence.row(name).winner for name in reason.against} & winners[reason.speaks_for]
                elif reason.kind == "answer" and answer == "no":
                    assert reason.evidence == ()


def test_rows_that_match_more_are_cited_first():
    """With a kind of task and a subject the row that is about both is cited before rows about one."""
    cited = evidence.cite("well_defined", domains=("classification", "support"))
    assert "lora-land-customer-support" in cited


def test_a_domain_cites_only_its_own_rows():
    """With a domain every cited row is of that domain or field."""
    for domain in (*evidence.kinds(), *evidence.subjects()):
        for name in question_ids():
            for cited in evidence.cite(name, domains=(domain,), general=("never",)):
                row = evidence.row(cited)
                assert domain in (row.domain, row.field)
                assert name in row.bears_on
