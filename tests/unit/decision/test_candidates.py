"""Models held against constraints, with figures worked by hand or from model cards."""

import datetime
import itertools
from dataclasses import dataclass, replace

import pytest

from sizer.catalog.models import load_catalog
from sizer.decision.footprint import assumptions
from sizer.decision.recommend import recommend
from sizer.decision.signals import Given
from sizer.sizing.speed import BANDWIDTH_SHARE

AS_OF = datetime.date(2026, 11, 24)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model to judge."""

    id: str = "a/model"
    family: str = "a"
    basis: str = "counted"
    total_parameters: int | None = None
    active_parameters: int | None = None
    context_tokens: int | None = 131_072
    effective_context_tokens: int | None = None
    kv_cache_bytes_per_token: int | None = 98_304
    licence: str | None = "apache-2.0"
    task: str = "chat"
    released: datetime.date | None = None
    unknown_reason: str = ""

    def needs_scaling(self, context_tokens):
        return False

    def kv_cache_bytes(self, context_tokens):
        return None if self.kv_cache_bytes_per_token is None else self.kv_cache_bytes_per_token * context_tokens


MIXTURE = Model(id="a/30B-A3B", total_parameters=30_532_122_624, active_parameters=3_353_554_944)
THREE_B = Model(id="a/3B", total_parameters=3_212_749_824, active_parameters=3_212_749_824)
TRILLION = Model(id="a/1T-A32B", total_parameters=1_000_000_000_000, active_parameters=32_000_000_000)
EIGHT_B = Model(
    id="a/8B", total_parameters=8_030_261_248, active_parameters=8_030_261_248, effective_context_tokens=32_768
)
SEVENTY_B = Model(
    id="a/70B", total_parameters=70_553_706_496, active_parameters=70_553_706_496, effective_context_tokens=65_536
)


def _judge(model, given, bits=4):
    report = recommend(given, (), as_of=AS_OF, named=[model], bits=bits)
    [candidate] = report.candidates
    return report, candidate


def test_a_mixture_is_refused_on_8_gb_whatever_it_activates():
    """30.5 B at 4 bits need about 19 GB, so 3.3 B active do not help on an 8 GB device."""
    report, candidate = _judge(MIXTURE, Given(answers={"edge": "yes"}, numbers={"memory_gb": 8}))
    assert [refusal.constraint for refusal in candidate.refusals] == ["memory"]
    assert not report.feasible
    assert candidate.resident_bytes_low > 18_000_000_000


def test_a_mixture_fits_24_gb_with_the_speed_of_a_small_model():
    """The same model fits 24 GB, is small by active and large by total, and reads no more than a 3 B model a token."""
    report, candidate = _judge(MIXTURE, Given(answers={"edge": "yes"}, numbers={"memory_gb": 24, "output_tokens": 100}))
    assert (candidate.fit, report.feasible) == ("fits", True)
    assert (candidate.size_class.by_active, candidate.size_class.by_total) == ("slm", "llm")
    assert "memory of a 30.53 B model, speed of a 3.35 B one" in candidate.notes
    _, small = _judge(THREE_B, Given(answers={"edge": "yes"}, numbers={"memory_gb": 24, "output_tokens": 100}))
    ratio = candidate.fastest_answer_ms / small.fastest_answer_ms
    assert ratio == pytest.approx(3_353_554_944 / 3_212_749_824)


def test_three_billion_against_4_gb_is_judged_by_resident_bytes():
    """3.21 B at 4 bits: the file has 1.9-2.5 GB, but 3.73-4.06 GB are resident (Llama 3.2 card), so 4 GB is tight."""
    _, candidate = _judge(THREE_B, Given(answers={"edge": "yes"}, numbers={"memory_gb": 4}))
    assert candidate.fit == "tight"
    assert candidate.weights_bytes < 2_600_000_000
    assert candidate.resident_bytes_low == pytest.approx(3_726_000_000, rel=0.005)
    assert candidate.resident_bytes_high == pytest.approx(4_060_000_000, rel=0.005)
    _, refused = _judge(THREE_B, Given(answers={"edge": "yes"}, numbers={"memory_gb": 3}))
    assert [refusal.constraint for refusal in refused.refusals] == ["memory"]


def test_one_billion_follows_the_measured_line():
    """1.24 B at 4 bits: 1,921 to 2,255 MB resident (Llama 3.2 card, SpinQuant and QLoRA)."""
    model = Model(total_parameters=1_235_814_400, active_parameters=1_235_814_400, kv_cache_bytes_per_token=32_768)
    _, candidate = _judge(model, Given(answers={"edge": "yes"}))
    assert candidate.resident_bytes_low == pytest.approx(1_921_000_000, rel=0.005)
    assert candidate.resident_bytes_high == pytest.approx(2_255_000_000, rel=0.005)


def test_a_trillion_at_8_bits_is_refused_on_8_gpus():
    """1 T at 8 bits is more than the 640 GB of 8 x 80 GB, although 32 B are active."""
    given = Given(answers={"diverse": "yes", "on_prem": "yes"}, numbers={"memory_gb": 640})
    report, candidate = _judge(TRILLION, given, bits=8)
    assert [refusal.constraint for refusal in candidate.refusals] == ["memory"]
    assert candidate.gpus == 13
    assert not report.feasible


@pytest.mark.parametrize("model", [EIGHT_B, SEVENTY_B], ids=["8B", "70B"])
def test_a_window_that_does_not_work_is_flagged(model):
    """At 100,000 tokens both siblings are refused: what works is below the 131,072 that the card claims."""
    report, candidate = _judge(model, Given(answers={"diverse": "yes"}, numbers={"context_tokens": 100_000}))
    assert [refusal.constraint for refusal in candidate.refusals] == ["context"]
    assert "the card claims 131,072" in candidate.refusals[0].text
    assert not report.feasible


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-70B-Instruct"])
def test_the_catalog_knows_the_window_that_works(name):
    """The catalog's own entries of the two siblings are flagged at 100,000 tokens too."""
    entry = next(entry for entry in load_catalog() if entry.id == name)
    _, candidate = _judge(entry, Given(answers={"diverse": "yes"}, numbers={"context_tokens": 100_000}))
    assert [refusal.constraint for refusal in candidate.refusals] == ["context"]


