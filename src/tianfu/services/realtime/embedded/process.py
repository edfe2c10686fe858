"""The media server as a process of its own: `python -m tianfu.services.realtime.embedded.process SOCKET`.

It has no database.  Who runs it speaks to it over a Unix socket in a folder of its own, one JSON object a line; a
request has a number, which its answer bears.  What this process shows ends with it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import structlog
import uvloop

from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.ingest import Door
from tianfu.services.realtime.embedded.ports import take_ports
from tianfu.services.realtime.embedded.raw_peer import take_addresses
from tianfu.services.realtime.embedded.watch import end_if_stuck
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.services.realtime.protocol.trickle import Trickle

LINE_BYTES_MAX = 1 << 18
"""A description of a session is some kilobytes long."""

SOCKET_NAME_BYTES_MAX = 100
"""Linux takes 107 bytes (unix(7)); a longer name would be cut without a word."""

_log = structlog.get_logger("tianfu.media")

Act = Callable[[Mapping[str, Any]], Awaitable[object]]


class Server:
    """Answers requests, each by the act of its name; what an act is given has the names of `MediaPort`."""

    def __init__(self, acts: Mapping[str, Act]) -> None:
        self._acts = acts
        self._tasks: set[asyncio.Task[None]] = set()
        self._callers: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it ends; they may overtake each other."""
        self._callers[writer] = asyncio.current_task()
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._answer(line, writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (ValueError, ConnectionError):  # a line too long, or a caller that is gone
            pass
        finally:
            del self._callers[writer]
            writer.close()

    async def hang_up(self) -> None:
        """End all connections, and wait until nobody is answered any more."""
        for writer in self._callers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        conversations = [task for task in self._callers.values() if task is not None]
        await asyncio.gather(*self._tasks, *conversations, return_exceptions=True)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        asked = orjson.loads(line)
        said: dict[str, object] = {"number": asked["number"]}
        try:
            said["answer"] = await self._acts[asked["do"]](asked["with"])
        except Refusal as refusal:
            said["refusal"] = {
                "code": refusal.code,
                "next_step": refusal.next_step,
                "retryable": refusal.retryable,
            }
        except Exception as error:
            _log.error("media_request_failed", do=asked["do"], error=place_of(error))
            said["refusal"] = {"code": "media-failed", "next_step": "send-again-later", "retryable": True}
        if writer.is_closing():
            return  # who asked is gone; uvloop raises where asyncio only warns
        with suppress(ConnectionError):
            writer.write(orjson.dumps(said) + b"\n")
            await writer.drain()


class _Acts:
    """What is asked of the forwarder, and of the door beside it."""

    def __init__(self, forwarder: Forwarder, door: Door) -> None:
        self._forwarder = forwarder
        self._door = door

    @property
    def by_name(self) -> Mapping[str, Act]:
        """The acts, as requests name them."""
        names = (
            *("open_room", "renew", "whip", "whep", "whep_offer", "whep_answer", "whip_trickle", "whep_trickle"),
            *("unplug", "gate", "talk", "heard_by", "silence", "hear_ward", "allow_stills", "kick", "close"),
            *("life", "stats", "events", "ticket", "cameras"),
        )
        return {name: getattr(self, f"_{name}") for name in names}

    async def _open_room(self, given: Mapping[str, Any]) -> None:
        self._forwarder.open_room(given["visit"], given["camera"], lease_seconds=given["lease_seconds"])

    async def _renew(self, given: Mapping[str, Any]) -> None:
        self._forwarder.renew(given["visit"], lease_seconds=given["lease_seconds"])

    async def _whip(self, given: Mapping[str, Any]) -> str:
        return await self._forwarder.whip(given["camera"], given["offer"])

    async def _whep(self, given: Mapping[str, Any]) -> str:
        return await self._forwarder.whep(given["visit"], given["participant"], Part(given["part"]), given["offer"])

    async def _whep_offer(self, given: Mapping[str, Any]) -> str:
        part = Part(given["part"])
        return await self._forwarder.whep_offer(
            given["visit"], given["participant"], part, may_speak=given["may_speak"]
        )

    async def _whep_answer(self, given: Mapping[str, Any]) -> None:
        await self._forwarder.whep_answer(given["visit"], given["participant"], given["answer"])

    async def _whip_trickle(self, given: Mapping[str, Any]) -> str:
        return await self._forwarder.whip_trickle(given["camera"], trickle_of(given["news"]))

    async def _whep_trickle(self, given: Mapping[str, Any]) -> str:
        return await self._forwarder.whep_trickle(given["visit"], given["participant"], trickle_of(given["news"]))

    async def _unplug(self, given: Mapping[str, Any]) -> None:
        self._forwarder.unplug(given["camera"])

    async def _gate(self, given: Mapping[str, Any]) -> int:
        self._forwarder.gate(given["visit"], Gate(given["gate"]), given["reason"])
        return system_clock()

    async def _talk(self, given: Mapping[str, Any]) -> None:
        self._forwarder.talk(given["visit"], given["participant"], is_pressed=given["is_pressed"])

    async def _heard_by(self, given: Mapping[str, Any]) -> object:
        return asdict(self._forwarder.heard_by(given["visit"], given["participant"]))

    async def _silence(self, given: Mapping[str, Any]) -> None:
        self._forwarder.silence(given["visit"], given["participant"], is_silenced=given["is_silenced"])

    async def _hear_ward(self, given: Mapping[str, Any]) -> None:
        self._forwarder.hear_ward(given["visit"], is_heard=given["is_heard"])

    async def _allow_stills(self, given: Mapping[str, Any]) -> None:
        self._forwarder.allow_stills(given["visit"], are_allowed=given["are_allowed"])

    async def _kick(self, given: Mapping[str, Any]) -> None:
        self._forwarder.kick(given["visit"], given["participant"])

    async def _close(self, given: Mapping[str, Any]) -> None:
        self._forwarder.close(given["visit"], given["reason"])

    async def _life(self, given: Mapping[str, Any]) -> str:
        return self._forwarder.happenings.epoch

    async def _stats(self, given: Mapping[str, Any]) -> object:
        return [asdict(each) for each in self._forwarder.stats()]

    async def _events(self, given: Mapping[str, Any]) -> object:
        return [asdict(each) for each in await self._forwarder.happenings.after(given["after"], given["epoch"])]

    async def _ticket(self, given: Mapping[str, Any]) -> str:
        return self._door.ticket(given["camera"])

    async def _cameras(self, given: Mapping[str, Any]) -> object:
        return [asdict(each) for each in self._forwarder.cameras()]


def trickle_of(given: Mapping[str, Any]) -> Trickle:
    """What a request tells of a peer's addresses."""
    return Trickle(**{**given, "candidates": tuple(given["candidates"])})


async def serve(socket: Path, stop: asyncio.Event) -> None:
    """Serve on a socket until told to stop; its folder is nobody else's.  Raises Refusal `socket-name-too-long`."""
    if len(str(socket).encode()) > SOCKET_NAME_BYTES_MAX:
        raise Refusal("socket-name-too-long", next_step="choose-a-shorter-home", details={"path": str(socket)})
    await asyncio.to_thread(_make_room, socket)
    async with Forwarder(time.monotonic) as forwarder:
        door = Door(ingest_of(socket), forwarder.pull, time.monotonic)
        server = Server(_Acts(forwarder, door).by_name)
        listening = await asyncio.start_unix_server(server.converse, path=socket, limit=LINE_BYTES_MAX)
        try:
            await stop.wait()
        finally:
            listening.close()
            door.close()
            await server.hang_up()


def ingest_of(socket: Path) -> Path:
    """Where pulled pictures come in: beside the socket of requests."""
    return socket.with_name(f"{socket.name}.in")


def _make_room(socket: Path) -> None:
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket.parent.chmod(0o700)
    socket.unlink(missing_ok=True)


async def run(socket: Path, addresses: Sequence[str], ports: tuple[int, int] | None = None) -> None:
    """Serve until told to stop by a signal; pictures take these addresses of the machine, or with none all of them.

    `ports` are the first and the last UDP port that they may take; with None any that is free.
    """
    if addresses:
        take_addresses(addresses)
    if ports is not None:
        take_ports(*ports)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    watching = asyncio.create_task(end_if_stuck(asyncio.get_running_loop()))
    try:
        await serve(socket, stop)
    finally:
        watching.cancel()


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), sys.argv[2:]))
