"""Calibrating on labels made here: signal is found, noise is not, and nothing leaks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sizer.errors import UsageError
from sizer.routing.calibration import text_router
from sizer.routing.calibration.calibrate import calibrate
from sizer.routing.calibration.features import CHEAP_NAMES, cheap_features, grams
from sizer.routing.calibration.folds import near_duplicate_groups, split_folds
from sizer.routing.calibration.intervals import bootstrap_mean
from sizer.routing.calibration.labels import Labels, choose_pair, read_labels
from sizer.routing.calibration.report import Costs, Target
from sizer.routing.calibration.shares import wilson
from tests.unit.routing.labelled import make_labels, write_labels


def labels_of(rows: list[tuple[str, int, int]]) -> Labels:
    prompts, small, large = zip(*rows, strict=True)
    outcomes = {"mini": tuple(map(float, small)), "maxi": tuple(map(float, large))}
    return Labels(prompts=prompts, outcomes=outcomes, groups=(), dropped=0)


def run(labels: Labels, *, target: Target | None = None, draws: int = 200, small_usd: float = 0.01) -> Any:
    costs = Costs(usd_per_request=dict.fromkeys(labels.models, 1.0) | {"mini": small_usd})
    return calibrate(labels, costs=lambda low, high: (costs, ()), target=target or Target(), draws=draws)


def test_signal_is_found() -> None:
    """Where hard words make prompts hard, the verdict is to route, and the interval excludes length."""
    report, _ = run(labels_of(make_labels(600, 1)))
    assert report.verdict == "route"
    assert report.intervals["over_length"].low > 0
    assert report.intervals["apgr"].low <= report.apgr <= report.intervals["apgr"].high
    assert report.baselines.oracle.apgr > report.apgr > report.baselines.random.apgr
    assert report.cpt50 < 50


def test_noise_is_not_routed() -> None:
    """With outcomes shuffled over the prompts the verdict is not to route, in at least 19 of 20 shuffles."""
    rows = make_labels(250, 2)
    rng = np.random.default_rng(3)
    verdicts = []
    for _ in range(20):
        order = rng.permutation(len(rows))
        shuffled = [(prompt, *rows[other][1:]) for (prompt, *_), other in zip(rows, order, strict=True)]
        verdicts.append(run(labels_of(shuffled), draws=100)[0].verdict)
    assert verdicts.count("do not route") >= 19


def test_large_no_better() -> None:
    """Where the large model is not better the verdict is not to route, naming the small one."""
    rows = [(prompt, large, large) for prompt, _, large in make_labels(100, 4)]
    report, _ = run(labels_of(rows))
    assert report.verdict == "do not route"
    assert "use" in report.reasons[0]


def test_single_model_of_the_same_price_wins() -> None:
    """A third model that is as good as the routed traffic and costs less ends in "do not route", by name."""
    labels = labels_of(make_labels(600, 1))
    third = Labels(
        prompts=labels.prompts, outcomes=labels.outcomes | {"medi": labels.outcomes["maxi"]}, groups=(), dropped=0
    )
    costs = Costs(usd_per_request={"mini": 0.01, "maxi": 1.0, "medi": 0.05})
    report, _ = calibrate(
        third, small="mini", large="maxi", costs=lambda low, high: (costs, ()), target=Target(), draws=100
    )
    assert report.verdict == "do not route"
    assert "`medi` alone" in report.reasons[0]


def test_repeatable() -> None:
    """The same labels and seed give the same report and router."""
    labels = labels_of(make_labels(300, 5))
    assert run(labels, draws=50) == run(labels, draws=50)


def test_targets() -> None:
    """Each way to choose the operating point does what it says."""
    labels = labels_of(make_labels(600, 1))
    kept = run(labels, target=Target(quality=0.97), draws=20)[0].operating
    assert kept.quality_kept == pytest.approx(0.97, abs=1e-9)
    most = run(labels, target=Target(most_large=0.2), draws=20)[0].operating
    assert most.large_share == 0.2
    cheap = run(labels, target=Target(usd_per_correct=100.0), draws=20)[0].operating
    dear = run(labels, target=Target(usd_per_correct=2.0), draws=20)[0].operating
    assert cheap.large_share > dear.large_share, "the more a good answer is worth, the more is sent up"


def test_group_mean() -> None:
    """A subject that decides everything makes the group mean as good as the oracle's top, out of fold."""
    rows = [(prompt, int(n % 4 < 2), 1) for n, (prompt, _, _) in enumerate(make_labels(200, 13))]
    labels = labels_of(rows)
    grouped = Labels(
        prompts=labels.prompts, outcomes=labels.outcomes, groups=tuple(str(n % 4) for n in range(200)), dropped=0
    )
    report, _ = run(grouped, draws=20)
    assert report.baselines.group_mean.apgr == pytest.approx(report.baselines.oracle.apgr)


