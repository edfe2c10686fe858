"""One person and their background: what the banner of every screen about them shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date

from tianfu.apps.lifelong.mapping.background import ALERT_TYPES, BACKGROUND_TYPES, FACT_CODES, background_of
from tianfu.apps.lifelong.mapping.elements import decoded
from tianfu.apps.lifelong.mapping.patients import patient_of
from tianfu.apps.lifelong.model.background import Background, current_weeks
from tianfu.apps.lifelong.model.people import Person, person_of
from tianfu.apps.lifelong.queries.find_person import patients_with, with_library_names
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, Found, Gone, NotFound, Record
from tianfu.records.timeline import Slice, TimelinePage
from tianfu.web.asking import Asking

ALERTS_MAX = 200
"""More allergies and warnings than this cannot be shown in a banner; the page then says so loudly."""

BACKGROUND_MAX = 500
FACTS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """Who they are, and what must be known before anything else; `alerts_cut_off` must be said aloud."""

    person: Person
    background: Background
    alerts_cut_off: bool

    def weeks(self, today: date) -> tuple[int, int] | None:
        """Weeks and days of a pregnancy that lasts."""
        return current_weeks(self.background.pregnancies, self.background.first_days, today)


async def know_person(store: LifeStore, asking: Asking, patient_id: str) -> KnownPerson:
    """The person behind one Patient record, with their records in all libraries."""
    [answer] = await store.read_many(asking.caller, asking.purpose, [("Patient", patient_id)])
    chosen = patient_of(decoded(found_record(answer).text))
    others = await patients_with(store, asking, [chosen.identity_number] if chosen.identity_number else [])
    person = person_of(chosen, others)
    person = Person(patients=await with_library_names(store, asking, person.patients))
    alerts, lasting, facts = await asyncio.gather(
        _records(store, asking, person, ALERT_TYPES, ALERTS_MAX),
        _records(store, asking, person, BACKGROUND_TYPES, BACKGROUND_MAX),
        _records(store, asking, person, ("Observation",), FACTS_MAX, codes=FACT_CODES),
    )
    background = background_of(_owned(alerts), _owned(lasting), _owned(facts), is_cut_off=lasting.is_cut_off)
    return KnownPerson(person=person, background=background, alerts_cut_off=alerts.is_cut_off)


async def know_unless_deleted(store: LifeStore, asking: Asking, patient_id: str) -> KnownPerson | None:
    """The person behind a Patient record; None without an id, and if that record was deleted."""
    try:
        return await know_person(store, asking, patient_id) if patient_id else None
    except Refusal as refusal:
        if refusal.code == "gone":
            return None
        raise


def found_record(answer: Answer) -> Record:
    """The record of an answer, or the refusal that its absence means to a person."""
    match answer:
        case Found(record):
            return record
        case Gone():
            raise Refusal("gone", kept="earlier-versions", next_step="start-again")
        case NotFound():
            raise Refusal("not-found", next_step="start-again")


async def _records(
    store: LifeStore,
    asking: Asking,
    person: Person,
    types: tuple[str, ...],
    limit: int,
    codes: tuple[str, ...] | None = None,
) -> TimelinePage:
    slices = [Slice(type=type_) for type_ in types]
    return await store.timeline(asking.caller, asking.purpose, person.ids, slices=slices, codes=codes, limit=limit)


def _owned(page: TimelinePage) -> list[tuple[str, dict[str, object]]]:
    return [(one.patient, decoded(one.record.text)) for one in page.entries]
