"""The head of an RTP packet, and the packet as another receiver needs it (RFC 3550, section 5.1)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

HEAD_BYTES = 12
SEQUENCES = 1 << 16
TIMESTAMPS = 1 << 32

_FIXED = Struct("!BBHII")
_EXTENSION = Struct("!HH")
_VERSION = 2 << 6
_PADDED, _EXTENDED, _SOURCES, _MARKED = 0x20, 0x10, 0x0F, 0x80


class MalformedPacket(ValueError):  # noqa: N818 - says what is wrong
    """Bytes that are no RTP packet."""


class Head(NamedTuple):
    """What a packet says of itself; the payload lies between two offsets, padding left out.

    `timestamp` counts the codec's clock, `source` is its SSRC.
    """

    is_marked: bool
    payload_type: int
    sequence: int
    timestamp: int
    source: int
    start: int
    end: int


def head_of(data: bytes) -> Head:
    """The head of a packet; raises MalformedPacket."""
    if len(data) < HEAD_BYTES:
        raise MalformedPacket("shorter than an RTP head")
    first, second, sequence, timestamp, source = _FIXED.unpack_from(data)
    if first & 0xC0 != _VERSION:
        raise MalformedPacket("not RTP version 2")
    start = HEAD_BYTES + 4 * (first & _SOURCES)
    if first & _EXTENDED:
        if len(data) < start + 4:
            raise MalformedPacket("ends within its extension")
        start += 4 + 4 * _EXTENSION.unpack_from(data, start)[1]
    end = len(data)
    if first & _PADDED:
        end -= data[-1]
    if start > end or (first & _PADDED and not data[-1]):
        raise MalformedPacket("ends before its payload")
    return Head(bool(second & _MARKED), second & 0x7F, sequence, timestamp, source, start, end)


def relabelled(data: bytes, head: Head, *, payload_type: int, sequence: int, timestamp: int, source: int) -> bytes:
    """The same payload under other numbers.

    Extensions, contributing sources and padding stay behind: their numbers were agreed upon with the sender alone.
    """
    second = payload_type | _MARKED if head.is_marked else payload_type
    return _FIXED.pack(_VERSION, second, sequence, timestamp, source) + data[head.start : head.end]


def is_later(sequence: int, than: int) -> bool:
    """Whether a sequence number comes after another in a count that begins anew at 65,536 (RFC 1982)."""
    return 0 < (sequence - than) % SEQUENCES < SEQUENCES // 2
