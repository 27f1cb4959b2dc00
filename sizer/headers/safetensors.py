"""The header of a safetensors file: eight bytes of length, then JSON that names every tensor.

The reference reader decides: `safetensors.deserialize` is given the header alone. A correct header then
fails for one reason only, that the body is missing, which the reference checks last. Three things are
decided here: that no name occurs twice (the format forbids it, the reference does not look), that the
tensors fill the file (its size is known without its body), and what to do about two kinds of file that the
reference refuses although they can be counted: headers padded with NUL bytes, and dtypes newer than it.

A refused header costs no more than the reference takes to refuse it, plus one bounded decoding that finds
the words for the message.
"""

from __future__ import annotations

import functools
import json
import re
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import safetensors

from sizer.errors import InvalidDataError
from sizer.headers.faults import format_shape, guess_kind, quote, refuse, shorten
from sizer.headers.interface import Header, StoredTensor
from sizer.notices import Notice
from sizer.units import format_integer as number
from sizer.units import plural

__all__ = ["DTYPE_BITS", "FORMAT_MAX_HEADER_BYTES", "MAX_HEADER_BYTES", "header_length", "parse_header"]

MAX_HEADER_BYTES = 25_000_000
"""Longest header that is read unless told otherwise; huggingface_hub and huggingface.js refuse longer ones."""
FORMAT_MAX_HEADER_BYTES = 100_000_000
"""Longest header that the format allows."""

DTYPE_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
"""Bits of one element of each dtype of safetensors 0.8 (safetensors/src/tensor.rs, `Dtype::bitsize`)."""

_REFERENCE = f"safetensors {safetensors.__version__}"
_INCOMPLETE = "incomplete metadata, file not fully covered"
_JSON_STAGE = "invalid JSON in header: "
_WRONG_FIELD = ("invalid type", "invalid value", "invalid length", "missing field", "duplicate field")
_UNKNOWN_DTYPE = re.compile(r"unknown variant `([A-Z][A-Z0-9_]{0,23})`")
_WORDS = {
    "expected usize": "expected an unsigned integer of 64 bits",
    "expected struct TensorInfo": "expected an object with dtype, shape and data_offsets",
    "expected struct HashMetadata": "expected an object",
    "expected string or map": "expected the name of a dtype",
}
_PLACE = re.compile(r" at line (\d+) column (\d+)$")
_PLAIN_METADATA = re.compile(rb'\s*\{\s*"__metadata__"\s*:\s*\{[^{}]*\}')
"""`__metadata__` where writers put it, in front; found so, the rest need not be read a second time."""
_MAX_NEW_DTYPES = 4
_MAX_VALUES = 1_500_000  # bounds memory: the reference takes 1.2 kB a tensor; 300,000 matrices have as many
_LENGTH = struct.Struct("<Q")
_USIZE_MAX = 2**64 - 1

_RULES = {
    "header.too_short": "a file begins with 8 bytes that give the length of its header",
    "header.too_large": f"a header is at most {FORMAT_MAX_HEADER_BYTES:,} bytes long",
    "header.over_cap": "a header above the limits of this run is not read",
    "header.length": "the header lies within the file",
    "header.incomplete": "the header is read whole",
    "header.utf8": "a header is UTF-8",
    "header.json": "a header is one JSON object: finite numbers, at most 128 levels, nothing after it",
    "header.field": "an entry has a dtype, a shape of unsigned integers and two data_offsets, each once",
    "header.dtype": "a dtype is one that the format names",
    "header.duplicate_name": "a name occurs once",
    "header.offsets": "tensors follow each other from byte 0, without holes or overlaps",
    "header.overflow": "the elements of a tensor, and their bits, can be counted in 64 bits",
    "header.misaligned": "a tensor ends on a whole byte",
    "header.size": "a tensor's data_offsets span its shape times its dtype",
    "header.body": "the tensors fill the file, no more and no less",
    "header.reference": "the reference reader accepts the header",
}


class _Info(msgspec.Struct, gc=False):
    """A tensor as writers spell it. The fields are optional so that `__metadata__` passes as one."""

    dtype: str = ""
    shape: tuple[int, ...] = ()
    data_offsets: tuple[int, int] = (0, 0)


