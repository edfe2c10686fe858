"""Scopes as they are written, and what is refused, dropped and kept of them."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from tianfu.access.scopes import (
    OBSERVATION_CATEGORY,
    SCOPES_MAX,
    TEXT_LENGTH_MAX,
    WITHOUT_RECORDS,
    Act,
    Coding,
    Scopes,
    allowed_scopes,
    parse_scopes,
    understood,
)
from tianfu.kernel.refusal import Refusal

LABORATORY = f"category={OBSERVATION_CATEGORY}|laboratory"
VITAL = f"category={OBSERVATION_CATEGORY}|vital-signs"

MEANT = {
    # scope: how it is written shortest
    "patient/Observation.rs": "patient/Observation.rs",
    "user/*.cruds": "user/*.cruds",
    "system/Encounter.cud": "system/Encounter.cud",
    "patient/Patient.r": "patient/Patient.r",
    "patient/Observation.read": "patient/Observation.read",
    "patient/*.write": "patient/*.write",
    "user/*.*": "user/*.*",
    f"patient/Observation.rs?{LABORATORY}": f"patient/Observation.rs?{LABORATORY}",
    "patient/Observation.rs?category=laboratory": f"patient/Observation.rs?{LABORATORY}",
    f"patient/Observation.rs?{LABORATORY},{OBSERVATION_CATEGORY}|exam": (
        f"patient/Observation.rs?category={OBSERVATION_CATEGORY}|exam,{OBSERVATION_CATEGORY}|laboratory"
    ),
    "patient/Observation.rs?category=http%3A%2F%2Fx%7Cy": "patient/Observation.rs?category=http://x|y",
    "user/ServiceRequest.r?category=http://snomed.info/sct|108252007": (
        "user/ServiceRequest.r?category=http://snomed.info/sct|108252007"
    ),
    "user/CarePlan.rs?category=http://x|assess-plan": "user/CarePlan.rs?category=http://x|assess-plan",
    "patient/DocumentReference.rs?category=http://x|note&category=http://x|b": (
        "patient/DocumentReference.rs?category=http://x|b&category=http://x|note"
    ),
    "patient/DiagnosticReport.r?category=http://x|LAB&code=http://y|7": (
        "patient/DiagnosticReport.r?category=http://x|LAB&code=http://y|7"
    ),
    "patient/AllergyIntolerance.rs?category=food": "patient/AllergyIntolerance.rs?category=food",
    "patient/AllergyIntolerance.rs?category=http://hl7.org/fhir/allergy-intolerance-category|food": (
        "patient/AllergyIntolerance.rs?category=food"
    ),
    "patient/Observation.r patient/Observation.s": "patient/Observation.rs",
    "patient/Observation.r patient/*.cruds": "patient/*.cruds",
    f"patient/Observation.r?{LABORATORY} patient/Observation.rs": "patient/Observation.rs",
}

REFUSED = (
    "patient/Observation.sr",
    "patient/Observation.dus",
    "patient/Observation.rr",
    "patient/Observation.",
    "patient/Observation",
    "patient/observation.rs",
    "patient/Observatio.rs",
    "staff/Observation.rs",
    "patient/.rs",
    "/Observation.rs",
    "patient/Observation.reads",
    "patient/*.READ",
    "Patient/Observation.rs",
    "patient/Observation.rs?",
    "patient/Observation.rs?category",
    "patient/Observation.rs?category=",
    "patient/Observation.rs?category=a,,b",
    "patient/Observation.rs?category=laboratory&",
    "patient/Observation.rs?category:not=laboratory",
    "patient/Observation.rs?category:in=http://x",
    "patient/Observation.rs?patient.birthdate=1990",
    "patient/Observation.rs?_filter=category+eq+x",
    "patient/Observation.rs?status=final",
    "patient/Observation.rs?date=ge2020",
    "patient/Observation.rs?_security=R",
    "patient/Observation.rs?category=http://x|",
    "patient/Observation.rs?category=a|b|c",
    "patient/Observation.rs?category=my-own",
    "patient/Observation.rs?code=8302-2",
    "patient/Observation.read?category=laboratory",
    "patient/*.rs?category=laboratory",
    "patient/DiagnosticReport.rs?category=LAB",
    "patient/Patient.r?category=x",
    "patient/MedicationRequest.r?code=http://x|1",
    "patient/AllergyIntolerance.rs?category=http://x|food",
    "patient/Observation.rs?category=%FF",
    "patient/Observation.rs?category=a%5C,b",
    "patient/Observation.rs?category=a%20b",
    "patient/Observation.rs?category=a%00",
    "patient/Observation.rs\n",
    "launch/",
    "launch/imagingstudy",
    "offline",
    "OPENID",
    "profile ?",
    "检验",
    'patient/Observation.rs?category="a"',
)


@pytest.mark.parametrize(("asked", "shortest"), MEANT.items())
def test_a_scope_means_what_the_standard_says(asked: str, shortest: str) -> None:
    found = parse_scopes(asked)
    assert str(found) == shortest
    assert parse_scopes(str(found)) == found


@pytest.mark.parametrize("asked", REFUSED)
def test_what_is_not_understood_is_refused_in_a_token_and_dropped_from_a_request(asked: str) -> None:
    with pytest.raises(Refusal, match="scope-not-understood"):
        parse_scopes(asked)
    kept = understood(f"openid {asked} patient/Patient.r")
    assert "patient/Patient.r" in str(kept.scopes)
    assert kept.dropped
    assert kept.scopes.resources == parse_scopes("patient/Patient.r").resources


def test_letters_are_taken_in_their_order_and_in_no_other() -> None:
    letters = "cruds"
    for size in range(1, 6):
        for chosen in combinations(letters, size):
            (scope,) = parse_scopes(f"user/Patient.{''.join(chosen)}").resources
            assert scope.acts == tuple(map(Act, chosen))


def test_letters_of_version_1_are_those_of_version_2() -> None:
    for old, new in {"read": "rs", "write": "cud", "*": "cruds"}.items():
        assert parse_scopes(f"user/Patient.{old}") == parse_scopes(f"user/Patient.{new}")


def test_scopes_without_records_open_none() -> None:
    found = parse_scopes(" ".join(WITHOUT_RECORDS))
    assert found == Scopes(others=WITHOUT_RECORDS)
    assert found.needs_patient
    assert not parse_scopes("launch user/Patient.r").needs_patient
    assert parse_scopes("patient/Patient.r").needs_patient


def test_a_code_alone_means_the_system_to_which_the_standard_binds_it() -> None:
    (scope,) = parse_scopes("patient/Condition.r?category=problem-list-item").resources
    (condition,) = scope.conditions
    assert condition.any_of == (
        Coding("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "patient/Patient.r " * (SCOPES_MAX + 1),
        "x" * (TEXT_LENGTH_MAX + 1),
        "user/Observation.r?" + "&".join(f"category={','.join(f'http://{n}|{m}' for m in range(9))}" for n in range(2)),
    ],
)
def test_more_than_a_token_should_hold_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="scope-not-understood"):
        parse_scopes(text)


ALLOWED = (
    # asked, allowed, granted
    ("patient/*.rs", "patient/Observation.rs patient/Patient.r", "patient/Observation.rs patient/Patient.r"),
    ("patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"),
    ("user/Observation.rs", "patient/Observation.rs", ""),
    ("patient/Observation.rs", "user/Observation.rs", ""),
    ("patient/Observation.rs", f"patient/Observation.rs?{LABORATORY}", f"patient/Observation.rs?{LABORATORY}"),
    (f"patient/Observation.rs?{LABORATORY}", "patient/Observation.r", f"patient/Observation.r?{LABORATORY}"),
    (
        f"patient/Observation.rs?{LABORATORY}",
        f"patient/Observation.rs?{VITAL}",
        f"patient/Observation.rs?{LABORATORY}&{VITAL}",
    ),
    ("patient/Observation.c", "patient/Observation.rs", ""),
    ("openid offline_access launch", "openid launch/patient launch", "launch openid"),
    ("patient/*.rs", "patient/*.*", "patient/*.rs"),
    ("patient/Patient.r patient/Observation.r", "", ""),
)


@pytest.mark.parametrize(("asked", "allowed", "granted"), ALLOWED)
def test_what_is_granted_is_what_was_asked_for_and_is_allowed(asked: str, allowed: str, granted: str) -> None:
    assert str(allowed_scopes(parse_scopes(asked), parse_scopes(allowed))) == granted


def drawn(lot: random.Random) -> Scopes:
    made = []
    for _ in range(lot.randint(0, 4)):
        kind = lot.choice(["*", "Observation", "Condition"])
        letters = "".join(sorted(lot.sample("cruds", lot.randint(1, 5)), key="cruds".index))
        conditions = [
            f"{name}={','.join(f'http://x|{code}' for code in lot.sample('abc', lot.randint(1, 2)))}"
            for name in ("category", "code")
            if kind != "*" and lot.random() < 0.4
        ]
        made.append(
            f"{lot.choice(['patient', 'user'])}/{kind}.{letters}{'?' if conditions else ''}{'&'.join(conditions)}"
        )
    return parse_scopes(" ".join(made))


def test_what_is_granted_is_never_more_than_either_side_says() -> None:
    lot = random.Random(7)
    granted = 0
    for _ in range(2_000):
        asked, allowed = drawn(lot), drawn(lot)
        found = allowed_scopes(asked, allowed)
        for each in found.resources:
            granted += 1
            # One scope of each side may hold it only in part: its letters may come from several.
            for side in (asked, allowed):
                for act in each.acts:
                    one = parse_scopes(str(each).replace(f".{''.join(each.acts)}", f".{act}", 1)).resources[0]
                    assert any(theirs.holds(one) for theirs in side.resources), (asked, allowed, found)
    assert granted > 800
