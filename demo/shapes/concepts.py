"""Codings and concepts: an international code with its English, ours beside it, and the Chinese words as text."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from demo.tables import Row, table
from tianfu.standards.china import identifier_systems as systems

Resource = dict[str, Any]

LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"
OWN = "https://tianfu.example/fhir/CodeSystem"
HL7 = "http://terminology.hl7.org/CodeSystem"


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """A coding."""
    return {"system": system, "code": code, "display": display} if display else {"system": system, "code": code}


def concept(text: str, *codings: Resource) -> Resource:
    """A concept with its Chinese words."""
    return {"coding": list(codings), "text": text} if codings else {"text": text}


def own_concept(text: str, kind: str, code: str, english: str | None = None) -> Resource:
    """A concept of our own; its display is the English of the Chinese text where the table has it."""
    return concept(text, coding(f"{OWN}/{kind}", code, english or table("english")["words"].get(text)))


def hl7_concept(system: str, code: str, display: str) -> list[Resource]:
    """A list of one concept of an HL7 terminology."""
    return [{"coding": [coding(f"{HL7}/{system}", code, display)]}]


def item_concept(key: str, row: Row, kind: str) -> Resource:
    """The concept of a thing in our tables: LOINC first where it is certain, then our own key."""
    codings = [coding(LOINC, row["loinc"], row["english"])] if "loinc" in row else []
    display = row["name"] if codings else row["english"]
    codings.append(coding(f"{OWN}/{kind}", row.get("local", key), display))
    return concept(row["name"], *codings)


def diagnosis_concept(row: Row) -> Resource:
    """A diagnosis: the China edition's code with its Chinese name, and the international code in English."""
    return concept(
        row["name"], coding(systems.DIAGNOSES, row["icd"], row["name"]), coding(ICD10, row["who"], row["english"])
    )


def quantity(value: float, unit: str, shown: str | None = None) -> Resource:
    """A quantity in a UCUM unit."""
    return {"value": value, "unit": shown or unit, "system": UCUM, "code": unit}


def money(amount: float) -> Resource:
    """An amount of yuan, to the fen."""
    return {"value": round(amount, 2), "currency": "CNY"}


def rounded(value: float, decimals: int) -> float:
    """The value as it is written: whole numbers without a decimal point."""
    return round(value, decimals) if decimals else round(value)


def reference(target: str, display: str | None = None) -> Resource:
    """A reference within the source."""
    return {"reference": target, "display": display} if display else {"reference": target}


def moment(when: datetime) -> str:
    """A dateTime with China's offset, to the second."""
    return when.isoformat(timespec="seconds")


def period(start: datetime | date, end: datetime | date | None) -> Resource:
    """A period; without an end it goes on."""
    written = {"start": _written(start)}
    return written | {"end": _written(end)} if end else written


def _written(when: datetime | date) -> str:
    return moment(when) if isinstance(when, datetime) else when.isoformat()
