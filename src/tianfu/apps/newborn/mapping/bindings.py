"""A binding as DeviceUseStatement (https://hl7.org/fhir/R4/deviceusestatement.html): which camera showed which baby.

Rules: docs/rules/newborn-record.md
"""

from __future__ import annotations

from typing import Protocol

from tianfu.apps.newborn.mapping.codes import BINDING_BED, BINDING_SECOND, BINDING_VISIT
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.binding import Binding
from tianfu.apps.newborn.model.visit import CAMERA_ADJUSTED
from tianfu.kernel.instants import Instant, to_fhir_instant


class Note(Protocol):
    """Who moved a camera by hand, when, and why in one word, or empty."""

    @property
    def by(self) -> str: ...

    @property
    def at(self) -> Instant: ...

    @property
    def why(self) -> str: ...


def binding_statement(
    binding: Binding, visit: str, *, since: Instant, until: Instant | None, moved: Note | None = None
) -> Resource:
    """Who bound what, from when to when; its id is the visit's and the moment of the scans.

    `moved` is who moved the camera by hand, when and why: it ended the binding.
    """
    period = {"start": to_fhir_instant(since), **({"end": to_fhir_instant(until)} if until is not None else {})}
    return {
        "resourceType": "DeviceUseStatement",
        "id": f"{visit[:46]}-{binding.scanned_at}",
        "extension": [
            {"url": BINDING_BED, "valueReference": {"reference": f"Location/{binding.bed}"}},
            {"url": BINDING_SECOND, "valueReference": _person(binding.confirmed_by or "")},
            {"url": BINDING_VISIT, "valueReference": {"reference": f"Appointment/{visit}"}},
        ],
        "status": "active" if until is None else "completed",
        "subject": {"reference": f"Patient/{binding.baby}"},
        "timingPeriod": period,
        "recordedOn": to_fhir_instant(binding.scanned_at),
        "source": _person(binding.scanned_by),
        "device": {"reference": f"Device/{binding.camera}"},
        **({} if moved is None else {"note": [_note(moved)]}),
    }


def _note(moved: Note) -> Resource:
    said = f"{CAMERA_ADJUSTED}: {moved.why}" if moved.why else CAMERA_ADJUSTED
    return {"authorReference": _person(moved.by), "time": to_fhir_instant(moved.at), "text": said}


def _person(practitioner: str) -> Resource:
    return {"reference": f"Practitioner/{practitioner}"}
