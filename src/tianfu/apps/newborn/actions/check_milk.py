"""A nurse checks a bottle of milk at the bed.  Rule: docs/rules/newborn-diary.md"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.milk import check_resource, wearer_of
from tianfu.apps.newborn.model.milk import Verdict, judged, read_scanned
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import read_baby_desk
from tianfu.apps.newborn.queries.records import WARD_WORK, found_by, new, read_one, write_together
from tianfu.kernel.refusal import Refusal


async def check_milk(nursery: Nursery, caller: Caller, baby: str, form: Mapping[str, str]) -> Verdict:
    """Say whether the milk may be fed to this baby; each check is kept and traced, a mismatch as well.

    Raises Refusal `not-found`, `practitioner-missing`, and `milk-unusable` before anything is compared.
    """
    await read_baby_desk(nursery, caller, baby)
    if caller.practitioner is None:
        raise Refusal("practitioner-missing", next_step="ask-your-office")
    now = nursery.clock()
    scanned = read_scanned(form, now=now)
    patient = await read_one(nursery.store, caller, WARD_WORK, "Patient", baby)
    # Each visit leaves an Encounter, too: only what is open now tells the number.
    fields = {"patient": f"Patient/{baby}", "status": "in-progress"}
    stays = await found_by(nursery.store, caller, WARD_WORK, "Encounter", **fields)
    verdict = judged(scanned, wearer_of(patient.value, tuple(each.value for each in stays), now=now), now=now)
    task = check_resource(scanned, verdict, baby=baby, by=caller.practitioner, now=now)
    await write_together(nursery.store, caller, [new(task)])
    return verdict
