"""Prepared writes as rows in PostgreSQL's binary COPY form, one stream per table.

Every field is packed with its length in front; the order of the fields is that of the `copy_…` statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct

from tianfu.db.wire import COPY_HEADER, COPY_TRAILER, INT8, array_of, int8_array
from tianfu.records.audit_event import AuditEvent
from tianfu.records.prepare import Prepared

NULL = b"\xff\xff\xff\xff"
TRUE = b"\0\0\0\1\1"
FALSE = b"\0\0\0\1\0"

_I8 = Struct("!iq").pack
_I4 = Struct("!ii").pack
_I2 = Struct("!ih").pack
_F8 = Struct("!id").pack
_LENGTH = Struct("!i").pack
_COUNT = Struct("!h").pack

_RESOURCE, _AUDIT, _IDENTIFIER, _REFERENCE = map(_COUNT, (21, 13, 4, 4))
_STRING, _DATE, _QUANTITY, _ALSO_ABOUT = map(_COUNT, (6, 6, 6, 3))


def _int8(value: int | None) -> bytes:
    return NULL if value is None else _I8(8, value)


def _int4(value: int | None) -> bytes:
    return NULL if value is None else _I4(4, value)


def _int2(value: int | None) -> bytes:
    return NULL if value is None else _I2(2, value)


def _float8(value: float | None) -> bytes:
    return NULL if value is None else _F8(8, value)


def _bytes(value: bytes | None) -> bytes:
    return NULL if value is None else _LENGTH(len(value)) + value


def _text(value: str | None) -> bytes:
    return NULL if value is None else _bytes(value.encode("utf-8", "replace"))


def _int8s(values: Sequence[int]) -> bytes:
    return _bytes(int8_array(values).data if values else array_of([], INT8))


def stream(rows: Iterable[bytes]) -> bytes:
    """A whole COPY stream of packed rows."""
    return b"".join((COPY_HEADER, *rows, COPY_TRAILER))


def resource_row(write: Prepared, *, version: int, changed_at: int, prid: int | None, org: int | None) -> bytes:
    """The current row of a write; a deletion keeps only what names it and whose it was."""
    found = write.values
    head = (_RESOURCE, _I8(8, write.record), _I8(8, changed_at), _int8(prid))
    if found is None:
        columns = (NULL,) * 8
        tokens, deleted = NULL, TRUE
    else:
        columns = (
            _int8(found.date_low),
            _int8(found.date_high),
            _int8(found.code),
            _int8(found.category),
            _int8(found.status),
            _float8(found.number),
            _int8(found.unit),
            _int8(found.encounter),
        )
        tokens, deleted = _int8s(found.tokens) if found.tokens else NULL, FALSE
    return b"".join(
        (
            *head,
            *columns,
            _I4(4, version),
            _int4(org),
            _I2(2, write.type_number),
            _I2(2, write.sensitivity),
            _I2(2, write.generation),
            deleted,
            _bytes(write.packed_id),
            NULL,
            tokens,
            _bytes(write.body),
        )
    )


def identifier_rows(write: Prepared) -> Iterable[bytes]:
    """The identifier rows of a write."""
    tail = _I8(8, write.record) + _I2(2, write.type_number)
    for hashed, parameter in dict.fromkeys(write.values.identifiers) if write.values else ():
        yield _IDENTIFIER + _bytes(hashed) + tail + _I2(2, parameter)


def reference_rows(write: Prepared) -> Iterable[bytes]:
    """The reference rows of a write."""
    for target, parameter in dict.fromkeys(write.values.references) if write.values else ():
        yield _REFERENCE + _I8(8, target) + _I8(8, write.record) + _I2(2, parameter) + _I2(2, write.type_number)


def string_rows(write: Prepared) -> Iterable[bytes]:
    """The string rows of a write."""
    for parameter, form, text, code in dict.fromkeys(write.values.strings) if write.values else ():
        yield b"".join(
            (
                _STRING,
                _I8(8, write.record),
                _int8(code),
                _I2(2, write.type_number),
                _I2(2, parameter),
                _I2(2, form),
                _text(text),
            )
        )


def date_rows(write: Prepared) -> Iterable[bytes]:
    """The date rows of a write."""
    for parameter, low, high, code in dict.fromkeys(write.values.dates) if write.values else ():
        yield b"".join(
            (
                _DATE,
                _I8(8, write.record),
                _I8(8, low),
                _I8(8, high),
                _int8(code),
                _I2(2, write.type_number),
                _I2(2, parameter),
            )
        )


def quantity_rows(write: Prepared) -> Iterable[bytes]:
    """The quantity rows of a write."""
    for parameter, number, unit, code in dict.fromkeys(write.values.quantities) if write.values else ():
        yield b"".join(
            (
                _QUANTITY,
                _I8(8, write.record),
                _int8(code),
                _int8(unit),
                _F8(8, number),
                _I2(2, write.type_number),
                _I2(2, parameter),
            )
        )


def also_about_rows(write: Prepared) -> Iterable[bytes]:
    """The further subjects of a write."""
    for prid in write.values.also_about if write.values else ():
        yield _ALSO_ABOUT + _I8(8, write.record) + _I8(8, prid) + _I2(2, write.type_number)


def audit_row(event: AuditEvent, writer: bytes) -> bytes:
    """One audit event."""
    return b"".join(
        (
            _AUDIT,
            _I8(8, event.at),
            _bytes(writer),
            _text(event.caller),
            _text(event.role),
            _text(event.purpose),
            _text(event.interaction),
            _text(event.rule),
            _text(event.outcome),
            _int2(event.type_number),
            _int8s(event.records),
            _int8s(event.patients),
            _text(event.query),
            _text(event.request),
        )
    )
