"""A media server of our own in its process, for the benchmark: pinned to one core, watched, killed, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.janus.media import JanusMedia

SERVER_CORE, LOAD_CORE = 0, 1
OURS = "tianfu.services.realtime.embedded.process"
LOSSY = "bench.newborn_lossy"
CUT_OFF = "bench.newborn_cut_off"
START_SECONDS = 15.0


class MediaServer:
    """A media server in a process of its own, and the port to it."""

    def __init__(self, port: EmbeddedMedia | JanusMedia) -> None:
        self.port = port
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> int:
        """Its number."""
        if self._process is None:
            raise SystemExit("the media server does not run")
        return self._process.pid

    async def start(self) -> None:
        """Start it on its core, and wait until it answers."""
        raise NotImplementedError

    async def kill(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """End it without a word."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(sign)
            await self._process.wait()

    async def end(self) -> None:
        """Let it end."""
        self.port.hang_up()
        await self.kill(signal.SIGTERM)


class SocketServer(MediaServer):
    """A process that speaks as our media server does; `module` is what runs."""

    def __init__(self, socket: Path, module: str) -> None:
        super().__init__(EmbeddedMedia(socket))
        self.socket = socket
        self._module = module

    async def start(self) -> None:
        """Start it on its core, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-m", self._module, str(self.socket))
        pin(self._process.pid, SERVER_CORE)
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await self.port.stats()
                except Refusal:
                    await asyncio.sleep(0.02)
                else:
                    return


@asynccontextmanager
async def media_server(module: str = OURS) -> AsyncIterator[SocketServer]:
    """A media server in a folder of its own, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-media-") as folder:
        server = SocketServer(Path(folder) / "media" / "socket", module)
        try:
            await server.start()
            yield server
        finally:
            await server.end()


def pin(process: int, core: int) -> None:
    """Let a process run on one core alone, where there are so many."""
    if core in os.sched_getaffinity(0):
        os.sched_setaffinity(process, {core})


def used_seconds(process: int) -> float:
    """How much of a processor a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def percent_of_core(process: int, seconds: float) -> float:
    """How much of one core a process uses in the next seconds."""
    before, began = used_seconds(process), time.monotonic()
    await asyncio.sleep(seconds)
    return round(100 * (used_seconds(process) - before) / (time.monotonic() - began), 1)
