"""What a token leaves of what its person may do: both must hold, and nothing is ever widened."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest

from tests.access.made import CHILD, FACTS, caller, denial, grant, head, judged, type_number, visit
from tests.desk import DESK
from tianfu.access.decision import NO_FACTS, Grant, decide, narrowed
from tianfu.access.judgement import Head
from tianfu.access.narrowing import Held, refuse_out_of_scope, refuse_trail_out_of_scope
from tianfu.access.purpose import Purpose
from tianfu.access.scopes import OBSERVATION_CATEGORY, Act, parse_scopes
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal

LABORATORY = Held("category", OBSERVATION_CATEGORY, "laboratory")
VITAL = Held("category", OBSERVATION_CATEGORY, "vital-signs")
WEIGHT = Held("code", "http://loinc.org", "29463-7")
OTHER = record_number("Patient", "somebody-else")

RECORDS: dict[str, Head] = {
    "laboratory": replace(head(), codings=frozenset({LABORATORY, Held("code", "http://loinc.org", "1")})),
    "weight": replace(head(), codings=frozenset({VITAL, WEIGHT})),
    "laboratory of somebody else": replace(head(patients=(OTHER,)), codings=frozenset({LABORATORY})),
    "laboratory of both": replace(head(patients=(CHILD, OTHER)), codings=frozenset({LABORATORY})),
    "diagnosis": head("Condition"),
    "organisation": head("Organization", level=1, patients=()),
}
ALL = set(RECORDS)

# scope and letter: which of these records are in scope, for a launch with the child
TABLE: dict[tuple[str, str], set[str]] = {
    ("user/*.r", "r"): ALL,
    ("user/*.r", "s"): set(),
    ("user/*.read", "s"): ALL,
    ("user/*.read", "u"): set(),
    ("system/*.cruds", "d"): ALL,
    ("patient/*.rs", "r"): {"laboratory", "weight", "diagnosis"},
    ("patient/Observation.rs", "s"): {"laboratory", "weight"},
    ("user/Observation.rs", "r"): {"laboratory", "weight", "laboratory of somebody else", "laboratory of both"},
    ("patient/Observation.rs?category=laboratory", "r"): {"laboratory"},
    ("user/Observation.rs?category=laboratory", "r"): {
        "laboratory",
        "laboratory of somebody else",
        "laboratory of both",
    },
    ("user/Observation.r?category=laboratory,vital-signs", "r"): {
        "laboratory",
        "weight",
        "laboratory of somebody else",
        "laboratory of both",
    },
    ("user/Observation.r?category=laboratory&category=vital-signs", "r"): set(),
    ("user/Observation.r?category=vital-signs&code=http://loinc.org|29463-7", "r"): {"weight"},
    ("user/Observation.r?category=laboratory&code=http://loinc.org|29463-7", "r"): set(),
    ("user/Observation.r?code=http://loinc.org|29463-7 patient/Condition.r", "r"): {"weight", "diagnosis"},
    ("user/Organization.r patient/Observation.s", "r"): {"organisation"},
    ("patient/Organization.r", "r"): set(),
    ("openid fhirUser launch/patient", "r"): set(),
    ("", "r"): set(),
}
OF_DESK = decide(DESK, Purpose.TREATMENT, NO_FACTS)


@pytest.mark.parametrize(("asked", "within"), TABLE.items(), ids=[f"{scopes} {deed}" for scopes, deed in TABLE])
def test_a_token_sees_what_its_scopes_say(asked: tuple[str, str], within: set[str]) -> None:
    given = narrowed(OF_DESK, parse_scopes(asked[0]), CHILD)
    assert {name for name, record in RECORDS.items() if judged(given, record, doing=Act(asked[1])).allowed} == within


def test_without_a_patient_of_the_launch_his_scopes_open_nothing() -> None:
    given = narrowed(OF_DESK, parse_scopes("patient/*.cruds user/Condition.r"), None)
    assert {name for name, each in RECORDS.items() if judged(given, each).allowed} == {"diagnosis"}


def test_what_the_person_may_not_see_no_scope_opens() -> None:
    whole = narrowed(grant("doctor", "TREAT"), parse_scopes("user/*.cruds"), None)
    assert judged(whole, RECORDS["weight"]).because == "no-relation"
    assert judged(whole, RECORDS["weight"], visit()).allowed
    assert judged(whole, RECORDS["weight"], visit(), denial()).because == "denied"
    least = narrowed(grant("doctor", "TREAT"), parse_scopes("user/Condition.rs"), None)
    assert judged(least, RECORDS["weight"], visit()).because == "out-of-scope"


def test_narrowing_never_opens_what_was_closed() -> None:
    lot = random.Random(3)
    scopes = [text for text, _ in TABLE]
    opened = 0
    for role, purpose in [("doctor", "TREAT"), ("citizen", "PATRQT"), ("hospital-system", "TREAT")]:
        wide = grant(role, purpose)
        for text, record, act in product(scopes, RECORDS.values(), Act):
            relations = [each for each in (visit(), visit(patient=OTHER), denial()) if lot.random() < 0.5]
            if judged(narrowed(wide, parse_scopes(text), CHILD), record, *relations, doing=act).allowed:
                opened += 1
                assert judged(wide, record, *relations, doing=act).allowed
    assert opened > 50


def test_a_token_writes_what_both_allow() -> None:
    doctor = grant("doctor", "TREAT")
    assert {"Observation", "Condition"} <= doctor.writes
    given = narrowed(doctor, parse_scopes("user/Observation.c user/Condition.rs user/Organization.cruds"), None)
    assert given.writes == {"Observation"}


def test_the_trail_is_in_no_scope_of_one_patients_records() -> None:
    officer = grant("officer", "HOPERAT")
    assert officer.reads_trail
    for text, is_open in {
        "user/*.rs": True,
        "system/AuditEvent.rs": True,
        "user/AuditEvent.r": False,
        "patient/*.cruds": False,
        "patient/AuditEvent.rs": False,
        "user/Observation.rs": False,
        "": False,
    }.items():
        given = narrowed(officer, parse_scopes(text), CHILD)
        assert given.reads_trail is is_open, text
        if is_open:
            refuse_trail_out_of_scope(given.narrowing, Act.SEARCH)
        else:
            with pytest.raises(Refusal, match="scope-insufficient"):
                refuse_trail_out_of_scope(given.narrowing, Act.SEARCH)


def test_a_type_of_which_nothing_is_in_scope_is_refused_and_not_empty() -> None:
    given = narrowed(OF_DESK, parse_scopes("patient/Observation.r?category=laboratory"), CHILD)
    refuse_out_of_scope(given.narrowing, Act.READ, "Observation")
    refuse_out_of_scope(None, Act.SEARCH, "Condition")
    for act, kind in ((Act.SEARCH, "Observation"), (Act.READ, "Condition"), (Act.CREATE, "Observation")):
        with pytest.raises(Refusal, match="scope-insufficient") as told:
            refuse_out_of_scope(given.narrowing, act, kind)
        assert told.value.details == {"scope": f"{kind}.{act}"}
    refuse_out_of_scope(given.narrowing, Act.READ, None)
    with pytest.raises(Refusal, match="scope-insufficient"):
        refuse_out_of_scope(given.narrowing, Act.SEARCH, None)


def test_a_caller_with_a_token_is_decided_about_with_its_scopes() -> None:
    scopes = parse_scopes("patient/Observation.rs")
    by_token = replace(caller("doctor"), scopes=scopes, launch_patient="child")
    assert decide(by_token, Purpose.TREATMENT, FACTS) == narrowed_by_hand(by_token)
    assert decide(caller("doctor"), Purpose.TREATMENT, FACTS).narrowing is None
    everything = replace(DESK, scopes=scopes, launch_patient="child")
    assert not judged(decide(everything, Purpose.TREATMENT, NO_FACTS), RECORDS["diagnosis"]).allowed


def narrowed_by_hand(by_token: object) -> Grant:
    wide = replace(decide(caller("doctor"), Purpose.TREATMENT, FACTS), caller=by_token)  # type: ignore[arg-type]
    return narrowed(wide, parse_scopes("patient/Observation.rs"), CHILD)


def test_a_grant_is_narrowed_once() -> None:
    once = narrowed(OF_DESK, parse_scopes("user/*.rs"), None)
    with pytest.raises(ValueError, match="once"):
        narrowed(once, parse_scopes("user/*.cruds"), None)


def test_types_are_told_apart_by_their_numbers() -> None:
    narrowing = narrowed(OF_DESK, parse_scopes("user/Observation.rs"), None).narrowing
    assert narrowing is not None
    assert narrowing.opens(Act.READ, type_number("Observation"))
    assert not narrowing.opens(Act.READ, type_number("Condition"))
    assert narrowing.opens_anything(Act.SEARCH)
    assert not narrowing.opens_anything(Act.DELETE)
