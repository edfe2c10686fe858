"""A guardian's page is open shortly before or within the slot: the visit waits for the nurse.

Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import Booked, booked_from, restated
from tianfu.apps.newborn.model.visit import State, waits
from tianfu.apps.newborn.queries.family_visit import Coming
from tianfu.apps.newborn.queries.records import PLATFORM, read_one, write
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part


async def wait_for_nurse(windows: Windows, coming: Coming) -> Booked:
    """Have a visit wait if it is time; the visit as it was asked about.  Invited relatives change nothing."""
    store, booked, now = windows.nursery.store, coming.booked, windows.nursery.clock()
    if coming.part is not Part.FAMILY or not coming.may_see or not waits(booked.visit, now=now):
        return booked
    record = await read_one(store, VISITS, PLATFORM, "Appointment", booked.id)
    found = booked_from(record.value, version=record.version)
    if found is None or not waits(found.visit, now=now):
        return booked
    try:
        await write(store, restated(record.value, State.WAITING, ""), expected_version=record.version)
    except Refusal as refusal:
        if refusal.code != "version-conflict":  # another page of hers, or the ward, was faster: asked again at once
            raise
    return booked
