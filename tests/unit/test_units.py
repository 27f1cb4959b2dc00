from decimal import Decimal

import pytest

from sizer import units
from sizer.errors import UsageError


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"), (999, "999"), (1_500, "1.50 k"), (596_049_920, "596.05 M"), (999_999_999, "1.00 B"),
        (30_532_122_624, "30.53 B"), (1_026_408_232_448, "1.03 T"),
    ],
)  # fmt: skip
def test_format_count(count, text):
    """Counts are shown with the unit of the first digit, rounded, never as 1000.00 of a smaller unit."""
    assert units.format_count(count) == text


@pytest.mark.parametrize(
    ("text", "value"), [("8B", 8 * 10**9), ("0.5b", 5 * 10**8), ("32k", 32_000), ("32Ki", 32_768), ("128_000", 128_000)]
)
def test_parse_count(text, value):
    """Counts are read with the units that model cards use."""
    assert units.parse_count(text, name="--max-active") == value


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "8Q", "1e999", "٣", "1__", "0x10", "8 B B"])
def test_parse_count_refuses(text):
    """What is not a number in an accepted form is refused, by name."""
    with pytest.raises(UsageError, match="--max-active"):
        units.parse_count(text, name="--max-active", minimum=0, maximum=10**15)


@pytest.mark.parametrize(("text", "value"), [("24GB", 24 * 10**9), ("24GiB", 24 * 2**30), ("500MB", 5 * 10**8)])
def test_parse_bytes(text, value):
    """GB is decimal and GiB is binary."""
    assert units.parse_bytes(text, name="memory") == value


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0"), (1234.4, "$1,234"), (12.3, "$12.30"), (0.0042, "$0.0042"), (4.5e-5, "$0.000045"), (-2920, "-$2,920"),
     (-0.5, "-$0.50"), (36_135_000_000, "$36.13 B"), (9_999_999_999, "$9,999,999,999")],
)  # fmt: skip
def test_format_usd(amount, text):
    """Small amounts keep two significant digits."""
    assert units.format_usd(amount) == text


def test_small_share_is_not_zero():
    """A share that rounds to nothing is not shown as nothing."""
    assert units.format_percent(0.0001) == "<0.1 %"


@pytest.mark.parametrize(
    ("count", "precision", "text"),
    [
        (314_000_000_000, 10**9, "314 B"),
        (12_700_000_000, 10**8, "12.7 B"),
        (475_000_000, 10**6, "475 M"),
        (10**12, 10**12, "1 T"),
        (30_532_122_624, 1, "30.53 B"),
    ],
)
def test_a_rounded_count_shows_the_digits_it_has(count: int, precision: int, text: str) -> None:
    """A figure that is rounded is not printed with digits that nobody stated."""
    assert units.format_count(count, precision) == text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [(131_072, "128Ki"), (128_000, "128k"), (1_048_576, "1Mi"), (10**6, "1M"), (448, "448"), (202_752, "198Ki"),
     (0, "0"), (1_024_000, "1024k")],
)  # fmt: skip
def test_contexts_read_as_they_are_written(tokens: int, text: str) -> None:
    """131,072 and 128,000 tokens are told apart, and what is printed may be given to --context again."""
    assert units.format_tokens(tokens) == text
    assert units.parse_count(text, name="--context") == tokens


@pytest.mark.parametrize(
    ("figure", "parts"),
    [("30.5", (30_500_000_000, 10**8)), ("671", (671 * 10**9, 10**9)), ("1E+3", (10**12, 10**12))],
)
def test_a_figure_in_billions_keeps_its_last_digit(figure: str, parts: tuple[int, int]) -> None:
    """`30.5` billions are a count with a last digit of a hundred million."""
    assert units.split_billions(Decimal(figure)) == parts


@pytest.mark.parametrize(
    ("text", "value"), [("1.5k", 1_500), ("8.3B", 8_300_000_000), ("1.5Ki", 1_536), ("2.0", 2), ("1e3", 1_000)]
)
def test_a_count_with_a_point_is_whole_with_its_unit(text: str, value: int) -> None:
    """1.5 thousand is 1,500: what counts is the number that the text stands for."""
    assert units.parse_count(text, name="--tokens") == value


@pytest.mark.parametrize("text", ["1.5", "0.0005k", "1.3Ki"])
def test_a_count_that_is_not_whole_is_refused(text: str) -> None:
    """One and a half sequences are neither one nor two."""
    with pytest.raises(UsageError, match="not a whole number") as caught:
        units.parse_count(text, name="--sequences")
    assert caught.value.hint == {"1.5": "write --sequences as 1 or 2"}.get(text, caught.value.hint)


@pytest.mark.parametrize("text", ["40.000", "1.000", "12.345.678"])
def test_a_count_with_points_for_thousands_is_refused(text: str) -> None:
    """Forty or forty thousand: what can be read in two ways is not guessed at."""
    with pytest.raises(UsageError, match="two ways") as caught:
        units.parse_count(text, name="--requests")
    assert text.replace(".", "") in caught.value.hint


def test_a_share_that_looks_like_a_percentage_is_asked_about() -> None:
    """30 is no share of 1, and the hint says how 30 % is written."""
    with pytest.raises(UsageError, match="--hard-share") as caught:
        units.parse_share("30", name="--hard-share")
    assert caught.value.hint == "did you mean --hard-share 30%?"
    assert units.parse_share("30%", name="--hard-share") == 0.3


def test_a_cards_memory_in_the_unit_of_its_name() -> None:
    """A card of 24 GB holds 24 x 2^30 bytes."""
    assert units.format_gib(24 * 2**30) == "24.0 GiB"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (30416666.7, "30,416,667"), (3.5e-9, "0.0000000035"), (0.1720001, "0.172"), (500.0, "500"),
     (1148.5, "1,148.5"), (-2.0, "-2")],
)  # fmt: skip
def test_plain_numbers(value, text):
    """A number is written without an exponent, with at most six significant digits below 100,000."""
    assert units.format_plain(value) == text


def test_no_minus_zero():
    """A share that rounds to zero from below has no sign, and the noise of floating point is zero."""
    assert units.format_percent(-1e-9) == "0.0 %"
    assert units.format_percent(1e-17) == "0.0 %"
    assert units.format_percent(0.0001) == "<0.1 %"


@pytest.mark.parametrize("text", ["0,05", "1,5", "12,34", "0,300", "1,2345", "1,,000"])
def test_a_decimal_comma_is_refused(text: str) -> None:
    """A comma that parts no thousands is no comma to drop: 0,05 is not 5."""
    with pytest.raises(UsageError):
        units.parse_number(text, name="--small-price")
    assert units.parse_number("1,200", name="x") == units.parse_number("1_200", name="x") == 1200
    assert units.parse_number("1,234,567.5", name="x") == 1_234_567.5
    assert units.parse_number(".2", name="x") == 0.2


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 min"), (0.00509 / 60, "305 ms"), (12.5 / 3600, "12.5 s"), (2.6 / 60, "2.60 min"), (1.4, "1.40 h"),
        (288, "12.0 days"),
    ],
)  # fmt: skip
def test_short_times_are_in_seconds(hours: float, text: str) -> None:
    """0.00509 minutes are 0.305 seconds: nobody reads that as minutes."""
    assert units.format_hours(hours) == text
