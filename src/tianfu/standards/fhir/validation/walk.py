"""Walk a resource and say everything that is wrong with it, each fault with its path.

Rules: https://hl7.org/fhir/R4/json.html , https://hl7.org/fhir/R4/conformance-rules.html .
This is the authority; `quick` only knows which resources surely have no fault.
No value of the resource is repeated in a fault, only names that the standard gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple

from tianfu.kernel.refusal import Fault
from tianfu.standards.fhir.definitions import ElementDefinition, definitions
from tianfu.standards.fhir.depth import JSON_DEPTH_MAX, is_too_deep
from tianfu.standards.fhir.validation import formats
from tianfu.standards.fhir.validation.narrative import check_narrative
from tianfu.standards.fhir.validation.references import TYPE_ADDRESS, known_types, type_of

FAULTS_MAX = 100
"""More faults than this are not listed; the last says so."""

_ELEMENT_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}\Z")


class Slot(NamedTuple):
    """What a JSON name stands for: an element, the type written there, and whether it is the `_name` part."""

    element: ElementDefinition
    type: str
    is_part: bool


@cache
def slots(type_: str) -> Mapping[str, Slot]:
    """The JSON names that a type can have."""
    found = {}
    for element in definitions().types[type_].elements.values():
        if element.max == 0:
            continue
        for name, written in element.json_names().items():
            found[name] = Slot(element, written, is_part=False)
            if definitions().types[written].kind == "primitive":
                found[f"_{name}"] = Slot(element, written, is_part=True)
    return found


@cache
def primitive_check(type_: str) -> formats.Check | None:
    """The check of a primitive type; None for other types."""
    return formats.check_of(type_) if definitions().types[type_].kind == "primitive" else None


class _EnoughError(Exception):
    pass


def faults_of(value: object) -> tuple[Fault, ...]:
    """Everything wrong with a resource, at most FAULTS_MAX; empty if it is valid."""
    walk = _Walk()
    try:
        if is_too_deep(value):
            raise RecursionError
        walk.resource(value, "")
    except _EnoughError:
        walk.faults[FAULTS_MAX - 1 :] = [Fault(_root(value), "faults-cut-off", {"listed": str(FAULTS_MAX - 1)})]
    except RecursionError:
        walk.faults.append(Fault(_root(value), "too-deep", {"levels_max": str(JSON_DEPTH_MAX)}))
    return tuple(walk.faults)


def _root(value: object) -> str:
    type_ = value.get("resourceType") if isinstance(value, dict) else None
    return type_ if isinstance(type_, str) and type_ in known_types() else "Resource"


@dataclass(slots=True)
class _Walk:
    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: str, code: str, details: Mapping[str, str] | None = None) -> None:
        if len(self.faults) >= FAULTS_MAX:
            raise _EnoughError
        self.faults.append(Fault(path, code, details or {}))

    # --- structure

    def resource(self, value: object, path: str) -> None:
        """A whole resource, alone or inside another; the path of one alone starts with its type."""
        if type(value) is not dict:
            self.fault(path or "Resource", "type-wrong", {"expected": "Resource"})
            return
        type_ = value.get("resourceType")
        if type_ is None:
            self.fault(f"{path or 'Resource'}.resourceType", "required-missing")
        elif type(type_) is not str or type_ not in known_types():
            self.fault(f"{path or 'Resource'}.resourceType", "resource-type-unknown")
        else:
            self.members(value, type_, path or type_)

    def members(self, value: Mapping[Any, Any], type_: str, path: str) -> None:
        """The elements of one resource or complex value."""
        known = slots(type_)
        done: set[str] = set()
        for key in value:
            slot = known.get(key) if type(key) is str else None
            if slot is not None:
                name = key[1:] if slot.is_part else key
                if name not in done:
                    done.add(name)
                    self.element(value, name, slot, path)
            elif key != "resourceType" or type_ not in known_types():
                self.fault(f"{path}.{_shown(key)}", "element-unknown")
        self.presence(done, type_, path)

    def presence(self, names: set[str], type_: str, path: str) -> None:
        """Required elements are there, and of a choice only one."""
        for element in definitions().types[type_].elements.values():
            present = [name for name in element.json_names() if name in names]
            if element.min and not present:
                self.fault(f"{path}.{element.name}", "required-missing")
            if len(present) > 1:
                self.fault(f"{path}.{element.name}", "choice-several", {"names": " ".join(present)})

    def element(self, parent: Mapping[str, Any], name: str, slot: Slot, path: str) -> None:
        """One element of a parent, with its `_name` part if it has one."""
        element = slot.element
        where = f"{path}.{element.name}"
        given, part = parent.get(name, _ABSENT), parent.get(f"_{name}", _ABSENT)
        if primitive_check(slot.type) is None:
            part = _ABSENT
        if not element.repeats:
            self.single(given, part, slot, where)
            return
        if self.is_list(given, where) and self.is_list(part, where):
            self.repeated(given, part, slot, where)

    def is_list(self, value: object, where: str) -> bool:
        """Whether a repeating element is written as an array with something in it."""
        if value is _ABSENT:
            return True
        if type(value) is not list:
            self.fault(where, "array-expected")
            return False
        if not value:
            self.fault(where, "array-empty")
        return bool(value)

    def repeated(self, given: Any, part: Any, slot: Slot, where: str) -> None:
        """Each value with the part at the same place; null stands for the one that is missing."""
        if part is _ABSENT:
            for index, item in enumerate(given):
                self.single(item, _ABSENT, slot, f"{where}[{index}]")
            return
        for index, (item, extra) in enumerate(zip_longest([] if given is _ABSENT else given, part)):
            value = _ABSENT if item is None else item
            self.single(value, _ABSENT if extra is None else extra, slot, f"{where}[{index}]")

    def single(self, given: object, part: object, slot: Slot, where: str) -> None:
        """One value; `part` is the `_name` object beside a primitive."""
        check = primitive_check(slot.type)
        if given is None or (given is _ABSENT and part is _ABSENT):
            self.fault(where, "null-unexpected")
        elif type(given) is list or type(part) is list:
            self.fault(where, "array-unexpected")
        elif check is None:
            self.complex(given, slot, where)
        else:
            if given is not _ABSENT:
                self.primitive(given, check, slot.element, where)
            if part is not _ABSENT:
                self.part(part, where, has_value=given is not _ABSENT)

    # --- values

    def primitive(self, value: object, check: formats.Check, element: ElementDefinition, where: str) -> None:
        """A primitive's form, and its code where codes are bound."""
        wrong = check(value)
        if wrong is not None:
            self.fault(where, *wrong)
        elif element.binding:
            allowed = definitions().required_codes(element.binding)
            if allowed is not None and value not in allowed:
                self.fault(where, "code-not-in-value-set", {"value_set": element.binding})

    def part(self, value: object, where: str, *, has_value: bool) -> None:
        """The id and extensions of a primitive."""
        if type(value) is not dict:
            self.fault(where, "type-wrong", {"expected": "Element"})
        elif not value or (not has_value and "extension" not in value):
            self.fault(where, "element-empty")
        else:
            self.members(value, "Element", where)

    def complex(self, value: object, slot: Slot, where: str) -> None:
        """An object: a nested element, a data type or a resource."""
        if slot.type == "Resource":
            self.inner_resource(value, slot.element, where)
        elif type(value) is not dict:
            self.fault(where, "type-wrong", {"expected": slot.type})
        elif not value.keys() - {"id"}:
            self.fault(where, "element-empty")
        else:
            self.members(value, slot.element.profile_of(slot.type), where)
            rule = _RULES.get(slot.type)
            if rule is not None:
                rule(self, value, slot.element, where)

    def inner_resource(self, value: object, element: ElementDefinition, where: str) -> None:
        """A resource within a resource; those in `contained` have rules of their own."""
        self.resource(value, where)
        if element.name != "contained" or not isinstance(value, dict):
            return
        if "contained" in value:
            self.fault(f"{where}.contained", "contained-nested")
        if "id" not in value:
            self.fault(f"{where}.id", "required-missing")
        meta = value.get("meta")
        if isinstance(meta, dict):
            for name in ("versionId", "lastUpdated", "security"):
                if name in meta:
                    self.fault(f"{where}.meta.{name}", "contained-meta")

    # --- rules of single types

    def reference(self, value: Mapping[str, Any], element: ElementDefinition, where: str) -> None:
        """The type that a reference names is one of those allowed here."""
        text = value.get("reference")
        if isinstance(text, str) and text:
            self.target(type_of(text), element.targets, f"{where}.reference")
        type_ = value.get("type")
        if isinstance(type_, str) and type_:
            self.target(type_.removeprefix(TYPE_ADDRESS), element.targets, f"{where}.type")

    def target(self, type_: str | None, targets: tuple[str, ...], where: str) -> None:
        """`type_` is empty where it cannot be told."""
        if type_ is None:
            self.fault(where, "reference-format")
        elif type_ and type_ not in known_types():
            self.fault(where, "reference-type-unknown")
        elif type_ and targets and type_ not in targets:
            self.fault(where, "reference-target", {"found": type_, "allowed": " ".join(targets)})

    def concept(self, value: Mapping[str, Any], element: ElementDefinition, where: str) -> None:
        """At least one coding of a bound concept is from the value set; a concept may be replaced by an extension."""
        allowed = definitions().codings.get(element.binding or "")
        codings = value.get("coding")
        if allowed is None or ("extension" in value and codings is None):
            return
        if not any(_coding(coding) in allowed for coding in (codings if isinstance(codings, list) else ())):
            self.fault(where, "code-not-in-value-set", {"value_set": element.binding or ""})

    def extension(self, value: Mapping[str, Any], _: ElementDefinition, where: str) -> None:
        """An extension has a value or further extensions, not both."""
        has_value = any(key.startswith(("value", "_value")) for key in value if type(key) is str)
        if has_value and "extension" in value:
            self.fault(where, "extension-value-and-extension")
        elif not has_value and "extension" not in value:
            self.fault(where, "extension-empty")

    def narrative(self, value: Mapping[str, Any], _: ElementDefinition, where: str) -> None:
        """The XHTML of a narrative is well-formed, safe and not empty."""
        text = value.get("div")
        if isinstance(text, str) and text:
            wrong = check_narrative(text)
            if wrong is not None:
                self.fault(f"{where}.div", *wrong)


_ABSENT: Any = object()

_RULES: dict[str, Callable[[_Walk, Mapping[str, Any], ElementDefinition, str], None]] = {
    "Reference": _Walk.reference,
    "CodeableConcept": _Walk.concept,
    "Extension": _Walk.extension,
    "Narrative": _Walk.narrative,
}


def _coding(value: object) -> tuple[object, object]:
    if not isinstance(value, dict):
        return None, None
    system, code = value.get("system"), value.get("code")
    return (system, code) if isinstance(system, str) and isinstance(code, str) else (None, None)


def _shown(key: object) -> str:
    """A key as a fault's path may show it; what is no element name could be anything."""
    return key if isinstance(key, str) and _ELEMENT_NAME.match(key) else "(unnamed)"
