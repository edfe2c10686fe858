"""A peer to compare with: aiortc as its manual has it, which decodes each camera and encodes for each viewer.

Speaks the requests of our own media server that the benchmark needs, on the same kind of socket.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

LINE_BYTES_MAX = 1 << 18


class Stock:
    """One camera, and whoever wants to see it: no rooms, no gate, no leases."""

    def __init__(self) -> None:
        self._relay = MediaRelay()
        self._track: MediaStreamTrack | None = None
        self._connections: list[RTCPeerConnection] = []

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it ends."""
        while line := await reader.readline():
            asked = orjson.loads(line)
            answer = await self._answer(asked["do"], asked["with"])
            writer.write(orjson.dumps({"number": asked["number"], "answer": answer}) + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, what: str, given: Mapping[str, Any]) -> object:
        if what not in {"whip", "whep"}:
            return [] if what == "stats" else 0
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connections.append(connection)
        if what == "whip":
            connection.on("track", self._came)
        elif self._track is not None:
            connection.addTrack(self._relay.subscribe(self._track))
        await connection.setRemoteDescription(RTCSessionDescription(sdp=given["offer"], type="offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    def _came(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self._track = track


async def _main(socket: Path) -> None:
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = await asyncio.start_unix_server(Stock().converse, path=socket, limit=LINE_BYTES_MAX)
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1])))
