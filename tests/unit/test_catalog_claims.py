"""Claims beside counts: which fit, in which convention, and why the others do not."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from sizer.catalog.claims import Claim, Counts, Statements, reconcile
from sizer.catalog.models import CatalogEntry

B = 1_000_000_000


def claim(counts: Counts, **stated: object) -> Claim:
    """The only claim that these statements make."""
    claims = reconcile(counts, Statements(**stated))  # type: ignore[arg-type]
    assert len(claims) == 1
    return claims[0]


def vendor(counts: Counts, *, total: str | None = None, active: str | None = None) -> Claim:
    """The claim of a vendor who states one figure."""
    entry = CatalogEntry(
        id="someone/Model",
        family="Model",
        basis="declared",
        source="the model card",
        checked=datetime.date(2026, 11, 24),
        published_total=None if total is None else Decimal(total),
        published_active=None if active is None else Decimal(active),
        published_source="the model card",
    )
    return claim(counts, entry=entry)


def test_a_hub_total_that_equals_the_count_agrees() -> None:
    """An exact claim that equals the count agrees, with no difference and nothing to explain."""
    found = claim(Counts(total=8_030_261_248), hub_total=8_030_261_248)
    assert (found.agrees, found.difference, found.ratio, found.reason) == (True, 0, 1.0, "")


def test_a_tied_head_stored_twice_is_explained() -> None:
    """The Hub shows 751,632,384 for Qwen3-0.6B, which stores its tied head (151,936 x 1,024) twice."""
    counts = Counts(total=596_049_920, input_embedding=155_582_464, tied_copy=155_582_464)
    found = claim(counts, hub_total=751_632_384)
    assert (found.agrees, found.difference) == (False, 155_582_464)
    assert found.reason == "it counts the tied head twice (155.58 M)"


def test_a_stale_index_figure_is_explained() -> None:
    """medgemma-27b's index states 28,842,036,848: the tied head (262,208 x 5,376) is counted, but not stored, twice."""
    counts = Counts(total=27_432_406_640, input_embedding=262_208 * 5_376, towers=423_060_336)
    found = claim(counts, index_total_parameters=28_842_036_848)
    assert (found.agrees, found.reason) == (False, "it counts the tied head twice (1.41 B)")


def test_an_index_figure_of_other_weights_is_named() -> None:
    """An index figure that no part explains was not written for these weights."""
    found = claim(Counts(total=8 * B), index_total_parameters=3 * B)
    assert (found.agrees, found.reason) == (False, "the index's figure was not written for these weights")


def test_packed_elements_are_explained() -> None:
    """4-bit values two to a byte, and one scale for 16 of them: a sum of elements gives 9 B for a model of 16 B."""
    counts = Counts(total=16 * B, packing_gain=8 * B, scales=B, stored_elements=9 * B)
    found = claim(counts, hub_total=9 * B)
    assert found.agrees is False
    assert found.reason == "it counts packed elements as parameters (8.00 B too few) and counts scales (1.00 B)"


def test_packed_elements_are_recognised_without_the_parts() -> None:
    """A claim far below the count of a packed checkpoint is put down to packing, by the ratio."""
    found = claim(Counts(total=35 * B, packing_gain=20 * B), hub_total=18_700_000_000)
    assert "packed elements" in found.reason
    assert "1.87 times" in found.reason


def test_scales_are_named_though_the_claim_agrees() -> None:
    """Block scales are 0.006 % of Qwen3-30B-A3B-FP8: the Hub's total agrees and the difference has a reason."""
    found = claim(Counts(total=30_532_122_624, scales=1_824_768), hub_total=30_533_947_392)
    assert (found.agrees, found.difference, found.reason) == (True, 1_824_768, "it counts scales (1.82 M)")


def test_buffers_are_explained() -> None:
    """The Hub shows 137,022,720 for gpt2, twelve masks of 1,024 x 1,024 included."""
    counts = Counts(total=124_439_808, input_embedding=39_383_808, buffers=12 * 1_024 * 1_024)
    found = claim(counts, hub_total=137_022_720)
    assert (found.agrees, found.reason) == (False, "it counts buffers that are no parameters (12.58 M)")


