"""A family's call and the nurse's answer as Communications (https://hl7.org/fhir/R4/communication.html).

Rules: docs/rules/newborn-record.md
"""

from __future__ import annotations

from tianfu.apps.newborn.mapping.codes import NEWBORN
from tianfu.apps.newborn.mapping.visits import Booked, Resource
from tianfu.apps.newborn.model.calls import Call
from tianfu.kernel.instants import Instant, to_fhir_instant

CALL, ANSWER = "visit-call", "visit-answer"
WORD = "urn:tianfu:newborn-call"
"""The extension that says which prepared word a payload is."""


def call_resource(booked: Booked, call: Call) -> Resource:
    """The call of a visit's guardian; its id is the visit's and the moment."""
    family = {"reference": f"RelatedPerson/{booked.guardian}"}
    return _said(booked, CALL, call_id(booked, call), call.question, call.words, family, call.at)


def answer_resource(booked: Booked, call: Call) -> Resource:
    """The answer to it, by whoever of the ward gave it."""
    nurse = {"reference": f"Practitioner/{call.by}"}
    sent = call.answered_at if call.answered_at is not None else call.at
    answer = _said(booked, ANSWER, answer_id(booked, call), call.answer or "", call.said, nurse, sent)
    return {
        **answer,
        "inResponseTo": [{"reference": f"Communication/{call_id(booked, call)}"}],
        "recipient": [{"reference": f"RelatedPerson/{booked.guardian}"}],
    }


def call_id(booked: Booked, call: Call) -> str:
    """Under which name the record knows a call."""
    return _name(booked, call, "c")


def answer_id(booked: Booked, call: Call) -> str:
    """Under which name the record knows the answer to a call."""
    return _name(booked, call, "a")


def _name(booked: Booked, call: Call, kind: str) -> str:
    return f"{booked.id[:44]}-{kind}-{call.name}"


def _said(booked: Booked, category: str, name: str, word: str, words: str, sender: Resource, sent: Instant) -> Resource:
    payload = {"contentString": word, "extension": [{"url": WORD, "valueCode": word}]}
    return {
        "resourceType": "Communication",
        "id": name,
        "status": "completed",
        "category": [{"coding": [{"system": NEWBORN, "code": category}]}],
        "subject": {"reference": f"Patient/{booked.baby}"},
        "about": [{"reference": f"Appointment/{booked.id}"}],
        "sent": to_fhir_instant(sent),
        "sender": sender,
        "payload": [payload, *([{"contentString": words}] if words else [])],
    }
