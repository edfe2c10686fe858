"""Screen: who looked at a person's record, newest first, with what became of objections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.ledger import event_of
from tianfu.apps.trust.model.ledger import Day, Event, Look, Sort, days_of, month_after
from tianfu.apps.trust.model.objection import objection_to
from tianfu.apps.trust.model.people import Person
from tianfu.apps.trust.model.tasks import TaskSort, TrustTask, one_of_each
from tianfu.apps.trust.queries.names import Names, names_of
from tianfu.apps.trust.queries.people import people_of, person_of
from tianfu.apps.trust.queries.tasks import find_tasks
from tianfu.apps.trust.store import Reference, TrustStore
from tianfu.kernel.instants import Instant, day_start
from tianfu.kernel.refusal import Refusal

WHY = Purpose.PATIENT_REQUEST

EVENTS_PER_PAGE = 200
"""So many events are read at once."""

LINES_WANTED = 10
PAGES_READ_MAX = 5
"""A page reads on until it has some lines of the wanted sort, so that many looks of one's own leave none empty."""

OBJECTIONS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A page of the ledger; `objections` are by the name of the look, `family` are those whose ledger one may open."""

    person: Person
    family: tuple[Person, ...]
    days: tuple[Day, ...]
    names: Names
    objections: Mapping[str, TrustTask]
    tasks: tuple[TrustTask, ...]
    next_cursor: str | None
    month: date | None
    sort: Sort

    @property
    def count(self) -> int:
        """How many lines the page has."""
        return sum(len(day.looks) for day in self.days)


async def read_ledger(
    store: TrustStore,
    caller: Caller,
    patient_id: str,
    *,
    month: date | None,
    sort: Sort,
    cursor: str | None,
    now: Instant,
) -> Ledger:
    """A page of who looked at a person's record, of one month or of all."""
    person = await person_of(store, caller, patient_id, now=now)
    events: list[Event] = []
    days: tuple[Day, ...] = ()
    for _ in range(PAGES_READ_MAX):
        page = await store.ledger(
            caller,
            WHY,
            person.patients,
            limit=EVENTS_PER_PAGE,
            cursor=cursor,
            after=day_start(month) if month else None,
            before=day_start(month_after(month)) if month else None,
        )
        events += map(event_of, page.events)
        days, cursor = days_of(events, sort), page.next_cursor
        if cursor is None or sum(len(day.looks) for day in days) >= LINES_WANTED:
            break
    looks = [look for day in days for look in day.looks]
    tasks = one_of_each(await _tasks_about(store, caller, person))
    objections = [task for task in tasks if task.sort == TaskSort.OBJECTION]
    return Ledger(
        person=person,
        family=await people_of(store, caller, now=now),
        days=days,
        names=await names_of(store, caller, WHY, _mentioned(looks, tasks)),
        objections={look.id: found for look in looks if (found := objection_to(look, objections))},
        tasks=tasks,
        next_cursor=cursor,
        month=month,
        sort=sort,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OneLook:
    """A line of the ledger by itself, before objecting to it."""

    person: Person
    look: Look
    names: Names
    objection: TrustTask | None


async def read_look(
    store: TrustStore, caller: Caller, patient_id: str, event_id: str, at: Instant, *, now: Instant
) -> OneLook:
    """The look that an event belongs to; raises Refusal `not-found` if that day knows no such event."""
    person = await person_of(store, caller, patient_id, now=now)
    events: list[Event] = []
    cursor: str | None = None
    while True:
        page = await store.ledger(
            caller,
            WHY,
            person.patients,
            limit=EVENTS_PER_PAGE,
            cursor=cursor,
            after=at,
            before=Instant(at + _A_DAY),
        )
        events += map(event_of, page.events)
        cursor = page.next_cursor
        if cursor is None:
            break
    looks = [look for day in days_of(events, Sort.ALL) for look in day.looks]
    found = next((look for look in looks if any(event.id == event_id for event in look.events)), None)
    if found is None:
        raise Refusal("not-found", next_step="start-again")
    objections = [task for task in await _tasks_about(store, caller, person) if task.sort == TaskSort.OBJECTION]
    return OneLook(
        person=person,
        look=found,
        names=await names_of(store, caller, WHY, _mentioned([found], ())),
        objection=objection_to(found, objections),
    )


_A_DAY = 86_400_000_000


async def _tasks_about(store: TrustStore, caller: Caller, person: Person) -> tuple[TrustTask, ...]:
    patients = ",".join(f"Patient/{each}" for each in person.patients)
    found = await find_tasks(store, caller, WHY, ("patient", patients), sorts=tuple(TaskSort), limit=OBJECTIONS_MAX)
    return found.tasks


def _mentioned(looks: Sequence[Look], tasks: Sequence[TrustTask]) -> list[Reference]:
    return [
        *(("Practitioner", look.newest.practitioner) for look in looks),
        *(("Organization", look.newest.organisation) for look in looks),
        *(("Practitioner", task.who) for task in tasks),
    ]
