"""Prices: matching, the gate, the median host, both file formats."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

import pytest

from sizer.errors import NotFoundError, UsageError
from sizer.routing import prices
from sizer.routing.prices import Price, PriceTier, genai_prices, hand_price, price_file, price_key, quote, refusal

DAY = datetime.date(2026, 11, 24)


def price(host: str, given: float, made: float, model: str = "org/Some-8B-Instruct") -> Price:
    tier = PriceTier(above_input_tokens=0, input_usd_per_mtok=given, output_usd_per_mtok=made)
    return Price(model=model, host=host, tiers=(tier,), source="test", as_of="2026-11-24")


def ask(reference: str, prices: list[Price], **more: Any) -> Any:
    return quote(reference, prices, input_tokens=1e6, output_tokens=0, flag="--small", **more)


@pytest.mark.parametrize(
    ("one", "other"),
    [("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"), ("Qwen/Qwen3-32B", "qwen3_32b-fp8"),
     ("a/M-1.5", "M.1.5:free"), ("openai/gpt-oss-20b", "openai.gpt-oss-20b-1:0"),
     ("gpt-oss-20b", "@cf/openai/gpt-oss-20b"), ("gpt-oss-20b", "gpt-oss-20b-mxfp4"),
     ("meta-llama/Llama-3.1-8B-Instruct", "regional.meta.llama3-1-8b-instruct-v1:0"),
     ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo"),
     ("Mistral-7B-Instruct-v0.2", "mistral.mistral-7b-instruct-v0:2"),
     ("NVIDIA-Nemotron-Nano-9B-v2", "nvidia.nvidia-nemotron-nano-9b-v2:0")],
)  # fmt: skip
def test_same_weights(one: str, other: str) -> None:
    """Ids that differ by owner, case, separators and words for ways of serving name the same weights."""
    assert price_key(one) == price_key(other)


def test_other_weights() -> None:
    """A different size, version or named variant is another model, and so is a batch at half the price."""
    names = (
        "llama-3.1-8b", "llama-3.1-70b", "llama-3-8b", "llama-3.1-8b-vision", "gpt-5", "gpt-5-mini", "gpt-5-chat",
        "gpt-oss-20b", "gpt-oss-120b", "gpt-oss-20b:batch", "gpt-4", "gpt-4-turbo", "gpt-3.5-turbo",
        "gpt-3.5-turbo-instruct", "grok-4", "grok-4-fast", "kimi-k2-thinking", "kimi-k2", "qwen3-235b-a22b-2507",
        "qwen3-235b-a22b", "nemotron-nano-9b-v2:0", "nemotron-nano-9b",
    )  # fmt: skip
    assert len({price_key(name) for name in names}) == len(names)


def test_a_host_writes_its_own_name_first() -> None:
    """`databricks-some-8b` is some-8b where databricks is a host; another name in front is another model."""
    own, other = price("databricks", 1, 1, "databricks-some-8b"), price("x", 2, 2, "tuned-some-8b")
    assert ask("some-8b", [own, other, price("a", 3, 3)]).spread.hosts == 2
    assert ask("databricks-some-8b", [own, other, price("a", 3, 3)]).spread.hosts == 2
    assert ask("tuned-some-8b", [own, other]).price.host == "x"


def test_a_name_of_two_words_keeps_its_maker() -> None:
    """`mistral-large` at mistral is not `large`."""
    listed = [price("mistral", 1, 1, "mistral-large"), price("x", 2, 2, "large")]
    assert ask("mistral-large", listed).spread.hosts == 1


def test_dated_ids() -> None:
    """A host's only dated id joins the undated one of others; several, or a four-digit release, stay apart."""
    undated, dated = price("a", 1, 1, "big-4"), price("b", 2, 2, "big-4-20260101")
    assert ask("big-4", [undated, dated]).spread.hosts == 2
    assert ask("big-4", [undated, dated, price("b", 3, 3, "big-4-2025-02-02")]).spread.hosts == 1
    assert ask("big-4", [undated, price("c", 2, 2, "big-4-0731")]).spread.hosts == 1
    assert ask("big-4-2026-01-01", [undated]).price.host == "a"
    assert ask("big-4-20260101", [undated, dated]).price.host == "b"


def test_hosts_of_open_weights() -> None:
    """In the installed list open weights are found at the hosts that write them in their own ways."""
    listed = genai_prices(DAY)
    assert ask("gpt-oss-20b", listed).spread.hosts >= 15
    hosts = {found.host for found in prices._matching("meta-llama/Llama-3.1-8B-Instruct", listed)}
    assert {"avian", "aws", "cloudflare", "databricks", "openrouter", "together"} <= hosts


