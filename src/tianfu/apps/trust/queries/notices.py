"""Screens: what a person was told, and what the officer was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.notices import NOTICE_SYSTEM, Notice, notice_of
from tianfu.apps.trust.mapping.tasks import task_of
from tianfu.apps.trust.model.people import Person
from tianfu.apps.trust.model.tasks import TrustTask
from tianfu.apps.trust.queries.names import Names, names_of
from tianfu.apps.trust.queries.people import people_of, person_of
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Found
from tianfu.records.store import SearchRequest

WHY = Purpose.PATIENT_REQUEST
NOTICES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """The newest notices to a person, with the tasks they tell of."""

    person: Person
    family: tuple[Person, ...]
    notices: tuple[Notice, ...]
    tasks: Mapping[str, TrustTask]
    names: Names
    is_cut_off: bool


async def read_notices(store: TrustStore, caller: Caller, patient_id: str, *, now: Instant) -> Notices:
    """What a person was told about emergency accesses and answers, newest first."""
    person = await person_of(store, caller, patient_id, now=now)
    patients = ",".join(f"Patient/{each}" for each in person.patients)
    fields = (
        ("recipient", patients),
        ("category", f"{NOTICE_SYSTEM}|"),
        ("_sort", "-sent"),
        ("_count", str(NOTICES_MAX)),
    )
    page = await store.search(caller, WHY, SearchRequest(type="Communication", parameters=fields))
    notices = tuple(notice_of(record.value) for record in page.records)
    tasks = await _tasks(store, caller, notices)
    notices = _once(notices, tasks)
    return Notices(
        person=person,
        family=await people_of(store, caller, now=now),
        notices=notices,
        tasks=tasks,
        names=await names_of(store, caller, WHY, [("Practitioner", task.who) for task in tasks.values()]),
        is_cut_off=page.next_cursor is not None,
    )


async def _tasks(store: TrustStore, caller: Caller, notices: tuple[Notice, ...]) -> dict[str, TrustTask]:
    wanted = sorted({notice.about for notice in notices if notice.about})
    answers = await store.read_many(caller, WHY, [("Task", each) for each in wanted]) if wanted else []
    return {
        each: task_of(answer.record.value, version=answer.record.version)
        for each, answer in zip(wanted, answers, strict=True)
        if isinstance(answer, Found)
    }


def _once(notices: tuple[Notice, ...], tasks: Mapping[str, TrustTask]) -> tuple[Notice, ...]:
    """One notice of a kind for what was opened in one go; each library's record has its own."""
    first: dict[tuple[str, str], Notice] = {}
    for notice in notices:
        task = tasks.get(notice.about)
        first.setdefault((notice.kind, (task.group or task.id) if task else notice.id), notice)
    return tuple(first.values())
