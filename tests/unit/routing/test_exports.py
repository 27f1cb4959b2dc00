"""A calibrated router as another router's configuration, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sizer.errors import UsageError
from sizer.routing.calibration.shares import cut_for_share
from sizer.routing.exports.litellm import boundaries_for, check_complexity_config, export_litellm
from sizer.routing.exports.vllm_sr import export_vllm_sr
from sizer.tables import parse_yaml
from tests.unit.routing import logs
from tests.unit.routing.labelled import make_labels, write_labels

TIERS = {"SIMPLE": "a", "MEDIUM": "a", "COMPLEX": "b", "REASONING": "b"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(labels, router) of a calibration on labels made here."""
    from sizer.routing.calibration.calibrate import calibrate
    from sizer.routing.calibration.labels import read_labels
    from sizer.routing.calibration.report import Costs, Target
    from sizer.routing.calibration.saved import save_calibration

    folder = tmp_path_factory.mktemp("router")
    path = write_labels(folder / "labels.csv", make_labels(200, 21), ("small:mini", "large:maxi"))
    costs = Costs(usd_per_request={"small:mini": 0.01, "large:maxi": 1.0})
    report, router = calibrate(read_labels([path]), costs=lambda low, high: (costs, ()), target=Target(), draws=50)
    save_calibration(report, router, folder / "router.json")
    return path, folder / "router.json"


def test_litellm(sizer: Any, saved: tuple[Path, Path]) -> None:
    """The export is a proxy's model_list with both models and the router between them, tiers only without scores."""
    outcome = sizer("route", "export", saved[1], "--to", "litellm")
    document = parse_yaml(outcome.out.encode(), where="export")
    *models, router = document["model_list"]
    assert [entry["model_name"] for entry in models] == ["mini", "maxi"]
    config = router["litellm_params"]["complexity_router_config"]
    assert config["tiers"] == {"SIMPLE": "mini", "MEDIUM": "mini", "COMPLEX": "maxi", "REASONING": "maxi"}
    assert "tier_boundaries" not in config
    assert "only tiers" in outcome.err


def test_litellm_boundaries_from_its_own_scores(sizer: Any, saved: tuple[Path, Path], tmp_path: Path) -> None:
    """With logged scores the middle boundary sends the calibrated share up."""
    share = json.loads(saved[1].read_text())["large_share"]
    rows = []
    for number in range(1000):
        row = logs.litellm_payload(logs.REQUESTS[0], number)
        row["routing_decision"] = {"tier": "SIMPLE", "score": number / 1000}
        rows.append(json.dumps(row))
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(rows))
    outcome = sizer("route", "export", saved[1], "--to", "litellm", "--log", log, "--json")
    text = outcome.json["report"]["text"]
    config = parse_yaml(text.encode(), where="export")["model_list"][-1]["litellm_params"]["complexity_router_config"]
    bounds = config["tier_boundaries"]
    assert bounds["medium_complex"] == pytest.approx(1 - share, abs=0.0011)
    assert bounds["simple_medium"] < bounds["medium_complex"] < bounds["complex_reasoning"]


def test_alike_scores() -> None:
    """Scores that are all alike give no boundary."""
    with pytest.raises(UsageError, match="all alike"):
        boundaries_for([0.2, 0.2], 0.5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"tiers": TIERS, "tier_boundries": {}}, "`tier_boundries` is no key"),
        ({"tiers": TIERS, "tier_boundaries": {"simple_medium": 0.6, "medium_complex": 0.3}}, "out of order"),
        ({"tiers": TIERS, "tier_boundaries": {"medium_complex": 0.7}}, "out of order"),
        ({"tiers": TIERS, "tier_boundaries": {"medium": 0.3}}, "other keys"),
        ({"tiers": TIERS, "tier_boundaries": {"medium_complex": "0.3"}}, "not a number"),
        ({"tiers": {"EASY": "a"}}, "`EASY` is no tier"),
        ([], "not a mapping"),
    ],
)
def test_wrong_litellm_configurations(config: Any, message: str) -> None:
    """Unknown keys, unknown tiers and boundaries out of order are refused, which LiteLLM's parser does not do."""
    with pytest.raises(UsageError) as caught:
        check_complexity_config(config, where="x")
    assert message in caught.value.because


def test_misspelt_key_is_proposed() -> None:
    """A misspelt key comes with the right one."""
    with pytest.raises(UsageError) as caught:
        check_complexity_config({"tiers": TIERS, "tier_boundries": {}}, where="x")
    assert "tier_boundaries" in caught.value.hint


