"""A firewall is opened for a range of ports: the media server takes no other one, and says when there is none left."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

import pytest

from tests.services.realtime.made import CAMERA, Client, camera, until, viewer
from tests.services.realtime.running import Running, embedded
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.settings import settings_from

pytestmark = pytest.mark.anyio

FIRST, LAST = 23_917, 23_919
PORTS = frozenset(range(FIRST, LAST + 1))


def bound(running: Running) -> dict[str, list[int]]:
    """The UDP ports that the media server's process really has, by family, as the kernel tells."""
    assert running.process is not None
    process = Path("/proc") / str(running.process.pid)
    opened: set[str] = set()
    for each in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed while we look
            opened |= set(re.findall(r"socket:\[(\d+)\]", str(each.readlink())))
    ports: dict[str, list[int]] = {}
    for family in ("udp", "udp6"):
        rows = [row.split() for row in (process / "net" / family).read_text("ascii").splitlines()[1:]]
        ports[family] = sorted(int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in opened)
    return ports


async def test_each_connection_takes_one_port_of_the_range_on_each_address_and_no_other() -> None:
    async with embedded(f"{FIRST}-{LAST}", "127.0.0.1", "::1", module="tests.services.realtime.in_ports") as running:
        port = running.port
        assert bound(running) == {"udp": [], "udp6": []}
        lens = await camera(port, "bed")
        await port.open_room("visit", "bed", lease_seconds=60.0)
        mother = await viewer(port, "visit", "mother")
        await port.gate("visit", Gate.LIVE, "nurse")
        lens.send_picture(b"1", 0, whole=True)
        await until(lambda: len(mother.heard) >= 3)
        for taken in bound(running).values():
            assert len(taken) == 2
            assert set(taken) <= PORTS
        father = await viewer(port, "visit", "father")
        assert {family: set(taken) for family, taken in bound(running).items()} == {"udp": PORTS, "udp6": PORTS}
        client = Client()
        offer = await client.peer.offer(CAMERA, video=("H264",))
        with pytest.raises(Refusal) as refused:
            await port.whip("another-bed", offer)
        assert refused.value.code == "media-ports-exhausted"
        assert refused.value.retryable
        with pytest.raises(Refusal, match="media-ports-exhausted"):
            await port.whep_offer("visit", "aunt", Part.FAMILY, may_speak=False)
        await port.kick("visit", "father")
        async with asyncio.timeout(30):
            while len(bound(running)["udp"]) == len(PORTS):  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.05)
        await client.peer.accept(await port.whip("another-bed", offer))
        await client.connected()
        assert set(bound(running)["udp"]) == PORTS
        await asyncio.gather(*(each.peer.close() for each in (lens, mother, father, client)))


@pytest.mark.parametrize("text", ["20000", "20000-", "21999-20000", "80-90", "20000-70000", "a-b", "20000-21000 22000"])
def test_a_range_that_is_none_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        settings_from({"TIANFU_MEDIA_PORTS": text})
    assert refused.value.details["setting"] == "TIANFU_MEDIA_PORTS"


def test_a_range_is_read_with_both_ends_and_none_means_any() -> None:
    assert settings_from({"TIANFU_MEDIA_PORTS": "20000-21999"}).media_ports == (20_000, 21_999)
    assert settings_from({}).media_ports is None
