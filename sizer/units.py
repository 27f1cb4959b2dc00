"""Numbers to text and back: counts, bytes, shares, money, durations. Nothing else formats or parses them.

GB is 10**9 bytes and GiB is 2**30. B after a count is 10**9 parameters. A context of `32Ki` is 32,768 tokens and
one of `32k` is 32,000; model cards mean either by "32K", so both parse, and what is printed parses to the same.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from sizer.errors import UsageError

__all__ = [
    "format_bytes",
    "format_count",
    "format_gib",
    "format_gib_of",
    "format_hours",
    "format_integer",
    "format_percent",
    "format_plain",
    "format_rate",
    "format_seconds",
    "format_teraflops",
    "format_tokens",
    "format_usd",
    "parse_amount",
    "parse_bytes",
    "parse_count",
    "parse_number",
    "parse_share",
    "plural",
    "split_billions",
]

_COUNT_STEPS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_BYTE_STEPS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_COUNT_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20}
_BYTE_UNITS = {
    "": 1, "b": 1, "k": 10**3, "kb": 10**3, "kib": 2**10, "m": 10**6, "mb": 10**6, "mib": 2**20,
    "g": 10**9, "gb": 10**9, "gib": 2**30, "t": 10**12, "tb": 10**12, "tib": 2**40,
}  # fmt: skip
_THOUSANDS_BY_POINT = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+", re.ASCII)
_NUMBER = re.compile(
    r"(?P<number>(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?:[eE][+]?[0-9]{1,2})?)\s*"
    r"(?P<unit>[A-Za-z]*)",
    re.ASCII,
)
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]+", re.ASCII)


def format_count(count: int | float, precision: int = 1) -> str:
    """A parameter count with three or four significant digits: 30532122624 -> `30.53 B`.

    A figure that is itself rounded shows no more digits than it has: 314 * 10**9 with a precision of 10**9 is
    `314 B`.
    """
    for step, unit in _COUNT_STEPS:
        if abs(count) >= step or (step > 1000 and round(abs(count) / step, 2) >= 1):
            value = count / step
            digits = min(2, max(0, round(math.log10(step / precision))))
            return f"{value:.0f} {unit}" if abs(value) >= 1000 else f"{value:.{digits}f} {unit}"
    return f"{count:,.0f}"


def format_tokens(tokens: int) -> str:
    """A context as `--context` takes it: 131072 -> `128Ki`, 128000 -> `128k`, 1048576 -> `1Mi`; else the number."""
    for unit in ("M", "Mi", "k", "Ki"):
        size = _COUNT_UNITS[unit.lower()]
        if tokens and tokens % size == 0:
            return f"{tokens // size}{unit}"
    return f"{tokens:,}"


def format_integer(value: int) -> str:
    """An integer with thousands separators: 30532122624 -> `30,532,122,624`."""
    return f"{value:,}"


def format_bytes(count: int | float) -> str:
    """Bytes in decimal units: 61066575848 -> `61.07 GB`."""
    for step, unit in _BYTE_STEPS:
        if abs(count) >= step:
            return f"{count / step:.2f} {unit}"
    return f"{count:,.0f} B"


def format_gib(count: int | float) -> str:
    """Bytes in the unit that a card's name counts in: 25769803776 -> `24.0 GiB`."""
    return f"{count / 2**30:,.1f} GiB"


def format_gib_of(part: int | float, whole: int | float) -> str:
    """A part of a device's memory in that unit: `48.0 of 64.0 GiB`."""
    return f"{part / 2**30:,.1f} of {format_gib(whole)}"


def format_percent(share: float, digits: int = 1) -> str:
    """A share of 1 as a percentage; a share that rounds to zero but is not zero says so."""
    smallest = 10.0**-digits
    if 1e-12 < share * 100 < smallest / 2:
        return f"<{smallest:.{digits}f} %"
    return f"{round(share * 100, digits) + 0.0:.{digits}f} %"  # -0.0 + 0.0 is 0.0


