"""What an RTSP camera hears reaches families while a nurse lets them hear the ward; its pictures never wait for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from demo.ward.lens import Lens, Sound

from tests.services.realtime.cameras.conftest import LOGIN, Ward, children, film
from tests.services.realtime.cameras.sounds import TONE_HERTZ, damaged, ending, hertz_of, tone, unknown
from tests.services.realtime.cameras.test_profile import GOOD
from tests.services.realtime.made import Client, until, viewer
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras import keeper
from tianfu.services.realtime.cameras.programs import failure_of
from tianfu.services.realtime.cameras.pulling import pull, refuse_unfit_source
from tianfu.services.realtime.cameras.registry import Kind
from tianfu.services.realtime.protocol.camera_profile import Seen
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LEASE_SECONDS = 60


@asynccontextmanager
async def pulled(ward: Ward, sounds: Mapping[str, Sound | None]) -> AsyncIterator[None]:
    """Cameras with these sounds, looked at and pulled all at once; fails if one is refused, or ends once it is shown.

    Before that a busy machine may be too slow for the media server's patience, as the keeper knows.
    """
    shown = set[str]()
    ward.server.lenses |= {name: Lens(film("NICU-01"), LOGIN, sound) for name, sound in sounds.items()}

    async def look_and_pull(name: str) -> None:
        source = ward.source(name)
        seen = await refuse_unfit_source(source, is_thorough=False)
        while True:
            ended = await pull(name, source, ward.running.port, sound=seen.sound, now=system_clock())
            if name in shown:
                raise ended

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(look_and_pull(name)) for name in sounds]
        await asyncio.gather(*(shows(ward, name, packets=5) for name in sounds))
        shown.update(sounds)
        yield
        for each in tasks:
            each.cancel()


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


async def test_a_family_hears_what_its_camera_hears_while_the_nurse_lets_it_and_the_curtain_is_open(ward: Ward) -> None:
    codecs = "aac", "alaw"
    async with pulled(ward, {codec: tone(codec) for codec in codecs}):
        port, mothers = ward.running.port, []
        for codec in codecs:
            await port.open_room(codec, codec, lease_seconds=LEASE_SECONDS)
            mothers.append(await viewer(port, codec, "mother"))
            await port.gate(codec, Gate.LIVE, "nurse")
        for mother in mothers:
            await until(lambda: len(mother.heard) > 20)  # noqa: B023 - asked at once
            assert not heard(mother), "off unless somebody turns it on"
        for codec in codecs:
            await port.hear_ward(codec, is_heard=True)
        for mother in mothers:
            await until(lambda: len(heard(mother)) > 40)  # noqa: B023 - as above
            assert hertz_of(heard(mother)) == pytest.approx(TONE_HERTZ, rel=0.02)
        await port.gate("aac", Gate.SHIELDED, "care")
        await port.hear_ward("alaw", is_heard=False)
        await asyncio.sleep(0.2)  # what was on its way is there
        before = [len(heard(mother)) for mother in mothers]
        await asyncio.sleep(0.4)
        assert [len(heard(mother)) for mother in mothers] == before
        await port.hear_ward("alaw", is_heard=True)
        await until(lambda: len(heard(mothers[1])) > before[1])
        for mother in mothers:
            await mother.peer.close()


async def test_no_sound_holds_a_picture_back_and_one_that_nobody_knows_or_hears_is_not_fetched(ward: Ward) -> None:
    fetched = {"ends": ending(tone("aac"), packets=30), "damaged": damaged(tone("opus"))}
    others = {"none": None, "never": ending(tone("alaw"), packets=0), "unknown": unknown()}
    async with pulled(ward, {**fetched, **others}):
        await asyncio.gather(*(shows(ward, name, packets=60) for name in fetched))
        commands = [(Path(f"/proc/{each}") / "cmdline").read_bytes() for each in children("ffmpeg")]
        decoders = sorted(each.split(b"\0")[each.split(b"\0").index(b"-codec_whitelist") + 1] for each in commands)
        assert decoders == [b"h264", b"h264", b"h264", b"h264,aac", b"h264,opus"]
        assert [b"libopus" in each for each in commands].count(True) == len(fetched)
        moments = [re.findall(rb"start_time_realtime=(\d+)", each) for each in commands if b"libopus" in each]
        assert [(len(each), len(set(each))) for each in moments] == [(2, 1)] * len(fetched), "so that lips are in step"


class Pulls:
    """In the place of looking and pulling: each pull ends at once, and says with which sound it was."""

    def __init__(self) -> None:
        self.sounds: list[str] = []

    async def look(self, *_: object, **__: object) -> Seen:
        return replace(GOOD, sound="aac")

    async def pull(self, *_: object, sound: str, **__: object) -> Refusal:
        self.sounds.append(sound)
        return Refusal("camera-away", next_step="wait", retryable=True)


async def test_a_camera_that_never_stays_with_its_sound_is_fetched_without_it(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulls = Pulls()
    monkeypatch.setattr(keeper, "refuse_unfit_source", pulls.look)
    monkeypatch.setattr(keeper, "pull", pulls.pull)
    monkeypatch.setattr(keeper, "PAUSE_SECONDS_FIRST", 0.01)
    monkeypatch.setattr(keeper, "PAUSE_SECONDS_MAX", 0.02)
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with ward.kept():
        await until(lambda: len(pulls.sounds) >= 6)
    assert pulls.sounds[:6] == ["aac", "aac", "", "aac", "aac", ""]


def test_what_could_not_be_decoded_of_a_sound_says_nothing_of_the_camera() -> None:
    damaged = (
        b"[aac @ 0x7] Input buffer exhausted\n"
        b"Error while decoding stream #0:1: Invalid data found when processing input\n"
        b"[aist#0:1/aac @ 0x7] [dec:aac @ 0x7] Error submitting packet to decoder: Invalid data found when processing\n"
    )
    assert failure_of(damaged).code == "camera-away"
    assert failure_of(damaged + b"pipe:0: Invalid data found when processing input\n").code == "camera-no-picture"
