"""Sizes that a repository's name claims: `30B-A3B`, `8x7B`, `17B-128E`, `E4B`, `16b-a2.4b`, `1T`, `270m`.

A name is read in words; a size is a number with a unit and nothing else, so `4bit`, `v0.1`, `int4`, `2507`,
`128k` and `w4a16` are none. What a size means follows from its neighbours:

    30B             total
    30B-A3B, A13B   active behind `A`
    E4B             active behind `E` ("effective": lookup tables left out)
    17B-128E        active beside a number of experts
    1B-7B           active and total, where the smaller comes first
    8x7B            eight experts, each making a model of 7 B with the shared parts; no total (it is not 56 B)
"""

from __future__ import annotations

import re
from decimal import Decimal

from sizer.values import frozen

__all__ = ["NamedSize", "NamedSizes", "read_name"]

_UNITS = {"m": 10**6, "b": 10**9, "t": 10**12}
_SIZE = r"(?P<number>\d+(?:[._]\d+)?)(?P<unit>[bBmMtT])"
_TOKEN = re.compile(
    rf"(?<![A-Za-z0-9.])(?:(?P<count>\d+)[xX])?(?P<mark>[aAeE])?{_SIZE}(?P<tenths>\d)?(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9.])(?P<experts>\d+)E(?![A-Za-z0-9])"
)
_SMALLEST_MILLIONS = 10
"""`1M` in a name is a context of a million tokens; the smallest models are of 14 M."""


@frozen
class NamedSize:
    """One size as a name states it."""

    text: str
    """As written: `A3B`."""
    parameters: int
    precision: int
    """The unit of its last digit: 1_000_000_000 for `30B`, 100_000_000 for `2.4b`."""


@frozen
class NamedSizes:
    """What one name claims; a part is None where the name does not say it."""

    total: NamedSize | None = None
    active: NamedSize | None = None
    one_expert: NamedSize | None = None
    """The size of the model that one expert makes together with the shared parts: 7 B of `8x7B`."""
    experts: int | None = None
    """Routed experts: 8 of `8x7B`, 128 of `17B-128E`."""


def read_name(repository: str) -> NamedSizes:
    """The sizes in a repository's name; the organisation is not read."""
    name = repository.rstrip("/").rpartition("/")[2]
    active: NamedSize | None = None
    one_expert: NamedSize | None = None
    experts: int | None = None
    plain: list[tuple[int, int, NamedSize]] = []
    for match in _TOKEN.finditer(name):
        if match["experts"]:
            experts = int(match["experts"])
            if plain and plain[-1][1] == match.start() - 1:  # 17B-128E: what stands before is active
                active = active or plain.pop()[2]
            continue
        size = _size(match)
        if size is None:
            continue
        if match["count"]:
            experts, one_expert = int(match["count"]), size
        elif match["mark"]:
            active = active or size
        elif match["unit"] not in "tT" or not (plain or one_expert):  # `1.1B-...-3T`: tokens, not parameters
            plain.append((match.start(), match.end(), size))
    total = plain[0][2] if plain and one_expert is None else None
    if len(plain) > 1 and active is None and plain[0][1] == plain[1][0] - 1:
        first, second = plain[0][2], plain[1][2]
        if first.parameters < second.parameters:  # OLMoE-1B-7B
            active, total = first, second
        else:  # t5gemma-9b-2b: an encoder and a decoder, no total
            total = None
    return NamedSizes(total=total, active=active, one_expert=one_expert, experts=experts)


def _size(match: re.Match[str]) -> NamedSize | None:
    number, unit = match["number"].replace("_", "."), _UNITS[match["unit"].lower()]
    if match["tenths"]:  # bloom-7b1
        if "." in number:
            return None
        number = f"{number}.{match['tenths']}"
    value = Decimal(number)
    if value == 0 or (unit == _UNITS["m"] and value < _SMALLEST_MILLIONS):
        return None
    exponent = value.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return NamedSize(
        text=match.group(0),
        parameters=int(value * unit),
        precision=max(1, int(Decimal(unit).scaleb(-digits))),
    )
