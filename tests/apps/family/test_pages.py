"""The pages of family over a real store and real accounts: each way through, and each attack."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import httpx
import orjson
import pytest

from tests.made_up_keys import made_up_keys
from tests.permission_table import page_rows
from tests.records.made import put
from tests.services.accounts.conftest import CHEAP, MASTER, NOW, PARTY, House, Telephone, Time
from tests.trails import auditor_of, close_trails
from tests.web.conftest import made_up_assets
from tests.web.letting_in import MemoryBuckets, NothingToTell
from tianfu.access.caller import OPERATOR, Caller
from tianfu.access.naming import NAMED_MAX
from tianfu.access.purpose import Purpose
from tianfu.apps.family.mapping.namings import NAMING
from tianfu.apps.family.routes import Household, family, news_of_family
from tianfu.apps.lifelong.routes import lifelong
from tianfu.db import Addresses, Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest
from tianfu.records.store import Store
from tianfu.records.write import NAMING_SPACE, lock_slots
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.model.namings import DECLINED_MAX
from tianfu.services.accounts.model.people import Assurance, SignedIn
from tianfu.services.accounts.opening import Accounts, open_accounts
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.standards.fhir.parsing import parse_resource
from tianfu.web.callers import Callers, PeopleCallers
from tianfu.web.site import Doorkeeping, SiteSettings, build_site

pytestmark = pytest.mark.anyio

WHY = Purpose.PATIENT_REQUEST
HL7 = "http://terminology.hl7.org/CodeSystem"
CODES = f"{HL7}/v3-RoleCode"
ELDER, DAUGHTER, STRANGER = "13800001111", "13800002222", "13800003333"
NAMES = {ELDER: "示例老人", DAUGHTER: "示例女儿", STRANGER: "示例路人"}
HIV = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "B20"}]}
FLU = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "J10"}]}
FORM = {"name": NAMES[DAUGHTER], "telephone": DAUGHTER, "until": "2027-03-01", "what": "ordinary"}


@dataclass
class Resident:
    """Somebody at a browser, who signed in; each request is as a browser sends it."""

    place: Place
    entered: Entered
    telephone: str

    async def get(self, path: str) -> httpx.Response:
        return await self._sent("GET", path, None)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self._sent("POST", path, fields)

    async def _sent(self, method: str, path: str, data: dict[str, str] | None) -> httpx.Response:
        transport = httpx.ASGITransport(cast("Any", self.place.site))
        headers = {
            "sec-fetch-site": "same-origin",
            "accept-language": "en",
            "cookie": f"session={self.entered.secret}; device={self.entered.device}",
        }
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, data=data, headers=headers)

    async def here(self, accounts: Accounts | None = None) -> SignedIn:
        sessions = (accounts or self.place.house.accounts).sessions
        return await sessions.look_up(self.entered.secret, self.entered.device)

    async def sees(self, kind: str, record: str, accounts: Accounts | None = None) -> bool:
        caller = (await self.here(accounts)).caller
        return isinstance(await self.place.store.read(caller, WHY, kind, record), Found)

    async def names(self, **changes: str) -> str:
        """Name somebody; the number of the naming, as the page has it."""
        answer = await self.post("/family/name", **{**FORM, **changes})
        assert answer.headers.get("location") == "/family?done=named", answer.text
        return re.findall(r"/family/proxies/([0-9a-f-]{36})/end", (await self.get("/family")).text)[-1]

    async def offered(self) -> list[str]:
        return re.findall(r"/family/offers/([0-9a-f-]{36})/accept", (await self.get("/family")).text)


@dataclass
class Place:
    """A store with an elder's records in two libraries, and accounts of residents."""

    house: House
    store: Store
    site: Any
    patients: dict[str, tuple[str, ...]] = field(default_factory=dict)

    async def resident(self, telephone: str, *, name: str | None = None, named: bool = True) -> Resident:
        entered = await self.house.with_code(telephone)
        account = entered.signed_in.account.id
        if named:
            people = self.house.accounts.people
            for each in self.patients.get(telephone, ()):
                await people.tie_record(OPERATOR, account, "Patient", each)
            await people.retell(account, name=name or NAMES[telephone], assurance=Assurance.NAMED)
            self.house.accounts.sessions.forget_known(account)
        self.house.device = ""
        return Resident(self, entered, telephone)


