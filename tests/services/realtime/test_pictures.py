"""Where a picture begins that can be decoded by itself; what is kept of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.realtime.made import packet, picture
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.pictures import (
    GROUP_BYTES_MAX,
    GROUP_PACKETS_MAX,
    Packet,
    PictureGroup,
    VideoCodec,
    begins_picture,
)


def came(data: bytes) -> Packet:
    return Packet(data, head_of(data))


def one(payload: bytes) -> Packet:
    return came(packet(payload, sequence=1, timestamp=1))


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x65\x88", True),  # a picture by itself
        (b"\x67\x42", True),  # its parameter set
        (b"\x68\xce", False),  # the second parameter set comes behind the first
        (b"\x41\x9a", False),  # needs the picture before
        (b"\x06\x05", False),  # further information
        (b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", True),  # several units, a parameter set first
        (b"\x78\x00\x02\x09\xf0\x00\x02\x65\x88", True),  # several units, the picture behind a delimiter
        (b"\x78\x00\x02\x41\x9a", False),
        (b"\x78\x00", False),
        (b"\x7c\x85\x88", True),  # first fragment of a picture by itself
        (b"\x7c\x05\x88", False),  # a later one
        (b"\x7c\x81\x9a", False),  # first fragment of another picture
        (b"\x7c", False),
        (b"", False),
    ],
)
def test_where_an_h264_picture_begins(payload: bytes, begins: bool) -> None:
    assert begins_picture("H264", one(payload)) is begins


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x10\x50\x00", True),  # first partition, whole picture
        (b"\x10\x51\x00", False),  # needs the picture before
        (b"\x00\x50\x00", False),  # not the beginning of a partition
        (b"\x11\x50\x00", False),  # the second partition
        (b"\x90\x80\x05\x50", True),  # with a short picture number
        (b"\x90\x80\x85\x01\x50", True),  # with a long one
        (b"\x90\x80\x85\x01\x51", False),
        (b"\x90\xe0\x05\x01\x02\x50", True),  # with picture, level and layer numbers
        (b"\x90\xe0\x05\x01\x02", False),
        (b"\x90", False),
        (b"\x10", False),
        (b"", False),
    ],
)
def test_where_a_vp8_picture_begins(payload: bytes, begins: bool) -> None:
    assert begins_picture("VP8", one(payload)) is begins


@given(st.sampled_from(["H264", "VP8"]), st.binary(max_size=30))
@settings(deadline=None)
def test_any_bytes_begin_a_picture_or_do_not(codec: VideoCodec, payload: bytes) -> None:
    assert begins_picture(codec, one(payload)) in {True, False}


def test_the_group_is_all_since_the_last_whole_picture() -> None:
    group = PictureGroup("H264")
    for data in [*picture(b"a", 0, whole=False), *picture(b"a", 1, whole=True), *picture(b"a", 2, whole=False)]:
        group.add(came(data))
    assert [each.head.sequence for each in group.packets] == [3, 4, 5, 6, 7, 8]
    for data in picture(b"a", 3, whole=True):
        group.add(came(data))
    assert [each.head.sequence for each in group.packets] == [9, 10, 11]


def test_what_is_forgotten_begins_with_the_next_whole_picture() -> None:
    group = PictureGroup("H264")
    for data in picture(b"a", 0, whole=True):
        group.add(came(data))
    group.forget()
    assert not group.packets
    for data in picture(b"a", 1, whole=False):
        group.add(came(data))
    assert not group.packets


def test_a_group_that_grows_too_large_is_not_kept() -> None:
    many, heavy = PictureGroup("H264"), PictureGroup("H264")
    for data in picture(b"a", 0, whole=True):
        many.add(came(data))
        heavy.add(came(data))
    for number in range(GROUP_PACKETS_MAX):
        many.add(came(packet(b"\x41", sequence=number, timestamp=9)))
    for number in range(GROUP_BYTES_MAX // 60_000 + 1):
        heavy.add(came(packet(b"\x41" + bytes(60_000), sequence=number, timestamp=9)))
    assert not many.packets
    assert not heavy.packets
