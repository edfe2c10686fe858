"""The speeds of trust: what permission, trace and vault cost."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.decision import Facts, decide
from tianfu.access.derivation import relations_of
from tianfu.access.judgement import Head, judge
from tianfu.access.labels import labels_of_resource
from tianfu.access.organisations import OrganisationTree, Unit, actors_of
from tianfu.access.purpose import Purpose
from tianfu.access.relation import ANYBODY, Kind, Relation
from tianfu.access.scopes import Act
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, Instant
from tianfu.standards.fhir.definitions import definitions

Result = dict[str, object]

DECISIONS = 20_000
INSTITUTIONS = 2_000
DEPARTMENTS_EACH = 12
RELATIONS_EACH = 40
NOW = Instant(1_795_000_000_000_000)
ROLES = (
    ("doctor", Purpose.TREATMENT),
    ("doctor", Purpose.EMERGENCY),
    ("nurse", Purpose.TREATMENT),
    ("citizen", Purpose.PATIENT_REQUEST),
    ("registrar", Purpose.OPERATIONS),
    ("hospital-system", Purpose.TREATMENT),
)

_ENCOUNTER = {
    "resourceType": "Encounter",
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
    "type": [{"coding": [{"system": "http://snomed.info/sct", "code": "185349003"}]}],
    "subject": {"reference": "Patient/1"},
    "participant": [{"individual": {"reference": "Practitioner/1"}}],
    "period": {"start": "2026-11-20T08:00:00+08:00"},
    "serviceProvider": {"reference": "Organization/1"},
}


@dataclass(frozen=True, slots=True)
class _Case:
    """One question: somebody asks for one record of a patient with a full life of relations."""

    caller: Caller
    purpose: Purpose
    head: Head
    relations: tuple[Relation, ...]


def decisions() -> Result:
    """How long one whole decision takes: whose relations count, what the rules grant, and one record judged by it.

    `labels_us` and `relations_us` are what one write pays beside: an Encounter's level and labels, and its relations.
    """
    dice = random.Random(3)
    tree = _province()
    cases = [_case(dice) for _ in range(1_000)]
    for case in cases[:100]:
        _decide(case, tree)
    microseconds = sorted(_timed(dice.choice(cases), tree) for _ in range(DECISIONS))
    return {
        "decision_us_p50": round(statistics.median(microseconds), 1),
        "decision_us_p99": round(microseconds[len(microseconds) * 99 // 100], 1),
        "labels_us": round(_each(lambda: labels_of_resource(_ENCOUNTER, has_patient=True)), 1),
        "relations_us": round(_each(lambda: relations_of(_ENCOUNTER, 1)), 1),
    }


def _each(act: Callable[[], object], times: int = 5_000) -> float:
    """The mean time of an act in microseconds."""
    started = time.perf_counter_ns()
    for _ in range(times):
        act()
    return (time.perf_counter_ns() - started) / times / 1_000


def _timed(case: _Case, tree: OrganisationTree) -> float:
    started = time.perf_counter_ns()
    _decide(case, tree)
    return (time.perf_counter_ns() - started) / 1_000


def _decide(case: _Case, tree: OrganisationTree) -> bool:
    grant = decide(case.caller, case.purpose, Facts(actors=actors_of(case.caller, tree), custodian=3))
    return judge(grant, case.head, case.relations, doing=Act.READ, now=NOW, patient_born={}).allowed


def _province() -> OrganisationTree:
    """A bureau, its institutions and their departments."""
    bureau = Unit(number=record_number("Organization", "bureau"), part_of=None, is_inside=False)
    units = [bureau]
    for number in range(INSTITUTIONS):
        house = Unit(number=record_number("Organization", f"{number}"), part_of=bureau.number, is_inside=False)
        units.append(house)
        units.extend(
            Unit(number=record_number("Organization", f"{number}-{each}"), part_of=house.number, is_inside=True)
            for each in range(DEPARTMENTS_EACH)
        )
    return OrganisationTree(units)


def _case(dice: random.Random) -> _Case:
    house, patient = dice.randrange(INSTITUTIONS), record_number("Patient", f"{dice.random()}")
    role, purpose = dice.choice(ROLES)
    unit = f"{house}-{dice.randrange(DEPARTMENTS_EACH)}" if dice.random() < 0.8 else f"{house}"
    caller = Caller(id="bench", role=role, organisation=unit, practitioner=f"{house}", patients=("7",), related=("8",))
    return _Case(
        caller=caller,
        purpose=purpose,
        head=Head(
            type=definitions().type_number(dice.choice(("Observation", "Patient", "Condition"))),
            level=dice.choice((3, 4, 5)),
            labels=dice.choice((0, 0, 2)),
            org=dice.randrange(9),
            patients=(patient,),
        ),
        relations=tuple(_relation(dice, patient, house) for _ in range(RELATIONS_EACH)),
    )


def _relation(dice: random.Random, patient: int, house: int) -> Relation:
    denies = dice.random() < 0.1
    actor = (
        ANYBODY if denies else record_number("Organization", f"{dice.choice((house, dice.randrange(INSTITUTIONS)))}")
    )
    return Relation(
        patient=patient,
        actor=actor,
        kind=dice.choice(list(Kind)),
        labels=2,
        since=NOW - dice.randrange(100) * DAY,
        until=NOW + (dice.randrange(100) - 40) * DAY,
        denies=denies,
    )
