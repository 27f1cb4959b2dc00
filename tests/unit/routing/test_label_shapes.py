"""Labels as people write them: layouts, words, missing cells, scales, and models that are equally good."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sizer.errors import UsageError
from sizer.routing.calibration.labels import choose_pair, read_labels
from tests.unit.routing.labelled import make_labels, write_labels

ROWS = make_labels(60, 10)


@pytest.fixture
def expected(tmp_path: Path) -> Any:
    """The labels of the rows, from a plain CSV."""
    return read_labels([write_labels(tmp_path / "plain.csv", ROWS)])


def written(tmp_path: Path, content: str | bytes, name: str = "labels.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_layouts(tmp_path: Path, expected: Any) -> None:
    """Packed, in UTF-16, with semicolons or printed over several lines, the labels are the same."""
    plain = (tmp_path / "plain.csv").read_text()
    rows = [{"prompt": prompt, "mini": bool(small), "maxi": bool(large)} for prompt, small, large in ROWS]
    for name, content in (
        ("a.csv.gz", gzip.compress(plain.encode())), ("b.csv", plain.encode("utf-16")),
        ("c.csv", plain.replace(",", ";")), ("d.tsv", plain.replace(",", "\t")), ("e.json", json.dumps(rows, indent=1)),
        ("f.jsonl", "".join(json.dumps(row, indent=1) + "\n" for row in rows)),
    ):  # fmt: skip
        assert read_labels([written(tmp_path, content, name)]) == expected, name


def test_prompts_as_messages(tmp_path: Path, expected: Any) -> None:
    """A list of messages, as itself or as text, is its last user turn: what `score` scores."""
    for key, form in (("messages", list), ("prompt", json.dumps)):
        rows = [
            {key: form([{"role": "user", "content": prompt}]), "mini": small, "maxi": large}
            for prompt, small, large in ROWS
        ]
        path = written(tmp_path, "\n".join(map(json.dumps, rows)), f"{key}.jsonl")
        assert read_labels([path]).prompts == expected.prompts


def test_words_percents_and_missing_cells(tmp_path: Path) -> None:
    """Words for right and wrong and percents are outcomes; NA is a missing one, not a reason to drop the column."""
    words = [("correct", "wrong"), ("pass", "fail"), ("100%", "25%"), ("NA", "1")] * 20
    lines = [f"prompt number {number} says,{one},{other}" for number, (one, other) in enumerate(words)]
    labels = read_labels([written(tmp_path, "\n".join(["prompt,a,b", *lines]))])
    assert (labels.outcomes["a"][:3], labels.outcomes["b"][:3], labels.dropped) == ((1, 1, 1), (0, 0, 0.25), 20)


def test_a_column_that_the_first_row_lacks(tmp_path: Path) -> None:
    """Columns are those of all rows."""
    rows = [
        {"prompt": prompt, "mini": small} | ({"maxi": large} if at else {})
        for at, (prompt, small, large) in enumerate(ROWS)
    ]
    labels = read_labels([written(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl")])
    assert (labels.models, labels.dropped) == (["mini", "maxi"], 1)


def test_several_answers_to_a_prompt(tmp_path: Path) -> None:
    """A model that answered a prompt twice, once rightly, has 0.5 there."""
    rows = [{"prompt": p, "model": m, "score": s} for p, *both in ROWS for m, s in zip(("a", "b"), both, strict=True)]
    rows += [{"prompt": ROWS[0][0], "model": "a", "score": 1 - ROWS[0][1]}]
    assert read_labels([written(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl")]).outcomes["a"][0] == 0.5


def test_why_a_column_is_none(tmp_path: Path) -> None:
    """What keeps a column from being an outcome is said."""
    lines = [f"prompt number {number} says,{number % 2},good," for number in range(60)]
    with pytest.raises(UsageError) as caught:
        read_labels([written(tmp_path, "\n".join(["prompt,a,b,c", *lines]))])
    assert "prompt, a, b (`good` is no score), c (mostly empty)" in caught.value.because


def test_ragged_labels(tmp_path: Path) -> None:
    """Cells too many are no bug."""
    with pytest.raises(UsageError, match="prompt"):
        read_labels([written(tmp_path, "x,y\n1,2,3\n")])


def test_scales_that_differ(tmp_path: Path) -> None:
    """A column of counts is not taken for the better model unless it is named."""
    lines = [f"prompt number {number} says,{number % 2},{number}" for number in range(60)]
    labels = read_labels([written(tmp_path, "\n".join(["prompt,a,words", *lines]))])
    with pytest.raises(UsageError, match="different scales"):
        choose_pair(labels)
    assert choose_pair(labels, "a", "words") == ("a", "words")


@pytest.mark.parametrize(("small", "large"), [(1, 1), (0, 0)])
def test_models_that_are_equally_good(sizer: Any, tmp_path: Path, small: int, large: int) -> None:
    """All right or all wrong: no router, no gap, no number for it; the document keeps its schema and a gate fails."""
    path = write_labels(tmp_path / "labels.csv", [(prompt, small, large) for prompt, *_ in ROWS])
    saved = tmp_path / "router.json"
    outcome = sizer("route", "calibrate", path, "--save", saved, "--json", "--fail-if", "apgr<0.6")
    assert outcome.code == 1
    report = outcome.json["report"]
    assert (report["verdict"], report["apgr"], report["cpt80"]) == ("do not route", None, None)
    assert report["gates"] == [{"gate": "apgr<0.6", "value": None, "failed": True}]
    jsonschema.validate(outcome.json, sizer("schema", "route calibrate").json)
    shown = sizer("route", "calibrate", path).out
    assert "nan" not in shown.lower()
    assert "no gap between the models" in sizer("route", "export", saved, "--to", "memo").out


def test_scores_below_zero(sizer: Any, tmp_path: Path) -> None:
    """Of a mean score of -1 nothing is a share: none is named, and none can be asked for."""
    lines = [f"{prompt},{small - 3},{large - 2}" for prompt, small, large in ROWS]
    path = written(tmp_path, "\n".join(["prompt,a,b", *lines]))
    assert sizer("route", "calibrate", path, "--json").json["report"]["operating"]["quality_kept"] is None
    outcome = sizer("route", "calibrate", path, "--target-quality", "95%")
    assert outcome.code == 2
    assert "--max-strong" in outcome.err


@pytest.mark.parametrize(("share", "expected"), [("0", 0.0), ("100%", 1.0)])
def test_none_and_all(sizer: Any, tmp_path: Path, share: str, expected: float) -> None:
    """A share of 0 or 100 % sends none or all of other prompts up too."""
    path = write_labels(tmp_path / "labels.csv", make_labels(120, 3))
    others = write_labels(tmp_path / "others.csv", make_labels(300, 4))
    saved = tmp_path / "router.json"
    sizer("route", "calibrate", path, "--max-strong", share, "--save", saved)
    assert sizer("route", "score", others, "--router", saved, "--json").json["report"]["large_share"] == expected
