"""Who sees and writes what, through the whole store: relations open, consents close, the hidden is not there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from tests.records.made import WHO, open_store, put
from tests.trails import auditor_of

from tianfu.access.caller import OPERATOR, Caller
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, SECOND, system_clock, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, Found, Gone, NotFound, Written
from tianfu.records.readers import readers_of
from tianfu.records.store import SearchRequest, Store
from tianfu.standards.fhir.parsing import parse_bundle, parse_resource

pytestmark = pytest.mark.anyio

TREAT, EMERGENCY = Purpose.TREATMENT, Purpose.EMERGENCY
DOCTOR = Caller(id="d1", role="doctor", organisation="ward", practitioner="lin")
STRANGER = Caller(id="d2", role="doctor", organisation="other", practitioner="zhou")
NURSE = Caller(id="n1", role="nurse", organisation="ward", practitioner="qin")
CITIZEN = Caller(id="c1", role="citizen", patients=("ada",))
MOTHER = Caller(id="c2", role="citizen", patients=("bea",), related=("mother-of-ada",))
HOSPITAL = Caller(id="h1", role="hospital-system", organisation="hospital")
OFFICER = Caller(id="o1", role="officer")
UNIT = "http://terminology.hl7.org/CodeSystem/organization-type"
CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
HIV = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "B20"}]}
FLU = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "J10"}]}


def days(count: float) -> str:
    return to_fhir_instant(system_clock() + int(count * DAY))


@dataclass
class Ward:
    """A hospital with a ward, two patients, and what happened to them."""

    store: Store
    database: Database

    async def put(self, resource_type: str, logical_id: str, **members: Any) -> None:
        await put(self.store, resource_type, logical_id, **members)

    async def visit(self, patient: str, *, status: str = "in-progress", practitioner: str = "lin") -> None:
        period = {"start": days(-2)} | ({"end": days(-1)} if status == "finished" else {})
        await self.put(
            "Encounter",
            f"visit-{patient}",
            status=status,
            **{"class": {"system": CLASS, "code": "IMP"}},
            subject={"reference": f"Patient/{patient}"},
            period=period,
            serviceProvider={"reference": "Organization/ward"},
            participant=[{"individual": {"reference": f"Practitioner/{practitioner}"}}],
        )

    async def read(self, who: Caller, resource_type: str, logical_id: str, why: Purpose = TREAT) -> Answer:
        return await self.store.read(who, why, resource_type, logical_id)

    async def sees(self, who: Caller, resource_type: str, logical_id: str, why: Purpose = TREAT) -> bool:
        return isinstance(await self.read(who, resource_type, logical_id, why), Found)

    async def ids(self, who: Caller, resource_type: str, why: Purpose = TREAT, **asked: str) -> list[str]:
        page = await self.store.search(who, why, SearchRequest(type=resource_type, parameters=tuple(asked.items())))
        return sorted(record.id for record in page.records)

    async def write(self, who: Caller, why: Purpose = TREAT, **resource: Any) -> Written:
        parsed = parse_resource(orjson.dumps(resource))
        if "id" in resource:
            written = await self.store.update(who, why, parsed, resource["id"])
        else:
            written = await self.store.create(who, why, parsed)
        assert isinstance(written, Written)
        return written

    async def break_glass(self, who: Caller, task: dict[str, Any], *, notices: int = 2) -> Written:
        """Open a record in an emergency, with the notices that belong to it."""
        notice = {
            "resourceType": "Communication",
            "status": "completed",
            "category": [{"coding": [{"system": "urn:tianfu:notice", "code": "emergency-opened"}]}],
            "subject": task["for"],
        }
        entries = [
            {"request": {"method": "POST", "url": each["resourceType"]}, "resource": each}
            for each in (task, *[notice] * notices)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answers = await self.store.transaction(who, EMERGENCY, parse_bundle(orjson.dumps(bundle)))
        assert isinstance(answers[0].outcome, Written)
        return answers[0].outcome

    async def outcomes(self, who: Caller) -> list[str]:
        query = Query.composed("outcomes", "select outcome from audit where caller = %(caller)s order by at, number")
        async with self.database.connection("owner") as owner:
            return [row[0] for row in await owner.all(query, caller=who.id)]


@pytest.fixture
async def ward(database: Database) -> Ward:
    made = Ward(await open_store(database), database)
    await made.put("Organization", "hospital", name="First", type=[{"coding": [{"system": UNIT, "code": "prov"}]}])
    for name, above in (("ward", "hospital"), ("other", "elsewhere")):
        kind = [{"coding": [{"system": UNIT, "code": "dept"}]}]
        await made.put("Organization", name, name=name, type=kind, partOf={"reference": f"Organization/{above}"})
    for name in ("lin", "zhou"):
        await made.put("Practitioner", name)
    await made.put("Patient", "ada", birthDate="2019-01-01", name=[{"family": "Ada"}])
    await made.put("Patient", "bea", birthDate="1985-01-01", name=[{"family": "Bea"}])
    for name, patient, code in (("flu", "ada", FLU), ("hiv", "ada", HIV), ("cold", "bea", FLU)):
        await made.put("Condition", name, subject={"reference": f"Patient/{patient}"}, code=code)
    return made


async def test_who_has_no_relation_finds_nobody(ward: Ward) -> None:
    assert isinstance(await ward.read(STRANGER, "Patient", "ada"), NotFound)
    assert await ward.ids(STRANGER, "Patient") == []
    assert await ward.ids(STRANGER, "Condition") == []
    page = await ward.store.search(
        STRANGER, TREAT, SearchRequest(type="Condition", parameters=(("_total", "accurate"),))
    )
    assert page.total == 0


async def test_a_visit_opens_to_its_ward_and_what_is_special_only_to_its_doctor(ward: Ward) -> None:
    await ward.visit("ada")
    assert await ward.ids(DOCTOR, "Condition") == ["flu", "hiv"]
    assert await ward.ids(NURSE, "Condition") == ["flu"]
    assert await ward.ids(STRANGER, "Condition") == []
    assert not await ward.sees(NURSE, "Condition", "hiv")


async def test_a_visit_that_ended_long_ago_opens_nothing(ward: Ward) -> None:
    await ward.visit("ada", status="finished")
    assert await ward.sees(DOCTOR, "Condition", "flu")  # the letter is still to be written
    await ward.put(
        "Encounter",
        "visit-ada",
        status="finished",
        **{"class": {"system": CLASS, "code": "IMP"}},
        subject={"reference": "Patient/ada"},
        period={"start": days(-300), "end": days(-200)},
        serviceProvider={"reference": "Organization/ward"},
        participant=[{"individual": {"reference": "Practitioner/lin"}}],
    )
    assert not await ward.sees(DOCTOR, "Condition", "flu")


async def test_the_wrong_purpose_opens_nothing(ward: Ward) -> None:
    await ward.visit("ada")
    assert not await ward.sees(DOCTOR, "Condition", "flu", EMERGENCY)
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await ward.read(DOCTOR, "Condition", "flu", Purpose.RESEARCH)
    assert (await ward.outcomes(DOCTOR))[-1] == "role-cannot-do-this"


async def test_a_person_sees_all_of_his_own_and_nothing_else(ward: Ward) -> None:
    why = Purpose.PATIENT_REQUEST
    assert await ward.ids(CITIZEN, "Condition", why) == ["flu", "hiv"]
    assert await ward.ids(CITIZEN, "Patient", why) == ["ada"]


async def test_a_mother_sees_her_child_until_the_child_is_fourteen(ward: Ward) -> None:
    why = Purpose.PATIENT_REQUEST
    mother = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}]
    await ward.put("RelatedPerson", "mother-of-ada", patient={"reference": "Patient/ada"}, relationship=mother)
    assert await ward.ids(MOTHER, "Condition", why) == ["cold", "flu", "hiv"]
    await ward.put("Patient", "ada", birthDate=days(-15 * 365.25)[:10])
    assert await ward.ids(MOTHER, "Condition", why) == ["cold"]
    assert await ward.ids(MOTHER, "Patient", why) == ["ada", "bea"]
    await ward.put("Patient", "ada", birthDate=days(-19 * 365.25)[:10])
    assert await ward.ids(MOTHER, "Patient", why) == ["bea"]


async def test_a_consent_closes_with_its_commit_and_its_withdrawal_opens(ward: Ward) -> None:
    await ward.visit("ada")
    refusal = {
        "resourceType": "Consent",
        "id": "no",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/ada"},
        "dateTime": days(0),
        "performer": [{"reference": "Patient/ada"}],
        "policyRule": {"coding": [{"system": CLASS, "code": "OPTOUT"}]},
        "provision": {
            "type": "deny",
            "actor": [
                {
                    "role": {
                        "coding": [
                            {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
                        ]
                    },
                    "reference": {"reference": "Organization/ward"},
                }
            ],
        },
    }
    await ward.write(CITIZEN, Purpose.PATIENT_REQUEST, **{k: v for k, v in refusal.items() if k != "id"})
    (written,) = await ward.ids(CITIZEN, "Consent", Purpose.PATIENT_REQUEST)
    assert await ward.ids(DOCTOR, "Condition") == []
    assert await ward.ids(CITIZEN, "Condition", Purpose.PATIENT_REQUEST) == ["flu", "hiv"]
    await ward.write(CITIZEN, Purpose.PATIENT_REQUEST, **{**refusal, "id": written, "status": "inactive"})
    assert await ward.ids(DOCTOR, "Condition") == ["flu", "hiv"]


async def test_history_needs_permission_for_what_was_and_what_is(ward: Ward) -> None:
    await ward.visit("bea")
    await ward.put(
        "Condition", "flu", subject={"reference": "Patient/bea"}, code=FLU
    )  # it was written to the wrong one
    assert await ward.sees(DOCTOR, "Condition", "flu")
    assert isinstance(await ward.store.vread(DOCTOR, TREAT, "Condition", "flu", 1), NotFound)
    page = await ward.store.history(DOCTOR, TREAT, "Condition", "flu", limit=10)
    assert [entry.version for entry in page.entries] == [2]
    page = await ward.store.history(CITIZEN, Purpose.PATIENT_REQUEST, "Condition", None, limit=10)
    assert {entry.id for entry in page.entries} == {"hiv"}
    with pytest.raises(Refusal, match="not-found"):
        await ward.store.history(STRANGER, TREAT, "Condition", "flu", limit=10)


async def test_a_conditional_write_that_is_refused_stands_in_the_trail(ward: Ward) -> None:
    # Its event must not be undone together with what was refused.
    flu = parse_resource(
        orjson.dumps({"resourceType": "Condition", "subject": {"reference": "Patient/ada"}, "code": FLU})
    )
    for number in range(1, 3):
        with pytest.raises(Refusal, match="not-found"):
            if number == 1:
                await ward.store.create(STRANGER, TREAT, flu, if_none_exist="_id=flu")
            else:
                await ward.store.update_matching(STRANGER, TREAT, flu, "_id=flu")
        assert await ward.outcomes(STRANGER) == ["not-found"] * number


async def test_a_deletion_that_finds_nothing_tells_the_trail_what_was_asked(ward: Ward) -> None:
    await ward.store.delete_matching(STRANGER, TREAT, "Condition", "_id=flu")
    text = "select interaction, outcome, query, cardinality(rids) from audit where caller = %(caller)s"
    async with ward.database.connection("owner") as owner:
        rows = await owner.all(Query.composed("told", text), caller=STRANGER.id)
    assert [tuple(row) for row in rows] == [("delete", "success", "_id=flu", 0)]


async def test_a_version_that_may_not_be_seen_is_told_as_refused_and_named(ward: Ward) -> None:
    assert isinstance(await ward.store.vread(STRANGER, TREAT, "Condition", "flu", 1), NotFound)
    text = "select outcome, rids from audit where caller = %(caller)s"
    async with ward.database.connection("owner") as owner:
        rows = await owner.all(Query.composed("told", text), caller=STRANGER.id)
    assert [(row[0], list(row[1])) for row in rows] == [("not-found", [record_number("Condition", "flu")])]


async def test_a_tombstone_is_as_hidden_as_the_record_was(ward: Ward) -> None:
    await ward.visit("ada")
    await ward.store.delete(*WHO, "Condition", "hiv")
    assert isinstance(await ward.read(DOCTOR, "Condition", "hiv"), Gone)
    assert isinstance(await ward.read(NURSE, "Condition", "hiv"), NotFound)
    assert isinstance(await ward.read(STRANGER, "Condition", "hiv"), NotFound)


async def test_a_record_about_two_needs_permission_for_both(ward: Ward) -> None:
    both = [{"reference": "Patient/ada"}, {"reference": "Patient/bea"}]
    account = {"resourceType": "Account", "status": "active", "subject": both}
    await ward.put("Account", "shared", **{k: v for k, v in account.items() if k != "resourceType"})
    await ward.visit("ada")
    assert not await ward.sees(DOCTOR, "Account", "shared")
    await ward.visit("bea")
    assert await ward.sees(DOCTOR, "Account", "shared")
    await ward.store.delete(*WHO, "Account", "shared")
    assert isinstance(await ward.read(DOCTOR, "Account", "shared"), Gone)
    assert isinstance(await ward.read(CITIZEN, "Account", "shared", Purpose.PATIENT_REQUEST), NotFound)


async def test_a_doctor_writes_about_his_patients_only(ward: Ward) -> None:
    await ward.visit("ada")
    note = {"resourceType": "Condition", "subject": {"reference": "Patient/ada"}, "code": FLU}
    written = await ward.write(DOCTOR, **note)
    assert await ward.sees(DOCTOR, "Condition", written.id)
    with pytest.raises(Refusal, match="not-found"):
        await ward.write(DOCTOR, **{**note, "subject": {"reference": "Patient/bea"}})
    with pytest.raises(Refusal, match="not-found"):
        await ward.write(STRANGER, **note)
    assert (await ward.outcomes(STRANGER))[-1] == "not-found"


async def test_no_clinician_opens_a_record_to_himself(ward: Ward) -> None:
    visit = {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": CLASS, "code": "IMP"},
        "subject": {"reference": "Patient/bea"},
        "period": {"start": days(-1)},
        "participant": [{"individual": {"reference": "Practitioner/zhou"}}],
    }
    for why in (TREAT, EMERGENCY):
        with pytest.raises(Refusal, match="role-cannot-do-this"):
            await ward.write(STRANGER, why, **visit)
    assert not await ward.sees(STRANGER, "Patient", "bea")


async def test_whoever_writes_cannot_find_out_which_records_are_there(ward: Ward) -> None:
    """What is hidden and what is absent answer alike, and nothing is written."""
    await ward.visit("ada")
    for name in ("cold", "never-was"):
        note = {"resourceType": "Condition", "id": name, "subject": {"reference": "Patient/ada"}, "code": FLU}
        with pytest.raises(Refusal, match="not-found"):
            await ward.write(DOCTOR, **note)
        with pytest.raises(Refusal, match="not-found"):
            await ward.store.delete(DOCTOR, TREAT, "Condition", name)
    assert await ward.sees(*WHO[:1], "Condition", "cold")


async def test_a_refused_entry_takes_its_whole_bundle_and_is_traced(ward: Ward) -> None:
    await ward.visit("ada")
    entries = [
        {
            "request": {"method": "POST", "url": "Condition"},
            "resource": {"resourceType": "Condition", "subject": {"reference": f"Patient/{who}"}, "code": FLU},
        }
        for who in ("ada", "bea")
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    with pytest.raises(Refusal, match="not-found"):
        await ward.store.transaction(DOCTOR, TREAT, parse_bundle(orjson.dumps(bundle)))
    assert await ward.ids(DOCTOR, "Condition") == ["flu", "hiv"]
    assert (await ward.outcomes(DOCTOR))[-2] == "not-found"


def emergency(patient: str, *, owner: str = "zhou", minutes: float = 30) -> dict[str, Any]:
    now = system_clock()
    return {
        "resourceType": "Task",
        "status": "in-progress",
        "intent": "order",
        "code": {"coding": [{"system": "urn:tianfu:task", "code": "emergency-access"}]},
        "for": {"reference": f"Patient/{patient}"},
        "owner": {"reference": f"Practitioner/{owner}"},
        "authoredOn": to_fhir_instant(now),
        "reasonCode": {"text": "unconscious after an accident"},
        "restriction": {
            "period": {"start": to_fhir_instant(now), "end": to_fhir_instant(now + int(minutes * 60) * SECOND)}
        },
    }


async def test_a_doctor_breaks_the_glass_for_a_while_and_not_for_what_is_special(ward: Ward) -> None:
    await ward.break_glass(STRANGER, emergency("ada"))
    assert await ward.ids(STRANGER, "Condition", EMERGENCY) == ["flu"]
    assert await ward.ids(STRANGER, "Condition") == []  # not for ordinary treatment
    assert await ward.ids(DOCTOR, "Condition", EMERGENCY) == []  # not for anybody else
    (task,) = await ward.ids(OFFICER, "Task", Purpose.OPERATIONS)
    assert await ward.ids(CITIZEN, "Task", Purpose.PATIENT_REQUEST) == [task]
    assert await ward.ids(OFFICER, "Condition", Purpose.OPERATIONS) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reasonCode": {"text": ""}}, "resource-invalid|emergency-reason-missing"),
        ({"reasonCode": {"text": "soon"}}, "emergency-reason-missing"),
        ({"owner": {"reference": "Practitioner/lin"}}, "emergency-not-yours"),
        ({"for": {"reference": "Patient/nobody"}}, "not-found"),
        ({"restriction": {"period": {"start": days(0), "end": days(1)}}}, "emergency-too-long"),
    ],
)
async def test_an_unsound_emergency_opens_nothing(ward: Ward, change: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal, match=code):
        await ward.break_glass(STRANGER, {**emergency("ada"), **change})
    assert await ward.ids(STRANGER, "Condition", EMERGENCY) == []


async def test_an_emergency_that_is_over_opens_nothing(ward: Ward) -> None:
    await ward.break_glass(STRANGER, emergency("ada", minutes=0.005))
    while await ward.ids(STRANGER, "Condition", EMERGENCY):  # a third of a second at most
        pass
    assert not await ward.sees(STRANGER, "Patient", "ada", EMERGENCY)


async def test_an_organisation_keeps_what_its_system_wrote(ward: Ward) -> None:
    await ward.write(HOSPITAL, resourceType="Patient", id="new", birthDate="2000-01-01")
    assert await ward.sees(HOSPITAL, "Patient", "new")
    assert not await ward.sees(HOSPITAL, "Patient", "ada")
    other = Caller(id="h2", role="hospital-system", organisation="other")
    assert not await ward.sees(other, "Patient", "new")
    with pytest.raises(Refusal, match="not-found"):
        await ward.write(other, resourceType="Patient", id="new", birthDate="2000-01-02")


async def test_statements_that_forget_to_say_for_whom_they_ask_see_nothing(ward: Ward) -> None:
    """The second wall: row-level security stands without the first."""
    counted = Query.composed("counted", "select (select count(*) from resource), (select count(*) from history)")
    await ward.put("Patient", "ada", birthDate="2019-01-02")
    async with ward.database.connection("reader") as reader:
        assert await reader.all(counted) == [(0, 0)]
    async with ward.database.connection("owner") as owner:
        assert all(count > 0 for count in (await owner.all(counted))[0])


async def test_two_callers_share_a_connection_and_never_an_answer(addresses: Addresses) -> None:
    """Many questions of two callers in parallel, one connection: each sees his own and the settings end with each."""
    async with await Database.open(addresses, links_max=1) as database:
        ward = Ward(await open_store(database), database)
        for name in ("ada", "bea"):
            await ward.put("Patient", name, birthDate="1980-01-01")
            await ward.put("Condition", f"of-{name}", subject={"reference": f"Patient/{name}"}, code=FLU)
        bea = Caller(id="c3", role="citizen", patients=("bea",))
        why = Purpose.PATIENT_REQUEST
        for _ in range(20):
            answers = await asyncio.gather(
                *(ward.ids(who, "Condition", why) for who in (CITIZEN, bea)),
                *(ward.sees(who, "Condition", name, why) for who in (CITIZEN, bea) for name in ("of-ada", "of-bea")),
            )
            assert answers == [["of-ada"], ["of-bea"], True, False, False, True]
        counted = Query.composed("counted", "select count(*) from resource")
        async with database.connection("reader") as reader:
            assert await reader.all(counted) == [(0,)]


async def test_who_can_read_names_the_rule_and_the_record_that_says_so(ward: Ward) -> None:
    await ward.visit("ada")
    auditor = await auditor_of(ward.database)
    asking = (ward.database, auditor, "Condition")
    found = await readers_of(OPERATOR, Purpose.OPERATIONS, *asking, "flu", clock=system_clock)
    told = {(each.reader.role, each.reader.rule, each.actor, each.source) for each in found.readers}
    assert ("doctor", "doctor-treats", "Practitioner/lin", "Encounter/visit-ada") in told
    assert ("nurse", "nurse-cares", "Organization/ward", "Encounter/visit-ada") in told
    assert ("citizen", "citizen-own-life", "", "") in told
    assert not {role for role, *_ in told} & {"officer", "administrator", "security", "regulator"}
    special = await readers_of(OPERATOR, Purpose.OPERATIONS, *asking, "hiv", clock=system_clock)
    assert {each.actor for each in special.readers if each.reader.role == "doctor"} == {"Practitioner/lin"}
    assert "nurse" not in {each.reader.role for each in special.readers}
    with pytest.raises(Refusal, match="not-found"):
        await readers_of(DOCTOR, TREAT, *asking, "flu", clock=system_clock)
    assert (await ward.outcomes(OPERATOR))[-2:] == ["success", "success"]


async def test_nobody_signs_a_consent_for_somebody_else(ward: Ward) -> None:
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/ada"},
        "policyRule": {"coding": [{"system": CLASS, "code": "OPTOUT"}]},
        "provision": {"type": "deny"},
    }
    for performer in ([], [{"reference": "Patient/bea"}], [{"reference": "RelatedPerson/mother-of-ada"}]):
        with pytest.raises(Refusal, match="consent-not-yours"):
            signed = {**consent, "performer": performer} if performer else consent
            await ward.write(CITIZEN, Purpose.PATIENT_REQUEST, **signed)
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await ward.write(DOCTOR, **consent)


async def test_nobody_refers_in_another_doctors_name(ward: Ward) -> None:
    await ward.visit("ada")
    referral = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/ada"},
        "requester": {"reference": "Practitioner/zhou"},
    }
    with pytest.raises(Refusal, match="referral-not-yours"):
        await ward.write(DOCTOR, **referral)
    await ward.write(DOCTOR, **{**referral, "requester": {"reference": "Practitioner/lin"}})


async def test_nobody_but_the_platform_writes_how_a_newborns_visit_stands(ward: Ward) -> None:
    visit = {
        "resourceType": "Appointment",
        "status": "booked",
        "participant": [{"actor": {"reference": "Patient/ada"}, "status": "accepted"}],
    }
    await ward.write(CITIZEN, Purpose.PATIENT_REQUEST, **visit)
    state = {"url": "urn:tianfu:newborn-visit-state", "valueCode": "waiting"}
    with pytest.raises(Refusal, match="visit-not-yours"):
        await ward.write(CITIZEN, Purpose.PATIENT_REQUEST, **visit, extension=[state])
    platform = Caller(id="newborn-visits", role="system")
    stands = await ward.write(platform, TREAT, **visit, extension=[state])
    for text in ({**visit, "id": stands.id}, {**visit, "id": stands.id, "status": "cancelled"}):
        with pytest.raises(Refusal, match="visit-not-yours"):
            await ward.write(CITIZEN, Purpose.PATIENT_REQUEST, **text)
    with pytest.raises(Refusal, match="visit-not-yours"):
        await ward.store.delete(CITIZEN, Purpose.PATIENT_REQUEST, "Appointment", stands.id)
    await ward.write(platform, TREAT, **{**visit, "id": stands.id}, extension=[{**state, "valueCode": "armed"}])
    await ward.store.delete(platform, TREAT, "Appointment", stands.id)


CONSULTATION = [{"coding": [{"system": "urn:tianfu:newborn", "code": "remote-consultation"}]}]
PLATFORM = Caller(id="newborn-visits", role="system")
REGISTRAR = Caller(id="r1", role="registrar", organisation="ward")


async def test_nobody_but_the_platform_writes_what_is_asked_and_answered_in_a_consultation(ward: Ward) -> None:
    await ward.visit("ada")
    about = {"status": "active", "subject": {"reference": "Patient/ada"}}
    for other in (
        {**about, "resourceType": "ServiceRequest", "intent": "order", "requester": {"reference": "Practitioner/lin"}},
        {**about, "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}},
    ):
        kind = other["resourceType"]
        ours = {**other, "category": CONSULTATION}
        stands = await ward.write(PLATFORM, TREAT, **ours)
        mine = await ward.write(DOCTOR, **other)
        kept = await ward.write(HOSPITAL, **other)
        for who, theirs in ((DOCTOR, mine), (HOSPITAL, kept)):
            for text in (ours, {**ours, "id": stands.id}, {**ours, "id": theirs.id}, {**other, "id": stands.id}):
                with pytest.raises(Refusal, match="consultation-not-yours"):
                    await ward.write(who, **text)
            with pytest.raises(Refusal, match="consultation-not-yours"):
                await ward.store.delete(who, TREAT, kind, stands.id)
            await ward.write(who, **{**other, "id": theirs.id})
        with pytest.raises(Refusal, match="consultation-not-yours"):
            await ward.write(HOSPITAL, Purpose.OPERATIONS, **ours)
        with pytest.raises(Refusal, match="role-cannot-do-this"):
            await ward.write(REGISTRAR, Purpose.OPERATIONS, **ours)
        answer = await ward.read(PLATFORM, kind, stands.id)
        assert isinstance(answer, Found)
        assert answer.record.version == 1
        await ward.write(PLATFORM, TREAT, **{**ours, "id": stands.id})
        await ward.store.delete(PLATFORM, TREAT, kind, stands.id)


async def test_a_guardians_agreement_to_experts_is_written_by_the_guardian_alone(ward: Ward) -> None:
    await ward.visit("ada")
    mother = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}]
    await ward.put("RelatedPerson", "mother-of-ada", patient={"reference": "Patient/ada"}, relationship=mother)
    agreement = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "urn:tianfu:newborn-consent", "code": "consultation"}]}],
        "patient": {"reference": "Patient/ada"},
        "performer": [{"reference": "RelatedPerson/mother-of-ada"}],
        "policyRule": {"text": "made up"},
    }
    visits = {**agreement, "category": [{"coding": [{"system": "urn:tianfu:newborn-consent", "code": "view"}]}]}
    houses = ((HOSPITAL, TREAT), (HOSPITAL, Purpose.OPERATIONS), (REGISTRAR, Purpose.OPERATIONS))
    own = await ward.write(MOTHER, Purpose.PATIENT_REQUEST, **agreement)
    for who, why in houses:
        on_paper = await ward.write(who, why, **visits)
        for text in (agreement, {**agreement, "id": on_paper.id}):
            with pytest.raises(Refusal, match="consent-not-yours"):
                await ward.write(who, why, **text)
    for text in ({**agreement, "status": "inactive"}, visits):
        with pytest.raises(Refusal, match="consent-not-yours"):
            await ward.write(HOSPITAL, TREAT, **text, id=own.id)
    with pytest.raises(Refusal, match="consent-not-yours"):
        await ward.store.delete(HOSPITAL, TREAT, "Consent", own.id)
    await ward.write(MOTHER, Purpose.PATIENT_REQUEST, **{**agreement, "id": own.id, "status": "inactive"})


async def test_a_hospitals_machine_lists_experts_of_its_own_house_only(ward: Ward) -> None:
    role = {
        "resourceType": "PractitionerRole",
        "active": True,
        "practitioner": {"reference": "Practitioner/lin"},
        "organization": {"reference": "Organization/ward"},
        "code": [{"coding": [{"system": "urn:tianfu:newborn", "code": "remote-expert"}]}],
    }
    plain = {**role, "code": [{"text": "physician"}], "organization": {"reference": "Organization/other"}}
    kept = await ward.write(HOSPITAL, TREAT, **plain)
    foreign: tuple[dict[str, Any], ...] = (
        {"organization": {"reference": "Organization/other"}},
        {"organization": {"reference": "Organization/other"}, "id": kept.id},
        {"organization": {"display": "First"}},
        {"organization": {"reference": "https://elsewhere.example/Organization/ward"}},
    )
    for change in foreign:
        for why in (TREAT, Purpose.OPERATIONS):
            with pytest.raises(Refusal, match="expert-not-yours"):
                await ward.write(HOSPITAL, why, **{**role, **change})
    for house in ("ward", "hospital"):
        await ward.write(HOSPITAL, TREAT, **{**role, "organization": {"reference": f"Organization/{house}"}})
    administrator = Caller(id="a1", role="administrator")
    await ward.write(administrator, Purpose("HSYSADMIN"), **{**role, **foreign[0]})


async def test_only_a_doctor_who_cares_for_a_newborn_approves_what_its_family_reads(ward: Ward) -> None:
    await ward.visit("ada")
    note = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [{"coding": [{"system": "urn:tianfu:newborn", "code": "condition-note"}]}],
        "subject": {"reference": "Patient/ada"},
        "payload": [{"contentString": "Drank 12 ml."}],
    }

    def approved_by(practitioner: str) -> dict[str, Any]:
        url = "urn:tianfu:newborn-approved-by"
        return {**note, "extension": [{"url": url, "valueReference": {"reference": f"Practitioner/{practitioner}"}}]}

    await ward.write(NURSE, **{**note, "status": "preparation"})
    for nurse_says in ("lin", "qin"):
        with pytest.raises(Refusal, match="approval-not-yours"):
            await ward.write(NURSE, **approved_by(nurse_says))
    for who in (MOTHER, CITIZEN):
        with pytest.raises(Refusal, match="approval-not-yours"):
            await ward.write(who, Purpose.PATIENT_REQUEST, **approved_by("lin"))
    with pytest.raises(Refusal, match="approval-not-yours"):
        await ward.write(DOCTOR, **approved_by("zhou"))
    with pytest.raises(Refusal, match="not-found"):
        await ward.write(STRANGER, **approved_by("zhou"))
    written = await ward.write(DOCTOR, **approved_by("lin"))
    approved = {**approved_by("lin"), "id": written.id, "payload": [{"contentString": "Drank 90 ml."}]}
    with pytest.raises(Refusal, match="approval-not-yours"):
        await ward.write(NURSE, **approved)


async def test_that_a_newborn_has_no_visits_is_said_and_taken_back_by_doctors_and_an_alarm_by_whoever_cares(
    ward: Ward,
) -> None:
    await ward.visit("ada")

    def flag(code: str, **more: Any) -> dict[str, Any]:
        said = {"coding": [{"system": "urn:tianfu:newborn", "code": code}]}
        return {
            "resourceType": "Flag",
            "status": "active",
            "code": said,
            "subject": {"reference": "Patient/ada"},
        } | more

    lin, zhou = ({"author": {"reference": f"Practitioner/{who}"}} for who in ("lin", "zhou"))
    for who, said in ((NURSE, lin), (HOSPITAL, lin), (DOCTOR, zhou), (DOCTOR, {})):
        with pytest.raises(Refusal, match="pause-not-yours"):
            await ward.write(who, **flag("visits-paused", **said))
    with pytest.raises(Refusal, match="not-found"):
        await ward.write(STRANGER, **flag("visits-paused", **zhou))
    pause = await ward.write(DOCTOR, **flag("visits-paused", **lin))
    for changed in (flag("visits-paused", status="inactive", **lin), flag("another")):
        with pytest.raises(Refusal, match="pause-not-yours"):
            await ward.write(NURSE, **changed, id=pause.id)
    await ward.write(DOCTOR, **flag("visits-paused", status="inactive", **lin), id=pause.id)
    for who in (NURSE, HOSPITAL):
        alarm = await ward.write(who, **flag("newborn-alarm"))
        await ward.write(DOCTOR, **flag("newborn-alarm", status="inactive"), id=alarm.id)
    for code in ("newborn-alarm", "visits-paused"):
        with pytest.raises(Refusal):
            await ward.write(CITIZEN, Purpose.PATIENT_REQUEST, **flag(code, **lin))


async def test_what_one_guardian_said_and_a_doctor_approved_is_changed_by_nobody_else(ward: Ward) -> None:
    await ward.visit("ada")
    await ward.put(
        "RelatedPerson",
        "mother-of-ada",
        patient={"reference": "Patient/ada"},
        relationship=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}],
    )
    word = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"coding": [{"system": "urn:tianfu:newborn-consent", "code": "view"}]}],
        "patient": {"reference": "Patient/ada"},
        "policyRule": {"text": "made up"},
    }
    platform, request = Caller(id="newborn-visits", role="system"), Purpose.PATIENT_REQUEST
    other = await ward.write(platform, TREAT, **word, performer=[{"reference": "RelatedPerson/father-of-ada"}])
    for status in ("inactive", "active"):
        mine = {**word, "id": other.id, "status": status, "performer": [{"reference": "Patient/ada"}]}
        with pytest.raises(Refusal, match="consent-not-yours"):
            await ward.write(CITIZEN, request, **mine)
    with pytest.raises(Refusal, match="consent-not-yours"):
        await ward.store.delete(CITIZEN, request, "Consent", other.id)
    own = await ward.write(CITIZEN, request, **word, performer=[{"reference": "Patient/ada"}])
    withdrawn = {**word, "id": own.id, "status": "inactive", "performer": [{"reference": "Patient/ada"}]}
    await ward.write(CITIZEN, request, **withdrawn)
    note = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [{"coding": [{"system": "urn:tianfu:newborn", "code": "condition-note"}]}],
        "subject": {"reference": "Patient/ada"},
        "payload": [{"contentString": "Drank 12 ml."}],
    }
    approval = {"url": "urn:tianfu:newborn-approved-by", "valueReference": {"reference": "Practitioner/lin"}}
    approved = await ward.write(DOCTOR, **note, extension=[approval])
    for who, why in ((CITIZEN, request), (NURSE, TREAT)):
        with pytest.raises(Refusal, match="approval-not-yours"):
            await ward.write(who, why, **note, id=approved.id)
    await ward.write(DOCTOR, **note, id=approved.id)


async def test_an_officer_sees_no_clinical_task_of_a_patient_under_review(ward: Ward) -> None:
    await ward.break_glass(STRANGER, emergency("ada"))
    await ward.put("Task", "bandage", status="requested", intent="order", **{"for": {"reference": "Patient/ada"}})
    assert not await ward.sees(OFFICER, "Task", "bandage", Purpose.OPERATIONS)
    assert len(await ward.ids(OFFICER, "Task", Purpose.OPERATIONS)) == 1


async def test_nobody_breaks_the_glass_without_telling(ward: Ward) -> None:
    for notices in (0, 1):
        with pytest.raises(Refusal, match="emergency-without-notice"):
            await ward.break_glass(STRANGER, emergency("ada"), notices=notices)
    with pytest.raises(Refusal, match="emergency-without-notice"):
        await ward.write(STRANGER, EMERGENCY, **emergency("ada"))
    assert await ward.ids(STRANGER, "Condition", EMERGENCY) == []
