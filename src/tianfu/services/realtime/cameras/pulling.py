"""One camera's pictures from its address to the media server, copied as they are, for as long as both stand.

Its sound is decoded and encoded anew: cameras have many codecs for it, and browsers are sent one (RFC 7587).
"""

from __future__ import annotations

import asyncio

from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.probing import look_at
from tianfu.services.realtime.cameras.programs import SOUND_DECODERS, Child
from tianfu.services.realtime.cameras.road import Judge, names_us
from tianfu.services.realtime.cameras.source import Source
from tianfu.services.realtime.port import Intake
from tianfu.services.realtime.protocol.camera_profile import Seen, refuse_unfit

PACKET_BYTES_MAX = 1_200
"""Larger units of a picture are cut into fragments by ffmpeg (RFC 6184, section 5.8)."""

_WITHOUT_ASIDES = "filter_units=remove_types=6|9,dump_extra=freq=keyframe"
"""Left out: what cameras write beside the picture, and marks between pictures, so that a whole picture begins with its
parameter sets; those are repeated at each, because a viewer who joins has not heard them."""

_PICTURE = ("-map", "0:v:0", "-c:v", "copy", "-bsf:v", _WITHOUT_ASIDES)
_SOUND = (
    *("-map", "0:a:0", "-c:a", "libopus", "-application", "lowdelay", "-frame_duration", "20"),
    *("-ac", "1", "-b:a", "32k"),
)
"""As many samples a second as the camera has, where Opus knows that number: making more of them cost most."""


async def refuse_unfit_source(source: Source, *, is_thorough: bool, keeps_out: Judge = names_us) -> Seen:
    """Look at a camera and refuse it if its pictures cannot go on as they come; what was seen.

    Raises what `look_at` and `refuse_unfit` raise.
    """
    seen = await look_at(source, is_thorough=is_thorough, keeps_out=keeps_out)
    refuse_unfit(seen)
    return seen


async def pull(camera: str, source: Source, intake: Intake, *, sound: str, now: Instant) -> Refusal:
    """Pull until the camera, ffmpeg or the media server ends it; why it ended.

    `sound` is its codec as `look_at` has seen it; if that is empty, the picture alone is fetched.  Raises Refusal
    `media-unavailable`, or as `Child.started` does, if it cannot begin.
    """
    connection = await intake.ingest(camera)
    try:
        number = connection.fileno()
        arguments = _with_sound(number, sound, now) if sound else _arguments(number)
        async with Child.started("ffmpeg", arguments, source, hears=bool(sound), keeps=[number]) as child:
            connection.close()  # the child's copy is the only one: when it ends, the media server notices at once
            drained = asyncio.create_task(child.output())
            try:
                await child.ended()
            finally:
                drained.cancel()
            return child.failure()
    finally:
        connection.close()


def _arguments(connection: int) -> tuple[str, ...]:
    return (
        "-nostdin",
        "-hide_banner",
        *Child.reading(["h264"]),
        *_PICTURE,
        *("-f", "rtp", "-packetsize", str(PACKET_BYTES_MAX), "-payload_type", "96"),
        *("-sdp_file", "/dev/null", f"pipe:{connection}"),
    )


def _with_sound(connection: int, sound: str, now: Instant) -> tuple[str, ...]:
    """The same with the sound as a second stream.

    Each goes through a muxer of its own that waits for nothing: of two plain `rtp` outputs ffmpeg begins none before it
    could begin both, so that a sound that never comes would hold the picture back.
    """
    return (
        *("-nostdin", "-hide_banner"),
        *Child.reading(["h264", SOUND_DECODERS[sound]]),
        *(*_PICTURE, *_as_packets("96", now), f"pipe:{connection}"),
        *(*_SOUND, *_as_packets("97", now), "-drop_pkts_on_overflow", "1", f"pipe:{connection}"),
    )


def _as_packets(payload_type: str, now: Instant) -> tuple[str, ...]:
    """One moment for both streams, to which their reports refer, so that lips move with the words."""
    options = f"packetsize={PACKET_BYTES_MAX}:payload_type={payload_type}:start_time_realtime={now}"
    return ("-f", "fifo", "-fifo_format", "rtp", "-format_opts", options)
