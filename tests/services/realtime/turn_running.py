"""coturn in a process of its own with the configuration that we hand out, and peers who come only through it."""

from __future__ import annotations

import asyncio
import hmac
import re
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aioice import stun, turn
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from tests.deploy.front import NAME, certificate_for
from tests.services.realtime.janus_running import own_addresses
from tests.services.realtime.made import Client
from tests.supervision.installation import free_port
from tianfu.services.realtime.embedded.raw_peer import Heard, RawPeer

CONFIGURATION = Path(__file__).resolve().parents[3] / "deploy" / "turnserver.conf"
SECRET = "a secret of this test alone"
START_SECONDS = 10.0


class Relay:
    """coturn at work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.certificate = certificate_for(NAME, folder)
        self.process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    async def start(self) -> None:
        (own, *_) = own_addresses()
        ours = {
            "listening-ip": "127.0.0.1",
            "listening-port": str(self.port),
            "tls-listening-port": str(self.tls_port),
            "cert": str(self.certificate),
            "pkey": str(self.folder / "key.pem"),
            "static-auth-secret": SECRET,
            "relay-ip": own,
            "allowed-peer-ip": own,
        }
        file = self.folder / "turnserver.conf"
        file.touch(mode=0o600)
        file.write_text(with_values(CONFIGURATION.read_text("utf-8"), ours), "utf-8")
        own_files = [f"--pidfile={self.folder}/pid", f"--userdb={self.folder}/nobody"]
        self.process = await asyncio.create_subprocess_exec(
            *("turnserver", "-c", str(file), *own_files),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self.folder,
        )
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection(*self.address)
                except OSError:
                    assert self.process.returncode is None
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def end(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()


@asynccontextmanager
async def relay() -> AsyncIterator[Relay]:
    with tempfile.TemporaryDirectory(prefix="tianfu-relay-") as folder:
        running = Relay(Path(folder))
        try:
            await running.start()
            yield running
            await _given_back()
        finally:
            await running.end()


async def _given_back() -> None:
    """Wait until what was allocated is given back: aioice does so in tasks that nobody awaits, and then closes."""
    pending = [each for each in asyncio.all_tasks() if "TurnClientMixin.delete" in repr(each.get_coro())]
    await asyncio.gather(*pending, return_exceptions=True)


def with_values(configuration: str, values: Mapping[str, str]) -> str:
    """A configuration with other values; each must stand in it once."""
    for name, value in values.items():
        configuration, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", configuration)
        assert count == 1, name
    return configuration


def credentials(*, seconds: int, secret: str = SECRET) -> tuple[str, str]:
    """A name that is good for so long, and its password."""
    name = f"{int(time.time()) + seconds}:visit"
    return name, b64encode(hmac.digest(secret.encode(), name.encode(), "sha1")).decode()


async def allocate(at: Relay, name: str, password: str) -> turn.TurnTransport:
    """An allocation; raises TransactionFailed."""
    transport, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol, server_addr=at.address, username=name, password=password
    )
    return transport


async def refusal_of(asked: object) -> int:
    """The number with which the relay refuses."""
    try:
        await asked  # type: ignore[misc]  # whatever is asked
    except stun.TransactionFailed as failed:
        return int(failed.response.attributes["ERROR-CODE"][0])
    raise AssertionError


class RelayedPeer(RawPeer):
    """A peer who has no way but the relay."""

    def __init__(self, heard: Heard, at: Relay, name: str, password: str) -> None:
        super().__init__(heard)
        server = RTCIceServer(urls=f"turn:127.0.0.1:{at.port}?transport=udp", username=name, credential=password)
        self._connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[server],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
                iceTransportPolicy=RTCIceTransportPolicy.RELAY,
            )
        )


def relayed_client(at: Relay, name: str, password: str) -> Client:
    """A viewer who has no way but the relay."""
    client = Client()
    client.peer = RelayedPeer(client.peer.heard, at, name, password)
    return client
