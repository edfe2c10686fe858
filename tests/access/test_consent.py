"""What a Consent opens and closes: what is not understood opens nothing, and closes rather too much."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.access.made import (
    DAYS,
    DOCTOR,
    HIV,
    HOSPITAL,
    MOTHER,
    NOW,
    OTHER_HOSPITAL,
    PATIENT,
    grant,
    head,
    judged,
    type_number,
    visit,
)
from tests.access.spoiling import spoilt
from tianfu.access.consent import ConsentReading, read_consent
from tianfu.access.derivation import relations_of
from tianfu.access.elements import choices
from tianfu.access.judgement import judge
from tianfu.access.labels import label_mask
from tianfu.access.purpose import Purpose
from tianfu.access.relation import ANYBODY, EVERY_PURPOSE, FOR_EVER, Age, Kind
from tianfu.access.scopes import Act
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import range_of

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ROLE = "http://terminology.hl7.org/CodeSystem/extra-security-role-type"
CLASS = "http://hl7.org/fhir/resource-types"
MARK = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"
LIU = {"reference": "Patient/liu"}
RESTRICTED = label_mask(["restricted"])

Change = Callable[[dict[str, Any]], object]


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def code(system: str, value: str) -> dict[str, Any]:
    return {"system": system, "code": value}


def recipient(
    reference: str = "Organization/hospital", role: str = "IRCP", system: str = PARTICIPATION
) -> dict[str, Any]:
    return {"role": concept(system, role), "reference": {"reference": reference}}


def consent(scope: str = "patient-privacy", **provision: Any) -> dict[str, Any]:
    """An active Consent of the patient himself."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept(SCOPE, scope),
        "patient": LIU,
        "dateTime": "2026-11-01",
        "performer": [LIU],
        "provision": provision,
    }


def permission(**more: Any) -> dict[str, Any]:
    """The hospital may treat with the patient's records during 2026."""
    return consent(
        **{
            "type": "permit",
            "period": {"start": "2026-01-01", "end": "2026-12-31"},
            "actor": [recipient()],
            "purpose": [code(REASON, "TREAT")],
        }
        | more
    )


def remarks(reading: ConsentReading) -> set[tuple[str, str]]:
    return {(each.path, each.code) for each in reading.remarks}


def changed(resource: dict[str, Any], **members: Any) -> dict[str, Any]:
    return copy.deepcopy(resource) | members


# Permissions


def test_a_permission_opens_ordinary_records_to_the_one_it_names() -> None:
    reading = read_consent(permission())
    assert reading.remarks == ()
    (found,) = reading.relations
    assert (found.patient, found.actor, found.kind, found.denies) == (PATIENT, HOSPITAL, Kind.CONSENT, False)
    assert (found.level, found.labels, found.types, found.age) == (4, 0, None, Age.ANY)
    assert found.purposes == Purpose.TREATMENT.bit
    assert (found.since, found.until) == (range_of("2026-01-01")[0], range_of("2026-12-31")[1] + 1)
    assert relations_of(permission(), 1) == reading.relations


def test_a_permission_may_be_for_ever_and_for_several() -> None:
    found = read_consent(
        permission(period={"start": "2026"}, actor=[recipient(), recipient("Practitioner/chen", "PRCP")])
    )
    assert {each.actor for each in found.relations} == {HOSPITAL, DOCTOR}
    assert {each.until for each in found.relations} == {FOR_EVER}


def test_special_kinds_are_opened_by_name_beside_a_high_water_mark() -> None:
    labels = [code(MARK, "R"), code(ACT, "HIV"), code(ACT, "PSY")]
    (found,) = read_consent(permission(securityLabel=labels)).relations
    assert (found.level, found.labels) == (5, label_mask(["hiv", "mental"]) | RESTRICTED)
    (marked,) = read_consent(permission(securityLabel=[code(MARK, "M")])).relations
    assert (marked.level, marked.labels) == (3, 0)
    (normal,) = read_consent(permission(securityLabel=[code(MARK, "N")])).relations
    assert (normal.level, normal.labels) == (4, 0)


