"""What was measured of a person, and the readings of one measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tianfu.apps.lifelong.mapping.elements import decoded, when_of
from tianfu.apps.lifelong.mapping.findings import finding_of, has_number
from tianfu.apps.lifelong.model.entries import Finding
from tianfu.apps.lifelong.model.phases import Phase
from tianfu.apps.lifelong.model.trend import Life, Reading, Trend, trend_of
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.queries.person import KnownPerson
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.instants import day_start
from tianfu.records.timeline import Measured, Slice
from tianfu.web.asking import Asking

READINGS_MAX = 500
"""A chart shows so many of the newest values and says when there were more."""

FAVOURITES = ("85354-9", "55284-4", "29463-7", "8302-2", "2339-0", "15074-8", "14771-0", "4548-4")
"""LOINC codes that a reader most often looks for first: blood pressure, weight, height, glucose, HbA1c."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Something that was measured; `finding` is the newest value."""

    key: str
    count: int
    finding: Finding
    when: When | None


def measures_of(measured: Sequence[Measured]) -> tuple[Measure, ...]:
    """Everything that a chart can show, favourites first, then the most often measured."""
    found = [_measure(one) for one in measured if one.code]
    charted = [one for one in found if has_number(one.finding)]
    order = {code: place for place, code in enumerate(FAVOURITES)}
    return tuple(
        sorted(charted, key=lambda one: (order.get(one.key.rpartition("|")[2], len(order)), -one.count, one.key))
    )


def _measure(measured: Measured) -> Measure:
    resource = decoded(measured.newest.record.text)
    return Measure(key=measured.code, count=measured.count, finding=finding_of(resource), when=when_of(resource))


async def read_trend(
    store: LifeStore, asking: Asking, known: KnownPerson, key: str, *, today: date, phase: Phase | None = None
) -> Trend:
    """The newest readings of one code, of the whole life or of one phase."""
    page = await store.timeline(
        asking.caller,
        asking.purpose,
        known.person.ids,
        slices=[Slice(type="Observation")],
        codes=[key],
        after=day_start(phase.starts) if phase else None,
        before=day_start(phase.ends) if phase else None,
        limit=READINGS_MAX,
    )
    resources = [(one.patient, decoded(one.record.text)) for one in page.entries]
    readings = [
        Reading(id=resource["id"], when=when, finding=finding_of(resource), patient=patient)
        for patient, resource in resources
        if (when := when_of(resource)) is not None
    ]
    background = known.background
    life = Life(today=today, pregnancies=background.pregnancies, first_days=background.first_days)
    return replace(trend_of(readings, life, is_cut_off=page.is_cut_off), count=len(resources))
