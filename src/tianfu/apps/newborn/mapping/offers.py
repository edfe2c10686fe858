"""What a ward offers as Schedule and Slot: its windows, and each time that can be booked.  Rules:
docs/rules/newborn-record.md

https://hl7.org/fhir/R4/schedule.html , https://hl7.org/fhir/R4/slot.html
"""

from __future__ import annotations

from hashlib import blake2b

from tianfu.apps.newborn.mapping.codes import NEWBORN_VISIT, concept
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.windows import Policy, Slot, window_line
from tianfu.kernel.instants import Instant, to_fhir_instant

FREE, FULL, WITHDRAWN = "free", "busy", "busy-unavailable"
"""A Slot's status: somebody may book it, all its places are taken, or the ward offers it no more."""

_SERVICE = [concept(NEWBORN_VISIT)]


def schedule_id(ward: str) -> str:
    """The name of a ward's Schedule."""
    return f"visits-{_digest(ward)}"


def slot_id(ward: str, start: Instant) -> str:
    """The name of the Slot of a ward that begins at a moment."""
    return f"visits-{_digest(f'{ward} {start}')}"


def schedule_of(ward: str, policy: Policy) -> Resource:
    """The ward's windows as they hold from a day on; whoever books is told nothing of the nurses who will be there."""
    return {
        "resourceType": "Schedule",
        "id": schedule_id(ward),
        "active": True,
        "serviceType": _SERVICE,
        "actor": [{"reference": f"Location/{ward}"}],
        "planningHorizon": {"start": policy.from_day.isoformat()},
        "comment": "\n".join(window_line(each) for each in policy.windows),
    }


def slot_of(ward: str, slot: Slot, status: str) -> Resource:
    """A time that can be booked by `at_once` families, and how it stands; it says nothing of anybody."""
    return {
        "resourceType": "Slot",
        "id": slot_id(ward, slot.start),
        "serviceType": _SERVICE,
        "schedule": {"reference": f"Schedule/{schedule_id(ward)}"},
        "status": status,
        "start": to_fhir_instant(slot.start),
        "end": to_fhir_instant(slot.end),
    }


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