def test_median_host_is_real() -> None:
    """Of four hosts the lower middle one is taken and named, with the cheapest and the dearest beside it."""
    found = ask("some-8b", [price("d", 9, 1), price("a", 1, 1), price("c", 3, 1), price("b", 2, 1)])
    assert (found.price.host, found.spread.hosts) == ("b", 4)
    assert (found.spread.lowest_host, found.spread.highest_host, found.spread.median_usd) == ("a", "d", 2.5)


def test_named_host() -> None:
    """HOST:MODEL takes that host's price."""
    assert ask("d:some-8b", [price("d", 9, 1), price("a", 1, 1)]).price.host == "d"


def test_host_without_price() -> None:
    """A host that has no price for the model is refused, with those that have one."""
    with pytest.raises(UsageError) as caught:
        ask("x:some-8b", [price("d", 9, 1), price("a", 1, 1)])
    assert "a, d" in caught.value.because


def test_unknown_model() -> None:
    """A model that no list has is not found, never free."""
    with pytest.raises(NotFoundError, match="no price is known"):
        ask("other-8b", [price("a", 1, 1)])


@pytest.mark.parametrize(
    ("given", "made", "why"),
    [(3200, 9710, "beyond"), (500, 2000, "beyond"), (0, 0, "unknown"), (-1, 2, "negative"), (150, 600, ""),
     (0, 0.1, "")],
)  # fmt: skip
def test_sanity_gate(given: float, made: float, why: str) -> None:
    """The two jais entries of the LiteLLM map, zero and negative prices are refused; the dearest real ones are not."""
    assert why in refusal(price("a", given, made))
    assert bool(refusal(price("a", given, made))) is bool(why)


def test_refused_hosts_are_named() -> None:
    """A host whose price is absurd is left out and listed."""
    found = ask("some-8b", [price("sane", 1, 1), price("absurd", 5000, 1)])
    assert found.price.host == "sane"
    assert found.refused[0].startswith("absurd")


def test_only_refused() -> None:
    """Where every price is refused there is no price, and the error says why."""
    with pytest.raises(UsageError, match="cannot be used"):
        ask("some-8b", [price("free", 0, 0)])


def test_hand_price() -> None:
    """IN:OUT:CACHED by hand; the cached price is optional and stays unknown without it."""
    assert hand_price("1.25:10:0.125", name="--large-price", as_of=DAY).tiers[0].cached_input_usd_per_mtok == 0.125
    assert hand_price("1.25:10", name="--large-price", as_of=DAY).tiers[0].cached_input_usd_per_mtok is None
    with pytest.raises(UsageError, match="is not a price"):
        hand_price("1.25", name="--large-price", as_of=DAY)


def test_litellm_map(tmp_path: Path) -> None:
    """LiteLLM's dollars per token become dollars per million, its tiers become tiers, images are left out."""
    entries = {
        "host/model": {"litellm_provider": "host", "mode": "chat", "input_cost_per_token": 3e-6,
                       "output_cost_per_token": 1.5e-5, "cache_read_input_token_cost": 3e-7,
                       "input_cost_per_token_above_200k_tokens": 6e-6},
        "host/picture": {"litellm_provider": "host", "mode": "image_generation", "input_cost_per_token": 1,
                         "output_cost_per_token": 1},
        "host/half": {"litellm_provider": "host", "mode": "chat", "input_cost_per_token": 1e-6},
    }  # fmt: skip
    path = tmp_path / "map.json"
    path.write_text(json.dumps(entries))
    (found,) = price_file(path, DAY)
    assert found.tier(200_000).input_usd_per_mtok == pytest.approx(3)
    assert found.tier(200_001).input_usd_per_mtok == pytest.approx(6)
    assert found.tier(200_001).output_usd_per_mtok == pytest.approx(15)
    assert (found.host, found.source, found.as_of) == ("host", "map.json", "2026-11-24")


