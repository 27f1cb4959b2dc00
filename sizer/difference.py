"""What changed between two revisions: tensors, grouped by their names, and config.json. Values are never read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sizer.inspection import Inspection, PartAnatomy
from sizer.values import frozen

__all__ = ["ConfigChange", "Difference", "Side", "TensorChange", "TensorState", "find_difference"]


@frozen
class Side:
    """One of the two."""

    reference: str
    repository: str
    commit: str | None
    total_parameters: int | None
    active_parameters: int | None
    weights_bytes: int | None
    quantization: str | None
    tensors: int
    """Logical tensors: packed ones once, companions and second copies left out."""


@frozen
class TensorState:
    """How a tensor is on one side."""

    shape: tuple[int, ...] | None
    parameters: int
    storage: str
    """`BF16`, `GPTQ 4-bit` ..."""
    bytes: int


@frozen
class TensorChange:
    """Tensors whose names differ only in numbers and that changed in the same way."""

    change: str
    """`added`, `removed`, `reshaped` (other shape, whatever the storage) or `repacked` (same shape, other storage)."""
    name: str
    """The names with `*` for the numbers: `model.layers.*.mlp.gate_proj.weight`."""
    numbers: str
    """What stands at the `*`: `0-47`; for two of them `0-47 x 0-127`."""
    tensors: int
    before: TensorState | None
    """One of the tensors; null where it was not there."""
    after: TensorState | None


@frozen
class ConfigChange:
    """One key of config.json, with the path to it."""

    key: str
    before: Any
    """Null where the key was not there."""
    after: Any


@frozen
class Difference:
    """The report of `sizer diff`."""

    before: Side
    after: Side
    same_tensors: int
    """Tensors of the same name, shape and storage; their values may differ."""
    changes: tuple[TensorChange, ...]
    config: tuple[ConfigChange, ...]
    is_same: bool
    """Whether nothing differs that headers and config.json can show."""


_Tensors = dict[tuple[str, tuple[int, ...]], TensorState]


def find_difference(
    before: tuple[Inspection, Sequence[PartAnatomy]], after: tuple[Inspection, Sequence[PartAnatomy]]
) -> Difference:
    """What changed from one checkpoint to another, each given as its report and its parts."""
    old, new = _tensors(before[1]), _tensors(after[1])
    changes = tuple(_changes(old, new))
    config = tuple(_config_changes(_config(before[1]), _config(after[1])))
    return Difference(
        before=_side(before[0], old),
        after=_side(after[0], new),
        same_tensors=sum(old[name] == state for name, state in new.items() if name in old),
        changes=changes,
        config=config,
        is_same=not changes and not config,
    )


def _side(report: Inspection, tensors: _Tensors) -> Side:
    return Side(
        reference=report.reference,
        repository=report.repository,
        commit=report.commit,
        total_parameters=report.total_parameters,
        active_parameters=report.active_parameters,
        weights_bytes=report.weights_bytes,
        quantization=report.quantization,
        tensors=len(tensors),
    )


def _tensors(parts: Sequence[PartAnatomy]) -> _Tensors:
    found: _Tensors = {}
    for part in parts:
        prefix = f"{part.part.name}/" if part.part.name else ""
        for group in part.unpacked.tensors:
            state = TensorState(
                shape=group.shape, parameters=group.parameters, storage=group.storage, bytes=group.stored_bytes
            )
            for numbers in group.indices:
                found[prefix + group.name, numbers] = state
    return found


def _changes(old: _Tensors, new: _Tensors) -> Iterable[TensorChange]:
    """Changes grouped by kind, name and both states, in the order of the names."""
    groups: dict[tuple[str, str, TensorState | None, TensorState | None], list[tuple[int, ...]]] = defaultdict(list)
    for name, numbers in sorted({*old, *new}):
        before, after = old.get((name, numbers)), new.get((name, numbers))
        if before != after:
            groups[_kind(before, after), name, before, after].append(numbers)
    for (change, name, before, after), places in groups.items():
        yield TensorChange(
            change=change, name=name, numbers=_numbers(places), tensors=len(places), before=before, after=after
        )


def _kind(before: TensorState | None, after: TensorState | None) -> str:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    same = before.shape == after.shape and before.parameters == after.parameters
    return "repacked" if same else "reshaped"


def _numbers(places: Sequence[tuple[int, ...]]) -> str:
    """The numbers at each place of the name, as ranges."""
    columns = [sorted(set(column)) for column in zip(*places, strict=True)]
    return " x ".join(_ranges(column) for column in columns)


def _ranges(numbers: Sequence[int]) -> str:
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        parts.append(f"{found[0]}-{found[-1]}" if len(found) > 1 else str(found[0]))
    return ",".join(parts)


def _config(parts: Sequence[PartAnatomy]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for part in parts:
        prefix = f"{part.part.name}/" if part.part.name else ""
        flat |= {prefix + key: value for key, value in _flatten(part.part.config or {})}
    return flat


def _flatten(config: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _config_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[ConfigChange]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):  # a null is as good as nothing
            yield ConfigChange(key=key, before=old.get(key), after=new.get(key))