def test_an_explicit_permission_opens_a_special_record_to_a_doctor_of_the_house() -> None:
    special = head(level=5, labels=HIV, patients=(PATIENT,))
    doctor = grant("doctor", "TREAT")
    named = read_consent(permission(securityLabel=[code(MARK, "R"), code(ACT, "HIV")])).relations
    assert judged(doctor, special, *named).because == "consent"
    assert not judged(doctor, special, *read_consent(permission()).relations).allowed


def test_a_permission_may_name_types() -> None:
    (found,) = read_consent(permission(**{"class": [code(CLASS, "Immunization"), code(CLASS, "Patient")]})).relations
    assert found.types == tuple(sorted((type_number("Immunization"), type_number("Patient"))))


def test_research_is_opened_by_a_consent_for_research_only() -> None:
    study = consent("research", type="permit", actor=[recipient()])
    (found,) = read_consent(study).relations
    assert found.purposes == Purpose.RESEARCH.bit
    record = head(patients=(PATIENT,))
    assert judged(grant("researcher", "HRESCH"), record, found).allowed
    assert not judged(grant("doctor", "TREAT"), record, found).allowed
    assert not judged(grant("researcher", "HRESCH"), record, *read_consent(permission()).relations).allowed


def test_a_consent_to_treatment_opens_for_treatment() -> None:
    (found,) = read_consent(consent("treatment", type="permit", actor=[recipient()])).relations
    assert found.purposes == Purpose.TREATMENT.bit


@pytest.mark.parametrize("actions", [["access"], ["use"], ["access", "disclose"], ["collect", "use", "correct"]])
def test_a_permission_to_read_may_name_other_acts_too(actions: list[str]) -> None:
    assert read_consent(permission(action=[concept(ACTION, each) for each in actions])).relations


@pytest.mark.parametrize(
    ("provision", "remark"),
    [
        ({"period": {"start": "x"}}, (".period", "period-not-understood")),
        ({"period": {"start": "2027", "end": "2026"}}, (".period", "period-not-understood")),
        ({"actor": []}, (".actor[0]", "actor-not-understood")),
        ({"actor": [recipient(), recipient("PractitionerRole/x")]}, (".actor[1]", "actor-not-understood")),
        ({"actor": [recipient("Group/x")]}, (".actor[0]", "actor-not-understood")),
        ({"actor": [recipient("https://elsewhere.example/Organization/1")]}, (".actor[0]", "actor-not-understood")),
        ({"actor": [recipient(role="CST")]}, (".actor[0]", "actor-not-understood")),
        ({"actor": [recipient(system="http://x.example")]}, (".actor[0]", "actor-not-understood")),
        ({"actor": [recipient("RelatedPerson/son")]}, (".actor[0]", "actor-not-understood")),
        ({"actor": [recipient(role="DELEGATEE")]}, (".actor[0]", "actor-not-understood")),
        ({"purpose": []}, (".purpose", "purpose-not-understood")),
        ({"purpose": [code(REASON, "HMARKT")]}, (".purpose", "purpose-not-understood")),
        (
            {"purpose": [code(REASON, "TREAT"), code("http://x.example", "TREAT")]},
            (".purpose", "purpose-not-understood"),
        ),
        ({"purpose": [code(REASON, "HRESCH")]}, (".purpose", "purpose-not-for-this")),
        ({"purpose": [code(REASON, "ETREAT")]}, (".purpose", "purpose-not-for-this")),
        ({"purpose": [code(REASON, "PATRQT")]}, (".purpose", "purpose-not-for-this")),
        ({"securityLabel": [code(ACT, "HIV")]}, (".securityLabel", "label-without-one-confidentiality")),
        (
            {"securityLabel": [code(MARK, "R"), code(MARK, "N")]},
            (".securityLabel", "label-without-one-confidentiality"),
        ),
        ({"securityLabel": [code(MARK, "R"), code(ACT, "TBOO")]}, (".securityLabel", "label-not-understood")),
        ({"securityLabel": []}, (".securityLabel", "label-not-understood")),
        ({"class": [code("http://loinc.org", "11488-4")]}, (".class", "class-not-understood")),
        ({"class": [code(CLASS, "Potion")]}, (".class", "class-not-understood")),
        ({"action": [concept(ACTION, "disclose")]}, (".action", "action-not-understood")),
        ({"action": [concept(ACTION, "access"), concept(ACTION, "sell")]}, (".action", "action-not-understood")),
        ({"action": [concept(ACTION, "access"), {"text": "and more"}]}, (".action", "action-not-understood")),
        ({"code": [concept("http://loinc.org", "718-7")]}, (".code", "not-understood")),
        ({"dataPeriod": {"start": "2020"}}, (".dataPeriod", "not-understood")),
        ({"data": [{"meaning": "instance", "reference": LIU}]}, (".data", "not-understood")),
        ({"modifierExtension": []}, (".modifierExtension", "not-understood")),
        ({"provision": [{"type": "permit"}]}, (".provision[0]", "permission-within-permission")),
        ({"provision": [{"type": "deny", "provision": []}]}, (".provision[0]", "nested-too-deep")),
    ],
)
def test_a_permission_that_is_not_wholly_understood_opens_nothing(
    provision: dict[str, Any], remark: tuple[str, str]
) -> None:
    reading = read_consent(permission(**provision))
    assert all(each.denies for each in reading.relations)
    assert ("Consent.provision" + remark[0], remark[1]) in remarks(reading)


