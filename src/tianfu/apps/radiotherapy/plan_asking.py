"""Ask for a plan: everything that can be known at once is refused before a work is queued.

Loads what computes: import it where somebody asks, not where the house starts.  Not cleared for clinical use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import KeptCase, KeptObject
from tianfu.services.jobs.works import Wish
from tianfu.standards.dicom.cases import Case


@dataclass(frozen=True, kw_only=True)
class PlanChoice:
    """What somebody chose; nothing here is chosen for him.

    `machine` are the bytes of a machine file.  `structure_set` is a SOP Instance UID, `images` a Series Instance UID;
    each may be None where the case has but one.  `protocol` are goals to judge by, None for none.
    """

    wish: PlanWish
    machine: bytes
    structure_set: str | None
    images: str | None
    protocol: Protocol | None


async def plan_wish(
    documents: Documents, case: KeptCase, objects: Sequence[KeptObject], read: Case, choice: PlanChoice
) -> Wish:
    """The wish for a plan of a kept case, to be handed to `Works.ask`; `read` is the case as it was read from `objects`.

    Keeps the machine's bytes as a document.  Raises Refusal as `refuse_unless_plannable` does.
    """
    raise NotImplementedError


def refuse_unless_plannable(read: Case, choice: PlanChoice) -> None:
    """Do nothing if a plan can be begun.

    Raises Refusal those of `refuse_unless_sound`, `read_machine` and `refuse_unless_for`; `plan-machine-differs`,
    `plan-angle-beyond-machine`, `plan-dose-rate-not-of-machine`, `cone-kernels-do-not-fit`; `density-table-unknown`;
    `case-without-images`, `images-unclear`, `images-not-there`, `case-without-structures`, `structures-unclear`,
    `structures-not-there`, `frames-differ`, `plan-position-not-supported`; `plan-structure-missing`,
    `plan-structure-unclear`, `structure-empty`, `structures-unreviewed`.
    """
    raise NotImplementedError
