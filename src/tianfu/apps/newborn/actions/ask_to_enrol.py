"""Somebody asks to be known as a baby's guardian.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

import re
from hmac import compare_digest

from tianfu.apps.newborn.mapping.codes import VISITS, WRISTBAND
from tianfu.apps.newborn.mapping.guardians import INPATIENT
from tianfu.apps.newborn.mapping.visits import Element, id_in
from tianfu.apps.newborn.mapping.wards import bands_worn
from tianfu.apps.newborn.model.guardians import CLAIM_DAYS, CLAIMS_A_DAY_MAX, CLAIMS_OPEN_MAX, Ask
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import PLATFORM, found_by, read_all, wards_of_stays
from tianfu.kernel.instants import DAY, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn


async def ask_to_enrol(nursery: Nursery, signed_in: SignedIn, ask: Ask) -> None:
    """Let the ward decide; the same happens, and the same is said, whether or not such a baby is there.

    Raises Refusal `real-name-missing` or `too-many-claims`.
    """
    if not signed_in.account.name_stands:
        raise Refusal("real-name-missing", next_step="prove-your-name")
    now = nursery.clock()
    await nursery.claims.ask(
        signed_in,
        found=None if ask.code else await _baby_of(nursery, ask),
        code=ask.code,
        relation=ask.relation.value,
        certificate=ask.certificate,
        until=Instant(now + CLAIM_DAYS * DAY),
        open_max=CLAIMS_OPEN_MAX,
        day_max=CLAIMS_A_DAY_MAX,
    )


async def _baby_of(nursery: Nursery, ask: Ask) -> tuple[str, str] | None:
    """The baby and ward that number and tail name together; None if they name nobody, or several."""
    store = nursery.store
    stays = await found_by(
        store, VISITS, PLATFORM, "Encounter", identifier=f"{INPATIENT}|{ask.inpatient}", status="in-progress"
    )
    babies = {id_in(each.value.get("subject"), "Patient") for each in stays}
    patients = await read_all(store, VISITS, PLATFORM, [("Patient", each) for each in babies])
    now = nursery.clock()
    fitting = [key[1] for key, each in patients.items() if _wears(each.value, ask.tail, now)]
    wards = await wards_of_stays(store, VISITS, PLATFORM, [each.value for each in stays])
    if len(fitting) != 1 or not wards.get(fitting[0], ("", ""))[0]:
        return None
    return fitting[0], wards[fitting[0]][0]


def _wears(patient: Element, tail: str, now: Instant) -> bool:
    worn = bands_worn(patient, now=now)
    bands = [
        str(each["value"])
        for each in patient.get("identifier", ())
        if each.get("system") == WRISTBAND and each.get("use") == "usual" and str(each.get("value", "")) in worn
    ]
    # Hyphens are for reading: the last four are letters and digits.
    last = [re.sub(r"[^0-9A-Za-z]", "", each)[-4:].upper() for each in bands]
    return len(last) == 1 and compare_digest(last[0].encode(), tail.upper().encode())
