"""Attacks on permission that once went through, each performed: they now change nothing and show nothing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.records.test_permission import (
    CITIZEN,
    CLASS,
    DOCTOR,
    EMERGENCY,
    FLU,
    HIV,
    MOTHER,
    OFFICER,
    STRANGER,
    TREAT,
    UNIT,
    WHO,
    Ward,
    days,
    emergency,
)
from tests.records.test_permission import ward as ward

from tianfu.access.caller import Caller
from tianfu.access.labels import labels_of_resource
from tianfu.access.purpose import Purpose
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Written
from tianfu.records.tracing import Job
from tianfu.records.trail.reading import TrailQuestion
from tianfu.records.write import Change
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

WHY = Purpose.PATIENT_REQUEST
RIVAL = Caller(id="h2", role="hospital-system", organisation="other")
BEA = Caller(id="c3", role="citizen", patients=("bea",))
HELPER = Caller(id="c4", role="citizen", related=("helper",))
ROLES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
RELATIVES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


async def test_a_hospital_takes_no_other_ward_into_its_own_house(ward: Ward) -> None:
    await ward.visit("ada")
    unit = {"resourceType": "Organization", "type": [{"coding": [{"system": UNIT, "code": "dept"}]}]}
    for below, above in (("ward", "other"), ("other", "ward")):
        with pytest.raises(Refusal, match="role-cannot-do-this"):
            await ward.write(RIVAL, **unit, id=below, partOf={"reference": f"Organization/{above}"})
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await ward.write(RIVAL, resourceType="Practitioner", id="lin", active=False)  # another's to keep
    assert await ward.ids(RIVAL, "Condition") == []


async def test_a_machine_learns_nothing_by_deleting(ward: Ward) -> None:
    for name in ("ada", "never-was"):
        with pytest.raises(Refusal, match="not-found"):
            await ward.store.delete(RIVAL, TREAT, "Patient", name)


async def test_a_doctor_does_not_prolong_a_visit_by_referring_to_his_own_ward(ward: Ward) -> None:
    await ward.visit("ada")
    referral = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "3457005"}]}],
        "subject": {"reference": "Patient/ada"},
        "requester": {"reference": "Practitioner/lin"},
        "authoredOn": days(40),
    }
    for own in ("ward", "hospital"):
        with pytest.raises(Refusal, match="referral-not-yours"):
            await ward.write(DOCTOR, **referral, performer=[{"reference": f"Organization/{own}"}])
    await ward.write(DOCTOR, **referral, performer=[{"reference": "Organization/other"}])


async def test_nobody_takes_an_emergency_out_of_the_officers_sight(ward: Ward) -> None:
    opened = await ward.break_glass(STRANGER, emergency("ada"))
    await ward.visit("ada")
    told = {**emergency("ada"), "id": opened.id}
    for who, why in ((STRANGER, EMERGENCY), (CITIZEN, WHY), (OFFICER, Purpose.OPERATIONS), (DOCTOR, TREAT)):
        with pytest.raises(Refusal, match=r"role-cannot-do-this|not-found"):
            await ward.store.delete(who, why, "Task", opened.id)
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await ward.write(STRANGER, EMERGENCY, **{**told, "status": "completed", "code": {"text": "tea"}})
    with pytest.raises(Refusal, match="emergency-not-now"):
        await ward.write(STRANGER, EMERGENCY, **told)  # the same access for another half hour
    for who, why in ((DOCTOR, TREAT), (CITIZEN, WHY)):
        with pytest.raises(Refusal, match="emergency-not-yours"):
            await ward.write(who, why, **{**emergency("ada"), "status": "completed"})  # in a colleague's name
    assert await ward.ids(OFFICER, "Task", Purpose.OPERATIONS) == [opened.id]
    await ward.write(STRANGER, EMERGENCY, **{**told, "status": "completed"})  # ended before its time


async def test_an_objection_is_for_the_officer_alone(ward: Ward) -> None:
    objection: dict[str, Any] = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "urn:tianfu:task", "code": "objection-to-access"}]},
        "for": {"reference": "Patient/ada"},
    }
    written = await ward.write(CITIZEN, WHY, **objection)
    await ward.visit("ada")
    assert await ward.ids(DOCTOR, "Task") == []
    await ward.break_glass(STRANGER, emergency("ada"))
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await ward.write(STRANGER, EMERGENCY, **{**objection, "id": written.id, "status": "cancelled"})


def consent(performer: str, kind: str, role: tuple[str, str], actor: str) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/bea"},
        "performer": [{"reference": performer}],
        "policyRule": {"coding": [{"system": CLASS, "code": "OPTOUT"}]},
        "provision": {
            "type": kind,
            "period": {"start": days(-1), "end": days(30)},
            "actor": [{"role": {"coding": [{"system": role[0], "code": role[1]}]}, "reference": {"reference": actor}}],
        },
    }


async def test_a_proxy_looks_and_does_not_decide(ward: Ward) -> None:
    await ward.put("RelatedPerson", "helper", patient={"reference": "Patient/bea"})
    await ward.write(BEA, WHY, **consent("Patient/bea", "permit", (RELATIVES, "DELEGATEE"), "RelatedPerson/helper"))
    said = consent("Patient/bea", "deny", (ROLES, "IRCP"), "Organization/ward")
    denial = await ward.write(BEA, WHY, **said)
    assert await ward.sees(HELPER, "Consent", denial.id, WHY)
    taken_back = {**said, "id": denial.id, "status": "inactive", "performer": [{"reference": "RelatedPerson/helper"}]}
    with pytest.raises(Refusal, match="not-found"):
        await ward.write(HELPER, WHY, **taken_back)
    with pytest.raises(Refusal, match="not-found"):
        await ward.store.delete(HELPER, WHY, "Consent", denial.id)
    with pytest.raises(Refusal, match="not-found"):
        await ward.write(HELPER, WHY, **consent("RelatedPerson/helper", "deny", (ROLES, "IRCP"), "Organization/other"))


async def test_a_mother_reads_no_ledger_of_a_grown_child(ward: Ward) -> None:
    mother = [{"coding": [{"system": RELATIVES, "code": "MTH"}]}]
    await ward.put("RelatedPerson", "mother-of-ada", patient={"reference": "Patient/ada"}, relationship=mother)
    assert (await ward.store.ledger(MOTHER, WHY, ["ada"], limit=10)).events
    await ward.put("Patient", "ada", birthDate=days(-30 * 365.25)[:10])
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await ward.store.ledger(MOTHER, WHY, ["ada"], limit=10)


async def test_an_emergency_of_one_opens_nothing_to_another_who_writes_in_the_same_group(ward: Ward) -> None:
    store = ward.store
    nurse = Caller(id="n9", role="nurse", organisation="other", practitioner="x")
    note = {"resourceType": "Communication", "status": "completed", "subject": {"reference": "Patient/ada"}}
    kind = {"coding": [{"system": "urn:tianfu:notice", "code": "emergency-opened"}]}
    own = [(STRANGER, EMERGENCY, each) for each in (emergency("ada"), *[{**note, "category": [kind]}] * 2)]
    jobs = []
    for who, why, resource in (*own, (nurse, TREAT, note)):
        write = store._preparer.write(parse_resource(orjson.dumps(resource)), new_uuid7())
        grant = await store._permissions.grant(who, why)
        jobs.append(Job(Change(write=write, is_new=True), grant, "create", ""))
    *opened, refused = await store._writer._write_group(jobs)
    assert all(isinstance(each, Written) for each in opened)
    assert isinstance(refused, Refusal)


async def test_the_trail_tells_nobody_whose_else_records_one_search_found(ward: Ward) -> None:
    for patient in ("ada", "bea"):
        await ward.visit(patient)
    await ward.ids(DOCTOR, "Condition")  # one event about both
    for found, name in ((True, "flu"), (False, "cold")):
        asked = TrailQuestion(entities=(("Condition", name),))
        assert bool((await ward.store.audit_events(CITIZEN, WHY, asked, limit=10)).events) == found


async def test_a_chain_finds_people_by_what_is_sealed(ward: Ward) -> None:
    await ward.put("Patient", "ada", birthDate="2019-01-01", address=[{"text": "成都市青羊区一路"}])
    assert await ward.ids(WHO[0], "Condition", WHO[1], **{"patient.address": "成都市青羊"}) == ["flu", "hiv"]


@pytest.mark.parametrize("system", ["https://hl7.org/fhir/sid/icd-10", " HTTP://hl7.org/fhir/sid/ICD-10/", ""])
@pytest.mark.parametrize("code", ["B20", "Ｂ20.1"])
async def test_a_code_spelled_otherwise_is_no_less_special(system: str, code: str) -> None:
    coding = {"code": code} | ({"system": system} if system else {})
    condition = {"resourceType": "Condition", "code": {"coding": [coding]}}
    special = labels_of_resource({"resourceType": "Condition", "code": HIV}, has_patient=True)
    assert labels_of_resource(condition, has_patient=True) == special
    assert labels_of_resource({"resourceType": "Condition", "code": FLU}, has_patient=True) != special
