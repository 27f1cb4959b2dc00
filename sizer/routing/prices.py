"""List prices of hosted models: found by reference, dated, gated, with the spread over hosts.

Two lists are read: the `genai-prices` package (read here and only when a price is asked for) and a file of
the user's in its JSON format or in LiteLLM's cost map format. Nothing is fetched. A price that a list does not
have is unknown, never 0; one that no vendor would ask is refused.
"""

from __future__ import annotations

import datetime
import functools
import importlib.util
import json
import math
import os
import re
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sizer import tables, units
from sizer.errors import NotFoundError, UsageError
from sizer.routing.economics import Api
from sizer.routing.files import unreadable
from sizer.values import frozen

__all__ = [
    "HostSpread",
    "Price",
    "PriceTier",
    "Quote",
    "family_of",
    "genai_prices",
    "hand_price",
    "price_file",
    "price_key",
    "quote",
    "refusal",
]

# Dearer than this and it is a mistake in the list: the dearest text models on sale ask 150 and 600 $ per
# 10**6 tokens (o1-pro, 2025-03); the LiteLLM map has entries of 500 to 9,710 (jais, wrong by 1,000).
HIGHEST_INPUT_USD_PER_MTOK = 300.0
HIGHEST_OUTPUT_USD_PER_MTOK = 1200.0

# Words in an id that name a way of serving, not other weights: the second set only behind a size or another of them
# (`llama-3.1-8b-instruct-turbo`), since elsewhere they are part of a model's name (`gpt-4-turbo`, `grok-4-fast`).
_SERVING_WORDS = {
    "it", "hf", "fp8", "fp16", "bf16", "int8", "int4", "awq", "gptq", "mxfp4", "nvfp4", "maas", "free",
}  # fmt: skip
_WORDS_BEHIND_A_SIZE = {"chat", "turbo", "fast"}
_SIZE = re.compile(r"(?:[0-9]+x)?[0-9]+[bme]")
_VENDOR = re.compile(r"(?:[a-z-]+\.)+(?=[a-z])")  # `global.openai.gpt-...`, as AWS writes it
_SERVED_VERSION = re.compile(r"(?:-v?1)?:0$")  # `...-v1:0`; `-v0:2` is the model's own 0.2
_SERVING_VERSION = re.compile(r"[0-9]+(?::.*)?")
_DATE = re.compile(r"[-@]?(?:20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2})$")
_KEPT_FORM = 2
"""To be raised when `Price` changes: a kept list of the older form would be read with defaults for what it lacks."""
_MAX_FILE_BYTES = 64 * 1024 * 1024


@frozen
class PriceTier:
    """Rates from a prompt length on; the whole request is billed at them."""

    above_input_tokens: int
    """Applies to requests with more prompt tokens than this (0: from the start)."""
    input_usd_per_mtok: float
    """Dollars per 10**6 prompt tokens."""
    output_usd_per_mtok: float
    """Dollars per 10**6 generated tokens."""
    cached_input_usd_per_mtok: float | None = None
    """Dollars per 10**6 prompt tokens read from the cache; null where the list has none."""
    cache_write_usd_per_mtok: float | None = None
    """Dollars per 10**6 prompt tokens written to the cache; null where that is not billed apart.

    Some lists give it whole (Anthropic: 1.25 times the input price), some what comes on top (Gemini's storage).
    """


@frozen
class Price:
    """What one host asks for one model."""

    model: str
    """The model's id at the host."""
    host: str
    """Who serves it."""
    tiers: tuple[PriceTier, ...]
    """Rates by prompt length, ascending; the first starts at 0."""
    usd_per_request: float = 0.0
    """A fee per call."""
    source: str
    """The list and its version, or the flag."""
    as_of: str
    """The day for which the price holds (YYYY-MM-DD)."""
    is_dated: bool = True
    """Whether the list says from when on it holds; else it is the list's latest, whatever the day asked for."""

    def tier(self, input_tokens: float) -> PriceTier:
        """The rates of a request with so many prompt tokens."""
        return [tier for tier in self.tiers if tier.above_input_tokens == 0 or input_tokens > tier.above_input_tokens][
            -1
        ]

    def api(self, input_tokens: float, verbosity: float = 1.0) -> Api:
        """The rates at one prompt length, for the closed form."""
        tier = self.tier(input_tokens)
        return Api(
            input_usd_per_mtok=tier.input_usd_per_mtok,
            output_usd_per_mtok=tier.output_usd_per_mtok,
            cached_input_usd_per_mtok=tier.cached_input_usd_per_mtok,
            usd_per_request=self.usd_per_request,
            verbosity=verbosity,
        )


