"""Janus in a process of its own, for tests, and peers who take its offers."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aioice.ice import get_host_addresses

from tests.services.realtime.made import CONNECT_SECONDS, VIEWER, Client, sources_of, until
from tests.services.realtime.running import START_SECONDS, Running, embedded
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.raw_peer import Heard, Label, Line, RawPeer
from tianfu.services.realtime.janus.configuration import command_of, write_configuration
from tianfu.services.realtime.janus.media import JanusMedia
from tianfu.services.realtime.janus.process import RemoteJanus
from tianfu.services.realtime.port import MediaPort, OffersFirst
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.talk import SPEAKS

BEGIN_LOOKS = 40
VOICE_TO_SEND = (Line(label="voice", direction="sendonly"),)


def own_addresses() -> Sequence[str]:
    """This machine's addresses without 127.0.0.1, over which Janus never speaks; what is sent to them stays here."""
    return get_host_addresses(use_ipv4=True, use_ipv6=False)


class RunningJanus:
    """Janus at work, and the port to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = write_configuration(folder, addresses=",".join(own_addresses()), ports="21000-23000")
        self.port = JanusMedia(folder)
        self.process: asyncio.subprocess.Process | None = None

    @property
    def socket(self) -> Path:
        return self.address.api

    async def start(self) -> None:
        for each in (self.address.api, self.address.admin):
            each.unlink(missing_ok=True)
        async with asyncio.timeout(START_SECONDS):
            while not await self._comes_up():
                await self.end()

    async def _comes_up(self) -> bool:
        """Begin it; whether it can be spoken to.

        Now and then its thread of sockets is quicker than its beginning, and ends: then it ends, or hears nobody.
        """
        await self._begin()
        assert self.process is not None
        for _ in range(BEGIN_LOOKS):
            try:
                await self.port.stats()
            except Refusal:
                if self.process.returncode is not None:
                    return False
                await asyncio.sleep(0.05)
            else:
                return True
        return False

    async def _begin(self) -> None:
        """Begin it, in such a way that it can write no byte into any file."""
        self.process = await asyncio.create_subprocess_exec(
            *command_of(self.folder),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self.folder,
        )

    async def kill(self, sign: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return await self.process.wait()

    async def end(self) -> None:
        self.port.hang_up()
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                await self.kill(signal.SIGTERM)


@asynccontextmanager
async def janus() -> AsyncIterator[RunningJanus]:
    with tempfile.TemporaryDirectory(prefix="tianfu-janus-") as folder:
        running = RunningJanus(Path(folder) / "media")
        try:
            await running.start()
            yield running
        finally:
            await running.end()


@asynccontextmanager
async def adapted_janus() -> AsyncIterator[AdaptedJanus]:
    """Janus, with its adapter in a process of its own, as an installation has it."""
    async with janus() as running:
        running.port.hang_up()
        socket = running.folder.parent / "adapter" / "socket"
        command = (sys.executable, "-m", "tianfu.services.realtime.janus.process", str(socket), str(running.folder))
        process = await asyncio.create_subprocess_exec(*command)
        adapted = AdaptedJanus(socket, RemoteJanus(socket))
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await adapted.answers():  # noqa: ASYNC110 - another process comes up
                    await asyncio.sleep(0.05)
            yield adapted
        finally:
            adapted.port.hang_up()
            process.terminate()
            await process.wait()


@dataclass(frozen=True, slots=True)
class AdaptedJanus:
    """The adapter's socket, and the port to it."""

    socket: Path
    port: RemoteJanus

    async def answers(self) -> bool:
        try:
            await self.port.stats()
        except Refusal:
            return False
        return True


Server = Running | RunningJanus

SERVERS: Mapping[str, Callable[[], AbstractAsyncContextManager[Server]]] = {"embedded": embedded, "janus": janus}
"""All media servers: what holds of one must hold of each."""


class AnsweringPeer(RawPeer):
    """A peer who takes a server's offer, line by line."""

    async def take(self, offer: str, labels: Sequence[Label]) -> str:
        self._labels = labels
        await self._hear_description(offer, "offer")
        self._take_over()
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        self._learn_streams()
        return self._connection.localDescription.sdp


class AnsweringClient(Client):
    """A viewer who takes a server's offer, and sends his voice over a connection of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.answering = AnsweringPeer(Heard(packet=self._hear, control=self.control.extend))
        self.peer = self.answering
        self.mouth = Client()

    async def close(self) -> None:
        await self.answering.close()
        await self.mouth.peer.close()


async def look(port: MediaPort, visit: str, who: str, part: Part = Part.FAMILY) -> Client:
    """A viewer who is connected, whichever side offers first; raises Refusal."""
    client = AnsweringClient() if isinstance(port, OffersFirst) else Client()
    try:
        if isinstance(client, AnsweringClient):
            await _take_offer(port, visit, who, part, client)
        else:
            offer = await client.peer.offer(VIEWER, video=("H264", "VP8"))
            answer = await port.whep(visit, who, part, offer)
            await client.peer.accept(answer)
            client.sources = sources_of(answer)
        await client.connected()
        await _there_too(port, visit, who)
    except BaseException:
        await client.peer.close()
        raise
    return client


async def _there_too(port: MediaPort, visit: str, who: str) -> None:
    """Wait until the server's end is connected as well: on a busy machine it is so later, and sends nothing before."""
    async with asyncio.timeout(CONNECT_SECONDS):
        while True:
            there = [each for each in await port.stats() if (each.visit, each.participant) == (visit, who)]
            if there and there[0].join_ms is not None:
                return
            await asyncio.sleep(0.02)


async def _take_offer(port: MediaPort, visit: str, who: str, part: Part, client: AnsweringClient) -> None:
    offer = await port.whep_offer(visit, who, part, may_speak=part in SPEAKS)
    client.sources = sources_of(offer)
    labels: list[Label] = ["video", "ward", "voice"]
    await port.whep_answer(visit, who, await client.answering.take(offer, labels[: offer.count("\r\nm=")]))


async def speak_up(port: MediaPort, visit: str, who: str, client: Client) -> Client:
    """Who sends the voice of a viewer: he himself, or a connection of its own."""
    if not isinstance(port, OffersFirst):
        return client
    assert isinstance(client, AnsweringClient)
    offer = await client.mouth.peer.offer(VOICE_TO_SEND, video=())
    await client.mouth.peer.accept(await port.voice(visit, who, offer))
    await client.mouth.connected()
    if isinstance(port, JanusMedia):  # Janus's end may be up a little later, and passes on nothing before
        await until(lambda: port._rooms[visit].voices[who].handle.is_up)
    return client.mouth
