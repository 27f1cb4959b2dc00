"""Small JSON documents beside the weights, as plain values: bounded in depth, tolerant of what writers do."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from sizer.errors import InvalidDataError

__all__ = ["MAX_DEPTH", "parse_document"]

MAX_DEPTH = 64
"""Levels of a JSON document."""
_NESTS = {dict, list}
_DECODER = msgspec.json.Decoder()


def parse_document(raw: bytes, path: str) -> Any:
    """JSON as Python values; NaN becomes None. Raises InvalidDataError where it is not JSON or too deep."""
    try:
        value = _parse(raw)
    except RecursionError as error:
        raise _no_json(path, "it is nested too deeply") from error
    except ValueError as error:
        raise _no_json(path, f"it is not JSON ({str(error)[:120]})") from error
    if _is_deeper(value, MAX_DEPTH):
        raise _no_json(path, f"it is nested deeper than {MAX_DEPTH} levels")
    return value


def _parse(raw: bytes) -> Any:
    """msgspec takes a third of the time on an index of 90,000 names; json knows NaN, infinity and other encodings."""
    try:
        return _DECODER.decode(raw)
    except msgspec.MsgspecError:
        return json.loads(raw, parse_constant=_constant, parse_int=_integer)


def _constant(name: str) -> float | None:
    return None if name == "NaN" else float(name)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 40 else float(digits)


def _is_deeper(value: object, levels: int) -> bool:
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        level = [inner for item in level for inner in _nested(item)]
        if not level:
            return False
    return True


def _nested(value: Any) -> list[Any]:
    """The objects and lists right inside; an index has 90,000 values and none of them is one."""
    inside = value.values() if isinstance(value, dict) else value
    return [inner for inner in inside if isinstance(inner, dict | list)] if {*map(type, inside)} & _NESTS else []


def _no_json(path: str, why: str) -> InvalidDataError:
    return InvalidDataError(f"`{path}` cannot be used", code="document.form", because=why)