def test_without_a_purpose_a_privacy_consent_opens_nothing() -> None:
    without = permission()
    del without["provision"]["purpose"]
    assert read_consent(without).relations == ()


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"scope": concept(SCOPE, "unheard-of")}, "Consent.scope"),
        ({"scope": {"coding": [code(SCOPE, "research"), code(SCOPE, "treatment")]}}, "Consent.scope"),
        ({"scope": {"text": "privacy"}}, "Consent.scope"),
        ({"performer": []}, "Consent.performer"),
        ({"performer": [{"reference": "Practitioner/chen"}]}, "Consent.performer"),
        ({"performer": [{"reference": "Patient/somebody-else"}]}, "Consent.performer"),
        ({"performer": [{"display": "Liu"}]}, "Consent.performer"),
        ({"verification": [{"verified": True}, {"verified": False}]}, "Consent.verification"),
        ({"verification": [{}]}, "Consent.verification"),
        ({"modifierExtension": [{"url": "x"}]}, "Consent.modifierExtension"),
        ({"implicitRules": "x"}, "Consent.implicitRules"),
    ],
)
def test_a_consent_in_doubt_opens_nothing(members: dict[str, Any], path: str) -> None:
    reading = read_consent(changed(permission(), **members))
    assert reading.relations == ()
    assert path in {each.path for each in reading.remarks}


def test_a_verified_consent_opens() -> None:
    assert read_consent(changed(permission(), verification=[{"verified": True}])).relations


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "inactive", "entered-in-error", None, 3])
def test_a_consent_that_is_not_in_force_says_nothing(status: object) -> None:
    for each in (permission(), consent(type="deny")):
        assert read_consent(changed(each, status=status)) == ConsentReading((), ())


@pytest.mark.parametrize("patient", [None, {"reference": "Group/x"}, {"reference": "Patient/liu/_history/1"}])
def test_a_consent_of_nobody_here_says_nothing(patient: object) -> None:
    reading = read_consent(changed(consent(type="deny"), patient=patient))
    assert (reading.relations, remarks(reading)) == ((), {("Consent.patient", "patient-not-here")})


def test_advance_directives_are_not_about_reading() -> None:
    for kind in ("permit", "deny"):
        assert read_consent(consent("adr", type=kind, actor=[recipient()])).relations == ()


# A guardian's consent


def test_a_guardians_consent_lasts_until_the_child_is_fourteen(monkeypatch: pytest.MonkeyPatch) -> None:
    by_mother = changed(permission(), performer=[{"reference": "RelatedPerson/mother"}])
    assert [each.age for each in read_consent(by_mother).relations] == [Age.UNDER_FOURTEEN]
    monkeypatch.setitem(choices()["consent"], "guardians_consent_lasts_from_fourteen", True)
    assert {each.age for each in read_consent(by_mother).relations} == {Age.UNDER_FOURTEEN, Age.FOURTEEN_TO_SEVENTEEN}


def test_a_child_who_agrees_beside_his_guardian_speaks_for_himself() -> None:
    together = changed(permission(), performer=[{"reference": "RelatedPerson/mother"}, LIU])
    assert [each.age for each in read_consent(together).relations] == [Age.ANY]


