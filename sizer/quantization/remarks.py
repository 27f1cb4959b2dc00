"""What unpacking has to say in words: the scheme, and what a reader should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sizer.notices import Notice
from sizer.quantization.declared import Declared
from sizer.quantization.format import Module, Weight, group_words, join, name_of
from sizer.quantization.modules import Repeated
from sizer.units import format_percent, plural

__all__ = ["Pair", "remarks", "scheme_words"]

Pair = tuple[Module, Weight]


def scheme_words(pairs: list[Pair]) -> tuple[str | None, float | None]:
    """The scheme in words, the largest part first, and the mean bits of that part; None without packed weights.

    Up to three parts are named, each of at least one percent of the packed parameters.
    """
    parameters: dict[str, int] = {}
    bits: dict[str, float] = {}
    for module, weight in pairs:
        if weight.bits is not None:
            words, count = weight.scheme or weight.storage, weight.parameters * len(module.indices)
            parameters[words] = parameters.get(words, 0) + count
            bits[words] = bits.get(words, 0.0) + weight.bits * count
    if not parameters:
        return None, None
    largest = sorted(parameters, key=lambda words: (-parameters[words], words))
    everything = sum(parameters.values())
    named = [words for words in largest if parameters[words] * 100 >= everything][:3] or largest[:1]
    mean = round(bits[largest[0]] / (parameters[largest[0]] or 1), 2)
    return " + ".join(named), int(mean) if mean == int(mean) else mean


def remarks(pairs: list[Pair], declared: Declared, repeated: Repeated, *, is_refuted: bool) -> Iterator[Notice]:
    """What was unknown, left open, contradicted or stored twice."""
    yield from _doubts(pairs, is_known=False, code="quantization.unknown", used="stored elements are counted")
    yield from _doubts(pairs, is_known=True, code="quantization.inexact", used="the likeliest count is used")
    yield from _disagreement(pairs, declared, is_refuted=is_refuted)
    for key in dict.fromkeys(declared.unusable):
        yield Notice(code="config.type", message=f"`{key}` of the configuration is not a JSON object; it was ignored.")
    if repeated:
        names = list(dict.fromkeys(name for name, _ in repeated))
        yield Notice(
            code="quantization.repeated_name",
            message=f"{plural(len(names), 'name')} stored more than once, `{names[0]}` first; each is counted once",
        )


def _doubts(pairs: list[Pair], *, is_known: bool, code: str, used: str) -> Iterator[Notice]:
    total = sum(weight.parameters * len(module.indices) for module, weight in pairs) or 1
    doubts: dict[str, list[Pair]] = {}
    for module, weight in pairs:
        if weight.why and weight.is_known == is_known:
            doubts.setdefault(weight.why, []).append((module, weight))
    for why, those in doubts.items():
        module, weight = those[0]
        name = name_of(join(module.path, weight.leaf), module.indices[0])
        count = sum(len(module.indices) for module, _ in those)
        share = sum(weight.parameters * len(module.indices) for module, weight in those) / total
        tensors = f"{plural(count, 'tensor')} ({format_percent(share)} of all parameters), `{name}` first"
        yield Notice(code=code, message=f"{tensors}: {why}; {used}{_alternatives(those)}")


def _alternatives(pairs: list[Pair]) -> str:
    """The reading in use and the others that fit, of those tensors that have several."""
    rows = [weight.row for _, weight in pairs if weight.row and weight.row.rivals]
    used = dict.fromkeys((row.bits, row.group_size) for row in rows)
    others = dict.fromkeys(rival for row in rows for rival in row.rivals if rival not in used)
    return f" ({_reading_words(used)}; {_reading_words(others)} would fit too)" if others else ""


def _reading_words(readings: Iterable[tuple[int, int | None]]) -> str:
    return " or ".join(f"{bits}-bit {group_words(group_size)}" for bits, group_size in sorted(readings, key=str))


def _disagreement(pairs: list[Pair], declared: Declared, *, is_refuted: bool) -> Iterator[Notice]:
    packed = [weight.bits for _, weight in pairs if weight.bits is not None]
    bits = scheme_words(pairs)[1]
    named = sorted({scheme.bits for scheme in declared.schemes if scheme.bits is not None})
    says = " or ".join(f"{each}-bit" for each in named)
    if is_refuted:
        message = f"the configuration declares {says} weights, which gives widths that no other tensor has"
    elif declared.method and not packed and all(weight.is_known for _, weight in pairs):
        message = f"the configuration declares `{declared.method}`, but no packed weight is stored"
    elif named and bits is not None and not set(named) & {round(each) for each in packed}:
        message = f"the configuration declares {says} weights, but those stored have {bits:g} bits"
    else:
        return
    yield Notice(code="quantization.config_disagrees", message=f"{message}; the tensors were used")
