"""`sizer fit`: which models of the catalog fit a place, worked by hand on entries made up for it."""

from __future__ import annotations

import datetime

import pytest

from sizer.api import ReadingSettings, _one_model
from sizer.catalog.cache import attention_of, shape_of
from sizer.catalog.fitting import find_fitting, weight_format, weight_formats
from sizer.catalog.listing import Filter
from sizer.catalog.models import CacheWindow, CatalogEntry, Shape, find, load_catalog, problems
from sizer.sizing.hardware import parse_target
from sizer.sizing.kv_cache import kv_cache_bytes, state_bytes

DAY = datetime.date(2026, 6, 1)


def entry(name, billions, *, active=None, cache=100_000, released=DAY, **more):
    """A catalog entry; 100 kB of cache a token."""
    total = round(billions * 10**9)
    return CatalogEntry(
        id=name, family="F", basis="declared", source="a test", checked=DAY, total_parameters=total,
        active_parameters=round((active or billions) * 10**9), context_tokens=32_768, context_source="a test",
        kv_cache_bytes_per_token=cache, released=released, **more,
    )  # fmt: skip


def fitting(entries, on="memory=24GB", **settings):
    """The report on entries at a place, at 8,000 tokens unless told otherwise."""
    settings.setdefault("context_tokens", 8_000)
    return find_fitting(entries, settings.pop("wanted", Filter()), parse_target(on), **settings)


def test_the_widest_format_that_fits_is_taken():
    """8 B take 16 GB at 16 bits and fit 24 GB; 14 B take 28 GB and fit at 8.5 bits (14.9 GB); 30 B fit at 4.85."""
    report = fitting([entry("a/8", 8), entry("a/14", 14), entry("a/30", 30), entry("a/70", 70)])
    assert [(one.id, one.format) for one in report.models] == [("a/30", "q4_k_m"), ("a/14", "q8_0"), ("a/8", "bf16")]
    assert [one.weights_bytes for one in report.models] == [18_187_500_000, 14_875_000_000, 16_000_000_000]
    assert (report.fitting, report.too_large) == (3, 1)


def test_the_cache_counts():
    """30 B at 4.85 bits leave 5.8 GB: 32,768 tokens of 100 kB take 3.3 GB and fit, of 800 kB they do not."""
    report = fitting([entry("a/thin", 30), entry("a/thick", 30, cache=800_000)], context_tokens=32_768)
    assert [one.id for one in report.models] == ["a/thin"]
    assert report.models[0].fit.needed_bytes[0] > 18_187_500_000 + 3_276_800_000


def test_a_full_window_takes_no_more():
    """Of 800 kB a token, 700 kB are under windows of 1,000: 32,768 tokens take 3.98 GB and fit, not 26 GB."""
    windows = (CacheWindow(tokens=1_000, bytes_per_token=700_000),)
    report = fitting([entry("a/windowed", 30, cache=800_000, kv_cache_windows=windows)], context_tokens=32_768)
    (model,) = report.models
    kept = 32_768 * 100_000 + 1_000 * 700_000
    assert model.fit.needed_bytes[0] == fitting([entry("a/none", 30, cache=0)]).models[0].fit.needed_bytes[0] + kept
    assert entry("a/windowed", 30, cache=800_000, kv_cache_windows=windows).kv_cache_bytes(32_768) == kept


def test_a_state_is_kept_once_for_each_sequence():
    """64 MB of state are there whatever the context: 0.5 GB for eight sequences."""
    plain, hybrid = entry("a/plain", 8, cache=0), entry("a/hybrid", 8, cache=0, state_bytes=64_000_000)
    needed = [fitting([one], sequences=8).models[0].fit.needed_bytes[0] for one in (plain, hybrid)]
    assert needed[1] - needed[0] == 8 * 64_000_000


