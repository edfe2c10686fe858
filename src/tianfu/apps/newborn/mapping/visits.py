"""A visit as Appointment and, once it is at the bed, as Encounter.  Rules: docs/rules/newborn-record.md

https://hl7.org/fhir/R4/appointment.html , https://hl7.org/fhir/R4/encounter.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tianfu.apps.newborn.mapping.codes import (
    ACT_CODE,
    APPOINTMENT_STATUS,
    CONSULTATION_AGREED_BY,
    CONSULTATION_GROUND,
    NEWBORN,
    NEWBORN_VISIT,
    REMOTE_CONSULTATION,
    VISIT_REASON,
    VISIT_STATE,
    concept,
)
from tianfu.apps.newborn.model.consultation import Ground
from tianfu.apps.newborn.model.visit import OVER, State, Visit
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant

Element = Mapping[str, Any]
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A visit as its Appointment says it; ids are logical ids, `reason` is one word or empty.

    A remote consultation has an `expert`, a Practitioner, and a `ground`, and a guardian only if he agreed to it.
    """

    id: str
    version: int
    state: State
    baby: str
    guardian: str
    ward: str
    start: Instant
    end: Instant
    reason: str = ""
    expert: str = ""
    ground: Ground | None = None

    @property
    def is_consultation(self) -> bool:
        """Whether an expert comes, and no family."""
        return bool(self.expert)

    @property
    def needs_consent(self) -> bool:
        """Whether it ends with a guardian's consent."""
        return self.ground is not Ground.EMERGENCY

    @property
    def visit(self) -> Visit:
        """The visit as the rules know it, without a binding."""
        return Visit(state=self.state, baby=self.baby, slot_start=self.start, slot_end=self.end, reason=self.reason)


def is_visit(appointment: Element, what: str = NEWBORN_VISIT) -> bool:
    """Whether an Appointment is a newborn visit, or of that other kind."""
    codings = (appointment.get("appointmentType") or {}).get("coding", ())
    return any(each.get("system") == NEWBORN and each.get("code") == what for each in codings)


def at_bed_from(appointment: Element, *, version: int) -> Booked | None:
    """Whatever may come to a bed: a family's visit, or a remote consultation; None for anything else."""
    return booked_from(appointment, version=version) or consultation_from(appointment, version=version)


def consultation_from(appointment: Element, *, version: int) -> Booked | None:
    """The remote consultation in an Appointment; None if it is none, or lacks baby, expert, ward, slot or a ground.

    One whose ground is a consent lacks something without the guardian who gave it.
    """
    try:
        ground = Ground(extension(appointment, CONSULTATION_GROUND))
    except ValueError:
        return None
    said = [each for each in appointment.get("extension", ()) if each.get("url") == CONSULTATION_AGREED_BY]
    guardian = id_in(said[0].get("valueReference"), "RelatedPerson") if len(said) == 1 else ""
    expert = _actor(appointment, "Practitioner")
    booked = _booked(appointment, REMOTE_CONSULTATION, guardian, version)
    if booked is None or not expert or (ground is Ground.CONSENT and not guardian):
        return None
    return replace(booked, expert=expert, ground=ground)


def booked_from(appointment: Element, *, version: int) -> Booked | None:
    """A family's visit in an Appointment; None if it is none, or lacks baby, guardian, ward, slot or a known state."""
    guardian = _actor(appointment, "RelatedPerson")
    return _booked(appointment, NEWBORN_VISIT, guardian, version) if guardian else None


def _booked(appointment: Element, what: str, guardian: str, version: int) -> Booked | None:
    try:
        state = State(extension(appointment, VISIT_STATE))
        start, end = range_of(appointment["start"])[0], range_of(appointment["end"])[0]
    except (KeyError, ValueError):
        return None
    actors = {kind: _actor(appointment, kind) for kind in ("Patient", "Location")}
    if not is_visit(appointment, what) or not all(actors.values()):
        return None
    return Booked(
        id=str(appointment["id"]),
        version=version,
        state=state,
        baby=actors["Patient"],
        guardian=guardian,
        ward=actors["Location"],
        start=start,
        end=end,
        reason=extension(appointment, VISIT_REASON),
    )


