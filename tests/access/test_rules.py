"""The rules as data: complete, well-formed, and with duties kept apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.access.made import CHILD, FACTS, MOTHER, PATIENT, SOURCE, UNRELEASED, caller, grant, head, judged, visit
from tests.desk import DESK
from tianfu.access.caller import IMPORTER, OPERATOR
from tianfu.access.decision import NO_FACTS, decide, nothing
from tianfu.access.derivation import RELATION_TYPES
from tianfu.access.judgement import Head, judge, reason_of
from tianfu.access.labels import label_mask
from tianfu.access.purpose import Purpose
from tianfu.access.relation import ANYBODY, EVERY_LABEL, Kind
from tianfu.access.rules import Rule, roles, rules, sentence
from tianfu.access.scopes import Act
from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.definitions import definitions

REASONS = [
    "sees-everything", "own", "custodian", "nobodys", "several",
    "type-closed", "level-closed", "label-closed", "no-relation", "denied", "no-rule",
]  # fmt: skip


def test_every_role_of_the_issue_has_rules() -> None:
    assert roles() == (
        "desk", "system", "citizen", "doctor", "nurse", "pharmacist", "physicist", "township", "registrar",
        "hospital-system", "steward", "officer", "administrator", "security", "regulator", "researcher",
    )  # fmt: skip


def test_every_rule_says_in_both_languages_why_and_how_sure_we_are() -> None:
    for rule in rules().values():
        assert rule.mark in {"found", "known", "inferred"}
        assert sentence(rule.name, "zh").endswith("。")
        assert sentence(rule.name, "en").endswith(".")


@pytest.mark.parametrize("key", [*REASONS, *map(reason_of, Kind)])
def test_every_reason_has_a_sentence_in_both_languages(key: str) -> None:
    assert sentence(key, "zh") != sentence(key, "en")


def test_an_unknown_role_is_refused_and_the_trace_has_a_grant_that_sees_nothing() -> None:
    with pytest.raises(Refusal) as refused:
        decide(caller("wizard"), Purpose.TREATMENT, FACTS)
    assert refused.value.code == "role-cannot-do-this"
    assert refused.value.details == {"purpose": "TREAT"}
    none = nothing(caller("wizard"), Purpose.TREATMENT)
    public = Head(type=1, level=1, labels=0, org=None, patients=())
    assert not judge(none, public, [], doing=Act.READ, now=0, patient_born={}).allowed
    assert sentence(none.rule, "en")


def test_only_the_desk_is_for_development_only() -> None:
    assert {rule.role for rule in rules().values() if rule.development_only} == {"desk"}


def test_only_the_desk_and_the_system_see_everything() -> None:
    assert {rule.role for rule in rules().values() if rule.sees_everything} == {"desk", "system"}
    for someone in (DESK, IMPORTER, OPERATOR):
        assert decide(someone, Purpose.OPERATIONS, NO_FACTS).writes == set(definitions().resource_types)


def test_a_rule_becomes_a_grant_of_this_caller() -> None:
    citizen = grant("citizen", "PATRQT")
    assert citizen.own == (PATIENT,)
    assert citizen.actors == FACTS.actors
    assert citizen.denial_actors == (ANYBODY, *FACTS.actors)
    assert citizen.custodian is None
    assert grant("hospital-system", "HOPERAT").custodian == SOURCE
    assert decide(replace(caller("citizen"), patients=()), Purpose.PATIENT_REQUEST, FACTS).own == ()


def test_who_reads_the_trail_sees_of_persons_only_what_is_under_review() -> None:
    readers = [rule for rule in rules().values() if rule.reads_trail and not rule.sees_everything]
    assert [rule.role for rule in readers] == ["officer"]
    assert readers[0].kinds == Kind.OVERSIGHT.bit
    assert about_persons(readers[0]) == {"Task", "Communication"}


def test_administrators_and_regulators_see_nothing_about_persons() -> None:
    for rule in rules().values():
        if rule.role in {"officer", "administrator", "security", "regulator"}:
            assert not rule.own
            assert not rule.custodian
        if rule.role in {"administrator", "security", "regulator"}:
            assert not about_persons(rule)
            assert not rule.kinds
            assert not rule.reads_trail


def test_the_security_administrator_writes_nothing() -> None:
    assert [rule.writes for rule in rules().values() if rule.role == "security"] == [frozenset()]


def about_persons(rule: Rule) -> set[str]:
    """The types of a patient's compartment that a rule lets through; a Schedule is there for its actors only."""
    numbers = set(rule.types or ())
    return {
        name
        for name, parameters in definitions().compartment_patient.items()
        if parameters and definitions().type_number(name) in numbers and name != "Schedule"
    }


def test_who_treats_cannot_write_himself_into_a_patients_care() -> None:
    """Whoever could write an Encounter or a Consent could open any record to himself."""
    for rule in rules().values():
        if rule.role in {"doctor", "nurse", "pharmacist", "physicist", "township", "researcher", "steward"}:
            # A referral never opens to its writer; an emergency's Task is refused unless it is sound and one's own.
            assert rule.writes & RELATION_TYPES <= {"ServiceRequest", "Task"}, rule.name


def test_who_may_write_about_strangers_is_named() -> None:
    registering = {rule.role for rule in rules().values() if rule.registers}
    assert registering == {"desk", "system", "registrar", "hospital-system"}
    assert {rule.role for rule in rules().values() if rule.chooses_ids} == {"desk", "system", "hospital-system"}


def test_special_kinds_open_to_nobody_but_the_person_his_doctor_and_the_keeper() -> None:
    # What is under review is marked so, and restricted by whoever objects; those marks alone open to the officer.
    marked = label_mask(["restricted", "review", "unreleased"])
    special = {rule.name for rule in rules().values() if rule.labels & ~marked and not rule.sees_everything}
    assert special == {"citizen-own-life", "doctor-treats", "hospital-system-keeps"}


def test_what_is_not_released_is_closed_to_the_person_guardians_and_proxies_and_open_to_whoever_cares() -> None:
    citizen = grant("citizen", "PATRQT")
    for kind in (Kind.GUARDIAN, Kind.PROXY):
        tie = visit(actor=MOTHER, kind=kind, labels=EVERY_LABEL)
        assert judged(citizen, head(), tie).allowed
        assert judged(citizen, head(labels=UNRELEASED), tie).because == "label-closed"
    assert judged(citizen, head(patients=(PATIENT,))).because == "own"
    assert judged(citizen, head(labels=UNRELEASED, patients=(PATIENT,))).because == "label-closed"
    for role in ("nurse", "doctor"):
        assert judged(grant(role, "TREAT"), head(labels=UNRELEASED, patients=(CHILD,)), visit()).allowed
    withheld = {rule.role for rule in rules().values() if not rule.labels & UNRELEASED}
    assert withheld == {"citizen", "researcher"}


def test_an_officer_sees_of_patients_what_is_marked_for_review_and_nothing_else() -> None:
    officers = [rule for rule in rules().values() if rule.role == "officer"]
    assert [rule.requires for rule in officers] == [label_mask(["review"])]


def test_nobody_may_write_the_trail() -> None:
    for rule in rules().values():
        assert rule.sees_everything or "AuditEvent" not in rule.writes
