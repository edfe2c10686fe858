"""Where a picture begins that can be decoded by itself, and the packets since the last one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tianfu.services.realtime.protocol.packets import SEQUENCES, Head

VideoCodec = Literal["H264", "VP8"]

GROUP_PACKETS_MAX = 4_096
GROUP_BYTES_MAX = 4 << 20
"""What does not fit is not kept at all: half a group shows nothing."""

_IDR, _PARAMETERS = 5, 7
_AGGREGATE, _FRAGMENT = 24, 28


class Packet(NamedTuple):
    """A packet as it came."""

    data: bytes
    head: Head


def begins_picture(codec: VideoCodec, packet: Packet) -> bool:
    """Whether a packet begins a picture that needs none before it, its parameter sets included.

    H.264: RFC 6184, sections 5.3 to 5.8; VP8: RFC 7741, section 4.
    """
    payload = packet.data[packet.head.start : packet.head.end]
    return _begins_h264(payload) if codec == "H264" else _begins_vp8(payload)


def _begins_h264(payload: bytes) -> bool:
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == _AGGREGATE:
        return any(unit & 0x1F in {_IDR, _PARAMETERS} for unit in _aggregated(payload))
    if kind == _FRAGMENT:
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 0x1F in {_IDR, _PARAMETERS}
    return kind in {_IDR, _PARAMETERS}


def _aggregated(payload: bytes) -> Sequence[int]:
    """The first byte of each unit of a single-time aggregation packet."""
    found = []
    at = 1
    while at + 2 < len(payload):
        found.append(payload[at + 2])
        at += 2 + int.from_bytes(payload[at : at + 2], "big")
    return found


def _begins_vp8(payload: bytes) -> bool:
    if not payload or not payload[0] & 0x10 or payload[0] & 0x07:
        return False  # not the first packet of a picture's first partition
    at = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return False
        extended = payload[1]
        at = 2
        if extended & 0x80:
            is_long = len(payload) > at and payload[at] & 0x80
            at += 2 if is_long else 1
        at += bool(extended & 0x40) + bool(extended & 0x30)
    return len(payload) > at and not payload[at] & 0x01


class PictureGroup:
    """The packets since the last picture that can be decoded by itself, so that who joins sees one at once.

    In memory only, and gone at once with `forget`.
    """

    def __init__(self, codec: VideoCodec) -> None:
        self._codec = codec
        self._packets: list[Packet] = []
        self._bytes = 0

    @property
    def packets(self) -> Sequence[Packet]:
        """In the order in which they came, none of before the first; empty if there is no whole group."""
        return self._packets

    def add(self, packet: Packet, *, may_begin: bool = True) -> bool:
        """Take a packet along; whether it begins a picture that can be decoded by itself.

        Unless it `may_begin` one: what comes late, or in the midst of a picture, does not.
        """
        begins = may_begin and begins_picture(self._codec, packet)
        if begins and not self._is_of_first_picture(packet):
            self._packets, self._bytes = [packet], len(packet.data)
        elif self._packets and not self._is_of_before(packet):
            self._packets.append(packet)
            self._bytes += len(packet.data)
            if len(self._packets) > GROUP_PACKETS_MAX or self._bytes > GROUP_BYTES_MAX:
                self.forget()
        return begins

    def forget(self) -> None:
        """Keep nothing."""
        self._packets, self._bytes = [], 0

    def _is_of_before(self, packet: Packet) -> bool:
        """Whether something is only sent again that came before the first: it may be of behind a curtain."""
        first = self._packets[0].head
        return (
            first.source == packet.head.source and (packet.head.sequence - first.sequence) % SEQUENCES > SEQUENCES // 2
        )

    def _is_of_first_picture(self, packet: Packet) -> bool:
        if not self._packets:
            return False
        first = self._packets[0].head
        return (first.source, first.timestamp) == (packet.head.source, packet.head.timestamp)