def format_rate(value: float) -> str:
    """A rate or a ratio with three significant digits: `0.42`, `38.1`, `1,230`."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    rounded = round(value, 2 - math.floor(math.log10(abs(value))))
    return f"{rounded:,.{min(digits, 6)}f}"


def format_plain(value: float) -> str:
    """A number of any size without an exponent, six significant digits: `30,416,667`, `0.172`, `0.0000000035`."""
    if value == 0 or abs(value) >= 1e5:
        return f"{value:,.0f}"
    digits = max(0, 5 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(digits, 15)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_teraflops(rate: int | float) -> str:
    """Operations per second in units of 10^12, without the unit: `989`, `0.4`."""
    return f"{rate / 1e12:,.0f}" if rate >= 1e13 else f"{rate / 1e12:.1f}"


def format_usd(amount: Decimal | float) -> str:
    """US dollars, with enough digits for small amounts: `$1,234`, `$12.30`, `$0.0042`, `-$2,920`, `$36.14 B`."""
    value = float(amount)
    if value == 0:
        return "$0"
    sign, size = "-" if value < 0 else "", abs(value)
    if size >= 1e10:
        return f"{sign}${format_count(size)}"
    if size >= 1000:
        return f"{sign}${size:,.0f}"
    if size >= 1:
        return f"{sign}${size:,.2f}"
    digits = min(12, 1 - math.floor(math.log10(size)))
    return f"{sign}${size:.{digits}f}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 file`, `3 files`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def split_billions(figure: Decimal) -> tuple[int, int]:
    """A figure in billions as a count and the unit of its last digit: `30.5` -> (30500000000, 100000000)."""
    exponent = figure.as_tuple().exponent
    precision = Decimal(10**9).scaleb(exponent if isinstance(exponent, int) else 0)
    return int(figure * 10**9), max(1, int(precision))


def parse_number(
    text: str, *, name: str, minimum: float = 0.0, maximum: float = 1e18, forms: str = "12, 1,200 or 0.5"
) -> float:
    """A finite number between the bounds; refuses `nan`, `inf`, units and other scripts' digits.

    Raises UsageError, naming `name` and the accepted form.
    """
    return float(_parse(text, {"": 1}, name=name, forms=forms, minimum=minimum, maximum=maximum))


def parse_count(
    text: str, *, name: str, minimum: int = 0, maximum: int = 10**18, forms: str = "8B, 500M, 32k or 128000"
) -> int:
    """A count: `8B`, `1.5T`, `500M`, `32k`, `32Ki`, `128000`. Raises UsageError.

    `40.000` is forty to some and forty thousand to others: it is refused. So is what is not whole: `1.5`, while
    `1.5k` is 1,500.
    """
    value = parse_amount(text, name=name, minimum=minimum, maximum=maximum, forms=forms)
    if value != int(value):
        raise UsageError(
            f"{name}: `{text}` is not a whole number",
            code="usage.number",
            because=f"it would be {value.normalize():f}, and a count is whole",
            hint=f"write {name} as {int(value)} or {math.ceil(value)}",
        )
    return int(value)


def parse_amount(
    text: str, *, name: str, minimum: float = 0, maximum: float = 1e18, forms: str = "1M, 300k or 1.5"
) -> Decimal:
    """As `parse_count`, of something that need not be whole: requests a second. Raises UsageError."""
    if _THOUSANDS_BY_POINT.fullmatch(text.strip()):
        whole = text.strip().replace(".", "")
        raise UsageError(
            f"{name}: `{text}` can be read in two ways",
            code="usage.number",
            because="a point is the decimal sign here, and a count is whole",
            hint=f"write {name} as {whole} if that is what is meant",
        )
    return _parse(text, _COUNT_UNITS, name=name, forms=forms, minimum=minimum, maximum=maximum)


def parse_bytes(text: str, *, name: str, minimum: int = 0, maximum: int = 10**18) -> int:
    """Bytes: `24GB` (10**9 each), `24GiB` (2**30 each), `500MB`. Raises UsageError."""
    return round(_parse(text, _BYTE_UNITS, name=name, forms="24GB, 24GiB or 500MB", minimum=minimum, maximum=maximum))


def _parse(text: str, units: dict[str, int], *, name: str, forms: str, minimum: float, maximum: float) -> Decimal:
    below = text.strip().startswith("-")
    match = _NUMBER.fullmatch(text.strip().removeprefix("-"))
    unit = units.get(match["unit"].lower()) if match else None
    if match is None and _DECIMAL_COMMA.match(text.strip()):
        raise UsageError(
            f"{name}: `{text}` has a comma that parts no thousands",
            code="usage.number",
            because="a point is the decimal sign here, and commas stand between groups of three digits",
            hint=f"write {name} as {text.strip().replace(',', '.')} if that is what is meant",
        )
    if match is None or unit is None:
        raise UsageError(
            f"{name}: `{text}` is not a number that is understood",
            code="usage.number",
            because=f"accepted forms are {forms}",
            hint=f"write {name} as {forms}",
        )
    value = Decimal(match["number"].replace("_", "").replace(",", "")) * unit
    if below or not minimum <= value <= maximum:
        raise UsageError(
            f"{name}: `{text}` is out of range",
            code="usage.range",
            because=f"it must lie between {minimum:,.10g} and {maximum:,.0f}",
            hint=f"give {name} a value in that range",
        )
    return value


def parse_share(text: str, *, name: str) -> float:
    """A share of 1: `0.2` or `20%`. Raises UsageError."""
    if text.strip().endswith("%"):
        return parse_number(text.strip().removesuffix("%").rstrip(), name=name, maximum=100.0) / 100
    share = parse_number(text, name=name)
    if share > 1:
        raise UsageError(
            f"{name}: `{text}` is more than all of it",
            code="usage.range",
            because="a share lies between 0 and 1, or 0% and 100%",
            hint=f"did you mean {name} {text.strip()}%?" if share <= 100 else f"write {name} as 0.2 or 20%",
        )
    return share


def format_seconds(seconds: float) -> str:
    """A duration: `340 ms`, `1.25 s`, `75 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"


def format_hours(hours: float) -> str:
    """A long duration: `2.6 min`, `1.4 h`, `12 days`; a short one in `12.5 s` or `305 ms`."""
    seconds = hours * 3600
    if 0 < seconds < 1:
        return f"{format_rate(seconds * 1000)} ms"
    if 0 < seconds < 60:
        return f"{format_rate(seconds)} s"
    if hours < 1:
        return f"{format_rate(hours * 60)} min"
    return f"{format_rate(hours)} h" if hours < 72 else f"{format_rate(hours / 24)} days"
