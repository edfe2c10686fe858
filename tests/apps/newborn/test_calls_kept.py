"""A call to the nurse, and her answer, stand in record and trail whatever dies, or says no, in between."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest

from tests.apps.newborn.test_keeper import live
from tests.apps.newborn.ward import QIN, WHY, MadeWard, made_ward
from tests.services.realtime.made import Client, camera, until, viewer
from tests.services.realtime.running import Running, embedded
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.call_ward import answer_family, call_ward
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.live.recording import write_standing
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_visit import AtDoor
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Addresses, Database, Transaction
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import AuditEvent
from tianfu.records.columns import Statement
from tianfu.records.outcomes import Found
from tianfu.records.store import Store
from tianfu.records.trail.lanes import EventWriter
from tianfu.services.booking.stations import Shown
from tianfu.services.realtime.kept import Changing, KeptRoom, KeptRooms
from tianfu.services.realtime.port import MediaPort
from tianfu.services.realtime.viewing import ViewTrail

pytestmark = pytest.mark.anyio

NOBODY = cast("Any", None)
CALL, ANSWER, HEARD = ("call-ward", "success"), ("answer-family", "success"), ("hear-ward", "success")


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with embedded() as started:
        yield started


@pytest.fixture
async def ward(database: Database, running: Running) -> AsyncIterator[MadeWard]:
    async with made_ward(database, running) as made:
        yield made


@pytest.fixture
async def keeper(ward: MadeWard, running: Running) -> AsyncIterator[Keeper]:
    """The keeper of a visit whose picture is shown."""
    lens: Client = await camera(running.port, "camera-7")
    kept = await live(ward)
    await kept.write_down()
    yield kept
    await lens.peer.close()


class Full:
    """A record store that takes nothing."""

    def __init__(self, store: Store) -> None:
        self.read_many, self.search = store.read_many, store.search

    async def transaction(self, *_: object) -> None:
        raise Refusal("disk-full")


class Untraced:
    """A trail that takes nothing."""

    @property
    def writer(self) -> Untraced:
        return self

    def linked(self, transaction: Transaction, events: Sequence[AuditEvent]) -> None:
        raise Refusal("audit-heads-not-written")


class Unheard:
    """A trail that takes everything but that the ward is heard."""

    def __init__(self, lanes: EventWriter) -> None:
        self.writer, self._lanes = self, lanes

    def linked(self, transaction: Transaction, events: Sequence[AuditEvent]) -> Statement | None:
        if any(each.deed.interaction == "hear-ward" for each in events):
            raise Refusal("audit-heads-not-written")
        return self._lanes.linked(transaction, events)


class Told:
    """The media server, and what it was told of the ward's sound; or one that cannot be told."""

    def __init__(self, media: MediaPort, *, is_away: bool = False) -> None:
        self._media, self._is_away = media, is_away
        self.told: list[bool] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._media, name)

    async def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        self.told.append(is_heard)
        if self._is_away:
            raise Refusal("media-unavailable")
        await self._media.hear_ward(visit, is_heard=is_heard)


class Uncommitted(KeptRooms):
    """Tables in which the first change is rolled back at its end."""

    fails = 1

    @asynccontextmanager
    async def changing(self, visit: str, *, waits_seconds: float | None = None) -> AsyncIterator[Changing]:
        """As it was."""
        async with super().changing(visit, waits_seconds=waits_seconds) as changing:
            yield changing
            self.fails -= 1
            if self.fails >= 0:
                raise Refusal("database-unavailable")


async def calls(ward: MadeWard, question: str = "talk", *, house: House | None = None) -> None:
    """The mother of the seventh baby calls."""
    used = house or ward.house
    nursery = Nursery(
        store=cast("Any", used.store),
        places=NOBODY,
        claims=NOBODY,
        interpreters=NOBODY,
        stations=NOBODY,
        wordings=NOBODY,
        clock=ward.clock,
    )
    shown = Shown(visit="visit-7", until=Instant(0), may_talk=True)
    family = AtDoor(caller=Caller(id="account-mother", role="citizen"), shown=shown, ward="")
    windows = Windows(nursery=nursery, house=used, grants=NOBODY, viewers=NOBODY)
    await call_ward(windows, family, "visit-7", question, "")


async def waiting(ward: MadeWard) -> str:
    """The last call's name, as it stands in a page that was loaded just now."""
    call = (await ward.standing(7)).call
    return "" if call is None else call.name


async def answers(ward: MadeWard, answer: str, said: str = "", *, house: House | None = None) -> None:
    used, now = house or ward.house, ward.clock()
    await answer_family(used, QIN, "qin", "visit-7", answer, said, seen=await waiting(ward), now=now)


async def told(ward: MadeWard) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in await ward.trail("call-ward", "answer-family")]


async def known(ward: MadeWard) -> dict[str, dict[str, Any]]:
    """The calls ("c") and answers ("a") of which the record knows, of those that stand."""
    standing = await ward.standing(7)
    names = [f"visit-7-{kind}-{each.at}" for each in standing.calls_to_tell for kind in "ca"]
    found = await ward.store.read_many(VISITS, WHY, [("Communication", each) for each in names])
    return {name: answer.record.value for name, answer in zip(names, found, strict=True) if isinstance(answer, Found)}