def test_above_half_of_an_untested_claim_is_a_note():
    """An untested window is not refused, but above half of the claim it says to test it."""
    _, candidate = _judge(THREE_B, Given(answers={"diverse": "yes"}, numbers={"context_tokens": 70_000}))
    assert candidate.fit == "fits"
    assert any("above half of the claimed 131,072" in note for note in candidate.notes)


def test_latency_goes_by_active_parameters():
    """100 tokens within 150 ms on the GPUs that hold it: 32 B active pass (0.72 ms a token), 405 B do not."""
    numbers = {"latency_ms": 150, "output_tokens": 100, "queries_per_day": 100}
    given = Given(answers={"diverse": "yes"}, numbers=numbers)
    dense = Model(id="a/405B", total_parameters=405_000_000_000, active_parameters=405_000_000_000)
    _, slow = _judge(dense, given)
    assert [refusal.constraint for refusal in slow.refusals] == ["latency"]
    _, quick = _judge(TRILLION, given)
    assert quick.fit == "fits"


def test_speed_on_a_device_is_the_published_range():
    """3.21 B at 4 bits on a phone with 85.6 GB/s: 18 to 41 tokens a second; 18-20 are measured (Llama 3.2 card)."""
    _, candidate = _judge(THREE_B, Given(answers={"edge": "yes"}))
    low, high = candidate.decode_tokens_per_second
    ceiling = 85.6e9 / (3_212_749_824 * 4.85 / 8)
    assert (low, high) == pytest.approx((0.40 * ceiling, 0.92 * ceiling))
    assert low < 18.1
    assert high > 20
    assert (assumptions().bandwidth_share_low, assumptions().bandwidth_share_high) == BANDWIDTH_SHARE


def test_what_cannot_be_judged_is_not_admitted():
    """Without an active count a stated latency cannot be judged, and the model is not named as fitting."""
    model = Model(total_parameters=8_000_000_000)
    report, candidate = _judge(model, Given(answers={"well_defined": "yes"}, numbers={"latency_ms": 100}))
    assert (candidate.fit, candidate.unjudged) == ("unknown", ("latency",))
    assert not report.feasible


