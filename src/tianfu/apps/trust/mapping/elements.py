"""FHIR data types as plain values.  https://hl7.org/fhir/R4/datatypes.html

The store holds valid resources only, so the shapes are trusted here; what may be missing is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson

from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import Instant, range_of
from tianfu.standards.fhir.parsing import ParsedBundle, parse_bundle

Element = Mapping[str, Any]
Resource = dict[str, Any]

HL7 = "http://terminology.hl7.org/CodeSystem"


def id_in(element: Element | None, resource_type: str) -> str:
    """The id of a reference to that type; empty if it points elsewhere."""
    kind, _, logical_id = str((element or {}).get("reference", "")).rpartition("/")
    return logical_id if kind.rpartition("/")[2] == resource_type and FHIR_ID.match(logical_id) else ""


def code_in(concept: Element | None, system: str) -> str:
    """The code of a CodeableConcept in one system; empty if it has none there."""
    return next((one.get("code", "") for one in (concept or {}).get("coding", ()) if one.get("system") == system), "")


def codes_in(concepts: Sequence[Element] | None, system: str) -> frozenset[str]:
    """The codes of several CodeableConcepts in one system."""
    return frozenset(
        one["code"]
        for concept in concepts or ()
        for one in concept.get("coding", ())
        if one.get("system") == system and "code" in one
    )


def coded(system: str, code: str, text: str = "") -> Resource:
    """A CodeableConcept of one coding."""
    made: Resource = {"coding": [{"system": system, "code": code}]}
    return {**made, "text": text} if text else made


def to(resource_type: str, logical_id: str) -> Resource:
    """A relative reference."""
    return {"reference": f"{resource_type}/{logical_id}"}


def instant_in(text: str | None) -> Instant:
    """The first microsecond of a dateTime; the beginning of all time if it is missing."""
    return range_of(text)[0] if text else Instant(0)


def day_in(text: str | None) -> date | None:
    """A date that is known to the day; None for a month or a year alone."""
    return date.fromisoformat(text[:10]) if text and len(text) >= 10 else None


def name_of(names: Sequence[Element] | str | None) -> str:
    """The name of a person or an institution as its bearer writes it; empty if it has none."""
    if not names:
        return ""
    if isinstance(names, str):
        return names
    first = min(names, key=lambda one: one.get("use") not in {"official", "usual", None})
    return str(first.get("text") or first.get("family", "") + "".join(first.get("given", ())))


def transaction(*entries: Resource) -> ParsedBundle:
    """A transaction of these entries."""
    return parse_bundle(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}))


def created(resource: Resource, *, known_as: str = "") -> Resource:
    """The entry that creates a resource; `known_as` is the address by which others of the bundle refer to it."""
    entry: Resource = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
    return {**entry, "fullUrl": known_as} if known_as else entry


def replaced(resource: Resource, *, version: int) -> Resource:
    """The entry that replaces one version of a resource, and no other."""
    address = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": address, "ifMatch": f'W/"{version}"'}}
