"""Guardians and invited relatives as RelatedPerson, and back.  https://hl7.org/fhir/R4/relatedperson.html

A guardian's RelatedPerson opens the child's record to whose account is tied to it (docs/rules/permission.md); an
invited relative's opens no record.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.apps.newborn.mapping.codes import HL7, NEWBORN, VISITS
from tianfu.apps.newborn.mapping.visits import Element, Resource, id_in
from tianfu.apps.newborn.model.guardians import Approval, Relation
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant
from tianfu.standards.china import identifier_systems as systems

INPATIENT = systems.INPATIENT_NUMBER
"""The system of the number of a stay, as it stands on the baby's card; an identifier of the Encounter."""

EVIDENCE = "urn:tianfu:newborn-guardian-evidence"
SEEN = "urn:tianfu:newborn-guardian-seen"
SEEN_BY = "urn:tianfu:newborn-guardian-seen-by"
INVITED = "invited-relative"

ROLE_CODE = f"{HL7}/v3-RoleCode"
GUARDIANS = frozenset({"GUARD", "MTH", "FTH", "PRN", "NMTH", "NFTH", "NPRN", "ADOPTM", "ADOPTF", "ADOPTP"})
"""The same that open a child's record: access/relations.json."""

WRITER = VISITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardian:
    """A RelatedPerson of a baby that counts now."""

    id: str
    baby: str
    relation: str
    name: str
    telephone: str


def guardian_person(
    baby: str, relation: Relation, approval: Approval, *, related: str, name: str, by: str, now: Instant
) -> Resource:
    """Who the ward says is a baby's guardian, and what it saw."""
    return {
        "resourceType": "RelatedPerson",
        "id": related,
        "extension": [
            {"url": EVIDENCE, "valueCode": approval.evidence.value},
            {"url": SEEN, "valueString": approval.seen},
            {"url": SEEN_BY, "valueString": by},
        ],
        "active": True,
        "patient": {"reference": f"Patient/{baby}"},
        "relationship": [{"coding": [{"system": ROLE_CODE, "code": relation.value}]}],
        "name": [{"text": name}],
        "period": {"start": to_fhir_instant(now)},
    }


def invited_person(baby: str, *, related: str, name: str, telephone: str, now: Instant) -> Resource:
    """A relative whom a guardian invited: no guardian, so that it opens no record."""
    return {
        "resourceType": "RelatedPerson",
        "id": related,
        "active": True,
        "patient": {"reference": f"Patient/{baby}"},
        "relationship": [{"coding": [{"system": ROLE_CODE, "code": "FAMMEMB"}, {"system": NEWBORN, "code": INVITED}]}],
        "name": [{"text": name}],
        "telecom": [{"system": "phone", "value": telephone, "use": "mobile"}],
        "period": {"start": to_fhir_instant(now)},
    }


def ended(person: Element, *, now: Instant) -> Resource:
    """The same person, who counts no more."""
    kept = {name: value for name, value in person.items() if name != "meta"}
    return {**kept, "active": False, "period": {**kept.get("period", {}), "end": to_fhir_instant(now)}}


def guardian_of(person: Element, *, now: Instant) -> Guardian | None:
    """The guardian in a RelatedPerson that counts now; None for anybody else."""
    said = _said(person)
    return _person(person, str(min(said)), now) if said else None


def was_guardian(person: Element) -> bool:
    """Whether a RelatedPerson is a guardian's, also one that counts no more."""
    return bool(_said(person))


def _said(person: Element) -> set[str]:
    return {
        str(one.get("code"))
        for each in person.get("relationship", ())
        for one in each.get("coding", ())
        if one.get("system") == ROLE_CODE
    } & GUARDIANS


def invited_of(person: Element, *, now: Instant) -> Guardian | None:
    """The invited relative in a RelatedPerson that counts now; None for anybody else."""
    codings = [one for each in person.get("relationship", ()) for one in each.get("coding", ())]
    is_invited = any(one.get("system") == NEWBORN and one.get("code") == INVITED for one in codings)
    return _person(person, INVITED, now) if is_invited else None


def name_of(resource: Element) -> str:
    """A person's name as he writes it; empty if he has none."""
    first: Element = next(iter(resource.get("name") or ()), {})
    return str(first.get("text") or first.get("family", "") + "".join(first.get("given", ())))


def _person(person: Element, relation: str, now: Instant) -> Guardian | None:
    baby, period = id_in(person.get("patient"), "Patient"), person.get("period") or {}
    is_over = "end" in period and range_of(period["end"])[1] < now
    is_early = "start" in period and range_of(period["start"])[0] > now
    if not baby or person.get("active", True) is not True or is_over or is_early:
        return None
    phones = [str(each.get("value", "")) for each in person.get("telecom", ()) if each.get("system") == "phone"]
    return Guardian(
        id=str(person["id"]),
        baby=baby,
        relation=relation,
        name=name_of(person),
        telephone=next(iter(phones), ""),
    )