@pytest.mark.parametrize(
    "given",
    [
        Given(answers={"edge": "yes"}),
        Given(answers={"on_prem": "yes"}),
        Given(answers={"edge": "yes"}, numbers={"memory_gb": 8}),
    ],
)
def test_without_its_cache_no_model_is_named_as_fitting(given):
    """1.2 B in 8 GB leave room, but how much the cache takes is not known; an encoder keeps none."""
    model = Model(id="a/1B", total_parameters=1_235_814_400, active_parameters=1_235_814_400)
    unknown = replace(model, id="a/unknown", kv_cache_bytes_per_token=None)
    encoder = replace(unknown, id="a/encoder", task="encoder", total_parameters=110_106_428)
    assert _judge(unknown, given)[1].fit == "unknown"
    assert _judge(encoder, given)[1].is_admitted
    named = [candidate.model for candidate in recommend(given, [model, unknown], as_of=AS_OF).candidates]
    assert "a/unknown" not in named


def test_no_memory_is_said_to_be_enough_for_an_unknown_cache():
    """What relaxing the memory admits is a model whose need is known, though a smaller one lacks its cache."""
    unknown = replace(THREE_B, id="a/unknown", total_parameters=10**9, kv_cache_bytes_per_token=None)
    given = Given(answers={"edge": "yes"}, numbers={"memory_gb": 2})
    report = recommend(given, [unknown, THREE_B], as_of=AS_OF)
    (conflict,) = report.conflicts
    assert [relaxation.examples for relaxation in conflict.relaxations] == [("a/3B",)]


def test_marks_stand_behind_what_they_explain(sizer):
    """A window that was tested has a star, memory without its cache a plus, and the foot has both."""
    named = ("--model", "Qwen/Qwen3-30B-A3B", "--model", "ai21labs/AI21-Jamba2-3B", "--offline")
    out = " ".join(sizer("recommend", "--diverse", "yes", *named).out.split())
    assert " 64Ki* " in out
    assert " GB+ 256Ki " in out
    assert "(+ without the cache: not known); window as claimed (* tested)" in out


def test_a_pair_of_constraints_is_named_with_what_relaxing_each_admits():
    """3 GB holds only the 1 B model and 100,000 tokens work only in the 8 B one: together they exclude both."""
    one = Model(id="a/1B", total_parameters=1_235_814_400, active_parameters=1_235_814_400, context_tokens=8_192,
                kv_cache_bytes_per_token=1_024)  # fmt: skip
    eight = Model(id="a/8B-long", total_parameters=8_030_261_248, active_parameters=8_030_261_248,
                  effective_context_tokens=131_072, kv_cache_bytes_per_token=8_192)  # fmt: skip
    given = Given(answers={"edge": "yes"}, numbers={"memory_gb": 3, "context_tokens": 100_000})
    report = recommend(given, [one, eight], as_of=AS_OF)
    [conflict] = report.conflicts
    assert conflict.constraints == ("memory", "context")
    by_id = {relaxation.constraint: relaxation for relaxation in conflict.relaxations}
    assert by_id["context"].examples == ("a/1B",)
    assert by_id["context"].needs == 8_192
    assert by_id["memory"].examples == ("a/8B-long",)
    assert by_id["memory"].needs == pytest.approx(6.2, abs=0.2)


def test_a_shorter_context_frees_memory():
    """200,000 tokens fit no window, and at 6 GB 3 B fit only with a cache that is shorter than the window."""
    given = Given(answers={"edge": "yes"}, numbers={"memory_gb": 6, "context_tokens": 200_000})
    model = Model(id="a/3B", total_parameters=3_212_749_824, active_parameters=3_212_749_824)
    [conflict] = recommend(given, [model], as_of=AS_OF).conflicts
    assert conflict.constraints == ("context",)
    [relaxation] = conflict.relaxations
    assert (relaxation.constraint, relaxation.needs) == ("context", 32_768)
    weights, cache = 3_212_749_824 * 4.85 / 8, 32_768 * 98_304
    assert weights + cache + 500_000_000 < 6_000_000_000 < weights + 2 * cache + 500_000_000