class _Metadata(msgspec.Struct):
    """`__metadata__` alone: msgspec skips every other member without building it."""

    metadata: dict[str, str] | None = msgspec.field(name="__metadata__", default=None)


_stored = functools.partial(tuple.__new__, StoredTensor)  # what StoredTensor(...) does, in half the time
_DECODER = msgspec.json.Decoder(dict[str, _Info])
_METADATA_DECODER = msgspec.json.Decoder(_Metadata)


def header_length(first_bytes: bytes, *, path: str, file_bytes: int | None = None, cap: int = MAX_HEADER_BYTES) -> int:
    """Bytes of the file before its first tensor (8 + N), read from its first eight bytes.

    Raises InvalidDataError where N cannot be right, or is above `cap`.
    """
    if len(first_bytes) < _LENGTH.size:
        found = plural(len(first_bytes), "byte")
        raise _refuse(path, f"the file has {found}", code="header.too_short", guess=guess_kind(first_bytes))
    length: int = _LENGTH.unpack_from(first_bytes)[0]
    total = _LENGTH.size + length
    if length > FORMAT_MAX_HEADER_BYTES:
        found = f"its first 8 bytes give a header of {number(length)} bytes"
        raise _refuse(path, found, code="header.too_large", guess=guess_kind(first_bytes))
    if file_bytes is not None and total > file_bytes:
        found = f"a header of 8 + {number(length)} bytes does not fit a file of {number(file_bytes)} bytes"
        raise _refuse(path, found, code="header.length", guess=guess_kind(first_bytes))
    if length > cap:
        found = f"the header is {number(length)} bytes long, the limit is {number(cap)}"
        hint = f"raise the limit with `--max-header-bytes {length}` if you trust the file"
        raise _refuse(path, found, code="header.over_cap", hint=hint)
    return total


def parse_header(raw: bytes, *, path: str, file_bytes: int | None = None) -> Header:
    """The header in the first 8 + N bytes of a file; `raw` may be longer.

    `file_bytes` is the size of the whole file: with it the last rule, that the tensors fill the file, is
    checked too. Safe to call from several threads.

    Raises InvalidDataError naming the file, the rule, and what was expected and found.
    """
    total = header_length(raw[:8], path=path, file_bytes=file_bytes, cap=FORMAT_MAX_HEADER_BYTES)
    if len(raw) < total:
        found = f"{number(len(raw))} of {number(total)} bytes arrived"
        raise _refuse(path, found, code="header.incomplete", hint="run the command again")
    text = raw[8:total]
    if (values := text.count(b",")) > _MAX_VALUES:
        found = f"the header holds more than {number(values)} values, the limit is {number(_MAX_VALUES)}"
        raise _refuse(path, found, code="header.over_cap")
    fault = _ask_reference(raw if len(raw) == total else raw[:total])
    notices: list[Notice] = []

    if "trailing characters" in fault and (stripped := text.rstrip(b"\0")) != text:
        notices.append(_padding_notice(path, len(text) - len(stripped)))
        text = stripped
        fault = _ask_reference(_frame(text))
    fault, new_dtypes = _allow_new_dtypes(text, fault)
    if fault.startswith(("invalid UTF-8", _JSON_STAGE)):
        raise _explain_text(path, text, fault)

    infos, metadata = _decode(text, path)
    if new_dtypes:
        notices.append(_dtype_notice(path, new_dtypes))
    if fault or new_dtypes:
        _check_layout(path, infos)
        if not new_dtypes:
            raise _refuse(path, f"it says: {shorten(fault)}", code="header.reference")
    body = max([info.data_offsets[1] for info in infos.values()], default=0)
    if file_bytes is not None and total + body != file_bytes:
        raise _explain_body(path, total, body, file_bytes)
    return Header(
        path=path,
        format="safetensors",
        tensors=tuple(
            [_stored((name, i.dtype, i.shape, i.data_offsets[1] - i.data_offsets[0])) for name, i in infos.items()]
        ),
        metadata=metadata,
        header_bytes=total,
        file_bytes=file_bytes,
        verified_by=None if notices else _REFERENCE,
        notices=tuple(notices),
    )