@frozen
class HostSpread:
    """What the hosts of the same weights ask, in dollars per request of the workload."""

    hosts: int
    """Hosts with a price."""
    lowest_usd: float
    """The cheapest host's."""
    lowest_host: str
    """Its name."""
    median_usd: float
    """The median host's."""
    highest_usd: float
    """The dearest host's."""
    highest_host: str
    """Its name."""


@frozen
class Quote:
    """The price that is used for a reference, and what else was on offer."""

    price: Price
    """The chosen host's price."""
    spread: HostSpread | None
    """Over all hosts; null where the price was given by hand."""
    refused: tuple[str, ...] = ()
    """Entries left out by the sanity gate, each with the reason."""


def hand_price(text: str, *, name: str, as_of: datetime.date) -> Price:
    """A price from `IN:OUT` or `IN:OUT:CACHED`, dollars per 10**6 tokens. Raises UsageError."""
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise UsageError(
            f"{name}: `{text}` is not a price",
            code="usage.number",
            because="it takes dollars per million tokens: input, output and, if there is one, cached input",
            hint=f"write {name} 0.05:0.10 or {name} 1.25:10:0.125",
        )
    rates = [units.parse_number(part, name=name, maximum=1e6) for part in parts]
    tier = PriceTier(
        above_input_tokens=0,
        input_usd_per_mtok=rates[0],
        output_usd_per_mtok=rates[1],
        cached_input_usd_per_mtok=rates[2] if len(rates) == 3 else None,
    )
    return Price(model="by hand", host="by hand", tiers=(tier,), source=name, as_of=as_of.isoformat())


@functools.cache  # a list of 2,000 ids is asked once for each model of a log
def price_key(reference: str) -> str:
    """What two ids of the same weights have in common.

    Lower case, the part after the last slash and a vendor's `openai.`, without words for ways of serving, letters
    and digits only: `meta-llama/Llama-3.1-8B-Instruct` and `meta.llama3-1-8b-instruct-v1:0` -> `llama318b`.
    """
    return "".join(_words(reference))


@functools.cache
def _words(reference: str) -> tuple[str, ...]:
    """The words of `price_key`."""
    *owners, name = re.split(r"[/|]", reference.lower())
    name = _SERVED_VERSION.sub("", _VENDOR.sub("", name))
    kept: list[str] = []
    is_served = is_name = False  # the word before was a size or a way of serving; was one of those, and kept
    for word in filter(None, re.split(r"[^a-z0-9]+", name)):
        if (
            word in _SERVING_WORDS
            or (word == "instruct" and not is_name)
            or (word in _WORDS_BEHIND_A_SIZE and is_served)
        ):
            is_served = True
            continue
        is_served, is_name = bool(_SIZE.fullmatch(word)), word in _WORDS_BEHIND_A_SIZE
        kept.append(word)
    if owners and "-" in owners[-1] and owners[-1] == "-".join(kept[:2]):  # meta-llama/Meta-Llama-3.1-8B
        del kept[0]
    return tuple(kept)


def _key_among(reference: str, hosts: set[str]) -> str:
    """`price_key` without hosts' names in front (`databricks-...`, `Meta-Llama-...`), where two words follow."""
    words = _words(reference)
    while len(words) > 2 and words[0] in hosts:
        words = words[1:]
    return "".join(words)


def _matching(reference: str, prices: Iterable[Price]) -> list[Price]:
    """The prices of a reference. Where a host has only a dated id of a model that others list undated, that one.

    A dated reference that no list has is the undated model; a date of four digits (`-0731`) is a release of its own.
    """
    listed = list(prices)
    known = {price.host for price in listed}
    wanted = _key_among(reference, known)
    found = [price for price in listed if _key_among(price.model, known) == wanted]
    if not found and (undated := _DATE.sub("", reference)) != reference:
        return _matching(undated, listed)
    if found:
        hosts = {price.host for price in found}
        dated: dict[str, list[Price]] = {}
        for price in listed:
            if price.host not in hosts and _key_among(price.model, known).startswith(wanted):
                name = _SERVED_VERSION.sub("", price.model)
                if _DATE.search(name) and _key_among(_DATE.sub("", name), known) == wanted:
                    dated.setdefault(price.host, []).append(price)
        found += [price for own in dated.values() if len({price_key(p.model) for p in own}) == 1 for price in own]
    return found


