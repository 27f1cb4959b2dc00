"""`@frozen` behaves as the dataclass decorator that it stands for."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import msgspec
import pytest

from sizer.values import frozen


@frozen
class Pair:
    """Two figures and a list."""

    left: int
    right: str = "r"
    rest: tuple[int, ...] = dataclasses.field(default_factory=lambda: (1, 2))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plain:
    """The same by the standard library."""

    left: int
    right: str = "r"
    rest: tuple[int, ...] = dataclasses.field(default_factory=lambda: (1, 2))


@frozen
class Checked(Pair):
    """A child with a field of its own and a check."""

    more: int = 0

    def __post_init__(self) -> None:
        if self.more < 0:
            raise ValueError("more is negative")


def test_it_reads_as_the_standard_one_does() -> None:
    """Representation, fields, equality, hash, replace, copy, pickle and JSON agree with the plain dataclass."""
    ours, plain = Pair(left=1), Plain(left=1)
    assert repr(ours).replace("Pair", "Plain") == repr(plain)
    assert [field.name for field in dataclasses.fields(ours)] == [field.name for field in dataclasses.fields(plain)]
    assert ours == Pair(left=1, right="r", rest=(1, 2))
    assert ours != Pair(left=2)
    assert ours != plain
    assert hash(ours) == hash(plain)
    assert dataclasses.asdict(dataclasses.replace(ours, left=5)) == {"left": 5, "right": "r", "rest": (1, 2)}
    assert copy.deepcopy(ours) == pickle.loads(pickle.dumps(ours)) == ours
    assert msgspec.json.encode(Pair(rest=(), left=1)) == msgspec.json.encode(Plain(rest=(), left=1))


def test_what_msgspec_decodes_equals_what_is_built() -> None:
    """A value from JSON, defaults left out, equals the one made in code, and hashes alike."""
    decoded = msgspec.json.decode(b'{"left": 1}', type=Pair)
    assert decoded == Pair(left=1)
    assert hash(decoded) == hash(Pair(left=1))


def test_nothing_can_be_set_again() -> None:
    """A field can neither be set nor deleted."""
    pair = Pair(left=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'left'"):
        pair.left = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'left'"):
        del pair.left


def test_wrong_fields_are_named() -> None:
    """A missing, an unknown and a positional field are TypeErrors that name them."""
    with pytest.raises(TypeError, match="Pair needs left"):
        Pair()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Pair has no field middle"):
        Pair(left=1, middle=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Pair(1)  # type: ignore[misc]


def test_a_child_has_all_fields_and_its_own_check() -> None:
    """Fields are inherited in order, each list is made anew, and `__post_init__` runs last."""
    child = Checked(left=1, more=3)
    assert (child.left, child.rest, child.more) == (1, (1, 2), 3)
    with pytest.raises(ValueError, match="negative"):
        Checked(left=1, more=-1)
