"""The same pages over the real record store, which decides what everybody may see."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson
import pytest

from tests.apps.trust.conftest import PURPOSES, Clock, session_of
from tests.apps.trust.made_up import DOCTOR, HER_NUMBER, OFFICER, OTHER_DOCTOR, WOMAN, made_up_world
from tests.apps.trust.memory_store import minutes
from tests.apps.trust.test_pages import REASON, lines, words
from tests.desk import DESK
from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of
from tests.web.conftest import NOON, made_up_assets
from tests.web.letting_in import doorkeeping
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.routes import trust
from tianfu.db import Database
from tianfu.db.queries import Query
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, NotFound
from tianfu.records.store import Store
from tianfu.records.trail import reading
from tianfu.records.trail.reading import TrailEvent, TrailQuestion
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.fhir.parsing import parse_resource
from tianfu.web.site import SiteSettings, build_site

pytestmark = pytest.mark.anyio

CONSENTS = "/trust/people/w-hospital/consents"
REGISTRAR = Caller(id="registrar-1", role="registrar", practitioner="p9", organisation="house")


@pytest.fixture
async def store(database: Database, clock: Clock) -> Store:
    """The made-up people and records, written into a fresh database."""
    keys = made_up_keys(b"s" * 32)
    opened = await Store.open(database, auditor=await auditor_of(database), clock=clock, keys=keys)
    for (_, identity), versions in made_up_world().versions.items():
        await opened.update(DESK, Purpose.TREATMENT, parse_resource(versions[-1].text), identity)
    return opened


@dataclass(frozen=True, slots=True)
class Door:
    """Pages of the app, opened as whom a test says."""

    client: httpx.AsyncClient
    clock: Clock

    async def get(self, caller: Caller, path: str) -> httpx.Response:
        return await self._sent(caller, "GET", path)

    async def post(self, caller: Caller, path: str, **form: str) -> httpx.Response:
        return await self._sent(caller, "POST", path, data=form)

    async def _sent(self, caller: Caller, method: str, path: str, **more: Any) -> httpx.Response:
        self.client.cookies.clear()
        self.client.cookies.set("session", session_of(caller))
        return await self.client.request(method, path, headers={"sec-fetch-site": "same-origin"}, **more)


@pytest.fixture
async def door(store: Store, clock: Clock) -> AsyncIterator[Door]:
    site = build_site(
        apps=[trust(store, clock=clock)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False),
        doorkeeping=doorkeeping(),
        clock=clock,
        assets=made_up_assets(),
    )
    transport = httpx.ASGITransport(site)  # type: ignore[arg-type]  # httpx types ASGI's callables more narrowly
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=True) as client:
        yield Door(client, clock)


async def seen(store: Store, caller: Caller, purpose: Purpose, kind: str, identity: str) -> bool:
    """Whether a record may be seen."""
    answer = await store.read(caller, purpose, kind, identity)
    assert isinstance(answer, Found | NotFound)
    return isinstance(answer, Found)


async def break_the_glass(door: Door, caller: Caller = DOCTOR, **changes: str) -> httpx.Response:
    form = {"patient": "w-hospital", "kind": "unconscious", "reason": REASON, "understood": "yes", **changes}
    return await door.post(caller, "/trust/emergency", **form)


async def test_the_glass_opens_the_record_for_half_an_hour_and_no_longer(
    door: Door, store: Store, clock: Clock
) -> None:
    allergy = (store, DOCTOR, Purpose.EMERGENCY, "AllergyIntolerance", "a1")
    assert not await seen(*allergy)
    page = await break_the_glass(door)
    assert "青霉素" in words(page.text)
    assert await seen(*allergy)
    clock.now = Instant(NOON + minutes(30))
    assert not await seen(*allergy)
    over = await door.get(DOCTOR, page.url.path)
    assert "紧急查看已结束" in words(over.text)
    assert "青霉素" not in over.text


async def test_it_opens_for_nobody_else_and_for_nothing_else(door: Door, store: Store) -> None:
    await break_the_glass(door)
    assert not await seen(store, OTHER_DOCTOR, Purpose.EMERGENCY, "AllergyIntolerance", "a1")
    assert not await seen(store, DOCTOR, Purpose.TREATMENT, "AllergyIntolerance", "a1")


async def test_ending_closes_it_at_once(door: Door, store: Store, clock: Clock) -> None:
    page = await break_the_glass(door)
    clock.now = Instant(NOON + minutes(4))
    await door.post(DOCTOR, f"{page.url.path}/end")
    assert not await seen(store, DOCTOR, Purpose.EMERGENCY, "AllergyIntolerance", "a1")


async def test_an_identity_number_opens_all_records_of_a_person_whom_the_doctor_cannot_see(
    door: Door, store: Store
) -> None:
    page = await break_the_glass(door, patient="", number=HER_NUMBER)
    assert "青霉素" in words(page.text)
    assert await seen(store, DOCTOR, Purpose.EMERGENCY, "Patient", "w-centre")


async def test_without_a_reason_nothing_opens(door: Door, store: Store) -> None:
    assert (await break_the_glass(door, reason="急")).status_code == 422
    assert not await seen(store, DOCTOR, Purpose.EMERGENCY, "AllergyIntolerance", "a1")


async def test_a_patient_who_is_not_there_is_not_found_and_nobody_is_told(door: Door, store: Store) -> None:
    answer = await break_the_glass(door, patient="nobody-at-all")
    assert answer.status_code == 404
    assert "没有等待复核的" in words((await door.get(OFFICER, "/trust/reviews")).text)


async def test_the_person_is_told_and_the_officer_reviews_what_he_may_see(
    door: Door, store: Store, clock: Clock
) -> None:
    await break_the_glass(door)
    clock.now = Instant(NOON + minutes(31))
    notices = words((await door.get(WOMAN, "/trust/people/w-hospital/notices")).text)
    assert "周岚" in notices
    assert REASON in notices
    queue = (await door.get(OFFICER, "/trust/reviews")).text
    found = re.search(r'href="(/trust/reviews/[^"]+)"', queue)
    assert found is not None
    case = (await door.get(OFFICER, found[1])).text
    assert "温知夏" not in case
    assert REASON in words(case)
    version = re.search(r'name="version" value="(\d+)"', case)
    assert version is not None
    form = {"verdict": "justified", "comment": "核对了急诊登记", "answer": "医生当时在抢救您。", "version": version[1]}
    assert "已保存" in words((await door.post(OFFICER, found[1], **form)).text)
    assert "医生当时在抢救您。" in words((await door.get(WOMAN, "/trust/people/w-hospital/notices")).text)
    assert not await seen(store, OFFICER, Purpose.OPERATIONS, "AllergyIntolerance", "a1")


async def test_what_was_not_justified_closes_at_once(door: Door, store: Store) -> None:
    await break_the_glass(door)
    found = re.search(r'href="(/trust/reviews/[^"]+)"', (await door.get(OFFICER, "/trust/reviews")).text)
    assert found is not None
    form = {"verdict": "not-justified", "comment": "没有急诊登记", "answer": "我们认为没有理由。", "version": "1"}
    await door.post(OFFICER, found[1], **form)
    assert not await seen(store, DOCTOR, Purpose.EMERGENCY, "AllergyIntolerance", "a1")


VISIT = {
    "resourceType": "Encounter",
    "id": "v1",
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "subject": {"reference": "Patient/w-hospital"},
    "participant": [{"individual": {"reference": "Practitioner/p7"}}],
    "serviceProvider": {"reference": "Organization/house"},
    "period": {"start": "2026-11-23T08:00:00+08:00"},
}


async def decided(door: Door, key: str, decision: str, caller: Caller = WOMAN, **more: str) -> httpx.Response:
    return await door.post(caller, f"{CONSENTS}/{key}", decision=decision, text="1", **more)


async def test_a_no_closes_the_record_to_the_doctor_who_treats_and_a_withdrawal_opens_it(
    door: Door, store: Store
) -> None:
    await store.update(DESK, Purpose.TREATMENT, parse_resource(orjson.dumps(VISIT)), "v1")
    allergy = (store, DOCTOR, Purpose.TREATMENT, "AllergyIntolerance", "a1")
    assert await seen(*allergy)
    await decided(door, "treatment-sharing", "deny")
    assert not await seen(*allergy)
    await door.post(WOMAN, f"{CONSENTS}/treatment-sharing/withdrawal")
    assert await seen(*allergy)


@pytest.mark.parametrize("key", ["treatment-sharing", "public-health-follow-up"])
async def test_a_general_yes_is_kept_although_it_names_no_institution(door: Door, key: str) -> None:
    assert (await decided(door, key, "permit")).status_code == 200
    assert "已同意" in words((await door.get(WOMAN, CONSENTS)).text)


async def test_a_no_does_not_stand_in_the_way_of_an_emergency(door: Door, store: Store) -> None:
    await decided(door, "treatment-sharing", "deny")
    assert "青霉素" in words((await break_the_glass(door)).text)


async def test_a_yes_to_an_institution_opens_what_it_says_until_it_is_taken_back(door: Door, store: Store) -> None:
    """A doctor of the institution who treats her sees what is specially protected, and then no more."""
    hiv = {
        "resourceType": "Condition",
        "id": "c9",
        "subject": {"reference": "Patient/w-hospital"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "B24"}]},
    }
    await store.update(DESK, Purpose.TREATMENT, parse_resource(orjson.dumps(hiv)), "c9")
    condition = (store, OTHER_DOCTOR, Purpose.TREATMENT, "Condition", "c9")
    assert not await seen(*condition)
    await decided(door, "special-hiv", "permit", institution="house")
    assert await seen(*condition)
    await door.post(WOMAN, f"{CONSENTS}/special-hiv/withdrawal", institution="house")
    assert not await seen(*condition)


async def test_a_mother_decides_for_her_child_and_sees_the_history(door: Door, store: Store) -> None:
    at = "/trust/people/child/consents"
    page = await door.post(WOMAN, f"{at}/research", decision="deny", text="1")
    assert "已记下您不同意" in words(page.text)
    await door.post(WOMAN, f"{at}/research/withdrawal")
    history = words((await door.get(WOMAN, f"{at}/research/history")).text)
    assert history.index("撤回") < history.index("不同意 2026")
    assert "监护人" in history


async def test_a_stranger_finds_neither_consents_nor_notices(door: Door) -> None:
    stranger = replace(WOMAN, id="citizen-2", patients=("child",), related=())
    for page in ("consents", "notices"):
        assert (await door.get(stranger, f"/trust/people/w-hospital/{page}")).status_code == 404
    assert (await decided(door, "research", "deny", stranger)).status_code == 404


LEDGER = "/trust/people/w-hospital/ledger"


async def test_the_ledger_tells_of_the_glass_that_was_broken(door: Door) -> None:
    await break_the_glass(door)
    page = (await door.get(WOMAN, LEDGER)).text
    [line] = [each for each in lines(page) if "为了急救" in each]
    for said in ("周岚", "医生", "示例医院", "情况紧急", "过敏和警示", "诊断"):
        assert said in line
    assert "为了急救" in words((await door.get(WOMAN, f"{LEDGER}?sort=emergency&month=2026-11")).text)
    assert "没有紧急查看" in words((await door.get(WOMAN, f"{LEDGER}?sort=emergency&month=2026-10")).text)


async def test_ones_own_looks_are_ones_own(door: Door) -> None:
    await door.get(WOMAN, LEDGER)
    assert lines((await door.get(WOMAN, f"{LEDGER}?sort=own")).text) != []
    assert all("开发者" in each for each in lines((await door.get(WOMAN, LEDGER)).text))


async def test_an_objection_is_reviewed_with_what_was_looked_at_and_answered_in_its_line(door: Door) -> None:
    await break_the_glass(door)
    page = (await door.get(WOMAN, LEDGER)).text
    look = next(each for each in page.split('<li class="look"') if "过敏和警示" in each)
    address = re.search(r'href="([^"]+/objection\?[^"]+)"', look)
    assert address is not None
    form = (await door.get(WOMAN, html.unescape(address[1]))).text
    fields = dict(re.findall(r'<input type="hidden" name="(event|at)" value="([^"]*)"', form))
    sent = await door.post(WOMAN, LEDGER.replace("ledger", "objection"), **fields, reason="那天我没有去过这家医院")
    assert "异议已提交" in words(sent.text)
    queue = (await door.get(OFFICER, "/trust/reviews")).text
    row = next(each for each in queue.split("<li ") if "异议" in each)
    case = re.findall(r'href="(/trust/reviews/[^"]+)"', row)[0]
    shown = words((await door.get(OFFICER, case)).text)
    assert "那天我没有去过这家医院" in shown
    assert "过敏和警示" in shown
    answer = {"verdict": "not-justified", "comment": "没有急诊登记", "answer": "您说得对，已经处理。", "version": "1"}
    await door.post(OFFICER, case, **answer)
    assert "您说得对，已经处理。" in words((await door.get(WOMAN, LEDGER)).text)


async def test_a_mother_reads_her_childs_ledger_and_nobody_else_does(door: Door, store: Store) -> None:
    at = "/trust/people/child/ledger"
    assert "谁看过单小满的档案" in words((await door.get(WOMAN, at)).text)
    stranger = replace(WOMAN, id="citizen-2", patients=("w-hospital",), related=())
    assert (await door.get(stranger, at)).status_code == 404
    with pytest.raises(Refusal):
        await store.ledger(stranger, Purpose.PATIENT_REQUEST, ["child"], limit=10)


async def test_only_who_may_break_the_glass_finds_by_the_whole_number(door: Door, store: Store) -> None:
    found = await store.locate(DOCTOR, Purpose.EMERGENCY, IDENTITY_NUMBER, HER_NUMBER)
    assert sorted(found) == ["w-centre", "w-hospital"]
    assert await store.locate(DOCTOR, Purpose.EMERGENCY, IDENTITY_NUMBER, HER_NUMBER[:-1] + "?") == []
    for caller, purpose in (
        (DOCTOR, Purpose.TREATMENT),
        (OFFICER, Purpose.OPERATIONS),
        (OFFICER, Purpose.TREATMENT),
        (REGISTRAR, Purpose.OPERATIONS),
        (WOMAN, Purpose.PATIENT_REQUEST),
    ):
        with pytest.raises(Refusal):
            await store.locate(caller, purpose, IDENTITY_NUMBER, HER_NUMBER)
    assert "为了急救" in words((await door.get(WOMAN, LEDGER)).text)


TRAIL = "/trust/trail"
OLD_EVENT = Query.composed(
    "old_event",
    "insert into audit (at, writer, caller, role, purpose, interaction, rule, outcome, rids, prids, request)"
    " values (%(at)s, gen_random_uuid(), 'old', 'desk', 'TREAT', 'read', 'r', 'success', '{}', '{}', '')",
)


async def asked(store: Store, **wanted: Any) -> list[TrailEvent]:
    """What the officer's store finds, newest first."""
    page = await store.audit_events(OFFICER, Purpose.OPERATIONS, TrailQuestion(**wanted), limit=200)
    return list(page.events)


