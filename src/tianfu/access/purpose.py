"""Why somebody opens a record: purposes of use, coded as HL7 v3 ActReason (https://terminology.hl7.org/CodeSystem-v3-ActReason.html)."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """A purpose of use; every read and write of the store names one."""

    TREATMENT = "TREAT"
    PUBLIC_HEALTH = "PUBHLTH"
    PATIENT_REQUEST = "PATRQT"
    OPERATIONS = "HOPERAT"
    SYSTEM_ADMINISTRATION = "HSYSADMIN"
    EMERGENCY = "ETREAT"
    RESEARCH = "HRESCH"

    @property
    def bit(self) -> int:
        """Its place in a mask of purposes; stored, so the order of the members never changes."""
        return _BITS[self]


_BITS = {purpose: 1 << place for place, purpose in enumerate(Purpose)}