def test_near_duplicates_share_a_fold() -> None:
    """A prompt, its copy and its template with other numbers are one group; different prompts are not."""
    base = "A farmer has 12 cows and sells 5 of them for 300 dollars each, how much money does the farmer get?"
    prompts = [base, base, base.replace("12", "17").replace("300", "450"), *(row[0] for row in make_labels(60, 6))]
    groups = near_duplicate_groups(prompts)
    assert len({*groups[:3]}) == 1
    assert len({*groups[3:]}) == 60
    fold = split_folds(groups, 5, 0)
    assert len({*fold[:3]}) == 1
    assert max(np.bincount(fold)) - min(np.bincount(fold)) <= 3


def test_leak_is_shown() -> None:
    """With every prompt four times, splitting the copies over folds claims far more than grouping them."""
    rows = [row for row in make_labels(120, 7, signal=False) for _ in range(4)]
    report, _ = run(labels_of(rows), draws=20)
    assert report.near_duplicates == 480
    assert report.apgr_leaky > report.apgr + 0.1


def test_saved_router_scores_the_same(tmp_path: Path) -> None:
    """A saved router, read back without numpy, scores within 1e-4 of the one in memory and of the batch."""
    rows = make_labels(200, 8)
    corpus = text_router.Corpus([row[0] for row in rows])
    gain = np.array([large - small for _, small, large in rows], dtype=float)
    router = text_router.fit(corpus, np.arange(150), gain[:150])
    text_router.save_router(router, tmp_path / "router.json", {"threshold": 0.25})
    loaded, facts = text_router.load_router(tmp_path / "router.json")
    batch = text_router.predict(router, corpus, np.arange(150, 200))
    assert [router.score(row[0]) for row in rows[150:]] == pytest.approx(batch.tolist(), abs=1e-9)
    assert [loaded.score(row[0]) for row in rows[150:]] == pytest.approx(batch.tolist(), abs=1e-4)
    assert facts == {"threshold": 0.25}


def test_ridge_solution() -> None:
    """The conjugate gradients solve the system: the residual of (A'A + I) x = b is 1e-6 of b."""
    rng = np.random.default_rng(0)
    half = rng.random((30, 30))
    matrix, target = half @ half.T + np.eye(30), rng.random(30)
    found = text_router._solve(lambda x: matrix @ x, target)
    assert np.linalg.norm(matrix @ found - target) <= 1e-6 * np.linalg.norm(target)


def test_coverage_from_200_labels() -> None:
    """95 % intervals of a mean from 200 labels hold the true quality in at least 93 % of 400 samples."""
    rng = np.random.default_rng(9)
    population = (rng.random(100_000) < 0.81) * 1.0
    boot = score = 0
    for number in range(400):
        sample = rng.choice(population, 200)
        interval = bootstrap_mean(sample, draws=400, seed=number)
        boot += interval.low <= population.mean() <= interval.high
        exact = wilson(int(sample.sum()), 200)
        score += exact.low <= population.mean() <= exact.high
    assert boot >= 0.93 * 400
    assert score >= 0.93 * 400


def test_wilson() -> None:
    """Wilson's interval of 8 in 10 is 0.490 to 0.943 (Newcombe 1998, table 1 gives 0.4902, 0.9433)."""
    found = wilson(8, 10)
    assert (round(found.low, 4), round(found.high, 4)) == (0.4902, 0.9433)


def test_cheap_features() -> None:
    """Twenty-five finite numbers for any text, with the counts where their names say."""
    for text in ("", " ", "What is 2+2?", "\x00\ud800é 中文 " * 50, "1,000.50 costs $3 (a) B) 5%"):
        values = cheap_features(text)
        assert len(values) == len(CHEAP_NAMES) == 25
        assert np.isfinite(values).all()
    named = dict(zip(CHEAP_NAMES, cheap_features("How many are 1,000.5 and 2? A) many"), strict=True))
    assert named["numbers"] == pytest.approx(np.log(3))
    assert named["log largest number"] == pytest.approx(np.log1p(1000.5))


def test_grams() -> None:
    """Words and pairs are counted, letter case aside; `ab c` and `a bc` share no bucket but by accident."""
    assert sum(grams("The cat and the cat").values()) == 9
    assert max(grams("The cat and the cat").values()) == 2
    assert not grams("ab c").keys() & grams("a bc").keys()


def test_csv_and_jsonl_agree(tmp_path: Path) -> None:
    """The same outcomes as CSV, wide JSONL, long JSONL and a result file per model are the same labels."""
    rows = make_labels(60, 10)
    write_labels(tmp_path / "a.csv", rows)
    wide = [{"prompt": prompt, "mini": small, "maxi": bool(large)} for prompt, small, large in rows]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, wide)))
    long = [
        {"prompt": p, "model": m, "score": s} for p, *both in rows for m, s in zip(("mini", "maxi"), both, strict=True)
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, long)))
    for at, model in ((1, "mini"), (2, "maxi")):
        records = [{"origin_query": row[0], "score": row[at], "cost": 1} for row in rows]
        (tmp_path / f"{model}.json").write_text(json.dumps({"model_name": model, "records": records}))
    expected = read_labels([tmp_path / "a.csv"])
    assert read_labels([tmp_path / "b.jsonl"]) == expected
    assert read_labels([tmp_path / "c.jsonl"]) == expected
    assert read_labels([tmp_path / "mini.json", tmp_path / "maxi.json"]).outcomes == expected.outcomes


