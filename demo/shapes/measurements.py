"""What is measured: single values, blood pressure, coded findings, and laboratory panels with their report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache

from demo.libraries import RECOGNITION_TAG, Resource
from demo.shapes.concepts import HL7, coding, concept, item_concept, own_concept, quantity, reference, rounded
from demo.shapes.visits import Visit, write_moment
from demo.tables import Row, table

_INTERPRETATIONS = {"L": ("Low", "偏低"), "N": ("Normal", "正常"), "H": ("High", "偏高")}


def observe(visit: Visit, key: str, value: float, *, minutes: float = 5, focus: str | None = None) -> str:
    """Write one measured number."""
    row = _items()[key]
    written = rounded(value, row["decimals"])
    body = _observation(visit, key, row, minutes)
    body["valueQuantity"] = quantity(written, row["unit"], row.get("shown"))
    low, high = _limits(row, visit)
    if low is not None or high is not None:
        body["interpretation"] = [_interpretation(written, low, high)]
        body["referenceRange"] = [_range(low, high, row)]
    return _finish(visit, body, focus)


def observe_coded(visit: Visit, key: str, text: str, *, minutes: float = 5, focus: str | None = None) -> str:
    """Write one finding in words."""
    body = _observation(visit, key, _items()[key], minutes)
    body["valueCodeableConcept"] = own_concept(text, "finding", f"{key}-{text}")
    return _finish(visit, body, focus)


def observe_date(visit: Visit, key: str, day: date) -> str:
    """Write one date that was found out."""
    body = _observation(visit, key, _items()[key], 5)
    body["valueDateTime"] = day.isoformat()
    return visit.write(body)


def observe_pressure(visit: Visit, systolic: float, diastolic: float, *, minutes: float = 5) -> str:
    """Write a blood pressure with its two components."""
    row = table("observations")["pressure"]
    body = _observation(visit, "blood-pressure", row | {"category": "vital-signs"}, minutes)
    body["component"] = [
        _pressure_part(row["systolic"], "systolic", round(systolic)),
        _pressure_part(row["diastolic"], "diastolic", round(diastolic)),
    ]
    return visit.write(body)


def report_panel(
    visit: Visit, panel: str, found: Mapping[str, float | str] | None = None, *, minutes: float = 60
) -> str:
    """Write the results of a laboratory panel and the report over them; what is not given is as usual."""
    row = table("observations")["panels"][panel]
    given = found or {}
    results = [_result(visit, key, given.get(key), minutes) for key in row["items"]]
    body: Resource = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "category": hl7_report_category("LAB", "Laboratory"),
        "code": item_concept(panel, row, "panel"),
        **visit.context,
        "effectiveDateTime": write_moment(visit, minutes),
        "issued": write_moment(visit, minutes + 40),
        "performer": [reference(visit.place.organisation, visit.place.organisation_name)],
        "result": [reference(result) for result in results],
    }
    recognised = visit.chart.library.key != "public-health" and visit.dice.happens(0.5)
    return visit.chart.write(body, tags=(*visit.tags, RECOGNITION_TAG) if recognised else visit.tags)


def hl7_report_category(code: str, display: str) -> list[Resource]:
    """The category of a report (HL7 v2 table 0074)."""
    return [{"coding": [coding(f"{HL7}/v2-0074", code, display)]}]


def usual_value(visit: Visit, key: str) -> float:
    """A value as healthy people have it, seldom a little outside."""
    middle, spread = table("observations")["typical"][key]
    if key in ("haemoglobin", "erythrocytes", "creatinine", "urate") and visit.chart.person.male:
        middle *= 1.09
    return visit.dice.around(middle, spread, low=middle - 3 * spread, high=middle + 3.2 * spread)


def _result(visit: Visit, key: str, value: float | str | None, minutes: float) -> str:
    if _items()[key].get("coded"):
        usual = table("observations")["coded_typical"].get(key)
        return observe_coded(visit, key, str(value or usual or visit.chart.person.nature.blood_group), minutes=minutes)
    return observe(visit, key, float(value) if value is not None else usual_value(visit, key), minutes=minutes)


@cache
def _items() -> dict[str, Row]:
    items: dict[str, Row] = table("observations")["items"]
    return items


def _observation(visit: Visit, key: str, row: Row, minutes: float) -> Resource:
    category = row["category"]
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [coding(f"{HL7}/observation-category", category)]}],
        "code": item_concept(key, row, "observation"),
        **visit.context,
        "effectiveDateTime": write_moment(visit, minutes),
        "performer": [reference(*visit.doctor)],
    }


def _finish(visit: Visit, body: Resource, focus: str | None) -> str:
    if focus:
        body["focus"] = [reference(focus)]
    return visit.write(body)


def _limits(row: Row, visit: Visit) -> tuple[float | None, float | None]:
    male = visit.chart.person.male
    low, high = row.get("low"), row.get("high")
    return (row.get("low_male", low), row.get("high_male", high)) if male else (low, high)


def _interpretation(value: float, low: float | None, high: float | None) -> Resource:
    code = "L" if low is not None and value < low else "H" if high is not None and value > high else "N"
    english, chinese = _INTERPRETATIONS[code]
    return concept(chinese, coding(f"{HL7}/v3-ObservationInterpretation", code, english))


def _range(low: float | None, high: float | None, row: Row) -> Resource:
    unit, shown = row["unit"], row.get("shown")
    limits = {"low": low, "high": high}
    return {name: quantity(limit, unit, shown) for name, limit in limits.items() if limit is not None}


def _pressure_part(row: Row, key: str, value: int) -> Resource:
    return {
        "code": item_concept(f"{key}-pressure", row, "observation"),
        "valueQuantity": quantity(value, "mm[Hg]", "mmHg"),
        "interpretation": [_interpretation(value, row["low"], row["high"])],
        "referenceRange": [_range(row["low"], row["high"], {"unit": "mm[Hg]", "shown": "mmHg"})],
    }