def appointment_of(booked: Booked, **more: object) -> Resource:
    """A whole Appointment; `more` are members that the rules of visits do not know, such as a comment."""
    participants = (
        ("Patient", booked.baby),
        ("RelatedPerson", booked.guardian),
        ("Location", booked.ward),
    )
    return restated(
        {
            "resourceType": "Appointment",
            "id": booked.id,
            "appointmentType": concept(NEWBORN_VISIT),
            "start": to_fhir_instant(booked.start),
            "end": to_fhir_instant(booked.end),
            "participant": [
                {"actor": {"reference": f"{kind}/{each}"}, "required": "required", "status": "accepted"}
                for kind, each in participants
            ],
            **more,
        },
        booked.state,
        booked.reason,
    )


def is_over(appointment: Element) -> bool:
    """Whether an Appointment says that its visit is over, one way or another."""
    booked = at_bed_from(appointment, version=0)
    return booked is not None and booked.state in OVER


def restated(appointment: Element, state: State, reason: str) -> Resource:
    """The same Appointment in a state; everything else stays as it stands."""
    kept = [each for each in appointment.get("extension", ()) if each.get("url") not in {VISIT_STATE, VISIT_REASON}]
    said = [{"url": VISIT_STATE, "valueCode": state.value}]
    if reason:
        said.append({"url": VISIT_REASON, "valueCode": reason})
    whole = {name: value for name, value in appointment.items() if name not in {"meta", "cancelationReason"}}
    whole |= {"status": APPOINTMENT_STATUS[state], "extension": [*kept, *said]}
    if reason and whole["status"] in {"cancelled", "noshow"}:
        whole["cancelationReason"] = {"text": reason}
    return whole


def live_encounter(
    before: Element | None, booked: Booked, visit: Visit, *, bed: str, was_seen: bool, now: Instant
) -> Resource:
    """The Encounter of a visit at the bed, with what it was before in its history.

    It names neither a unit nor a practitioner, so that it opens nobody's record.
    """
    status, moment = _encounter_status(visit.state, was_seen=was_seen), to_fhir_instant(now)
    began = (before or {}).get("period", {}).get("start", moment)
    history = [dict(each) for each in (before or {}).get("statusHistory", ())]
    if history and history[-1]["status"] != status:
        history[-1]["period"] = {**history[-1]["period"], "end": moment}
    if not history or history[-1]["status"] != status:
        history.append({"status": status, "period": {"start": moment}})
    is_over = status in {"finished", "cancelled"}
    return {
        "resourceType": "Encounter",
        "id": booked.id,
        "status": status,
        "statusHistory": history,
        "class": {"system": ACT_CODE, "code": "VR"},
        "type": [concept(REMOTE_CONSULTATION if booked.is_consultation else NEWBORN_VISIT)],
        **({"basedOn": [{"reference": f"ServiceRequest/{booked.id}"}]} if booked.is_consultation else {}),
        "subject": {"reference": f"Patient/{booked.baby}"},
        "appointment": [{"reference": f"Appointment/{booked.id}"}],
        "period": {"start": began, **({"end": moment} if is_over else {})},
        "location": [{"location": {"reference": f"Location/{bed}"}}],
        **({"reasonCode": [{"text": visit.reason}]} if visit.reason else {}),
    }


def _encounter_status(state: State, *, was_seen: bool) -> str:
    match state:
        case State.ARMED:
            return "arrived"
        case State.LIVE:
            return "in-progress"
        case State.SHIELDED | State.ENDING:
            return "onleave"
        case State.CLOSED:
            return "finished"
        case _:
            return "finished" if was_seen else "cancelled"


def extension(resource: Element, url: str) -> str:
    """The plain value of an extension; empty if it is not there."""
    for each in resource.get("extension", ()):
        if each.get("url") == url:
            return str(next((value for name, value in each.items() if name.startswith("value")), ""))
    return ""


def _actor(appointment: Element, kind: str) -> str:
    """The id of the one participant of a type; empty if there is none, or several."""
    found = {id_in(each.get("actor"), kind) for each in appointment.get("participant", ())} - {""}
    return found.pop() if len(found) == 1 else ""


def id_in(element: Element | None, resource_type: str) -> str:
    """The id of a reference to that type; empty if it points elsewhere."""
    kind, _, logical_id = str((element or {}).get("reference", "")).rpartition("/")
    return logical_id if kind == resource_type and FHIR_ID.match(logical_id) else ""
