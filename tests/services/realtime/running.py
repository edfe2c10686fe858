"""A media server in a process of its own, for tests."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.remote import EmbeddedMedia

EMBEDDED = "tianfu.services.realtime.embedded.process"
START_SECONDS = 60.0
"""A busy machine is patient with a new process, too."""


class Running:
    """A media server at work, and the port to it."""

    def __init__(self, socket: Path, addresses: Sequence[str] = (), module: str = EMBEDDED) -> None:
        self.socket = socket
        self.addresses = addresses
        self.module = module
        self.port = EmbeddedMedia(socket)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        command = [sys.executable, "-m", self.module, str(self.socket)]
        command += self.addresses
        self.process = await asyncio.create_subprocess_exec(*command)
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await self.port.stats()
                except Refusal:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def kill(self, sign: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return await self.process.wait()

    async def end(self) -> None:
        self.port.hang_up()
        if self.process is not None and self.process.returncode is None:
            await self.kill(signal.SIGTERM)


@asynccontextmanager
async def embedded(*addresses: str, module: str = EMBEDDED) -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory(prefix="tianfu-media-") as folder:
        running = Running(Path(folder) / "media" / "socket", addresses, module)
        try:
            await running.start()
            yield running
        finally:
            await running.end()