async def looks(store: Store, clock: Clock) -> None:
    """Two doctors in two institutions and two sessions, one without a visit; a minute between them."""
    await store.update(DESK, Purpose.TREATMENT, parse_resource(orjson.dumps(VISIT)), "v1")
    elsewhere = replace(OTHER_DOCTOR, organisation="centre", session="session-8")
    for caller in (replace(DOCTOR, session="session-7"), elsewhere):
        clock.now = Instant(clock.now + minutes(1))
        await store.read(caller, Purpose.TREATMENT, "AllergyIntolerance", "a1")
    with pytest.raises(Refusal):
        await store.locate(elsewhere, Purpose.TREATMENT, IDENTITY_NUMBER, HER_NUMBER)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"organisations": ("centre",)}, ["locate", "read"]),
        ({"sessions": ("session-7",)}, ["read"]),
        ({"actors": ("doctor-8",)}, ["locate", "read"]),
        ({"actors": ("p7", "doctor-8")}, ["locate", "read", "read"]),
        ({"organisations": ("centre",), "outcomes": ("role-cannot-do-this",)}, ["locate"]),
        ({"organisations": ("centre",), "outcomes": ("not-found",)}, ["read"]),
        ({"sessions": ("session-8",), "actors": ("p7",)}, []),
    ],
)
async def test_the_trail_is_searched_by_institution_session_actor_and_refusal(
    store: Store, clock: Clock, wanted: dict[str, Any], found: list[str]
) -> None:
    await looks(store, clock)
    assert [event.interaction for event in await asked(store, **wanted)] == found


