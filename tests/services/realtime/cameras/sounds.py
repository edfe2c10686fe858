"""What a microphone hears of a ward: a tone, as cameras of all kinds send it, and how to find it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from math import sin, tau
from random import Random
from struct import iter_unpack, pack

from av import AudioFrame, AudioResampler, Packet
from av.audio.codeccontext import AudioCodecContext
from demo.ward.lens import Sound

TONE_HERTZ = 1_000
LOOP_SECONDS = 4


@cache
def tone(codec: str) -> Sound:
    """A camera's tone in `aac`, `alaw`, `mulaw`, `g726` or `opus`; it begins anew without a jump."""
    return {"aac": _aac, "alaw": _alaw, "mulaw": _mulaw, "g726": _g726, "opus": _opus}[codec]()


def ending(sound: Sound, *, packets: int) -> Sound:
    """The same, silent after so many packets."""
    return replace(sound, payload=lambda number: sound.payload(number) if number < packets else None)


def _aac() -> Sound:
    """RFC 3640, mode AAC-hbr."""
    units, config = _encoded("aac", 16_000)
    sizes = "sizelength=13;indexlength=3;indexdeltalength=3"
    return Sound(
        told=(
            "rtpmap:97 MPEG4-GENERIC/16000/1",
            f"fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;{sizes};config={config.hex()}",
        ),
        payload_type=97,
        ticks_per_second=16_000,
        ticks_each=1_024,
        payload=_again([pack("!HH", 16, len(unit) << 3) + unit for unit in units]),
    )


def _alaw() -> Sound:
    return _plain("pcm_alaw", 8, ("rtpmap:8 PCMA/8000",))


def _mulaw() -> Sound:
    return _plain("pcm_mulaw", 0, ())


def _g726() -> Sound:
    return _plain("g726le", 99, ("rtpmap:99 G726-32/8000",))


def _plain(codec: str, payload_type: int, told: Sequence[str]) -> Sound:
    units, _ = _encoded(codec, 8_000, samples=160)
    sound, size = b"".join(units), 80 if codec == "g726le" else 160
    units = [sound[at : at + size] for at in range(0, len(sound), size)]
    return Sound(told=told, payload_type=payload_type, ticks_per_second=8_000, ticks_each=160, payload=_again(units))


def _opus() -> Sound:
    units, _ = _encoded("libopus", 48_000)
    return Sound(
        told=("rtpmap:98 opus/48000/2",),
        payload_type=98,
        ticks_per_second=48_000,
        ticks_each=960,
        payload=_again(units),
    )


def _again(units: Sequence[bytes]) -> Callable[[int], bytes]:
    return lambda number: units[number % len(units)]


def _encoded(codec: str, rate: int, *, samples: int = 0) -> tuple[Sequence[bytes], bytes]:
    encoder = AudioCodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout = rate, "mono"
    encoder.format = encoder.codec.audio_formats[0].name
    encoder.bit_rate = 32_000
    encoder.open()
    frames = AudioResampler(encoder.format, "mono", rate, frame_size=samples or encoder.frame_size).resample(
        _wave(rate)
    )
    units = [bytes(packet) for frame in frames for packet in encoder.encode(frame)]
    return units, bytes(encoder.extradata or b"")


def _wave(rate: int) -> AudioFrame:
    count = LOOP_SECONDS * rate
    frame = AudioFrame("s16", "mono", count)
    frame.sample_rate, frame.pts = rate, 0
    frame.planes[0].update(wave_of_tone(rate))
    return frame


def wave_of_tone(rate: int) -> bytes:
    """The tone itself, in samples of two bytes."""
    count = LOOP_SECONDS * rate
    return b"".join(pack("<h", int(8_000 * sin(tau * TONE_HERTZ * at / rate))) for at in range(count))


def damaged(sound: Sound) -> Sound:
    """The same with every packet but the first ones broken in some way."""
    drawn = Random(7)

    def payload(number: int) -> bytes | None:
        whole = sound.payload(number)
        if whole is None or number < 20:
            return whole
        return drawn.choice(
            [whole[: drawn.randrange(len(whole))], drawn.randbytes(len(whole)), whole[:4] + b"\xff" * 40]
        )

    return replace(sound, payload=payload)


def unknown() -> Sound:
    """A sound that is left where it is: nobody decodes it."""
    return replace(tone("alaw"), told=("rtpmap:98 L16/8000/1",), payload_type=98)


def hertz_of(packets: Sequence[bytes]) -> float:
    """How high the tone is that packets of Opus sound like, by how often it passes through nothing."""
    decoder = AudioCodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    frames = [frame for data in packets for frame in decoder.decode(Packet(data))]
    told = AudioResampler("s16", "mono", 48_000)
    made = [each for frame in frames for each in told.resample(frame)]
    samples = [each for frame in made for (each,) in iter_unpack("<h", bytes(frame.planes[0])[: 2 * frame.samples])]
    samples = samples[len(samples) // 4 :]
    assert max(samples) > 2_000, "it is silent"
    rises = sum(one < 0 <= other for one, other in pairwise(samples))
    return rises * 48_000 / len(samples)
