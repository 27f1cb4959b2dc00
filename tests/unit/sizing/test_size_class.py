import pytest

from sizer.sizing.size_class import classify, classify_pair, label, size_classes


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        (0, "below_1b"),
        (110_106_428, "below_1b"),
        (999_999_999, "below_1b"),
        (1_000_000_000, "slm"),
        (14_999_999_999, "slm"),
        (15_000_000_000, "grey"),
        (29_999_999_999, "grey"),
        (30_000_000_000, "llm"),
        (1_026_408_232_448, "llm"),
    ],
)
def test_bands_begin_at_1_15_and_30_billion(parameters, key):
    """A class begins at its own lower bound and ends one parameter before the next."""
    assert key == classify(parameters)


def test_a_moe_has_two_classes_and_the_reason():
    """Qwen3-30B-A3B (30,532,122,624 total, 3,353,032,704 active) is an SLM by active and an LLM by total."""
    pair = classify_pair(3_353_032_704, 30_532_122_624)
    assert (pair.by_active, pair.by_total) == ("slm", "llm")
    assert pair.reason == "SLM by what one token uses (speed, cost), LLM by what must be in memory"


def test_a_dense_model_needs_no_reason():
    """Where both classes agree, the reason is empty."""
    pair = classify_pair(8_030_261_248, 8_030_261_248)
    assert (pair.by_active, pair.by_total, pair.reason) == ("slm", "slm", "")


def test_an_unknown_active_count_has_no_class():
    """Unknown is never a guess: the class is None and the reason names what is missing."""
    pair = classify_pair(None, 30_532_122_624)
    assert (pair.by_active, pair.by_total, pair.reason) == (None, "llm", "the active count is not known")


def test_every_class_has_a_label():
    """Each key of the table has the words that people read."""
    assert [label(band.key) for band in size_classes()] == ["below 1 B", "SLM", "grey zone", "LLM"]
