"""One condition language for the decision's tables: names against `yes`, `no`, `unknown`, `not yes`, ..."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sizer.errors import InternalError

__all__ = ["Conditions", "check_names", "holds", "matches"]

Conditions = Mapping[str, str]


def matches(value: str, wanted: str) -> bool:
    """Whether a value meets one condition: `yes` meets `yes`, `unknown` meets `not no`."""
    return value != wanted[4:] if wanted.startswith("not ") else value == wanted


def holds(when: Conditions, facts: Mapping[str, str]) -> bool:
    """Whether all conditions hold; none at all hold always."""
    return all(matches(facts[name], wanted) for name, wanted in when.items())


def check_names(tables: Iterable[Conditions], names: Iterable[str], *, where: str) -> None:
    """Raises InternalError where a shipped table names a fact that does not exist."""
    known = set(names)
    for when in tables:
        if stray := set(when) - known:
            raise InternalError(f"{where} names {', '.join(sorted(stray))}, which nothing sets", code="internal.table")