def test_what_stays_unexplained_is_said() -> None:
    """A reason that leaves a small rest says how much."""
    counts = Counts(total=25_805_936_206, input_embedding=738_197_504, tied_copy=738_197_504)
    found = claim(counts, hub_total=26_544_131_376)
    assert found.reason == "it counts the tied head twice (738.20 M); 2,334 stay unexplained"


def test_a_total_without_prediction_layers_agrees() -> None:
    """DeepSeek-V3's 671 B is its 684.49 B less a prediction layer of 13.46 B."""
    counts = Counts(
        total=684_489_845_504,
        prediction_layers=13_463_426_304,
        prediction_copies=1_853_358_080,
        input_embedding=926_679_040,
        output_head=926_679_040,
    )
    found = vendor(counts, total="671")
    assert (found.agrees, found.convention) == (True, "prediction layers out")
    assert found.reason == "it leaves out the extra prediction layers (13.46 B)"


def test_a_total_without_embeddings_agrees() -> None:
    """GLM-4.5's 355 B counts the prediction layer without its copies of embedding and head, and leaves both out."""
    table = 151_552 * 5_120
    counts = Counts(
        total=358_337_791_296,
        prediction_layers=2 * table + 4 * B,  # what the layer itself holds does not matter here
        prediction_copies=2 * table,
        input_embedding=table,
        output_head=table,
    )
    found = vendor(counts, total="355")
    assert (found.agrees, found.convention) == (True, "copies in prediction layers out, both embeddings out")


def test_a_total_without_towers_agrees() -> None:
    """Gemma 4's 25.2 B is the language model of a checkpoint of 25.81 B with a tower of 0.57 B."""
    found = vendor(Counts(total=25_805_936_206, towers=572_794_416), total="25.2")
    assert (found.agrees, found.convention) == (True, "towers out")


def test_a_figure_that_ends_in_a_zero_may_be_rounded_once_more() -> None:
    """Llama 4 Maverick's 401.58 B is called 400 B."""
    counts = Counts(total=401_583_781_376, towers=871_932_416, input_embedding=B, output_head=B)
    found = vendor(counts, total="400")
    assert (found.agrees, found.convention) == (True, "everything in")


# everything in, input embedding out, both out; counted or worked out from the configurations (docs/concepts/claims.md)
ACTIVE = {
    "gpt-oss-20b": (4_187_440_704, 3_608_307_264, 3_029_173_824),
    "DeepSeek-V3": (37_552_297_472, 36_625_618_432, 35_698_939_392),
    "DeepSeek-V2-Lite": (2_661_150_208, 2_451_435_008, 2_241_719_808),
    "MiniMax-Text-01": (48_403_306_496, 47_174_113_280, 45_944_920_064),
    "Qwen3-30B-A3B": (3_353_032_704, 3_041_867_776, 2_730_702_848),
    "GLM-4.5-Air": (13_424_129_664, 12_803_372_672, 12_182_615_680),
    "Mellum2": (2_440_000_000, 2_320_000_000, 2_210_000_000),
}


@pytest.mark.parametrize(
    ("model", "published", "convention"),
    [
        ("gpt-oss-20b", "3.6", "input embedding out"),
        ("DeepSeek-V3", "37", "input embedding out"),
        ("DeepSeek-V2-Lite", "2.4", "input embedding out"),
        ("MiniMax-Text-01", "45.9", "both embeddings out"),
        ("Qwen3-30B-A3B", "3.3", "everything in"),
        ("GLM-4.5-Air", "12", "both embeddings out"),
        ("Mellum2", "2.5", ""),
    ],
)
def test_an_active_figure_fits_a_convention(model: str, published: str, convention: str) -> None:
    """A published active figure fits the convention that it rounds to, or else one that it truncates to, or none."""
    active, compute, bare = ACTIVE[model]
    counts = Counts(total=10 * active, active=active, active_compute=compute, active_without_embeddings=bare)
    found = vendor(counts, active=published)
    assert found.convention == convention
    assert found.agrees is bool(convention)