def test_a_guardians_denial_does_not_lock_the_guardian_out() -> None:
    by_mother = changed(consent(type="deny"), performer=[{"reference": "RelatedPerson/mother"}])
    (found,) = read_consent(by_mother).relations
    assert (found.actor, found.age) == (ANYBODY, Age.ANY)
    assert found.purposes == EVERY_PURPOSE & ~Purpose.PATIENT_REQUEST.bit


# Proxies


def proxy(**more: Any) -> dict[str, Any]:
    """The patient names somebody who may look for him until the end of the year."""
    return consent(
        **{
            "type": "permit",
            "period": {"start": "2026-11-01", "end": "2026-12-31"},
            "actor": [recipient("RelatedPerson/mother", "DELEGATEE", ROLE)],
        }
        | more
    )


def test_a_proxy_looks_for_the_patient_within_limits_and_until_the_end() -> None:
    (found,) = read_consent(proxy(**{"class": [code(CLASS, "Appointment")]})).relations
    assert (found.kind, found.actor, found.purposes) == (Kind.PROXY, MOTHER, Purpose.PATIENT_REQUEST.bit)
    assert (found.level, found.labels, found.types) == (4, 0, (type_number("Appointment"),))
    assert found.until == range_of("2026-12-31")[1] + 1
    citizen, old_he = grant("citizen", "PATRQT"), {"reference": "Patient/old-he"}
    stranger = head("Appointment", patients=(record_number("Patient", "old-he"),))
    other = read_consent(changed(proxy(), patient=old_he, performer=[old_he]))
    assert judged(citizen, stranger, *other.relations).because == "proxy"
    late = judge(citizen, stranger, other.relations, doing=Act.READ, now=NOW + 60 * DAYS, patient_born={})
    assert late.because == "no-relation"


def test_a_proxy_lasts_a_year_at_most() -> None:
    (found,) = read_consent(proxy(period={"end": "2099"})).relations
    assert found.since == range_of("2026-11-01")[0]
    assert found.until - found.since == 366 * DAYS


@pytest.mark.parametrize(
    "resource",
    [
        proxy(period={"start": "2026-11-01"}),
        {**proxy(period={"end": "2026-12-31"}), "dateTime": "?"},
        proxy(purpose=[code(REASON, "TREAT")]),
        {**proxy(), "performer": [{"reference": "RelatedPerson/mother"}]},
        {**proxy(), "scope": concept(SCOPE, "treatment")},
    ],
)
def test_a_proxy_without_end_or_by_his_own_hand_is_none(resource: dict[str, Any]) -> None:
    assert read_consent(resource).relations == ()
    assert read_consent(resource).remarks


def test_a_proxy_may_be_named_for_the_patients_request() -> None:
    (found,) = read_consent(proxy(purpose=[code(REASON, "PATRQT")])).relations
    assert found.kind is Kind.PROXY


# Denials


def test_a_denial_of_everything_closes_everything_to_everybody() -> None:
    (found,) = read_consent(consent(type="deny")).relations
    assert (found.actor, found.purposes, found.labels, found.types) == (ANYBODY, EVERY_PURPOSE, 0, None)
    assert (found.since, found.until, found.denies) == (0, FOR_EVER, True)


def test_a_denial_may_name_whom_what_and_when() -> None:
    reading = read_consent(
        consent(
            type="deny",
            period={"start": "2026-06", "end": "2026-07"},
            actor=[recipient("Practitioner/chen"), recipient("RelatedPerson/mother", "DELEGATEE", ROLE)],
            purpose=[code(REASON, "TREAT")],
            securityLabel=[code(ACT, "HIV"), code(ACT, "PSY")],
            **{"class": [code(CLASS, "Observation")]},
        )
    )
    assert reading.remarks == ()
    assert {each.actor for each in reading.relations} == {DOCTOR, MOTHER}
    found = reading.relations[0]
    assert found.purposes == Purpose.TREATMENT.bit | Purpose.EMERGENCY.bit
    assert found.labels == label_mask(["hiv", "mental"])
    assert found.types == (type_number("Observation"),)
    assert (found.since, found.until) == (range_of("2026-06")[0], range_of("2026-07")[1] + 1)


