"""The head of an RTP packet, read and written anew."""

from __future__ import annotations

from struct import pack

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from tianfu.services.realtime.protocol.packets import Head, MalformedPacket, head_of, is_later, relabelled

SIXTEEN = st.integers(0, 2**16 - 1)
THIRTY_TWO = st.integers(0, 2**32 - 1)


@given(SIXTEEN, THIRTY_TWO, THIRTY_TWO, st.booleans(), st.integers(0, 127), st.binary(max_size=40), st.integers(0, 3))
@settings(deadline=None)
def test_what_another_library_writes_is_read(
    sequence: int, timestamp: int, source: int, marked: bool, kind: int, payload: bytes, sources: int
) -> None:
    made = RtpPacket(payload_type=kind, marker=int(marked), sequence_number=sequence, timestamp=timestamp, ssrc=source)
    made.payload = payload
    made.csrc = list(range(sources))
    data = made.serialize()
    head = head_of(data)
    assert head == Head(marked, kind, sequence, timestamp, source, 12 + 4 * sources, len(data))
    assert data[head.start : head.end] == payload


@given(st.binary(max_size=40), st.integers(1, 9), st.binary(min_size=0, max_size=12).filter(lambda b: len(b) % 4 == 0))
@settings(deadline=None)
def test_extension_and_padding_are_no_payload(payload: bytes, padding: int, extension: bytes) -> None:
    fixed = pack("!BBHII", 0x80 | 0x20 | 0x10, 96, 1, 2, 3)
    data = (
        fixed + pack("!HH", 0xBEDE, len(extension) // 4) + extension + payload + bytes(padding - 1) + bytes([padding])
    )
    head = head_of(data)
    assert data[head.start : head.end] == payload


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_bytes_are_a_packet_or_are_refused(data: bytes) -> None:
    try:
        head = head_of(data)
    except MalformedPacket:
        return
    assert 12 <= head.start <= head.end <= len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        pack("!BBHII", 0x40, 96, 1, 2, 3),
        pack("!BBHII", 0x80 | 0x03, 96, 1, 2, 3),
        pack("!BBHII", 0x80 | 0x10, 96, 1, 2, 3) + b"\xbe\xde\x00",
        pack("!BBHII", 0x80 | 0x10, 96, 1, 2, 3) + b"\xbe\xde\x00\x09",
        pack("!BBHII", 0x80 | 0x20, 96, 1, 2, 3) + b"\x00",
        pack("!BBHII", 0x80 | 0x20, 96, 1, 2, 3) + b"\x09",
    ],
)
def test_what_is_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        head_of(data)


@given(SIXTEEN, THIRTY_TWO, THIRTY_TWO, st.booleans(), st.integers(0, 127), st.binary(max_size=40))
@settings(deadline=None)
def test_a_relabelled_packet_keeps_its_payload_and_mark(
    sequence: int, timestamp: int, source: int, marked: bool, kind: int, payload: bytes
) -> None:
    data = pack("!BBHII", 0x80, 5 | (128 if marked else 0), 1, 2, 3) + payload
    found = relabelled(data, head_of(data), payload_type=kind, sequence=sequence, timestamp=timestamp, source=source)
    assert head_of(found) == Head(marked, kind, sequence, timestamp, source, 12, 12 + len(payload))
    assert found[12:] == payload


@given(SIXTEEN, st.integers(1, 2**15 - 1))
@settings(deadline=None)
def test_the_count_begins_anew_at_its_end(sequence: int, ahead: int) -> None:
    later = (sequence + ahead) % 2**16
    assert is_later(later, sequence)
    assert not is_later(sequence, later)
    assert not is_later(sequence, sequence)
