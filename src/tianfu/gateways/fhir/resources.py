"""Resources in answers, as text: decimals keep their zeros because nothing is parsed further than it must be."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

import msgspec

from tianfu.records.search.syntax import Summary
from tianfu.standards.fhir.definitions import ElementDefinition, definitions

SUBSETTED = b'{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
"""The tag of a resource that was sent in part (https://hl7.org/fhir/R4/search.html#summary)."""

_ALWAYS = frozenset({"resourceType", "id", "meta"})

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def indented(text: bytes) -> bytes:
    """The same JSON, laid out for people."""
    return msgspec.json.format(text, indent=2)


def summarised(resource_type: str, text: bytes, summary: Summary) -> bytes:
    """The part of a resource that `_summary` asks for."""
    match summary:
        case "true":
            return _subset(text, _summary_members(resource_type))
        case "text":
            return _subset(text, _mandatory_members(resource_type) | {"text"})
        case "data":
            return _subset(text, None, leave_out="text")
        case "count" | "false":
            return text


def with_elements(resource_type: str, text: bytes, elements: Collection[str]) -> bytes:
    """The elements that `_elements` asks for, and those that must be there; of a path, its first step counts."""
    wanted = {path.removeprefix(f"{resource_type}.").partition(".")[0] for path in elements}
    known = definitions().types[resource_type].elements
    names = {name for element in wanted if element in known for name in known[element].json_names()}
    # A client may name a choice as the definition does (`value`) or as JSON does (`valueQuantity`).
    return _subset(text, _mandatory_members(resource_type) | names | wanted)


def _subset(text: bytes, names: Collection[str] | None, *, leave_out: str | None = None) -> bytes:
    kept: list[bytes] = []
    for name, raw in _members(text).items():
        plain = name.removeprefix("_")
        if name == "meta":
            kept.append(b'"meta":' + _tagged(bytes(raw)))
        elif name in _ALWAYS or (plain != leave_out and (names is None or plain in names)):
            kept.append(b'"%s":%s' % (name.encode(), bytes(raw)))
    return b"{" + b",".join(kept) + b"}"


def _tagged(meta: bytes) -> bytes:
    members = {name: bytes(raw) for name, raw in _members(meta).items()}
    tags = [bytes(tag) for tag in _raw_list(members.get("tag", b"[]"))]
    members["tag"] = b"[" + b",".join([*tags, SUBSETTED]) + b"]"
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), raw) for name, raw in members.items()) + b"}"


@cache
def _summary_members(resource_type: str) -> frozenset[str]:
    return _members_of(resource_type, in_summary=True)


@cache
def _mandatory_members(resource_type: str) -> frozenset[str]:
    return _members_of(resource_type, in_summary=False)


def _members_of(resource_type: str, *, in_summary: bool) -> frozenset[str]:
    elements = definitions().types[resource_type].elements.values()
    chosen = [element for element in elements if _is_chosen(element, in_summary=in_summary)]
    return frozenset(name for element in chosen for name in element.json_names())


def _is_chosen(element: ElementDefinition, *, in_summary: bool) -> bool:
    return element.min > 0 or (in_summary and element.summary)
