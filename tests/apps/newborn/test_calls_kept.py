"""A call to the nurse, and her answer, stand in record and trail whatever dies, or says no, in between."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest

from tests.apps.newborn.test_keeper import live
from tests.apps.newborn.ward import QIN, WHY, MadeWard, made_ward
from tests.services.realtime.made import Client, camera
from tests.services.realtime.running import Running, embedded
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.call_ward import answer_family, call_ward
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.live.recording import write_calls
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.calls import Answer
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_visit import AtDoor
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Addresses, Database, Transaction
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import AuditEvent
from tianfu.records.outcomes import Found
from tianfu.records.store import Store
from tianfu.services.booking.stations import Shown
from tianfu.services.realtime.viewing import ViewTrail

pytestmark = pytest.mark.anyio

NOBODY = cast("Any", None)
CALL, ANSWER = ("call-ward", "success"), ("answer-family", "success")


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


class Mute:
    """A media server that cannot turn the ward's sound on; what stood when it was asked, and is written meanwhile."""

    def __init__(self, ward: MadeWard) -> None:
        self._ward = ward
        self.answers: list[Answer | None] = []

    async def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        standing = await self._ward.standing(7)
        self.answers.append(None if standing.call is None else standing.call.answer)
        await write_calls(self._ward.store, standing)
        raise Refusal("media-unavailable")


async def calls(ward: MadeWard, question: str = "talk", *, house: House | None = None) -> None:
    """The mother of the seventh baby calls."""
    used = house or ward.house
    nursery = Nursery(
        store=cast("Any", used.store),
        places=NOBODY,
        claims=NOBODY,
        interpreters=NOBODY,
        stations=NOBODY,
        clock=ward.clock,
    )
    shown = Shown(visit="visit-7", until=Instant(0), may_talk=True)
    family = AtDoor(caller=Caller(id="account-mother", role="citizen"), shown=shown, ward="")
    windows = Windows(nursery=nursery, house=used, grants=NOBODY, viewers=NOBODY)
    await call_ward(windows, family, "visit-7", question, "")


async def answers(ward: MadeWard, answer: str, said: str = "", *, house: House | None = None) -> None:
    await answer_family(house or ward.house, QIN, "qin", "visit-7", answer, said, now=ward.clock())


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


async def test_who_answers_by_voice_has_answered_before_the_ward_is_heard(ward: MadeWard, keeper: Keeper) -> None:
    mute = Mute(ward)
    house = replace(ward.house, media=cast("Any", mute))
    await calls(ward)
    with pytest.raises(Refusal, match="media-unavailable"):
        await answers(ward, "voice", house=house)
    assert mute.answers == [Answer.VOICE]
    await answers(ward, "coming")
    with pytest.raises(Refusal, match="call-answered"):
        await answers(ward, "voice", house=house)
    assert len(mute.answers) == 1, "whose answer it is not turns no sound on"


async def test_a_voice_that_nobody_hears_is_no_answer_in_the_record_either(ward: MadeWard, keeper: Keeper) -> None:
    await calls(ward)
    with pytest.raises(Refusal, match="media-unavailable"):
        await answers(ward, "voice", house=replace(ward.house, media=cast("Any", Mute(ward))))
    standing = await ward.standing(7)
    assert standing.is_calling
    assert not standing.is_ward_heard
    assert await told(ward) == [CALL, ANSWER, ("answer-family", "media-unavailable")]
    answer = f"visit-7-a-{standing.calls_to_tell[0].at}"
    assert (await known(ward))[answer]["status"] == "completed", "it was written in between"
    await keeper.write_down()
    assert (await known(ward))[answer]["status"] == "entered-in-error"
    await answers(ward, "written", "I come.")
    written = (await known(ward))[answer]
    assert (written["status"], written["payload"][1]) == ("completed", {"contentString": "I come."})


async def test_what_somebody_else_made_of_a_call_stays(ward: MadeWard, keeper: Keeper) -> None:
    await calls(ward)
    [name] = await known(ward)
    mended = {key: value for key, value in (await known(ward))[name].items() if key not in {"id", "meta"}}
    await ward.write(name, **{**mended, "status": "entered-in-error"})
    await answers(ward, "coming")
    await keeper.write_down()
    assert (await known(ward))[name]["status"] == "entered-in-error"
