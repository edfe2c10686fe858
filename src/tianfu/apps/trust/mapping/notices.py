"""What the person and the officer are told, as Communications.  https://hl7.org/fhir/R4/communication.html

Pages say a notice in the reader's language from its category and what it is about; the payload is for other systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.apps.trust.mapping.elements import Element, Resource, coded, codes_in, id_in, instant_in, to
from tianfu.kernel.instants import Instant, to_fhir_instant

NOTICE_SYSTEM = "urn:tianfu:notice"
EMERGENCY_OPENED = "emergency-opened"
REVIEW_ANSWERED = "review-answered"
OBJECTION_ANSWERED = "objection-answered"

PAYLOADS = {
    EMERGENCY_OPENED: "一位医生以紧急查看的方式打开了这份档案，三十分钟内有效，之后由监督员复核。",
    REVIEW_ANSWERED: "监督员已经复核了一次紧急查看。",
    OBJECTION_ANSWERED: "监督员已经答复了一次异议。",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice; `about` is the id of the Task that it tells of."""

    id: str
    kind: str
    person: str
    about: str
    sent: Instant


def notice_resources(
    kind: str, *, patient_id: str, about: str, organisation_id: str | None, now: Instant
) -> Sequence[Resource]:
    """The notice to the person, and the same to the officer of the institution; `about` is an address or `Task/…`."""
    officer: Resource = {"display": "监督员"}
    if organisation_id:
        officer = {**to("Organization", organisation_id), **officer}
    return [
        {
            "resourceType": "Communication",
            "status": "completed",
            "category": [coded(NOTICE_SYSTEM, kind)],
            "subject": to("Patient", patient_id),
            "about": [{"reference": about}],
            "sent": to_fhir_instant(now),
            "recipient": [recipient],
            "payload": [{"contentString": PAYLOADS[kind]}],
        }
        for recipient in (to("Patient", patient_id), officer)
    ]


def notice_of(resource: Element) -> Notice:
    """What a Communication of ours says."""
    return Notice(
        id=resource["id"],
        kind=next(iter(codes_in(resource.get("category"), NOTICE_SYSTEM)), ""),
        person=id_in(resource.get("subject"), "Patient"),
        about=next((found for one in resource.get("about", ()) if (found := id_in(one, "Task"))), ""),
        sent=instant_in(resource.get("sent")),
    )
