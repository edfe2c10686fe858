"""FHIR data types as plain values.  https://hl7.org/fhir/R4/datatypes.html"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from tianfu.kernel.ids import FHIR_ID
from tianfu.standards.fhir.parsing import ParsedBundle, parse_bundle

Element = Mapping[str, Any]
Resource = dict[str, Any]

HL7 = "http://terminology.hl7.org/CodeSystem"


def id_in(element: Element | None, resource_type: str) -> str:
    """The id of a reference to that type; empty if it points elsewhere."""
    kind, _, logical_id = str((element or {}).get("reference", "")).rpartition("/")
    return logical_id if kind == resource_type and FHIR_ID.match(logical_id) else ""


def day_in(text: str | None) -> date | None:
    """A date that is known to the day; None for a month or a year alone, or nothing."""
    return date.fromisoformat(text[:10]) if text and len(text) >= 10 else None


def name_of(resource: Element) -> str:
    """The name of a person as he writes it; empty if he has none."""
    names = resource.get("name") or []
    first: Element = min(names, key=lambda one: one.get("use") not in {"official", "usual", None}, default={})
    return str(first.get("text") or first.get("family", "") + "".join(first.get("given", ())))


def value_in(resource: Element, system: str) -> str:
    """The value of the identifier of a system; empty if there is none."""
    return next((one.get("value", "") for one in resource.get("identifier", ()) if one.get("system") == system), "")


def codes_in(resource: Element, member: str, system: str) -> frozenset[str]:
    """The codes of a member's concepts in one system."""
    concepts = resource.get(member, ())
    return frozenset(
        one["code"]
        for each in concepts
        for one in each.get("coding", ())
        if one.get("system") == system and "code" in one
    )


def transaction(*entries: Resource) -> ParsedBundle:
    """A transaction of these entries."""
    return parse_bundle(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}))
