"""FHIR data types as model values.  https://hl7.org/fhir/R4/datatypes.html

The store holds valid resources only, so the shapes are trusted here; what may be missing is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from tianfu.apps.lifelong.model.entries import Range
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import NOTHING, Coding, Concept, strength_in

Element = Mapping[str, Any]

_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)

WHEN_NAMES = (
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "onsetDateTime",
    "onsetPeriod",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "started",
    "period",
    "start",
    "startDate",
    "authoredOn",
    "authored",
    "recordedDate",
    "whenHandedOver",
    "whenPrepared",
    "dateTime",
    "date",
    "issued",
    "recorded",
    "created",
    "sent",
    "dateAsserted",
)
"""Where a resource says when it happened; the first that is there counts."""


def decoded(text: bytes) -> dict[str, Any]:
    """A resource with its decimals exactly as written: 1.50 stays 1.50."""
    return _DECODER.decode(text)


def concept_of(element: Element | None) -> Concept:
    """A CodeableConcept."""
    if not element:
        return NOTHING
    return Concept(text=element.get("text", ""), codings=tuple(coding_of(one) for one in element.get("coding", ())))


def medicine_of(element: Element | None) -> Concept:
    """A CodeableConcept of a medicine, whose strength no other name of it may lose."""
    named = concept_of(element)
    return replace(named, strength=strength_in(named.text))


def coding_of(element: Element) -> Coding:
    """A Coding."""
    return Coding(system=element.get("system", ""), code=element.get("code", ""), display=element.get("display", ""))


def concepts_of(elements: Sequence[Element] | None) -> tuple[Concept, ...]:
    """A list of CodeableConcepts."""
    return tuple(concept_of(one) for one in elements or ())


def words(text: str | None) -> tuple[Concept, ...]:
    """Free text as a name; nothing for no text."""
    return (Concept(text=text),) if text else ()


def code_in(element: Element | None) -> str:
    """The first code of a CodeableConcept; empty if there is none."""
    return next((one.get("code", "") for one in (element or {}).get("coding", ())), "")


def reference_in(element: Element | None) -> str:
    """The literal reference (`Type/id`); empty if there is none."""
    return str((element or {}).get("reference", ""))


def id_in(element: Element | None, resource_type: str) -> str:
    """The id of a reference to that type; empty if it points elsewhere."""
    kind, _, identity = reference_in(element).rpartition("/")
    return identity if kind.rpartition("/")[2] == resource_type else ""


def display_in(element: Element | None) -> str:
    """The display of a reference; empty if there is none."""
    return str((element or {}).get("display", ""))


def when_of(resource: Element) -> When | None:
    """When a resource happened; None if it does not say."""
    for name in WHEN_NAMES:
        value = resource.get(name)
        if isinstance(value, dict):
            value = value.get("start") or value.get("end")
        if isinstance(value, str):
            return When.read(value)
    return None


def when_in(text: str | None) -> When | None:
    """A date that may be missing."""
    return When.read(text) if text else None


def unit_of(quantity: Element) -> str:
    """The unit as written for people, else its code."""
    return str(quantity.get("unit") or quantity.get("code") or "")


def decimal_of(value: object) -> Decimal | None:
    """A JSON number as a decimal."""
    return None if value is None else Decimal(str(value))


def range_of_quantities(element: Element) -> Range:
    """A Range, or a reference range with its text."""
    return Range(
        low=decimal_of((element.get("low") or {}).get("value")),
        high=decimal_of((element.get("high") or {}).get("value")),
        text=element.get("text", ""),
    )
