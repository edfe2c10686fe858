"""An event of the trail as a FHIR AuditEvent (https://hl7.org/fhir/R4/auditevent.html).

Shaped like those of IHE's Basic Audit Log Patterns (https://profiles.ihe.net/ITI/BALP/): a REST type, the interaction
as subtype, who asked with role and purpose of use, the patients, the records, the query, the request's number.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from tianfu.kernel.instants import to_fhir_instant
from tianfu.records.trail.reading import TrailEvent

CALLERS = "urn:tianfu:caller"
ROLES = "urn:tianfu:role"
INTERACTIONS = "urn:tianfu:interaction"
WRITERS = "urn:tianfu:audit-writer"
SESSIONS = "urn:tianfu:session"
RULES = "urn:tianfu:rule:"

DONE = frozenset({"success", "matched"})
"""Outcomes of what was done; every other is the code of why it was not."""

ACTIONS = {
    "create": "C",
    "read": "R",
    "vread": "R",
    "history": "R",
    "read_many": "R",
    "update": "U",
    "update_matching": "U",
    "delete": "D",
    "delete_matching": "D",
    "erase": "D",
}
"""FHIR's action letters; whatever else is done is an execution, E."""

_RESTFUL = {
    "create": "create",
    "read": "read",
    "vread": "vread",
    "history": "history",
    "search": "search",
    "update": "update",
    "update_matching": "update",
    "delete": "delete",
    "delete_matching": "delete",
    "transaction": "transaction",
    "batch": "batch",
}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_TYPE = {"system": f"{_TERMINOLOGY}audit-event-type", "code": "rest", "display": "RESTful Operation"}
_PERSON = {"system": f"{_TERMINOLOGY}audit-entity-type", "code": "1", "display": "Person"}
_SYSTEM_OBJECT = {"system": f"{_TERMINOLOGY}audit-entity-type", "code": "2", "display": "System Object"}
_PATIENT = {"system": f"{_TERMINOLOGY}object-role", "code": "1", "display": "Patient"}
_DOMAIN_RESOURCE = {"system": f"{_TERMINOLOGY}object-role", "code": "4", "display": "Domain Resource"}
_QUERY = {"system": f"{_TERMINOLOGY}object-role", "code": "24", "display": "Query"}
_REQUEST = {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"}
_SERVER = {"system": f"{_TERMINOLOGY}security-source-type", "code": "4", "display": "Application Server"}


def audit_event_text(event: TrailEvent) -> bytes:
    """The AuditEvent as JSON."""
    is_done = event.outcome in DONE
    resource: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": event.id,
        "type": _TYPE,
        "subtype": list(_subtypes(event.interaction)),
        "action": ACTIONS.get(event.interaction, "E"),
        "recorded": to_fhir_instant(event.at),
        "outcome": "0" if is_done else "4",
        "outcomeDesc": event.outcome,
        "purposeOfEvent": [_purpose(event.purpose)],
        "agent": list(_agents(event)),
        "source": {"observer": {"identifier": {"system": WRITERS, "value": event.writer}}, "type": [_SERVER]},
    }
    if entities := list(_entities(event)):
        resource["entity"] = entities
    return orjson.dumps(resource)


def _subtypes(interaction: str) -> Iterator[dict[str, str]]:
    if code := _RESTFUL.get(interaction):
        yield {"system": "http://hl7.org/fhir/restful-interaction", "code": code}
    yield {"system": INTERACTIONS, "code": interaction}


def _purpose(code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_TERMINOLOGY}v3-ActReason", "code": code}]}


def _agents(event: TrailEvent) -> Iterator[dict[str, Any]]:
    who: dict[str, Any] = {"identifier": {"system": CALLERS, "value": event.caller}}
    if event.practitioner:
        who["reference"] = f"Practitioner/{event.practitioner}"
    yield {
        "role": [{"coding": [{"system": ROLES, "code": event.role}]}],
        "who": who,
        "altId": event.caller,
        "requestor": True,
        "policy": [RULES + event.rule],
        "purposeOfUse": [_purpose(event.purpose)],
    }
    if event.organisation:
        yield {"who": {"reference": f"Organization/{event.organisation}"}, "requestor": False}


def _entities(event: TrailEvent) -> Iterator[dict[str, Any]]:
    for patient in event.patients:
        yield {"what": {"reference": patient}, "type": _PERSON, "role": _PATIENT}
    for record in event.records:
        if record not in event.patients:
            yield {"what": {"reference": record}, "type": _SYSTEM_OBJECT, "role": _DOMAIN_RESOURCE}
    if event.query is not None:
        address = f"{event.type}?{event.query}" if event.type else event.query
        query = base64.b64encode(address.encode()).decode()
        yield {"type": _SYSTEM_OBJECT, "role": _QUERY, "query": query}
    if event.request:
        yield {"what": {"identifier": {"value": event.request}}, "type": _REQUEST}
    if event.session:
        yield {"what": {"identifier": {"system": SESSIONS, "value": event.session}}, "type": _SYSTEM_OBJECT}
    if event.further > 0:
        detail = {"type": "further-records", "valueString": str(event.further)}
        yield {"type": _SYSTEM_OBJECT, "description": f"{event.further} further records", "detail": [detail]}
