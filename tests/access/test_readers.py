"""Who can read: told for each relation, and never somebody whom the decision itself would not let in."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given as forall

from tests.access.made import CHILD, DOCTOR, HIV, HOSPITAL, MOTHER, NOW, PATIENT, SOURCE, denial, head, visit
from tests.access.test_judgement import HEADS, MANY
from tianfu.access.judgement import Head
from tianfu.access.readers import Reader, who_can_read
from tianfu.access.relation import Kind, Relation

EVERYBODY = {"desk", "system"}


def readers(record: Head, *relations: Relation) -> set[tuple[str, str, str]]:
    """Role, purpose and reason of everybody but those who see everything."""
    found = who_can_read(record, relations, now=NOW, patient_born={})
    return {(each.role, each.purpose.value, each.because) for each in found if each.role not in EVERYBODY}


def test_without_relations_only_the_person_and_the_keeper_read() -> None:
    assert readers(head(org=SOURCE)) == {
        ("citizen", "PATRQT", "own"),
        ("hospital-system", "TREAT", "custodian"),
        ("hospital-system", "HOPERAT", "custodian"),
    }
    assert readers(head(org=None)) == {("citizen", "PATRQT", "own")}


def test_a_visit_opens_an_ordinary_record_to_those_who_care() -> None:
    assert readers(head(), visit(actor=HOSPITAL, level=4, labels=0)) == {
        ("citizen", "PATRQT", "own"),
        ("doctor", "TREAT", "encounter"),
        ("nurse", "TREAT", "encounter"),
        ("pharmacist", "TREAT", "encounter"),
        ("physicist", "TREAT", "encounter"),
        ("hospital-system", "TREAT", "encounter"),
    }


def test_a_special_record_opens_to_the_attending_doctor_alone() -> None:
    special = head(level=5, labels=HIV)
    ward = visit(actor=HOSPITAL, level=4, labels=0)
    assert readers(special, ward, visit()) == {("citizen", "PATRQT", "own"), ("doctor", "TREAT", "encounter")}
    found = who_can_read(special, [ward, visit()], now=NOW, patient_born={})
    assert [each.relation for each in found if each.role == "doctor"] == [visit()]


def test_who_is_denied_is_not_told() -> None:
    assert readers(head(), visit(), denial()) == {("citizen", "PATRQT", "own")}
    emergency = visit(kind=Kind.EMERGENCY)
    assert ("doctor", "ETREAT", "emergency") in readers(head(), emergency, denial())
    assert readers(head(), emergency, denial(actor=DOCTOR)) == {("citizen", "PATRQT", "own")}
    managed = visit(kind=Kind.MANAGED, actor=HOSPITAL)
    assert ("steward", "HOPERAT", "managed") in readers(head("Patient"), managed, denial(actor=HOSPITAL))


def test_of_a_record_about_two_only_who_is_tied_to_both_is_told() -> None:
    both = head(patients=(CHILD, PATIENT))
    assert readers(both, visit()) == set()
    assert ("doctor", "TREAT", "encounter") in readers(both, visit(), visit(patient=PATIENT))
    assert readers(both, visit(), visit(patient=PATIENT, actor=MOTHER)) == set()


def test_a_public_record_is_told_for_every_role_that_reads_it() -> None:
    assert {role for role, _, _ in readers(head("Organization", level=1, patients=()))} >= {"citizen", "regulator"}


def test_a_reader_names_the_rule() -> None:
    found = who_can_read(head(), [], now=NOW, patient_born={})
    assert Reader(
        role="citizen", purpose=found[-1].purpose, rule="citizen-own-life", because="own", relation=None
    ) in found  # fmt: skip


@forall(HEADS, MANY)
def test_adding_a_denial_never_adds_a_reader(record: Head, relations: list[Relation]) -> None:
    before = set(who_can_read(record, relations, now=NOW, patient_born={}))
    more = [*relations, *(replace(each, denies=True) for each in relations)]
    assert set(who_can_read(record, more, now=NOW, patient_born={})) <= before