def test_rounding_that_hides_the_convention_says_so() -> None:
    """`A13B` fits Mixtral's active count with both embeddings in, with one out, and with both out."""
    counts = Counts(
        total=46_702_792_704,
        active=12_879_925_248,
        active_compute=12_748_853_248,
        active_without_embeddings=12_617_781_248,
    )
    found = vendor(counts, active="13")
    assert found.conventions == ("everything in", "input embedding out", "both embeddings out")


def test_a_name_of_eight_experts_is_not_multiplied() -> None:
    """`8x7B` is beside the model that one expert makes (7.24 B), not beside 56 B."""
    counts = Counts(total=46_702_792_704, routed_experts=8, routed_expert_parameters=45_097_156_608)
    found = claim(counts, repository="mistralai/Mixtral-8x7B-v0.1")
    assert (found.kind, found.claimed, found.counted, found.agrees) == ("one_expert", 7 * B, 7_242_780_672, True)


def test_a_name_is_loose() -> None:
    """A name may be a tenth off (sarvam-30b is 32.15 B) and no more (gemma-7b is 8.54 B)."""
    assert claim(Counts(total=32_152_650_368), repository="sarvamai/sarvam-30b").agrees is True
    assert claim(Counts(total=8_537_680_896), repository="google/gemma-7b").agrees is False


def test_an_index_size_of_two_bytes_an_element_is_recognised() -> None:
    """DeepSeek-V3's index states 2 x 684,531,386,000 although most of it is stored in one byte."""
    counts = Counts(total=684_489_845_504, stored_elements=684_531_386_000, weights_bytes=688_574_839_360)
    found = claim(counts, index_total_size=1_369_062_772_000)
    assert (found.kind, found.agrees) == ("bytes", False)
    assert found.reason == "it is 2 bytes for each stored element, not the bytes stored"


@pytest.mark.parametrize(
    ("stated", "says"), [(0, "never filled in"), (32 * B, "2 bytes for each parameter, unpacked"), (11 * B, "10.0 %")]
)
def test_an_index_size_that_is_off_has_a_reason(stated: int, says: str) -> None:
    """An index size of zero, of unpacked weights, or simply off says which."""
    counts = Counts(total=16 * B, stored_elements=9 * B, weights_bytes=10 * B)
    found = claim(counts, index_total_size=stated)
    assert found.agrees is False
    assert says in found.reason


def test_an_index_size_that_fits_agrees() -> None:
    """An index that states the bytes stored agrees."""
    assert claim(Counts(total=8 * B, weights_bytes=16 * B), index_total_size=16 * B).agrees is True


def test_nothing_counted_leaves_the_claim_open() -> None:
    """A claim about what was not counted neither agrees nor disagrees."""
    found = claim(Counts(total=None), hub_total=8 * B)
    assert (found.agrees, found.counted, found.difference, found.ratio) == (None, None, None, None)


def test_claims_come_in_a_fixed_order() -> None:
    """Hub, index, config, name, catalog and vendor follow each other."""
    entry = CatalogEntry(
        id="someone/Model-8B",
        family="Model",
        basis="declared",
        source="the model card",
        checked=datetime.date(2026, 11, 24),
        total_parameters=8 * B,
        published_total=Decimal(8),
        published_source="the model card",
    )
    stated = Statements(
        repository="someone/Model-8B",
        hub_total=8 * B,
        index_total_parameters=8 * B,
        index_total_size=16 * B,
        config_total=8 * B,
        entry=entry,
    )
    claims = reconcile(Counts(total=8 * B, active=8 * B, weights_bytes=16 * B), stated)
    assert [found.source for found in claims] == [
        "Hub",
        "index total_parameters",
        "index total_size",
        "config",
        "name",
        "catalog",
        "vendor",
    ]
    assert all(found.agrees for found in claims)
