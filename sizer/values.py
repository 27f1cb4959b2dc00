"""`@frozen`: what `@dataclass(frozen=True, kw_only=True)` makes, without compiling source text for each class.

Before Python 3.13 a frozen dataclass writes six methods as text and compiles each: 1 ms a class, a quarter of the
time of a short command. The methods here are written once and read the class's fields
(`benchmarks/startup.py` times commands). Everything else is a plain dataclass: `fields`, `replace` and msgspec
know it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, dataclass_transform

__all__ = ["frozen"]

T = TypeVar("T")


class _Frozen:
    """The methods of every frozen class, copied into each."""

    def __repr__(self: Any) -> str:
        shown = [f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr]
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(_values(self))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_METHODS = ("__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__")


def _values(instance: Any) -> tuple[Any, ...]:
    return tuple([getattr(instance, name) for name in instance.__dataclass_fields__])


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(dataclasses.field,))
def frozen(kind: type[T]) -> type[T]:
    """`kind` as a dataclass with keyword-only fields that cannot be set again; equal and hashed by its fields."""
    made: Any = dataclasses.dataclass(kw_only=True, init=False, repr=False, eq=False)(kind)
    made.__init__ = _initializer(dataclasses.fields(made), getattr(made, "__post_init__", None))
    for name in _METHODS:
        setattr(made, name, vars(_Frozen)[name])
    return kind


def _initializer(fields: tuple[Any, ...], finish: Callable[[Any], None] | None) -> Callable[..., None]:
    nothing = dataclasses.MISSING
    template = {field.name: field.default for field in fields}  # in the order of the class, which JSON keeps
    factories = {field.name: field.default_factory for field in fields if field.default_factory is not nothing}
    put = object.__setattr__
    needed = {name for name, default in template.items() if default is nothing} - factories.keys()

    def initialize(self: Any, **given: Any) -> None:
        values = template | given
        if len(values) != len(template):
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(given.keys() - template.keys()))}")
        if not needed <= given.keys():
            raise TypeError(f"{type(self).__name__} needs {', '.join(sorted(needed - given.keys()))}")
        for name, make in factories.items():
            if name not in given:
                values[name] = make()
        for name, value in values.items():
            put(self, name, value)  # one by one: a class's instances then share their keys
        if finish is not None:
            finish(self)

    return initialize
