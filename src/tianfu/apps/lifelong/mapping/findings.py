"""Observations as findings: value, unit, range and where the value lies.  https://hl7.org/fhir/R4/observation.html"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tianfu.apps.lifelong.mapping.elements import (
    Element,
    concept_of,
    decimal_of,
    range_of_quantities,
    unit_of,
    when_in,
)
from tianfu.apps.lifelong.model.entries import Finding, Flag, Range, gravest
from tianfu.apps.lifelong.model.wording import NOTHING, Coding, Concept

FLAG_OF_INTERPRETATION = {
    "H": Flag.HIGH,
    "HH": Flag.CRITICAL_HIGH,
    "HU": Flag.HIGH,
    ">": Flag.HIGH,
    "L": Flag.LOW,
    "LL": Flag.CRITICAL_LOW,
    "LU": Flag.LOW,
    "<": Flag.LOW,
    "A": Flag.ABNORMAL,
    "AA": Flag.CRITICAL,
    "POS": Flag.ABNORMAL,
    "R": Flag.ABNORMAL,
}
"""https://terminology.hl7.org/CodeSystem-v3-ObservationInterpretation.html"""

PRELIMINARY_STATES = frozenset({"registered", "preliminary"})


def finding_of(observation: Element) -> Finding:
    """What an Observation found, and how far it is to be trusted."""
    status = observation.get("status")
    return replace(
        _finding(observation, type_="Observation", identity=observation.get("id", "")),
        is_preliminary=status in PRELIMINARY_STATES,
        is_mistaken=status == "entered-in-error",
    )


def _finding(element: Element, *, type_: str = "", identity: str = "") -> Finding:
    value = _value(element)
    limits = _range(element)
    return Finding(
        name=concept_of(element.get("code")),
        **value,
        range=limits,
        flag=_flag(element, value.get("number"), limits),
        parts=tuple(_finding(part) for part in element.get("component", ())),
        type=type_,
        id=identity,
    )


def _value(element: Element) -> dict[str, Any]:
    """The value, whichever of its types it has, as fields of a Finding."""
    if quantity := element.get("valueQuantity"):
        return {
            "number": decimal_of(quantity.get("value")),
            "unit": unit_of(quantity),
            "comparator": quantity.get("comparator", ""),
        }
    if "valueInteger" in element:
        return {"number": Decimal(element["valueInteger"])}
    if answer := element.get("valueCodeableConcept") or element.get("dataAbsentReason"):
        return {"answer": concept_of(answer)}
    return _worded_value(element)


def _worded_value(element: Element) -> dict[str, Any]:
    if "valueDateTime" in element:
        return {"moment": when_in(element["valueDateTime"])}
    for name in ("valueString", "valueTime"):
        if name in element:
            return {"words": str(element[name])}
    if "valueBoolean" in element:
        return {"answer": _YES if element["valueBoolean"] else _NO}
    if span := element.get("valueRange"):
        ends = range_of_quantities(span)
        said = f"{_plain(ends.low)}–{_plain(ends.high)}"
        return {"words": said, "unit": unit_of(span.get("low") or span.get("high") or {})}
    if ratio := element.get("valueRatio"):
        parts = [ratio.get(side) or {} for side in ("numerator", "denominator")]
        return {
            "words": " : ".join(f"{_plain(decimal_of(part.get('value')))} {unit_of(part)}".strip() for part in parts)
        }
    return {}


def _plain(number: Decimal | None) -> str:
    return "" if number is None else f"{number:f}"


_YES = Concept(text="是", codings=(Coding(system="", code="true", display="Yes"),))
_NO = Concept(text="否", codings=(Coding(system="", code="false", display="No"),))


def _range(element: Element) -> Range | None:
    """The reference range, if there is exactly one: among several, which applies is not ours to guess."""
    ranges = element.get("referenceRange", ())
    return range_of_quantities(ranges[0]) if len(ranges) == 1 else None


def _flag(element: Element, number: Decimal | None, limits: Range | None) -> Flag | None:
    """The laboratory's own word first, its gravest if there are several; only without one the range decides."""
    codes = [coding.get("code") for one in element.get("interpretation", ()) for coding in one.get("coding", ())]
    if any(codes):
        return gravest(FLAG_OF_INTERPRETATION.get(code) for code in codes)
    if number is None or limits is None:
        return None
    return limits.flag(number, (element.get("valueQuantity") or {}).get("comparator", ""))


def has_number(finding: Finding) -> bool:
    """Whether a chart could show it."""
    return finding.number is not None or any(part.number is not None for part in finding.parts)


def is_told(finding: Finding) -> bool:
    """Whether it says anything at all."""
    return (
        finding.number is not None
        or bool(finding.words or finding.parts or finding.moment)
        or finding.answer != NOTHING
    )
