"""Cameras that speak real RTSP on a loopback port, films for them, and a keeper that pulls them by real children."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext
from demo.ward.film import Film, make_film
from demo.ward.lens import Lens, Login, RtspServer

from tests.made_up_keys import made_up_keys
from tests.records.conftest import MASTER
from tests.services.realtime.running import Running, embedded
from tests.trails import auditor_of, close_trails
from tianfu.db import Database
from tianfu.kernel.instants import system_clock
from tianfu.records.keys import open_keyring
from tianfu.records.seals import Seals
from tianfu.services.realtime.cameras.keeper import Keeper
from tianfu.services.realtime.cameras.registry import Cameras, Health, State
from tianfu.services.realtime.cameras.source import Source, read_source

WAIT_SECONDS = 120.0
LOGIN = Login("onlooker", "p@ss:/'x y")
SIGNS = b"p%40ss", b"p@ss", b"onlooker"


@cache
def film(code: str) -> Film:
    return make_film(code, 3)


@cache
def odd_film(*, profile: str = "baseline", colour: str = "yuv420p", group: str = "keyint=15", more: str = "") -> Film:
    """What a camera should not send: small pictures, encoded otherwise.

    Its end joins its beginning as its middle goes on: the group's length divides the film's.
    """
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 240, colour
    encoder.framerate, encoder.time_base = Fraction(15), Fraction(1, 15)
    encoder.options = {"preset": "ultrafast", "profile": profile, "x264-params": f"{group}:scenecut=0{more}"}
    packets = []
    for number in range(180):
        frame = VideoFrame(320, 240, colour)
        for plane in frame.planes:
            plane.update(bytes([number]) * plane.buffer_size)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    pictures = [
        [unit for unit in bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit] for packet in packets
    ]
    return Film(parameters=[unit for unit in pictures[0] if unit[0] & 0x1F in {7, 8}], pictures=pictures)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fails after two minutes."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - what is waited for is anything, and tells nobody
            await asyncio.sleep(0.05)


def children(program: str) -> list[int]:
    """Processes that this one started and that run a program."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
            if int(fields[1]) == _me() and (folder / "comm").read_text("utf-8").strip() == program and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def _me() -> int:
    return int(Path("/proc/self").resolve().name)


@dataclass(kw_only=True)
class Ward:
    """Cameras, what pulls them, and where their pictures go."""

    server: RtspServer
    port: int
    running: Running
    cameras: Cameras
    keeper: Keeper

    def source(self, name: str, login: Login = LOGIN) -> Source:
        return read_source(f"rtsp://127.0.0.1:{self.port}/{name}", login.user, login.password)

    async def health(self, camera: str) -> Health:
        (found,) = [each for each in await self.cameras.health() if each.camera == camera]
        return found

    async def stands(self, camera: str, state: State, reason: str = "", *, reconnects: int = 0) -> Health:
        """Wait until it stands so, and has been begun again so often at least."""
        return await self._told(
            camera, lambda found: (found.state, found.reason) == (state, reason) and found.reconnects >= reconnects
        )

    async def stands_badly(self, camera: str) -> Health:
        """Wait until it is away or refused, and somebody has looked."""
        bad = {State.AWAY, State.REFUSED}
        return await self._told(camera, lambda found: found.state in bad and found.reason != "camera-unwatched")

    async def sends(self, camera: str, *, above: float) -> Health:
        """Wait until so many pictures a second are counted: in its first moments none are."""
        return await self._told(camera, lambda found: found.pictures_per_second > above)

    async def _told(self, camera: str, holds: Callable[[Health], bool]) -> Health:
        async with asyncio.timeout(WAIT_SECONDS):
            while not holds(found := await self.health(camera)):  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.1)
        return found

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """With the keeper at work."""
        task = asyncio.create_task(self.keeper.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def ward(database: Database) -> AsyncIterator[Ward]:
    keyring = await open_keyring(database, made_up_keys(MASTER))
    cameras = Cameras(database, Seals(keyring), auditor=await auditor_of(database), clock=system_clock)
    server = RtspServer({name: Lens(film(name), LOGIN) for name in ("NICU-01", "NICU-02")})
    port = await server.start()
    async with embedded() as running:
        keeper = Keeper(cameras, running.port, clock=system_clock)
        yield Ward(server=server, port=port, running=running, cameras=cameras, keeper=keeper)
    close_trails()
    await server.stop()
