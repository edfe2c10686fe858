"""A nurse lets a family see a day of the diary, and takes it back.  Rule: docs/rules/newborn-diary.md"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.diary import Entry, entry_of, restated
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.diary import (
    State,
    read_reason,
    refuse_unless_releasable,
    refuse_unless_released,
)
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import read_baby_desk
from tianfu.apps.newborn.queries.diary import agreed_at, entry_record
from tianfu.apps.newborn.queries.records import WARD_WORK, changed, not_found, read_all, write_together
from tianfu.kernel.refusal import Refusal


async def release_day(nursery: Nursery, caller: Caller, baby: str, day: str, *, version: str) -> None:
    """Let guardians who agreed see a day as this nurse saw it, with everything that belongs to it at one moment.

    Raises Refusal `not-found`, `written-meanwhile`, and as `refuse_unless_releasable` does.
    """
    desk = await read_baby_desk(nursery, caller, baby)
    entry = await _entry(nursery, caller, baby, day)
    if version != str(entry.version):
        raise Refusal("written-meanwhile", next_step="reload")
    refuse_unless_releasable(entry.state, entry.told, has_photo=bool(entry.photo), agreed=agreed_at(desk))
    await _move(nursery, caller, replace(entry, state=State.RELEASED, reason=""))


async def take_back_day(nursery: Nursery, caller: Caller, baby: str, day: str, reason: str) -> None:
    """Take a released day from the family, who sees the reason instead; raises Refusal `not-found`,
    `diary-not-released` or `reason-needed`."""
    await read_baby_desk(nursery, caller, baby)
    why = read_reason(reason)
    entry = await _entry(nursery, caller, baby, day)
    refuse_unless_released(entry.state)
    await _move(nursery, caller, replace(entry, state=State.TAKEN_BACK, reason=why))


async def _entry(nursery: Nursery, caller: Caller, baby: str, day: str) -> Entry:
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise not_found() from None
    entry = await entry_record(nursery.store, caller, baby, when)
    if entry is None:
        raise not_found()
    return entry


async def _move(nursery: Nursery, caller: Caller, entry: Entry) -> None:
    """The day and all its parts in the entry's state, in one transaction."""
    parts = [("Observation", each) for each in entry.observations]
    parts += [("DocumentReference", entry.photo)] if entry.photo else []
    found = await read_all(nursery.store, caller, WARD_WORK, parts)
    if len(found) != len(parts):
        raise not_found()
    entries: list[Resource] = [
        changed(restated(each.value, entry.state), version=each.version) for each in found.values()
    ]
    references = [f"Observation/{each}" for each in entry.observations]
    day = changed(entry_of(entry, references, now=nursery.clock()), version=entry.version)
    await write_together(nursery.store, caller, [*entries, day])
