"""Identities: logical ids made by the server, and the record number computed from type and id."""

from __future__ import annotations

import os
import re
import time
from hashlib import blake2b
from typing import NewType

RecordNumber = NewType("RecordNumber", int)
"""A signed 64-bit number computed from `Type/id`; why it is computed: docs/decisions/0003-record-numbers.md."""

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
"""https://hl7.org/fhir/R4/datatypes.html#id"""

_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


def new_uuid7() -> str:
    """A fresh time-ordered UUID (RFC 9562, version 7)."""
    milliseconds = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    number = (milliseconds << 80) | (7 << 76) | ((tail >> 68) << 64) | (2 << 62) | (tail & (1 << 62) - 1)
    return uuid_text(number.to_bytes(16, "big"))


def uuid_text(sixteen: bytes) -> str:
    """Write sixteen bytes as a lower-case UUID."""
    digits = sixteen.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_uuid(text: str) -> bool:
    """Whether a text is a lower-case UUID, as ours are written."""
    return _CANONICAL_UUID.match(text) is not None


def record_number(resource_type: str, logical_id: str) -> RecordNumber:
    """The record number of `resource_type/logical_id`; the same on every machine, for ever."""
    digest = blake2b(f"{resource_type}/{logical_id}".encode(), digest_size=8).digest()
    return RecordNumber(int.from_bytes(digest, "big", signed=True))


def packed_id(logical_id: str) -> bytes:
    """A logical id as stored: 0x00 and sixteen bytes for a canonical UUID, else its ASCII bytes."""
    if is_uuid(logical_id):
        return b"\0" + bytes.fromhex(logical_id.replace("-", ""))
    return logical_id.encode("ascii")


def unpacked_id(packed: bytes) -> str:
    """The logical id that `packed_id` packed."""
    return uuid_text(packed[1:]) if packed[:1] == b"\0" else packed.decode("ascii")


def derived_id(source: str, resource_type: str, source_id: str) -> str:
    """The logical id of a record that another system calls `source_id`: a UUID (RFC 9562, version 8) made of its name.

    The same record read twice, or mentioned before it is read, gets the same id without a look-up.
    """
    digest = blake2b(f"{source}\n{resource_type}\n{source_id}".encode(), digest_size=16, person=b"tianfu-id").digest()
    number = int.from_bytes(digest, "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | (8 << 76) | (2 << 62)
    return uuid_text(number.to_bytes(16, "big"))
