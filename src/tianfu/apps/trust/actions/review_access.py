"""An officer decides about an emergency access or an objection, and tells the person.

Ward rule: docs/rules/emergency-access.md
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.trust.mapping.elements import Resource, created, replaced, transaction
from tianfu.apps.trust.mapping.notices import OBJECTION_ANSWERED, REVIEW_ANSWERED, notice_resources
from tianfu.apps.trust.mapping.tasks import reviewed
from tianfu.apps.trust.model.tasks import TaskSort, TrustTask, Verdict, read_finding
from tianfu.apps.trust.queries.reviews import WHY, refuse_unless_officer
from tianfu.apps.trust.queries.tasks import read_task, tasks_together
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewForm:
    """What the officer sent; `version` is that of the task he saw."""

    verdict: str
    comment: str
    answer: str
    version: int


async def review_access(store: TrustStore, caller: Caller, task_id: str, form: ReviewForm, *, now: Instant) -> None:
    """Write the finding as a new version of the Task, with the notice to the person, in one transaction.

    Raises Refusal: those of `read_finding`, version-conflict if another officer was quicker, not-found.
    """
    refuse_unless_officer(caller)
    task, record = await read_task(store, caller, WHY, task_id, *TaskSort)
    finding = read_finding(form.verdict, form.comment, form.answer, task=task, officer=caller, now=now)
    if record.version != form.version:
        raise Refusal("version-conflict", next_step="reload-and-look")
    entries: list[Resource] = []
    for each, standing in await _together(store, caller, task, record):
        entries.append(replaced(reviewed(standing.value, finding), version=standing.version))
        if finding.verdict != Verdict.INQUIRY:
            entries.append(created(_told(each, now)))
    await store.transaction(caller, WHY, transaction(*entries))


async def _together(
    store: TrustStore, caller: Caller, task: TrustTask, record: Record
) -> list[tuple[TrustTask, Record]]:
    """The task with those that were opened in the same go and are not settled; one finding is for all."""
    others = [each for each in await tasks_together(store, caller, WHY, task) if each.id != task.id]
    open_ones = [each for each in others if not each.is_settled]
    answers = await store.read_many(caller, WHY, [("Task", each.id) for each in open_ones]) if open_ones else []
    found = [
        (each, answer.record) for each, answer in zip(open_ones, answers, strict=True) if isinstance(answer, Found)
    ]
    return [(task, record), *found]


def _told(task: TrustTask, now: Instant) -> Resource:
    """The notice to the person that an officer has decided."""
    kind = OBJECTION_ANSWERED if task.sort == TaskSort.OBJECTION else REVIEW_ANSWERED
    to_person, _ = notice_resources(
        kind, patient_id=task.person, about=f"Task/{task.id}", organisation_id=None, now=now
    )
    return to_person