@pytest.mark.parametrize(
    ("provision", "path", "whole"),
    [
        ({"actor": [recipient("PractitionerRole/x")]}, "actor[0]", {"actor": ANYBODY}),
        ({"actor": [recipient(), recipient(role="CST")]}, "actor[1]", {"actor": ANYBODY}),
        ({"actor": []}, "actor[0]", {"actor": ANYBODY}),
        ({"actor": "hospital"}, "actor[0]", {"actor": ANYBODY}),
        ({"purpose": [code(REASON, "HMARKT")]}, "purpose", {"purposes": EVERY_PURPOSE}),
        ({"purpose": [code("", "TREAT")]}, "purpose", {"purposes": EVERY_PURPOSE}),
        ({"purpose": []}, "purpose", {"purposes": EVERY_PURPOSE}),
        ({"securityLabel": [code(ACT, "HIV"), code(ACT, "TBOO")]}, "securityLabel", {"labels": 0}),
        ({"securityLabel": [code(MARK, "R")]}, "securityLabel", {"labels": 0}),
        ({"securityLabel": []}, "securityLabel", {"labels": 0}),
        ({"class": [code(CLASS, "Potion")]}, "class", {"types": None}),
        ({"class": [code("http://loinc.org", "11488-4")]}, "class", {"types": None}),
        ({"period": {"end": "soon"}}, "period", {"since": 0, "until": FOR_EVER}),
        ({"code": [concept("http://loinc.org", "718-7")]}, "code", {"types": None, "labels": 0}),
        ({"dataPeriod": {"start": "2020"}}, "dataPeriod", {"since": 0, "until": FOR_EVER}),
        ({"data": []}, "data", {"types": None}),
        ({"modifierExtension": [{}]}, "modifierExtension", {"actor": ANYBODY}),
    ],
)
def test_what_is_not_understood_of_a_denial_closes_more(
    provision: dict[str, Any], path: str, whole: dict[str, object]
) -> None:
    reading = read_consent(consent(type="deny", **provision))
    (found,) = reading.relations
    assert found.denies
    assert {name: getattr(found, name) for name in whole} == whole
    assert [each.path for each in reading.remarks] == [f"Consent.provision.{path}"]


@pytest.mark.parametrize(
    "members",
    [
        {"provision": {"type": "Deny"}},
        {"provision": {"type": 7}},
        {"provision": ["deny"]},
        {"provision": None},
        {"provision": {}, "policyRule": concept(ACT, "OPTOUT")},
        {"policyRule": concept(ACT, "OPTOUT"), "provision": {"purpose": [code(REASON, "TREAT")]}},
        {"scope": None, "provision": {"type": "deny"}},
        {"performer": None, "provision": {"type": "deny"}},
    ],
)
def test_a_denial_is_heard_however_badly_it_is_said(members: dict[str, Any]) -> None:
    found = read_consent(changed(consent(), **members)).relations
    assert [(each.actor, each.denies) for each in found] == [(ANYBODY, True)]


def test_a_consent_that_says_nothing_says_nothing() -> None:
    without = consent()
    del without["provision"]
    assert read_consent(without) == ConsentReading((), ())
    assert read_consent(consent()) == ConsentReading((), ())
    assert remarks(read_consent(consent(purpose=[code(REASON, "TREAT")]))) == {
        ("Consent.provision.type", "type-missing")
    }


def test_to_refuse_a_treatment_is_not_to_refuse_reading() -> None:
    assert read_consent(consent("treatment", type="deny", code=[concept("x", "y")])).relations == ()
    assert read_consent(consent("treatment", type="deny", actor=[recipient()])).relations


# Provisions within provisions


def test_a_permission_with_an_exception_opens_and_closes_for_the_same_actor() -> None:
    reading = read_consent(permission(provision=[{"type": "deny", "securityLabel": [code(ACT, "HIV")]}]))
    assert reading.remarks == ()
    opened, closed = reading.relations
    assert (opened.denies, closed.denies) == (False, True)
    assert (closed.actor, closed.labels) == (HOSPITAL, HIV)
    assert closed.purposes == Purpose.TREATMENT.bit | Purpose.EMERGENCY.bit
    assert (closed.since, closed.until) == (opened.since, opened.until)


