"""One camera's pictures from its address to the media server, copied as they are, for as long as both stand."""

from __future__ import annotations

import asyncio

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.probing import look_at
from tianfu.services.realtime.cameras.programs import Child
from tianfu.services.realtime.cameras.road import Judge, names_us
from tianfu.services.realtime.cameras.source import Source
from tianfu.services.realtime.port import Intake
from tianfu.services.realtime.protocol.camera_profile import refuse_unfit

PACKET_BYTES_MAX = 1_200
"""Larger units of a picture are cut into fragments by ffmpeg (RFC 6184, section 5.8)."""

_WITHOUT_ASIDES = "filter_units=remove_types=6|9,dump_extra=freq=keyframe"
"""Left out: what cameras write beside the picture, and marks between pictures, so that a whole picture begins with its
parameter sets; those are repeated at each, because a viewer who joins has not heard them."""


async def refuse_unfit_source(source: Source, *, is_thorough: bool, keeps_out: Judge = names_us) -> None:
    """Look at a camera and refuse it if its pictures cannot go on as they come.

    Raises what `look_at` and `refuse_unfit` raise.
    """
    refuse_unfit(await look_at(source, is_thorough=is_thorough, keeps_out=keeps_out))


async def pull(camera: str, source: Source, intake: Intake) -> Refusal:
    """Pull until the camera, ffmpeg or the media server ends it; why it ended.

    Raises Refusal `media-unavailable`, or as `Child.started` does, if it cannot begin.
    """
    connection = await intake.ingest(camera)
    try:
        async with Child.started(
            "ffmpeg", _arguments(connection.fileno()), source, keeps=[connection.fileno()]
        ) as child:
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
        *Child.reading(),
        *("-map", "0:v:0", "-c", "copy", "-bsf:v", _WITHOUT_ASIDES),
        *("-f", "rtp", "-packetsize", str(PACKET_BYTES_MAX), "-payload_type", "96"),
        *("-sdp_file", "/dev/null", f"pipe:{connection}"),
    )
