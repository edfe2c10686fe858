"""PostgreSQL's binary forms: parameters, arrays and COPY rows as the server reads them.

Formats: https://www.postgresql.org/docs/18/protocol-message-formats.html and
https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS .
The object ids of the types are fixed in the server's catalogue (pg_type.dat).
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from struct import Struct, pack
from struct import error as StructError  # noqa: N812 - an exception, by its name
from sys import byteorder
from typing import Any, NamedTuple
from uuid import UUID

BOOL, BYTEA, INT8, INT2, INT4, TEXT, XID, JSON = 16, 17, 20, 21, 23, 25, 28, 114
FLOAT4, FLOAT8, VARCHAR, UUID_TYPE, JSONB, XID8 = 700, 701, 1043, 2950, 3802, 5069
BOOL_ARRAY, BYTEA_ARRAY, INT2_ARRAY, INT4_ARRAY, INT8_ARRAY = 1000, 1001, 1005, 1007, 1016
TEXT_ARRAY, VARCHAR_ARRAY, FLOAT4_ARRAY, FLOAT8_ARRAY, UUID_ARRAY = 1009, 1015, 1021, 1022, 2951

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

_ARRAY_HEAD = Struct("!iiIii")
_LENGTH = Struct("!i")
_FIELDS = Struct("!h")
_NULL = b"\xff\xff\xff\xff"
FEW = 64
"""So many numbers are laid out quicker one by one than by strided copies."""

_TYPECODES = {INT2: ("h", 2), INT4: ("i", 4), INT8: ("q", 8), FLOAT4: ("f", 4), FLOAT8: ("d", 8)}

Encoder = Callable[[object], bytes]


class Wire(NamedTuple):
    """A parameter that already has its binary form; `oid` is the type it must meet in the statement."""

    oid: int
    data: bytes


def int2_array(values: Iterable[int]) -> Wire:
    """A smallint[] parameter."""
    return Wire(INT2_ARRAY, _numbers(values, INT2))


def int4_array(values: Iterable[int]) -> Wire:
    """An integer[] parameter."""
    return Wire(INT4_ARRAY, _numbers(values, INT4))


def int8_array(values: Iterable[int]) -> Wire:
    """A bigint[] parameter."""
    return Wire(INT8_ARRAY, _numbers(values, INT8))


def float8_array(values: Iterable[float]) -> Wire:
    """A double precision[] parameter."""
    return Wire(FLOAT8_ARRAY, _numbers(values, FLOAT8))


def bytea_array(values: Iterable[bytes | None]) -> Wire:
    """A bytea[] parameter; None is null."""
    return Wire(BYTEA_ARRAY, array_of(values, BYTEA))


def text_array(values: Iterable[str | None]) -> Wire:
    """A text[] parameter; None is null."""
    return Wire(TEXT_ARRAY, array_of([None if value is None else value.encode() for value in values], TEXT))


def uuid_array(values: Iterable[bytes | None]) -> Wire:
    """A uuid[] parameter from values of sixteen bytes; None is null."""
    return Wire(UUID_ARRAY, array_of(values, UUID_TYPE))


def array_of(fields: Iterable[bytes | None], element_oid: int) -> bytes:
    """The binary array whose elements already have their binary form."""
    items = fields if isinstance(fields, list) else list(fields)
    if not items:
        return pack("!iiI", 0, 0, element_oid)
    parts = [b""]
    length = _LENGTH.pack
    nulls = 0
    for item in items:
        if item is None:
            nulls = 1
            parts.append(_NULL)
        else:
            parts.append(length(len(item)))
            parts.append(item)
    parts[0] = _ARRAY_HEAD.pack(1, nulls, element_oid, len(items), 1)
    return b"".join(parts)


def _numbers(values: Iterable[Any], element_oid: int) -> bytes:
    """Numbers of one width; a long array is laid out by strided copies instead of one by one."""
    typecode, width = _TYPECODES[element_oid]
    items = values if isinstance(values, list | tuple) else list(values)
    count = len(items)
    if not count:
        return pack("!iiI", 0, 0, element_oid)
    if None in items:
        one = Struct("!" + typecode).pack
        return array_of([None if item is None else one(item) for item in items], element_oid)
    if count <= FEW:
        fields = [width] * (2 * count)
        fields[1::2] = items
        try:
            return _few(typecode, count).pack(1, 0, element_oid, count, 1, *fields)
        except StructError:
            array(typecode, items)  # tells apart what is no number and what is too large
            raise
    packed = array(typecode, items)
    if byteorder == "little":
        packed.byteswap()
    raw = packed.tobytes()
    step = width + 4
    body = bytearray(step * count)
    body[3::step] = bytes([width]) * count
    for position in range(width):
        body[4 + position :: step] = raw[position::width]
    return _ARRAY_HEAD.pack(1, 0, element_oid, count, 1) + body


@cache
def _few(typecode: str, count: int) -> Struct:
    """The layout of an array of at most FEW numbers."""
    return Struct("!iiIii" + f"i{typecode}" * count)


def copy_row(fields: Sequence[bytes | None]) -> bytes:
    """One COPY row of fields that already have their binary form; None is null."""
    parts = [_FIELDS.pack(len(fields))]
    for field in fields:
        if field is None:
            parts.append(_NULL)
        else:
            parts.append(_LENGTH.pack(len(field)))
            parts.append(field)
    return b"".join(parts)


def copy_file(rows: Iterable[Sequence[bytes | None]]) -> bytes:
    """A whole COPY stream: header, rows, trailer."""
    return b"".join([COPY_HEADER, *map(copy_row, rows), COPY_TRAILER])


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"bytes expected, not {type(value).__name__}")


def _text(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"text expected, not {type(value).__name__}")


def _uuid(value: object) -> bytes:
    if isinstance(value, bytes) and len(value) == 16:
        return value
    return (value if isinstance(value, UUID) else UUID(str(value))).bytes


def _number(form: str) -> Encoder:
    return Struct(form).pack


def _json(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


_ENCODERS: dict[int, Encoder] = {
    BOOL: lambda value: b"\x01" if value else b"\x00",
    BYTEA: _bytes,
    INT2: _number("!h"),
    INT4: _number("!i"),
    INT8: _number("!q"),
    TEXT: _text,
    VARCHAR: _text,
    XID: _number("!I"),
    XID8: _number("!Q"),
    FLOAT4: _number("!f"),
    FLOAT8: _number("!d"),
    UUID_TYPE: _uuid,
    JSON: _json,
    JSONB: lambda value: b"\x01" + _json(value),
}

_ELEMENTS = {
    BOOL_ARRAY: BOOL,
    BYTEA_ARRAY: BYTEA,
    INT2_ARRAY: INT2,
    INT4_ARRAY: INT4,
    INT8_ARRAY: INT8,
    TEXT_ARRAY: TEXT,
    VARCHAR_ARRAY: VARCHAR,
    FLOAT4_ARRAY: FLOAT4,
    FLOAT8_ARRAY: FLOAT8,
    UUID_ARRAY: UUID_TYPE,
}


def _array_encoder(element_oid: int) -> Encoder:
    one = _ENCODERS[element_oid]
    is_number = element_oid in _TYPECODES

    def encode(values: object) -> bytes:
        if not isinstance(values, Iterable) or isinstance(values, str | bytes):
            raise TypeError(f"a sequence expected, not {type(values).__name__}")
        if is_number:
            return _numbers(values, element_oid)
        return array_of([None if value is None else one(value) for value in values], element_oid)

    return encode


_ENCODERS.update({oid: _array_encoder(element) for oid, element in _ELEMENTS.items()})


def encoder_of(oid: int) -> tuple[Encoder, int]:
    """How a Python value becomes a parameter of this type, and the format (1 binary, 0 text) that yields.

    A `Wire` passes as it is if its type fits.  Types without a binary form here travel as their text.
    """
    plain = _ENCODERS.get(oid)
    if plain is None:
        return (lambda value: str(value).encode()), 0

    def encode(value: object) -> bytes:
        if not isinstance(value, Wire):
            return plain(value)
        if value.oid != oid:
            raise TypeError(f"the statement wants type {oid}, the parameter is of type {value.oid}")
        return value.data

    return encode, 1