async def killed(ward: MadeWard, addresses: Addresses, deed: str) -> None:
    """A process of its own does a deed and is killed as soon as it stands."""
    words = {
        "admin": addresses.admin,
        "secret": addresses.secret.hex(),
        "now": ward.clock(),
        "deed": deed,
        "visit": "visit-7",
        "seen": await waiting(ward),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.apps.newborn.dying", stdin=asyncio.subprocess.PIPE
    )
    await process.communicate(orjson.dumps(words))
    assert process.returncode == -signal.SIGKILL


async def test_what_stood_when_a_worker_was_killed_is_in_the_trail_and_the_keeper_has_it_written(
    ward: MadeWard, keeper: Keeper, addresses: Addresses
) -> None:
    await killed(ward, addresses, "call")
    assert (await ward.standing(7)).is_calling
    assert await told(ward) == [CALL]
    assert not await known(ward)
    await keeper.write_down()
    [call] = (await known(ward)).values()
    assert call["payload"][1] == {"contentString": "once"}
    await killed(ward, addresses, "answer")
    assert not (await ward.standing(7)).is_calling
    assert await told(ward) == [CALL, ANSWER]
    assert len(await known(ward)) == 1
    await keeper.write_down()
    _, answer = (await known(ward)).values()
    assert answer["payload"][1] == {"contentString": "I come."}
    await keeper.write_down()
    assert [each["meta"]["versionId"] for each in (await known(ward)).values()] == ["1", "1"]


async def test_what_cannot_be_traced_does_not_stand(ward: MadeWard, keeper: Keeper) -> None:
    trail = ViewTrail(auditor=cast("Any", Untraced()), clock=ward.clock)
    with pytest.raises(Refusal, match="audit-heads-not-written"):
        await calls(ward, house=replace(ward.house, trail=trail))
    assert (await ward.standing(7)).call is None
    await calls(ward)
    with pytest.raises(Refusal, match="audit-heads-not-written"):
        await answers(ward, "coming", house=replace(ward.house, trail=trail))
    assert (await ward.standing(7)).is_calling


async def test_a_call_that_is_not_written_yet_is_not_lost_by_the_next(ward: MadeWard, keeper: Keeper) -> None:
    full = replace(ward.house, store=cast("Any", Full(ward.store)))
    await calls(ward, "talk", house=full)
    await answers(ward, "coming", house=full)
    await calls(ward, "when-back", house=full)
    assert len((await ward.standing(7)).calls_to_tell) == 2
    assert not await known(ward)
    await keeper.write_down()
    words = [each["payload"][0]["contentString"] for each in (await known(ward)).values()]
    assert words == ["talk", "coming", "when-back"]
    await answers(ward, "later")
    await keeper.write_down()
    await calls(ward, "other")
    assert (await ward.standing(7)).earlier == (), "what is written is kept no longer"


async def test_a_voice_that_nobody_hears_is_no_answer(ward: MadeWard, keeper: Keeper) -> None:
    away = Told(ward.running.port, is_away=True)
    await calls(ward)
    with pytest.raises(Refusal, match="media-unavailable"):
        await answers(ward, "voice", house=replace(ward.house, media=cast("Any", away)))
    standing = await ward.standing(7)
    assert (standing.is_calling, standing.is_ward_heard) == (True, False)
    assert away.told == [True]
    await keeper.write_down()
    assert await told(ward) == [CALL]
    assert len(await known(ward)) == 1
    await answers(ward, "voice")
    assert (await ward.standing(7)).is_ward_heard
    assert [row[:2] for row in await ward.trail("answer-family", "hear-ward")] == [ANSWER, HEARD]


async def test_a_voice_of_which_the_trail_takes_only_half_is_no_answer_and_nobody_hears_it(
    ward: MadeWard, keeper: Keeper
) -> None:
    await calls(ward)
    media = Told(ward.running.port)
    lanes = Unheard(ward.house.trail.auditor.writer)
    trail = ViewTrail(auditor=cast("Any", lanes), clock=ward.clock)
    with pytest.raises(Refusal, match="audit-heads-not-written"):
        await answers(ward, "voice", house=replace(ward.house, media=cast("Any", media), trail=trail))
    assert (await ward.standing(7)).is_calling
    assert await told(ward) == [CALL]
    assert media.told == []
    with pytest.raises(Refusal, match="audit-heads-not-written"):
        await set_sound(replace(ward.house, media=cast("Any", media), trail=trail), QIN, "visit-7", Sound.WARD_ON)
    assert not (await ward.standing(7)).is_ward_heard
    assert media.told == []


