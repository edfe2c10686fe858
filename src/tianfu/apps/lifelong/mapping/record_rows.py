"""Any resource as labelled rows, by what FHIR defines of its elements.  https://hl7.org/fhir/R4/"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from tianfu.apps.lifelong.mapping.elements import (
    Element,
    coding_of,
    concept_of,
    decimal_of,
    medicine_of,
    unit_of,
    when_in,
)
from tianfu.apps.lifelong.mapping.patients import written_name
from tianfu.apps.lifelong.model.rows import Amount, Code, Hidden, Link, Row, Shown, Stretch
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import NOTHING, Concept, Spoken, language_of
from tianfu.standards.fhir.definitions import definitions

TECHNICAL = frozenset(
    {"id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension", "identifier"}
)
"""Elements that stand behind the others: they say how the record is kept, not what happened."""

UNSEEN = frozenset({"resourceType", "text", "id", "div"})
"""The narrative is the sender's own page and may not be set into ours; the id stands in the address."""

MEDICINE = "medication"
ATTACHMENT_CHARACTERS_MAX = 60
DEPTH_MAX = 6


def rows_of(resource: Element) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The rows of a resource: what it tells, and how it is kept."""
    rows = list(_rows(resource, resource["resourceType"], 0))
    return (
        tuple(row for row in rows if row.name not in TECHNICAL),
        tuple(row for row in rows if row.name in TECHNICAL),
    )


def _rows(element: Element, type_: str, depth: int) -> Iterable[Row]:
    """One row per element that is there, in the order of the definition."""
    definition = definitions().types.get(type_)
    if definition is None or depth > DEPTH_MAX:
        return
    for known in definition.elements.values():
        if known.name in UNSEEN:
            continue
        for json_name, value_type in known.json_names().items():
            if json_name in element:
                value = element[json_name]
                values = value if isinstance(value, list) else [value]
                shown = [one for each in values if (one := _shown(each, value_type, known.name, depth)) is not None]
                if shown:
                    yield Row(name=known.name, values=tuple(shown))


def _shown(value: Any, type_: str, name: str, depth: int) -> Shown | None:
    if value is None:
        return None
    writer = medicine_of if name == MEDICINE and type_ == "CodeableConcept" else _WRITERS.get(type_)
    if writer is not None:
        return writer(value)
    if isinstance(value, dict):
        actual = value.get("resourceType", type_)
        nested = tuple(_rows(value, actual, depth + 1))
        return nested or None
    if type_ == "code":
        return Code(code=str(value), name=name)
    return _plain(value)


def _plain(value: Any) -> Shown:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, Decimal, float)):
        return Amount(number=Decimal(str(value)))
    return Spoken(str(value), language_of(str(value)))


def _date(value: str) -> Shown:
    return When.read(value)


def _quantity(value: Element) -> Shown | None:
    number = decimal_of(value.get("value"))
    if number is None:
        return None
    return Amount(number=number, unit=unit_of(value), comparator=value.get("comparator", ""))


def _money(value: Element) -> Shown | None:
    number = decimal_of(value.get("value"))
    return None if number is None else Amount(number=number, unit=value.get("currency", ""))


def _period(value: Element) -> Shown:
    return Stretch(start=when_in(value.get("start")), end=when_in(value.get("end")))


def _range(value: Element) -> Shown:
    ends = [value.get(side) for side in ("low", "high")]
    said = "–".join(_digits(end) if end else "" for end in ends)
    unit = next((unit_of(end) for end in ends if end), "")
    return Spoken(f"{said} {unit}".strip(), "en")


def _ratio(value: Element) -> Shown:
    parts = [value.get(side) or {} for side in ("numerator", "denominator")]
    return Spoken(" / ".join(f"{_digits(part)} {unit_of(part)}".strip() for part in parts), "en")


def _digits(quantity: Element) -> str:
    """The number of a quantity with every digit, never with an exponent."""
    number = decimal_of(quantity.get("value"))
    return "" if number is None else f"{number:f}"


def _reference(value: Element) -> Shown:
    text = str(value.get("reference", ""))
    type_, _, identity = text.rpartition("/")
    known = type_ in definitions().type_numbers
    return Link(
        type=type_ if known else "",
        id=identity if known else "",
        display=value.get("display", ""),
        text=text or str(value.get("identifier", {}).get("value", "")),
    )


def _identifier(value: Element) -> Shown:
    return Hidden(
        kind=concept_of(value.get("type")), system=value.get("system", ""), tail=str(value.get("value", ""))[-4:]
    )


def _name(value: Element) -> Shown:
    said = written_name(value)
    return Spoken(said, language_of(said))


def _address(value: Element) -> Shown:
    if text := value.get("text"):
        return Spoken(text, language_of(text))
    parts = [
        *value.get("line", ()),
        *(value.get(name, "") for name in ("city", "district", "state", "postalCode", "country")),
    ]
    said = ", ".join(part for part in parts if part)
    return Spoken(said, language_of(said))


def _contact(value: Element) -> Shown:
    """A telephone number shows its tail only, like an identifier."""
    return Hidden(
        kind=NOTHING,
        system=value.get("system", ""),
        code=value.get("system", ""),
        tail=str(value.get("value", ""))[-4:],
    )


def _annotation(value: Element) -> Shown:
    return Spoken(value["text"], language_of(value["text"]))


def _attachment(value: Element) -> Shown:
    said = value.get("title") or value.get("url") or value.get("contentType", "")
    return Spoken(str(said)[:ATTACHMENT_CHARACTERS_MAX], language_of(str(said)))


def _coding(value: Element) -> Shown:
    return Concept(codings=(coding_of(value),))


def _dosage(value: Element) -> Shown | None:
    if text := value.get("text"):
        return Spoken(text, language_of(text))
    return tuple(_rows(value, "Dosage", DEPTH_MAX - 2)) or None


_WRITERS: Mapping[str, Callable[[Any], Shown | None]] = {
    "Address": _address,
    "Age": _quantity,
    "Annotation": _annotation,
    "Attachment": _attachment,
    "CodeableConcept": concept_of,
    "Coding": _coding,
    "ContactPoint": _contact,
    "Count": _quantity,
    "Distance": _quantity,
    "Dosage": _dosage,
    "Duration": _quantity,
    "HumanName": _name,
    "Identifier": _identifier,
    "Money": _money,
    "Period": _period,
    "Quantity": _quantity,
    "Range": _range,
    "Ratio": _ratio,
    "Reference": _reference,
    "date": _date,
    "dateTime": _date,
    "instant": _date,
}
