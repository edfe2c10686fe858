"""The relay as we hand it out: a picture comes through it, for as long as its credentials say, and nothing else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from tests.services.realtime.made import PACKETS_OF_PICTURE, VIEWER, camera, until
from tests.services.realtime.running import embedded
from tests.services.realtime.turn_running import (
    Relay,
    allocate,
    credentials,
    refusal_of,
    relay,
    relayed_client,
)
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

UNAUTHORIZED, FORBIDDEN, QUOTA_REACHED = 401, 403, 486
"""RFC 8489, section 14.8, and RFC 8656, section 19."""

INSIDE = ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "203.0.113.7"]


@pytest.fixture
async def running() -> AsyncIterator[Relay]:
    async with relay() as started:
        yield started


async def test_who_has_no_way_but_the_relay_sees_the_picture(running: Relay) -> None:
    async with embedded() as media:
        seen = await camera(media.port, "bed-1")
        await media.port.open_room("visit", "bed-1", lease_seconds=20)
        await media.port.gate("visit", Gate.LIVE, "nurse")
        mother = relayed_client(running, *credentials(seconds=60))
        offer = await mother.peer.offer(VIEWER, video=("H264",))
        ways = [row.split()[7] for row in offer.splitlines() if row.startswith("a=candidate:")]
        assert set(ways) == {"relay"}
        await mother.peer.accept(await media.port.whep("visit", "mother", Part.FAMILY, offer))
        await mother.connected()
        seen.send_picture(b"1", 0, whole=True)
        await until(lambda: len(mother.heard) == PACKETS_OF_PICTURE)
        await asyncio.gather(seen.peer.close(), mother.peer.close())


async def test_credentials_end(running: Relay) -> None:
    transport = await allocate(running, *credentials(seconds=60))
    transport.close()
    assert await refusal_of(allocate(running, *credentials(seconds=-1))) == UNAUTHORIZED


async def test_credentials_of_another_secret_are_none(running: Relay) -> None:
    assert await refusal_of(allocate(running, *credentials(seconds=60, secret="guessed"))) == UNAUTHORIZED
    name, password = credentials(seconds=60)
    longer = name.replace(name[:10], str(int(name[:10]) + 3_600))
    assert await refusal_of(allocate(running, longer, password)) == UNAUTHORIZED


async def test_it_leads_nowhere_but_to_the_media_server(running: Relay) -> None:
    transport = await allocate(running, *credentials(seconds=60))
    protocol = transport._TurnTransport__inner_protocol  # type: ignore[attr-defined]  # aioice tells it nobody
    for number, address in enumerate(INSIDE):
        assert await refusal_of(protocol.channel_bind(0x4000 + number, (address, 22))) == FORBIDDEN, address
    (own, _) = transport.get_extra_info("sockname")
    await protocol.channel_bind(0x4100, (own, 40_000))
    transport.close()


async def test_one_visit_has_only_so_many_connections(running: Relay) -> None:
    name, password = credentials(seconds=60)
    opened = [await allocate(running, name, password) for _ in range(12)]
    assert await refusal_of(allocate(running, name, password)) == QUOTA_REACHED
    for each in opened:
        each.close()


async def test_it_speaks_tls_and_none_of_the_old(running: Relay) -> None:
    context = ssl.create_default_context(cafile=str(running.certificate))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", running.tls_port, ssl=context, server_hostname="health.example"
    )
    writer.close()
    assert reader is not None
    old = ssl.create_default_context(cafile=str(running.certificate))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):  # noqa: PT011 - of TLS itself, or the connection is just dropped
        await asyncio.open_connection(
            "127.0.0.1", running.tls_port, ssl=old, server_hostname="health.example", ssl_handshake_timeout=10.0
        )
