"""No lease, no packet: what a plain UDP socket in a viewer's place is sent, counted datagram by datagram."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.gateways.media.conftest import Ward
from tests.services.realtime.made import Client
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 2.0


def kind_of(datagram: bytes) -> str:
    """What a datagram is, by its first byte (RFC 7983), and for SRTP whether it carries media (RFC 5761)."""
    first = datagram[0]
    if first <= 3:
        return "stun"
    if 20 <= first <= 63:
        return "dtls"
    if 128 <= first <= 191:
        return "rtcp" if 192 <= datagram[1] <= 223 else "rtp"
    return "other"


def capture(viewer: Client) -> Counter[str]:
    """Count whatever comes to a viewer's sockets from now on, below everything that could pass it over."""
    assert viewer.peer._transport is not None
    seen: Counter[str] = Counter()
    for protocol in viewer.peer._transport.transport._connection._protocols:
        arrives = protocol.datagram_received

        def count(data: bytes, address: Any, arrives: Any = arrives) -> None:
            seen[kind_of(data)] += 1
            arrives(data, address)

        protocol.datagram_received = count
    return seen


async def lease_lost(ward: Ward) -> None:
    """Wait until nobody has renewed the lease for long enough."""
    after = 0
    async with asyncio.timeout(20):
        while True:
            told = await ward.media.events(after)
            if any(each.reason == "lease-lost" for each in told):
                return
            after = told[-1].number


async def show(seen: Client, numbers: range) -> None:
    for number in numbers:
        seen.send_picture(b"1", number, whole=number % 5 == 0)
        await asyncio.sleep(0.02)


async def test_without_a_lease_nothing_but_the_handshake_leaves_the_media_server(ward: Ward) -> None:
    seen, _ = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    mother, _ = await ward.viewer()
    captured = capture(mother)
    await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    await show(seen, range(20))
    assert captured["rtp"] > 30, "the capture sees what is sent while there is a lease"
    await lease_lost(ward)
    await asyncio.sleep(0.1)  # what was on its way over loopback has come
    captured.clear()
    await show(seen, range(20, 120))
    assert captured["rtp"] == captured["rtcp"] == captured["dtls"] == captured["other"] == 0, captured
    with pytest.raises(Refusal) as refused:
        await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    assert refused.value.code == "lease-lost"
    await ward.media.renew("visit-1", lease_seconds=20)
    await show(seen, range(120, 150))
    assert captured["rtp"] == 0, "a renewal opens nothing"
    await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    await show(seen, range(150, 170))
    assert captured["rtp"] > 30
    await asyncio.gather(seen.peer.close(), mother.peer.close())


async def test_whoever_has_no_grant_is_sent_nothing_at_all(ward: Ward) -> None:
    """A plain socket that knows the media server's port and writes to it hears nothing of a picture."""
    seen, _ = await ward.camera()
    await ward.media.open_room("visit-1", "bed-1", lease_seconds=20)
    mother, joined = await ward.viewer()
    await ward.media.gate("visit-1", Gate.LIVE, "nurse")
    candidates = [line.split() for line in joined.text.splitlines() if line.startswith("a=candidate")]
    places = [(words[4], int(words[5])) for words in candidates if "." in words[4]]
    assert places
    heard: list[bytes] = []

    class Stranger(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: Any) -> None:
            heard.append(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Stranger, local_addr=("0.0.0.0", 0))  # noqa: S104 - the media server has several addresses
    for place in places:
        for data in (b"\x80" + bytes(40), b"\x16\xfe\xfd" + bytes(60), bytes(20)):
            transport.sendto(data, place)
    await show(seen, range(50))
    assert len(mother.heard) > 50
    assert not [data for data in heard if kind_of(data) in {"rtp", "rtcp"}]
    transport.close()
    await asyncio.gather(seen.peer.close(), mother.peer.close())