def family_of(reference: str, prices: Iterable[Price]) -> str:
    """The listed id that a reference lengthens by a word or more (`gpt-5` of `gpt-5-nano`); `""` where none is."""
    words = _words(reference.rpartition(":")[2])
    heads = {"".join(words[:length]) for length in range(2, len(words))}
    names = {key: price.model for price in prices if (key := price_key(price.model)) in heads}
    return names[max(names, key=len)].rpartition("/")[2] if names else ""


def _close(reference: str, prices: Iterable[Price]) -> list[str]:
    """At most three listed ids that are written much like a reference."""
    import difflib

    names = {price_key(price.model): price.model.rpartition("/")[2] for price in prices}
    close = difflib.get_close_matches(price_key(reference), names, n=3, cutoff=0.7)
    return [names[key] for key in close]


def refusal(price: Price) -> str:
    """Why a list's price is not believed; `""` where it is."""
    for tier in price.tiers:
        given, made, cached = tier.input_usd_per_mtok, tier.output_usd_per_mtok, tier.cached_input_usd_per_mtok or 0
        if not all(map(math.isfinite, (given, made, cached))):
            return "it is no number"
        if given < 0 or made < 0 or cached < 0:
            return "it is negative"
        if given == 0 and made == 0:
            return "it is 0, which says unknown or a free trial"
        if given > HIGHEST_INPUT_USD_PER_MTOK or made > HIGHEST_OUTPUT_USD_PER_MTOK:
            return f"${given:,g} and ${made:,g} per million tokens are beyond any model on sale"
    return ""


