"""Nobody but who was given a ticket puts packets under a camera's name, and what he sends beyond measure ends him."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.services.realtime.made import packet, picture
from tests.services.realtime.running import Running, embedded
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.ingest import (
    SILENT,
    SOUND_PACKETS_PER_SECOND_MAX,
    SOUND_TYPE,
    TOO_MUCH,
    Pulled,
)
from tianfu.services.realtime.embedded.process import ingest_of
from tianfu.services.realtime.embedded.raw_peer import Heard
from tianfu.services.realtime.embedded.second import PACKETS_PER_SECOND_MAX
from tianfu.services.realtime.port import CAMERA_BACK, CAMERA_LOST, CameraPulse

pytestmark = pytest.mark.anyio

_STRANGER = """
import socket, sys
door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
door.settimeout(5)
door.connect(sys.argv[1])
door.send(sys.argv[2].encode())
try:
    taken = door.recv(16)
    for _ in range(20):
        door.send(b"\\x80\\x60" + bytes(40))
except OSError:
    taken = b""
print("taken" if taken else "refused")
"""


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with embedded() as started:
        yield started


def sounding(number: int) -> bytes:
    return packet(b"~", sequence=number, timestamp=960 * number, payload_type=SOUND_TYPE, source=8)


async def pulses(running: Running) -> dict[str, CameraPulse]:
    return {each.camera: each for each in await running.port.cameras()}


async def happened(running: Running, what: str) -> str:
    """Wait until it has; for which reason."""
    async with asyncio.timeout(10):
        while True:
            for each in await running.port.events(0):
                if each.what == what:
                    return each.reason
            await asyncio.sleep(0.05)


async def heard(running: Running, camera: str, *, packets: int) -> None:
    """Wait until so many packets of a camera were heard."""
    async with asyncio.timeout(5):
        while (await pulses(running))[camera].packets < packets:  # noqa: ASYNC110 - it is another process's count
            await asyncio.sleep(0.02)


def stranger(running: Running, ticket: str) -> str:
    command = [sys.executable, "-c", _STRANGER, str(ingest_of(running.socket)), ticket]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


async def test_packets_of_a_connection_are_a_cameras_pictures(running: Running) -> None:
    connection = await running.port.ingest("bed-1")
    for number in range(4):
        for data in picture(b"1", number, whole=number % 2 == 0):
            connection.send(data)
    await happened(running, CAMERA_BACK)
    await heard(running, "bed-1", packets=12)
    assert (await pulses(running))["bed-1"].group_seconds is not None
    connection.close()
    assert await happened(running, CAMERA_LOST) == "ended"
    assert not await pulses(running)


async def test_another_process_without_a_ticket_puts_nothing_in(running: Running) -> None:
    connection = await running.port.ingest("bed-1")
    for ticket in ("", "0" * 32, "bed-1"):
        assert await asyncio.to_thread(stranger, running, ticket) == "refused"
    assert (await pulses(running))["bed-1"].packets == 0
    assert set(await pulses(running)) == {"bed-1"}
    connection.close()


async def test_a_ticket_is_good_once_and_a_newer_one_ends_an_older(running: Running) -> None:
    older = await running.port._ask("ticket", camera="bed-1")
    newer = await running.port._ask("ticket", camera="bed-1")
    assert await asyncio.to_thread(stranger, running, older) == "refused"
    assert await asyncio.to_thread(stranger, running, newer) == "taken"
    assert await asyncio.to_thread(stranger, running, newer) == "refused"


async def test_a_flood_ends_its_camera_and_no_other(running: Running) -> None:
    quiet, mad = await running.port.ingest("bed-1"), await running.port.ingest("bed-2")

    def flood() -> None:
        data = picture(b"2", 1, whole=True)[0]
        with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
            for _ in range(50 * PACKETS_PER_SECOND_MAX):
                mad.send(data)

    await asyncio.to_thread(flood)
    assert await happened(running, CAMERA_LOST) == TOO_MUCH
    mad.close()
    quiet.send(picture(b"1", 1, whole=True)[0])
    await heard(running, "bed-1", packets=1)
    quiet.close()


async def test_a_camera_that_shows_nothing_any_more_is_lost_whatever_it_sounds_like(running: Running) -> None:
    connection = await running.port.ingest("bed-1")
    connection.send(picture(b"1", 1, whole=True)[0])

    def sound() -> None:
        with suppress(OSError):  # let go of
            for number in range(500):
                connection.send(sounding(number))
                time.sleep(0.02)

    sounds = asyncio.create_task(asyncio.to_thread(sound))
    assert await happened(running, CAMERA_LOST) == SILENT
    await sounds
    connection.close()


async def test_of_a_flood_of_sound_little_is_heard_and_nothing_ends() -> None:
    heard = Heard()
    told: list[bytes] = []
    heard.packet = told.append
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    now = [0.0]
    pulled = Pulled(heard, ours, lambda: now[0])
    shown = picture(b"1", 1, whole=True)[0]
    for number in range(2 * SOUND_PACKETS_PER_SECOND_MAX):
        theirs.send(sounding(number))
    theirs.send(shown)
    async with asyncio.timeout(5):
        while shown not in told:  # noqa: ASYNC110 - a socket tells nobody that it was read
            await asyncio.sleep(0.01)
    assert len(told) == SOUND_PACKETS_PER_SECOND_MAX + 1
    assert pulled.is_connected
    await pulled.close()
    theirs.close()


async def test_garbage_is_passed_over(running: Running) -> None:
    connection = await running.port.ingest("bed-1")
    for garbage in (b"x", bytes(1_201), b"\xff" * 100, b"\x80\xc8\x00\xff" + bytes(8), b"\x80\x61" + bytes(40)):
        connection.send(garbage)
    connection.send(picture(b"1", 1, whole=True)[0])
    await heard(running, "bed-1", packets=1)
    assert (await pulses(running))["bed-1"].packets == 1
    connection.close()


async def test_without_a_media_server_nothing_is_taken(running: Running) -> None:
    await running.kill()
    with pytest.raises(Refusal) as refused:
        await running.port.ingest("bed-1")
    assert refused.value.code == "media-unavailable"


async def test_the_door_is_its_owners_alone(running: Running) -> None:
    door = ingest_of(running.socket)
    assert door.is_socket()
    assert door.stat().st_mode & 0o077 == 0
    assert door.parent.stat().st_mode & 0o077 == 0
