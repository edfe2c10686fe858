"""Organization records as units, and units as Organizations.  https://hl7.org/fhir/R4/organization.html"""

from __future__ import annotations

from typing import Any

from tianfu.apps.administration.model.units import NewUnit, Unit, UnitKind
from tianfu.kernel.ids import FHIR_ID
from tianfu.records.outcomes import Record

UNIT_KINDS = "urn:tianfu:unit"
"""The system of our kinds of units."""

TYPES = "http://terminology.hl7.org/CodeSystem/organization-type"

_TYPE_OF: dict[UnitKind, str] = {
    UnitKind.PROVINCE: "govt",
    UnitKind.PREFECTURE: "govt",
    UnitKind.COUNTY: "govt",
    UnitKind.TOWNSHIP: "govt",
    UnitKind.VILLAGE: "govt",
    UnitKind.INSTITUTION: "prov",
    UnitKind.DEPARTMENT: "dept",
}

_KIND_OF = {"prov": UnitKind.INSTITUTION, "dept": UnitKind.DEPARTMENT, "team": UnitKind.DEPARTMENT}


def unit_of(record: Record) -> Unit:
    """An Organization as a unit; one that does not say so is open."""
    value = record.value
    return Unit(
        id=record.id,
        name=str(value.get("name") or next(iter(value.get("alias", ())), "")),
        kind=_kind(value),
        version=record.version,
        is_open=value.get("active", True) is not False,
        part_of=_part_of(value),
    )


def created(new: NewUnit, above: Unit) -> dict[str, Any]:
    """The Organization of a new unit."""
    return {
        "resourceType": "Organization",
        "active": True,
        "type": [{"coding": [_coding(TYPES, _TYPE_OF[new.kind]), _coding(UNIT_KINDS, new.kind.value)]}],
        "name": new.name,
        "partOf": {"reference": f"Organization/{above.id}"},
    }


def renamed(record: Record, name: str) -> dict[str, Any]:
    """The Organization under another name; the old one stays among its aliases, so that it is still found."""
    value = record.value
    old = value.get("name")
    aliases = [each for each in value.get("alias", ()) if each != name]
    if old and old != name and old not in aliases:
        aliases.append(old)
    return {**value, "name": name, **({"alias": aliases} if aliases else {})}


def moved(record: Record, to: Unit) -> dict[str, Any]:
    """The Organization below another."""
    return {**record.value, "partOf": {"reference": f"Organization/{to.id}"}}


def closed(record: Record) -> dict[str, Any]:
    """The Organization, no longer in use."""
    return {**record.value, "active": False}


def _kind(value: dict[str, Any]) -> UnitKind:
    codings = [each for concept in value.get("type", ()) for each in concept.get("coding", ())]
    ours = next((each.get("code") for each in codings if each.get("system") == UNIT_KINDS), None)
    if ours in set(UnitKind):
        return UnitKind(ours)
    theirs = (_KIND_OF.get(each.get("code", "")) for each in codings if each.get("system") == TYPES)
    return next((kind for kind in theirs if kind is not None), UnitKind.OTHER)


def _part_of(value: dict[str, Any]) -> str:
    kind, _, logical_id = str(value.get("partOf", {}).get("reference", "")).rpartition("/")
    return logical_id if kind == "Organization" and FHIR_ID.match(logical_id) else ""


def _coding(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code}
