"""Read FHIR XML as FHIR JSON; for test data only.  https://hl7.org/fhir/R4/xml.html and .../json.html"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree  # test data of a known origin
from decimal import Decimal
from pathlib import Path
from typing import Any

from tianfu.standards.fhir.fhirpath.model import Edge, edges_by_key, is_primitive, is_resource

FHIR = "{http://hl7.org/fhir}"
XHTML = "http://www.w3.org/1999/xhtml"


def read_xml(path: Path) -> dict[str, Any]:
    """The resource in an XML file; decimals keep their digits."""
    ElementTree.register_namespace("", XHTML)
    return _resource(ElementTree.parse(path).getroot())  # noqa: S314


def _resource(element: ElementTree.Element) -> dict[str, Any]:
    name = element.tag.removeprefix(FHIR)
    return {"resourceType": name, **_complex(element, name)}


def _complex(element: ElementTree.Element, type_name: str) -> dict[str, Any]:
    by_key = edges_by_key(type_name)
    value: dict[str, Any] = {key: said for key, said in element.attrib.items() if key in by_key}
    for child in element:
        edge = by_key[_local(child)]
        if is_primitive(edge.type):
            _add_primitive(value, child, edge)
        else:
            _add(value, edge.key, _below(child, edge), many=edge.many)
    return value


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _below(element: ElementTree.Element, edge: Edge) -> dict[str, Any]:
    return _resource(element[0]) if is_resource(edge.type) else _complex(element, edge.type)


def _add(value: dict[str, Any], key: str, made: object, *, many: bool) -> None:
    if many:
        value.setdefault(key, []).append(made)
    else:
        value[key] = made


def _add_primitive(value: dict[str, Any], element: ElementTree.Element, edge: Edge) -> None:
    made, beside = _primitive(element, edge.type), _beside(element, edge.type)
    if not edge.many:
        if made is not None:
            value[edge.key] = made
        if beside:
            value[f"_{edge.key}"] = beside
        return
    _add(value, edge.key, made, many=True)
    siblings = value.get(f"_{edge.key}", [])
    if beside or siblings:
        missing = len(value[edge.key]) - 1 - len(siblings)
        value[f"_{edge.key}"] = [*siblings, *[None] * missing, beside or None]


def _primitive(element: ElementTree.Element, type_name: str) -> bool | int | Decimal | str | None:
    if type_name == "xhtml":
        return ElementTree.tostring(element, encoding="unicode").strip()
    said = element.get("value")
    if said is None:
        return None
    match type_name:
        case "boolean":
            return said == "true"
        case "integer" | "positiveInt" | "unsignedInt":
            return int(said)
        case "decimal":
            return Decimal(said)
        case _:
            return said


def _beside(element: ElementTree.Element, type_name: str) -> dict[str, Any]:
    """The id and extensions of a primitive."""
    if type_name == "xhtml":
        return {}
    beside: dict[str, Any] = {"id": element.attrib["id"]} if "id" in element.attrib else {}
    for child in element:
        _add(beside, "extension", _complex(child, "Extension"), many=True)
    return beside
