"""Every page of docs/reference/permissions.md, opened by everybody who may not, over a real store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
import orjson
import pytest

from tests.gateways.fhir.walked_world import (
    CASES,
    DOCTOR,
    NO_PATIENT,
    NO_RECORD,
    PATIENT,
    RECORD,
    STRANGER,
    Case,
    days,
    found_hospital,
    of_another_organisation,
)
from tests.permission_table import PageRow
from tests.permission_table import page_rows as all_page_rows
from tests.records.made import open_store, put
from tests.web.conftest import made_up_assets
from tests.web.letting_in import doorkeeping, word_for
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.administration.ports import House
from tianfu.apps.administration.routes import administration
from tianfu.apps.lifelong.routes import FORM_FIELDS, SEALED_AS, lifelong
from tianfu.apps.trust.routes import trust
from tianfu.db import Database
from tianfu.gateways.smart.here import SessionHere
from tianfu.gateways.smart.queries.people import RecordedPeople
from tianfu.gateways.smart.routes import Approvals, smart
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import NoAuditor
from tianfu.records.outcomes import Written
from tianfu.records.store import Store
from tianfu.records.trail.reading import TrailQuestion
from tianfu.services.accounts.oauth.authorising import Authorising
from tianfu.services.accounts.oauth.trail import ProgramTrail
from tianfu.standards.fhir.parsing import parse_bundle
from tianfu.web.admission import SessionCookies
from tianfu.web.sealing import Sealer
from tianfu.web.site import SiteSettings, build_site

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each walk founds a hospital in a fresh database


def page_rows() -> list[PageRow]:
    """The rows of the table but for those that stand on sessions: tests of their own apps walk them."""
    elsewhere = ("/sign-in", "/account", "/family", "/programs", "/newborn", "/radiotherapy")
    return [row for row in all_page_rows() if not row.path.startswith(elsewhere)]


INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:")
"""Script and style of a page's own, which the content security policy would stop anyway."""

SEAL_KEY = b"k" * 32
TASK, NO_TASK = "hid-task-1", "non-task-1"
NAME, NO_NAME = "藏名甲", "无名甲"

HERSELF = Caller(id="herself", role="citizen", patients=(PATIENT,))
NEIGHBOUR = Caller(id="neighbour", role="citizen", patients=("bea",))
GUARDIAN = Caller(id="guardian", role="citizen", patients=("bea",), related=("guardian-1",))
OFFICER = Caller(id="officer", role="officer", organisation="hospital")
REGISTRAR = Caller(id="registrar", role="registrar", organisation="other")
ADMINISTRATOR = Caller(id="administrator", role="administrator", organisation="hospital")
SECURITY = Caller(id="security", role="security", organisation="hospital")
SYSTEM = Caller(id="his", role="hospital-system", organisation="other")


@dataclass(frozen=True, slots=True)
class Names:
    """What a path or form is about."""

    patient: str
    record: str
    task: str
    name: str
    event: str = f"{'0' * 32}-1-1"


HIDDEN = Names(PATIENT, RECORD, TASK, NAME)
ABSENT = Names(NO_PATIENT, NO_RECORD, NO_TASK, NO_NAME)


async def before_the_walk(store: Store) -> None:
    """A guardianship that is over, and an emergency access of a doctor's."""
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "GUARD"}
    over = {"start": days(-900), "end": days(-100)}
    patient = {"reference": f"Patient/{PATIENT}"}
    await put(
        store,
        "RelatedPerson",
        "guardian-1",
        patient=patient,
        relationship=[{"coding": [role]}],
        period=over,
        active=True,
    )
    await put(store, "Task", TASK, **emergency("qin"))