def test_an_exception_may_name_others_and_another_time() -> None:
    exception = {"type": "deny", "actor": [recipient("Practitioner/chen")], "period": {"start": "2026-05"}}
    reading = read_consent(permission(provision=[exception]))
    closed = reading.relations[1]
    assert (closed.actor, closed.since, closed.until) == (DOCTOR, range_of("2026-05")[0], FOR_EVER)
    doctor = grant("doctor", "TREAT")
    record = head(patients=(PATIENT,))
    assert judged(doctor, record, *reading.relations).because == "denied"


def test_exceptions_close_even_where_their_permission_opens_nothing() -> None:
    reading = read_consent(permission(code=[{}], provision=[{"type": "deny"}]))
    assert [(each.actor, each.denies) for each in reading.relations] == [(HOSPITAL, True)]
    unknown = permission(actor=[recipient("Group/x")], provision=[{"type": "deny"}])
    assert [(each.actor, each.denies) for each in read_consent(unknown).relations] == [(ANYBODY, True)]


def test_an_exception_to_a_denial_is_not_heard_and_said_by_name() -> None:
    nested = [{"type": "permit", "actor": [recipient("Practitioner/chen")]}]
    reading = read_consent(consent(type="deny", provision=nested))
    assert [(each.actor, each.denies) for each in reading.relations] == [(ANYBODY, True)]
    assert remarks(reading) == {("Consent.provision.provision[0]", "permission-within-denial")}


def test_denials_are_heard_at_every_depth() -> None:
    deepest = [{"type": "deny", "actor": [recipient("Practitioner/chen")]}, {"type": "permit"}]
    deep = [{"type": "deny", "actor": [recipient()], "provision": deepest}]
    denied = consent(type="deny", actor=[recipient("Organization/other-hospital")], provision=deep)
    for resource in (permission(provision=deep), denied):
        reading = read_consent(resource)
        assert all(each.denies for each in reading.relations)
        assert {each.actor for each in reading.relations} >= {HOSPITAL, DOCTOR}
        assert "nested-too-deep" in {each.code for each in reading.remarks}


def test_an_exception_without_a_type_is_a_denial() -> None:
    reading = read_consent(consent(provision=[{"actor": [recipient("Organization/other-hospital")]}]))
    assert [(each.actor, each.denies) for each in reading.relations] == [(OTHER_HOSPITAL, True)]


# Whatever a Consent holds


@pytest.mark.parametrize(
    "resource",
    [
        permission(),
        permission(securityLabel=[code(MARK, "R"), code(ACT, "HIV")], action=[concept(ACTION, "access")]),
        permission(provision=[{"type": "deny", "securityLabel": [code(ACT, "HIV")]}]),
        proxy(),
        consent("research", type="permit", actor=[recipient()], **{"class": [code(CLASS, "Observation")]}),
    ],
)
def test_a_permission_of_which_something_is_odd_opens_nothing_new(resource: dict[str, Any]) -> None:
    meant = [each for each in read_consent(resource).relations if not each.denies]
    for one in spoilt(resource, seed=7, times=1_500):
        for found in read_consent(one).relations:
            assert found.denies or any(
                (found.patient, found.actor, found.kind) == (each.patient, each.actor, each.kind)
                and not found.purposes & ~each.purposes
                and found.level <= max(each.level, 4)
                and (each.types is None or found.types == each.types)
                and each.since <= found.since
                and found.until <= each.until
                and not found.labels & ~each.labels
                for each in meant
            ), one


def test_a_denial_of_which_something_is_odd_still_closes() -> None:
    hospital = visit(patient=PATIENT, actor=HOSPITAL, kind=Kind.ENCOUNTER)
    record, doctor = head(patients=(PATIENT,)), grant("doctor", "TREAT")
    denial = consent(type="deny", actor=[recipient()], purpose=[code(REASON, "TREAT")])
    assert judged(doctor, record, hospital, *read_consent(denial).relations).because == "denied"
    spoiled = 0
    for one in spoilt(denial, seed=5, times=1_500):
        whole = one.get("status") == "active" and one.get("patient") == LIU and one["provision"] not in ({}, {"x": 1})
        is_denial = isinstance(one["provision"], dict) and one["provision"].get("type") not in (None, "permit")
        if whole and is_denial and one.get("scope") == denial["scope"] and "period" not in one["provision"]:
            spoiled += 1
            assert judged(doctor, record, hospital, *read_consent(one).relations).because == "denied", one
    assert spoiled > 200
