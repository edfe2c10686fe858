"""Emergency accesses and objections as Tasks, and what an officer said to them.  https://hl7.org/fhir/R4/task.html"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tianfu.access.emergency import EMERGENCY_ACCESS, EMERGENCY_LENGTH, TASK_SYSTEM
from tianfu.apps.trust.mapping.elements import HL7, Element, Resource, code_in, coded, id_in, instant_in, to
from tianfu.apps.trust.model.emergency import EmergencyWish
from tianfu.apps.trust.model.ledger import Look
from tianfu.apps.trust.model.objection import EVENTS_MAX
from tianfu.apps.trust.model.tasks import Finding, TaskSort, TrustTask, Verdict
from tianfu.kernel.instants import Instant, to_fhir_instant

REASON_SYSTEM = "urn:tianfu:emergency-reason"
REVIEW_SYSTEM = "urn:tianfu:review"
GROUP_SYSTEM = "urn:tianfu:emergency-group"
EVENT_SYSTEM = "urn:tianfu:audit-event"
OFFICER_SYSTEM = "urn:tianfu:role"

WAITING = "waiting"
"""The business status of what no officer has looked at; else it is his verdict."""

VERY_RESTRICTED = {"security": [{"system": f"{HL7}/v3-Confidentiality", "code": "R"}]}
FOR_OFFICERS = [coded(OFFICER_SYSTEM, "officer")]


def emergency_resource(
    wish: EmergencyWish, *, patient_id: str, practitioner_id: str, group: str, now: Instant
) -> Resource:
    """The Task that opens a Patient's records to a Practitioner from now on, for half an hour."""
    moment = to_fhir_instant(now)
    return {
        "resourceType": "Task",
        "groupIdentifier": {"system": GROUP_SYSTEM, "value": group},
        "status": "in-progress",
        "businessStatus": coded(REVIEW_SYSTEM, WAITING),
        "intent": "order",
        "code": coded(TASK_SYSTEM, EMERGENCY_ACCESS),
        "for": to("Patient", patient_id),
        "authoredOn": moment,
        "lastModified": moment,
        "requester": to("Practitioner", practitioner_id),
        "owner": to("Practitioner", practitioner_id),
        "performerType": FOR_OFFICERS,
        "reasonCode": coded(REASON_SYSTEM, wish.kind, wish.reason),
        "restriction": {"period": {"start": moment, "end": to_fhir_instant(now + EMERGENCY_LENGTH)}},
    }


def ended(resource: Element, *, now: Instant) -> Resource:
    """The same emergency access, over from now on."""
    period = resource["restriction"]["period"]
    end = min(instant_in(period["end"]), now)
    return {
        **_changed(resource, now),
        "status": "completed",
        "restriction": {**resource["restriction"], "period": {**period, "end": to_fhir_instant(end)}},
    }


def objection_resource(look: Look, reason: str, *, patients: Sequence[str], by: str, now: Instant) -> Resource:
    """The Task by which `by` (`Patient/…` or `RelatedPerson/…`) asks an officer about a look.

    It names the events of the trail, and says once more who looked and when, so that it can be read by itself.
    `patients` are all Patient records of the person, the one it is filed under first.
    """
    moment = to_fhir_instant(now)
    event = look.newest
    said: Resource = {
        "resourceType": "Task",
        "meta": VERY_RESTRICTED,
        "identifier": [{"system": EVENT_SYSTEM, "value": each.id} for each in look.events[-EVENTS_MAX:]],
        "status": "requested",
        "businessStatus": coded(REVIEW_SYSTEM, WAITING),
        "intent": "order",
        "code": coded(TASK_SYSTEM, TaskSort.OBJECTION),
        "for": to("Patient", patients[0]),
        "authoredOn": moment,
        "lastModified": moment,
        "requester": {"reference": by},
        "performerType": FOR_OFFICERS,
        "reasonCode": {"text": reason},
        "restriction": {"period": {"start": to_fhir_instant(look.since), "end": to_fhir_instant(look.until)}},
        "input": [
            {"type": coded(REVIEW_SYSTEM, "rule"), "valueString": event.rule},
            *({"type": coded(REVIEW_SYSTEM, "record"), "valueReference": to("Patient", each)} for each in patients[1:]),
        ],
    }
    if event.practitioner:
        said["input"].append(
            {"type": coded(REVIEW_SYSTEM, "looker"), "valueReference": to("Practitioner", event.practitioner)}
        )
    if event.organisation:
        said["input"].append(
            {"type": coded(REVIEW_SYSTEM, "institution"), "valueReference": to("Organization", event.organisation)}
        )
    return said