def emergency(practitioner: str) -> dict[str, Any]:
    """An emergency access of somebody's to the patient's record."""
    return {
        "status": "in-progress",
        "intent": "order",
        "code": {"coding": [{"system": "urn:tianfu:task", "code": "emergency-access"}]},
        "for": {"reference": f"Patient/{PATIENT}"},
        "owner": {"reference": f"Practitioner/{practitioner}"},
        "authoredOn": days(0),
        "reasonCode": {"text": "unconscious after an accident"},
        "restriction": {"period": {"start": days(0), "end": days(29 / 1_440)}},
    }


async def emergency_of_lins(store: Store) -> str:
    """The id of an emergency access that Lin opened himself."""
    task = {"resourceType": "Task", **emergency("lin")}
    notice = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [{"coding": [{"system": "urn:tianfu:notice", "code": "emergency-opened"}]}],
        "subject": task["for"],
    }
    entries = [
        {"request": {"method": "POST", "url": each["resourceType"]}, "resource": each}
        for each in (task, notice, notice)
    ]
    bundle = parse_bundle(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
    written = (await store.transaction(DOCTOR, Purpose.EMERGENCY, bundle))[0].outcome
    assert isinstance(written, Written)
    return written.id


async def newest_event(store: Store) -> str:
    """The name of an event of the trail."""
    page = await store.audit_events(OFFICER, Purpose.OPERATIONS, TrailQuestion(), limit=1)
    return page.events[0].id


def proxy_by_consent(*, status: str) -> Callable[[Store], Any]:
    async def tie(store: Store) -> None:
        system = "http://terminology.hl7.org/CodeSystem"
        role = {"coding": [{"system": f"{system}/v3-RoleCode", "code": "DELEGATEE"}]}
        await put(
            store,
            "Consent",
            "proxy-1",
            status=status,
            scope={"coding": [{"system": f"{system}/consentscope", "code": "patient-privacy"}]},
            category=[{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            patient={"reference": f"Patient/{PATIENT}"},
            performer=[{"reference": f"Patient/{PATIENT}"}],
            dateTime=days(-10),
            policyRule={"coding": [{"system": f"{system}/v3-ActCode", "code": "OPTIN"}]},
            provision={
                "type": "permit",
                "period": {"start": days(-10), "end": days(100)},
                "actor": [{"role": role, "reference": {"reference": "RelatedPerson/guardian-1"}}],
                "purpose": [{"system": f"{system}/v3-ActReason", "code": "PATRQT"}],
            },
        )

    return tie


PERSONS: dict[str, Case] = {
    "wrong organisation": Case(STRANGER, Purpose.TREATMENT, of_another_organisation),
    "wrong patient": Case(NEIGHBOUR, Purpose.PATIENT_REQUEST, of_another_organisation),
    "wrong purpose": Case(HERSELF, Purpose.TREATMENT, of_another_organisation),
    "expired relation": Case(GUARDIAN, Purpose.PATIENT_REQUEST, of_another_organisation),
    "withdrawn consent": Case(GUARDIAN, Purpose.PATIENT_REQUEST, proxy_by_consent(status="inactive")),
}
EMERGENCIES: dict[str, Case] = {
    "wrong organisation": Case(REGISTRAR, Purpose.OPERATIONS, of_another_organisation),
    "wrong patient": Case(NEIGHBOUR, Purpose.PATIENT_REQUEST, of_another_organisation),
    "wrong purpose": Case(DOCTOR, Purpose.TREATMENT, of_another_organisation),
    "expired relation": Case(GUARDIAN, Purpose.PATIENT_REQUEST, of_another_organisation),
    "withdrawn consent": Case(GUARDIAN, Purpose.PATIENT_REQUEST, proxy_by_consent(status="inactive")),
}
REVIEWS: dict[str, Case] = {
    "wrong organisation": Case(SYSTEM, Purpose.OPERATIONS, of_another_organisation),
    "wrong patient": Case(REGISTRAR, Purpose.OPERATIONS, of_another_organisation),
    "wrong purpose": Case(OFFICER, Purpose.SYSTEM_ADMINISTRATION, of_another_organisation),
    "expired relation": Case(DOCTOR, Purpose.EMERGENCY, of_another_organisation),
    "withdrawn consent": Case(GUARDIAN, Purpose.PATIENT_REQUEST, proxy_by_consent(status="inactive")),
}
ADMINISTRATIONS: dict[str, Case] = {
    "wrong organisation": Case(REGISTRAR, Purpose.OPERATIONS, of_another_organisation),
    "wrong patient": Case(NEIGHBOUR, Purpose.PATIENT_REQUEST, of_another_organisation),
    "wrong purpose": Case(OFFICER, Purpose.OPERATIONS, of_another_organisation),
    "expired relation": Case(ADMINISTRATOR, Purpose.SYSTEM_ADMINISTRATION, of_another_organisation),
    "withdrawn consent": Case(SECURITY, Purpose.SYSTEM_ADMINISTRATION, proxy_by_consent(status="inactive")),
}
"""The two administrators are strangers too where no session stands behind them: their pages ask whose it is."""

STRANGERS = {
    "the role's first": CASES,
    "PATRQT": PERSONS,
    "ETREAT": EMERGENCIES,
    "HOPERAT": REVIEWS,
    "HSYSADMIN": ADMINISTRATIONS,
}
"""Who walks the pages of a purpose, by how they are strangers there."""

FORMS: dict[str, Callable[[Names], dict[str, str]]] = {
    "/lifelong/find": lambda of: {"who": of.name},
    "/trust/people/{person:str}/objection": lambda of: {"event": of.record, "at": "1", "reason": "那天我没有去过医院"},
    "/trust/people/{person:str}/consents/{offer:str}": lambda _: {"decision": "deny", "text": "1"},
    "/trust/people/{person:str}/consents/{offer:str}/withdrawal": lambda _: {"institution": ""},
    "/trust/emergency": lambda of: {"patient": of.patient, "kind": "", "reason": "", "understood": "yes"},
    "/trust/emergency/{task:str}/end": lambda _: {},
    "/trust/trail": lambda of: {"person": of.patient},
    "/trust/reviews/{task:str}": lambda _: {"verdict": "justified", "comment": "看过了", "answer": "", "version": "1"},
    "/administration/staff/find": lambda of: {"words": of.name},
    "/administration/staff/new": lambda of: {"name": of.name, "number": "N1", "organisation": of.record},
    "/administration/staff/{account:str}/appoint": lambda of: {"organisation": of.record, "role": "doctor"},
    "/administration/staff/{account:str}/places/{workplace:str}/move": lambda of: {"organisation": of.record},
    "/administration/staff/{account:str}/places/{workplace:str}/end": lambda _: {},
    "/administration/staff/{account:str}/leave": lambda _: {},
    "/administration/staff/{account:str}/reset": lambda _: {},
    "/administration/staff/{account:str}/sessions": lambda _: {},
    "/administration/organisations/{organisation:str}/units": lambda of: {"name": of.name, "kind": "department"},
    "/administration/organisations/{organisation:str}/name": lambda of: {"name": of.name, "version": "1"},
    "/administration/organisations/{organisation:str}/move": lambda of: {"to": of.record, "version": "1"},
    "/administration/organisations/{organisation:str}/close": lambda _: {"version": "1"},
}


@dataclass
class Visitor:
    """Somebody who signed in, or did not, in a browser."""

    client: httpx.AsyncClient
    cookie: str = ""
    seals: dict[str, str] = field(default_factory=dict)

    async def opens(self, row: PageRow, names: Names) -> httpx.Response:
        """Open a page of the table about these names."""
        path = row.path.replace("{person:str}", names.patient).replace("{record:str}", names.record)
        path = path.replace("{kind:str}", "Condition").replace("{version:int}", "1").replace("{task:str}", names.task)
        path = (
            path.replace("{event:str}", names.event)
            .replace("{offer:str}", "research")
            .replace("{name:path}", "site-1234.css")
        )
        if "{letters:str}" in path:
            path = path.replace("{letters:str}", self._sealed(names.name))
        query = f"?event={names.record}&at=1" if row.path.endswith("/objection") else ""
        data = FORMS.get(row.path, lambda _: {})(names) if row.method == "POST" else None
        return await self._sent(row.method, path + query, data)

    def _sealed(self, name: str) -> str:
        """The letters of a search as if this visitor had sent it; not every one of them has the form."""
        letters = Sealer(SEAL_KEY, system_clock).seal(SEALED_AS, {**dict.fromkeys(FORM_FIELDS, ""), "who": name})
        self.seals[letters] = name
        return letters

    async def _sent(self, method: str, path: str, data: dict[str, str] | None) -> httpx.Response:
        headers = {"sec-fetch-site": "same-origin", "cookie": self.cookie}
        return await self.client.request(method, path, data=data, headers=headers)


@asynccontextmanager
async def site(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The whole site in production, in front of a store; nobody here signed in, so nothing is asked of accounts."""
    nothing = cast("Any", None)
    doors = doorkeeping(desk=None)
    trail = ProgramTrail(NoAuditor(), system_clock)
    approvals = Approvals(
        authorising=Authorising(nothing, nothing, nothing, trail, issuer="", base="", clock=system_clock),
        who=SessionHere(doors.callers, SessionCookies(is_secure=True)),
        people=RecordedPeople(cast("Any", store), system_clock),
        permitted=nothing,
        clients=nothing,
        launches=nothing,
        clock=system_clock,
    )
    house = House(directory=cast("Any", store), trees=nothing, staff=nothing, clock=system_clock)
    built = build_site(
        apps=[lifelong(store), trust(cast("Any", store), clock=system_clock), administration(house), smart(approvals)],
        settings=SiteSettings(seal_key=SEAL_KEY, is_demonstration=False, is_production=True),
        doorkeeping=doors,
        clock=system_clock,
        assets=made_up_assets(),
    )
    transport = httpx.ASGITransport(built)  # type: ignore[arg-type]  # httpx types ASGI's callables more narrowly
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
        yield client


def visitor(client: httpx.AsyncClient, caller: Caller, *purposes: Purpose) -> Visitor:
    return Visitor(client, f"__Host-session={word_for(caller, *purposes)}")


@pytest.fixture
async def hospital(database: Database) -> Store:
    store = await open_store(database)
    await found_hospital(store)
    await before_the_walk(store)
    return store


def told(answer: httpx.Response, names: Names, visitor: Visitor) -> tuple[int, dict[str, str], str]:
    """An answer as somebody sees it who wants to learn what is hidden: without the names that were asked for."""
    text, place = answer.text, answer.headers.get("location", "")
    for word in (names.patient, names.record, names.task, names.name, names.event, *visitor.seals):
        text, place = text.replace(word, "…"), place.replace(word, "…")
    text = re.sub(r"\b[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{2}\b", "reference", text)
    text = re.sub(r"\d{1,2}:\d\d", "moment", text)
    sizes = {"content-length", "location", "set-cookie"}
    headers = {name: value for name, value in answer.headers.items() if name not in sizes}
    return answer.status_code, {**headers, "location": re.sub(r"/found/[\w-]+", "/found/…", place)}, text


def refuse_unless_stranger_gets(row: PageRow, answer: httpx.Response) -> None:
    what = f"{row.method} {row.path}: {answer.status_code}"
    match row.stranger:
        case _ if row.statuses:
            assert answer.status_code in row.statuses, what
        case "nothing":
            assert answer.status_code == 200, what
            assert PATIENT not in answer.text, what
        case "the same":
            assert answer.status_code in {200, 303}, what
            assert PATIENT not in answer.text, what
        case other:
            raise AssertionError(other)


def test_every_purpose_of_the_table_has_its_strangers() -> None:
    assert {row.purpose for row in page_rows()} == {"open", *STRANGERS}
    assert {row.path for row in page_rows() if row.method == "POST" and row.purpose != "open"} == set(FORMS)
    assert all(each.keys() == CASES.keys() for each in STRANGERS.values())


async def test_without_signing_in_only_what_is_open_opens(hospital: Store) -> None:
    async with site(hospital) as client:
        for row in page_rows():
            answer = await Visitor(client).opens(row, HIDDEN)
            if row.purpose == "open":
                refuse_unless_stranger_gets(row, answer)
            else:
                assert answer.status_code == 303, row
                assert answer.headers["location"].startswith("/sign-in?why=sign-in-needed"), row


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("purpose", STRANGERS)
async def test_a_stranger_learns_nothing(hospital: Store, purpose: str, name: str) -> None:
    case = STRANGERS[purpose][name]
    await case.tie(hospital)
    hidden = replace(HIDDEN, event=await newest_event(hospital))
    async with site(hospital) as client:
        who = visitor(client, case.caller, case.purpose)
        for row in [row for row in page_rows() if row.purpose == purpose]:
            answer = await who.opens(row, hidden)
            refuse_unless_stranger_gets(row, answer)
            assert told(answer, hidden, who) == told(await who.opens(row, ABSENT), ABSENT, who), row


async def test_a_purpose_without_a_rule_opens_no_record(hospital: Store) -> None:
    await of_another_organisation(hospital)
    async with site(hospital) as client:
        who = visitor(client, DOCTOR, Purpose.RESEARCH)
        for row in page_rows():
            if row.path.startswith("/lifelong") and row.stranger in {"404", "nothing"}:
                assert (await who.opens(row, HIDDEN)).status_code == 403, row


async def test_another_doctor_finds_no_trace_of_an_emergency_access(hospital: Store) -> None:
    async with site(hospital) as client:
        who = visitor(client, replace(STRANGER, organisation="ward"), Purpose.EMERGENCY)
        for row in page_rows():
            if "{task:str}" in row.path and row.purpose == "ETREAT":
                answer = await who.opens(row, HIDDEN)
                assert answer.status_code == 404, row
                assert told(answer, HIDDEN, who) == told(await who.opens(row, ABSENT), ABSENT, who), row


async def test_who_may_gets_what_strangers_are_refused(hospital: Store) -> None:
    # Else a site that refuses everybody would pass the walks above.
    await of_another_organisation(hospital)
    entitled = {
        "the role's first": (DOCTOR, Purpose.TREATMENT),
        "PATRQT": (HERSELF, Purpose.PATIENT_REQUEST),
        "ETREAT": (DOCTOR, Purpose.EMERGENCY),
        "HOPERAT": (OFFICER, Purpose.OPERATIONS),
    }
    async with site(hospital) as client:
        [decides] = [row for row in page_rows() if row.method == "POST" and row.path.endswith("/consents/{offer:str}")]
        decided = await visitor(client, HERSELF, Purpose.PATIENT_REQUEST).opens(decides, HIDDEN)
        assert decided.status_code == 303, decided.text[-1500:]
        task = await emergency_of_lins(hospital)
        own = replace(HIDDEN, task=task, event=await newest_event(hospital))
        for row in page_rows():
            if row.purpose in entitled and row.method == "GET" and not row.path.endswith("/objection"):
                who = entitled["PATRQT" if row.path == "/trust/consents" else row.purpose]
                answer = await visitor(client, *who).opens(row, own)
                assert answer.status_code in {200, 303}, (row, answer.text[-1500:])
                assert INLINE.findall(answer.text) == [], row
                assert answer.status_code == 303 or "unsafe" not in answer.headers["content-security-policy"], row
                if row.stranger == "nothing":
                    assert PATIENT in answer.text, row
