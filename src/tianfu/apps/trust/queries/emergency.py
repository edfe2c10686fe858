"""Screens: a doctor's emergency accesses, and what one of them shows while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.people import contacts_of, file_of
from tianfu.apps.trust.mapping.vital import KINDS, vital_line
from tianfu.apps.trust.model.emergency import may_break_glass
from tianfu.apps.trust.model.people import Person, Standing
from tianfu.apps.trust.model.tasks import TaskSort, TrustTask, one_of_each
from tianfu.apps.trust.model.vital import VitalKind, VitalPart, parts_of
from tianfu.apps.trust.queries.names import Names, names_of
from tianfu.apps.trust.queries.tasks import find_tasks, read_task, tasks_together
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.timeline import Slice, TimelinePage

WHY = Purpose.EMERGENCY
OWN_MAX = 20
GROUPS = (
    (
        (VitalKind.ALLERGY, VitalKind.DIAGNOSIS, VitalKind.MEDICINE, VitalKind.PROCEDURE),
        500,
    ),
    ((VitalKind.RESULT,), 100),
    ((VitalKind.VISIT,), 20),
    ((VitalKind.VACCINATION,), 20),
)
"""What is asked for together, and how many records at most: however many results there are, they push no allergy and
no vaccination out of the page.  More of the first group than that must be said aloud; of the others the newest do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyDesk:
    """The doctor's last emergency accesses, newest first, one for each person."""

    tasks: tuple[TrustTask, ...]
    names: Names


def refuse_unless_clinician(caller: Caller) -> None:
    """Emergency access does not exist for anybody else."""
    if not may_break_glass(caller):
        raise Refusal("not-found", next_step="start-again")


async def read_emergency_desk(store: TrustStore, caller: Caller) -> EmergencyDesk:
    """What this doctor opened lately."""
    refuse_unless_clinician(caller)
    owner = ("owner", f"Practitioner/{caller.practitioner}")
    found = await find_tasks(store, caller, WHY, owner, sorts=[TaskSort.EMERGENCY], limit=OWN_MAX)
    tasks = one_of_each(found.tasks)
    return EmergencyDesk(
        tasks=tasks, names=await names_of(store, caller, WHY, [("Patient", task.person) for task in tasks])
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencySession:
    """One emergency access; `parts` are empty once it is over, and `person` is None if his record cannot be read."""

    task: TrustTask
    group: tuple[TrustTask, ...]
    person: Person | None
    contacts: tuple[tuple[str, str], ...]
    parts: tuple[VitalPart, ...]
    is_cut_off: bool


async def read_session(store: TrustStore, caller: Caller, task_id: str, *, now: Instant) -> EmergencySession:
    """The doctor's own access with the narrowed record, as long as the server's clock says that it runs."""
    refuse_unless_clinician(caller)
    task, _ = await read_task(store, caller, WHY, task_id, TaskSort.EMERGENCY)
    if task.who != caller.practitioner:
        raise Refusal("not-found", next_step="start-again")
    group = await tasks_together(store, caller, WHY, task)
    session = EmergencySession(task=task, group=group, person=None, contacts=(), parts=(), is_cut_off=False)
    return await _opened(store, caller, session) if task.runs_at(now) else session


async def _opened(store: TrustStore, caller: Caller, session: EmergencySession) -> EmergencySession:
    patients = [task.person for task in session.group]
    answers = await store.read_many(caller, WHY, [("Patient", each) for each in patients])
    found = [answer.record.value for answer in answers if isinstance(answer, Found)]
    pages = await asyncio.gather(*(_timeline(store, caller, patients, kinds, limit) for kinds, limit in GROUPS))
    lines = [line for page in pages for one in page.entries if (line := vital_line(one.record.value))]
    cut_off = {kind for (kinds, _), page in zip(GROUPS, pages, strict=True) if page.is_cut_off for kind in kinds}
    files = [file_of(each) for each in found]
    person = None
    if files:
        person = Person(
            patients=tuple(patients),
            name=files[0].name,
            sex=files[0].sex,
            born=files[0].born,
            number_tail=files[0].number[-4:],
            standing=Standing.DESK,
        )
    return replace(
        session,
        person=person,
        contacts=tuple(dict.fromkeys(contact for each in found for contact in contacts_of(each))),
        parts=parts_of(lines, cut_off=cut_off),
        is_cut_off=pages[0].is_cut_off,
    )


async def _timeline(
    store: TrustStore, caller: Caller, patients: Sequence[str], kinds: Sequence[VitalKind], limit: int
) -> TimelinePage:
    slices = [Slice(type=each) for each, kind in KINDS.items() if kind in kinds]
    return await store.timeline(caller, WHY, patients, slices=slices, limit=limit)
