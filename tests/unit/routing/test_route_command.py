"""`sizer route`, the closed form, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sizer.routing.workload import parse_requests


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
    assert "the list does not say what m-1 and m-2 cost on that day: the latest price is used" in found["reasons"]


def test_an_owner_is_not_a_host(sizer: Any) -> None:
    """A model of the catalog is priced over all hosts, with its owner written or without; HOST:ID picks one."""
    hosts = {}
    for name in ("gpt-oss-20b", "openai/gpt-oss-20b", "openai:gpt-oss-20b"):
        hosts[name] = report(sizer, "--small", name, "--large", "gpt-5")["small"]["spread"]["hosts"]
    assert hosts["gpt-oss-20b"] == hosts["openai/gpt-oss-20b"] > 10
    assert hosts["openai:gpt-oss-20b"] == 1


def words(text: str) -> str:
    """Output without its line ends."""
    return " ".join(text.split())


def test_the_first_line_has_saving_quality_and_coin(sizer: Any) -> None:
    """The headline says what is saved, what is kept and what a coin would keep, and calls 86.6 % a condition."""
    found = report(sizer)
    assert found["verdict"] == "route"
    assert found["headline"] == (
        "Route if 86.6 % of the large model's quality is enough: 79.2 % saved (a coin at the same share keeps 84.0 %)"
    )
    assert "20.0 % hard is an illustration" in " ".join(found["reasons"])
    assert words(sizer("route").out).startswith(found["headline"])


def test_a_target_is_in_the_first_line(sizer: Any) -> None:
    """A target that is met is named; one that a cascade misses is a reason not to route."""
    assert (
        "95.0 % of the large model's quality kept, 95.0 % asked" in report(sizer, "--target-quality", "95%")["headline"]
    )
    missed = report(sizer, "--cascade", "--detected", "0.5", "--target-quality", "95%")
    assert missed["verdict"] == "do not route"
    assert "below the 95.0 % asked for" in missed["headline"]


def test_better_than_a_coin_by_noise(sizer: Any) -> None:
    """0.6 points fewer false-easy than a coin, measured on 2,496 hard questions, is within 1.24 points of noise."""
    found = report(sizer, "--hard-share", "88.2%")
    assert found["verdict"] == "do not route"
    assert "less than the noise of the 2,496 hard questions" in found["reasons"][0]


@pytest.mark.parametrize("arguments", [(), ("--target-quality", "0.95"), ("--large-share", "60%")])
def test_the_honest_line_is_of_the_point_in_use(sizer: Any, arguments: tuple[str, ...]) -> None:
    """The line beside the perfect router has the table's own saving, whatever point was asked for."""
    found = report(sizer, *arguments)
    shown = words(sizer("route", *arguments).out)
    saved = f"{100 * found['saving']['measured']:.1f} %"
    assert f"this one saves {saved} and keeps {100 * found['quality']['gap_kept']:.1f} % of the quality gap" in shown


def test_the_perfect_router_is_not_set_beside_itself(sizer: Any) -> None:
    """With --router perfect there is one figure, called the most that can be saved."""
    shown = words(sizer("route", "--router", "perfect").out)
    assert "79.2 % is the most that routing can save: no router is never wrong" in shown
    assert "of gap" not in shown


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(("--small", "gpt-5-nano"), "add --large gpt-5,"), (("--large", "gpt-5"), "add --small REF")],
)
def test_one_real_model_alone(sizer: Any, arguments: tuple[str, ...], hint: str) -> None:
    """A listed price is not set against an invented model."""
    outcome = sizer("route", *arguments, "--json")
    assert outcome.code == 2
    assert hint in outcome.json["error"]["hint"]


def test_one_price_by_hand_alone(sizer: Any) -> None:
    """With one price by hand the first line says that the other is an illustration."""
    found = report(sizer, "--small-price", "0.1:0.2")
    assert found["headline"].endswith("the large model's price is an illustration: give --large or --large-price")