# -- the reference reader ----------------------------------------------------------------------------


def _ask_reference(framed: bytes) -> str:
    """`""` where the reference accepts the header, else its reason."""
    try:
        safetensors.deserialize(framed)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing: ")
        return "" if reason == _INCOMPLETE else reason
    return ""


def _frame(text: bytes) -> bytes:
    return _LENGTH.pack(len(text)) + text


def _allow_new_dtypes(text: bytes, fault: str) -> tuple[str, list[str]]:
    """The reference's verdict with dtypes that it does not know replaced by one that it does.

    It then checks everything but the size of these tensors, which is left to `_check_layout`. Replacing
    whole quoted words keeps the text JSON if and only if it was JSON before: a quote inside a string is
    escaped. A tensor that has the same name as a dtype is renamed as well, which no rule looks at.
    """
    dtypes: list[str] = []
    while (match := _UNKNOWN_DTYPE.match(fault.removeprefix(_JSON_STAGE))) and len(dtypes) < _MAX_NEW_DTYPES:
        if match[1] in dtypes:
            break
        replaced = text.replace(f'"{match[1]}"'.encode(), b'"U8"')
        dtypes.append(match[1])
        text, fault = replaced, _ask_reference(_frame(replaced))
    return fault, dtypes


# -- decoding ----------------------------------------------------------------------------------------


def _decode(text: bytes, path: str) -> tuple[dict[str, _Info], dict[str, object]]:
    """The tensors in file order and `__metadata__`, of text that the reference could parse.

    A decoder that builds a dict loses repeated names. Every entry holds at least two opening brackets
    (shape and data_offsets), so if the text has exactly two per name that came out, none was lost. Where a
    name or the metadata has brackets of its own, or an entry is spelled in an unusual way, a slower decoder
    sees every name.
    """
    try:
        infos = _DECODER.decode(text)
        metadata = _METADATA_DECODER.decode(
            start[0] + b"}" if (start := _PLAIN_METADATA.match(text)) else text
        ).metadata
        infos.pop("__metadata__", None)
    except msgspec.MsgspecError:
        return _decode_members(text, path)
    if text.count(b"[") != 2 * len(infos):
        return _decode_members(text, path)
    return infos, dict(metadata or {})


def _decode_members(text: bytes, path: str) -> tuple[dict[str, _Info], dict[str, object]]:
    """The same for any spelling that the reference accepts, one member of the object after the other."""
    document = text.decode()
    infos: dict[str, _Info] = {}
    metadata: dict[str, object] = {}
    at = _skip(document, 0)
    while document[at] == '"':
        name, at = _VALUES.raw_decode(document, at)
        value, at = _VALUES.raw_decode(document, _skip(document, at))
        at = _skip(document, at)
        if name == "__metadata__":
            metadata = value or {}
        elif name in infos:
            raise _refuse(path, f"{quote(name)} occurs more than once", code="header.duplicate_name")
        else:
            infos[name] = _info(value)
    return infos, metadata


def _skip(document: str, at: int) -> int:
    """Where the next name or value begins, or the closing brace stands."""
    match = _BETWEEN.match(document, at)
    return match.end() if match else at


def _parse_int(digits: str) -> int | str:
    """Numbers of interest have at most 20 digits; longer ones stand in fields that the format ignores."""
    return int(digits) if len(digits) <= 20 else digits


_BETWEEN = re.compile(r"[ \t\r\n]*[{:,]?[ \t\r\n]*")
_VALUES = json.JSONDecoder(parse_float=str, parse_int=_parse_int)


def _info(value: Any) -> _Info:
    """Objects by field name; arrays by position; a dtype may be written as the key of an object."""
    if isinstance(value, dict):
        value = [value["dtype"], value["shape"], value["data_offsets"]]
    dtype, shape, (begin, end) = value
    return _Info(dtype if isinstance(dtype, str) else next(iter(dtype)), tuple(shape), (begin, end))


# -- rules, in words ---------------------------------------------------------------------------------


