"""Patients and related persons as the people of these pages.

https://hl7.org/fhir/R4/patient.html , https://hl7.org/fhir/R4/relatedperson.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tianfu.access.same_person import proofs_of
from tianfu.apps.trust.mapping.elements import HL7, Element, codes_in, day_in, id_in, instant_in, name_of
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import parse_identity_number


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFile:
    """What one library's Patient says; `number` is the valid identity number in its long form, or empty.

    `proofs` are what another record must share to be the same person's; `organisation` keeps it, `library` is its name
    if the record says one.
    """

    id: str
    name: str
    sex: str
    born: date | None
    number: str
    proofs: frozenset[str]
    organisation: str
    library: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A RelatedPerson: for which Patient, as what, and whether it is in force."""

    id: str
    patient: str
    relationship: frozenset[str]
    is_active: bool
    since: Instant
    until: Instant | None

    def is_in_force(self, now: Instant) -> bool:
        """Whether it counts now."""
        return self.is_active and self.since <= now and (self.until is None or now <= self.until)


def file_of(resource: Element) -> PatientFile:
    """What a Patient resource says."""
    return PatientFile(
        id=resource["id"],
        name=name_of(resource.get("name")),
        sex=resource.get("gender", "unknown"),
        born=day_in(resource.get("birthDate")),
        number=_number(resource),
        proofs=proofs_of(resource),
        organisation=id_in(resource.get("managingOrganization"), "Organization"),
        library=(resource.get("managingOrganization") or {}).get("display", ""),
    )


def _number(resource: Element) -> str:
    for identifier in resource.get("identifier", ()):
        if identifier.get("system") == IDENTITY_NUMBER:
            try:
                return parse_identity_number(str(identifier.get("value", ""))).text
            except Refusal:
                continue
    return ""


def contacts_of(resource: Element) -> list[tuple[str, str]]:
    """Whom to call: name and telephone of everybody whom a Patient names, and the person's own number, unnamed."""
    found = [("", _phone(resource))]
    found += [(name_of([one["name"]] if "name" in one else None), _phone(one)) for one in resource.get("contact", ())]
    return [(name, phone) for name, phone in found if phone]


def _phone(element: Element) -> str:
    return next(
        (one["value"] for one in element.get("telecom", ()) if one.get("system") == "phone" and "value" in one), ""
    )


def tie_of(resource: Element) -> Tie:
    """What a RelatedPerson resource says."""
    period = resource.get("period") or {}
    return Tie(
        id=resource["id"],
        patient=id_in(resource.get("patient"), "Patient"),
        relationship=codes_in(resource.get("relationship"), f"{HL7}/v3-RoleCode"),
        is_active=resource.get("active") is not False,
        since=instant_in(period.get("start")),
        until=instant_in(period["end"]) if "end" in period else None,
    )
