"""What a family says about a visit as Communication (https://hl7.org/fhir/R4/communication.html).

Rules: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.apps.newborn.mapping.codes import NEWBORN
from tianfu.apps.newborn.mapping.visits import Booked, Resource
from tianfu.kernel.instants import Instant, to_fhir_instant

FEEDBACK = "visit-feedback"
QUESTION = "urn:tianfu:newborn-feedback"
"""The extension that says which question a payload answers; its value is one word."""


def feedback_of(
    booked: Booked, *, name: str, sender: str, answers: Mapping[str, str], words: str, now: Instant
) -> Resource:
    """Answers and words about one visit; `sender` is a guardian's RelatedPerson, or empty for an invited relative."""
    said = [
        {"contentString": answer, "extension": [{"url": QUESTION, "valueCode": question}]}
        for question, answer in answers.items()
    ]
    return {
        "resourceType": "Communication",
        "id": name,
        "status": "completed",
        "category": [{"coding": [{"system": NEWBORN, "code": FEEDBACK}]}],
        "subject": {"reference": f"Patient/{booked.baby}"},
        "about": [{"reference": f"Appointment/{booked.id}"}],
        "sent": to_fhir_instant(now),
        **({"sender": {"reference": f"RelatedPerson/{sender}"}} if sender else {}),
        "payload": [*said, *([{"contentString": words}] if words else [])],
    }