def _check_layout(path: str, infos: Mapping[str, _Info]) -> None:
    """The reference's last rules, one tensor after the other, with numbers in the message."""
    position = 0
    for name, info in sorted(infos.items(), key=lambda item: item[1].data_offsets):
        begin, end = info.data_offsets
        if begin != position or end < begin:
            found = f"tensor {quote(name)} has data_offsets [{number(begin)}, {number(end)}]"
            raise _refuse(path, f"{found}, expected to begin at {number(position)}", code="header.offsets")
        position = end
        _check_size(path, f"tensor {quote(name)}, {format_shape(info.shape)} of {info.dtype}", info)


def _check_size(path: str, what: str, info: _Info) -> None:
    size = info.data_offsets[1] - info.data_offsets[0]
    bits = DTYPE_BITS.get(info.dtype)
    elements = 1
    for dimension in info.shape:
        elements *= dimension
        if elements > _USIZE_MAX:
            break
    if elements * (bits or 1) > _USIZE_MAX:
        raise _refuse(path, f"{what}, has too many elements", code="header.overflow")
    if bits is None:
        # A dtype that is not known yet: between one bit and sixteen bytes an element.
        if not elements <= 8 * size <= 128 * elements:
            raise _refuse(path, f"{what}, cannot take {plural(size, 'byte')}", code="header.size")
    elif elements * bits % 8:
        raise _refuse(path, f"{what}, takes {number(elements * bits)} bits", code="header.misaligned")
    elif size != elements * bits // 8:
        expected = plural(elements * bits // 8, "byte")
        raise _refuse(path, f"{what}, takes {expected}, its data_offsets span {number(size)}", code="header.size")


def _explain_text(path: str, text: bytes, fault: str) -> InvalidDataError:
    """The error for a header that cannot be parsed: the reference's words and the place in the file."""
    if not fault.startswith(_JSON_STAGE):
        return _refuse(path, shorten(fault.removeprefix("invalid UTF-8 in header: ")), code="header.utf8")
    reason = fault.removeprefix(_JSON_STAGE)
    place = ""
    if match := _PLACE.search(reason):
        reason = reason[: match.start()]
        offset = _byte_offset(text, line=int(match[1]), column=int(match[2]))
        excerpt = text[max(0, offset - 32) : offset + 8].decode("utf-8", "replace")
        place = f" at byte {number(8 + offset)} of the file, near `{excerpt}`"
    found = shorten(reason)
    for theirs, ours in _WORDS.items():
        found = found.replace(theirs, ours)
    found += place
    if reason.startswith("unknown variant"):
        known = ", ".join(DTYPE_BITS)
        dtype = shorten(reason.split("`")[1], 40)
        return _refuse(path, f"dtype `{dtype}`{place}; expected one of {known}", code="header.dtype")
    if reason.startswith(_WRONG_FIELD):
        return _refuse(path, found, code="header.field")
    return _refuse(path, found, code="header.json")


def _explain_body(path: str, header: int, body: int, file_bytes: int) -> InvalidDataError:
    expected = f"header and tensors take {number(header + body)} bytes, the file has {number(file_bytes)}"
    if file_bytes < header + body:
        hint = "the file is cut short: download it again, or ask its author for a whole one"
        return _refuse(path, expected, code="header.body", hint=hint)
    return _refuse(path, expected, code="header.body")


def _byte_offset(text: bytes, *, line: int, column: int) -> int:
    """Where serde_json's line and column (both from 1, in bytes) lie in the text."""
    start = 0
    for _ in range(line - 1):
        start = text.find(b"\n", start) + 1
    return max(0, start + column - 1)


def _refuse(path: str, found: str, *, code: str, guess: str = "", hint: str = "") -> InvalidDataError:
    return refuse(path, found, kind="safetensors", rules=_RULES, code=code, guess=guess, hint=hint)


def _padding_notice(path: str, count: int) -> Notice:
    message = f"`{path}`: the header ends in {plural(count, 'NUL byte')}; it was read, strict loaders refuse this file"
    return Notice(code="header.nul_padding", message=message)


def _dtype_notice(path: str, dtypes: list[str]) -> Notice:
    listed = ", ".join(f"`{dtype}`" for dtype in dtypes)
    message = f"`{path}`: dtype {listed} is newer than {_REFERENCE}; elements were counted from shapes, unverified"
    return Notice(code="header.new_dtype", message=message)
