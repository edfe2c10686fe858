"""Emergency access: what a Task of that code opens, for whom and until when.  Ward rule: docs/rules/emergency-access.md

The Task (https://hl7.org/fhir/R4/task.html) is the fact: the relation is derived from it as it is written, and ends
with its period.  A Task that leaves out what the rule asks for opens nothing, wherever it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tianfu.access.caller import Caller
from tianfu.access.elements import choices, coded, element
from tianfu.access.labels import label_mask
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Kind, Relation
from tianfu.kernel.ids import FHIR_ID, record_number
from tianfu.kernel.instants import SECOND, Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.definitions import definitions

TASK_SYSTEM = "urn:tianfu:task"
EMERGENCY_ACCESS = "emergency-access"

EMERGENCY_LENGTH = 30 * 60 * SECOND
"""An emergency access lasts at most this long, in microseconds; going on needs a new reason and a new Task."""

REASON_CHARACTERS_MIN = 10
REASON_CHARACTERS_MAX = 500

EMERGENCY_TYPES = (
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Encounter",
    "Flag",
    "Immunization",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "RelatedPerson",
    "Task",
)
"""What a doctor needs in the first half hour: who it is, whom to call, dangers, illnesses, medicines, results; and
the emergency access itself, which he may end."""

CLOCK_SKEW = 60 * SECOND
"""So far the clocks of two machines may differ, in microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What a sound Task of emergency access says; `patient` and `practitioner` are logical ids."""

    patient: str
    practitioner: str
    reason: str
    since: Instant
    until: Instant


def is_emergency_task(task: Mapping[str, Any]) -> bool:
    """Whether a resource says that it is an emergency access, sound or not."""
    return task.get("resourceType") == "Task" and (TASK_SYSTEM, EMERGENCY_ACCESS) in coded(task.get("code"))


def read_emergency(task: Mapping[str, Any]) -> Emergency:
    """What the Task says; raises Refusal with the first thing that is missing.

    Codes: emergency-patient-missing, emergency-owner-missing, emergency-reason-missing, emergency-time-missing,
    emergency-too-long.
    """
    patient = _id_in(task.get("for"), "Patient")
    if not patient:
        raise Refusal("emergency-patient-missing")
    practitioner = _id_in(task.get("owner"), "Practitioner")
    if not practitioner:
        raise Refusal("emergency-owner-missing")
    reason = " ".join(str(element(task.get("reasonCode")).get("text", "")).split())
    if len(reason) < REASON_CHARACTERS_MIN:
        raise Refusal("emergency-reason-missing")
    written, since, until = _times(task)
    if until - written > EMERGENCY_LENGTH:
        raise Refusal("emergency-too-long")
    return Emergency(
        patient=patient, practitioner=practitioner, reason=reason, since=Instant(max(since, written)), until=until
    )


def emergency_relations(task: Mapping[str, Any]) -> tuple[Relation, ...]:
    """What the Task opens: its patient to its owner, for emergency treatment alone, until its period ends.

    Nothing for a Task of another code, one that is not in progress, and one that the rule calls unsound.
    """
    if not is_emergency_task(task) or task.get("status") != "in-progress":
        return ()
    try:
        emergency = read_emergency(task)
    except Refusal:
        return ()
    if emergency.until <= emergency.since:
        return ()
    row = choices()["emergency"]
    return (
        Relation(
            patient=record_number("Patient", emergency.patient),
            actor=record_number("Practitioner", emergency.practitioner),
            kind=Kind.EMERGENCY,
            purposes=Purpose.EMERGENCY.bit,
            level=row["level"],
            labels=label_mask(row["labels"]),
            types=tuple(sorted(map(definitions().type_number, EMERGENCY_TYPES))),
            since=emergency.since,
            until=emergency.until,
        ),
    )


def refuse_unsound_emergency(task: Mapping[str, Any], caller: Caller, *, now: Instant) -> None:
    """Refuse to write an open emergency access that is not the caller's own, not from now on, or not sound.

    For every door by which such a Task can come in.  Codes: those of `read_emergency`, emergency-not-yours,
    emergency-not-now.  A Task that is no longer in progress opens nothing and may be written.
    """
    if not is_emergency_task(task) or task.get("status") != "in-progress":
        return
    emergency = read_emergency(task)
    if emergency.practitioner != caller.practitioner:
        raise Refusal("emergency-not-yours")
    if emergency.since > now + CLOCK_SKEW or emergency.until > now + EMERGENCY_LENGTH + CLOCK_SKEW:
        raise Refusal("emergency-not-now")


def refuse_foreign_emergency(task: Mapping[str, Any], caller: Caller) -> None:
    """Refuse an emergency access, open or over, in the name of anybody but the caller.  Code: emergency-not-yours."""
    owner = _id_in(task.get("owner"), "Practitioner")
    if not owner or owner != caller.practitioner:
        raise Refusal("emergency-not-yours")


def _times(task: Mapping[str, Any]) -> tuple[Instant, Instant, Instant]:
    """When it was written, since when and until when it counts."""
    period = element(element(task.get("restriction")).get("period"))
    try:
        written, _ = range_of(str(task["authoredOn"]))
        since, _ = range_of(str(period["start"]))
        until, _ = range_of(str(period["end"]))
    except (KeyError, ValueError):
        raise Refusal("emergency-time-missing") from None
    return written, since, until


def _id_in(reference: object, resource_type: str) -> str:
    """The id of a relative reference to that type; empty for anything else."""
    kind, _, logical_id = str(element(reference).get("reference", "")).partition("/")
    return logical_id if kind == resource_type and FHIR_ID.match(logical_id) else ""
