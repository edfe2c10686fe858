"""An officer decides about an emergency access or an objection, and tells the person.

Ward rule: docs/rules/emergency-access.md
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.trust.mapping.elements import created, replaced, transaction
from tianfu.apps.trust.mapping.notices import OBJECTION_ANSWERED, REVIEW_ANSWERED, notice_resources
from tianfu.apps.trust.mapping.tasks import reviewed
from tianfu.apps.trust.model.tasks import TaskSort, Verdict, read_finding
from tianfu.apps.trust.queries.reviews import WHY, refuse_unless_officer
from tianfu.apps.trust.queries.tasks import read_task
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal


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
    entries = [replaced(reviewed(record.value, finding), version=form.version)]
    if finding.verdict != Verdict.INQUIRY:
        kind = OBJECTION_ANSWERED if task.sort == TaskSort.OBJECTION else REVIEW_ANSWERED
        to_person, _ = notice_resources(
            kind, patient_id=task.person, about=f"Task/{task_id}", organisation_id=None, now=now
        )
        entries.append(created(to_person))
    await store.transaction(caller, WHY, transaction(*entries))
