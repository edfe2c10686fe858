"""What a ward offers stands in the record: its Schedule, and every Slot of the days that can be booked.

A booking writes its Slot together with its Appointment; here is set right what time, a new policy or a process that
died has changed beside it.  Rule: docs/rules/newborn-booking.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import structlog

from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.offers import FREE, FULL, WITHDRAWN, schedule_id, schedule_of, slot_id, slot_of
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.booking import Taken, free_places
from tianfu.apps.newborn.model.windows import Policy, Slot, days_open, policy_on, slots_on
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.free_slots import as_taken, read_policies
from tianfu.apps.newborn.queries.records import PLATFORM, changed, write_together
from tianfu.kernel.instants import DAY, Instant, china_date, day_start, to_fhir_instant
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.records.searching import SearchRequest

LOOK_SECONDS = 15.0
SLOTS_MAX = 500
"""A day with more is not written: no ward offers so many, and the log says so."""

_log = structlog.get_logger("tianfu.newborn")


@dataclass(frozen=True, slots=True)
class Written:
    """What this process last wrote of each ward and day, so that nothing is read or written where nothing changed."""

    schedules: dict[str, Policy] = field(default_factory=dict)
    days: dict[tuple[str, date], tuple[tuple[Slot, str], ...]] = field(default_factory=dict)


async def keep_offers(nursery: Nursery) -> None:
    """Do so for all wards again and again; goes on until cancelled."""
    written = Written()
    while True:
        try:
            await write_offers(nursery, written)
        except Exception as error:
            _log.error("offers_not_written", error=place_of(error))
        await asyncio.sleep(LOOK_SECONDS)


async def write_offers(nursery: Nursery, written: Written) -> None:
    """What every ward offers now, where it differs from what was written; raises the first Refusal after all."""
    failed: list[Refusal] = []
    for ward in await nursery.places.wards():
        try:
            await write_offer(nursery, ward, written)
        except Refusal as refusal:
            failed.append(refusal)
    if failed:
        raise failed[0]


async def write_offer(nursery: Nursery, ward: str, written: Written) -> None:
    """What one ward offers now; a time that it offers no more is said to be so, and stays."""
    policies = await read_policies(nursery, ward)
    today = china_date(nursery.clock())
    policy = policy_on(policies, today)
    if policy is None:
        return
    if written.schedules.get(ward) != policy:
        await write_together(nursery.store, VISITS, [changed(schedule_of(ward, policy))])
        written.schedules[ward] = policy
    days = days_open(policies, today)
    since, until = day_start(days[0]) - DAY, day_start(days[-1]) + DAY
    taken = as_taken(await nursery.places.taken(ward, Instant(since), Instant(until)))
    for day in days:
        offered = tuple((slot, _status(slot, taken)) for slot in slots_on(policies, day))
        if written.days.get((ward, day)) == offered:
            continue
        await _write_day(nursery, ward, day, offered)
        written.days[ward, day] = offered
    for gone in [key for key in written.days if key[1] < today]:
        del written.days[gone]


async def slots_now(
    nursery: Nursery, ward: str, starts: Sequence[Instant], *, without: str = ""
) -> Mapping[Instant, Resource]:
    """The Slots that begin at these moments as they stand, with the place `without` given up; for whoever books."""
    policies = await read_policies(nursery, ward)
    taken = as_taken(
        [
            each
            for each in await nursery.places.taken(ward, Instant(min(starts) - DAY), Instant(max(starts) + DAY))
            if each.id != without
        ]
    )
    offered = {slot.start: slot for start in starts for slot in slots_on(policies, china_date(start))}
    return {
        start: slot_of(ward, offered[start], _status(offered[start], taken)) for start in starts if start in offered
    }


async def _write_day(nursery: Nursery, ward: str, day: date, offered: Sequence[tuple[Slot, str]]) -> None:
    if len(offered) > SLOTS_MAX:
        _log.warning("too_many_slots", ward=ward, count=len(offered))
        return
    begins = day_start(day)
    asked = (
        ("schedule", f"Schedule/{schedule_id(ward)}"),
        ("start", f"ge{to_fhir_instant(begins)}"),
        ("start", f"lt{to_fhir_instant(Instant(begins + DAY))}"),
        ("_count", str(SLOTS_MAX)),
    )
    page = await nursery.store.search(VISITS, PLATFORM, SearchRequest(type="Slot", parameters=asked))
    stands = {each.id: each for each in page.records}
    entries = []
    for slot, status in offered:
        before = stands.pop(slot_id(ward, slot.start), None)
        resource = slot_of(ward, slot, status)
        if before is None or {name: before.value.get(name) for name in resource} != resource:
            entries.append(changed(resource))
    entries += [
        changed({**{name: value for name, value in each.value.items() if name != "meta"}, "status": WITHDRAWN})
        for each in stands.values()
        if each.value.get("status") != WITHDRAWN
    ]
    if entries:
        await write_together(nursery.store, VISITS, entries)


def _status(slot: Slot, taken: Sequence[Taken]) -> str:
    return FREE if free_places(slot, taken) else FULL
