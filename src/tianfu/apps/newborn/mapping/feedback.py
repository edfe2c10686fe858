"""What a family says about a visit as Communication (https://hl7.org/fhir/R4/communication.html).

Rules: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import FEEDBACK, NEWBORN, concept
from tianfu.apps.newborn.mapping.visits import Booked, Element, Resource, extension, id_in
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant

QUESTION = "urn:tianfu:newborn-feedback"
"""The extension that says which question a payload answers; its value is one word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody said about a visit: `answers` by the word of their question, and `words` of his own or empty."""

    visit: str
    sent: Instant
    is_guardian: bool
    answers: Mapping[str, str]
    words: str


def feedback_of(
    booked: Booked, *, name: str, sender: str, unit: str, answers: Mapping[str, str], words: str, now: Instant
) -> Resource:
    """Answers and words about one visit, to the unit of its ward.

    `sender` is a guardian's RelatedPerson, or empty for an invited relative.
    """
    said = [
        {"contentString": answer, "extension": [{"url": QUESTION, "valueCode": question}]}
        for question, answer in answers.items()
    ]
    return {
        "resourceType": "Communication",
        "id": name,
        "status": "completed",
        "category": [concept(FEEDBACK)],
        "subject": {"reference": f"Patient/{booked.baby}"},
        "about": [{"reference": f"Appointment/{booked.id}"}],
        "sent": to_fhir_instant(now),
        **({"sender": {"reference": f"RelatedPerson/{sender}"}} if sender else {}),
        **({"recipient": [{"reference": f"Organization/{unit}"}]} if unit else {}),
        "payload": [*said, *([{"contentString": words}] if words else [])],
    }


def feedback_from(communication: Element) -> Said | None:
    """What a Communication says about a visit; None if it is no feedback, or tells no visit or time."""
    codes = {
        (one.get("system"), one.get("code"))
        for each in communication.get("category", ())
        for one in each.get("coding", ())
    }
    visits = [id_in(each, "Appointment") for each in communication.get("about", ())]
    if (NEWBORN, FEEDBACK) not in codes or len(visits) != 1 or not visits[0]:
        return None
    try:
        sent = range_of(communication["sent"])[0]
    except (KeyError, ValueError):
        return None
    told = [
        (extension(each, QUESTION), str(each.get("contentString", ""))) for each in communication.get("payload", ())
    ]
    return Said(
        visit=visits[0],
        sent=sent,
        is_guardian=bool(id_in(communication.get("sender"), "RelatedPerson")),
        answers={question: answer for question, answer in told if question},
        words=" ".join(answer for question, answer in told if not question),
    )
