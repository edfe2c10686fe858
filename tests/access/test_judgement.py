"""Deciding about one record: each clause of the rule, several subjects, ages, and what holds for all inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from tests.access.made import (
    CHILD,
    DAYS,
    DOCTOR,
    FACTS,
    HIV,
    HOSPITAL,
    MOTHER,
    NOW,
    OTHER_HOSPITAL,
    PATIENT,
    SOURCE,
    SUBSTANCE,
    UNRELEASED,
    allowed,
    caller,
    denial,
    grant,
    head,
    judged,
    type_number,
    visit,
)
from tianfu.access.decision import Grant, decide
from tianfu.access.judgement import Decision, Head, ages_of, born_after, judge
from tianfu.access.labels import SEVERAL_SUBJECTS
from tianfu.access.purpose import Purpose
from tianfu.access.relation import ANYBODY, Age, Kind, Relation
from tianfu.access.rules import rules, sentence
from tianfu.access.scopes import Act
from tianfu.kernel.instants import Instant, range_of

DOCTORS = grant("doctor", "TREAT")
CITIZENS = grant("citizen", "PATRQT")


def day(text: str) -> Instant:
    return range_of(text)[0]


def test_without_a_relation_nothing_is_open() -> None:
    assert judged(DOCTORS, head()) == Decision(False, "doctor-treats", "no-relation")


def test_a_decision_names_its_rule_and_what_opened() -> None:
    assert judged(DOCTORS, head(), visit()) == Decision(True, "doctor-treats", "encounter")
    assert judged(DOCTORS, head(), visit(kind=Kind.FAMILY_DOCTOR)) == Decision(True, "doctor-treats", "family-doctor")


@pytest.mark.parametrize(
    ("change", "is_open"),
    [
        ({}, True),
        ({"actor": OTHER_HOSPITAL}, False),
        ({"actor": ANYBODY}, False),
        ({"patient": PATIENT}, False),
        ({"kind": Kind.MANAGED}, False),
        ({"purposes": Purpose.PUBLIC_HEALTH.bit}, False),
        ({"purposes": Purpose.TREATMENT.bit}, True),
        ({"level": 2}, False),
        ({"level": 3}, True),
        ({"types": (type_number("Patient"),)}, False),
        ({"types": (type_number("Observation"),)}, True),
        ({"until": NOW}, False),
        ({"until": NOW + 1}, True),
        ({"since": NOW + 1}, False),
        ({"since": NOW}, True),
        ({"denies": True}, False),
    ],
)
def test_a_relation_opens_only_if_every_part_of_it_fits(change: dict[str, object], *, is_open: bool) -> None:
    assert judged(DOCTORS, head(), visit(**change)).allowed == is_open


@pytest.mark.parametrize(
    ("labels", "opened", "is_open"),
    [
        (HIV, HIV, True),
        (HIV, 0, False),
        (HIV | SUBSTANCE, HIV, False),
        (HIV | SUBSTANCE, HIV | SUBSTANCE, True),
        (SEVERAL_SUBJECTS, 0, True),
        (SEVERAL_SUBJECTS | HIV, 0, False),
    ],
)
def test_special_labels_open_only_by_a_relation_that_names_them(labels: int, opened: int, *, is_open: bool) -> None:
    assert judged(DOCTORS, head(level=5, labels=labels), visit(labels=opened)).allowed == is_open


def test_a_relation_never_opens_more_than_the_role_may_see() -> None:
    nurse = grant("nurse", "TREAT")
    assert judged(nurse, head(level=5, labels=HIV), visit()).because == "level-closed"
    assert judged(nurse, head(level=4, labels=HIV), visit()).because == "label-closed"
    assert judged(grant("pharmacist", "TREAT"), head("Claim"), visit()).because == "type-closed"


def test_the_person_himself_sees_all_of_it_and_no_denial_binds_him() -> None:
    own = head(level=5, labels=HIV, patients=(PATIENT,))
    assert judged(CITIZENS, own, denial(patient=PATIENT)) == Decision(True, "citizen-own-life", "own")
    assert not judged(DOCTORS, own).allowed  # a doctor's own record opens to the citizen that he also is


def test_a_denial_goes_before_whatever_opens() -> None:
    assert judged(DOCTORS, head(), visit(), denial()) == Decision(False, "doctor-treats", "denied")
    assert judged(DOCTORS, head(), visit(), denial(actor=HOSPITAL)).because == "denied"
    assert judged(DOCTORS, head(), visit(), denial(actor=OTHER_HOSPITAL)).allowed
    assert judged(DOCTORS, head(), visit(), denial(purposes=Purpose.RESEARCH.bit)).allowed
    assert judged(DOCTORS, head(), visit(), denial(types=(type_number("Claim"),))).allowed
    assert judged(DOCTORS, head(), visit(), denial(until=NOW)).allowed
    assert judged(DOCTORS, head(), visit(), denial(since=NOW + 1)).allowed


def test_what_is_unreleased_asks_nothing_of_a_tie_and_is_closed_by_no_denial_of_special_kinds() -> None:
    nurse = grant("nurse", "TREAT")
    assert judged(nurse, head(labels=UNRELEASED), visit(labels=0)).allowed
    assert judged(nurse, head(labels=UNRELEASED), visit(), denial(labels=HIV | UNRELEASED)).allowed
    assert not judged(nurse, head(labels=UNRELEASED), visit(), denial()).allowed
    assert not judged(nurse, head(level=4, labels=UNRELEASED | HIV), visit(labels=HIV)).allowed


def test_a_denial_with_labels_closes_those_records_only() -> None:
    about_hiv = denial(labels=HIV)
    assert judged(DOCTORS, head(), visit(), about_hiv).allowed
    assert judged(DOCTORS, head(level=5, labels=SUBSTANCE), visit(), about_hiv).allowed
    assert not judged(DOCTORS, head(level=5, labels=SUBSTANCE | HIV), visit(), about_hiv).allowed


def test_a_denial_closes_at_every_level_and_age() -> None:
    assert not judged(DOCTORS, head(level=4), visit(), denial(level=1, age=Age.UNDER_FOURTEEN)).allowed


def test_an_emergency_goes_past_a_denial_to_everybody_and_not_past_one_that_names_the_doctor() -> None:
    emergency = visit(kind=Kind.EMERGENCY)
    doctor, nurse = grant("doctor", "ETREAT"), grant("nurse", "ETREAT")
    assert judged(doctor, head(), emergency, denial(), denial(actor=HOSPITAL)).allowed
    assert judged(doctor, head(), emergency, denial(actor=DOCTOR)).because == "denied"
    assert judged(nurse, head(), emergency, denial()).because == "denied"


def test_an_emergency_opens_no_special_kinds_but_those_that_the_data_name() -> None:
    doctor = grant("doctor", "ETREAT")
    everything = visit(kind=Kind.EMERGENCY, labels=HIV | SUBSTANCE)
    assert judged(doctor, head(level=5, labels=SUBSTANCE), everything).because == "level-closed"
    assert judged(doctor, head("Claim"), everything).because == "type-closed"
    assert judged(doctor, head(), visit()).because == "no-relation"
    rescue = replace(doctor, level=5, labels=SUBSTANCE)
    assert judged(rescue, head(level=5, labels=SUBSTANCE), everything).allowed
    assert judged(rescue, head(level=5, labels=HIV), everything).because == "label-closed"
    assert (
        judged(rescue, head(level=5, labels=SUBSTANCE), visit(kind=Kind.EMERGENCY, labels=0)).because == "no-relation"
    )


def test_an_emergency_of_somebody_without_a_practitioners_record_is_bound_by_no_named_denial() -> None:
    someone = replace(caller("doctor"), practitioner=None)
    assert decide(someone, Purpose.EMERGENCY, FACTS).denial_actors == ()


def test_a_record_about_two_people_needs_permission_for_both() -> None:
    both = head(patients=(CHILD, PATIENT))
    assert judged(DOCTORS, both, visit()).because == "no-relation"
    assert judged(DOCTORS, both, visit(), visit(patient=PATIENT)).because == "encounter"
    referred = visit(patient=PATIENT, kind=Kind.REFERRAL)
    assert judged(DOCTORS, both, visit(), referred).because == "several"
    assert judged(DOCTORS, both, visit(), referred, denial(patient=PATIENT)).because == "denied"


def test_a_mother_sees_the_record_about_her_and_her_child_unless_the_child_denies_her() -> None:
    birth = head(patients=(PATIENT, CHILD))
    guardian = visit(actor=MOTHER, kind=Kind.GUARDIAN)
    assert judged(CITIZENS, birth, guardian).because == "several"
    assert judged(CITIZENS, birth, guardian, denial(actor=MOTHER)).because == "denied"


def test_the_keeper_sees_its_own_records_and_no_others() -> None:
    machine = grant("hospital-system", "TREAT")
    assert judged(machine, head(org=SOURCE)) == Decision(True, "hospital-system-treats", "custodian")
    assert not judged(machine, head(org=SOURCE + 1)).allowed
    assert not judged(replace(machine, custodian=None), head(org=None)).allowed
    assert judged(machine, head(org=SOURCE), denial()).because == "denied"
    keeping = grant("hospital-system", "HOPERAT")
    assert judged(keeping, head(org=SOURCE, level=5, labels=HIV), denial()).allowed
    assert not judged(keeping, head(org=None), visit()).allowed


@pytest.mark.parametrize(
    ("role", "purpose", "resource_type", "level", "because"),
    [
        ("citizen", "PATRQT", "Practitioner", 2, "nobodys"),
        ("researcher", "HRESCH", "ValueSet", 1, "nobodys"),
        ("doctor", "TREAT", "Group", 4, "level-closed"),
        ("regulator", "HOPERAT", "Group", 2, "type-closed"),
        ("hospital-system", "TREAT", "Group", 4, "custodian"),
    ],
)
def test_records_about_nobody(role: str, purpose: str, resource_type: str, level: int, because: str) -> None:
    record = head(resource_type, level=level, org=SOURCE, patients=())
    decision = judged(grant(role, purpose), record)
    assert decision.because == because
    assert decision.allowed == (because in {"nobodys", "custodian"})


def test_a_record_about_nobody_with_a_special_label_is_not_public() -> None:
    assert judged(grant("citizen", "PATRQT"), head("Group", level=2, patients=())).allowed
    assert not judged(grant("nurse", "TREAT"), head("Group", level=2, labels=HIV, patients=())).allowed


def test_the_desk_of_development_sees_everything() -> None:
    assert judged(grant("desk", "TREAT"), head(level=5, labels=HIV), denial()).because == "sees-everything"


@pytest.mark.parametrize(
    ("born", "now", "ages"),
    [
        ("2012-11-23", "2026-11-22T23:59:59+08:00", {Age.ANY, Age.UNDER_FOURTEEN}),
        ("2012-11-23", "2026-11-23T00:00:00+08:00", {Age.ANY, Age.FOURTEEN_TO_SEVENTEEN}),
        ("2012-11-23", "2026-11-22T16:00:00Z", {Age.ANY, Age.FOURTEEN_TO_SEVENTEEN}),
        ("2008-11-24", "2026-11-23", {Age.ANY, Age.FOURTEEN_TO_SEVENTEEN}),
        ("2008-11-23", "2026-11-23", {Age.ANY}),
        ("2008-02-29", "2022-02-28", {Age.ANY, Age.UNDER_FOURTEEN}),
        ("2008-02-29", "2022-03-01", {Age.ANY, Age.FOURTEEN_TO_SEVENTEEN}),
        ("2010-03-01", "2024-02-29", {Age.ANY, Age.UNDER_FOURTEEN}),
        ("2010-02-28", "2024-02-29", {Age.ANY, Age.FOURTEEN_TO_SEVENTEEN}),
    ],
)
def test_how_old_somebody_is(born: str, now: str, ages: set[Age]) -> None:
    assert ages_of(day(born), day(now)) == ages


def test_of_whom_no_birth_date_is_known_no_age_is_assumed() -> None:
    assert ages_of(None, NOW) == {Age.ANY}


def test_a_guardian_sees_a_child_and_less_from_the_fourteenth_birthday() -> None:
    full = visit(actor=MOTHER, kind=Kind.GUARDIAN, age=Age.UNDER_FOURTEEN)
    reduced = visit(
        actor=MOTHER, kind=Kind.GUARDIAN, age=Age.FOURTEEN_TO_SEVENTEEN, types=(type_number("Immunization"),)
    )
    for born, clinical, vaccination in [
        ("2020-01-01", True, True),
        ("2010-01-01", False, True),
        ("2000-01-01", False, False),
    ]:
        birth = {CHILD: day(born)}
        assert judged(CITIZENS, head(), full, reduced, born=birth).allowed == clinical
        assert judged(CITIZENS, head("Immunization"), full, reduced, born=birth).allowed == (clinical or vaccination)
    assert not judged(CITIZENS, head("Immunization"), full, reduced).allowed


def test_the_birthdays_cutoff_is_a_day_start_in_china() -> None:
    assert born_after(day("2026-11-23T23:00:00+08:00"), 14) == day("2012-11-23")


# What holds for all inputs

ACTORS = st.sampled_from([ANYBODY, HOSPITAL, DOCTOR, MOTHER, OTHER_HOSPITAL])
PATIENTS = st.sampled_from([PATIENT, CHILD])
INSTANTS = st.sampled_from([0, NOW - DAYS, NOW, NOW + 1, NOW + DAYS])
LABELS = st.sampled_from([0, HIV, SUBSTANCE, HIV | SUBSTANCE, UNRELEASED, HIV | UNRELEASED])
TYPES = st.sampled_from([type_number("Observation"), type_number("Patient")])
RELATIONS = st.builds(
    Relation,
    patient=PATIENTS,
    actor=ACTORS,
    kind=st.sampled_from(Kind),
    purposes=st.integers(1, 127),
    level=st.integers(1, 5),
    labels=LABELS,
    types=st.none() | st.tuples(TYPES),
    since=INSTANTS,
    until=INSTANTS,
    age=st.sampled_from(Age),
    denies=st.booleans(),
)
HEADS = st.builds(
    Head,
    type=TYPES,
    level=st.integers(1, 5),
    labels=LABELS,
    org=st.sampled_from([None, SOURCE, SOURCE + 1]),
    patients=st.sampled_from([(), (PATIENT,), (CHILD,), (CHILD, PATIENT)]),
)
GRANTS = st.sampled_from([decide(caller(role), purpose, FACTS) for role, purpose in rules()])
MANY = st.lists(RELATIONS, max_size=8)


@forall(GRANTS, HEADS, MANY, RELATIONS)
def test_adding_a_denial_never_opens(given: Grant, record: Head, relations: list[Relation], more: Relation) -> None:
    if allowed(given, record, [*relations, replace(more, denies=True)]):
        assert allowed(given, record, relations)


@forall(GRANTS, HEADS, MANY)
def test_removing_a_permission_never_opens(given: Grant, record: Head, relations: list[Relation]) -> None:
    whole = allowed(given, record, relations)
    for number, each in enumerate(relations):
        if not each.denies and not whole:
            assert not allowed(given, record, relations[:number] + relations[number + 1 :])


@forall(GRANTS, HEADS, MANY, st.integers(1, 5), LABELS)
def test_raising_level_or_labels_never_opens(
    given: Grant, record: Head, relations: list[Relation], level: int, labels: int
) -> None:
    raised = replace(record, level=max(level, record.level), labels=record.labels | labels)
    if allowed(given, raised, relations):
        assert allowed(given, record, relations)


@forall(GRANTS, HEADS, MANY)
def test_what_is_over_or_not_yet_opens_nothing(given: Grant, record: Head, relations: list[Relation]) -> None:
    current = [each for each in relations if each.denies or each.since <= NOW < each.until]
    assert allowed(given, record, relations) == allowed(given, record, current)


@forall(GRANTS, HEADS, MANY)
def test_the_order_of_relations_does_not_matter(given: Grant, record: Head, relations: list[Relation]) -> None:
    assert allowed(given, record, relations) == allowed(given, record, relations[::-1])


@forall(HEADS, MANY)
def test_who_has_no_clinical_duty_never_sees_a_patients_record(record: Head, relations: list[Relation]) -> None:
    apart = [
        ("officer", "HOPERAT"),
        ("administrator", "HSYSADMIN"),
        ("security", "HSYSADMIN"),
        ("regulator", "HOPERAT"),
    ]
    for role, purpose in apart:
        assert not record.patients or not allowed(grant(role, purpose), record, relations)


@forall(HEADS, MANY)
def test_every_decision_has_a_sentence(record: Head, relations: list[Relation]) -> None:
    decision = judge(DOCTORS, record, relations, doing=Act.READ, now=NOW, patient_born={})
    assert sentence(decision.because, "zh")
    assert sentence(decision.rule, "en")