def test_check_command(sizer: Any, saved: tuple[Path, Path], tmp_path: Path) -> None:
    """--check passes what was exported and refuses it with a key misspelt; another file is no proxy's."""
    exported = tmp_path / "config.yaml"
    assert sizer("route", "export", saved[1], "--to", "litellm", "--output", exported).code == 0
    assert sizer("route", "export", "--check", exported).code == 0
    exported.write_text(exported.read_text().replace("classifier_type", "clasifier_type"))
    assert sizer("route", "export", "--check", exported).code == 2
    exported.write_text("model_list: []\n")
    assert sizer("route", "export", "--check", exported).code == 2


def test_vllm_sr(sizer: Any, saved: tuple[Path, Path]) -> None:
    """The export has both models, two decisions, and examples that the labels confirm."""
    outcome = sizer("route", "export", saved[1], "--to", "vllm-sr", "--labels", saved[0])
    document = parse_yaml(outcome.out.encode(), where="export")
    routing = document["routing"]
    (signal,) = routing["signals"]["complexity"]
    assert len(signal["hard"]["candidates"]) == len(signal["easy"]["candidates"]) == 8
    assert all("hard" in prompt for prompt in signal["hard"]["candidates"])
    assert "threshold" not in signal, "a threshold on another score would be an invention"
    assert [decision["modelRefs"][0]["model"] for decision in routing["decisions"]] == ["maxi", "mini"]
    assert "does not travel" in outcome.err


def test_vllm_sr_quotes() -> None:
    """Prompts with quotes, newlines and colons stay one text each."""
    odd = 'a: "b"\n- c # d\u2028é'
    text = export_vllm_sr(small="s", large="l", hard=[odd], easy=["x"]).text
    document = parse_yaml(text.encode(), where="export")
    assert document["routing"]["signals"]["complexity"][0]["hard"]["candidates"] == [odd]


def test_memo(sizer: Any, saved: tuple[Path, Path]) -> None:
    """The memo names verdict, models, labels and intervals."""
    text = sizer("route", "export", saved[1], "--to", "memo").out
    for word in ("## Routing", "**route**", "`mini`", "`maxi`", "200 labelled outcomes", "APGR", "95 %"):
        assert word in text


def test_other_names() -> None:
    """The other side's names replace the labels'."""
    text = export_litellm(small="openai/gpt-5-mini", large="openai/gpt-5", scores=[], large_share=0.2).text
    assert 'SIMPLE: "openai/gpt-5-mini"' in text


@pytest.mark.parametrize("arguments", [(), ("x.json",), ("x.json", "--to", "nowhere")])
def test_bad_arguments(sizer: Any, arguments: tuple[str, ...]) -> None:
    """Without a router or a target that is known there is nothing to export."""
    assert sizer("route", "export", *arguments).code == 2


def test_unknown_target(sizer: Any, saved: tuple[Path, Path]) -> None:
    """An unknown target is refused with the known ones."""
    assert "litellm, vllm-sr, memo" in sizer("route", "export", saved[1], "--to", "envoy").err


def test_score(sizer: Any, saved: tuple[Path, Path], tmp_path: Path) -> None:
    """Every prompt of a log, a CSV or plain lines gets a score and a model; rows without text are counted."""
    rows = [{"prompt": "hard1 hard2 hard3 word5"}, {"messages": [{"role": "user", "content": "easy1 easy2 easy3"}]},
            {"model": "x"}]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "plain words\n")
    outcome = sizer("route", "score", path, "--router", saved[1])
    lines = [line.split("\t") for line in outcome.out.splitlines()]
    assert [model for _, model in lines][:2] == ["maxi", "mini"]
    assert float(lines[0][0]) > float(lines[1][0])
    assert "; 1 row without text" in outcome.err
    path.write_text("one line\n")
    assert sizer("route", "score", path, "--router", saved[1]).err.startswith("1 prompt, ")


def test_score_by_share(sizer: Any, saved: tuple[Path, Path], tmp_path: Path) -> None:
    """--max-strong cuts at the quantile of these scores: half of them go up, without any label."""
    path = write_labels(tmp_path / "rows.csv", make_labels(100, 22))
    report = sizer("route", "score", path, "--router", saved[1], "--max-strong", "50%", "--json").json["report"]
    assert report["large_share"] == 0.5
    assert len(report["decisions"]) == 100
    assert sizer("route", "score", path, "--router", saved[1], "--max-strong", "0").err.startswith("100 prompts, 0.0 %")


