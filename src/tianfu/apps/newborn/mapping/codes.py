"""The names by which newborn visits stand in the record.  Rules: docs/rules/newborn-record.md"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tianfu.access.caller import Caller
from tianfu.apps.newborn.model.visit import State

VISITS: Final = Caller(id="newborn-visits", role="system")
"""In whose name the platform writes visits, after the rules said yes to whoever asked."""

HL7 = "http://terminology.hl7.org/CodeSystem"
ACT_CODE = f"{HL7}/v3-ActCode"
PHYSICAL_TYPE = f"{HL7}/location-physical-type"
WARD, BED = "wa", "bd"

NEWBORN = "urn:tianfu:newborn"
"""The system of our own codes: what an Appointment, a Flag or a Communication is about."""

NEWBORN_VISIT = "newborn-visit"
REMOTE_CONSULTATION = "remote-consultation"
REMOTE_EXPERT = "remote-expert"
CONDITION_NOTE = "condition-note"
GUARDIANSHIP_DISPUTE = "guardianship-dispute"
FEEDBACK = "visit-feedback"
DIARY_DAY, DIARY_PHOTO = "diary-day", "diary-photo"
FEED_VOLUME, FEED_KIND, STOOL = "feed-volume", "feed-kind", "stool"
MILK_CHECK = "milk-check"
ALARM, VISITS_PAUSED = "newborn-alarm", "visits-paused"
"""Of a Flag that no family reads: `access/labels.json` marks what bears one of these."""

CONSENT = "urn:tianfu:newborn-consent"
VIEW, TALK, DIARY, PHOTO = "view", "talk", "diary", "photo"
CONSULTATION = "consultation"
"""Agreed to by itself, in a Consent of its own: docs/rules/newborn-consultations.md"""

WRISTBAND = "urn:tianfu:wristband"
BED_CODE = "urn:tianfu:bed-code"
CAMERA_CODE = "urn:tianfu:camera-code"

VISIT_STATE = "urn:tianfu:newborn-visit-state"
VISIT_REASON = "urn:tianfu:newborn-visit-reason"
CONSULTATION_GROUND = "urn:tianfu:newborn-consultation-ground"
CONSULTATION_AGREED_BY = "urn:tianfu:newborn-consultation-agreed-by"
APPROVED_BY = "urn:tianfu:newborn-approved-by"
BINDING_BED = "urn:tianfu:newborn-binding-bed"
BINDING_SECOND = "urn:tianfu:newborn-binding-second"
BINDING_VISIT = "urn:tianfu:newborn-binding-visit"

UNRELEASED: Final = {"security": [{"system": "urn:tianfu:release", "code": "unreleased"}]}
"""The meta of what nobody has let go to a family: no citizen sees it.  Rule: docs/rules/permission.md"""

_NAMES = {
    NEWBORN_VISIT: ("新生儿远程探视", "Newborn visit from home"),
    REMOTE_CONSULTATION: ("远程会诊", "Remote consultation"),
    CONDITION_NOTE: ("新生儿病情说明", "How the newborn is"),
    FEEDBACK: ("新生儿探视反馈", "Feedback on a newborn visit"),
    DIARY_DAY: ("新生儿日记", "Newborn diary"),
    DIARY_PHOTO: ("新生儿照片", "Photo of a newborn"),
    FEED_VOLUME: ("奶量", "Volume of milk"),
    FEED_KIND: ("奶的种类", "Kind of milk"),
    STOOL: ("大便", "Stool"),
    MILK_CHECK: ("奶瓶标签核对", "Check of a milk label"),
    GUARDIANSHIP_DISPUTE: ("监护权有争议", "Guardianship is disputed"),
    VISITS_PAUSED: ("医生暂停探视", "A doctor paused the visits"),
}
"""How our own codes read in the record; what is missing here is read by our pages alone."""


def concept(code: str) -> dict[str, object]:
    """One of our own codes as a CodeableConcept, with its names in Chinese and English."""
    if code not in _NAMES:
        return {"coding": [{"system": NEWBORN, "code": code}]}
    text, display = _NAMES[code]
    return {"coding": [{"system": NEWBORN, "code": code, "display": display}], "text": text}


APPOINTMENT_STATUS: Mapping[State, str] = {
    State.DRAFT: "proposed",
    State.REQUESTED: "pending",
    State.IDENTITY_VERIFIED: "pending",
    State.GUARDIAN_VERIFIED: "pending",
    State.APPROVED: "pending",
    State.SLOT_CONFIRMED: "booked",
    State.WAITING: "arrived",
    State.ARMED: "checked-in",
    State.LIVE: "checked-in",
    State.SHIELDED: "checked-in",
    State.ENDING: "checked-in",
    State.CLOSED: "fulfilled",
    State.DECLINED: "cancelled",
    State.CANCELLED: "cancelled",
    State.NO_SHOW: "noshow",
    State.EXPIRED: "cancelled",
    State.ABORTED: "cancelled",
}
"""What an Appointment's status is in each state."""