@pytest.mark.parametrize("context", [1_000, 8_192, 131_072])
@pytest.mark.parametrize(
    "name",
    [
        "openai/gpt-oss-20b",
        "meta-llama/Llama-4-Maverick-17B-128E-Instruct",
        "Qwen/Qwen3.5-397B-A17B",
        "deepseek-ai/DeepSeek-V3.2",
        "Qwen/Qwen3-30B-A3B",
    ],
)
def test_the_catalog_counts_the_cache_as_inspect_does(sizer, name, context):
    """Cache and state of an entry are those of its headers, windows full or not."""
    outcome = sizer("inspect", name, "--offline", "--context", str(context), "--cache-dtype", "bf16", "--json")
    memory = outcome.json["report"]["memory"]
    kept = find(name).kv_cache_bytes(context)
    assert kept == memory["kv_cache_bytes"] + memory["state_bytes"]
    spec = attention_of(find(name))
    assert kv_cache_bytes(spec, context) + state_bytes(spec) == kept


def test_a_context_beyond_what_the_config_allows_is_marked(sizer, monkeypatch):
    """Qwen3-8B takes 131,072 tokens with scaled positions and 40,960 without: beyond those its row has a star."""
    monkeypatch.setenv("COLUMNS", "80")
    wanted = ("fit", "--on", "h100", "--family", "qwen3", "--limit", "0", "--context")
    for context, needs in (("40k", False), ("100k", True)):
        models = sizer(*wanted, context, "--json").json["report"]["models"]
        assert [one["needs_scaling"] for one in models if one["id"] == "Qwen/Qwen3-8B"] == [needs]
        assert ("* the context needs scaled positions" in " ".join(sizer(*wanted, context).out.split())) == needs


def test_inspect_says_where_the_catalog_has_another_context(sizer):
    """config.json's context is what counts; the catalog's stands beside it with its source."""
    outcome = sizer("inspect", "Qwen/Qwen3-30B-A3B", "--offline", "--json")
    memory = outcome.json["report"]["memory"]
    (notice,) = [one for one in memory["notices"] if one["code"] == "memory.context_claim"]
    assert memory["longest_context_tokens"] == 40_960
    assert "40,960 tokens, the catalog 131,072 (NVIDIA/RULER" in notice["message"]
    agreeing = sizer("inspect", "openai/gpt-oss-20b", "--offline", "--json").json["report"]["memory"]
    assert "memory.context_claim" not in [one["code"] for one in agreeing["notices"]]


def test_windows_that_cannot_be_are_refused():
    """Windows hold no more than a token adds, and a window has a length."""
    wrong = [CacheWindow(tokens=10, bytes_per_token=200_000), CacheWindow(tokens=0, bytes_per_token=1)]
    for window, why in zip(
        wrong, ("windows hold more than a token adds", "a window and its bytes are positive"), strict=True
    ):
        assert problems([entry("a/b", 8, kv_cache_windows=(window,))]) == [f"`a/b`: {why}"]


def test_what_is_not_known_is_not_judged():
    """Without bytes per token a model is listed as unknown, unless its weights alone are too large."""
    report = fitting([entry("a/small", 8, cache=None), entry("a/large", 800, cache=None)])
    assert (report.models, report.unknown, report.too_large) == ((), ("a/small",), 1)


def test_a_context_that_is_too_long_for_the_model():
    """A model of 32,768 tokens is not offered for 40,000."""
    report = fitting([entry("a/8", 8)], context_tokens=40_000)
    assert (report.fitting, report.too_short) == (0, 1)


def test_newest_year_first_then_the_largest():
    """A model of the last year comes before a larger one that is two years older."""
    old = datetime.date(2024, 5, 1)
    report = fitting([entry("a/old", 30, released=old), entry("a/small", 4), entry("a/new", 14)])
    assert [one.id for one in report.models] == ["a/new", "a/small", "a/old"]


def test_tight_rows_keep_the_order():
    """Of one year the largest comes first, also where only its lowest need fits."""
    report = fitting([entry("a/8", 8), entry("a/tight", 37, cache=0)], context_tokens=1_000)
    assert [(one.id, one.fit.fits) for one in report.models] == [("a/tight", "tight"), ("a/8", "yes")]


BUNDLES = [
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-30B-A3B",
    "Qwen/Qwen3.5-397B-A17B",
    "deepseek-ai/DeepSeek-V3.2",
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct",
    "moonshotai/Kimi-K2-Instruct",
    "nvidia/Qwen3-235B-A22B-NVFP4",
    "openai/gpt-oss-20b",
]


