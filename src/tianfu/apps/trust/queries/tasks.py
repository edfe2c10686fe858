"""Tasks of this app as the store holds them, with the version that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.emergency import TASK_SYSTEM
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.tasks import GROUP_SYSTEM, task_of
from tianfu.apps.trust.model.tasks import TaskSort, TrustTask
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Record
from tianfu.records.store import SearchRequest

GROUP_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTasks:
    """Tasks of a search; `is_cut_off` must be said aloud."""

    tasks: tuple[TrustTask, ...]
    is_cut_off: bool


async def find_tasks(
    store: TrustStore, caller: Caller, purpose: Purpose, *fields: tuple[str, str], sorts: Sequence[TaskSort], limit: int
) -> FoundTasks:
    """The newest tasks of these sorts that fit the fields of a search."""
    codes = ",".join(f"{TASK_SYSTEM}|{sort}" for sort in sorts)
    parameters = (("code", codes), *fields, ("_sort", "-authored-on"), ("_count", str(limit)))
    page = await store.search(caller, purpose, SearchRequest(type="Task", parameters=parameters))
    return FoundTasks(
        tasks=tuple(task_of(record.value, version=record.version) for record in page.records),
        is_cut_off=page.next_cursor is not None,
    )


async def read_task(
    store: TrustStore, caller: Caller, purpose: Purpose, task_id: str, *sorts: TaskSort
) -> tuple[TrustTask, Record]:
    """One task of these sorts; raises Refusal `not-found` for anything else."""
    [answer] = await store.read_many(caller, purpose, [("Task", task_id)])
    if isinstance(answer, Found):
        codings = answer.record.value.get("code", {}).get("coding", ())
        codes = {one.get("code") for one in codings if one.get("system") == TASK_SYSTEM}
        if codes & set(sorts):
            return task_of(answer.record.value, version=answer.record.version), answer.record
    raise Refusal("not-found", next_step="start-again")


async def tasks_together(store: TrustStore, caller: Caller, purpose: Purpose, task: TrustTask) -> tuple[TrustTask, ...]:
    """The emergency accesses that were opened in one go for the same person's records of several libraries."""
    if not task.group:
        return (task,)
    fields = ("group-identifier", f"{GROUP_SYSTEM}|{task.group}")
    found = await find_tasks(store, caller, purpose, fields, sorts=[TaskSort.EMERGENCY], limit=GROUP_MAX)
    return tuple(each for each in found.tasks if each.who == task.who)
