"""What a camera may send, and what it is refused for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.source import Source, read_source
from tianfu.services.realtime.protocol.camera_profile import Seen, refuse_unfit

GOOD = Seen(
    codec="h264",
    profile="Constrained Baseline",
    pictures_held=0,
    colour="yuv420p",
    width=1_280,
    height=720,
    bits_per_second=1_500_000,
    group_seconds=2.0,
    sound="",
)


def test_constrained_baseline_in_order_is_taken() -> None:
    refuse_unfit(GOOD)
    refuse_unfit(replace(GOOD, group_seconds=None, bits_per_second=None, colour="yuvj420p", profile="Baseline"))


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (replace(GOOD, codec="hevc", profile="Main"), "camera-codec"),
        (replace(GOOD, codec="mjpeg"), "camera-codec"),
        (replace(GOOD, pictures_held=2, profile="Main"), "camera-out-of-order"),
        (replace(GOOD, profile="Main"), "camera-profile"),
        (replace(GOOD, profile="High"), "camera-profile"),
        (replace(GOOD, profile="High 4:4:4 Predictive", colour="yuv444p"), "camera-profile"),
        (replace(GOOD, colour="gray"), "camera-profile"),
        (replace(GOOD, width=2_560, height=1_440), "camera-size"),
        (replace(GOOD, bits_per_second=8_000_000), "camera-rate"),
        (replace(GOOD, group_seconds=4.0), "camera-whole-pictures"),
    ],
)
def test_what_a_browser_would_not_show_in_time_is_refused(seen: Seen, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        refuse_unfit(seen)
    assert (refused.value.code, refused.value.next_step) == (code, "change-the-camera")


@pytest.mark.parametrize(
    "address",
    ["", "http://camera/", "rtsp://", "rtsp://me:secret@camera/", "rtsp://camera/'\nfile x", "file:///etc/passwd",
     "rtsp://camera:99999/", "rtsp://camera/\\"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_source(address, "me", "secret")
    assert refused.value.code == "camera-address-malformed"


def test_a_login_cannot_end_the_line_it_stands_in() -> None:
    playlist = read_source("rtsp://camera:554/main", "o'n\n", "file 'x'\n@:/").playlist(hears=False).decode()
    assert "file 'rtsp://o%27n%0A:file%20%27x%27%0A%40%3A%2F@camera:554/main'" in playlist.splitlines()


def test_a_source_shows_itself_nowhere_and_comes_back_as_it_was_sealed() -> None:
    source = read_source("rtsp://camera/main", "me", "secret")
    assert "secret" not in repr(source)
    assert "camera" not in repr(source)
    assert Source.of(source.sealable()) == source


@pytest.mark.parametrize(
    "address",
    ["rtsp://CAM-7.ward/main", "rtsp://cam-7.ward:554/main", "rtsp://cam-7.ward./main/", "rtsps://cam-7.ward/main",
     "rtsps://cam-7.ward:322/main", "rtsp://cam-7.ward//x/../%6dain", "rtsp://cam-7.ward/main?", "rtsp://cam-7.ward/main#2"],
)  # fmt: skip
def test_one_place_is_told_however_it_is_written(address: str) -> None:
    assert read_source(address, "me", "secret").place() == read_source("rtsp://cam-7.ward/main", "", "").place()


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("rtsp://10.0.0.7/a", "rtsp://0xa.7/a"),
        ("rtsp://10.0.0.7/a", "rtsp://167772167/a"),
        ("rtsp://10.0.0.7/a", "rtsp://[::ffff:10.0.0.7]/a"),
        ("rtsp://[fd00::7]/a", "rtsp://[FD00:0:0::0007]:554/a"),
        ("rtsp://nvr/s?channel=1&subtype=0", "rtsp://nvr/s?subtype=0&channel=%31"),
    ],
)
def test_one_number_and_one_question_are_told_however_they_are_written(address: str, same: str) -> None:
    assert read_source(address, "", "").place() == read_source(same, "", "").place()


@pytest.mark.parametrize(
    "address",
    ["rtsp://cam-8.ward/main", "rtsp://cam-7.ward:8554/main", "rtsp://cam-7.ward/Main", "rtsp://cam-7.ward/main/2",
     "rtsp://cam-7.ward/main?channel=2"],
)  # fmt: skip
def test_another_place_is_another(address: str) -> None:
    assert read_source(address, "", "").place() != read_source("rtsp://cam-7.ward/main", "", "").place()
