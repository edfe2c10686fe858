"""Made-up callers, records and relations for the tests of permission."""

from __future__ import annotations

from collections.abc import Iterable

from tianfu.access.caller import Caller
from tianfu.access.decision import Facts, Grant, decide
from tianfu.access.judgement import Decision, Head, judge
from tianfu.access.labels import labels
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Kind, Relation
from tianfu.access.scopes import Act
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, Instant, range_of
from tianfu.standards.fhir.definitions import definitions

NOW = range_of("2026-11-23T10:00:00+08:00")[0]
PATIENT = record_number("Patient", "liu")
CHILD = record_number("Patient", "child")
HOSPITAL = record_number("Organization", "hospital")
OTHER_HOSPITAL = record_number("Organization", "other-hospital")
DOCTOR = record_number("Practitioner", "chen")
MOTHER = record_number("RelatedPerson", "mother")
SOURCE = 7
HIV = labels()["hiv"].mask
SUBSTANCE = labels()["substance-use"].mask
UNRELEASED = labels()["unreleased"].mask
DAYS = DAY


def caller(role: str) -> Caller:
    """A caller whose record numbers are those above."""
    return Caller(
        id="tester", role=role, organisation="hospital", practitioner="chen", patients=("liu",), related=("mother",)
    )


FACTS = Facts(actors=(HOSPITAL, DOCTOR, MOTHER), custodian=SOURCE)


def grant(role: str, purpose: str) -> Grant:
    """What is decided about such a caller."""
    return decide(caller(role), Purpose(purpose), FACTS)


def type_number(name: str) -> int:
    return definitions().type_number(name)


def head(
    resource_type: str = "Observation",
    *,
    level: int = 3,
    labels: int = 0,
    org: int | None = None,
    patients: tuple[int, ...] = (CHILD,),
) -> Head:
    """A record about somebody who is not the caller."""
    return Head(type=type_number(resource_type), level=level, labels=labels, org=org, patients=patients)


def visit(*, patient: int = CHILD, actor: int = DOCTOR, **more: object) -> Relation:
    """An open visit that opens everything to its actor, unless `more` says otherwise."""
    values: dict[str, object] = {"kind": Kind.ENCOUNTER, "labels": HIV | SUBSTANCE} | more
    return Relation(patient=patient, actor=actor, **values)


def denial(*, patient: int = CHILD, actor: int = 0, **more: object) -> Relation:
    """A denial to everybody, unless told otherwise."""
    return Relation(patient=patient, actor=actor, kind=Kind.CONSENT, denies=True, **more)


def judged(
    given: Grant,
    record: Head,
    *relations: Relation,
    now: Instant = NOW,
    born: dict[int, Instant] | None = None,
    doing: Act = Act.READ,
) -> Decision:
    """The decision about one record."""
    return judge(given, record, relations, doing=doing, now=now, patient_born=born or {})


def allowed(given: Grant, record: Head, relations: Iterable[Relation], now: Instant = NOW) -> bool:
    return judge(given, record, relations, doing=Act.READ, now=now, patient_born={}).allowed