@pytest.fixture
async def place(database: Database, addresses: Addresses) -> AsyncIterator[Place]:
    clock, telephone = Time(), Telephone()
    auditor = await auditor_of(database)
    keyring = await open_keyring(database, made_up_keys(MASTER))
    accounts = open_accounts(
        database,
        keyring,
        auditor,
        sender=telephone,
        issuer="Demo",
        party=PARTY,
        clock=clock,
        passwords=Passwords(CHEAP),
    )
    house = House(accounts, database, keyring, clock, telephone, addresses)
    store = await Store.open(database, auditor=auditor, clock=clock, keys=made_up_keys(MASTER))
    for each in ("elder-1", "elder-2"):
        await put(store, "Patient", each, name=[{"text": NAMES[ELDER]}], birthDate="1948-05-01")
        await put(store, "Condition", f"flu-{each}", subject={"reference": f"Patient/{each}"}, code=FLU)
    await put(store, "Condition", "hiv-1", subject={"reference": "Patient/elder-1"}, code=HIV)
    await put(store, "Patient", "daughter", name=[{"text": NAMES[DAUGHTER]}], birthDate="1980-05-01")
    await put(store, "Patient", "stranger", name=[{"text": NAMES[STRANGER]}], birthDate="1990-05-01")
    limiter = Limiter(MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
    people = PeopleCallers(accounts.sessions, accounts.signing_in, limiter, NothingToTell(), is_production=False)
    site = build_site(
        apps=[lifelong(store), family(Household(store=store, ties=accounts.proxies, clock=clock))],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False),
        doorkeeping=Doorkeeping(callers=cast("Callers", people), limiter=limiter),
        clock=clock,
        assets=made_up_assets(),
    )
    patients = {ELDER: ("elder-1", "elder-2"), DAUGHTER: ("daughter",), STRANGER: ("stranger",)}
    yield Place(house, store, site, patients)
    accounts.passwords.close()
    close_trails()


@pytest.fixture
async def elder(place: Place) -> Resident:
    return await place.resident(ELDER)


@pytest.fixture
async def daughter(place: Place) -> Resident:
    return await place.resident(DAUGHTER)


@pytest.fixture
async def stranger(place: Place) -> Resident:
    return await place.resident(STRANGER)


async def accepted(elder: Resident, daughter: Resident, **changes: str) -> str:
    naming = await elder.names(**changes)
    assert await daughter.offered() == [naming]
    answer = await daughter.post(f"/family/offers/{naming}/accept")
    assert answer.headers["location"] == "/family?done=accepted"
    return naming


NO_NAMING = "00000000-0000-4000-8000-000000000000"
ADDRESSES = [
    (row.method, row.path.replace("{naming:str}", NO_NAMING)) for row in page_rows() if row.path.startswith("/family")
]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_whoever_did_not_sign_in_or_is_of_the_staff_finds_no_page(place: Place, method: str, path: str) -> None:
    nobody = Resident(place, Entered(secret="", device="", signed_in=cast("Any", None)), "")
    answer = await nobody._sent(method, path, {})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    await place.house.doctor()
    entered = await place.house.with_password()
    assert isinstance(entered, Entered)
    answer = await Resident(place, entered, "")._sent(method, path, {})
    assert (answer.status_code, answer.headers.get("location", "")) in {(404, ""), (303, "/account/second-factor")}


@pytest.mark.parametrize("path", [path for _, path in ADDRESSES if NO_NAMING in path])
async def test_a_number_that_is_nobodys_is_not_found(elder: Resident, path: str) -> None:
    assert (await elder.post(path)).status_code == 404


async def test_who_is_named_and_agrees_sees_the_ordinary_records_in_every_library(
    elder: Resident, daughter: Resident
) -> None:
    await elder.names()
    assert not await daughter.sees("Condition", "flu-elder-1")
    [naming] = await daughter.offered()
    await daughter.post(f"/family/offers/{naming}/accept")
    assert await daughter.sees("Condition", "flu-elder-1")
    assert await daughter.sees("Condition", "flu-elder-2")
    page = (await daughter.get("/family")).text
    assert NAMES[ELDER] in page
    assert "/lifelong/people/elder-" in page
    assert await daughter.offered() == []
    assert "agreed" in (await elder.get("/family")).text


async def test_what_is_specially_protected_stays_closed_to_a_proxy(elder: Resident, daughter: Resident) -> None:
    await accepted(elder, daughter)
    assert await elder.sees("Condition", "hiv-1")
    assert not await daughter.sees("Condition", "hiv-1")


async def test_who_goes_along_sees_what_that_needs_and_no_illness(elder: Resident, daughter: Resident) -> None:
    await accepted(elder, daughter, what="errands")
    assert await daughter.sees("Patient", "elder-1")
    assert not await daughter.sees("Condition", "flu-elder-1")
    assert NAMES[ELDER] in (await daughter.get("/family")).text