def reviewed(resource: Element, finding: Finding) -> Resource:
    """The same Task with what an officer found; an emergency access that still ran ends with it."""
    output: list[Resource] = [
        *resource.get("output", ()),
        {"type": coded(REVIEW_SYSTEM, "verdict"), "valueCode": finding.verdict.value},
        {"type": coded(REVIEW_SYSTEM, "comment"), "valueString": finding.comment},
        {"type": coded(REVIEW_SYSTEM, "answer"), "valueString": finding.answer or "-"},
        {"type": coded(REVIEW_SYSTEM, "officer"), "valueString": finding.officer},
        {"type": coded(REVIEW_SYSTEM, "at"), "valueInstant": to_fhir_instant(finding.at)},
    ]
    kept = resource
    is_settled = finding.verdict != Verdict.INQUIRY
    if code_in(resource.get("code"), TASK_SYSTEM) == TaskSort.OBJECTION:
        kept = {**resource, "status": "completed" if is_settled else "in-progress"}
    elif resource["status"] == "in-progress":
        kept = ended(resource, now=finding.at)
    return {
        **_changed(kept, finding.at),
        "businessStatus": coded(REVIEW_SYSTEM, finding.verdict),
        "output": output,
    }


def task_of(resource: Element, *, version: int) -> TrustTask:
    """A Task of either sort."""
    sort = TaskSort(code_in(resource.get("code"), TASK_SYSTEM))
    period = (resource.get("restriction") or {}).get("period") or {}
    reason = resource.get("reasonCode") or {}
    inputs = resource.get("input", ())
    return TrustTask(
        id=resource["id"],
        version=version,
        sort=sort,
        person=id_in(resource.get("for"), "Patient"),
        further=_further(inputs),
        who=id_in(resource.get("owner"), "Practitioner") or _referred(inputs, "looker", "Practitioner"),
        organisation=_referred(inputs, "institution", "Organization"),
        reason_kind=code_in(reason, REASON_SYSTEM),
        reason=reason.get("text", ""),
        opened=instant_in(resource.get("authoredOn")),
        since=instant_in(period.get("start")),
        until=instant_in(period.get("end")),
        is_open=resource["status"] in {"in-progress", "requested"},
        events=tuple(
            one["value"]
            for one in resource.get("identifier", ())
            if one.get("system") == EVENT_SYSTEM and "value" in one
        ),
        findings=_findings(resource.get("output", ())),
        group=(resource.get("groupIdentifier") or {}).get("value", ""),
        rule=_text(inputs, "rule"),
    )


def _findings(output: Sequence[Element]) -> tuple[Finding, ...]:
    """Each review wrote its parts in a row, beginning with the verdict; the newest comes first."""
    starts = [number for number, one in enumerate(output) if code_in(one["type"], REVIEW_SYSTEM) == "verdict"] + [
        len(output)
    ]
    rows = [output[start:end] for start, end in pairwise(starts)]
    return tuple(_finding(row) for row in reversed(rows))


def _finding(row: Sequence[Element]) -> Finding:
    answer = _text(row, "answer")
    return Finding(
        verdict=Verdict(row[0]["valueCode"]),
        comment=_text(row, "comment"),
        answer="" if answer == "-" else answer,
        officer=_text(row, "officer"),
        at=next((instant_in(one["valueInstant"]) for one in row if "valueInstant" in one), Instant(0)),
    )


def _text(row: Sequence[Element], name: str) -> str:
    return next((one.get("valueString", "") for one in row if code_in(one["type"], REVIEW_SYSTEM) == name), "")


def _referred(row: Sequence[Element], name: str, resource_type: str) -> str:
    return next(
        (id_in(one.get("valueReference"), resource_type) for one in row if code_in(one["type"], REVIEW_SYSTEM) == name),
        "",
    )


def _further(inputs: Sequence[Element]) -> tuple[str, ...]:
    records = [one for one in inputs if code_in(one["type"], REVIEW_SYSTEM) == "record"]
    return tuple(found for one in records if (found := id_in(one.get("valueReference"), "Patient")))


def _changed(resource: Element, now: Instant) -> Resource:
    kept = {name: value for name, value in resource.items() if name != "meta"}
    security = (resource.get("meta") or {}).get("security")
    return {**kept, "lastModified": to_fhir_instant(now), **({"meta": {"security": security}} if security else {})}
