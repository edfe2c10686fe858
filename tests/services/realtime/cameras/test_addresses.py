"""One address is one camera's among those in use, so that two beds never show one baby."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from tests.services.realtime.cameras.conftest import LOGIN, Ward, children
from tianfu.db import Database, Query, UniqueViolation
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.registry import Kind, State
from tianfu.services.realtime.cameras.source import Source, read_source

pytestmark = pytest.mark.anyio


async def refused(asked: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as found:
        await asked
    return found.value.code


async def owner_runs(database: Database, text: str, **values: object) -> list[tuple[object, ...]]:
    async with database.transaction("owner") as owner:
        if not text.startswith("select"):
            await owner.run(Query.composed("by-hand", text), **values)
            return []
        return [tuple(row) for row in await owner.all(Query.composed("by-hand", text))]


def again(source: Source) -> Source:
    """The same place, written otherwise and with another login."""
    return read_source(source.address.replace("/NICU", "//x/../NICU") + "/", "another", "made up")


async def test_an_address_in_use_is_refused_however_it_is_given(ward: Ward) -> None:
    taken = ward.source("NICU-01")
    await ward.cameras.add("bed-1", Kind.RTSP, taken)
    await ward.cameras.add("bed-2", Kind.RTSP, ward.source("NICU-02"))
    for asked in (
        ward.cameras.add("bed-3", Kind.RTSP, again(taken)),
        ward.cameras.move("bed-2", again(taken)),
        ward.cameras.refuse_shared(again(taken)),
        ward.cameras.refuse_shared(again(taken), besides="bed-2"),
    ):
        assert await refused(asked) == "camera-address-known"
    assert [each.camera for each in await ward.cameras.kept()] == ["bed-1", "bed-2"]
    assert ward.cameras.source((await ward.cameras.kept())[1]) == ward.source("NICU-02"), "as before"


async def test_a_camera_does_not_stand_in_its_own_way(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await ward.cameras.refuse_shared(ward.source("NICU-01"), besides="bed-1")
    await ward.cameras.move("bed-1", again(ward.source("NICU-01")))
    await ward.cameras.switch("bed-1", is_on=True)
    await ward.cameras.switch("bed-1", is_on=False)
    await ward.cameras.switch("bed-1", is_on=True)


async def test_what_is_used_no_more_frees_its_address_and_comes_back_only_while_that_is_free(ward: Ward) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await ward.cameras.switch("bed-1", is_on=False)
    await ward.cameras.add("bed-2", Kind.RTSP, ward.source("NICU-01"))
    assert await refused(ward.cameras.switch("bed-1", is_on=True)) == "camera-address-known"
    assert not (await ward.cameras.kept())[0].is_on
    await ward.cameras.move("bed-2", ward.source("NICU-02"))
    await ward.cameras.switch("bed-1", is_on=True)
    assert (await ward.cameras.kept())[0].is_on


async def test_of_many_who_give_one_address_at_one_moment_one_gets_it(ward: Ward) -> None:
    asked = [ward.cameras.add(f"bed-{number}", Kind.RTSP, ward.source("NICU-01")) for number in range(8)]
    said = await asyncio.gather(*asked, return_exceptions=True)
    codes = [each.code for each in said if isinstance(each, Refusal)]
    assert (said.count(None), codes) == (1, ["camera-address-known"] * 7)
    assert len(await ward.cameras.kept()) == 1


async def test_the_database_itself_lets_no_two_cameras_in_use_have_one_address(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await ward.cameras.add("bed-2", Kind.RTSP, ward.source("NICU-02"))
    with pytest.raises(UniqueViolation):
        await owner_runs(database, "update camera set place = (select place from camera where camera = 'bed-1')")


async def test_what_stands_beside_a_camera_tells_no_address_and_needs_the_key(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await ward.cameras.add("cart-1", Kind.CART, None)
    camera, cart = await owner_runs(database, "select place, placed from camera order by camera")
    assert isinstance(camera[0], bytes | memoryview)
    assert (len(bytes(camera[0])), camera[1], cart) == (32, 1, (None, None))
    assert not [sign for sign in (b"127.0.0.1", b"NICU", LOGIN.user.encode()) if sign in bytes(camera[0])]


BEFORE = "update camera set place = null, placed = null, is_on = true"
"""As cameras stand that were registered by a program that kept no digests."""


async def test_cameras_of_before_count_as_soon_as_another_address_is_given(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await owner_runs(database, BEFORE)
    assert await refused(ward.cameras.add("bed-2", Kind.RTSP, again(ward.source("NICU-01")))) == "camera-address-known"
    await ward.cameras.add("bed-2", Kind.RTSP, ward.source("NICU-02"))
    assert await owner_runs(database, "select camera from camera where placed = revision") == [("bed-1",), ("bed-2",)]


async def test_an_address_that_an_older_program_changed_beside_us_counts_as_it_is_now(
    ward: Ward, database: Database
) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    [(old,)] = await owner_runs(database, "select place from camera")
    await ward.cameras.move("bed-1", ward.source("NICU-02"))
    await owner_runs(database, "update camera set place = %(old)s::bytea, placed = 1", old=old)
    assert await refused(ward.cameras.add("bed-2", Kind.RTSP, ward.source("NICU-02"))) == "camera-address-known"
    await ward.cameras.add("bed-2", Kind.RTSP, ward.source("NICU-01"))


@pytest.mark.slow
async def test_of_two_that_share_an_address_from_before_neither_is_pulled_until_one_has_another(
    ward: Ward, database: Database
) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await ward.cameras.switch("bed-1", is_on=False)
    await ward.cameras.add("bed-2", Kind.RTSP, again(ward.source("NICU-01")))
    await owner_runs(database, BEFORE)
    assert await refused(ward.cameras.add("bed-3", Kind.RTSP, ward.source("NICU-01"))) == "camera-address-known"
    async with ward.kept():
        for camera in ("bed-1", "bed-2"):
            await ward.stands(camera, State.REFUSED, "camera-address-known")
        assert not children("ffmpeg")
        assert not await ward.running.port.cameras()
        await ward.cameras.move("bed-2", ward.source("NICU-02"))
        for camera in ("bed-1", "bed-2"):
            await ward.stands(camera, State.HEALTHY)


@pytest.mark.slow
async def test_what_is_pulled_is_given_its_digest_as_it_begins(ward: Ward, database: Database) -> None:
    await ward.cameras.add("bed-1", Kind.RTSP, ward.source("NICU-01"))
    await owner_runs(database, BEFORE)
    async with ward.kept():
        await ward.stands("bed-1", State.HEALTHY)
    assert await owner_runs(database, "select camera from camera where placed = revision") == [("bed-1",)]