@pytest.mark.parametrize("name", BUNDLES)
def test_the_catalog_has_the_shape_that_inspect_reads(name):
    """Layers, hidden size, vocabulary and KV heads of an entry are those of its headers and config.json."""
    anatomy_spec = _one_model(name, ReadingSettings(offline=True))[2]
    assert find(name).shape == shape_of(anatomy_spec)


@pytest.mark.parametrize("name", [name for name in BUNDLES if find(name).stored_bytes])
def test_the_catalog_has_the_stored_bytes_that_inspect_counts(sizer, name):
    """A quantised release is as large in the catalog as its headers say."""
    report = sizer("inspect", name, "--offline", "--json").json["report"]
    assert find(name).stored_bytes == report["weights_bytes"]


@pytest.mark.parametrize(
    ("name", "on", "context"),
    [
        ("Qwen/Qwen3-30B-A3B", "rtx-4090", "8192"),
        ("Qwen/Qwen3-30B-A3B", "8xl4", "32768"),
        ("openai/gpt-oss-20b", "rtx-4090", "8192"),
        ("openai/gpt-oss-20b", "m4-max 64", "131072"),
        ("deepseek-ai/DeepSeek-V3.2", "8xh200", "32768"),
        ("moonshotai/Kimi-K2-Instruct", "16xh200", "8192"),
    ],
)
def test_fit_and_inspect_agree(sizer, name, on, context):
    """Of one model at one place and context both say the same need and the same answer, stored or in fewer bits."""
    asked = ("--on", on, "--context", context, "--cache-dtype", "bf16", "--json")
    (inspected,) = sizer("inspect", name, "--offline", *asked).json["report"]["fit"]
    models = sizer("fit", *asked, "--limit", "0").json["report"]["models"]
    (listed,) = [one for one in models if one["id"] == name]
    found = inspected["narrower"] or inspected
    assert listed["fit"]["needed_bytes"] == found["needed_bytes"]
    assert listed["fit"]["fits"] == found["fits"]
    assert listed["fit"]["cache_copies"] == inspected["cache_copies"]
    if inspected["narrower"]:
        assert listed["format"] == inspected["narrower"]["format"]


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("openai/gpt-oss-20b", "rtx-4090"),
        ("meta-llama/Llama-3.1-8B", "8xh200"),
        ("Qwen/Qwen3-30B-A3B", "8xh200"),
        ("Qwen/Qwen3-0.6B", "rtx-4090"),
        ("nvidia/Qwen3-235B-A22B-NVFP4", "8xh200"),
        ("Qwen/Qwen3.5-397B-A17B", "8xb200"),
    ],
)
def test_fit_and_inspect_are_as_fast(sizer, name, on):
    """Of one model at one place both say the same ceiling: head tied or not, packed or not, dense or a mixture."""
    asked = ("--on", on, "--cache-dtype", "bf16", "--json")
    (inspected,) = sizer("inspect", name, "--offline", *asked).json["report"]["fit"]
    models = sizer("fit", *asked, "--limit", "0").json["report"]["models"]
    (listed,) = [one for one in models if one["id"] == name]
    ceilings = [one["speed"]["decode"]["ceiling_tokens_per_second"] for one in (inspected, listed["fit"])]
    assert ceilings[1] == pytest.approx(ceilings[0], rel=1e-4)
    assert not listed["speed_is_rough"]


def test_the_input_embedding_is_left_out_where_the_head_is_its_own():
    """Of 8 B with 1 B in the token table a step reads 7 B at 16 bits; where it is not known all 8, and that is said."""
    known, unknown = entry("a/known", 8, cache=0, active_compute_parameters=7 * 10**9), entry("a/unknown", 8, cache=0)
    read = {
        one.id: (one.fit.speed.decode.weights_bytes_per_step, one.speed_is_rough)
        for one in fitting([known, unknown], on="h100", formats=[weight_format("bf16")]).models
    }
    assert read == {"a/known": (14 * 10**9, False), "a/unknown": (16 * 10**9, True)}


