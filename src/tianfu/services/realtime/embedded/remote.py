"""The media server's process, as others speak to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.ingest import TAKEN
from tianfu.services.realtime.embedded.process import LINE_BYTES_MAX, ingest_of
from tianfu.services.realtime.port import CameraPulse, Happened, Quality
from tianfu.services.realtime.protocol.cot import HeardBy
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.services.realtime.protocol.trickle import Trickle

ANSWER_SECONDS = 15.0
"""Longer than the longest wait for events."""


class EmbeddedMedia:
    """A `MediaPort` that speaks to the process through its socket; connects anew after it was lost."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count(1)
        self._connecting = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None

    async def open_room(self, visit: str, camera: str, *, lease_seconds: float) -> None:
        """As `MediaPort` has it."""
        await self._ask("open_room", visit=visit, camera=camera, lease_seconds=lease_seconds)

    async def renew(self, visit: str, *, lease_seconds: float) -> None:
        """As `MediaPort` has it."""
        await self._ask("renew", visit=visit, lease_seconds=lease_seconds)

    async def whip(self, camera: str, offer: str) -> str:
        """As `MediaPort` has it."""
        return str(await self._ask("whip", camera=camera, offer=offer))

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str:
        """As `MediaPort` has it."""
        return str(await self._ask("whep", visit=visit, participant=participant, part=part.value, offer=offer))

    async def whep_offer(self, visit: str, participant: str, part: Part, *, may_speak: bool) -> str:
        """As `MediaPort` has it."""
        given = {"visit": visit, "participant": participant, "part": part.value, "may_speak": may_speak}
        return str(await self._ask("whep_offer", **given))

    async def whep_answer(self, visit: str, participant: str, answer: str) -> None:
        """As `MediaPort` has it."""
        await self._ask("whep_answer", visit=visit, participant=participant, answer=answer)

    async def whip_trickle(self, camera: str, news: Trickle) -> str:
        """As `MediaPort` has it."""
        return str(await self._ask("whip_trickle", camera=camera, news=asdict(news)))

    async def whep_trickle(self, visit: str, participant: str, news: Trickle) -> str:
        """As `MediaPort` has it."""
        return str(await self._ask("whep_trickle", visit=visit, participant=participant, news=asdict(news)))

    async def unplug(self, camera: str) -> None:
        """As `MediaPort` has it."""
        await self._ask("unplug", camera=camera)

    async def gate(self, visit: str, gate: Gate, reason: str) -> Instant:
        """As `MediaPort` has it."""
        return Instant(await self._ask("gate", visit=visit, gate=gate.value, reason=reason))

    async def talk(self, visit: str, participant: str, *, is_pressed: bool) -> None:
        """As `MediaPort` has it."""
        await self._ask("talk", visit=visit, participant=participant, is_pressed=is_pressed)

    async def heard_by(self, visit: str, participant: str) -> HeardBy:
        """As `MediaPort` has it."""
        return HeardBy(**await self._ask("heard_by", visit=visit, participant=participant))

    async def silence(self, visit: str, participant: str, *, is_silenced: bool) -> None:
        """As `MediaPort` has it."""
        await self._ask("silence", visit=visit, participant=participant, is_silenced=is_silenced)

    async def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        """As `MediaPort` has it."""
        await self._ask("hear_ward", visit=visit, is_heard=is_heard)

    async def allow_stills(self, visit: str, *, are_allowed: bool) -> None:
        """As `MediaPort` has it."""
        await self._ask("allow_stills", visit=visit, are_allowed=are_allowed)

    async def kick(self, visit: str, participant: str) -> None:
        """As `MediaPort` has it."""
        await self._ask("kick", visit=visit, participant=participant)

    async def close(self, visit: str, reason: str) -> None:
        """As `MediaPort` has it."""
        await self._ask("close", visit=visit, reason=reason)

    async def life(self) -> str:
        """As `MediaPort` has it."""
        return str(await self._ask("life"))

    async def stats(self) -> Sequence[Quality]:
        """As `MediaPort` has it."""
        return [Quality(**each) for each in await self._ask("stats")]

    async def events(self, after: int, epoch: str = "") -> Sequence[Happened]:
        """As `MediaPort` has it."""
        told = await self._ask("events", after=after, epoch=epoch)
        return [Happened(**{**each, "at": Instant(each["at"])}) for each in told]

    async def ingest(self, camera: str) -> socket.socket:
        """As `Intake` has it."""
        ticket = str(await self._ask("ticket", camera=camera))
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            await asyncio.to_thread(_show, connection, ingest_of(self._socket), ticket)
        except BaseException:
            connection.close()
            raise
        return connection

    async def cameras(self) -> Sequence[CameraPulse]:
        """As `Intake` has it."""
        return [CameraPulse(**each) for each in await self._ask("cameras")]

    def hang_up(self) -> None:
        """End the connection; safe to repeat."""
        if self._listening is not None:
            self._listening.cancel()
        self._lost()

    async def _ask(self, what: str, **given: object) -> Any:
        number = next(self._numbers)
        line = orjson.dumps({"number": number, "do": what, "with": given}) + b"\n"
        if len(line) > LINE_BYTES_MAX:  # the process would hang up on everybody who waits
            raise Refusal("offer-malformed")
        writer = await self._connected()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(line)
            async with asyncio.timeout(ANSWER_SECONDS):
                await writer.drain()
                return await answer
        except (OSError, TimeoutError) as error:
            raise _unavailable() from error
        finally:
            self._waiting.pop(number, None)

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                try:
                    reader, self._writer = await asyncio.open_unix_connection(self._socket, limit=LINE_BYTES_MAX)
                except OSError as error:
                    raise _unavailable() from error
                self._listening = asyncio.create_task(self._listen(reader))
            return self._writer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                said = orjson.loads(line)
                waiting = self._waiting.get(said["number"])
                if waiting is None or waiting.done():
                    continue
                if "refusal" in said:
                    waiting.set_exception(Refusal(**said["refusal"]))
                else:
                    waiting.set_result(said["answer"])
        except (OSError, ValueError):  # the process is gone
            pass
        finally:
            self._lost()

    def _lost(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(_unavailable())


def _show(connection: socket.socket, door: Path, ticket: str) -> None:
    connection.settimeout(ANSWER_SECONDS)
    try:
        connection.connect(str(door))
        connection.send(ticket.encode())
        taken = connection.recv(len(TAKEN))
    except OSError as error:
        raise _unavailable() from error
    if taken != TAKEN:
        raise _unavailable()
    connection.setblocking(True)


def _unavailable() -> Refusal:
    return Refusal("media-unavailable", next_step="send-again-later", retryable=True)
