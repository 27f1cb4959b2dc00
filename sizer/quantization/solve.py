"""Small puzzles that several formats share: which width, bits and group size do these shapes allow?

A row of values packed into words of 32 bits has `words` of them and `groups` scales. Several readings can fit
(8 words with one scale: 64 values of 4 bits, or 32 of 8 bits). The declared scheme is used if it fits; without
one, the reading whose width occurs elsewhere in the model; then the one that is usual for the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sizer.quantization.format import Row, Scheme

__all__ = ["NOT_DECLARED", "USUAL_BITS", "bits_of_row", "solve_row", "trim_padding"]

NOT_DECLARED = "its bits are not declared and several fit its shape"
USUAL_BITS = (4, 8, 2, 3, 6, 5, 7, 1)
_JOINED, _WIDE = (2, 3, 4), 512
"""Projections that are stored as one matrix are so many times a width; smaller widths divide too much."""
_GROUPS = (8, 16, 32, 64, 128, 256, 512, 1024)


def bits_of_row(words: int, values: int, container: int) -> int | None:
    """The bits with which `values` fill `words` containers, to less than one left over; None if none fits.

    Two packings are in use: dense (32 values in `bits` words) and whole values per word (10 of 3 bits in 32).
    """
    for bits in USUAL_BITS:
        if words == -(-values * bits // container):
            return bits
    for bits in USUAL_BITS:
        if bits < container and words == -(-values // (container // bits)):
            return bits
    return None


def solve_row(
    words: int,
    groups: int,
    *,
    schemes: Sequence[Scheme],
    widths: frozenset[int],
    usual_groups: Sequence[int],
    container: int = 32,
    usual_bits: Sequence[int] = USUAL_BITS,
) -> Row | None:
    """The likeliest reading of a packed row, or None if no usual one fits."""
    if words <= 0 or groups <= 0:
        return None
    usual = list(_readings(words, groups, container, usual_bits, usual_groups))
    for is_inferred in (False, True):
        fitting = [
            row
            for scheme in sorted(schemes, key=lambda scheme: not scheme.group_size)  # those that say more come first
            if scheme.bits is not None
            and scheme.is_inferred == is_inferred
            and (row := _read_declared(words, groups, scheme.bits, scheme.group_size, container, widths))
        ]
        if fitting:
            chosen = next((row for row in fitting if row.width in widths), fitting[0])
            others = _known(words, groups, container, usual_bits, widths) if is_inferred else ()
            rivals = _rivals(chosen, (*usual, *others))
            return chosen._replace(is_declared=bool(rivals), candidates=others, rivals=rivals)
    if not usual:
        return None
    possible = _known(words, groups, container, usual_bits, widths)
    known = [row for row in usual if row.width in widths]
    chosen = (known or usual)[0]
    chosen = chosen._replace(candidates=possible, rivals=_rivals(chosen, (*usual, *possible)))
    if known and {row.width for row in possible} == {chosen.width}:
        return chosen
    return chosen._replace(why_inexact=NOT_DECLARED)


def _rivals(chosen: Row, others: Iterable[Row]) -> tuple[tuple[int, int | None], ...]:
    return tuple(dict.fromkeys((row.bits, row.group_size) for row in others if row.width != chosen.width))


def _known(
    words: int, groups: int, container: int, usual_bits: Sequence[int], widths: frozenset[int]
) -> tuple[Row, ...]:
    """Every reading whose width occurs elsewhere in the model."""
    return tuple(row for row in _readings(words, groups, container, usual_bits, _GROUPS) if row.width in widths)


def _read_declared(
    words: int, groups: int, bits: int, group_size: int | None, container: int, widths: frozenset[int]
) -> Row | None:
    """The width that declared bits and group size give, if it fills the words."""
    ranges = list(_widths(words, bits, container))
    if group_size is not None and group_size > 0:
        width = groups * group_size
        if any(width in fitting for fitting in ranges):
            return Row(width, bits, group_size)
        partial = range(width - group_size + 1, width)
        overlaps = [range(max(r.start, partial.start), min(r.stop, partial.stop)) for r in ranges]
        return next((_widest(r, bits, group_size, widths) for r in overlaps if r), None)
    if groups == 1:
        return _widest(ranges[0], bits, None, widths)
    width = ranges[0][-1]
    if width % groups:
        return None
    why = "" if width in widths else f"{bits} bits are declared, but give a width that no other tensor has"
    return Row(width, bits, width // groups, why)


def _widest(fitting: range, bits: int, group_size: int | None, widths: frozenset[int]) -> Row:
    """The widest of the widths that fit, or one that the model is known to use."""
    known = [width for width in fitting if width in widths]
    if len(fitting) == 1 or len(known) == 1:
        return Row((known or fitting)[0], bits, group_size)
    return Row(fitting[-1], bits, group_size, "up to a word of padding cannot be told from values")


def _readings(
    words: int, groups: int, container: int, bits_in_use: Iterable[int], group_sizes: Iterable[int]
) -> Iterator[Row]:
    for bits in bits_in_use:
        for group_size in group_sizes:
            if any(groups * group_size in fitting for fitting in _widths(words, bits, container)):
                yield Row(groups * group_size, bits, group_size)
    if groups == 1:
        for bits in bits_in_use:
            if words * container % bits == 0:
                yield Row(words * container // bits, bits, None)


def _widths(words: int, bits: int, container: int) -> Iterator[range]:
    """The numbers of values that fill the words, dense first, then with whole values per word."""
    dense = range((words - 1) * container // bits + 1, words * container // bits + 1)
    yield dense
    per_word = container // bits
    whole = range((words - 1) * per_word + 1, words * per_word + 1)
    if per_word and whole != dense:
        yield whole


def trim_padding(
    padded: int, multiple: int, widths: frozenset[int], *, side: int | None = None, tile: int = 1
) -> tuple[int, str]:
    """A dimension that was padded to a multiple, as declared or by the widths in use; and why it is in doubt.

    One that is no such multiple was padded to whole tiles at most.
    """
    is_tiled = padded % multiple != 0
    multiple = tile if is_tiled else multiple
    if side is not None and padded - multiple < side <= padded:
        return side, ""
    if padded in widths:
        return padded, ""
    known = [width for width in range(padded - multiple + 1, padded) if width in widths]
    if len(known) == 1:
        return known[0], ""
    is_joined = any(padded == times * width for times in _JOINED for width in widths if width >= _WIDE)
    if not known and (is_tiled or is_joined):
        return padded, ""
    return padded, f"padding to a multiple of {multiple} cannot be told from values"
