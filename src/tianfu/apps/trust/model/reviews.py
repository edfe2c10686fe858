"""Which lines of the trail belong to a task before the officer.  Ward rule: docs/rules/emergency-access.md"""

from __future__ import annotations

from tianfu.apps.trust.model.ledger import Event
from tianfu.apps.trust.model.tasks import TaskSort, TrustTask


def belongs(event: Event, task: TrustTask) -> bool:
    """Whether an event is of the look in question: named by the objection, or done by the doctor of the access."""
    if task.sort == TaskSort.OBJECTION:
        return event.id in task.events
    return bool(task.who) and event.practitioner == task.who
