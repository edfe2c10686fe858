"""Which relation follows from which record; and that nothing else does, whatever the record holds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.made import DAYS, DOCTOR, HOSPITAL, NOW, OTHER_HOSPITAL, PATIENT, grant, head, judged, type_number
from tests.access.spoiling import spoilt
from tianfu.access.derivation import RELATION_TYPES, relations_of
from tianfu.access.labels import label_mask
from tianfu.access.purpose import Purpose
from tianfu.access.relation import EVERY_LABEL, FOR_EVER, Age, Kind, Relation
from tianfu.kernel.instants import range_of

RECORD = 4711
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
OWN = "https://tianfu.example/fhir/CodeSystem"
HIV = label_mask(["hiv"])
SUBJECT = {"reference": "Patient/liu"}
AT_HOSPITAL = {"reference": "Organization/hospital"}
AT_OTHER_HOSPITAL = {"reference": "Organization/other-hospital"}
BY_CHEN = {"reference": "Practitioner/chen"}


def start(text: str) -> int:
    return range_of(text)[0]


def after(text: str) -> int:
    return range_of(text)[1] + 1


def encounter(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": ACT, "code": "IMP"},
        "subject": SUBJECT,
        "participant": [{"individual": BY_CHEN}],
        "period": {"start": "2026-11-20T08:00:00+08:00"},
        "serviceProvider": AT_HOSPITAL,
    } | more


def relations(resource: dict[str, Any]) -> dict[int, Relation]:
    """The relations of a resource by their actor; no actor may have two here."""
    found = relations_of(resource, RECORD)
    by_actor = {each.actor: each for each in found}
    assert len(by_actor) == len(found)
    return by_actor


def test_a_visit_opens_ordinary_records_to_the_house_and_special_ones_to_its_doctor() -> None:
    found = relations(encounter())
    assert set(found) == {HOSPITAL, DOCTOR}
    assert {each.kind for each in found.values()} == {Kind.ENCOUNTER}
    assert (found[HOSPITAL].level, found[HOSPITAL].labels) == (4, 0)
    assert (found[DOCTOR].level, found[DOCTOR].labels) == (5, EVERY_LABEL)
    assert found[HOSPITAL].purposes == Purpose.TREATMENT.bit | Purpose.OPERATIONS.bit
    assert found[DOCTOR].patient == PATIENT


def test_a_colleague_in_the_same_house_sees_the_visit_and_not_the_special_kinds() -> None:
    colleagues = [each for each in relations_of(encounter(), RECORD) if each.actor == HOSPITAL]
    doctor = grant("doctor", "TREAT")
    about = {"patients": (PATIENT,)}
    assert judged(doctor, head(**about), *colleagues).allowed
    assert not judged(doctor, head(level=5, labels=HIV, **about), *colleagues).allowed
    assert judged(doctor, head(level=5, labels=HIV, **about), *relations_of(encounter(), RECORD)).allowed


@pytest.mark.parametrize(
    ("change", "span"),
    [
        ({}, ("2026-11-20T08:00:00+08:00", 365 + 7)),
        ({"status": "arrived", "class": {"system": ACT, "code": "AMB"}}, ("2026-11-20T08:00:00+08:00", 30 + 7)),
        ({"status": "triaged", "class": {"system": "", "code": "IMP"}}, ("2026-11-20T08:00:00+08:00", 30 + 7)),
        ({"status": "onleave", "class": None}, ("2026-11-20T08:00:00+08:00", 30 + 7)),
        ({"status": "in-progress", "period": {"start": "2026-11-20"}}, ("2026-11-20", 365 + 7)),
        ({"status": "planned", "period": {"start": "2026-11-20"}}, ("2026-11-19", 365 + 7)),
    ],
)
def test_an_open_visit_opens_from_its_start_and_ends_by_itself(change: dict[str, Any], span: tuple[str, int]) -> None:
    found = relations(encounter(**change))[HOSPITAL]
    assert (found.since, found.until) == (start(span[0]), start(span[0]) + span[1] * DAYS)


def test_a_finished_visit_opens_for_some_days_more() -> None:
    period = {"start": "2026-11-20", "end": "2026-11-21"}
    found = relations(encounter(status="finished", period=period))[DOCTOR]
    assert (found.since, found.until) == (start("2026-11-20"), after("2026-11-21") + 7 * DAYS)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "cancelled"},
        {"status": "entered-in-error"},
        {"status": "unknown"},
        {"status": "finished"},
        {"period": {}},
        {"period": {"end": "2026-11-22"}},
        {"period": {"start": "soon"}},
        {"period": {"start": 5}},
        {"period": {"start": "2026-11-22", "end": "2026-11-20"}},
        {"period": "2026"},
        {"subject": {"reference": "Group/liu"}},
        {"subject": {"reference": "https://elsewhere.example/fhir/Patient/liu"}},
        {"subject": {"reference": "urn:uuid:186ff984-f437-4817-8d35-0997a8b7f405"}},
        {"subject": {"reference": "Patient/liu/_history/1"}},
        {"subject": {"identifier": {"value": "1"}}},
        {"subject": "Patient/liu"},
        {"subject": None},
    ],
)
def test_a_visit_that_is_not_certain_opens_nothing(change: dict[str, Any]) -> None:
    assert relations_of(encounter(**change), RECORD) == ()


@pytest.mark.parametrize(
    ("participant", "opens"),
    [
        ([{"individual": BY_CHEN, "period": {"start": "2026-11-21", "end": "2026-11-21"}}], True),
        ([{"individual": BY_CHEN, "period": {"end": "2026-10-01"}}], False),
        ([{"individual": BY_CHEN, "period": {"start": "x"}}], False),
        ([{"individual": {"reference": "PractitionerRole/chen"}}], False),
        ([{"individual": {"reference": "#chen"}}], False),
        ([{"individual": {"display": "Chen"}}], False),
        ([3, {"type": []}], False),
        ("Chen", False),
    ],
)
def test_only_a_practitioner_who_takes_part_is_named(participant: object, *, opens: bool) -> None:
    assert set(relations(encounter(participant=participant))) == ({HOSPITAL, DOCTOR} if opens else {HOSPITAL})


def test_a_practitioner_is_open_no_longer_than_he_took_part() -> None:
    took_part = [{"individual": BY_CHEN, "period": {"start": "2026-11-21", "end": "2026-11-22"}}]
    found = relations(encounter(participant=took_part))[DOCTOR]
    assert (found.since, found.until) == (start("2026-11-21"), after("2026-11-22") + 7 * DAYS)


def test_a_visit_without_a_provider_opens_to_its_doctor_alone() -> None:
    assert set(relations(encounter(serviceProvider={"reference": "Location/hospital"}))) == {DOCTOR}


# A family doctor, and teams


def contract(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "EpisodeOfCare",
        "status": "active",
        "type": [{"coding": [{"system": f"{OWN}/episode", "code": "family-doctor"}]}],
        "patient": SUBJECT,
        "managingOrganization": AT_HOSPITAL,
        "period": {"start": "2026-01-01", "end": "2026-12-31"},
        "careManager": BY_CHEN,
    } | more


def team(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "CareTeam",
        "status": "active",
        "category": [{"coding": [{"system": f"{OWN}/care-team", "code": "family-doctor"}]}],
        "subject": SUBJECT,
        "period": {"start": "2026-01-01", "end": "2026-12-31"},
        "participant": [
            {"member": BY_CHEN},
            {"member": SUBJECT},
            {"member": {"reference": "Organization/other-hospital"}},
        ],
        "managingOrganization": [AT_HOSPITAL, {"reference": "Practitioner/chen"}],
    } | more


def test_a_contract_opens_ordinary_records_to_the_family_doctor_and_his_centre() -> None:
    found = relations(contract())
    assert set(found) == {HOSPITAL, DOCTOR}
    for each in found.values():
        assert (each.kind, each.level, each.labels) == (Kind.FAMILY_DOCTOR, 4, 0)
        assert each.purposes == Purpose.TREATMENT.bit | Purpose.PUBLIC_HEALTH.bit
        assert (each.since, each.until) == (start("2026-01-01"), after("2026-12-31"))


def test_a_contract_without_an_end_does_not_last_for_ever() -> None:
    assert relations(contract(period={"start": "2026-01-01"}))[DOCTOR].until == start("2026-01-01") + 400 * DAYS


@pytest.mark.parametrize(
    "change",
    [
        {"status": "cancelled"},
        {"status": "planned"},
        {"status": "finished", "period": {"start": "2026-01-01"}},
        {"type": [{"coding": [{"system": f"{OWN}/episode", "code": "pregnancy"}]}]},
        {"type": [{"text": "family-doctor"}]},
        {"type": None},
        {"period": {"end": "2026-12-31"}},
        {"period": None},
        {"patient": {"reference": "Organization/hospital"}},
        {"careManager": None, "managingOrganization": None},
    ],
)
def test_what_is_no_running_contract_opens_nothing(change: dict[str, Any]) -> None:
    assert relations_of(contract(**change), RECORD) == ()


def test_a_finished_contract_opens_until_its_end() -> None:
    assert set(relations(contract(status="finished"))) == {HOSPITAL, DOCTOR}


def test_a_signed_team_opens_as_its_contract_does_and_any_other_as_a_team() -> None:
    found = relations(team())
    assert set(found) == {HOSPITAL, DOCTOR, OTHER_HOSPITAL}
    assert {each.kind for each in found.values()} == {Kind.FAMILY_DOCTOR}
    other = relations(team(category=[]))
    assert {each.kind for each in other.values()} == {Kind.TEAM}
    assert {each.purposes for each in other.values()} == {Purpose.TREATMENT.bit}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "proposed"},
        {"status": "inactive"},
        {"period": None},
        {"subject": {"reference": "Group/liu"}},
        {"participant": [{"member": BY_CHEN, "period": {"end": "2020"}}], "managingOrganization": []},
        {"participant": [{"member": BY_CHEN, "period": {"end": "?"}}], "managingOrganization": []},
        {"participant": [{}], "managingOrganization": "hospital"},
    ],
)
def test_a_team_that_is_not_at_work_opens_nothing(change: dict[str, Any]) -> None:
    assert relations_of(team(**change), RECORD) == ()


# Referrals


def referral(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "3457005"}]}],
        "subject": SUBJECT,
        "authoredOn": "2026-11-20T09:00:00+08:00",
        "requester": {"reference": "Practitioner/wang"},
        "performer": [AT_HOSPITAL, BY_CHEN],
    } | more


def test_a_referral_opens_ordinary_records_to_whoever_is_asked_for_a_month() -> None:
    found = relations(referral())
    assert set(found) == {HOSPITAL, DOCTOR}
    for each in found.values():
        assert (each.kind, each.level, each.labels, each.purposes) == (Kind.REFERRAL, 4, 0, Purpose.TREATMENT.bit)
        assert each.until - each.since == 30 * DAYS
        assert each.since == start("2026-11-20T09:00:00+08:00")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "draft"},
        {"status": "completed"},
        {"status": "revoked"},
        {"intent": "proposal"},
        {"doNotPerform": True},
        {"category": [{"coding": [{"system": "http://snomed.info/sct", "code": "108252007"}]}]},
        {"category": "referral"},
        {"requester": {"display": "Wang"}},
        {"authoredOn": None},
        {"authoredOn": "today"},
        {"subject": {"reference": "Location/ward"}},
        {"performer": [{"reference": "HealthcareService/x"}, {"display": "somebody"}]},
        {"performer": None},
    ],
)
def test_what_is_no_running_referral_opens_nothing(change: dict[str, Any]) -> None:
    assert relations_of(referral(**change), RECORD) == ()


def test_a_referral_may_be_named_by_its_code() -> None:
    code = {"coding": [{"system": f"{OWN}/service-category", "code": "referral"}]}
    assert set(relations(referral(category=[], code=code))) == {HOSPITAL, DOCTOR}


def test_who_refers_to_himself_gains_nothing() -> None:
    assert set(relations(referral(requester=BY_CHEN))) == {HOSPITAL}


# Guardians, and the institution that manages


def guardian(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "RelatedPerson",
        "active": True,
        "patient": SUBJECT,
        "relationship": [{"coding": [{"system": ROLE, "code": "MTH"}], "text": "母亲"}],
    } | more


def test_a_mother_sees_all_of_a_child_and_little_of_one_who_is_fourteen() -> None:
    full, reduced = relations_of(guardian(), RECORD)
    assert full == Relation(
        patient=PATIENT,
        actor=RECORD,
        kind=Kind.GUARDIAN,
        purposes=Purpose.PATIENT_REQUEST.bit,
        labels=EVERY_LABEL,
        age=Age.UNDER_FOURTEEN,
    )
    assert (reduced.age, reduced.level, reduced.labels) == (Age.FOURTEEN_TO_SEVENTEEN, 4, 0)
    assert reduced.types is not None
    assert type_number("Immunization") in reduced.types
    assert type_number("Condition") not in reduced.types


def test_a_province_may_close_the_records_of_the_older_child(monkeypatch: pytest.MonkeyPatch) -> None:
    from tianfu.access.elements import choices

    monkeypatch.setitem(choices()["guardian"]["from_fourteen"], "opens", False)
    assert [each.age for each in relations_of(guardian(), RECORD)] == [Age.UNDER_FOURTEEN]


def test_guardianship_ends_with_its_period() -> None:
    full = relations_of(guardian(period={"start": "2020", "end": "2026-06"}), RECORD)[0]
    assert (full.since, full.until) == (start("2020"), after("2026-06"))
    assert relations_of(guardian(), RECORD)[0].until == FOR_EVER


@pytest.mark.parametrize(
    "change",
    [
        {"relationship": [{"coding": [{"system": ROLE, "code": "GRMTH"}]}]},
        {"relationship": [{"coding": [{"system": "", "code": "MTH"}]}]},
        {"relationship": [{"text": "母亲"}]},
        {"relationship": None},
        {"active": False},
        {"active": "yes"},
        {"patient": {"display": "Liu"}},
        {"period": {"start": "2026-12", "end": "2026-01"}},
    ],
)
def test_who_is_not_certainly_a_guardian_is_none(change: dict[str, Any]) -> None:
    assert relations_of(guardian(**change), RECORD) == ()


def test_the_institution_that_answers_for_a_resident_manages_him() -> None:
    (found,) = relations_of({"resourceType": "Patient", "managingOrganization": AT_HOSPITAL}, PATIENT)
    assert found == Relation(
        patient=PATIENT,
        actor=HOSPITAL,
        kind=Kind.MANAGED,
        purposes=Purpose.PUBLIC_HEALTH.bit | Purpose.OPERATIONS.bit,
        level=4,
    )
    assert relations_of({"resourceType": "Patient", "managingOrganization": BY_CHEN}, PATIENT) == ()


# What holds for all records


def test_a_relation_follows_from_the_named_types_only() -> None:
    assert relations_of(encounter(resourceType="Appointment"), RECORD) == ()
    assert relations_of({}, RECORD) == ()
    assert len(RELATION_TYPES) == 8


EMERGENCY = {
    "resourceType": "Task",
    "status": "in-progress",
    "code": {"coding": [{"system": "urn:tianfu:task", "code": "emergency-access"}]},
    "for": SUBJECT,
    "owner": BY_CHEN,
    "reasonCode": {"text": "车祸昏迷，家属不在场，急需了解过敏史"},
    "authoredOn": "2026-11-23T10:00:00+08:00",
    "restriction": {"period": {"start": "2026-11-23T10:00:00+08:00", "end": "2026-11-23T10:30:00+08:00"}},
}


@pytest.mark.parametrize("resource", [encounter(), contract(), team(), referral(), guardian(), EMERGENCY])
def test_a_record_of_which_something_is_odd_never_opens_to_anybody_new(resource: dict[str, Any]) -> None:
    known = {each.actor for each in relations_of(resource, RECORD)}
    for one in spoilt(resource, seed=11, times=1_000):
        found = relations_of(one, RECORD)
        assert {each.actor for each in found} <= known, one
        assert {each.patient for each in found} <= {PATIENT}, one
        assert all(each.since < each.until for each in found), one


def test_deriving_again_gives_the_same() -> None:
    assert relations_of(encounter(), RECORD) == relations_of(encounter(), RECORD)
    assert relations_of(encounter(), RECORD)[0].until > NOW
