"""One suite over every packing format: pack a small model by the format's rules, unpack it, compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sizer.headers.interface import StoredTensor
from sizer.quantization.declared import read_declared
from sizer.quantization.formats import FORMATS
from sizer.quantization.interface import LogicalTensor, Unpacked
from sizer.quantization.modules import group_modules
from sizer.quantization.unpack import unpack
from tests.contract.packing import CASES, Case, is_linear, store


def names(tensor: LogicalTensor) -> Iterator[str]:
    """The names that a group of logical tensors stands for."""
    for numbers in tensor.indices:
        pieces = tensor.name.split("*")
        yield "".join(f"{piece}{number}" for piece, number in zip(pieces, numbers, strict=False)) + pieces[-1]


def shapes(unpacked: Unpacked) -> dict[str, tuple[tuple[int, ...] | None, int]]:
    """Shape and count of every logical tensor by name."""
    return {name: (tensor.shape, tensor.parameters) for tensor in unpacked.tensors for name in names(tensor)}


def run(stored: list[StoredTensor], config: dict[str, Any] | None) -> Unpacked:
    """Unpack and check that no byte was lost."""
    unpacked = unpack(stored, config=config, documents={}, metadata={})
    kept = sum(tensor.stored_bytes * tensor.count for tensor in unpacked.tensors)
    assert kept + sum(unpacked.dropped_bytes.values()) == sum(tensor.size_bytes for tensor in stored)
    return unpacked


def expected(case: Case) -> dict[str, tuple[tuple[int, ...] | None, int]]:
    """What the model means, as `shapes` says it."""
    out: dict[str, tuple[tuple[int, ...] | None, int]] = {}
    for name, shape in case.shapes.items():
        count = 1
        for size in shape:
            count *= size
        is_counted_only = (
            is_linear(name) and not case.has_shape and f"{name.removesuffix('.weight')}.bias" not in case.shapes
        )
        out[name] = (None if is_counted_only else shape, count)
    return out


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_packed_model_unpacks_to_itself(case: Case) -> None:
    """A model packed by a format's rules has the names, shapes and counts of the unquantised one."""
    unpacked = run(store(case.shapes, case.pack), case.config)

    assert shapes(unpacked) == expected(case)
    assert unpacked.bits == case.bits
    assert unpacked.scheme is not None
    assert unpacked.scheme.startswith(case.scheme)
    assert unpacked.is_known
    assert all(tensor.is_exact for tensor in unpacked.tensors)
    assert not unpacked.notices


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_shapes_alone_are_enough_or_it_is_said_that_they_are_not(case: Case) -> None:
    """Without a configuration the counts are the same, or the tensors are marked as not exact."""
    unpacked = run(store(case.shapes, case.pack), None)

    if not case.needs_config:
        assert shapes(unpacked) == expected(case)
    for name, (_, count) in shapes(unpacked).items():
        exact = all(tensor.is_exact for tensor in unpacked.tensors if name in set(names(tensor)))
        assert not exact or count == expected(case)[name][1], name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_configuration_of_another_model_changes_no_exact_count(case: Case) -> None:
    """A configuration that names another scheme is not believed where the shapes refute it."""
    lies = {"quantization_config": {"quant_method": "awq", "bits": 1, "group_size": 7, "modules_to_not_convert": 3}}
    unpacked = run(store(case.shapes, case.pack), lies)

    if not case.needs_config:
        assert shapes(unpacked) == expected(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_order_of_tensors_does_not_matter(case: Case) -> None:
    """Shards come in any order: the result is the same, group by group."""
    stored = store(case.shapes, case.pack)

    assert run(stored[::-1], case.config) == run(stored, case.config)


def test_every_format_is_packed_by_some_case() -> None:
    """No format escapes this suite: each one reads the weights of at least one case."""
    readers = set()
    for case in CASES:
        declared = read_declared(case.config, {})
        for module in group_modules(store(case.shapes, case.pack))[0]:
            asked = replace(module, schemes=declared.schemes, method=declared.method)
            readers |= {next((each.name for each in FORMATS if any(each.read(asked))), "")}

    assert readers - {""} == {each.name for each in FORMATS}
