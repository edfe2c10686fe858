"""A condition note as Communication (https://hl7.org/fhir/R4/communication.html): a nurse writes, a doctor approves.

Rules: docs/rules/newborn-record.md
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import APPROVED_BY, CONDITION_NOTE, NEWBORN, UNRELEASED, concept
from tianfu.apps.newborn.mapping.visits import Element, Resource, id_in
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is told a family of how its baby is; `approved_by` is a doctor, or empty while none has read it."""

    id: str
    version: int
    baby: str
    text: str
    written_by: str
    approved_by: str
    at: Instant

    @property
    def is_approved(self) -> bool:
        return bool(self.approved_by)


def note_resource(text: str, *, baby: str, author: str, now: Instant) -> Resource:
    """A note that no family sees yet."""
    return {
        "resourceType": "Communication",
        "meta": UNRELEASED,
        "status": "preparation",
        "category": [concept(CONDITION_NOTE)],
        "subject": {"reference": f"Patient/{baby}"},
        "sent": to_fhir_instant(now),
        "sender": {"reference": f"Practitioner/{author}"},
        "payload": [{"contentString": text}],
    }


def approved_note(note: Element, doctor: str) -> Resource:
    """The same note with a doctor's approval; its words are those that she read."""
    whole = {name: value for name, value in note.items() if name != "meta"}
    said = [{"url": APPROVED_BY, "valueReference": {"reference": f"Practitioner/{doctor}"}}]
    return {**whole, "status": "completed", "extension": said}


def note_from(resource: Element, *, version: int) -> Note | None:
    """The condition note in a Communication; None for any other."""
    codings = [one for each in resource.get("category", ()) for one in each.get("coding", ())]
    if not any(each.get("system") == NEWBORN and each.get("code") == CONDITION_NOTE for each in codings):
        return None
    approvals = [each for each in resource.get("extension", ()) if each.get("url") == APPROVED_BY]
    is_approved = resource.get("status") == "completed" and len(approvals) == 1
    try:
        at = range_of(str(resource.get("sent", "")))[0]
    except ValueError:
        return None
    return Note(
        id=str(resource["id"]),
        version=version,
        baby=id_in(resource.get("subject"), "Patient"),
        text="".join(str(each.get("contentString", "")) for each in resource.get("payload", ())),
        written_by=id_in(resource.get("sender"), "Practitioner"),
        approved_by=id_in(approvals[0].get("valueReference"), "Practitioner") if is_approved else "",
        at=at,
    )