def test_genai_data(tmp_path: Path) -> None:
    """genai-prices data: the last price whose start date has come holds, with its tiers."""
    providers = [
        {
            "id": "host",
            "models": [
                {"id": "m", "prices": [
                    {"prices": {"input_mtok": 1, "output_mtok": 2}},
                    {"constraint": {"start_date": "2026-11-01"},
                     "prices": {"input_mtok": {"base": 3, "tiers": [{"start": 1000, "price": 4}]}, "output_mtok": 5}},
                    {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 9, "output_mtok": 9}}]},
                {"id": "free", "prices": {}},
            ],
        }
    ]  # fmt: skip
    path = tmp_path / "data.json"
    path.write_text(json.dumps(providers))
    (found,) = price_file(path, DAY)
    assert [tier.input_usd_per_mtok for tier in found.tiers] == [3, 4]
    assert found.tier(1001).output_usd_per_mtok == 5


@pytest.mark.parametrize("text", ["{", "[1, 2]", "{}", '{"a": {"mode": "chat"}}', '[{"id": "x"}]'])
def test_not_a_price_list(tmp_path: Path, text: str) -> None:
    """A file of neither format is refused, naming it."""
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is not a price list"):
        price_file(path, DAY)


def test_package_prices() -> None:
    """The installed list has OpenAI's GPT-5 at $1.25 and $10 (its launch price), dated and with its source."""
    found = ask("openai:gpt-5", genai_prices(DAY))
    assert found.price.tiers[0].input_usd_per_mtok == 1.25
    assert found.price.tiers[0].output_usd_per_mtok == 10
    assert found.price.source.startswith("genai-prices ")
    assert found.price.as_of == "2026-11-24"


def test_every_listed_price_is_believable_or_refused() -> None:
    """Every price of the installed list has a positive rate within the bounds, or is refused with a reason."""
    for found in genai_prices(DAY):
        assert refusal(found) or all(0 <= tier.output_usd_per_mtok <= 1200 for tier in found.tiers)
        assert found.source
        assert found.as_of


def test_the_package_is_read_apart_and_kept(tmp_path, monkeypatch):
    """The prices come from another process, which leaves this one without pydantic, and are kept for the next."""
    monkeypatch.setenv("HF_ASSETS_CACHE", str(tmp_path))
    first = genai_prices(DAY)
    assert first == prices._read_genai_prices(DAY)
    (kept,) = (tmp_path / "sizer" / "tables").iterdir()
    assert DAY.isoformat() in kept.name
    monkeypatch.setattr(prices, "_read_apart", lambda at: [])
    assert genai_prices(DAY) == first


def test_without_another_process_the_package_is_read_here(tmp_path, monkeypatch):
    """Where no process can be started the prices are read in this one."""
    monkeypatch.setenv("HF_ASSETS_CACHE", str(tmp_path))
    monkeypatch.setattr(prices.sys, "executable", str(tmp_path / "none"))
    assert genai_prices(DAY) == prices._read_genai_prices(DAY)


@pytest.mark.parametrize(
    "reference",
    ["some-8b-v1:0", "arn:aws:x:us-east-1:1:inference-profile/us.maker.some-8b-v1:0", "us.maker.some-8b-v1:0",
     "org/Some-8B-Instruct:free"],
)  # fmt: skip
def test_a_serving_version_is_no_model(reference: str) -> None:
    """What stands before `:0`, or in an ARN, is no host: a log's ids are found as its gateway writes them."""
    listed = [price("x", 1.0, 2.0), price("y", 3.0, 4.0)]
    found = quote(reference, listed, input_tokens=1, output_tokens=1, flag="--log")
    assert found.price.host == "x"
    with pytest.raises(NotFoundError):
        quote("ft:my-own:acme", listed, input_tokens=1, output_tokens=1, flag="--log")


def test_a_misspelt_host_is_still_one() -> None:
    """`HOST:MODEL` of a host that has none names those that do."""
    with pytest.raises(UsageError, match="hosts that have one: x"):
        ask("zz:some-8b", [price("x", 1.0, 2.0)])


def test_a_cost_map_with_odd_entries(tmp_path: Path) -> None:
    """Words for numbers, NaN and a negative cached price are no prices; the other entries of the map are."""
    odd = {
        "in-words": {"input_cost_per_token": "the cost", "output_cost_per_token": 1e-6},
        "none": {"input_cost_per_token": math.nan, "output_cost_per_token": 1e-6},
        "below": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "cache_read_input_token_cost": -1e-7},
        "good": {"input_cost_per_token": "1e-6", "output_cost_per_token": 2e-6},
    }
    path = tmp_path / "map.json"
    path.write_text(json.dumps(odd))
    listed = price_file(path, DAY)
    assert {found.model: refusal(found) for found in listed} == {
        "none": "it is no number", "below": "it is negative", "good": "",
    }  # fmt: skip
    with pytest.raises(UsageError):
        ask("none", listed)