def test_a_packed_release_has_its_experts_packed():
    """20 B, 4 B active, 4 of 32 experts: 18.29 B routed at 4.25 bits are 9.71 GB; of 13 GB 3.28 GB are beside them."""
    packed = entry(
        "a/packed", 20, active=4, cache=0, routed_experts=32, experts_per_token=4, stored_format="MXFP4",
        stored_bytes=13_000_000_000, active_compute_parameters=4 * 10**9,
    )  # fmt: skip
    (model,) = fitting([packed], on="h100").models
    routed = 16e9 / (1 - 4 / 32) * 4.25 / 8
    assert model.fit.speed.decode.weights_bytes_per_step == pytest.approx(13e9 - routed + routed * 4 / 32, abs=2)


def test_what_a_step_multiplies_is_active_or_less_the_token_table():
    """In the catalog the two counts differ by nothing or by vocabulary times hidden size, and never the wrong way."""
    known = [one for one in load_catalog() if one.active_compute_parameters is not None]
    assert len(known) > 90
    for one in known:
        table = one.shape.vocabulary_size * one.shape.hidden_size
        assert one.active_parameters - one.active_compute_parameters in (0, table), one.id
    wrong = entry("a/b", 8, active_compute_parameters=9 * 10**9)
    assert problems([wrong]) == ["`a/b`: what a step multiplies exceeds active"]


def test_the_longest_context_says_where_it_needs_scaling(sizer, monkeypatch):
    """Qwen3-30B-A3B takes 131,072 tokens with scaled positions and 40,960 without: fit says which of them it means."""
    report = sizer("fit", "--on", "8xh200", "--family", "qwen3", "--limit", "0", "--json").json["report"]
    (model,) = [one for one in report["models"] if one["id"] == "Qwen/Qwen3-30B-A3B"]
    assert (model["fit"]["longest_context_tokens"], model["fit"]["longest_context_limit"]) == (131_072, "scaled")
    assert (model["longest_needs_scaling"], model["unscaled_context_tokens"]) == (True, 40_960)
    assert not model["needs_scaling"]
    monkeypatch.setenv("COLUMNS", "110")
    out = sizer("fit", "--on", "8xh200", "--family", "qwen3", "--limit", "0").out
    assert "128Ki*" in out
    assert "* the context needs scaled positions" in " ".join(out.split())


def test_a_quantised_release_is_judged_as_it_is_stored():
    """20 B of 5 bits take 12.5 GB as stored: never 6 or 8 bits, and 4.85 bits where only those fit."""
    packed = entry("a/packed", 20, cache=0, stored_format="MXFP4", stored_bytes=12_500_000_000)
    for on, key, weights in (("memory=80GB", "stored", 12_500_000_000), ("memory=16.4GB", "q4_k_m", 12_125_000_000)):
        (model,) = fitting([packed], on=on).models
        assert (model.format, model.weights_bytes) == (key, weights)
    for asked, key in (("bf16", "stored"), ("q4_k_m", "q4_k_m")):
        (model,) = fitting([packed], on="memory=80GB", formats=[weight_format(asked)]).models
        assert model.format == key


def test_a_stored_format_is_named(sizer):
    """gpt-oss-20b is listed in its MXFP4, 13.76 GB, and the foot says that it is no estimate of ours."""
    out = sizer("fit", "--on", "rtx-4090", "--family", "gpt-oss").out
    assert "13.76 GB  MXFP4" in out
    assert "MXFP4: as released" in out


def test_stored_bytes_that_cannot_be_are_refused():
    """Stored bytes have a format, and are fewer than those of 16 bits."""
    assert problems([entry("a/b", 8, stored_bytes=9)]) == ["`a/b`: stored bytes and their format go together"]
    wide = entry("a/b", 8, stored_bytes=16_000_000_000, stored_format="FP8")
    assert problems([wide]) == ["`a/b`: stored bytes are of a packing narrower than 16 bits"]
    assert problems([entry("a/b", 8, shape=Shape(hidden_size=0))]) == ["`a/b`: a shape is positive"]