async def test_a_naming_that_is_taken_back_is_over_at_once_in_every_worker(
    place: Place, elder: Resident, daughter: Resident, database: Database
) -> None:
    naming = await accepted(elder, daughter)
    other = await Store.open(
        database, auditor=await auditor_of(database), clock=place.house.time, keys=made_up_keys(MASTER)
    )
    caller = (await daughter.here()).caller
    assert isinstance(await other.read(caller, WHY, "Condition", "flu-elder-1"), Found)
    answer = await elder.post(f"/family/proxies/{naming}/end")
    assert answer.headers["location"] == "/family?done=withdrawn"
    assert not isinstance(await other.read(caller, WHY, "Condition", "flu-elder-1"), Found)
    assert not await daughter.sees("Condition", "flu-elder-2")
    assert NAMES[ELDER] not in (await daughter.get("/family")).text
    assert "asked nobody" in (await elder.get("/family")).text


async def test_a_naming_ends_with_its_last_day(place: Place, elder: Resident, daughter: Resident) -> None:
    naming = await accepted(elder, daughter, until="2026-11-25")
    caller = (await daughter.here()).caller
    place.house.time.now = Instant(NOW + 2 * DAY)
    assert isinstance(await place.store.read(caller, WHY, "Condition", "flu-elder-1"), Found)
    place.house.time.now = Instant(NOW + 3 * DAY)
    assert not isinstance(await place.store.read(caller, WHY, "Condition", "flu-elder-1"), Found)
    again = await place.resident(DAUGHTER)
    assert NAMES[ELDER] not in (await again.get("/family")).text
    assert (await again.post(f"/family/offers/{naming}/accept")).status_code == 404


async def test_who_lays_it_down_sees_nothing_more_and_is_asked_again(elder: Resident, daughter: Resident) -> None:
    naming = await accepted(elder, daughter)
    assert (await daughter.post(f"/family/acting/{naming}/end")).headers["location"] == "/family?done=laid-down"
    assert not await daughter.sees("Condition", "flu-elder-1")
    assert await daughter.offered() == [naming]


async def test_a_stranger_accepts_nothing_that_is_meant_for_another(elder: Resident, stranger: Resident) -> None:
    naming = await elder.names()
    assert await stranger.offered() == []
    assert (await stranger.post(f"/family/offers/{naming}/accept")).status_code == 404
    assert not await stranger.sees("Patient", "elder-1")


@pytest.mark.parametrize(("telephone", "name"), [(STRANGER, NAMES[DAUGHTER]), (DAUGHTER, NAMES[STRANGER])])
async def test_name_or_telephone_alone_is_not_enough(place: Place, elder: Resident, telephone: str, name: str) -> None:
    naming = await elder.names()
    half = await place.resident(telephone, name=name)
    assert await half.offered() == []
    assert (await half.post(f"/family/offers/{naming}/accept")).status_code == 404


async def test_whoever_has_not_shown_his_real_name_is_offered_nothing(place: Place, elder: Resident) -> None:
    naming = await elder.names()
    unknown = await place.resident(DAUGHTER, named=False)
    assert "do not know yet who you are" in (await unknown.get("/family")).text
    assert (await unknown.post(f"/family/offers/{naming}/accept")).status_code == 404
    assert (await unknown.post("/family/name", **{**FORM, "telephone": ELDER})).status_code == 404


async def test_nobody_ends_a_naming_of_another(elder: Resident, daughter: Resident, stranger: Resident) -> None:
    naming = await accepted(elder, daughter)
    for other in (daughter, stranger):
        assert (await other.post(f"/family/proxies/{naming}/end")).status_code == 404
    assert (await stranger.post(f"/family/acting/{naming}/end")).status_code == 404
    assert await daughter.sees("Condition", "flu-elder-1")


async def test_who_is_refused_what_is_another_s_stands_in_the_trail(
    place: Place, elder: Resident, stranger: Resident
) -> None:
    naming = await elder.names()
    for path in ("offers/{}/accept", "proxies/{}/end", "acting/{}/end"):
        assert (await stranger.post(f"/family/{path.format(naming)}")).status_code == 404
    told = [event[1:3] for event in await place.house.events() if event[0] == "tie-record" and event[1] != "success"]
    assert told == [("not-found", stranger.entered.signed_in.account.id)] * 3


def related_person(patient: str, code: str = "HPOWATT", **more: Any) -> dict[str, Any]:
    relationship = [{"coding": [{"system": CODES, "code": code}]}]
    return {
        "resourceType": "RelatedPerson",
        "patient": {"reference": f"Patient/{patient}"},
        "relationship": relationship,
        "name": [{"text": NAMES[STRANGER]}],
        "telecom": [{"system": "phone", "value": STRANGER}],
        **more,
    }


