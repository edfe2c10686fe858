"""An expert says in writing what he thinks; it stands in the baby's record in his name.

Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

import orjson

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.consult import TRIES_MAX, asked_of
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.consultations import opinion_from, opinion_of, with_status
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.consultation import may_write_opinion, read_opinion
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import PLATFORM, changed, not_found, read_all, write_together
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.records.write import NO_VERSION
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.standards.fhir.parsing import parse_resource


async def give_opinion(consulting: Consulting, signed_in: SignedIn, expert: str, visit: str, text: str) -> None:
    """Keep an opinion, once; a signature, so it needs a fresh proof.

    The asking is answered in the same step: of two that are sent at one moment, one is kept.  It is traced before it
    is kept.  Raises Refusal `proof-too-old`, `not-found`, `opinion-unusable`, `opinion-closed`, `opinion-written`.
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
    for tries in range(1, TRIES_MAX + 1):
        wanted = [("ServiceRequest", visit), ("DiagnosticReport", visit)]
        found = await read_all(nursery.store, VISITS, PLATFORM, wanted)
        request = found.get(("ServiceRequest", visit))
        if request is None:
            raise not_found()
        stands = found.get(("DiagnosticReport", visit))
        if stands is not None and opinion_from(stands.value) is not None:
            raise Refusal("opinion-written", next_step="reload")
        if tries == 1:
            await house.trail.did(caller, "sign-opinion", patient=booked.baby, facts={"visit": visit})
        try:
            await _write(nursery, request, opinion_of(booked, tidy, now=now), stands)
        except Refusal as refusal:
            if refusal.code != "version-conflict" or tries == TRIES_MAX:
                raise
        else:
            return


async def _write(nursery: Nursery, request: Record, opinion: Resource, stands: Record | None) -> None:
    """Write an opinion where none stands; the asking is answered by it, and what was revoked stays revoked.

    `stands` is what somebody else put under its name; it stays in the history.  Raises Refusal `version-conflict`.
    """
    before = None if stands is None else stands.version
    if request.value.get("status") != "active":
        content, name = parse_resource(orjson.dumps(opinion)), opinion["id"]
        await nursery.store.update(VISITS, PLATFORM, content, name, expected_version=before or NO_VERSION)
        return
    answered = changed(with_status(request.value, "completed"), version=request.version)
    await write_together(nursery.store, VISITS, [answered, changed(opinion, version=before)])
