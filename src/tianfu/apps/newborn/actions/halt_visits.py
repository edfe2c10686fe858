"""A doctor of the ward pauses one baby's visits, or lets them go on; staff say that an alarm at the bed is over.

Each is a Flag that they write in their own names; the keeper sees it within a look, and opens nothing by itself.
Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import ALARM, VISITS_PAUSED
from tianfu.apps.newborn.mapping.halts import lowered, pause_flag
from tianfu.apps.newborn.mapping.wards import is_raised
from tianfu.apps.newborn.ports import RecordStore
from tianfu.apps.newborn.queries.records import (
    WARD_WORK,
    changed,
    found_all,
    new,
    not_found,
    read_one,
    stays_in,
    ward_of_unit,
    write_together,
)
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record

WHY_CHARACTERS_MAX = 200


async def pause_visits(store: RecordStore, caller: Caller, baby: str, why: str, *, now: Instant) -> None:
    """Let a baby of her ward have no visits until a doctor says so; paused once more, nothing changes.

    Raises Refusal `not-found`, `doctor-needed` and `reason-missing`.
    """
    doctor = await _doctor_of(store, caller, baby)
    tidy = " ".join(why.split())
    if not tidy or len(tidy) > WHY_CHARACTERS_MAX:
        raise Refusal("reason-missing")
    if not await _raised(store, caller, baby, VISITS_PAUSED):
        await write_together(store, caller, [new(pause_flag(baby, doctor, tidy, now=now))])


async def resume_visits(store: RecordStore, caller: Caller, baby: str, *, now: Instant) -> None:
    """Let a baby's visits go on, whichever doctor paused them; raises Refusal `not-found` and `doctor-needed`."""
    await _doctor_of(store, caller, baby)
    await _lower(store, caller, baby, VISITS_PAUSED, now=now)


async def end_alarm(store: RecordStore, caller: Caller, baby: str, *, now: Instant) -> None:
    """Say that the alarm at a bed is over, where whoever raised it does not; raises Refusal `not-found`."""
    await _lower(store, caller, baby, ALARM, now=now)


async def _doctor_of(store: RecordStore, caller: Caller, baby: str) -> str:
    """The Practitioner of a doctor of the ward in which a baby stays."""
    ward = await ward_of_unit(store, caller)
    await read_one(store, caller, WARD_WORK, "Patient", baby)
    if caller.role != "doctor" or caller.practitioner is None:
        raise Refusal("doctor-needed", next_step="ask-a-doctor")
    if not await stays_in(store, baby, ward.id):
        raise not_found()
    return caller.practitioner


async def _lower(store: RecordStore, caller: Caller, baby: str, what: str, *, now: Instant) -> None:
    standing = await _raised(store, caller, baby, what)
    if standing:
        entries = [changed(lowered(each.value, now=now), version=each.version) for each in standing]
        await write_together(store, caller, entries)


async def _raised(store: RecordStore, caller: Caller, baby: str, what: str) -> list[Record]:
    flags = await found_all(store, caller, WARD_WORK, "Flag", patient=f"Patient/{baby}")
    return [each for each in flags if is_raised(each.value, what)]
