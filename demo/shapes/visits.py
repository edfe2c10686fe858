"""Visits: an Encounter, and what every record made during it shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from demo.dice import Dice
from demo.facilities import Place
from demo.libraries import Chart, Resource
from demo.shapes.concepts import HL7, coding, moment, own_concept, period, reference

VisitClass = Literal["AMB", "IMP", "EMER", "HH", "VR"]

_CLASS_NAMES = {
    "AMB": "ambulatory",
    "IMP": "inpatient encounter",
    "EMER": "emergency",
    "HH": "home health",
    "VR": "virtual",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An open Encounter of a chart: where, when, who."""

    chart: Chart
    dice: Dice
    reference: str
    title: str
    place: Place
    doctor: tuple[str, str]
    start: datetime
    end: datetime
    tags: tuple[Resource, ...] = ()

    @property
    def context(self) -> Resource:
        """What most records of a visit carry."""
        return {"subject": self.chart.subject, "encounter": {"reference": self.reference}}

    def write(self, body: Resource) -> str:
        """Write a record of this visit."""
        return self.chart.write(body, tags=self.tags)

    def later(self, minutes: float) -> datetime:
        """A moment of the visit, never past its end."""
        return min(self.end, self.start + timedelta(minutes=minutes))


def hold_visit(
    chart: Chart,
    dice: Dice,
    place: Place,
    *,
    title: str,
    kind: str,
    english: str | None = None,
    start: datetime,
    minutes: float = 25,
    visit_class: VisitClass = "AMB",
    complaint: tuple[str, str] | None = None,
    conditions: tuple[str, ...] = (),
    episode: str | None = None,
    number: tuple[str, str] | None = None,
    stay: Resource | None = None,
    tags: tuple[Resource, ...] = (),
) -> Visit:
    """Write the Encounter and hand back the visit; `title` is what people call it, `kind` our key of its sort.

    `complaint` is what the person came with, in Chinese and English.
    """
    doctor = dice.pick(place.doctors)
    end = start + timedelta(minutes=minutes)
    body: Resource = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": coding(f"{HL7}/v3-ActCode", visit_class, _CLASS_NAMES[visit_class]),
        "type": [own_concept(title, "visit-type", kind, english)],
        "serviceType": own_concept(place.department_name, "department", place.department_key, place.department_english),
        "subject": reference(chart.patient),
        "participant": [{"individual": reference(*doctor)}],
        "period": period(start, end),
        "location": [{"location": reference(place.location)}],
        "serviceProvider": reference(place.organisation, place.organisation_name),
    }
    if number:
        body["identifier"] = [{"system": number[0], "value": number[1]}]
    if complaint:
        body["reasonCode"] = [own_concept(complaint[0], "complaint", complaint[0], complaint[1])]
    if conditions:
        body["diagnosis"] = [
            {"condition": reference(condition), "rank": rank} for rank, condition in enumerate(conditions, 1)
        ]
    if episode:
        body["episodeOfCare"] = [reference(episode)]
    if stay:
        body["hospitalization"] = stay
    found = chart.library.new_reference("Encounter")
    chart.write(body, reference=found, tags=tags)
    return Visit(
        chart=chart,
        dice=dice,
        reference=found,
        title=title,
        place=place,
        doctor=doctor,
        start=start,
        end=end,
        tags=tags,
    )


def write_moment(visit: Visit, minutes: float) -> str:
    """A moment of the visit as text."""
    return moment(visit.later(minutes))
