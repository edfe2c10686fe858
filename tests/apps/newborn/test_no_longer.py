"""Whose time as guardian, relative or interpreter is over reads nothing of the baby any more."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.apps.newborn.conftest import GRANDMOTHER, MOTHER, Browser, Ward
from tests.apps.newborn.test_family_way import Taken, accepted, counts
from tests.records.made import put
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions import interpret
from tianfu.apps.newborn.actions.interpret import ask_third, interpret_no_more, let_interpret
from tianfu.apps.newborn.actions.keep_slots import give_up_gone
from tianfu.apps.newborn.actions.thank import thank
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.notes import approved_note, note_resource
from tianfu.apps.newborn.queries.family_visit import coming_to, read_family_visit
from tianfu.apps.newborn.queries.records import changed, found_by, new, write_together
from tianfu.apps.newborn.queries.staying import GONE_AFTER
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Query
from tianfu.kernel.instants import DAY, SECOND, Instant, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.deeds import Deeds
from tianfu.records.outcomes import Found
from tianfu.services.booking.interpreters import Interpreting
from tianfu.services.realtime.kept import KeptRooms
from tianfu.services.realtime.viewers import Viewers

pytestmark = pytest.mark.anyio

WHY = Purpose.TREATMENT


def windows_of(ward: Ward) -> Windows:
    """What a page of a visit reads, where none is at the bed."""
    house = SimpleNamespace(
        rooms=KeptRooms(ward.house.database), media=None, store=ward.store, clock=ward.nursery.clock
    )
    viewers = Viewers(ward.house.database, b"k" * 32)
    return Windows(nursery=ward.nursery, house=cast("Any", house), grants=cast("Any", None), viewers=viewers)


class Grants(Taken):
    """Grants that are taken back, unless it is said why not."""

    fails: Exception | None = None

    def participant(self, visit: str, person: str) -> str:
        """A name of somebody in a visit."""
        return f"{visit}.{person}"[:60]

    async def revoke_person(self, caller: Caller, person: str, reason: str, *, visit: str | None) -> None:
        if self.fails is not None:
            raise self.fails
        await super().revoke_person(caller, person, reason, visit=visit)


async def rewritten(ward: Ward, kind: str, name: str, **changes: Any) -> None:
    """A record as another system writes it."""
    answer = await ward.store.read(VISITS, WHY, kind, name)
    assert isinstance(answer, Found)
    kept = {each: value for each, value in answer.record.value.items() if each not in {"meta", "resourceType", "id"}}
    await put(ward.store, kind, name, **{**kept, **changes})


async def booked(mother: Browser) -> str:
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    return str(visit)


async def test_whose_time_as_guardian_is_over_reads_nothing_of_a_visit_that_was_hers(ward: Ward) -> None:
    nurse, doctor = await ward.opened(), (await (await ward.staff("doctor")).here()).caller
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    visit, windows, now = await booked(mother), windows_of(ward), ward.house.time.now
    note = note_resource("演示：今天很好", baby="baby-3", author="made-doctor", now=now)
    await write_together(ward.store, doctor, [new(note)])
    [kept] = await found_by(ward.store, doctor, WHY, "Communication", patient="Patient/baby-3")
    await write_together(ward.store, doctor, [changed(approved_note(kept.value, "made-doctor"))])
    signed_in = await mother.here()
    found = await read_family_visit(windows, signed_in, visit)
    assert found.note is not None
    assert found.note.text == "演示：今天很好"
    callers = [row[0] for row in await ward.house.rows("select caller from audit where interaction = 'search'")]
    assert signed_in.caller.id in callers[-4:], "that she read how her baby is stands in her name"
    [related] = signed_in.caller.related
    for changes in ({"period": {"end": to_fhir_instant(Instant(now - DAY))}}, {"active": False}):
        await rewritten(ward, "RelatedPerson", related, **changes)
        with pytest.raises(Refusal, match="not-found"):
            await read_family_visit(windows, signed_in, visit)
        with pytest.raises(Refusal, match="not-found"):
            await ask_third(windows, signed_in, visit, {"name": "示例", "telephone": GRANDMOTHER, "sees": "yes"})
        await rewritten(ward, "RelatedPerson", related, active=True, period={"start": to_fhir_instant(now)})


async def accepted_to_interpret(windows: Windows, mother: Browser, helper: Browser, visit: str) -> Interpreting:
    """Who is no relative and may see was asked to interpret in a visit, and said yes; no nurse has agreed."""
    said = {"name": "示例外婆", "telephone": GRANDMOTHER, "sees": "yes"}
    await ask_third(windows, await mother.here(), visit, said)
    interpreters, signed_in = windows.nursery.interpreters, await helper.here()
    [asked] = await interpreters.for_person(signed_in)
    await interpreters.accept(signed_in, asked.id)
    return asked


async def test_who_interprets_learns_whose_baby_it_is_from_a_nurses_yes_until_the_visit_is_over(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, helper = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    visit, windows = await booked(mother), windows_of(ward)
    asked, signed_in = await accepted_to_interpret(windows, mother, helper, visit), await helper.here()
    found = await read_family_visit(windows, signed_in, visit)
    assert (found.baby, found.bed) == ("", ""), "no nurse has agreed yet"
    caller = (await nurse.here()).caller
    await ward.nursery.interpreters.agree(caller, visit, signed_in.account.id, practitioner="made-head", baby="baby-3")
    found = await read_family_visit(windows, signed_in, visit)
    assert (found.baby, found.bed) == ("示例宝宝3", "03床")
    ward.house.time.now = asked.until
    found = await read_family_visit(windows, signed_in, visit)
    assert (found.baby, found.bed, found.coming.may_see, found.coming.may_speak) == ("", "", False, False)
    told = {"picture": "good", "care": "good", "words": ""}
    await thank(replace(windows, grants=cast("Any", Grants())), signed_in, visit, told)
    await ward.nursery.interpreters.send_away(caller, visit, signed_in.account.id)
    with pytest.raises(Refusal, match="invitation-over"):
        await read_family_visit(windows, signed_in, visit)


async def test_who_interprets_learns_nothing_more_once_the_visit_is_given_up(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, helper = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    visit, windows = await booked(mother), windows_of(ward)
    await accepted_to_interpret(windows, mother, helper, visit)
    signed_in, caller = await helper.here(), (await nurse.here()).caller
    await ward.nursery.interpreters.agree(caller, visit, signed_in.account.id, practitioner="made-head", baby="baby-3")
    await mother.done(f"/newborn/visits/{visit}/cancel", reason="no-time")
    found = await read_family_visit(windows, signed_in, visit)
    assert (found.baby, found.bed) == ("", "")


async def test_an_invitation_lets_nobody_in_to_another_ward_nor_after_the_stay_for_which_it_was(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    visit, windows = await booked(mother), windows_of(ward)
    assert (await read_family_visit(windows, await grandmother.here(), visit)).bed == "03床"
    async with ward.house.database.connection("owner") as owner:
        await owner.run(Query.composed("moved", "update newborn_invitation set ward = 'ward-2'"))
    with pytest.raises(Refusal, match="not-found"):
        await coming_to(windows, await grandmother.here(), visit)
    async with ward.house.database.connection("owner") as owner:
        await owner.run(Query.composed("moved", "update newborn_invitation set ward = 'ward-1'"))
    await rewritten(ward, "Location", "bed-3", partOf={"reference": "Location/ward-2"})
    assert (await read_family_visit(windows, await grandmother.here(), visit)).bed == "", "it is another ward's bed"
    await rewritten(ward, "Location", "bed-3", partOf={"reference": "Location/ward-1"})
    await rewritten(ward, "Encounter", "stay-3", status="finished")
    seen_gone: dict[tuple[str, str], Instant] = {}
    await give_up_gone(ward.nursery, seen_gone)
    assert await ward.nursery.claims.invited("baby-3"), "it may be a mistake"
    ward.house.time.pass_(GONE_AFTER // SECOND)
    await give_up_gone(ward.nursery, seen_gone)
    assert not await ward.nursery.claims.invited("baby-3")
    assert not (await grandmother.here()).caller.related
    await rewritten(ward, "Encounter", "stay-3", status="in-progress")
    with pytest.raises(Refusal, match="invitation-over"):
        await coming_to(windows, await grandmother.here(), visit)


async def test_whom_the_end_of_a_stay_could_not_let_go_the_next_look_does(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    await mother.done("/newborn/invited/baby-3", name="示例外公", telephone="13800009998")
    invited = [each.related for each in await ward.nursery.claims.invited("baby-3")]
    await rewritten(ward, "Encounter", "stay-3", status="finished")
    seen_gone: dict[tuple[str, str], Instant] = {}
    grants = Grants()
    grants.fails = OSError("the disk is gone for a moment")
    nursery = replace(ward.nursery, taking=cast("Any", grants))
    await give_up_gone(nursery, seen_gone)
    ward.house.time.pass_(GONE_AFTER // SECOND)
    await give_up_gone(nursery, seen_gone)
    assert not await ward.nursery.claims.invited("baby-3")
    assert [await counts(ward, each) for each in invited] == [True, False], "one keeps no other"
    grants.fails = None
    for _ in range(2):
        await give_up_gone(nursery, seen_gone)
    assert grants.people == [(await grandmother.here()).account.id], "tried again, and let go once"
    assert not await counts(ward, invited[0])
    ended = await ward.house.rows("select prids from audit where interaction = 'end-invitation'")
    assert len(ended) == len(invited), "also who had not agreed"
    assert all(each[0] for each in ended), "of which baby"


async def test_a_relatives_voice_is_given_and_taken_with_the_trail_and_what_failed_is_done_by_the_next_touch(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    visit, grants = await booked(mother), Grants()
    windows = replace(windows_of(ward), grants=cast("Any", grants))
    caller, person = (await nurse.here()).caller, (await grandmother.here()).account.id
    viewers = windows.viewers
    await viewers.ask_interpreter(visit, person, now=ward.house.time.now)

    async def at_the_bed(*_: object) -> Any:
        return SimpleNamespace(baby="baby-3")

    async def full(*_: object, **__: object) -> None:
        raise Refusal("audit-queue-full", retryable=True)

    monkeypatch.setattr(interpret, "visit_of", at_the_bed)
    with monkeypatch.context() as slow, pytest.raises(Refusal, match="audit-queue-full"):
        slow.setattr(Deeds, "tell", full)
        await let_interpret(windows, caller, "made-head", visit, person)
    assert await viewers.interpreters(visit) == {person: False}
    await let_interpret(windows, caller, "made-head", visit, person)
    with monkeypatch.context() as slow, pytest.raises(Refusal, match="audit-queue-full"):
        slow.setattr(Deeds, "tell", full)
        await interpret_no_more(windows, caller, visit, person)
    assert await viewers.interpreters(visit) == {person: True}
    grants.fails = Refusal("audit-queue-full", retryable=True)
    with pytest.raises(Refusal, match="audit-queue-full"):
        await interpret_no_more(windows, caller, visit, person)
    assert await viewers.interpreters(visit) == {person: False}
    grants.fails = None
    await interpret_no_more(windows, caller, visit, person)
    assert grants.people == [person]
    told = [each[0] for each in await ward.house.events() if each[0] in {"let-interpret", "end-interpreting"}]
    assert told == ["let-interpret", "end-interpreting"]
    with pytest.raises(Refusal, match="not-found"):
        await interpret_no_more(windows, caller, visit, "nobody-asked-for")
