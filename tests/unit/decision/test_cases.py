"""The published decisions and the replay of them."""

import pytest

from sizer.decision.cases import load_cases, replay
from sizer.errors import UsageError


def test_hit_rate_on_published_decisions():
    """The rules name what was built in at least 85 % of the 45 published cases, the plain count in 71 %."""
    report = replay(load_cases())
    assert report.count == 45
    assert report.hit_share >= 0.85
    assert round(report.tally_share, 2) == 0.71


def test_confusion_sums_to_the_cases():
    """The confusion holds every case once and its diagonal the hits."""
    report = replay(load_cases())
    assert sum(sum(row.values()) for row in report.confusion.values()) == report.count
    assert sum(report.confusion[verdict][verdict] for verdict in report.confusion) == report.hits
    assert len(report.misses) == report.count - report.hits


def test_no_acceptable_verdict_is_far_off():
    """No case is answered with a verdict at the other end of the order from what was built."""
    assert not [case for case in replay(load_cases()).cases if {case.verdict, case.decision} == {"small", "big"}]


def test_every_case_has_a_source_and_counts_its_own_decision_as_acceptable():
    """Each case says where it was read, and what was built is among the acceptable verdicts."""
    assert all(case.source and case.facts and case.decision in case.acceptable for case in load_cases())


def test_a_file_of_cases_replays(tmp_path):
    """A user's own cases replay like the shipped ones."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "cases:\n- id: mine\n  title: mine\n  source: us\n  checked: 2026-11-24\n"
        '  answers: {edge: "yes"}\n  decision: small\n  acceptable: [small]\n'
    )
    assert replay(load_cases(path)).hits == 1


def test_a_file_without_cases_is_refused(tmp_path):
    """An empty list of cases is a usage error."""
    path = tmp_path / "none.yaml"
    path.write_text("cases: []\n")
    with pytest.raises(UsageError, match="has no cases"):
        load_cases(path)


def test_hit_rate_on_cases_collected_later():
    """On the cases collected after the rules were fixed the strict hit rate is about the same: at least 85 %."""
    report = replay(load_cases(unseen=True))
    assert report.count == 19
    assert report.hit_share >= 0.85
    assert report.unseen is None


def test_the_two_tables_share_no_case():
    """No case is in both tables, so the later ones are unseen."""
    seen, later = load_cases(), load_cases(unseen=True)
    assert not {case.title for case in seen} & {case.title for case in later}
    assert not {case.id for case in seen} & {case.id for case in later}
    counted = replay(seen, later).unseen
    assert (counted.count, counted.hits) == (len(later), replay(later).hits)