@pytest.mark.parametrize(
    ("name", "constraint", "numbers"),
    [
        ("memory_gb", "memory", {"memory_gb": 0.5}),
        ("context_tokens", "context", {"memory_gb": 8, "context_tokens": 20_000_000}),
        ("latency_ms", "latency", {"memory_gb": 8, "latency_ms": 1, "output_tokens": 100}),
    ],
)
def test_what_relaxing_needs_is_enough(name, constraint, numbers):
    """With the value that a relaxation names, the model that it names fits."""
    given = Given(answers={"edge": "yes"}, numbers=numbers)
    [conflict] = recommend(given, load_catalog(), as_of=AS_OF).conflicts
    relaxation = next(found for found in conflict.relaxations if found.constraint == constraint)
    looser = Given(answers={"edge": "yes"}, numbers={**numbers, name: relaxation.needs})
    report = recommend(looser, load_catalog(), as_of=AS_OF)
    assert report.feasible
    assert relaxation.examples[0] in {candidate.model for candidate in report.candidates}


def test_a_device_is_assumed_to_have_4_gb_and_says_so():
    """A yes to edge without a number assumes 4 GB, marked as not given."""
    report = recommend(Given(answers={"edge": "yes"}), load_catalog(), as_of=AS_OF)
    [constraint] = report.constraints
    assert (constraint.value, constraint.given) == (4, False)
    assert all(candidate.total_parameters < 4_000_000_000 for candidate in report.candidates)


def test_on_a_routed_device_only_the_small_leg_is_capped():
    """With a device and breadth the memory caps the leg on the device, and the server's leg stays large."""
    report = recommend(Given(answers={"edge": "yes", "diverse": "yes"}), load_catalog(), as_of=AS_OF)
    assert report.verdict == "route"
    assert {candidate.leg for candidate in report.candidates} == {"small", "large"}
    assert report.constraints[0].legs == ("small",)


@pytest.mark.parametrize(
    ("name", "tighter", "looser"),
    [("memory_gb", 4, 24), ("context_tokens", 100_000, 16_000), ("latency_ms", 5, 900)],
)
def test_relaxing_a_constraint_never_removes_a_candidate(name, tighter, looser):
    """Every model that fits a tighter limit fits a looser one, and one without it."""
    answers = {"edge": "yes", "well_defined": "yes", "realtime": "yes"}

    def fitting(numbers):
        report = recommend(Given(answers=answers, numbers={"memory_gb": 12, **numbers}), load_catalog(), as_of=AS_OF)
        return {candidate.model for candidate in report.candidates}

    assert fitting({name: tighter}) <= fitting({name: looser})


def test_the_order_of_the_catalog_does_not_matter():
    """The same models in another order give the same report, and one more removes none."""
    given = Given(answers={"well_defined": "yes", "diverse": "no"})
    catalog = load_catalog()
    forwards = recommend(given, catalog, as_of=AS_OF)
    assert recommend(given, reversed(catalog), as_of=AS_OF) == forwards
    more = recommend(given, [*catalog, THREE_B], as_of=AS_OF)
    assert {c.model for c in forwards.candidates} <= {c.model for c in more.candidates}
    assert more.verdict == forwards.verdict


def test_the_grey_zone_counts_as_small_only_off_the_device():
    """24 B dense is a small candidate on a server and none on a device."""
    grey = Model(id="a/24B", total_parameters=24_000_000_000, active_parameters=24_000_000_000)
    server = recommend(Given(answers={"well_defined": "yes", "edge": "no"}), [grey], as_of=AS_OF)
    device = recommend(Given(answers={"edge": "yes"}, numbers={"memory_gb": 64}), [grey], as_of=AS_OF)
    assert [candidate.model for candidate in server.candidates] == ["a/24B"]
    assert device.candidates == ()


def test_every_leg_that_a_verdict_needs_is_filled_from_the_catalog():
    """For each verdict without constraints the catalog has models for every leg, of more than three families."""
    sheets = ({"well_defined": "yes"}, {"diverse": "yes"}, {"diverse": "yes", "budget": "yes"})
    for answers in sheets:
        report = recommend(Given(answers=answers), load_catalog(), as_of=AS_OF)
        assert report.feasible
        for _, leg in itertools.groupby(report.candidates, key=lambda candidate: candidate.leg):
            assert len({candidate.family for candidate in leg}) > 3
