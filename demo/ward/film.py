"""A test picture of one bed: its code, the second, and a square that moves; H.264 that every browser shows.

Nothing in it was ever in front of a lens.  It is kept in memory alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import cos, sin, tau

from av import VideoFrame
from av.video.codeccontext import VideoCodecContext

WIDTH, HEIGHT = 1_280, 720
PICTURES_PER_SECOND = 15
LOOP_SECONDS = 10
BITS_PER_SECOND = 600_000
DARK, PALE, WHITE = 40, 150, 235
SQUARE = 90
HAND = 150
CLOCK = 16
"""The side of the clock's dots."""

PARAMETER_SETS = {7, 8}

_SHAPES = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757", "7": "71111",
    "8": "75757", "9": "75717", "-": "00700", ".": "00002", "N": "57755", "I": "72227", "C": "74447", "U": "55557",
}  # fmt: skip
"""Three columns and five rows for each sign; a row is a number of three bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Pictures that begin anew after `LOOP_SECONDS`; each is the NAL units of one moment (ISO/IEC 14496-10)."""

    parameters: Sequence[bytes]
    pictures: Sequence[Sequence[bytes]]


def make_film(code: str, hue: int) -> Film:
    """The film of a bed; `hue` from 0 to 11 gives it a colour of its own."""
    encoder = _encoder()
    ground = _ground(code)
    colour = _colour(hue)
    packets = [
        packet
        for number in range(LOOP_SECONDS * PICTURES_PER_SECOND)
        for packet in encoder.encode(_picture(ground, colour, number))
    ]
    packets += encoder.encode(None)
    pictures = [_units(bytes(packet)) for packet in packets]
    parameters = [unit for unit in pictures[0] if unit[0] & 0x1F in PARAMETER_SETS]
    return Film(parameters=parameters, pictures=pictures)


def _encoder() -> VideoCodecContext:
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate = Fraction(PICTURES_PER_SECOND)
    encoder.time_base = Fraction(1, PICTURES_PER_SECOND)
    encoder.bit_rate = BITS_PER_SECOND
    encoder.thread_count = 1
    encoder.profile = "Constrained Baseline"
    group = f"keyint={PICTURES_PER_SECOND}:min-keyint={PICTURES_PER_SECOND}:scenecut=0:bframes=0"
    encoder.options = {"preset": "ultrafast", "profile": "baseline", "x264-params": f"{group}:ref=1:sliced-threads=0"}
    return encoder


def _ground(code: str) -> bytearray:
    """What stands still: the code in large signs."""
    luma = bytearray([DARK]) * (WIDTH * HEIGHT)
    size = min(40, (WIDTH - 80) // (4 * len(code)))
    _write(luma, code, 40, 60, size, WHITE)
    return luma


def _picture(ground: bytearray, colour: tuple[bytes, bytes], number: int) -> VideoFrame:
    luma = bytearray(ground)
    loop = LOOP_SECONDS * PICTURES_PER_SECOND
    _fill(luma, (number * 8) % (WIDTH - SQUARE), 480, SQUARE, SQUARE, PALE)
    _write(luma, f"{number / PICTURES_PER_SECOND:04.1f}", 40, 600, 16, WHITE)
    _hand(luma, number / loop)
    for bit in range(9):
        shade = WHITE if number >> bit & 1 else DARK
        _fill(luma, 500 + 40 * bit, 640, 32, 32, shade)
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    frame.planes[0].update(bytes(luma))
    frame.planes[1].update(colour[0])
    frame.planes[2].update(colour[1])
    frame.pts = number
    return frame


def _hand(luma: bytearray, turned: float) -> None:
    """A second hand, drawn as dots from the middle of its clock; `turned` from 0 to 1."""
    across, down = _direction(turned)
    for step in range(0, HAND, CLOCK // 2):
        _fill(luma, int(1_080 + across * step), int(480 - down * step), CLOCK, CLOCK, WHITE)


def _direction(turned: float) -> tuple[float, float]:
    return sin(tau * turned), cos(tau * turned)


def _write(luma: bytearray, text: str, left: int, top: int, size: int, shade: int) -> None:
    for place, sign in enumerate(text):
        for row, bits in enumerate(_SHAPES[sign]):
            for column in range(3):
                if int(bits) >> (2 - column) & 1:
                    _fill(luma, left + (4 * place + column) * size, top + row * size, size, size, shade)


def _fill(luma: bytearray, left: int, top: int, width: int, height: int, shade: int) -> None:
    line = bytes([shade]) * width
    for row in range(top, top + height):
        at = row * WIDTH + left
        luma[at : at + width] = line


def _colour(hue: int) -> tuple[bytes, bytes]:
    across, down = _direction(hue / 12)
    quarter = WIDTH * HEIGHT // 4
    return bytes([int(128 + 50 * across)]) * quarter, bytes([int(128 + 50 * down)]) * quarter


def _units(stream: bytes) -> Sequence[bytes]:
    """The NAL units of a byte stream (ISO/IEC 14496-10, annex B)."""
    parts = stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]
