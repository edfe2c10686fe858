"""An expert says in writing what he thinks; it stands in the baby's record in his name.

Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.consult import asked_of
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.consultations import opinion_of, with_status
from tianfu.apps.newborn.model.consultation import may_write_opinion, read_opinion
from tianfu.apps.newborn.queries.records import PLATFORM, changed, not_found, read_all, write_together
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import refuse_unless_fresh


async def give_opinion(consulting: Consulting, signed_in: SignedIn, expert: str, visit: str, text: str) -> None:
    """Keep an opinion, once; a signature, so it needs a fresh proof.

    The asking is answered in the same step: of two that are sent at one moment, one is kept.  Raises Refusal
    `proof-too-old`, `not-found`, `opinion-unusable`, `opinion-closed`, `opinion-written`.
    """
    nursery, house = consulting.windows.nursery, consulting.windows.house
    caller: Caller = signed_in.caller
    booked = await asked_of(nursery, expert, visit)
    now = nursery.clock()
    refuse_unless_fresh(signed_in, now)
    tidy = read_opinion(text)
    was_at_bed = await house.rooms.find(visit) is not None
    if not may_write_opinion(booked.end, was_at_bed=was_at_bed, now=now):
        raise Refusal("opinion-closed", next_step="call-the-ward")
    found = await read_all(nursery.store, VISITS, PLATFORM, [("ServiceRequest", visit), ("DiagnosticReport", visit)])
    request = found.get(("ServiceRequest", visit))
    if request is None:
        raise not_found()
    if ("DiagnosticReport", visit) in found:
        raise Refusal("opinion-written", next_step="reload")
    answered = changed(with_status(request.value, "completed"), version=request.version)
    await write_together(nursery.store, VISITS, [answered, changed(opinion_of(booked, tidy, now=now))])
    await house.trail.did(caller, "sign-opinion", patient=booked.baby, facts={"visit": visit})