async def refused(place: Place, caller: Caller, resource: dict[str, Any]) -> str:
    with pytest.raises(Refusal) as refusal:
        await place.store.create(caller, WHY, parse_resource(orjson.dumps(resource)))
    return refusal.value.code


async def test_a_stranger_names_himself_for_nobody_by_writing_records(place: Place, stranger: Resident) -> None:
    caller = (await stranger.here()).caller
    assert await refused(place, caller, related_person("elder-1")) == "proxy-not-yours"


async def test_a_proxy_names_no_further_proxy(place: Place, elder: Resident, daughter: Resident) -> None:
    await accepted(elder, daughter)
    caller = (await daughter.here()).caller
    assert await refused(place, caller, related_person("elder-1")) == "proxy-not-yours"
    [consent] = await consents(place, "elder-1")
    for performer in ("Patient/elder-1", f"RelatedPerson/{caller.related[0]}"):
        forged = {**consent, "performer": [{"reference": performer}]}
        del forged["id"]
        assert await refused(place, caller, forged) in {"consent-not-yours", "consent-unclear", "not-found"}


async def consents(place: Place, patient: str) -> list[dict[str, Any]]:
    desk = Caller(id="desk", role="desk")
    wanted = SearchRequest(type="Consent", parameters=(("patient", f"Patient/{patient}"),))
    return [each.value for each in (await place.store.search(desk, WHY, wanted)).records]


@pytest.mark.parametrize("code", ["MTH", "GUARD", "POWATT"])
async def test_nobody_writes_himself_a_guardian(place: Place, elder: Resident, code: str) -> None:
    caller = (await elder.here()).caller
    assert await refused(place, caller, related_person("elder-1", code)) == "proxy-not-yours"
    both = [{"coding": [{"system": CODES, "code": each} for each in ("HPOWATT", code)]}]
    assert await refused(place, caller, related_person("elder-1", relationship=both)) == "proxy-not-yours"
    assert (
        await refused(place, caller, related_person("elder-1", relationship=[{"text": "mother"}])) == "proxy-not-yours"
    )


async def test_a_person_changes_nobody_who_stands_in_his_record(place: Place, elder: Resident) -> None:
    kin = related_person("elder-1", "MTH")
    del kin["resourceType"]
    await put(place.store, "RelatedPerson", "mother", **kin)
    caller = (await elder.here()).caller
    changed = parse_resource(orjson.dumps({**related_person("elder-1"), "id": "mother"}))
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await place.store.update(caller, WHY, changed, "mother")
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await place.store.delete(caller, WHY, "RelatedPerson", "mother")


async def mother_of(place: Place, resident: Resident, related: str) -> None:
    """Have a resident stand by a RelatedPerson, as showing a real name does."""
    account = resident.entered.signed_in.account.id
    await place.house.accounts.people.tie_record(OPERATOR, account, "RelatedPerson", related)
    place.house.accounts.sessions.forget_known(account)


async def test_a_guardian_names_nobody_for_his_child(place: Place, daughter: Resident) -> None:
    await put(place.store, "Patient", "child", name=[{"text": "示例孩子"}], birthDate="2020-05-01")
    kin = related_person("child", "MTH")
    del kin["resourceType"]
    await put(place.store, "RelatedPerson", "mother", **kin)
    await mother_of(place, daughter, "mother")
    page = (await daughter.get("/family")).text
    assert "示例孩子" in page
    assert "until your child is 14 (1 May 2034)" in page
    caller = (await daughter.here()).caller
    assert await refused(place, caller, related_person("child")) == "proxy-not-yours"
    assert (await daughter.post("/family/acting/mother/end")).status_code == 404


async def test_a_grown_child_is_on_no_parent_s_page(place: Place, daughter: Resident) -> None:
    await put(place.store, "Patient", "child", name=[{"text": "示例孩子"}], birthDate="2008-11-23")
    kin = related_person("child", "MTH")
    del kin["resourceType"]
    await put(place.store, "RelatedPerson", "mother", **kin)
    await mother_of(place, daughter, "mother")
    assert "示例孩子" not in (await daughter.get("/family")).text


async def test_naming_needs_a_fresh_proof_and_taking_back_does_not(place: Place, elder: Resident) -> None:
    naming = await elder.names()
    place.house.time.pass_(301)
    answer = await elder.post("/family/name", **FORM)
    assert answer.headers["location"] == "/account/prove?next=%2Ffamily%2Fname"
    assert (await elder.post(f"/family/proxies/{naming}/end")).headers["location"] == "/family?done=withdrawn"


