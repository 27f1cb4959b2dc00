"""`sizer route`, the closed form, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def report(sizer: Any, *arguments: str) -> Any:
    outcome = sizer("route", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return outcome.json["report"]


def test_notes_case(sizer: Any) -> None:
    """With the defaults a perfect router costs 0.208 of all large and saves 79.2 %."""
    found = report(sizer)
    costs = found["costs"]
    ratio = costs["routed_perfect_usd_per_month"] / costs["all_large_usd_per_month"]
    assert ratio == pytest.approx(0.208, abs=1e-9)
    assert found["saving"]["perfect"] == pytest.approx(0.792, abs=1e-9)


def test_perfect_and_measured_side_by_side(sizer: Any) -> None:
    """The measured router sends most hard requests to the small model, and saves far less at 80 % of the gap."""
    found = report(sizer)
    assert 0.6 < found["flow"]["false_easy"] < 0.75
    assert found["saving"]["measured"] < found["saving"]["perfect"]
    assert found["saving"]["at_gap_target"] < found["saving"]["perfect"] / 2
    assert found["quality"]["random_mix"] < found["quality_kept"] < found["quality"]["routed_perfect"]


def test_every_assumption_has_a_basis_and_a_source(sizer: Any) -> None:
    """No number without basis and source."""
    for item in report(sizer, "--small", "gpt-5-mini", "--large", "gpt-5")["assumptions"]:
        assert item["basis"] in ("measured", "declared", "estimated", "unknown")
        assert item["source"]


def test_random_mix_costs_the_line(sizer: Any) -> None:
    """A coin at share s costs s c_S + (1 - s) c_W."""
    found = report(sizer, "--large-share", "40%")
    costs = found["costs"]
    line = 0.4 * costs["all_large_usd_per_month"] + 0.6 * costs["all_small_usd_per_month"]
    assert costs["random_mix_usd_per_month"] == pytest.approx(line)


def test_named_models(sizer: Any) -> None:
    """Two references are priced from the list, with the host and the spread."""
    found = report(
        sizer, "--small", "meta-llama/Llama-3.1-8B-Instruct", "--large", "openai:gpt-5", "--at", "2026-11-24"
    )
    assert found["large"]["host"] == "openai"
    assert found["large"]["usd_per_request"] == pytest.approx((500 * 1.25 + 200 * 10) / 1e6)
    assert found["small"]["spread"]["hosts"] > 5
    assert found["small"]["spread"]["lowest_usd"] <= found["small"]["usd_per_request"]


def test_do_not_route_two_equal_prices(sizer: Any) -> None:
    """Where the large model is no dearer the verdict is not to route, and says what to use."""
    found = report(sizer, "--small-price", "1:1", "--large-price", "1:1")
    assert found["verdict"] == "do not route"
    assert "use it for everything" in found["reasons"][0]


def test_do_not_route_with_a_coin(sizer: Any) -> None:
    """A router that is a coin is refused: it is the straight line."""
    assert report(sizer, "--router", "random")["verdict"] == "do not route"


def test_worse_than_a_coin(sizer: Any) -> None:
    """A router whose false-easy rate exceeds a coin's at the same share is refused."""
    assert report(sizer, "--false-hard", "0.3", "--false-easy", "0.8")["verdict"] == "do not route"


def test_target_quality(sizer: Any) -> None:
    """--target-quality sends up what keeps it, and no more."""
    assert report(sizer, "--target-quality", "95%")["quality_kept"] == pytest.approx(0.95, abs=1e-9)


def test_cascade(sizer: Any) -> None:
    """A cascade asks the small model for every request and escalates what its verifier detects."""
    found = report(sizer, "--cascade", "--detected", "0.9", "--needless", "0.1", "--verifier-cost", "0.00001")
    assert found["strategy"] == "cascade"
    assert found["flow"]["small_calls_per_request"] == 1
    assert found["flow"]["large_calls_per_request"] == pytest.approx(0.2 * 0.9 + 0.8 * 0.1)
    assert found["quality_kept"] == pytest.approx(1 - 0.2 * 0.1)


def test_self_hosting(sizer: Any) -> None:
    """GPUs beside an API price: the volume from which they pay is 730 x 2.5 / 4.5e-5."""
    found = report(sizer, "--gpu-hour", "2.5", "--rps", "200", "--utilisation", "1")["self_hosting"]
    assert found["break_even_requests_per_month"] == pytest.approx(40_555_555.6, rel=1e-6)
    assert found["break_even_requests_per_second"] == pytest.approx(15.4, abs=0.05)
    assert found["cheaper"] == "api"


def test_self_hosted_small_model(sizer: Any) -> None:
    """A self-hosted small model is paid in whole GPUs, so routing pays only from a volume on."""
    found = report(sizer, "--self-host", "small", "--gpu-hour", "2.5", "--rps", "50", "--requests", "100k/month")
    assert found["small"]["kind"] == "self-hosted"
    assert found["verdict"] == "do not route"
    assert found["break_even"]["requests_per_month"] > 100_000


def test_distil(sizer: Any) -> None:
    """Pay-back of distilling: (20,000 x (0.0045 + 0.001) + 40 x 2.5) over the saving a month."""
    found = report(
        sizer, "--distil-labels", "20k", "--judge-cost", "0.001", "--distil-gpu-hours", "40", "--gpu-hour", "2.5",
        "--rps", "50", "--requests", "100k/month",
    )  # fmt: skip
    upfront = 20_000 * 0.0055 + 100
    assert found["distil"]["upfront_usd"] == pytest.approx(upfront)
    assert found["distil"]["months_against_all_large"] == pytest.approx(upfront / (100_000 * (0.0045 - 0.000045)))


