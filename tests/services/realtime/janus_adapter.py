"""The adapter of Janus in a process of its own, so that it can be killed or stopped: does what lines tell it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson

from tianfu.services.realtime.janus.media import JanusMedia
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate


async def main() -> None:
    """Read one JSON list a line: what to do, and with what; answer with one line."""
    port = JanusMedia(Path(sys.argv[1]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = ""
        match orjson.loads(line):
            case ["open", visit, camera]:
                await port.open_room(visit, camera, lease_seconds=30.0)
            case ["whip", camera, offer]:
                answer = await port.whip(camera, offer)
            case ["offer", visit, who]:
                answer = await port.whep_offer(visit, who, Part.FAMILY)
            case ["answer", visit, who, said]:
                await port.whep_answer(visit, who, said)
            case ["live", visit]:
                await port.gate(visit, Gate.LIVE, "nurse")
            case unknown:
                raise ValueError(unknown)
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