async def test_naming_tells_nothing_of_whether_somebody_has_an_account(
    place: Place, elder: Resident, daughter: Resident
) -> None:
    with_account = await elder.post("/family/name", **FORM)
    without = await elder.post("/family/name", **{**FORM, "telephone": "13900009999"})
    assert (with_account.status_code, with_account.headers["location"]) == (
        without.status_code,
        without.headers["location"],
    )
    assert (await elder.get("/family")).text.count("waits for their yes") == 2


async def test_what_is_wrong_in_the_form_is_said_beside_it_and_nothing_is_written(
    place: Place, elder: Resident
) -> None:
    answer = await elder.post("/family/name", **{**FORM, "telephone": ELDER, "until": "2030-01-01", "what": ""})
    assert answer.status_code == 422
    for said in ("This is your own number", "within a year", "Choose what they may see"):
        assert said in answer.text
    assert await consents(place, "elder-1") == []


async def test_five_may_look_and_no_sixth(elder: Resident) -> None:
    for number in range(5):
        await elder.names(telephone=f"1390000000{number}")
    assert (await elder.post("/family/name", **FORM)).status_code == 409


async def test_both_ends_are_in_the_trail(place: Place, elder: Resident, daughter: Resident) -> None:
    naming = await accepted(elder, daughter)
    await elder.post(f"/family/proxies/{naming}/end")
    await daughter.get("/family")
    events = await place.house.events()
    elders = [row[0] for row in events if row[2] == (elder.entered.signed_in.account.id)]
    daughters = [row[0] for row in events if row[2] == (daughter.entered.signed_in.account.id)]
    assert elders.count("transaction") == 2
    assert daughters.count("tie-record") == 2
    assert all(DAUGHTER not in str(row) and NAMES[DAUGHTER] not in str(row) for row in events)


async def test_no_number_stands_in_the_page_of_whoever_named(elder: Resident, daughter: Resident) -> None:
    await accepted(elder, daughter)
    page = (await elder.get("/family")).text
    assert DAUGHTER not in page
    assert DAUGHTER[-4:] in page


async def test_of_two_who_name_the_fifth_at_one_moment_one_gets_through(
    place: Place, elder: Resident, database: Database
) -> None:
    for number in range(NAMED_MAX - 1):
        await elder.names(telephone=f"1390000000{number}")
    async with database.transaction("app") as held:
        await lock_slots(held, NAMING_SPACE, [record_number("Patient", each) for each in ("elder-1", "elder-2")])
        # Both have looked how many stand, and found room, before either writes.
        both = [
            asyncio.create_task(elder.post("/family/name", **{**FORM, "telephone": f"1390000001{number}"}))
            for number in range(2)
        ]
        await waiting_for(database, NAMING_SPACE, 2)
    answers = await asyncio.gather(*both)
    assert sorted(each.status_code for each in answers) == [303, 409]
    page = (await elder.get("/family")).text
    assert page.count("/family/proxies/") == NAMED_MAX
    assert len(await consents(place, "elder-1")) == NAMED_MAX


WAITING = Query.composed(
    "waiting", "select count(*) from pg_locks where locktype = 'advisory' and classid = %(space)s and not granted"
)


async def waiting_for(database: Database, space: int, number: int) -> None:
    """Go on once so many transactions wait for locks of a space."""
    with anyio.fail_after(20):
        while True:
            async with database.connection("app") as connection:
                row = await connection.one(WAITING, space=space)
            if row is not None and row[0] >= number:
                return
            await anyio.sleep(0.02)


