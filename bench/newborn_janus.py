"""Janus to compare with, through our own adapter: another media server, written in C, that decodes nothing either."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aioice.ice import get_host_addresses

from bench.newborn_media import SERVER_CORE, START_SECONDS, MediaServer, pin
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.janus.configuration import write_configuration
from tianfu.services.realtime.janus.media import JanusMedia

LOOKS = 40
PORTS = "21000-23000"


class JanusServer(MediaServer):
    """Janus in a process of its own, in such a way that it can write no byte into any file."""

    def __init__(self, folder: Path) -> None:
        # Janus never speaks over 127.0.0.1; what is sent to this machine's own addresses stays here.
        addresses = ",".join(get_host_addresses(use_ipv4=True, use_ipv6=False))
        self._address = write_configuration(folder, addresses=addresses, ports=PORTS)
        self._folder = folder
        super().__init__(JanusMedia(folder))

    async def start(self) -> None:
        """Start it on its core, again if its sockets were quicker than itself, and wait until it answers."""
        async with asyncio.timeout(START_SECONDS):
            while not await self._comes_up():
                await self.kill()

    async def _comes_up(self) -> bool:
        for each in (self._address.api, self._address.admin):
            each.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *("prlimit", "--fsize=0", "janus", f"--configs-folder={self._folder}"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
        )
        pin(self._process.pid, SERVER_CORE)
        for _ in range(LOOKS):
            try:
                await self.port.stats()
            except Refusal:
                await asyncio.sleep(0.05)
            else:
                return True
        return False


@asynccontextmanager
async def janus_server() -> AsyncIterator[MediaServer]:
    """Janus in a folder of its own, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="tianfu-bench-janus-") as folder:
        server = JanusServer(Path(folder) / "media")
        try:
            await server.start()
            yield server
        finally:
            await server.end()
