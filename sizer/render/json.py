"""Reports to JSON: one envelope, one document, and the JSON Schema of each document and report."""

from __future__ import annotations

from decimal import Decimal
from types import UnionType
from typing import Any, get_args

import msgspec

from sizer.errors import SizerError

__all__ = ["SCHEMA_VERSION", "document_schema", "encode", "failure", "report_schema", "success"]

SCHEMA_VERSION = 1
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(document: Any) -> str:
    """A document as indented JSON; NaN and infinities become null, Decimals become numbers.

    Text that is no Unicode (a file name in another encoding, half of a surrogate pair) comes out escaped.
    """
    try:
        raw = _ENCODER.encode(document)
    except UnicodeEncodeError:
        raw = _ENCODER.encode(_escaped(msgspec.to_builtins(document, builtin_types=(Decimal,))))
    return msgspec.json.format(raw, indent=2).decode() + "\n"


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value


def success(command: str, report: Any, *, error: SizerError | None = None) -> dict[str, Any]:
    """The envelope of a report; with an error, that of both."""
    if error is not None:
        return {**failure(command, error), "report": report}
    return {"schema_version": SCHEMA_VERSION, "command": command, "ok": True, "report": report}


def failure(command: str, error: SizerError) -> dict[str, Any]:
    """The envelope of an error."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "ok": False,
        "error": {
            "code": error.code,
            "message": str(error),
            "hint": error.hint,
            "retryable": error.retryable,
            "exit_code": error.exit_code,
            "details": error.details,
        },
    }


_ERROR_SCHEMA = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "hint": {"type": "string"},
        "retryable": {"type": "boolean"},
        "exit_code": {"type": "integer"},
        "details": {
            "type": "object",
            "additionalProperties": {
                "type": ["string", "number", "boolean", "null", "array"], "items": {"type": "string"},
            },
        },
    },
    "required": ["code", "message", "hint", "retryable", "exit_code", "details"],
}  # fmt: skip


def document_schema(command: str, kind: Any) -> dict[str, Any]:
    """The JSON Schema of all that a command prints with `--json`: the report, the error, or both."""
    report = report_schema(kind)
    definitions = report.pop("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"sizer {command} --json",
        "type": "object",
        "properties": {
            "schema_version": {"const": SCHEMA_VERSION},
            "command": {"const": command},
            "ok": {"type": "boolean"},
            "report": report,
            "error": _ERROR_SCHEMA,
        },
        "required": ["schema_version", "command", "ok"],
        "if": {"properties": {"ok": {"const": True}}},
        "then": {"required": ["report"], "not": {"required": ["error"]}},
        "else": {"required": ["error"]},
        "$defs": definitions,
    }


def report_schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a report type; for a union, of either."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    schemas, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    root = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
    schema: dict[str, Any] = _with_numbers({**root, "$defs": definitions} if definitions else root)
    return schema


def _with_numbers(schema: Any) -> Any:
    """The schema with Decimals as the numbers that `encode` writes; msgspec describes them as text."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {"type": "number"}
        return {key: _with_numbers(value) for key, value in schema.items()}
    return [_with_numbers(item) for item in schema] if isinstance(schema, list) else schema
