"""Where a clinician begins: the patients of his unit and his own, over the real store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

import httpx
import psycopg
import pytest

from tests.records.made import open_store, put
from tests.web.conftest import made_up_assets
from tests.web.letting_in import doorkeeping, word_for
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Kind
from tianfu.apps.lifelong.queries.my_patients import PER_PAGE
from tianfu.apps.lifelong.routes import lifelong
from tianfu.db import Addresses, Database, Role
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, Instant, system_clock, to_fhir_instant
from tianfu.records.store import Store
from tianfu.web.site import SiteSettings, build_site

pytestmark = pytest.mark.anyio

WHY = Purpose.TREATMENT
CHEN = Caller(id="chen", role="doctor", organisation="ward", practitioner="chen")
WANG = Caller(id="wang", role="doctor", organisation="ward", practitioner="wang")
NURSE = Caller(id="nurse", role="nurse", organisation="ward")
ELSEWHERE = Caller(id="far", role="doctor", organisation="other", practitioner="far")
HOMELESS = Caller(id="homeless", role="doctor")
TOWNSHIP = Caller(id="village", role="township", organisation="centre", practitioner="village")
OURS = "https://tianfu.example/fhir/CodeSystem"


def days(count: float) -> str:
    return to_fhir_instant(Instant(int(system_clock() + count * DAY)))


async def visit(
    store: Store, name: str, patient: str, *, since: float = -1, status: str = "in-progress", **more: Any
) -> None:
    period = {"start": days(since), **({"end": days(-0.1)} if status == "finished" else {})}
    provider = {"reference": f"Organization/{more.pop('unit', 'ward')}"}
    members = {"status": status, "class": {"code": "IMP"}, "subject": {"reference": f"Patient/{patient}"}}
    if doctor := more.pop("doctor", ""):
        members["participant"] = [{"individual": {"reference": f"Practitioner/{doctor}"}}]
    await put(store, "Encounter", name, **members, period=period, serviceProvider=provider, **more)


@dataclass
class Clinic:
    store: Store
    site: Any

    async def page(self, caller: Caller, path: str = "/lifelong", *purposes: Purpose, language: str = "en") -> str:
        cookies = {"session": word_for(caller, *purposes)}
        transport = httpx.ASGITransport(self.site)
        headers = {"accept-language": language}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", cookies=cookies, headers=headers
        ) as client:
            answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def mine(self, caller: Caller, purpose: Purpose = WHY) -> list[str]:
        page = await self.store.my_patients(caller, purpose, limit=100)
        return [each.record.id for each in page.patients]


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    store = await open_store(database)
    for each in ("hospital", "other", "centre"):
        await put(store, "Organization", each, name=each)
    inside = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "dept"}]}
    await put(store, "Organization", "ward", name="ward", type=[inside], partOf={"reference": "Organization/hospital"})
    for each in ("ada", "bea", "cai", "dan", "eve"):
        await put(store, "Patient", each, name=[{"text": f"示例{each}"}], gender="female", birthDate="1980-05-01")
    site = build_site(
        apps=[lifelong(store)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False),
        doorkeeping=doorkeeping(desk=None),
        clock=system_clock,
        assets=made_up_assets(),
    )
    return Clinic(store, cast("Any", site))


async def test_patients_of_the_unit_and_those_by_name_stand_newest_first(clinic: Clinic) -> None:
    await visit(clinic.store, "v1", "ada", since=-3)
    await visit(clinic.store, "v2", "bea", since=-2, unit="other", doctor="chen")
    await visit(clinic.store, "v3", "cai", since=-1, unit="other")
    assert await clinic.mine(CHEN) == ["bea", "ada"]
    assert await clinic.mine(NURSE) == ["ada"]
    assert await clinic.mine(ELSEWHERE) == ["cai", "bea"]
    page = await clinic.store.my_patients(CHEN, WHY, limit=10)
    assert [each.is_named for each in page.patients] == [True, False]


@pytest.mark.parametrize("status", ["finished", "planned", "cancelled"])
async def test_a_visit_that_is_over_or_to_come_is_not_listed(clinic: Clinic, status: str) -> None:
    await visit(clinic.store, "v1", "ada", status=status)
    assert await clinic.mine(CHEN) == []


async def test_a_visit_that_ends_leaves_the_list_with_its_commit(clinic: Clinic) -> None:
    await visit(clinic.store, "v1", "ada")
    assert await clinic.mine(CHEN) == ["ada"]
    await visit(clinic.store, "v1", "ada", status="finished")
    assert await clinic.mine(CHEN) == []


async def test_contracts_and_referrals_are_listed_with_their_reasons(clinic: Clinic) -> None:
    contract = {"coding": [{"system": f"{OURS}/episode", "code": "family-doctor"}]}
    patient = {"patient": {"reference": "Patient/ada"}}
    await put(
        clinic.store,
        "EpisodeOfCare",
        "e1",
        status="active",
        type=[contract],
        period={"start": days(-30)},
        careManager={"reference": "Practitioner/chen"},
        managingOrganization={"reference": "Organization/centre"},
        **patient,
    )
    referral = {"coding": [{"system": f"{OURS}/service-category", "code": "referral"}]}
    await put(
        clinic.store,
        "ServiceRequest",
        "s1",
        status="active",
        intent="order",
        category=[referral],
        subject={"reference": "Patient/bea"},
        authoredOn=days(-2),
        requester={"reference": "Practitioner/far"},
        performer=[{"reference": "Organization/ward"}],
    )
    page = await clinic.store.my_patients(CHEN, WHY, limit=10)
    assert [(each.record.id, each.kinds) for each in page.patients] == [
        ("bea", (Kind.REFERRAL,)),
        ("ada", (Kind.FAMILY_DOCTOR,)),
    ]
    assert await clinic.mine(TOWNSHIP, Purpose.PUBLIC_HEALTH) == ["ada"]
    assert await clinic.mine(NURSE) == []  # her role opens by neither
    shown = await clinic.page(CHEN)
    assert re.search(r"示例bea.*?referred.*?示例ada.*?contract", shown, re.DOTALL)


async def test_who_is_denied_to_the_doctor_is_not_listed(clinic: Clinic) -> None:
    await visit(clinic.store, "v1", "ada", doctor="chen")
    denial = {
        "type": "deny",
        "actor": [
            {
                "role": {
                    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]
                },
                "reference": {"reference": "Practitioner/chen"},
            }
        ],
    }
    await put(
        clinic.store,
        "Consent",
        "no",
        status="active",
        scope={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        category=[{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        patient={"reference": "Patient/ada"},
        performer=[{"reference": "Patient/ada"}],
        policyRule={"text": "no"},
        provision=denial,
    )
    assert await clinic.mine(CHEN) == []
    assert await clinic.mine(WANG) == ["ada"]


async def test_who_has_neither_unit_nor_name_has_no_patients(clinic: Clinic) -> None:
    await visit(clinic.store, "v1", "ada")
    assert await clinic.mine(HOMELESS) == []
    assert "look after nobody now" in await clinic.page(HOMELESS)
    assert "现在没有由您或您的科室负责的患者" in await clinic.page(HOMELESS, language="zh-CN")


async def test_a_citizen_has_no_such_list(clinic: Clinic) -> None:
    await visit(clinic.store, "v1", "ada")
    assert await clinic.mine(Caller(id="ada", role="citizen", patients=("ada",)), Purpose.PATIENT_REQUEST) == []


async def test_a_deleted_patient_is_not_listed(clinic: Clinic) -> None:
    await visit(clinic.store, "v1", "ada")
    await clinic.store.delete(Caller(id="desk", role="desk"), WHY, "Patient", "ada")
    assert await clinic.mine(CHEN) == []


async def test_pages_follow_without_gap_or_double_and_their_addresses_name_nobody(clinic: Clinic) -> None:
    for number in range(PER_PAGE + 3):
        await put(clinic.store, "Patient", f"many-{number}", name=[{"text": f"示例{number}号"}])
        await visit(clinic.store, f"m{number}", f"many-{number}", since=-1 if number % 2 else -2)
    first = await clinic.page(CHEN)
    [onward] = re.findall(r'href="(/lifelong\?after=[^"]+)"', first)
    assert "many" not in onward
    second = await clinic.page(CHEN, onward)
    listed = [re.findall(r"people/(many-\d+)", each) for each in (first, second)]
    assert [len(each) for each in listed] == [PER_PAGE, 3]
    assert len({one for each in listed for one in each}) == PER_PAGE + 3
    assert "Back to the first page" in second


async def test_the_list_leaves_an_event_that_names_whom_it_showed(clinic: Clinic, addresses: Addresses) -> None:
    await visit(clinic.store, "v1", "ada")
    await visit(clinic.store, "v2", "bea", unit="other")
    await clinic.page(CHEN)
    with psycopg.connect(addresses.of(Role.OWNER)) as connection:
        rows = connection.execute(
            "select caller, prids, outcome from audit where interaction = 'my_patients'"
        ).fetchall()
    assert rows == [("chen", [record_number("Patient", "ada")], "success")]


async def test_a_doctor_s_first_page_begins_with_the_list_and_keeps_the_search(clinic: Clinic) -> None:
    await visit(clinic.store, "v1", "ada", doctor="chen")
    shown = await clinic.page(CHEN)
    assert shown.index("<h1>My patients</h1>") < shown.index("示例ada") < shown.index('action="/lifelong/find"')
    assert "by name" in shown
    assert shown.count("<h1") == 1
