"""A remote consultation in the record: ServiceRequest, Appointment, DiagnosticReport; and its Consent.

None of them opens a record to the expert.  Rules: docs/rules/newborn-consultations.md

https://hl7.org/fhir/R4/servicerequest.html , https://hl7.org/fhir/R4/diagnosticreport.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import (
    CONSENT,
    CONSULTATION,
    CONSULTATION_AGREED_BY,
    CONSULTATION_GROUND,
    HL7,
    NEWBORN,
    REMOTE_CONSULTATION,
    concept,
)
from tianfu.apps.newborn.mapping.consents import VERSION
from tianfu.apps.newborn.mapping.visits import Booked, Element, Resource, id_in, restated
from tianfu.apps.newborn.model.consultation import Ground, Text
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant

WHAT = concept(REMOTE_CONSULTATION)
CONSULT_NOTE = {"system": "http://loinc.org", "code": "11488-4", "display": "Consult note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a ServiceRequest says that the ward wants to know; `by` and `expert` are Practitioners."""

    by: str
    expert: str
    question: str
    reason: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What an expert wrote, and when."""

    id: str
    by: str
    text: str
    at: Instant


def request_of(booked: Booked, asked: Asked) -> Resource:
    """The asking; it is no referral, and opens nothing."""
    period = {"start": to_fhir_instant(booked.start), "end": to_fhir_instant(booked.end)}
    return {
        "resourceType": "ServiceRequest",
        "id": booked.id,
        "status": "active",
        "intent": "order",
        "priority": "urgent" if booked.ground is Ground.EMERGENCY else "routine",
        "category": [WHAT],
        "code": WHAT,
        "subject": {"reference": f"Patient/{booked.baby}"},
        "occurrencePeriod": period,
        "authoredOn": to_fhir_instant(asked.at),
        "requester": {"reference": f"Practitioner/{asked.by}"},
        "performer": [{"reference": f"Practitioner/{asked.expert}"}],
        "reasonCode": [{"text": asked.reason}],
        "note": [
            {
                "authorReference": {"reference": f"Practitioner/{asked.by}"},
                "time": to_fhir_instant(asked.at),
                "text": asked.question,
            }
        ],
    }


def asked_from(request: Element) -> Asked | None:
    """What was asked; None for any other ServiceRequest."""
    if not _is_ours(request):
        return None
    performers = [id_in(each, "Practitioner") for each in request.get("performer", ())]
    notes = request.get("note", ())
    try:
        at = range_of(str(request["authoredOn"]))[0]
    except (KeyError, ValueError):
        return None
    if len(performers) != 1 or not notes:
        return None
    return Asked(
        by=id_in(request.get("requester"), "Practitioner"),
        expert=performers[0],
        question=str(notes[0].get("text", "")),
        reason="".join(str(each.get("text", "")) for each in request.get("reasonCode", ())),
        at=at,
    )


def with_status(resource: Element, status: str) -> Resource:
    """The same record in another status."""
    return {**{name: value for name, value in resource.items() if name != "meta"}, "status": status}


def appointment_of_consultation(booked: Booked) -> Resource:
    """A whole Appointment, of which no family is a part; it names by whose consent, if that is its ground."""
    participants = (("Patient", booked.baby), ("Practitioner", booked.expert), ("Location", booked.ward))
    extension: list[Resource] = [{"url": CONSULTATION_GROUND, "valueCode": str(booked.ground)}]
    if booked.guardian:
        whose = {"reference": f"RelatedPerson/{booked.guardian}"}
        extension.append({"url": CONSULTATION_AGREED_BY, "valueReference": whose})
    return restated(
        {
            "resourceType": "Appointment",
            "id": booked.id,
            "extension": extension,
            "appointmentType": WHAT,
            "basedOn": [{"reference": f"ServiceRequest/{booked.id}"}],
            "start": to_fhir_instant(booked.start),
            "end": to_fhir_instant(booked.end),
            "participant": [
                {"actor": {"reference": f"{kind}/{each}"}, "required": "required", "status": "accepted"}
                for kind, each in participants
            ],
        },
        booked.state,
        booked.reason,
    )


def opinion_of(booked: Booked, text: str, *, now: Instant) -> Resource:
    """What the expert says, in his name."""
    who = [{"reference": f"Practitioner/{booked.expert}"}]
    return {
        "resourceType": "DiagnosticReport",
        "id": booked.id,
        "status": "final",
        "basedOn": [{"reference": f"ServiceRequest/{booked.id}"}],
        "category": [WHAT],
        "code": {"coding": [CONSULT_NOTE], "text": "远程会诊意见"},
        "subject": {"reference": f"Patient/{booked.baby}"},
        "encounter": {"reference": f"Encounter/{booked.id}"},
        "effectiveDateTime": to_fhir_instant(booked.start),
        "issued": to_fhir_instant(now),
        "performer": who,
        "resultsInterpreter": who,
        "conclusion": text,
    }


def opinion_from(report: Element) -> Opinion | None:
    """The opinion in a DiagnosticReport; None for any other."""
    if not _is_ours(report):
        return None
    try:
        at = range_of(str(report["issued"]))[0]
    except (KeyError, ValueError):
        return None
    by = next((id_in(each, "Practitioner") for each in report.get("performer", ())), "")
    return Opinion(id=str(report["id"]), by=by, text=str(report.get("conclusion", "")), at=at)


def _is_ours(resource: Element) -> bool:
    """Whether it is of the category that the platform alone writes: docs/rules/permission.md"""
    codings = [one for each in resource.get("category", ()) for one in each.get("coding", ())]
    return any(each.get("system") == NEWBORN and each.get("code") == REMOTE_CONSULTATION for each in codings)


def agreement_of(guardian: str, baby: str, text: Text, *, now: Instant) -> Resource:
    """A guardian agrees that experts are asked: a Consent of its own, which opens no record."""
    return {
        "resourceType": "Consent",
        "identifier": [{"system": VERSION, "value": f"{guardian}.{baby}.{CONSULTATION}"}],
        "status": "active",
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
        "category": [
            {"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]},
            {"coding": [{"system": CONSENT, "code": CONSULTATION}]},
        ],
        "patient": {"reference": f"Patient/{baby}"},
        "dateTime": to_fhir_instant(now),
        "performer": [{"reference": f"RelatedPerson/{guardian}"}],
        "sourceAttachment": {
            "contentType": "text/plain; charset=utf-8",
            "language": text.language,
            "data": base64.b64encode(text.words.encode()).decode(),
        },
        "policyRule": {"coding": [{"system": VERSION, "code": text.version}]},
    }


def is_agreement(consent: Element) -> bool:
    """Whether a Consent says that experts may be asked, or said so."""
    codings = [one for each in consent.get("category", ()) for one in each.get("coding", ())]
    return any(each.get("system") == CONSENT and each.get("code") == CONSULTATION for each in codings)


def agreed_by(consents: Iterable[Element], guardians: Iterable[str]) -> str:
    """Which of these guardians agrees now; empty if none does."""
    known = set(guardians)
    agreeing = {
        id_in(one, "RelatedPerson")
        for each in consents
        if is_agreement(each) and each.get("status") == "active"
        for one in each.get("performer", ())
    }
    return min(agreeing & known, default="")