async def test_a_ward_that_is_heard_before_the_commit_fails_is_heard_no_more(ward: MadeWard, keeper: Keeper) -> None:
    await calls(ward)
    media = Told(ward.running.port)
    for already in (False, True):
        if already:
            await set_sound(ward.house, QIN, "visit-7", Sound.WARD_ON)
        media.told.clear()
        rooms = Uncommitted(ward.database)
        with pytest.raises(Refusal, match="database-unavailable"):
            await answers(ward, "voice", house=replace(ward.house, media=cast("Any", media), rooms=rooms))
        assert media.told == [True, already], "what stands is what is heard"
        assert (await ward.standing(7)).is_calling
    media.told.clear()
    rooms = Uncommitted(ward.database)
    rooms.fails = 2
    with pytest.raises(Refusal, match="database-unavailable"):
        await answers(ward, "voice", house=replace(ward.house, media=cast("Any", media), rooms=rooms))
    assert media.told[-1] is False, "nobody could say what stands"


async def test_whoever_is_killed_while_she_answers_by_voice_has_told_the_family_of_none(
    ward: MadeWard, keeper: Keeper, addresses: Addresses
) -> None:
    await calls(ward)
    await killed(ward, addresses, "voice")
    standing = await ward.standing(7)
    assert (standing.is_calling, standing.is_ward_heard) == (True, False)
    assert await told(ward) == [CALL]


async def test_what_a_dead_worker_told_the_media_server_lasts_until_the_next_lease(ward: MadeWard) -> None:
    lens = await camera(ward.running.port, "camera-7")
    media = Told(ward.running.port)
    ward.house = replace(ward.house, media=cast("Any", media))
    keeper = await live(ward)
    mother = await viewer(ward.running.port, "visit-7", "mother")
    await ward.running.port.hear_ward("visit-7", is_heard=True)  # and was killed before that stood
    lens.send_sound("ward", b"w", range(5))
    await until(lambda: len(mother.sounds("ward")) == 5)
    media.told.clear()
    keeper.lease_now()
    await keeper.tick()
    assert media.told == [False]
    lens.send_sound("ward", b"x", range(5, 10))
    await set_sound(ward.house, QIN, "visit-7", Sound.WARD_ON)
    lens.send_sound("ward", b"y", range(10, 15))
    await until(lambda: b"y" in mother.sounds("ward"))
    assert b"x" not in mother.sounds("ward")
    media.told.clear()
    keeper.lease_now()
    await keeper.tick()
    assert media.told == [True], "what stands is told again"
    await asyncio.gather(mother.peer.close(), lens.peer.close())


async def test_of_two_who_answer_only_whose_answer_it_is_lets_the_ward_be_heard(ward: MadeWard, keeper: Keeper) -> None:
    media = Told(ward.running.port)
    await calls(ward)
    await answers(ward, "coming")
    with pytest.raises(Refusal, match="call-answered"):
        await answers(ward, "voice", house=replace(ward.house, media=cast("Any", media)))
    assert media.told == []
    assert not (await ward.standing(7)).is_ward_heard


async def test_a_keeper_that_read_the_row_before_her_answer_leaves_it_as_it_is(ward: MadeWard, keeper: Keeper) -> None:
    await calls(ward)
    before = await ward.house.rooms.find("visit-7")
    assert before is not None
    await answers(ward, "coming")
    await keeper._finish(before)
    _, answer = (await known(ward)).values()
    assert (answer["status"], answer["meta"]["versionId"]) == ("completed", "1")


async def test_a_keeper_that_read_the_row_before_the_curtain_was_drawn_writes_nothing_older(
    ward: MadeWard, keeper: Keeper
) -> None:
    await calls(ward)
    before = await ward.house.rooms.find("visit-7")
    assert before is not None
    await draw_curtain(ward.house, QIN, "visit-7", "feeding", now=ward.clock())
    await keeper.write_down()
    await keeper._finish(before)
    assert (await ward.read("Encounter", "visit-7"))["status"] == "onleave"
    assert (await ward.booked(7)).state is State.SHIELDED


async def test_who_writes_a_visit_while_somebody_writes_what_is_newer_is_refused(
    ward: MadeWard, keeper: Keeper
) -> None:
    class Slow(KeptRooms):
        async def find(self, visit: str) -> KeptRoom | None:
            """As it was a moment ago."""
            before = await super().find(visit)
            await draw_curtain(ward.house, QIN, visit, "feeding", now=ward.clock())
            await write_standing(ward.house, visit)
            return before

    await calls(ward)
    # Without it, only the Encounter's version tells.
    await ward.store.delete(VISITS, WHY, "Appointment", "visit-7")
    with pytest.raises(Refusal, match="version-conflict"):
        await write_standing(replace(ward.house, rooms=Slow(ward.database)), "visit-7")
    assert (await ward.read("Encounter", "visit-7"))["status"] == "onleave"


async def test_what_somebody_else_made_of_a_call_stays(ward: MadeWard, keeper: Keeper) -> None:
    await calls(ward)
    [name] = await known(ward)
    mended = {key: value for key, value in (await known(ward))[name].items() if key not in {"id", "meta"}}
    await ward.write(name, **{**mended, "status": "entered-in-error"})
    await answers(ward, "coming")
    await keeper.write_down()
    assert (await known(ward))[name]["status"] == "entered-in-error"