def consent_for(patient: str, related: str, *, performer: str = "", **more: Any) -> dict[str, Any]:
    """A Consent that names somebody, as a program would write it at the FHIR door: without any mark of our pages."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": "2026-11-20T12:00:00+08:00",
        "performer": [{"reference": performer or f"Patient/{patient}"}],
        "policyRule": {"text": "proxy"},
        "provision": {
            "type": "permit",
            "period": {"start": "2026-11-20", "end": "2027-03-01"},
            "actor": [
                {
                    "role": {"coding": [{"system": CODES, "code": "DELEGATEE"}]},
                    "reference": {"reference": f"RelatedPerson/{related}"},
                }
            ],
            "purpose": [{"system": f"{HL7}/v3-ActReason", "code": "PATRQT"}],
        },
        **more,
    }


@pytest.mark.parametrize(
    ("born", "code"),
    [
        ("2008-11-23", ""),
        ("2008-11-24", "proxy-not-of-age"),
        ("2014-05-01", "proxy-not-of-age"),
        ("1990-05", "proxy-not-of-age"),
        (None, "proxy-not-of-age"),
    ],
)
async def test_whoever_may_not_name_on_the_pages_may_not_at_the_fhir_door(
    place: Place, stranger: Resident, born: str | None, code: str
) -> None:
    told = {} if born is None else {"birthDate": born}
    await put(place.store, "Patient", "stranger", name=[{"text": NAMES[STRANGER]}], **told)
    await put(place.store, "RelatedPerson", "aunt", **without_type(related_person("stranger")))
    caller = (await stranger.here()).caller
    by_page = await stranger.post("/family/name", **FORM)
    assert by_page.headers.get("location", "") == ("" if code else "/family?done=named")
    if code:
        assert await refused(place, caller, related_person("stranger")) == code
        assert await refused(place, caller, consent_for("stranger", "aunt")) == code
        assert await consents(place, "stranger") == []
    else:
        await place.store.create(caller, WHY, parse_resource(orjson.dumps(related_person("stranger"))))
        await place.store.create(caller, WHY, parse_resource(orjson.dumps(consent_for("stranger", "aunt"))))
        assert len(await consents(place, "stranger")) == 2


def without_type(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "resourceType"}


async def test_whoever_was_named_at_the_fhir_door_counts_among_the_five_on_the_pages(
    place: Place, elder: Resident
) -> None:
    caller = (await elder.here()).caller
    for number in range(NAMED_MAX):
        await put(place.store, "RelatedPerson", f"kin-{number}", **without_type(related_person("elder-1")))
        await place.store.create(caller, WHY, parse_resource(orjson.dumps(consent_for("elder-1", f"kin-{number}"))))
    assert (await elder.post("/family/name", **FORM)).status_code == 409
    await put(place.store, "RelatedPerson", "kin-5", **without_type(related_person("elder-1")))
    assert await refused(place, caller, consent_for("elder-1", "kin-5")) == "too-many-proxies"
    again = consent_for("elder-1", "kin-0")  # who is named already is named no second time
    await place.store.create(caller, WHY, parse_resource(orjson.dumps(again)))


async def test_a_guardian_names_nobody_for_his_child_by_a_consent_either(place: Place, daughter: Resident) -> None:
    await put(place.store, "Patient", "child", name=[{"text": "示例孩子"}], birthDate="2020-05-01")
    await put(place.store, "RelatedPerson", "mother", **without_type(related_person("child", "MTH")))
    await put(place.store, "RelatedPerson", "aunt", **without_type(related_person("child")))
    await mother_of(place, daughter, "mother")
    caller = (await daughter.here()).caller
    forged = consent_for("child", "aunt", performer="RelatedPerson/mother")
    assert await refused(place, caller, forged) == "proxy-not-of-age"
    assert await consents(place, "child") == []


async def page_of(resident: Resident) -> str:
    return (await resident.get("/family")).text


async def declined(resident: Resident, naming: str) -> None:
    answer = await resident.post(f"/family/offers/{naming}/decline")
    assert answer.headers["location"] == "/family?done=declined", answer.text


async def test_who_says_no_is_not_asked_any_more_and_the_asker_sees_it(elder: Resident, daughter: Resident) -> None:
    naming = await elder.names()
    await declined(daughter, naming)
    assert await daughter.offered() == []
    assert (await daughter.post(f"/family/offers/{naming}/accept")).status_code == 404
    assert not await daughter.sees("Patient", "elder-1")
    page = await page_of(elder)
    assert "said no" in page
    assert "waits for their yes" not in page


async def test_who_thinks_again_is_offered_the_same_and_may_agree(elder: Resident, daughter: Resident) -> None:
    naming = await elder.names()
    await declined(daughter, naming)
    assert f"/family/offers/{naming}/reconsider" in await page_of(daughter)
    answer = await daughter.post(f"/family/offers/{naming}/reconsider")
    assert answer.headers["location"] == "/family?done=reconsidered"
    assert "waits for their yes" in await page_of(elder)
    assert await daughter.offered() == [naming]
    await daughter.post(f"/family/offers/{naming}/accept")
    assert await daughter.sees("Condition", "flu-elder-1")


async def test_nobody_declines_or_reconsiders_for_another(
    place: Place, elder: Resident, daughter: Resident, stranger: Resident
) -> None:
    naming = await elder.names()
    assert (await stranger.post(f"/family/offers/{naming}/decline")).status_code == 404
    await declined(daughter, naming)
    for other in (stranger, elder):
        assert (await other.post(f"/family/offers/{naming}/reconsider")).status_code == 404
    assert "said no" in await page_of(elder)


async def test_who_said_no_so_often_is_asked_no_more(place: Place, elder: Resident, daughter: Resident) -> None:
    for _ in range(DECLINED_MAX):
        naming = await elder.names()
        await declined(daughter, naming)
        await elder.post(f"/family/proxies/{naming}/end")
    answer = await elder.post("/family/name", **FORM)
    assert answer.status_code == 409
    assert "cannot be asked again" in answer.text
    assert (await elder.post("/family/name", **{**FORM, "telephone": STRANGER})).status_code == 303


async def asks_by_program(place: Place, elder: Resident) -> None:
    """The elder asks the daughter as a program would, which knows how our pages write a naming."""
    marked = {"identifier": [{"system": NAMING, "value": NO_NAMING}]}
    telephone = {"system": "phone", "value": DAUGHTER}
    kin = related_person("elder-1", **marked, active=True, name=[{"text": NAMES[DAUGHTER]}], telecom=[telephone])
    caller = (await elder.here()).caller
    written = await place.store.create(caller, WHY, parse_resource(orjson.dumps(kin)))
    rule = {"coding": [{"system": NAMING, "code": "ordinary"}]}
    consent = consent_for("elder-1", written.id, **marked, policyRule=rule)
    await place.store.create(caller, WHY, parse_resource(orjson.dumps(consent)))


async def test_who_said_no_so_often_hears_no_program_that_asks_either(
    place: Place, elder: Resident, daughter: Resident
) -> None:
    for _ in range(DECLINED_MAX):
        naming = await elder.names()
        await declined(daughter, naming)
        await elder.post(f"/family/proxies/{naming}/end")
    await asks_by_program(place, elder)
    assert await daughter.offered() == []
    assert (await daughter.post(f"/family/offers/{NO_NAMING}/accept")).status_code == 404


async def test_an_offer_that_a_program_wrote_is_declined_as_any_other(
    place: Place, elder: Resident, daughter: Resident
) -> None:
    await asks_by_program(place, elder)
    assert await daughter.offered() == [NO_NAMING]
    await declined(daughter, NO_NAMING)
    assert await daughter.offered() == []
    assert "said no" in await page_of(elder)


async def test_a_no_stands_in_the_trail_without_name_or_number(
    place: Place, elder: Resident, daughter: Resident
) -> None:
    naming = await elder.names()
    await declined(daughter, naming)
    await daughter.post(f"/family/offers/{naming}/reconsider")
    here = daughter.entered.signed_in.account.id
    events = [row for row in await place.house.events() if row[0] == "tie-record" and row[2] == here]
    assert len(events) == 2
    assert all(DAUGHTER not in str(row) and NAMES[DAUGHTER] not in str(row) for row in events)


async def waits(resident: Resident, path: str) -> int:
    """How much the mark beside the place of family says."""
    page = (await resident.get(path)).text
    marks = {int(each) for each in re.findall(r'data-part="waits">(?:<span[^>]*>[^<]*</span>)?(\d+)', page)}
    return marks.pop() if marks else 0


async def told(resident: Resident) -> list[str]:
    return [each.says for each in await news_of_family(resident.place.house.accounts.proxies, await resident.here())]


async def test_an_offer_waits_until_it_is_answered_or_taken_back(
    place: Place, elder: Resident, daughter: Resident, stranger: Resident
) -> None:
    naming = await elder.names()
    assert (await told(daughter), await told(stranger), await told(elder)) == (["family.news-offers"], [], [])
    await daughter.get("/family")
    assert await told(daughter) == ["family.news-offers"]
    await declined(daughter, naming)
    assert await told(daughter) == []
    await daughter.post(f"/family/offers/{naming}/reconsider")
    assert await told(daughter) == ["family.news-offers"]
    await elder.post(f"/family/proxies/{naming}/end")
    assert await told(daughter) == []


async def test_whose_real_name_is_over_is_told_of_no_offer_that_his_page_does_not_show(
    place: Place, elder: Resident, daughter: Resident
) -> None:
    await elder.names()
    over = "update account set named_at = 0 where account = '" + (await daughter.here()).account.id + "'"  # noqa: S608 - a made-up account of this test
    async with place.house.database.connection("owner") as connection:
        await connection.run(Query.composed("over", over))
    place.house.time.pass_(2)
    assert (await daughter.offered(), await told(daughter)) == ([], [])


async def test_an_offer_that_came_before_the_account_is_told_to_whoever_bears_name_and_number(
    place: Place, elder: Resident
) -> None:
    await elder.names()
    half = await place.resident(DAUGHTER, name=NAMES[STRANGER])
    assert await told(half) == []
    place.house.time.pass_(61)
    unknown = await place.resident(DAUGHTER, named=False)
    await place.house.accounts.people.retell(
        unknown.entered.signed_in.account.id, name=NAMES[DAUGHTER], assurance=Assurance.TELEPHONE
    )
    place.house.accounts.sessions.forget_known(unknown.entered.signed_in.account.id)
    assert await told(unknown) == []
    place.house.time.pass_(61)
    whole = await place.resident(DAUGHTER)
    assert await told(whole) == ["family.news-offers"]


async def test_an_offer_that_is_over_waits_no_more(place: Place, elder: Resident) -> None:
    await elder.names(until="2026-11-25")
    place.house.time.now = Instant(NOW + 3 * DAY)
    assert await told(await place.resident(DAUGHTER)) == []


@pytest.mark.parametrize(("act", "said"), [("accept", "agreed on"), ("decline", "said no on")])
async def test_who_asked_is_told_the_answer_once(elder: Resident, daughter: Resident, act: str, said: str) -> None:
    naming = await elder.names()
    await daughter.post(f"/family/offers/{naming}/{act}")
    assert await told(elder) == ["family.news-answers"]
    page = await page_of(elder)
    assert said in page
    assert f"{NAMES[DAUGHTER]} " in page
    assert await told(elder) == []
    assert said not in await page_of(elder)


async def test_who_asked_is_told_that_it_was_laid_down_and_that_its_time_is_over(
    place: Place, elder: Resident, daughter: Resident
) -> None:
    naming = await accepted(elder, daughter, until="2026-11-25")
    await page_of(elder)
    await daughter.post(f"/family/acting/{naming}/end")
    assert await told(elder) == ["family.news-answers"]
    assert "looks for you no more" in await page_of(elder)
    assert await told(daughter) == []  # he laid it down himself
    place.house.time.pass_(1)
    await daughter.post(f"/family/offers/{naming}/accept")
    await page_of(elder)
    place.house.time.now = Instant(NOW + 3 * DAY)
    again = await place.resident(ELDER)
    assert await told(again) == ["family.news-answers"]
    assert "was over on" in await page_of(again)
    assert await told(again) == []


async def test_a_mark_says_beside_the_place_how_much_waits_and_the_first_page_says_what(
    elder: Resident, daughter: Resident
) -> None:
    await elder.names()
    first = "/lifelong/people/daughter"
    assert await waits(daughter, first) == 1
    assert "people who ask you to look for them (1)" in (await daughter.get(first)).text
    assert await waits(daughter, "/family") == 0  # there it is seen itself
    page = (await elder.get("/lifelong/people/elder-1")).text
    assert 'data-part="waits"' not in page
    assert 'data-part="news"' not in page


async def child_in(place: Place, patient: str, organisation: str, **more: Any) -> None:
    """A child of the daughter's, as one library has it."""
    await put(place.store, "Organization", organisation, name=f"示例{organisation}")
    keeper = {"reference": f"Organization/{organisation}"}
    told = {"name": [{"text": "示例小满"}], "birthDate": "2020-05-01", "managingOrganization": keeper}
    await put(place.store, "Patient", patient, **told, **more)
    await put(place.store, "RelatedPerson", f"of-{patient}", **without_type(related_person(patient, "MTH")))


async def test_two_records_of_a_child_without_a_proof_stand_apart_with_their_libraries(
    place: Place, daughter: Resident
) -> None:
    for patient, organisation in (("child-1", "hospital"), ("child-2", "township")):
        await child_in(place, patient, organisation)
        await mother_of(place, daughter, f"of-{patient}")
    page = await page_of(daughter)
    assert sorted(re.findall(r'data-part="told-by">([^<]*)<', page)) == ["示例hospital", "示例township"]
    assert {"/lifelong/people/child-1", "/lifelong/people/child-2"} <= set(re.findall(r'href="([^"]+)"', page))


async def test_two_linked_records_of_a_child_are_one_entry(place: Place, daughter: Resident) -> None:
    await child_in(place, "child-1", "hospital")
    link = [{"other": {"reference": "Patient/child-1"}, "type": "seealso"}]
    await child_in(place, "child-2", "township", link=link)
    for patient in ("child-1", "child-2"):
        await mother_of(place, daughter, f"of-{patient}")
    page = await page_of(daughter)
    assert len(set(re.findall(r"/lifelong/people/child-\d", page))) == 1
    assert 'data-part="told-by"' not in page
