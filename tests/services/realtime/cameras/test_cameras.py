"""Real ffmpeg pulls real RTSP cameras: who is taken, who is refused, and that no camera disturbs another."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from demo.ward.film import Film
from demo.ward.lens import Lens, Login, RtspServer, Talk
from structlog.testing import capture_logs

from tests.records.conftest import WHO, WHY, Desk, one_desk
from tests.services.realtime.cameras.conftest import LOGIN, SIGNS, Ward, children, film, odd_film, until
from tests.services.realtime.made import PICTURE_TO_SEE, Client
from tests.services.realtime.made import until as until_soon
from tianfu.access.caller import Caller
from tianfu.db import Database, Query
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.programs import Child
from tianfu.services.realtime.cameras.pulling import refuse_unfit_source
from tianfu.services.realtime.cameras.registering import Wish, camera_labelled, register_camera
from tianfu.services.realtime.cameras.registry import Kind, State
from tianfu.services.realtime.cameras.source import Source
from tianfu.services.realtime.kept import KeptRooms, KeptScan
from tianfu.services.realtime.port import CAMERA_LOST
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LOOKS = 5
"""A rate is over four seconds: so many looks see all of them pass."""


def shown_of(process: int) -> bytes:
    """What everybody on the machine, and its owner, can read of a process."""
    folder = Path(f"/proc/{process}")
    return b"".join((folder / name).read_bytes() for name in ("cmdline", "environ", "comm"))


async def code_of(ward: Ward, name: str, shown: Film) -> str:
    ward.server.lenses[name] = Lens(shown, LOGIN)
    with pytest.raises(Refusal) as refused:
        await refuse_unfit_source(ward.source(name), is_thorough=True)
    return refused.value.code


async def test_a_bed_is_taken_and_its_pictures_reach_a_viewer_in_small_packets(ward: Ward) -> None:
    await refuse_unfit_source(ward.source("NICU-01"), is_thorough=True)
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with ward.kept():
        await ward.stands("bed-1", State.HEALTHY)
        port = ward.running.port
        await port.open_room("visit", "bed-1", lease_seconds=20)
        mother = Client()
        offer = await mother.peer.offer(PICTURE_TO_SEE, video=("H264",))
        await mother.peer.accept(await port.whep("visit", "mother", Part.FAMILY, offer))
        await mother.connected()
        await port.gate("visit", Gate.LIVE, "nurse")
        await until_soon(lambda: len(mother.heard) > 60)
        assert max(len(data) for _, data in mother.heard) <= 1_200
        whole = [data for _, data in mother.heard if data[12] & 0x1F == 28 and data[13] & 0x1F == 5]
        assert whole, "a whole picture is larger than a packet, so it comes in fragments"
        health = await ward.health("bed-1")
        assert 13 < health.pictures_per_second < 17
        assert health.group_seconds == pytest.approx(1.0, abs=0.2)
        await mother.peer.close()


async def test_pictures_out_of_order_and_profiles_beyond_baseline_are_refused(ward: Ward) -> None:
    out_of_order = odd_film(profile="main", more=":bframes=2:b-adapt=0")
    assert await code_of(ward, "b-frames", out_of_order) == "camera-out-of-order"
    assert await code_of(ward, "main", odd_film(profile="main", more=":bframes=0:cabac=1")) == "camera-profile"
    assert (
        await code_of(ward, "full", odd_film(profile="high444", colour="yuv444p", more=":bframes=0"))
        == "camera-profile"
    )
    assert await code_of(ward, "rare", odd_film(group="keyint=60:min-keyint=60")) == "camera-whole-pictures"


async def test_a_refused_camera_is_told_as_refused_with_its_reason_and_never_pulled(ward: Ward) -> None:
    ward.server.lenses["b-frames"] = Lens(odd_film(profile="main", more=":bframes=2:b-adapt=0"), LOGIN)
    await ward.cameras.add("bed-3", Kind.RTSP, ward.source("b-frames"))
    async with ward.kept():
        await ward.stands("bed-3", State.REFUSED, "camera-out-of-order")
        assert not children("ffmpeg")
        assert not await ward.running.port.cameras()


async def test_the_login_is_in_no_command_no_environment_and_no_log(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await ward.cameras.add("bed-2", Kind.RTSP, ward.source("NICU-02", Login("onlooker", "p@ss-of-yesterday")))
    with capture_logs() as logs:
        async with ward.kept():
            await ward.stands("bed-1", State.HEALTHY)
            await ward.stands("bed-2", State.REFUSED, "camera-login-refused")
            seen = children("ffmpeg")
            assert seen
            for process in seen:
                shown = shown_of(process)
                assert not [sign for sign in SIGNS if sign in shown]
    assert not [sign for sign in SIGNS if sign in repr(logs).encode()]


async def test_the_login_lies_sealed_in_the_table(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with database.connection("owner") as owner:
        row = await owner.one(Query.composed("sealed", "select sealed from camera"))
    assert row is not None
    assert not [sign for sign in (*SIGNS, b"rtsp", b"127.0.0.1") if sign in bytes(row[0])]


async def test_a_killed_child_comes_back_and_the_loss_is_told(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with ward.kept():
        await ward.stands("bed-1", State.HEALTHY)
        (before,) = children("ffmpeg")
        os.kill(before, signal.SIGKILL)
        await until(lambda: bool(children("ffmpeg")) and children("ffmpeg") != [before])
        assert (await ward.stands("bed-1", State.HEALTHY, reconnects=1)).reconnects == 1
        assert CAMERA_LOST in [each.what for each in await ward.running.port.events(0)]
    assert not children("ffmpeg")


async def test_a_media_server_that_died_gets_its_cameras_back(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with ward.kept():
        await ward.stands("bed-1", State.HEALTHY)
        await ward.running.kill()
        await ward.stands("bed-1", State.AWAY, "media-unavailable")
        await ward.running.start()
        await ward.stands("bed-1", State.HEALTHY)


async def test_a_changed_login_holds_at_once(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with ward.kept():
        await ward.stands("bed-1", State.HEALTHY)
        newer = Login("onlooker", "p@ss of today")
        ward.server.lenses["NICU-01"].login = newer
        before = children("ffmpeg")
        await ward.cameras.move("bed-1", ward.source("NICU-01", newer))
        await until(lambda: bool(children("ffmpeg")) and children("ffmpeg") != before)
        await ward.stands("bed-1", State.HEALTHY)
        await ward.cameras.move("bed-1", ward.source("NICU-01"))
        await ward.stands("bed-1", State.REFUSED, "camera-login-refused")
        assert not await ward.running.port.cameras()


async def test_a_bound_camera_keeps_its_address_until_the_visit_is_over(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    rooms, now = KeptRooms(database), system_clock()
    await rooms.scan("visit-1", KeptScan(code="camera", value="bed-1", by="qin", at=now))
    await rooms.begin(
        "visit-1", ward="ward-1", camera="bed-1", nurse="qin", state="{}", decide=lambda rooms: None, at=now
    )
    with pytest.raises(Refusal) as refused:
        await ward.cameras.move("bed-1", ward.source("NICU-02"))
    assert refused.value.code == "camera-bound"
    async with rooms.changing("visit-1") as changing:
        await changing.put("{}", camera="bed-1", is_over=True, is_seen=False, at=now)
    await ward.cameras.move("bed-1", ward.source("NICU-02"))


async def test_what_was_scanned_of_a_camera_binds_nothing_once_it_has_another_address(
    ward: Ward, database: Database
) -> None:
    """Else the family would be shown whatever is at the new address."""
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    rooms, now = KeptRooms(database), system_clock()

    async def scan(visit: str) -> None:
        for code, value in (("bed", "bed"), ("camera", "bed-1")):
            await rooms.scan(visit, KeptScan(code=code, value=value, by="qin", at=now))

    async def begin(visit: str) -> None:
        at = {"nurse": "qin", "state": "{}", "at": now}
        await rooms.begin(visit, ward=visit, camera="bed-1", decide=lambda rooms: None, **at)

    await rooms.scan("visit-2", KeptScan(code="camera", value="bed-2", by="qin", at=now))
    await scan("visit-1")
    await ward.cameras.move("bed-1", ward.source("NICU-02"))
    assert not await rooms.scans("visit-1")
    assert len(await rooms.scans("visit-2")) == 1, "another camera's stand"
    with pytest.raises(Refusal, match="scans-too-old"):
        await begin("visit-1")
    assert await rooms.find("visit-1") is None

    for turn in range(6):  # at one moment: either is refused, never neither
        visit, other = f"turn-{turn}", ward.source(("NICU-01", "NICU-02")[turn % 2])
        await scan(visit)
        refused = await asyncio.gather(begin(visit), ward.cameras.move("bed-1", other), return_exceptions=True)
        codes = [each.code for each in refused if isinstance(each, Refusal)]
        assert codes in (["scans-too-old"], ["camera-bound"])
        if codes == ["camera-bound"]:
            async with rooms.changing(visit) as changing:
                await changing.put("{}", camera="bed-1", is_over=True, is_seen=False, at=now)


async def test_an_address_waits_for_whoever_binds_its_camera(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    rooms, now = KeptRooms(database), system_clock()
    await rooms.scan("visit-1", KeptScan(code="camera", value="bed-1", by="qin", at=now))
    await rooms.scan("visit-1", KeptScan(code="camera", value="bed-2", by="qin", at=now))
    await rooms.begin(
        "visit-1", ward="ward-1", camera="bed-2", nurse="qin", state="{}", decide=lambda rooms: None, at=now
    )
    async with rooms.changing("visit-1") as changing:
        await changing.refuse_unscanned("bed-1")
        moving = asyncio.create_task(ward.cameras.move("bed-1", ward.source("NICU-02")))
        await _waits_for_a_lock(database)
        await changing.put("{}", camera="bed-1", is_over=False, is_seen=False, at=now)
    with pytest.raises(Refusal, match="camera-bound"):
        await moving


async def _waits_for_a_lock(database: Database) -> None:
    asked = Query.composed("waiting", "select pid from pg_locks where locktype = 'advisory' and not granted")
    async with database.connection("owner") as owner:
        for _ in range(500):
            if await owner.one(asked) is not None:
                return
            await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def test_a_camera_that_is_switched_off_is_let_go(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with ward.kept():
        await ward.stands("bed-1", State.HEALTHY)
        await ward.cameras.switch("bed-1", is_on=False)
        assert (await ward.health("bed-1")).state is State.OFF
        await until(lambda: not children("ffmpeg"))
        await ward.cameras.switch("bed-1", is_on=True)
        await ward.stands("bed-1", State.HEALTHY)


class _Mad(RtspServer):
    """Cameras that answer with noise, or not at all."""

    def __init__(self, noise: bytes) -> None:
        super().__init__({})
        self._noise = noise

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks[Talk(self, writer)] = asyncio.current_task()
        try:
            while not writer.is_closing():
                if self._noise:
                    writer.write(self._noise)
                    await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            pass
        finally:
            writer.close()


@pytest.mark.parametrize("noise", [b"", b"$\0\xff\xff" + os.urandom(4_000)], ids=["silent", "noisy"])
async def test_a_dead_or_mad_camera_disturbs_no_other(ward: Ward, noise: bytes) -> None:
    mad = _Mad(noise)
    port = await mad.start()
    try:
        await ward.cameras.add("bed-0", Kind.RTSP, ward.source("NICU-01"))
        source = ward.source("NICU-02")
        await ward.cameras.add("bed-2", Kind.RTSP, type(source)(address=f"rtsp://127.0.0.1:{port}/x"))
        async with ward.kept():
            await ward.stands("bed-0", State.HEALTHY)
            await ward.stands_badly("bed-2")
            await ward.sends("bed-0", above=12)
            for _ in range(LOOKS):
                await asyncio.sleep(1)
                health = await ward.health("bed-0")
                assert (health.state, health.reconnects) == (State.HEALTHY, 0)
                assert health.pictures_per_second > 12
    finally:
        await mad.stop()


async def test_a_camera_that_stops_in_the_middle_is_away_and_comes_back(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    async with ward.kept():
        await ward.stands("bed-1", State.HEALTHY)
        await ward.server.stop()
        await ward.stands("bed-1", State.AWAY, "camera-away")
        ward.port = await ward.server.start(ward.port)
        await ward.stands("bed-1", State.HEALTHY)


async def test_a_cart_is_away_until_it_comes_by_itself(ward: Ward) -> None:
    await ward.cameras.add("cart-1", Kind.CART, None)
    async with ward.kept():
        await ward.stands("cart-1", State.AWAY)
        assert not children("ffmpeg")


async def test_of_what_nobody_tells_any_more_nothing_is_known(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    health = await ward.health("bed-1")
    assert (health.state, health.reason) == (State.AWAY, "camera-unwatched")


async def test_a_camera_is_registered_once_and_with_what_its_kind_needs(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    for asked, code in (
        (ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01")), "camera-known"),
        (ward.cameras.add("bed-2", Kind.RTSP, None), "camera-address-malformed"),
        (ward.cameras.add("cart-1", Kind.CART, ward.source("NICU-01")), "camera-address-malformed"),
        (ward.cameras.move("bed-9", ward.source("NICU-01")), "camera-unknown"),
        (ward.cameras.switch("bed-9", is_on=True), "camera-unknown"),
    ):
        with pytest.raises(Refusal) as refused:
            await asked
        assert refused.value.code == code


async def test_an_address_is_sealed_anew_under_another_key(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    keyring = ward.cameras._seals.keyring
    before = (await ward.cameras.kept())[0].sealed
    newer = await asyncio.to_thread(keyring.begin_new_key)
    await ward.cameras.seal_anew((await ward.cameras.kept())[0])
    (kept,) = await ward.cameras.kept()
    assert before is not None
    assert kept.sealed is not None
    assert (kept.sealed.sealed_with, before.sealed_with == newer) == (newer, False)
    assert ward.cameras.source(kept) == ward.source("NICU-01")


async def test_nothing_is_begun_without_ffmpeg(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refusal) as refused:
        async with Child.started("ffprobe", (), ward.source("NICU-01"), hears=False):
            pass
    assert refused.value.code == "ffmpeg-missing"


def test_a_film_begins_each_second_with_a_whole_picture() -> None:
    kinds = [{unit[0] & 0x1F for unit in each} for each in film("NICU-01").pictures]
    assert [number for number, each in enumerate(kinds) if 5 in each] == list(range(0, len(kinds), 15))


async def test_a_camera_is_looked_at_and_then_hangs_at_its_bed(ward: Ward, one_desk: Desk) -> None:
    bed = await one_desk.create(
        resourceType="Location", identifier=[{"system": "urn:tianfu:bed-code", "value": "NICU-01"}]
    )

    async def register(label: str, *, bed: str, source: Source | None, kind: Kind = Kind.RTSP) -> str:
        wish = Wish(label=label, bed=bed, kind=kind, source=source)
        return await register_camera(one_desk.store, ward.cameras, WHO, WHY, wish)

    camera = await register("CAM-01", bed="NICU-01", source=ward.source("NICU-01"))
    device = await one_desk.found("Device", camera)
    assert device["location"] == {"reference": f"Location/{bed.id}"}
    assert await camera_labelled(one_desk.store, WHO, WHY, "CAM-01") == camera
    cart = await register("CART-01", bed="NICU-01", source=None, kind=Kind.CART)
    assert {each.camera: each.kind for each in await ward.cameras.kept()} == {camera: Kind.RTSP, cart: Kind.CART}
    ward.server.lenses["b-frames"] = Lens(odd_film(profile="main", more=":bframes=2:b-adapt=0"), LOGIN)
    for asked, code in (
        (register("CAM-01", bed="NICU-01", source=ward.source("NICU-01")), "camera-known"),
        (register("CAM-02", bed="NICU-99", source=ward.source("NICU-01")), "bed-unknown"),
        (register("CAM-02", bed="NICU-01", source=ward.source("NICU-01")), "camera-address-known"),
        (register("CAM-02", bed="NICU-01", source=ward.source("b-frames")), "camera-out-of-order"),
        (register("CAM-02", bed="NICU-01", source=None), "camera-address-malformed"),
        (camera_labelled(one_desk.store, WHO, WHY, "CAM-02"), "camera-unknown"),
    ):
        with pytest.raises(Refusal) as refused:
            await asked
        assert refused.value.code == code
    assert len(await one_desk.ids("Device")) == 2


__all__ = ["one_desk"]


async def test_every_change_of_a_camera_stands_in_the_trail_without_its_address_or_login(
    ward: Ward, database: Database
) -> None:
    nurse = Caller(id="account-head", role="nurse")
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"), by=nurse)
    await ward.cameras.move("bed-1", ward.source("NICU-02"), by=nurse)
    await ward.cameras.hang("bed-1", "bed-2", by=nurse)
    await ward.cameras.switch("bed-1", is_on=False, by=nurse)
    await ward.cameras.switch("bed-1", is_on=True)
    for asked in (ward.cameras.switch("bed-9", is_on=True), ward.cameras.hang("bed-9", "bed-2")):
        with pytest.raises(Refusal):
            await asked
    query = Query.composed("trail", "select caller, interaction, coalesce(query, '') from audit order by seq")
    async with database.connection("owner") as owner:
        told = [tuple(row) for row in await owner.all(query)]
    deeds = ["register-camera", "change-camera-login", "hang-camera", "retire-camera", "return-camera"]
    assert [row[1] for row in told] == deeds, "and nothing of what was refused"
    assert [row[0] for row in told] == ["account-head"] * 4 + ["command-line"]
    assert not [
        row
        for row in told
        if "%3A%2F%2F" in row[2] or "://" in row[2] or LOGIN.password in row[2] or LOGIN.user in row[2]
    ]


async def test_a_credential_is_told_to_the_trail_and_never_itself(ward: Ward, database: Database) -> None:
    head = Caller(id="account-head", role="nurse")
    await ward.cameras.add("bed-1", Kind.WHIP, None, by=head)
    given = await ward.cameras.new_credential("bed-1", by=head)
    assert await ward.cameras.credential_ends() == {"bed-1": given.until}
    await ward.cameras.take_credentials_back("bed-1")
    assert await ward.cameras.credential_ends() == {}
    with pytest.raises(Refusal):
        await ward.cameras.new_credential("bed-9")
    query = Query.composed("trail", "select caller, interaction, coalesce(query, '') from audit order by seq")
    async with database.connection("owner") as owner:
        told = [tuple(row) for row in await owner.all(query)]
    assert [row[:2] for row in told] == [
        ("account-head", "register-camera"),
        ("account-head", "give-camera-credential"),
        ("command-line", "take-camera-credential"),
    ]
    assert not [row for row in told if given.text in row[2]]