def test_a_mixture_is_fast_by_its_active_parameters():
    """30 B with 3 B active read a tenth of what dense 30 B read, so their ceiling is about ten times as high."""
    sparse = entry("a/sparse", 30, active=3, cache=0, routed_experts=128, experts_per_token=8)
    dense = entry("a/dense", 30, cache=0)
    report = fitting([sparse, dense], on="rtx-4090", sort="speed")
    assert [one.id for one in report.models] == ["a/sparse", "a/dense"]
    fast, slow = (one.fit.speed.decode.ceiling_tokens_per_second for one in report.models)
    assert fast / slow == pytest.approx(10, rel=0.01)


def test_at_a_batch_every_expert_is_read():
    """128 sequences touch nearly all of 128 experts: the mixture reads nearly what the dense model reads."""
    sparse = entry("a/sparse", 30, active=3, cache=0, routed_experts=128, experts_per_token=8)
    dense = entry("a/dense", 30, cache=0)
    report = fitting([sparse, dense], on="h100", sequences=128, sort="speed", formats=[weight_format("bf16")])
    fast, slow = (one.fit.speed.decode.weights_bytes_per_step for one in report.models)
    assert fast / slow == pytest.approx(1, rel=0.01)


def test_a_repository_of_packed_weights_is_left_to_its_original():
    """Where the catalog has the model itself, its FP8 twin is not a second model; alone it stays."""
    twin = entry("a/8-FP8", 8)
    assert [one.id for one in fitting([entry("a/8", 8), twin]).models] == ["a/8"]
    assert [one.id for one in fitting([twin]).models] == ["a/8-FP8"]


def test_formats_go_from_wide_to_narrow():
    """Each format of the table is narrower than the one before it."""
    bits = [width.bits for width in weight_formats()]
    assert bits == sorted(set(bits), reverse=True)


def test_on_the_catalog_itself(sizer):
    """Every model shown fits, none takes another task, and all are judged one way or another."""
    report = sizer("fit", "--on", "rtx-4090", "--context", "16k", "--limit", "0", "--json").json["report"]
    assert len(report["models"]) == report["fitting"] > 50
    assert {one["fit"]["fits"] for one in report["models"]} <= {"yes", "tight"}
    for one in report["models"]:
        assert one["weights_bytes"] < report["available_bytes"]
    tasks = {model.id: model.task for model in load_catalog()}
    assert {tasks[one["id"]] for one in report["models"]} <= {"chat", "completion"}


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_stays_within_the_screen(sizer, monkeypatch, width):
    """No line is wider than the screen, but for an id that is longer than that."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = sizer("fit", "--on", "rtx-4090").out.splitlines()
    assert max(len(line.rstrip()) for line in lines if " " in line) <= width


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--on", "rtx-4090", "--sort", "fast"], "usage.choice"),
        (["--on", "rtx-4090", "--format", "q2"], "usage.choice"),
        (["--on", "abacus"], "usage.device"),
        ([], "usage.arguments"),
        (["--on", "rtx-4090", "--on", "h100"], "usage.arguments"),
        (["--on", "rtx-4090", "--sequences", "-1"], "usage.range"),
        (["--on", "rtx-4090", "--context", "0"], "usage.range"),
        (["--on", "rtx-4090", "--cache-dtype", "fp9"], "usage.cache_dtype"),
    ],
)
def test_bad_input_is_named(sizer, arguments, code):
    """What is not understood is named, with what would be."""
    outcome = sizer("fit", *arguments, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (2, code)


def test_every_id_is_whole(sizer, monkeypatch):
    """An id is printed with its organisation and in one piece, on a line of its own where there is no room beside."""
    ids = [one["id"] for one in sizer("fit", "--on", "rtx-4090", "--limit", "0", "--json").json["report"]["models"]]
    for width in (40, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = sizer("fit", "--on", "rtx-4090", "--limit", "0").out.splitlines()
        assert [line.split()[0] for line in lines if line.split()[:1] and line.split()[0] in ids] == ids


@pytest.mark.parametrize("command", [("fit", "--on", "rtx-4090"), ("catalog",), ("landscape",)])
def test_a_limit_without_its_unit_is_asked_about(sizer, command):
    """`--max-active 8` would be eight parameters; the hint writes 8B."""
    outcome = sizer(*command, "--max-active", "8")
    assert outcome.code == 2
    assert "--max-active 8B" in outcome.err