def quote(
    reference: str, prices: Iterable[Price], *, input_tokens: float, output_tokens: float, flag: str, host: str = ""
) -> Quote:
    """The median host's price for a reference, at the workload's tokens.

    `HOST:MODEL`, `HOST/MODEL` (as gateways log it) or `host` picks one. With an even number of hosts the
    lower middle one is taken, so that
    the price is some real host's. Raises NotFoundError where no list has a price, UsageError where all are
    refused or the host has none.
    """
    prices = list(prices)
    if not host and _has_host(reference, prices, is_logged=flag == "--log"):
        host, _, reference = reference.partition(":")
    found = _matching(reference, prices)
    if not host and "/" in reference:
        host = next((price.host for price in found if price.host.lower() in reference.lower().split("/")[:-1]), "")
    if not found:
        close = _close(reference, prices) if flag != "--log" else []  # a log's models are asked one after another
        meant = f"did you mean {' or '.join(f'`{name}`' for name in close)}? Else " if close else ""
        raise NotFoundError(
            f"{flag}: no price is known for `{reference}`",
            code="route.no_price",
            because="the price list has no model of that name",
            hint=f"{meant}give the price by hand ({flag}-price 0.05:0.10, dollars per million tokens in and out), "
            "or say what serving it yourself takes (--self-host, --gpu-hour, --rps)",
            details={"close_matches": close},
        )
    reasons = {price: refusal(price) for price in found}
    refused = tuple(f"{price.host} {price.model}: {why}" for price, why in reasons.items() if why)
    usable = [price for price, why in reasons.items() if not why]
    if host:
        usable = [price for price in usable if price.host.lower() == host.lower()]
    if not usable:
        hosts = sorted({price.host for price in found})
        raise UsageError(
            f"{flag}: the price of `{reference}` cannot be used",
            code="route.price",
            because="; ".join(refused) or f"`{host}` has none; hosts that have one: {', '.join(hosts)}",
            hint=f"give it by hand: {flag}-price IN:OUT",
        )

    def per_request(price: Price) -> float:
        tier = price.tier(input_tokens)
        return (input_tokens * tier.input_usd_per_mtok + output_tokens * tier.output_usd_per_mtok) / 1e6

    ranked = sorted(usable, key=lambda price: (per_request(price), price.host, price.model))
    middle = per_request(ranked[(len(ranked) - 1) // 2])
    chosen = next(price for price in ranked if per_request(price) == middle)
    spread = HostSpread(
        hosts=len({price.host for price in ranked}),
        lowest_usd=per_request(ranked[0]),
        lowest_host=ranked[0].host,
        median_usd=statistics.median(per_request(price) for price in ranked),
        highest_usd=per_request(ranked[-1]),
        highest_host=ranked[-1].host,
    )
    return Quote(price=chosen, spread=spread, refused=refused)


def _has_host(reference: str, prices: Iterable[Price], *, is_logged: bool) -> bool:
    """Whether a reference is `HOST:MODEL`. A serving version (`...-v1:0`) has no host in front; a log's `ft:...` or
    `arn:...` has none either, while a user may have misspelt one."""
    head, colon, rest = reference.partition(":")
    if not colon or "/" in head or _SERVING_VERSION.fullmatch(rest):
        return False
    return not is_logged or any(price.host.lower() == head.lower() for price in prices)


def genai_prices(at: datetime.date) -> list[Price]:
    """Every token price of the installed `genai-prices` package that holds on the day `at`, at noon UTC.

    The package takes 0.3 s and 25 MB to import (pydantic, an HTTP client that is never used here), so a process of its
    own reads it, and its prices are kept for the next ones.
    """
    found = importlib.util.find_spec("genai_prices")
    assert found is not None, "genai-prices is a dependency"
    assert found.origin is not None
    data = Path(found.origin).with_name("data.py").stat()
    stamp = f"{_KEPT_FORM}-{data.st_size:x}-{data.st_mtime_ns:x}-{at.isoformat()}"
    return tables.kept("prices", stamp, list[Price], lambda: _read_apart(at))


def _read_apart(at: datetime.date) -> list[Price]:
    """The prices by way of another process; in this one where there can be none."""
    import subprocess

    code = (
        "import datetime; from sizer.render import json; from sizer.routing import prices; "
        f"print(json.encode(prices._read_genai_prices(datetime.date.fromisoformat('{at.isoformat()}'))))"
    )
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    try:
        run = subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, check=True)
        return tables.convert(json.loads(run.stdout), list[Price], where="genai-prices")
    except (OSError, ValueError, subprocess.SubprocessError, UsageError):
        return _read_genai_prices(at)


def _read_genai_prices(at: datetime.date) -> list[Price]:
    import genai_prices as package
    from genai_prices.data_snapshot import get_snapshot

    moment = datetime.datetime.combine(at, datetime.time(12), tzinfo=datetime.UTC)
    source = f"genai-prices {package.__version__}"
    prices = []
    for provider in get_snapshot().providers:
        for model in provider.models:
            starts = [getattr(entry.constraint, "start_date", None) for entry in _entries(model.prices)]
            rates = {key: value for key, value in vars(model.get_prices(moment)).items() if value is not None}
            tiers = _tiers({key: _genai_steps(value) for key, value in rates.items()})
            if tiers:
                fee = float(str(rates.get("requests_kcount", 0))) / 1000
                prices.append(
                    Price(
                        model=model.id, host=provider.id, tiers=tiers, usd_per_request=fee, source=source,
                        as_of=at.isoformat(), is_dated=any(start and start <= at for start in starts),
                    )
                )  # fmt: skip
    return prices


def _entries(value: Any) -> list[Any]:
    """A model's dated prices; none where it has one price for all days."""
    return value if isinstance(value, list) else []


def _genai_steps(value: Any) -> list[tuple[int, float]]:
    """[(above, rate)] of a plain or tiered rate, as an object of the package or as its JSON."""
    if isinstance(value, Mapping):
        return [(0, float(value["base"]))] + [(int(t["start"]), float(t["price"])) for t in value.get("tiers", [])]
    if hasattr(value, "tiers"):
        return [(0, float(value.base))] + [(tier.start, float(tier.price)) for tier in value.tiers]
    return [(0, float(value))]


def _tiers(rates: Mapping[str, list[tuple[int, float]]]) -> tuple[PriceTier, ...]:
    """Tiers from the steps of each rate; none where input or output has no rate."""
    if "input_mtok" not in rates or "output_mtok" not in rates:
        return ()
    kept = {key: sorted(steps) for key, steps in rates.items() if key in _RATES}
    starts = sorted({start for steps in kept.values() for start, _ in steps})

    def rate(key: str, start: int) -> float | None:
        return next((value for above, value in reversed(kept.get(key, [])) if above <= start), None)

    def required(key: str, start: int) -> float:
        if (value := rate(key, start)) is None:
            raise ValueError(f"{key} has no rate for prompts of {start} tokens")
        return value

    return tuple(
        PriceTier(
            above_input_tokens=start,
            input_usd_per_mtok=required("input_mtok", start),
            output_usd_per_mtok=required("output_mtok", start),
            cached_input_usd_per_mtok=rate("cache_read_mtok", start),
            cache_write_usd_per_mtok=rate("cache_write_mtok", start),
        )
        for start in starts
    )


_RATES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")


def price_file(path: Path, at: datetime.date) -> list[Price]:
    """The prices of a file: `genai-prices` data (a list of providers) or a LiteLLM cost map (an object).

    Raises UsageError where it is neither.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise _bad_file(path, f"it is larger than {units.format_bytes(_MAX_FILE_BYTES)}")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise _bad_file(path, f"it is not JSON ({error})") from error
    try:
        found = list(
            _from_genai(document, path, at) if isinstance(document, list) else _from_litellm(document, path, at)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _bad_file(path, f"an entry is not of either format ({type(error).__name__}: {error})") from error
    if not found:
        raise _bad_file(path, "it holds no price per token")
    return found


def _from_genai(document: list[Any], path: Path, at: datetime.date) -> Iterator[Price]:
    for provider in document:
        for model in provider["models"]:
            rates = model.get("prices") or {}
            is_dated = False
            if isinstance(rates, list):
                rates, is_dated = _dated(rates, at)
            tiers = _tiers({key: _genai_steps(rates[key]) for key in _RATES if rates.get(key) is not None})
            if tiers:
                yield Price(
                    model=model["id"], host=provider["id"], tiers=tiers, source=path.name, as_of=at.isoformat(),
                    usd_per_request=float(rates.get("requests_kcount") or 0) / 1000, is_dated=is_dated,
                )  # fmt: skip


def _dated(entries: list[Any], at: datetime.date) -> tuple[Any, bool]:
    """The last entry that holds on the day, no constraint or a start date that has come; whether it has a date."""
    for entry in reversed(entries):
        constraint = entry.get("constraint")
        if constraint is None or constraint.get("start_date", "9999") <= at.isoformat():
            return entry["prices"], constraint is not None
    return entries[0]["prices"], False


_LITELLM_RATES = {
    "input_mtok": "input_cost_per_token",
    "output_mtok": "output_cost_per_token",
    "cache_read_mtok": "cache_read_input_token_cost",
    "cache_write_mtok": "cache_creation_input_token_cost",
}
_LITELLM_TIER = re.compile(r"(?P<rate>.+)_above_(?P<thousands>[0-9]+)k_tokens")


def _from_litellm(document: Any, path: Path, at: datetime.date) -> Iterator[Price]:
    for name, entry in document.items():
        if not isinstance(entry, dict) or entry.get("mode", "chat") not in ("chat", "completion", "responses"):
            continue
        rates: dict[str, list[tuple[int, float]]] = {}
        for ours, theirs in _LITELLM_RATES.items():
            if not _is_rate(entry.get(theirs)):
                continue
            rates[ours] = [(0, float(entry[theirs]) * 1e6)]
            for key, value in entry.items():
                match = _LITELLM_TIER.fullmatch(key)
                if match and match["rate"] == theirs and _is_rate(value):
                    rates[ours].append((int(match["thousands"]) * 1000, float(value) * 1e6))
        if tiers := _tiers(rates):
            host = str(entry.get("litellm_provider") or name.partition("/")[0])
            yield Price(
                model=name, host=host, tiers=tiers, source=path.name, as_of=at.isoformat(), is_dated=False
            )  # fmt: skip


def _is_rate(value: Any) -> bool:
    """Whether a cost map's value is a number, or the text of one; its first entry explains the keys in words."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _bad_file(path: Path, why: str) -> UsageError:
    return UsageError(
        f"`{path}` is not a price list", code="usage.prices", because=why,
        hint="give a data.json of genai-prices or LiteLLM's model_prices_and_context_window.json",
    )  # fmt: skip