def test_tornado_is_sorted(sizer: Any) -> None:
    """What moves the saving most comes first; at the note's prices the large model's come before the small one's."""
    names = [row["name"] for row in report(sizer)["sensitivity"]]
    assert names.index("large: input price") < names.index("small: input price")


@pytest.mark.parametrize(
    ("gate", "code"), [("saving<0.3", 0), ("saving<0.9", 1), ("quality_kept<99%", 1), ("cost>1e3", 2)]
)
def test_gates(sizer: Any, gate: str, code: int) -> None:
    """A gate whose condition holds ends the run with 1, after the report; one that is not understood with 2."""
    outcome = sizer("route", "--fail-if", gate, "--json")
    assert outcome.code == code
    if code < 2:
        assert outcome.json["ok"] is (code == 0)
        assert outcome.json["report"]["gates"][0]["failed"] is (code == 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--hard-share", "1.2"), ("--tokens", "500"), ("--tokens", "0:0"), ("--requests", "5/fortnight"),
        ("--router", "oracle"), ("--false-hard", "0.1"), ("--detected", "0.5"), ("--self-host", "small"),
        ("--gpu-hour", "2"), ("--self-host", "medium"), ("--at", "yesterday"), ("--small-price", "x:1"),
        ("--large-quality", "0.1"), ("--only-small", "0.2"), ("--large-share", "0.1", "--target-quality", "0.9"),
        ("--utilisation", "0", "--gpu-hour", "2", "--rps", "9"), ("--at", "1999-01-01", "--small", "gpt-5-nano",
         "--large", "gpt-5"),
    ],
)  # fmt: skip
def test_bad_input(sizer: Any, arguments: tuple[str, ...]) -> None:
    """What cannot be meant ends with 2, one error on stderr with a hint, and nothing on stdout."""
    outcome = sizer("route", *arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert "hint: " in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("route", "--prices", "gone.json", "--small", "x", "--large", "y"), ("route", "--router", "gone.json"),
        ("route", "--log", "gone.jsonl"), ("route", "--histogram", "gone.csv"), ("route", "calibrate", "gone.csv"),
        ("route", "score", "--router", "gone.json", "gone.txt"), ("route", "export", "gone.json", "--to", "memo"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_there(
    sizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """A file of the user's that does not exist is not found: 3, naming it."""
    monkeypatch.chdir(tmp_path)
    outcome = sizer(*arguments)
    assert outcome.code == 3, outcome.err
    assert "`gone." in outcome.err


def test_a_name_nearly_right(sizer: Any) -> None:
    """A model that no list has is met with the names that are close."""
    outcome = sizer("route", "--small", "gpt-5-nan", "--large", "gpt-5", "--json")
    assert outcome.code == 3
    assert "did you mean `gpt-5-nano`" in outcome.json["error"]["hint"]
    assert "gpt-5-nano" in outcome.json["error"]["details"]["close_matches"]


def test_a_day_that_the_list_does_not_date(sizer: Any, tmp_path: Path) -> None:
    """A past day's price from a list without dates says that it is the latest one."""
    path = tmp_path / "map.json"
    entry = {"litellm_provider": "h", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    path.write_text(json.dumps({"h/m-1": entry, "h/m-2": {**entry, "input_cost_per_token": 9e-6}}))
    found = report(sizer, "--small", "m-1", "--large", "m-2", "--prices", str(path), "--at", "2020-01-01")
    sources = [item["source"] for item in found["assumptions"] if item["name"] == "small: input, $/M tokens"]
    assert "the list does not date it" in sources[0]


def test_an_owner_is_not_a_host(sizer: Any) -> None:
    """A model of the catalog is priced over all hosts, with its owner written or without; HOST:ID picks one."""
    hosts = {}
    for name in ("gpt-oss-20b", "openai/gpt-oss-20b", "openai:gpt-oss-20b"):
        hosts[name] = report(sizer, "--small", name, "--large", "gpt-5")["small"]["spread"]["hosts"]
    assert hosts["gpt-oss-20b"] == hosts["openai/gpt-oss-20b"] > 10
    assert hosts["openai:gpt-oss-20b"] == 1


def test_view_fits(sizer: Any) -> None:
    """The view fits 80 columns and names both models, the verdict and the break-even."""
    outcome = sizer("route", "--small-latency", "0.4:1.2", "--large-latency", "2:6", "--gpu-hour", "2", "--rps", "30")
    assert max(map(len, outcome.out.splitlines())) <= 80
    for word in ("Route", "perfect router", "quality lost", "break-even", "p95 latency", "self-hosting"):
        assert word in outcome.out


def test_ascii_view() -> None:
    """A terminal without Unicode gets the same view in ASCII."""
    run = subprocess.run(
        [sys.executable, "-m", "sizer", "route"], capture_output=True, check=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert run.stdout.isascii()
    assert b"quality lost" in run.stdout


def test_closed_form_imports_little() -> None:
    """The closed form loads no numpy, no DuckDB, no HTTP client, no price package and no pydantic."""
    code = (
        "import sys; from sizer.cli.app import main\n"
        "try: main(['route', '--json'])\n"
        "except SystemExit: print(*{m.partition('.')[0] for m in sys.modules}, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "duckdb", "httpx", "httpx2", "huggingface_hub", "genai_prices", "pydantic", "requests", "urllib3"}
    assert heavy.isdisjoint(run.stderr.split())
