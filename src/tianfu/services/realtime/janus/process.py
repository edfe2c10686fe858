"""The adapter of Janus as a process of its own: `python -m tianfu.services.realtime.janus.process SOCKET FOLDER`.

All workers of the server speak to this one, as they do to our own forwarder's, because only one may tell Janus what
to do.  FOLDER is where Janus's configuration lies.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.process import LINE_BYTES_MAX, Act, Server, trickle_of
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.janus.media import JanusMedia
from tianfu.services.realtime.protocol.cot import HeardBy
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

ACTS = (
    *("open_room", "renew", "whip", "whep", "whep_offer", "whep_answer", "voice", "whip_trickle", "whep_trickle"),
    *(
        "unplug",
        "gate",
        "talk",
        "heard_by",
        "silence",
        "hear_ward",
        "allow_stills",
        "kick",
        "close",
        "life",
        "stats",
        "events",
    ),
)
PULLING = ("ticket", "cameras")
"""What is asked for cameras that are pulled: VideoRoom takes them by WebRTC alone."""


def acts_of(media: JanusMedia) -> Mapping[str, Act]:
    """What is asked of the adapter."""
    return {
        **{name: partial(_do, getattr(media, name)) for name in ACTS},
        **dict.fromkeys(PULLING, _refuse_pulling),
    }


async def _refuse_pulling(given: Mapping[str, Any]) -> object:
    await asyncio.sleep(0)
    raise Refusal("pulling-not-taken", next_step="change-the-media-server")


async def _do(act: Callable[..., Awaitable[object]], given: Mapping[str, Any]) -> object:
    values = dict(given)
    if "part" in values:
        values["part"] = Part(values["part"])
    if "gate" in values:
        values["gate"] = Gate(values["gate"])
    if "news" in values:
        values["news"] = trickle_of(values["news"])
    answer = await act(**values)
    if isinstance(answer, HeardBy):
        return asdict(answer)
    return [asdict(each) for each in answer] if isinstance(answer, list | tuple) else answer


class RemoteJanus(EmbeddedMedia):
    """A `MediaPort` and `OffersFirst` that speaks to this process through its socket."""

    async def voice(self, visit: str, participant: str, offer: str) -> str:
        """As `OffersFirst` has it."""
        return str(await self._ask("voice", visit=visit, participant=participant, offer=offer))


async def serve(socket: Path, folder: Path, stop: asyncio.Event) -> None:
    """Serve on a socket until told to stop; its folder is nobody else's."""
    await asyncio.to_thread(_make_room, socket)
    media = JanusMedia(folder)
    server = Server(acts_of(media))
    listening = await asyncio.start_unix_server(server.converse, path=socket, limit=LINE_BYTES_MAX)
    try:
        await stop.wait()
    finally:
        listening.close()
        await server.hang_up()
        media.hang_up()


def _make_room(socket: Path) -> None:
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket.parent.chmod(0o700)
    socket.unlink(missing_ok=True)


async def run(socket: Path, folder: Path) -> None:
    """Serve until told to stop by a signal; `folder` is where the configuration of Janus lies."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await serve(socket, folder, stop)


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
