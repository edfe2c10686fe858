"""The bytes of an event that the chain covers, and its hash.

The form is that of a row of PostgreSQL's binary COPY (https://www.postgresql.org/docs/18/sql-copy.html), so that who
checks can hash what the server sends without taking it apart: docs/reference/audit-trail.md .
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from cryptography.hazmat.primitives.hashes import SM3, Hash

from tianfu.db.wire import int8_array
from tianfu.records.audit_event import AuditEvent, Deed

HASH_BYTES = 32

_HEAD = Struct("!i16sihiqiq")
_LENGTH = Struct("!i")
_TYPE = Struct("!ih")
_ONE = Struct("!iiiIiiiq")
_ONE_EACH = Struct("!iiiIiiiqiiiIiiiqii")
_NULL = b"\xff\xff\xff\xff"
_INT8 = 20
_NONE = _LENGTH.pack(12) + int8_array(()).data


_FRESH = Hash(SM3())
"""Copied for each digest: to look the algorithm up takes longer than to copy it."""


def sm3(data: bytes) -> bytes:
    """The digest of GB/T 32905-2016."""
    digest = _FRESH.copy()
    digest.update(data)
    return digest.finalize()


def links(previous: bytes, writer: bytes, lane: int, first: int, events: Sequence[AuditEvent]) -> list[bytes]:
    """The hashes of events that follow one another in a chain, the first at number `first`."""
    said: dict[int, bytes] = {}  # by the deeds' identities: to compare ten texts takes as long as to hash an event
    hashes = []
    for number, event in enumerate(events, first):
        deed = event.deed
        told = said.get(id(deed))
        if told is None:
            told = said[id(deed)] = _told(deed)
        previous = _link(previous, writer, lane, number, event, told)
        hashes.append(previous)
    return hashes


def link(previous: bytes, writer: bytes, lane: int, number: int, event: AuditEvent) -> bytes:
    """The hash of an event at its place in a chain."""
    return _link(previous, writer, lane, number, event, _told(event.deed))


def _link(previous: bytes, writer: bytes, lane: int, number: int, event: AuditEvent, told: bytes) -> bytes:
    at, _, records, patients, query, request = event
    head = _HEAD.pack(16, writer, 2, lane, 8, number, 8, at)
    asked = request.encode()
    if len(records) == 1 and len(patients) == 1 and query is None:  # nearly all: laid out at one go
        (record,), (patient,) = records, patients
        about = _ONE_EACH.pack(32, 1, 0, _INT8, 1, 1, 8, record, 32, 1, 0, _INT8, 1, 1, 8, patient, -1, len(asked))
        return sm3(b"".join((previous, head, told, about, asked)))
    said = _NULL if query is None else _text(query)
    length = _LENGTH.pack(len(asked))
    return sm3(b"".join((previous, head, told, _numbers(records), _numbers(patients), said, length, asked)))


def _text(value: str) -> bytes:
    data = value.encode()
    return _LENGTH.pack(len(data)) + data


@lru_cache(maxsize=4_096)
def _told(deed: Deed) -> bytes:
    """The columns in the middle of an event's row; they come again and again."""
    texts = (
        deed.caller,
        deed.practitioner,
        deed.organisation,
        deed.session,
        deed.role,
        deed.purpose,
        deed.interaction,
        deed.rule,
        deed.outcome,
    )
    kind = _NULL if deed.type_number is None else _TYPE.pack(2, deed.type_number)
    return b"".join(map(_text, texts)) + kind


def _numbers(values: Sequence[int]) -> bytes:
    if not values:
        return _NONE
    if len(values) == 1:
        return _ONE.pack(32, 1, 0, _INT8, 1, 1, 8, values[0])
    data = int8_array(values).data
    return _LENGTH.pack(len(data)) + data
