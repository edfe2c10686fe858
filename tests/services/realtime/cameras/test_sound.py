"""What an RTSP camera hears reaches families while the nurse lets them hear the ward; its pictures never wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from demo.ward.lens import Lens, Sound

from tests.services.realtime.cameras.conftest import LOGIN, Ward, children, film
from tests.services.realtime.cameras.sounds import TONE_HERTZ, damaged, ending, hertz_of, tone, unknown
from tests.services.realtime.made import Client, until, viewer
from tianfu.kernel.instants import system_clock
from tianfu.services.realtime.cameras.pulling import pull, refuse_unfit_source
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LEASE_SECONDS = 60


@asynccontextmanager
async def pulled(ward: Ward, sounds: dict[str, Sound | None]) -> AsyncIterator[Sequence[asyncio.Task[object]]]:
    """Cameras with these sounds, looked at and pulled all at once."""
    ward.server.lenses |= {name: Lens(film("NICU-01"), LOGIN, sound) for name, sound in sounds.items()}

    async def look_and_pull(name: str) -> object:
        source = ward.source(name)
        seen = await refuse_unfit_source(source, is_thorough=False)
        return await pull(name, source, ward.running.port, sound=seen.sound, now=system_clock())

    tasks = [asyncio.create_task(look_and_pull(name)) for name in sounds]
    try:
        for name in sounds:
            await shows(ward, name, packets=30)
        yield tasks
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def shows(ward: Ward, name: str, *, packets: int) -> None:
    """Wait until it has shown so much more."""
    start: int | None = None
    async with asyncio.timeout(30):
        while True:
            told = {each.camera: each.packets for each in await ward.running.port.cameras()}
            if name in told:
                start = told[name] if start is None else start
                if told[name] - start >= packets:
                    return
            await asyncio.sleep(0.05)


def heard(client: Client) -> list[bytes]:
    source = client.heard_sources["ward"]
    return [data[head_of(data).start :] for _, data in client.heard if head_of(data).source == source]


async def is_silent(client: Client) -> bool:
    await asyncio.sleep(0.2)  # what was on its way is there
    before = len(heard(client))
    await asyncio.sleep(0.4)
    return len(heard(client)) == before


async def test_a_family_hears_what_its_camera_hears_while_the_nurse_lets_it_and_the_curtain_is_open(ward: Ward) -> None:
    codecs = "aac", "alaw"
    async with pulled(ward, {codec: tone(codec) for codec in codecs}):
        port, mothers = ward.running.port, []
        for codec in codecs:
            await port.open_room(codec, codec, lease_seconds=LEASE_SECONDS)
            mothers.append(await viewer(port, codec, "mother"))
            await port.gate(codec, Gate.LIVE, "nurse")
        for mother in mothers:
            await until(lambda: len(mother.heard) > 40)  # noqa: B023 - asked at once
            assert not heard(mother), "off unless somebody turns it on"
        for codec in codecs:
            await port.hear_ward(codec, is_heard=True)
        for mother in mothers:
            await until(lambda: len(heard(mother)) > 60)  # noqa: B023 - as above
            assert hertz_of(heard(mother)) == pytest.approx(TONE_HERTZ, rel=0.02)
        by_aac, by_alaw = mothers
        await port.gate("aac", Gate.SHIELDED, "care")
        await port.hear_ward("alaw", is_heard=False)
        assert await is_silent(by_aac)
        assert await is_silent(by_alaw)
        pictures = len(by_alaw.heard)
        await until(lambda: len(by_alaw.heard) > pictures)
        for mother in mothers:
            await mother.peer.close()


async def test_a_sound_that_ends_or_never_comes_or_is_damaged_holds_no_picture_back(ward: Ward) -> None:
    sounds = {
        "ends": ending(tone("aac"), packets=30),
        "never": ending(tone("alaw"), packets=0),
        "damaged": damaged(tone("aac")),
        "opus": damaged(tone("opus")),
    }
    async with pulled(ward, sounds) as pulling:
        await asyncio.gather(*(shows(ward, name, packets=60) for name in sounds))
        assert not [each for each in pulling if each.done()], "nor is it fetched anew"
        for each in await ward.running.port.cameras():
            assert each.silent_seconds < 1


async def test_a_camera_without_sound_or_with_one_that_nobody_knows_is_asked_for_its_picture_alone(ward: Ward) -> None:
    async with pulled(ward, {"none": None, "unknown": unknown()}):
        commands = [(Path(f"/proc/{each}") / "cmdline").read_bytes() for each in children("ffmpeg")]
        assert len(commands) == 2
        assert not [each for each in commands if b"opus" in each or b"audio" in each]


