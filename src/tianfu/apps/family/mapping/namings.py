"""Namings as RelatedPerson and Consent, and back.

Who is named is a RelatedPerson of each of the person's records; what he may is a Consent that names him as DELEGATEE,
and only that opens anything (docs/rules/permission.md).  One number joins what belongs to one naming.
https://hl7.org/fhir/R4/relatedperson.html , https://hl7.org/fhir/R4/consent.html
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tianfu.apps.family.mapping.elements import HL7, Element, Resource, codes_in, day_in, id_in, value_in
from tianfu.apps.family.model.naming import ERRAND_TYPES, What, Wish
from tianfu.kernel.instants import Instant, range_of, to_fhir_instant
from tianfu.services.accounts.model.namings import Named

NAMING = "urn:tianfu:proxy-naming"
"""The system of the numbers of namings, and of the rule under which a Consent is one."""

RELATIONSHIP = "HPOWATT"
CATEGORY = [{"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]}]
DELEGATEE = {"coding": [{"system": f"{HL7}/v3-RoleCode", "code": "DELEGATEE"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A Consent by which somebody is named: which naming, of which record, whom, and whether it is in force."""

    id: str
    version: int
    naming: str
    patient: str
    related: str
    since: Instant
    until: date
    what: What
    is_active: bool

    def is_in_force_on(self, today: date) -> bool:
        """Whether it counts on a day; the last one counts wholly."""
        return self.is_active and today <= self.until


def related_person(wish: Wish, patient: str, naming: str, *, now: Instant) -> Resource:
    """Who is named, in one of the person's records; by itself it opens nothing."""
    return {
        "resourceType": "RelatedPerson",
        "identifier": [{"system": NAMING, "value": naming}],
        "active": True,
        "patient": {"reference": f"Patient/{patient}"},
        "relationship": [{"coding": [{"system": f"{HL7}/v3-RoleCode", "code": RELATIONSHIP}]}],
        "name": [{"text": wish.name}],
        "telecom": [{"system": "phone", "value": wish.telephone, "use": "mobile"}],
        "period": {"start": to_fhir_instant(now), "end": wish.until.isoformat()},
    }


def naming_consent(
    wish: Wish, patient: str, naming: str, related: str, words: str, language: str, *, now: Instant
) -> Resource:
    """What the named one may, in the person's own name; `related` is a reference, `words` what was on the page."""
    moment = to_fhir_instant(now)
    provision: Resource = {
        "type": "permit",
        "period": {"start": moment, "end": wish.until.isoformat()},
        "actor": [{"role": DELEGATEE, "reference": {"reference": related}}],
        "purpose": [{"system": f"{HL7}/v3-ActReason", "code": "PATRQT"}],
    }
    if wish.what is What.ERRANDS:
        provision["class"] = [{"system": "http://hl7.org/fhir/resource-types", "code": each} for each in ERRAND_TYPES]
    return {
        "resourceType": "Consent",
        "identifier": [{"system": NAMING, "value": naming}],
        "status": "active",
        "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
        "category": CATEGORY,
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": moment,
        "performer": [{"reference": f"Patient/{patient}"}],
        "sourceAttachment": {
            "contentType": "text/plain; charset=utf-8",
            "language": language,
            "data": base64.b64encode(words.encode()).decode(),
        },
        "policyRule": {"coding": [{"system": NAMING, "code": wish.what.value}]},
        "verification": [
            {"verified": True, "verifiedWith": {"reference": f"Patient/{patient}"}, "verificationDate": moment}
        ],
        "provision": provision,
    }


def withdrawn(consent: Element, *, now: Instant) -> Resource:
    """The same Consent, no longer in force."""
    kept = {name: value for name, value in consent.items() if name != "meta"}
    provision = {**kept["provision"]}
    provision["period"] = {**provision["period"], "end": to_fhir_instant(now)}
    return {**kept, "status": "inactive", "provision": provision}


def given_of(consent: Element, *, version: int) -> Given | None:
    """What a Consent says; None for one that names nobody in our way."""
    rule = {
        one.get("code") for one in (consent.get("policyRule") or {}).get("coding", ()) if one.get("system") == NAMING
    }
    naming, provision = value_in(consent, NAMING), consent.get("provision") or {}
    actors = [id_in(each.get("reference"), "RelatedPerson") for each in provision.get("actor", ())]
    period = provision.get("period") or {}
    until = day_in(period.get("end"))
    what = rule.pop() if len(rule) == 1 else ""
    if not naming or what not in set(What) or len(actors) != 1 or not actors[0] or until is None:
        return None
    return Given(
        id=consent["id"],
        version=version,
        naming=naming,
        patient=id_in(consent.get("patient"), "Patient"),
        related=actors[0],
        since=range_of(period["start"])[0] if "start" in period else Instant(0),
        until=until,
        what=What(what),
        is_active=consent.get("status") == "active",
    )


def named_in(given: Sequence[Given]) -> Named:
    """What joins the Consents of one naming; there must be one."""
    return Named(
        naming=given[0].naming,
        related=tuple(each.related for each in given),
        patients=tuple(each.patient for each in given),
        until=max(end_of(each.until) for each in given),
    )


def end_of(last: date) -> Instant:
    """The first instant after a last day in China."""
    return Instant(range_of(last.isoformat())[1] + 1)


def is_named(person: Element) -> bool:
    """Whether a RelatedPerson is somebody whom the person named himself."""
    return bool(value_in(person, NAMING)) and codes_in(person, "relationship", f"{HL7}/v3-RoleCode") == {RELATIONSHIP}


def telephones_of(person: Element) -> set[str]:
    """The telephones of a RelatedPerson, as they are written."""
    return {str(each.get("value", "")) for each in person.get("telecom", ()) if each.get("system") == "phone"}