@pytest.mark.parametrize(
    ("arguments", "share", "means"),
    [
        ((), None, "cheaper than all large at every hard share"),
        (("--router-cost", "1"), None, "cheaper at no hard share"),
        (("--router", "random", "--large-share", "50%"), None, "cheaper than all large at every hard share"),
        # 2 a request against 1: with 0.5 for the router, 1.5 + q reaches 2 at q = 0.5
        (("--router", "perfect", "--router-cost", "0.5", "--tokens", "1M:0", "--small-price", "1:0", "--large-price",
          "2:0"), 0.5, "cheaper than all large below 50.0 % hard"),
        # a router that is always wrong: 2 - q + 0.5 for it falls to 2 at q = 0.5
        (("--false-hard", "1", "--false-easy", "1", "--router-cost", "0.5", "--tokens", "1M:0", "--small-price", "1:0",
          "--large-price", "2:0"), 0.5, "cheaper than all large above 50.0 % hard"),
    ],
)  # fmt: skip
def test_break_even_in_hard_share(sizer: Any, arguments: tuple[str, ...], share: float | None, means: str) -> None:
    """The share at which both cost the same lies between 0 and 1, or is null with what that means."""
    found = report(sizer, *arguments)["break_even"]
    assert found["hard_share"] == (None if share is None else pytest.approx(share))
    assert found["hard_share_means"] == means


def test_dearer_than_the_large_model(sizer: Any) -> None:
    """A router at 0.03 a request against 0.0045: (0.03 + 0.00094) / 0.0045 is 6.87 times the cost, and is said so."""
    found = report(sizer, "--router-cost", "0.03")
    assert found["verdict"] == "do not route"
    assert found["reasons"][0] == "the routed traffic costs 6.87 times what the large model alone does"
    assert "(6.87 times the cost, 86.6 % of the large model's quality kept" in found["headline"]


def test_a_free_small_model(sizer: Any) -> None:
    """Against a small model that costs nothing there is no price ratio."""
    assert report(sizer, "--small-price", "0:0")["break_even"]["actual_price_ratio"] is None


@pytest.mark.parametrize("columns", ["40", "60"])
@pytest.mark.parametrize("arguments", [(), ("--cascade",), ("--hard-share", "88.2%")])
def test_narrow_view(sizer: Any, monkeypatch: pytest.MonkeyPatch, columns: str, arguments: tuple[str, ...]) -> None:
    """On a narrow terminal no number is cut and no line of the drawings wraps."""
    monkeypatch.setenv("COLUMNS", columns)
    outcome = sizer("route", *arguments)
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert "…" not in outcome.out
    assert [line for line in lines if "yours: " in line and "^" in line and "hard" in line]


def test_the_mark_of_a_large_share_does_not_wrap(sizer: Any) -> None:
    """At 80 columns the mark under the curve keeps its words beside it."""
    assert "yours: 88.2 % hard ^" in sizer("route", "--hard-share", "88.2%").out


def test_numbers_have_no_exponents_and_no_minus_zero(sizer: Any) -> None:
    """The view writes counts and prices in full, and a saving of nothing without a sign."""
    out = sizer("route", "--router", "random", "--large-share", "100%").out
    assert "30,416,667" in out
    assert "e+" not in out
    assert "-0.0" not in out


def test_hosts_that_ask_the_same(sizer: Any) -> None:
    """Two hosts at one price are not printed as a range."""
    assert "2 hosts ask that" in words(sizer("route", "--small", "gpt-5-nano", "--large", "gpt-5").out)


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


@pytest.mark.parametrize(("text", "a_month"), [("1.5/s", 3_942_000), ("0.5/s", 1_314_000), ("300k/month", 300_000)])
def test_requests_are_a_rate(text: str, a_month: float) -> None:
    """Requests a second need not be whole: 1.5 a second are 1.5 x 3,600 x 730 a month."""
    assert parse_requests(text) == a_month


@pytest.mark.parametrize("text", ["1M", "30000", "1M/"])
def test_requests_without_a_period(sizer: Any, text: str) -> None:
    """A number without a period is refused: the default is a day's, a month's would be a thirtieth of it."""
    outcome = sizer("route", "--requests", text)
    assert outcome.code == 2
    assert f"{text.rstrip('/')}/day or --requests {text.rstrip('/')}/month" in outcome.err


def test_a_large_model_for_nothing(sizer: Any) -> None:
    """Where the large model costs nothing, nothing can be saved: it is said, not divided by."""
    outcome = sizer("route", "--large-price", "0:0")
    assert outcome.code == 2
    assert "costs nothing" in outcome.err
    assert "--large-price IN:OUT" in outcome.err


