"""What an emergency access opens: a table of what the rule allows and of every way around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tianfu.access.caller import Caller
from tianfu.access.emergency import (
    EMERGENCY_LENGTH,
    EMERGENCY_TYPES,
    emergency_relations,
    read_emergency,
    refuse_unsound_emergency,
)
from tianfu.access.labels import label_mask
from tianfu.access.purpose import Purpose
from tianfu.access.relation import Kind
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import SECOND, Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.definitions import definitions

NOW = range_of("2026-11-23T10:00:00Z")[0]
DOCTOR = Caller(id="doctor-7", role="doctor", practitioner="p7")


def emergency_task(**changes: Any) -> dict[str, Any]:
    """A sound Task, or one with some elements changed; None takes an element away."""
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": "t1",
        "status": "in-progress",
        "intent": "order",
        "code": {"coding": [{"system": "urn:tianfu:task", "code": "emergency-access"}]},
        "for": {"reference": "Patient/w1"},
        "owner": {"reference": "Practitioner/p7"},
        "authoredOn": "2026-11-23T10:00:00Z",
        "restriction": {"period": {"start": "2026-11-23T10:00:00Z", "end": "2026-11-23T10:29:59Z"}},
        "reasonCode": {"text": "昏迷送来，家属联系不上，需要知道过敏史"},
    }
    return {name: value for name, value in {**task, **changes}.items() if value is not None}


def until(end: str, start: str = "2026-11-23T10:00:00Z") -> Mapping[str, Any]:
    return {"period": {"start": start, "end": end}}


def test_a_sound_task_opens_one_patient_to_one_practitioner_for_half_an_hour() -> None:
    [relation] = emergency_relations(emergency_task())
    assert relation.patient == record_number("Patient", "w1")
    assert relation.actor == record_number("Practitioner", "p7")
    assert relation.kind == Kind.EMERGENCY
    assert relation.since == NOW
    assert relation.until - relation.since <= EMERGENCY_LENGTH


def test_it_opens_for_emergency_treatment_alone() -> None:
    [relation] = emergency_relations(emergency_task())
    assert [purpose for purpose in Purpose if purpose.bit & relation.purposes] == [Purpose.EMERGENCY]


def test_its_scope_is_narrow() -> None:
    [relation] = emergency_relations(emergency_task())
    assert relation.level < 5
    assert relation.labels == label_mask(["review"])  # the Task itself
    assert relation.types == tuple(sorted(definitions().type_number(each) for each in EMERGENCY_TYPES))
    assert definitions().type_number("DocumentReference") not in relation.types
    assert definitions().type_number("Consent") not in relation.types


UNSOUND = {
    "no reason": emergency_task(reasonCode=None),
    "an empty reason": emergency_task(reasonCode={"text": "          "}),
    "a reason of one word": emergency_task(reasonCode={"text": "急"}),
    "a code is not a reason": emergency_task(reasonCode={"coding": [{"system": "urn:x", "code": "unconscious"}]}),
    "thirty-one minutes": emergency_task(restriction=until("2026-11-23T10:31:00Z")),
    "a day": emergency_task(restriction=until("2026-11-24T10:00:00Z")),
    "only a day as end": emergency_task(restriction=until("2026-11-23")),
    "no end": emergency_task(restriction={"period": {"start": "2026-11-23T10:00:00Z"}}),
    "no period": emergency_task(restriction=None),
    "not written at any time": emergency_task(authoredOn=None),
    "a start later than it was written, and thirty minutes from there": emergency_task(
        restriction=until("2026-11-23T11:29:00Z", start="2026-11-23T11:00:00Z")
    ),
    "an end before its start": emergency_task(restriction=until("2026-11-23T09:00:00Z")),
    "owned by an organisation": emergency_task(owner={"reference": "Organization/o1"}),
    "owned by a role": emergency_task(owner={"reference": "PractitionerRole/p7"}),
    "owned by nobody": emergency_task(owner=None),
    "owned by words": emergency_task(owner={"display": "王医生"}),
    "about a group": emergency_task(**{"for": {"reference": "Group/g1"}}),
    "about nobody": emergency_task(**{"for": None}),
    "a patient elsewhere": emergency_task(**{"for": {"reference": "https://elsewhere.example/Patient/w1"}}),
}


@pytest.mark.parametrize("task", UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_task_opens_nothing(task: dict[str, Any]) -> None:
    assert emergency_relations(task) == ()


CLOSED = {
    **{status: emergency_task(status=status) for status in ("requested", "completed", "cancelled", "entered-in-error")},
    "another code": emergency_task(code={"coding": [{"system": "urn:tianfu:task", "code": "objection-to-access"}]}),
    "the code in another system": emergency_task(code={"coding": [{"system": "urn:x", "code": "emergency-access"}]}),
    "another resource": emergency_task(resourceType="ServiceRequest"),
}


@pytest.mark.parametrize("task", CLOSED.values(), ids=CLOSED.keys())
def test_what_is_not_an_open_emergency_access_opens_nothing(task: dict[str, Any]) -> None:
    assert emergency_relations(task) == ()


REFUSED = {
    "emergency-reason-missing": emergency_task(reasonCode=None),
    "emergency-too-long": emergency_task(restriction=until("2026-11-23T10:31:00Z")),
    "emergency-owner-missing": emergency_task(owner={"reference": "Organization/o1"}),
    "emergency-patient-missing": emergency_task(**{"for": None}),
    "emergency-time-missing": emergency_task(restriction=None),
    "emergency-not-yours": emergency_task(owner={"reference": "Practitioner/p8"}),
}


@pytest.mark.parametrize(("code", "task"), REFUSED.items())
def test_an_unsound_task_is_refused_by_name(code: str, task: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        refuse_unsound_emergency(task, DOCTOR, now=NOW)
    assert refused.value.code == code


def test_nobody_opens_an_emergency_access_for_tomorrow() -> None:
    with pytest.raises(Refusal) as refused:
        refuse_unsound_emergency(emergency_task(), DOCTOR, now=Instant(NOW - 3_600 * SECOND))
    assert refused.value.code == "emergency-not-now"


def test_a_caller_without_a_practitioner_opens_nothing() -> None:
    with pytest.raises(Refusal):
        refuse_unsound_emergency(emergency_task(), replace(DOCTOR, practitioner=None), now=NOW)


def test_ending_and_reviewing_need_no_second_reason() -> None:
    refuse_unsound_emergency(emergency_task(status="completed", reasonCode=None), DOCTOR, now=NOW)
    refuse_unsound_emergency(emergency_task(), DOCTOR, now=NOW)


def test_the_reason_is_read_without_its_white_space() -> None:
    task = emergency_task(reasonCode={"text": " 突发胸痛\n  失去意识三分钟 "})
    assert read_emergency(task).reason == "突发胸痛 失去意识三分钟"
