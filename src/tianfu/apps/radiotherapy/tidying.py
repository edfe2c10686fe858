"""What was finished of plans that nobody goes on with is forgotten: it is sealed, has megabytes, and is a patient's.

Loads nothing that computes: it runs beside works for which somebody waits.
"""

from __future__ import annotations

from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.wishes import PLAN
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.services.documents.keeping import Documents
from tianfu.services.jobs.works import Work, Works

KEPT_DAYS = 14
"""So long one may go on with a plan that was given up or failed; then its finished stages go. [ours]"""

DAY_SECONDS = 86_400


async def plan_parts_forgotten(works: Works, documents: Documents, clock: Clock) -> int:
    """Forget stages of plans that are done, ended KEPT_DAYS ago, or were asked of another state of the code.

    Raises Refusal `documents-not-kept` if files cannot be reached; nothing is lost sight of then.
    """
    return await works.drop_parts(PLAN, version=code_version(), before=_kept_since(clock), forget=documents.forget)


def goes_on_after_stages(work: Work, clock: Clock) -> bool:
    """Whether a plan that ended would be gone on with after its last finished stage, and not begun anew."""
    is_kept = work.ended_at is not None and work.ended_at >= _kept_since(clock)
    return is_kept and work.version == code_version()


def _kept_since(clock: Clock) -> Instant:
    return Instant(clock() - KEPT_DAYS * DAY_SECONDS * SECOND)
