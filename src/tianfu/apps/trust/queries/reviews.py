"""Screens: the officer's queue, and one task with what was looked at."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.ledger import event_of
from tianfu.apps.trust.mapping.tasks import REVIEW_SYSTEM, WAITING
from tianfu.apps.trust.model.ledger import Look, Sort, days_of
from tianfu.apps.trust.model.reviews import belongs
from tianfu.apps.trust.model.roles import OFFICER_ROLES
from tianfu.apps.trust.model.tasks import TaskSort, TrustTask, Verdict, in_order, one_of_each, overdue
from tianfu.apps.trust.queries.names import Names, names_of
from tianfu.apps.trust.queries.tasks import FoundTasks, find_tasks, read_task, tasks_together
from tianfu.apps.trust.store import Reference, TrustStore
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

WHY = Purpose.OPERATIONS

WAITING_MAX = 200
"""More than this cannot wait on one page; the page then says so loudly."""

SETTLED_MAX = 50
EVENTS_MAX = 200

AFTERWARDS = 5 * 60 * SECOND
"""Events so long after an access ended are shown with it: what was refused then tells something too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits, in order, and what was settled last."""

    waiting: tuple[TrustTask, ...]
    settled: tuple[TrustTask, ...]
    names: Names
    overdue: int
    is_cut_off: bool


def refuse_unless_officer(caller: Caller) -> None:
    """The desk of reviews does not exist for anybody else."""
    if caller.role not in OFFICER_ROLES:
        raise Refusal("not-found", next_step="start-again")


async def read_queue(store: TrustStore, caller: Caller, *, now: Instant) -> Queue:
    """Unreviewed tasks first, the oldest on top, then those in inquiry; and the last that were settled."""
    refuse_unless_officer(caller)
    waiting = await _with_state(store, caller, WAITING, Verdict.INQUIRY, limit=WAITING_MAX)
    settled = await _with_state(store, caller, Verdict.JUSTIFIED, Verdict.NOT_JUSTIFIED, limit=SETTLED_MAX)
    in_line, over = one_of_each(in_order(waiting.tasks)), one_of_each(in_order(settled.tasks))
    return Queue(
        waiting=in_line,
        settled=over,
        names=await names_of(store, caller, WHY, _mentioned(*in_line, *over)),
        overdue=overdue(in_line, now),
        is_cut_off=waiting.is_cut_off,
    )


async def _with_state(store: TrustStore, caller: Caller, *states: str, limit: int) -> FoundTasks:
    wanted = ",".join(f"{REVIEW_SYSTEM}|{state}" for state in states)
    return await find_tasks(store, caller, WHY, ("business-status", wanted), sorts=tuple(TaskSort), limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One task with the looks that belong to it, newest first."""

    task: TrustTask
    looks: tuple[Look, ...]
    names: Names
    is_cut_off: bool


async def read_case(store: TrustStore, caller: Caller, task_id: str) -> Case:
    """An emergency access with all that its doctor did with the record while it ran, or an objected look."""
    refuse_unless_officer(caller)
    task, _ = await read_task(store, caller, WHY, task_id, *TaskSort)
    together = await tasks_together(store, caller, WHY, task)
    page = await store.ledger(
        caller,
        WHY,
        [*dict.fromkeys((task.person, *task.further, *(each.person for each in together)))],
        limit=EVENTS_MAX,
        after=task.since,
        before=Instant(task.until + AFTERWARDS),
    )
    events = [event for event in map(event_of, page.events) if belongs(event, task)]
    looks = tuple(look for day in days_of(events, Sort.ALL) for look in day.looks)
    mentioned = _mentioned(task) + [("Organization", look.newest.organisation) for look in looks]
    return Case(
        task=task,
        looks=looks,
        names=await names_of(store, caller, WHY, mentioned),
        is_cut_off=page.next_cursor is not None,
    )


def _mentioned(*tasks: TrustTask) -> list[Reference]:
    return [
        reference
        for task in tasks
        for reference in (("Patient", task.person), ("Practitioner", task.who), ("Organization", task.organisation))
    ]
