"""The adapter of Janus as a process of its own: `python -m tianfu.services.realtime.janus.process SOCKET FOLDER`.

All workers of the server speak to this one, as they do to our own forwarder's, because only one may tell Janus what
to do.  FOLDER is where Janus's configuration lies.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.process import LINE_BYTES_MAX, Server
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.janus.media import JanusMedia
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

ACTS = (
    *("open_room", "renew", "whip", "whep", "whep_offer", "whep_answer", "voice", "unplug"),
    *("gate", "talk", "silence", "hear_ward", "kick", "close", "stats", "events"),
)


class JanusServer(Server):
    """Answers requests with what the adapter says; what it is given has the names of `MediaPort`."""

    def __init__(self, media: JanusMedia) -> None:
        super().__init__(Forwarder(time.monotonic))  # which never begins: each act is the adapter's
        self._acts = {name: partial(_do, getattr(media, name)) for name in ACTS}


async def _do(act: Callable[..., Awaitable[object]], given: Mapping[str, Any]) -> object:
    values = dict(given)
    if "part" in values:
        values["part"] = Part(values["part"])
    if "gate" in values:
        values["gate"] = Gate(values["gate"])
    answer = await act(**values)
    return [asdict(each) for each in answer] if isinstance(answer, list | tuple) else answer


class RemoteJanus(EmbeddedMedia):
    """A `MediaPort` and `OffersFirst` that speaks to this process through its socket."""

    async def whep_offer(self, visit: str, participant: str, part: Part, *, may_speak: bool) -> str:
        """As `OffersFirst` has it."""
        given = {"visit": visit, "participant": participant, "part": part.value, "may_speak": may_speak}
        return str(await self._ask("whep_offer", **given))

    async def whep_answer(self, visit: str, participant: str, answer: str) -> None:
        """As `OffersFirst` has it."""
        await self._ask("whep_answer", visit=visit, participant=participant, answer=answer)

    async def voice(self, visit: str, participant: str, offer: str) -> str:
        """As `OffersFirst` has it."""
        return str(await self._ask("voice", visit=visit, participant=participant, offer=offer))

    async def unplug(self, camera: str) -> None:
        """Let a camera go at once; safe to repeat."""
        await self._ask("unplug", camera=camera)


async def serve(socket: Path, folder: Path, stop: asyncio.Event) -> None:
    """Serve on a socket until told to stop; its folder is nobody else's."""
    await asyncio.to_thread(_make_room, socket)
    media = JanusMedia(folder)
    server = JanusServer(media)
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


async def _main(socket: Path, folder: Path) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await serve(socket, folder, stop)


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1]), Path(sys.argv[2])))