async def test_a_look_at_the_trail_stops_after_so_many_events_and_goes_on_from_there(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looks(store, clock)
    everything = await asked(store, before=clock.now + 1)
    monkeypatch.setattr(reading, "LOOKED_MAX", 3)
    wanted = TrailQuestion(interactions=("create", "update"), before=clock.now + 1)
    found: list[str] = []
    cursor: str | None = None
    stops = 0
    while True:
        page = await store.audit_events(OFFICER, Purpose.OPERATIONS, wanted, limit=200, cursor=cursor)
        found += [event.id for event in page.events]
        assert len(page.events) <= 3
        stops += page.looked_until is not None
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [event.id for event in everything if event.interaction in {"create", "update"}]
    assert found
    assert stops >= len(everything) // 3


async def test_taking_events_away_leaves_one_event_that_says_what_was_taken(store: Store, clock: Clock) -> None:
    await looks(store, clock)
    wanted = TrailQuestion(actors=("doctor-7",), patients=("w-hospital",))
    pages = [page async for page in await store.audit_export(OFFICER, Purpose.OPERATIONS, wanted, limit=10)]
    assert [event.interaction for page in pages for event in page.events] == ["read"]
    [told] = await asked(store, interactions=("audit_export",))
    assert (told.caller, told.patients, told.rule) == (OFFICER.id, ("Patient/w-hospital",), "officer-reads-the-trail")
    assert "doctor-7" in (told.query or "")


async def test_nobody_else_takes_the_trail_away(store: Store) -> None:
    for caller, purpose in ((DOCTOR, Purpose.TREATMENT), (OFFICER, Purpose.TREATMENT), (REGISTRAR, Purpose.OPERATIONS)):
        with pytest.raises(Refusal, match="role-cannot-do-this"):
            await store.audit_export(caller, purpose, TrailQuestion(), limit=10)
    own = [
        event
        async for page in await store.audit_export(WOMAN, Purpose.PATIENT_REQUEST, TrailQuestion(), limit=500)
        for event in page.events
    ]
    assert own
    assert {name for event in own for name in event.patients} <= {f"Patient/{each}" for each in WOMAN.patients}


async def test_an_event_tells_its_place_in_the_chain(store: Store, clock: Clock) -> None:
    await looks(store, clock)
    newest = (await asked(store))[0]
    assert newest.id == f"{newest.writer}-{newest.lane}-{newest.number}"
    assert await store.audit_event(OFFICER, Purpose.OPERATIONS, newest.id) == newest


async def test_an_event_from_before_the_chain_opens_by_its_place_in_time(store: Store, database: Database) -> None:
    async with database.connection("app") as connection:
        await connection.run(OLD_EVENT, at=5)
    [old] = await asked(store, callers=("old",))
    assert (old.id.rpartition("-")[0], old.lane, old.number) == ("before-5", None, None)
    assert await store.audit_event(OFFICER, Purpose.OPERATIONS, old.id) == old
    assert await store.audit_event(OFFICER, Purpose.OPERATIONS, "before-5-999999") is None


async def test_the_officer_finds_by_record_and_not_by_identity_number_who_looked_and_leaves_his_own_trace(
    door: Door, store: Store, clock: Clock
) -> None:
    await looks(store, clock)
    refused = await door.post(OFFICER, TRAIL, person=HER_NUMBER)
    assert refused.status_code == 422
    assert "您的岗位不能用身份证号查人" in words(refused.text)
    assert "周岚" not in words(refused.text)
    page = await door.post(OFFICER, TRAIL, person="w-hospital")
    assert page.status_code == 200
    assert HER_NUMBER not in str(refused.url) + str(page.url)
    assert "周岚" in words(page.text)
    for secret in ("温知夏", "青霉素", HER_NUMBER):
        assert secret not in page.text
    found = await asked(store, callers=(OFFICER.id,))
    assert {"locate", "audit_events"} <= {event.interaction for event in found}
    assert all(HER_NUMBER not in (event.query or "") for event in await asked(store))
    clock.now = Instant(clock.now + minutes(1))
    assert "监督员" in words((await door.get(WOMAN, LEDGER)).text)


async def test_an_event_opens_from_the_search_and_its_record_does_not(door: Door, store: Store, clock: Clock) -> None:
    await looks(store, clock)
    page = await door.get(OFFICER, f"{TRAIL}?who=doctor-7")
    address = re.search(r'class="what" href="([^"]+)"', page.text)
    assert address is not None
    event = await door.get(OFFICER, address[1])
    assert "AllergyIntolerance/a1" in event.text
    assert "青霉素" not in event.text
    assert not await seen(store, OFFICER, Purpose.OPERATIONS, "AllergyIntolerance", "a1")
    touching = await door.get(OFFICER, f"{TRAIL}?record=AllergyIntolerance/a1")
    assert "doctor-8" in touching.text or "骆青" in touching.text


def test_each_role_comes_for_something() -> None:
    assert {WOMAN.role, DOCTOR.role, OFFICER.role} <= set(PURPOSES)