def test_no_gap_is_kept_where_there_is_none(sizer: Any) -> None:
    """Where the small model alone is better there is no gap to recover, and no row that recovers 80 % of it."""
    arguments = ("--large-quality", "60%", "--only-small", "30%", "--hard-share", "20%")
    assert sizer("route", *arguments, "--json").json["report"]["quality"]["gap_kept"] is None
    assert "of gap" not in sizer("route", *arguments).out


def test_self_hosting_from_the_first_gpu(sizer: Any) -> None:
    """$1,825 a GPU and month over $0.000045 a request are 40.56 M requests, which the GPU carries."""
    arguments = ("--small-price", "0.05:0.10", "--large-price", "1:2", "--gpu-hour", "2.5", "--rps", "20")
    report = sizer("route", *arguments, "--utilisation", "1", "--json").json["report"]["self_hosting"]
    assert report["break_even_requests_per_month"] == pytest.approx(1825 / 4.5e-5)
    assert report["always_requests_per_month"] == pytest.approx(4 * 1825 / 4.5e-5)
    shown = " ".join(sizer("route", *arguments, "--utilisation", "1").out.split())
    assert "pays from 40.56 M requests/month (15.4/s sustained), always from 162.22 M" in shown


@pytest.mark.parametrize(("volume", "means"), [("1M", "cheaper at no hard share"), ("3M", "below 97.5 % hard")])
def test_break_even_of_whole_gpus(sizer: Any, volume: str, means: str) -> None:
    """A month with GPUs is compared as a month: at 1 M requests one GPU ($1,825) costs more than the API ($900).

    At 3 M the API takes $2,700; the router sends 32.8 % of the hard and 16.8 % of the easy ones up at 20 % hard.
    """
    arguments = ("--self-host", "small", "--gpu-hour", "2.5", "--rps", "20", "--requests", f"{volume}/month")
    report = sizer("route", *arguments, "--large-price", "1:2", "--json").json["report"]
    assert means in report["break_even"]["hard_share_means"]
    assert report["break_even"]["price_ratio"] is None
    share = report["break_even"]["hard_share"]
    if share is not None:
        alpha, beta = report["flow"]["false_hard"], report["flow"]["false_easy"]
        sent_up = (2700 - 1825) / 2700
        assert share == pytest.approx((sent_up - alpha) / (1 - alpha - beta), abs=1e-4)


def test_a_router_that_costs_more_is_said_to_cost_more(sizer: Any) -> None:
    """Nothing is said to save a negative share."""
    shown = " ".join(sizer("route", "--router-cost", "0.01").out.split())
    assert "this one costs 143.0 % more" in shown
    assert "saves -" not in shown


def test_distilling_that_pays_back_in_hours(sizer: Any) -> None:
    """290 dollars at 135,506 a month are back in 1.56 hours, not in 0.0 months."""
    shown = " ".join(sizer("route", "--distil-labels", "20000", "--judge-cost", "0.01").out.split())
    assert "1.56 h against all large" in shown


@pytest.mark.parametrize(
    "arguments",
    [("--self-host", "both", "--gpu-hour", "2", "--rps", "3"), ("--tokens", "100M:100M"),
     ("--requests", "900T/month"), ("--self-host", "large", "--gpu-hour", "2", "--rps", "3", "--fixed-cost", "1000")],
)  # fmt: skip
def test_no_number_is_cut(sizer: Any, arguments: tuple[str, ...]) -> None:
    """Large and negative amounts fit 80 columns whole."""
    outcome = sizer("route", *arguments)
    assert "…" not in outcome.out
    assert "$-" not in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_too_many_requests(sizer: Any) -> None:
    """More than 10^15 requests a month are refused, whatever the period."""
    assert sizer("route", "--requests", "1e15/s").code == 2
    assert parse_requests("1e15/month") == 1e15


def test_a_target_with_retries(sizer: Any) -> None:
    """What is noticed and asked again counts towards the quality that is asked for: no more goes up than it takes."""
    found = report(sizer, "--hard-share", "20%", "--target-quality", "95%", "--retried", "50%")
    assert found["quality_kept"] == pytest.approx(0.95)
    assert found["flow"]["false_easy"] == pytest.approx(0.05 / 0.2 / 0.5)
    target = found["gap_target_flow"]
    assert 1 - 0.2 * target["false_easy"] * 0.5 == pytest.approx(1 - 0.2 * 0.2)