def test_incomplete_rows_are_counted(tmp_path: Path) -> None:
    """A row without an outcome is left out and counted."""
    path = write_labels(tmp_path / "a.csv", make_labels(60, 11))
    path.write_text(path.read_text() + "no outcome,,True\n")
    labels = read_labels([path])
    assert (len(labels.prompts), labels.dropped) == (60, 1)


def test_pair_by_role_name_and_mean() -> None:
    """The pair is taken by name, else by prefix, else by mean outcome."""
    outcomes = {"b": (0.5,) * 60, "a": (0.9,) * 60, "small:c": (0.7,) * 60, "large:d": (0.8,) * 60}
    labels = Labels(prompts=("x",) * 60, outcomes=outcomes, groups=(), dropped=0)
    assert choose_pair(labels) == ("small:c", "large:d")
    assert choose_pair(labels, "b", "d") == ("b", "large:d")
    with pytest.raises(UsageError, match="no column `z`"):
        choose_pair(labels, "z")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "no rows"),
        ("a.csv", "x,y\n1,2\n", "columns seen: x, y"),
        ("a.csv", "prompt,one\nhello,1\n", "two outcome columns"),
        ("a.csv", "prompt,one,two\nhello,1,0\n", "50 are the least"),
        ("a.jsonl", "[1]\n", "line 1 is not an object"),
        ("a.jsonl", "{broken\n", "not read as .jsonl"),
        ("a.json", "3", "neither a list"),
    ],
)
def test_bad_labels(tmp_path: Path, name: str, text: str, message: str) -> None:
    """A file that holds no labels is refused, saying what was seen."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        read_labels([tmp_path / name])
    assert message in caught.value.because


def test_command(sizer: Any, tmp_path: Path) -> None:
    """`sizer route calibrate` prints one document with the promised keys, and saves the router."""
    path = write_labels(tmp_path / "labels.csv", make_labels(200, 12))
    saved = tmp_path / "router.json"
    outcome = sizer("route", "calibrate", path, "--save", saved, "--json")
    assert outcome.code == 0
    report = outcome.json["report"]
    assert {"apgr", "cpt50", "cpt80", "intervals", "baselines", "verdict"} <= report.keys()
    assert report["intervals"]["apgr"]["low"] < report["apgr"] < report["intervals"]["apgr"]["high"]
    assert report["saved"] == str(saved)
    assert text_router.load_router(saved)[1]["threshold"] == report["operating"]["threshold"]


def test_command_view(sizer: Any, tmp_path: Path) -> None:
    """The view fits 80 columns and shows every router."""
    path = write_labels(tmp_path / "labels.csv", make_labels(200, 12))
    outcome = sizer("route", "calibrate", path, "--max-strong", "30%")
    assert max(map(len, outcome.out.splitlines())) <= 80
    for word in ("coin", "prompt length", "text router", "knows the outcomes", "threshold", "30.0 %"):
        assert word in outcome.out


def test_an_operating_point_that_is_not_advised_says_so(sizer: Any, tmp_path: Path) -> None:
    """Under "Do not route" the savings of the text router's point are not read as a reason to use it."""
    rows = make_labels(120, 2)
    order = np.random.default_rng(3).permutation(len(rows))
    shuffled = [(prompt, *rows[other][1:]) for (prompt, *_), other in zip(rows, order, strict=True)]
    outcome = sizer("route", "calibrate", write_labels(tmp_path / "labels.csv", shuffled))
    assert outcome.out.startswith("Do not route")
    assert "Operating point of the text router, which is not advised" in outcome.out


def test_command_gate(sizer: Any, tmp_path: Path) -> None:
    """A gate on a calibration's number ends with 1 where its condition holds."""
    path = write_labels(tmp_path / "labels.csv", make_labels(200, 12))
    assert sizer("route", "calibrate", path, "--fail-if", "apgr<1", "--json").code == 1


def test_two_targets_are_refused(sizer: Any, tmp_path: Path) -> None:
    """Only one way to choose the operating point can be given."""
    path = write_labels(tmp_path / "labels.csv", make_labels(60, 12))
    assert sizer("route", "calibrate", path, "--max-strong", "0.2", "--target-quality", "0.9").code == 2


def test_without_numpy(sizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numpy the command names the extra that brings it and ends with 2."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = sizer("route", "calibrate", tmp_path / "labels.csv")
    assert outcome.code == 2
    assert "model-sizer[calibrate]" in outcome.err
    assert "numpy" in sys.modules, "it is installed here, so the test is about the message"