def test_score_needs_text(sizer: Any, saved: tuple[Path, Path], tmp_path: Path) -> None:
    """A log without texts cannot be scored."""
    path = tmp_path / "log.jsonl"
    path.write_text(logs.lines(logs.openai))
    assert "no row has a prompt" in sizer("route", "score", path, "--router", saved[1]).err


def test_saved_router_in_the_closed_form(sizer: Any, saved: tuple[Path, Path]) -> None:
    """`--router router.json` takes the calibrated error rates, and says that they were measured."""
    report = sizer("route", "--router", saved[1], "--json").json["report"]
    facts = json.loads(saved[1].read_text())
    assert report["flow"]["false_easy"] == pytest.approx(facts["false_easy"])
    basis = {item["name"]: item["basis"] for item in report["assumptions"]}
    assert basis["false-easy rate"] == "measured"


def test_not_a_router(sizer: Any, tmp_path: Path) -> None:
    """A file that is no saved router is refused, naming it."""
    path = tmp_path / "x.json"
    path.write_text("{}")
    assert "is not a saved router" in sizer("route", "score", path, "--router", path).err


@pytest.mark.parametrize(
    ("scores", "share", "cut"),
    [
        ([1, 2, 3, 4, 5], 0.4, 4), ([1, 2, 3, 4, 5], 1.0, 1), ([1, 2, 3, 4, 5], 0.0, 6), ([1, 2, 3, 4, 5], 0.49, 4),
        ([1, 1, 1, 1, 2], 0.4, 2), ([1, 2, 2, 2, 2], 0.4, 3), ([3, 3, 3, 3, 3], 0.5, 4), ([3, 3, 3, 3, 3], 1.0, 3),
    ],
)  # fmt: skip
def test_no_more_than_the_share_goes_up(scores: list[float], share: float, cut: float) -> None:
    """Equal scores go up together, so the cut is above them where all of them would be too many."""
    assert cut_for_share(scores, share) == cut


def test_boundaries_of_scores_in_steps(sizer: Any, saved: tuple[Path, Path], tmp_path: Path) -> None:
    """LiteLLM's scores come in steps: the boundary sends up no more than asked, and the note says how many."""
    rows = []
    for number in range(100):
        row = logs.litellm_payload(logs.REQUESTS[0], number)
        row["routing_decision"] = {"tier": "SIMPLE", "score": 0.5 if number < 10 else 0.4}
        rows.append(json.dumps(row))
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(rows))
    outcome = sizer("route", "export", saved[1], "--to", "litellm", "--log", log)
    assert "medium_complex: 0.5" in outcome.out
    assert "send 10.0 % of 100" in outcome.err.replace("10.0%", "10.0 %")


def test_prompts_that_repeat(sizer: Any, saved: tuple[Path, Path], tmp_path: Path) -> None:
    """Of a log in which half of the prompts are the same, --max-strong 30 % never sends up half."""
    (tmp_path / "log.txt").write_text(
        "\n".join(["hard1 hard2 hard3 hard4"] * 50 + [f"easy{n} word{n}" for n in range(50)])
    )
    outcome = sizer("route", "score", tmp_path / "log.txt", "--router", saved[1], "--max-strong", "30%", "--json")
    assert outcome.json["report"]["large_share"] <= 0.3


def test_what_is_not_advised_is_not_exported_in_silence(sizer: Any, tmp_path: Path) -> None:
    """A router of which calibration said "do not route" carries that into every export and scoring."""
    labels = write_labels(tmp_path / "labels.csv", make_labels(120, 5, signal=False))
    router = tmp_path / "router.json"
    assert sizer("route", "calibrate", labels, "--save", router, "--json").json["report"]["verdict"] == "do not route"
    for target in ("litellm", "vllm-sr", "memo"):
        outcome = sizer("route", "export", router, "--to", target)
        assert "do not route" in outcome.out, target
    assert "do not route" in sizer("route", "score", labels, "--router", router).err
    report = sizer("route", "--router", router, "--hard-share", "40%", "--json").json["report"]
    assert report["verdict"] == "do not route"
    assert "calibration said of this router: do not route" in report["reasons"]
    same = sizer("route", "export", router, "--to", "vllm-sr", "--small", "a", "--large", "a")
    assert same.code == 2
    assert "between two models" in same.err
