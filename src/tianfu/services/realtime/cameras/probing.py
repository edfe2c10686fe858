"""Looks at what a camera sends, before it is taken: ffprobe, for a few seconds.

What it sees decides what is let at the camera's pictures and sound from then on; for its sound no camera is refused.
"""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import Any

import orjson

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.programs import SOUND_DECODERS, Child
from tianfu.services.realtime.cameras.road import Judge, names_us
from tianfu.services.realtime.cameras.source import Source
from tianfu.services.realtime.protocol.camera_profile import Seen

WATCH_SECONDS = 4.5
"""Long enough for two whole pictures that are two seconds apart."""

GLANCE_SECONDS = 0.5
"""Long enough for what a camera says of itself."""

STARTING_SECONDS = 10.0
_SHOWN = (
    "stream=index,codec_type,codec_name,profile,has_b_frames,pix_fmt,width,height"
    ":packet=stream_index,pts_time,size,flags"
)
_PICTURE_DECODERS = ("h264", "hevc", "mjpeg", "mpeg4")
"""What cameras of the last twenty years send: whoever is refused for his codec shall read which it is."""

_MAY_BE_SOUND = frozenset({"camera-codec", "camera-no-picture"})
"""What is said of a camera, too, whose sound nobody knows: then its picture is looked at alone."""

_UNLISTED = re.compile(rb"Codec \(([a-z0-9_]{1,32})\) not on whitelist")
"""What it says of a codec that it was told to leave alone."""


async def look_at(source: Source, *, is_thorough: bool, keeps_out: Judge = names_us) -> Seen:
    """What a camera sends; how much, and how far whole pictures lie apart, only if the look `is_thorough`.

    A sound that is announced and does not come is none: ffmpeg would hold the pictures back for it at the beginning.
    Raises Refusal `camera-login-refused`, `camera-no-picture`, `camera-codec`, `camera-leads-elsewhere`, or as
    `Child.started` does.
    """
    try:
        return await _look(source, keeps_out, is_thorough=is_thorough, hears=True)
    except Refusal as refusal:
        if refusal.code not in _MAY_BE_SOUND:
            raise
        return await _look(source, keeps_out, is_thorough=is_thorough, hears=False)


async def _look(source: Source, keeps_out: Judge, *, is_thorough: bool, hears: bool) -> Seen:
    seconds = WATCH_SECONDS if is_thorough else GLANCE_SECONDS
    said = await _probed(source, seconds, keeps_out, hears=hears)
    stream = _first(said, "video")
    packets = _of(stream, said)
    if not stream.get("codec_name") or not packets:
        raise Refusal("camera-no-picture", next_step="change-the-camera", retryable=True)
    sound = _first(said, "audio")
    is_heard = sound.get("codec_name") in SOUND_DECODERS and bool(_of(sound, said))
    return Seen(
        codec=stream["codec_name"],
        profile=str(stream.get("profile", "unknown")),
        pictures_held=int(stream.get("has_b_frames", 0)),
        colour=stream.get("pix_fmt", "unknown"),
        width=int(stream.get("width", 0)),
        height=int(stream.get("height", 0)),
        bits_per_second=_rate(packets) if is_thorough else None,
        group_seconds=_group(packets) if is_thorough else None,
        sound=sound["codec_name"] if is_heard else "",
    )


async def _probed(source: Source, seconds: float, keeps_out: Judge, *, hears: bool) -> dict[str, Any]:
    decoders = (*_PICTURE_DECODERS, *(SOUND_DECODERS.values() if hears else ()))
    shown = ("-show_entries", _SHOWN, "-read_intervals", f"%+{seconds}", "-of", "json")
    arguments = (*Child.reading(decoders), *shown)
    async with Child.started("ffprobe", arguments, source, hears=hears, keeps_out=keeps_out) as child:
        try:
            async with asyncio.timeout(seconds + STARTING_SECONDS):
                told = await child.output()
        except TimeoutError:
            raise Refusal("camera-away", next_step="wait", retryable=True) from None
    try:
        said = orjson.loads(told)
    except orjson.JSONDecodeError:
        said = {}
    if not said.get("streams"):
        unlisted = _UNLISTED.search(child.complaint)
        raise _unfit_codec(unlisted[1].decode()) if unlisted else child.failure()
    return dict(said)


def _unfit_codec(codec: str) -> Refusal:
    return Refusal("camera-codec", next_step="change-the-camera", details={"codec": codec})


def _first(said: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first stream of a kind; empty if there is none."""
    return next((each for each in said["streams"] if each.get("codec_type") == kind), {})


def _of(stream: dict[str, Any], said: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in said.get("packets") or [] if each.get("stream_index") == stream.get("index", -1)]


def _moments(packets: list[dict[str, Any]]) -> list[float]:
    return [float(each["pts_time"]) for each in packets if "pts_time" in each]


def _rate(packets: list[dict[str, Any]]) -> float:
    moments = _moments(packets)
    took = max(moments) - min(moments) if moments else 0.0
    return 8 * sum(int(each["size"]) for each in packets) / took if took else 0.0


def _group(packets: list[dict[str, Any]]) -> float:
    """The longest way between two whole pictures, the beginning and the end of the look among them."""
    moments = _moments(packets)
    whole = _moments([each for each in packets if each["flags"].startswith("K")])
    if not moments:
        return 0.0
    inner = [later - earlier for earlier, later in pairwise(whole)]
    return max(inner) if inner else max(moments) - min(moments)
