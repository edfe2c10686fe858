"""A doctor who knows enough ends his emergency access before its time.  Ward rule: docs/rules/emergency-access.md"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.trust.mapping.elements import replaced, transaction
from tianfu.apps.trust.mapping.tasks import ended
from tianfu.apps.trust.model.tasks import TaskSort
from tianfu.apps.trust.queries.emergency import WHY, refuse_unless_clinician
from tianfu.apps.trust.queries.tasks import read_task, tasks_together
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found


async def end_emergency_access(store: TrustStore, caller: Caller, task_id: str, *, now: Instant) -> None:
    """Close what the doctor opened, for all records of the person at once; what is over already stays as it is.

    Raises Refusal `not-found` for a Task that is not his own.
    """
    refuse_unless_clinician(caller)
    task, _ = await read_task(store, caller, WHY, task_id, TaskSort.EMERGENCY)
    if task.who != caller.practitioner:
        raise Refusal("not-found", next_step="start-again")
    running = [each for each in await tasks_together(store, caller, WHY, task) if each.runs_at(now)]
    answers = await store.read_many(caller, WHY, [("Task", each.id) for each in running]) if running else []
    entries = [
        replaced(ended(answer.record.value, now=now), version=answer.record.version)
        for answer in answers
        if isinstance(answer, Found)
    ]
    if entries:
        await store.transaction(caller, WHY, transaction(*entries))
