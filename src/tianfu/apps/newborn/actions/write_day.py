"""A nurse writes a day of the diary, and puts a photo to it.  Rule: docs/rules/newborn-diary.md"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from uuid import uuid4

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.diary import (
    DIARY,
    Entry,
    entry_of,
    gestation_resource,
    name_of_day,
    observations_of,
    photo_resource,
    restated,
    what_is,
)
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.diary import (
    State,
    read_day,
    read_told,
    refuse_unless_photo_agreed,
    refuse_unless_writable,
)
from tianfu.apps.newborn.model.growth import read_gestation
from tianfu.apps.newborn.model.photo import photo_of
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import read_baby_desk
from tianfu.apps.newborn.queries.diary import agreed_at, entry_record
from tianfu.apps.newborn.queries.records import WARD_WORK, changed, new, read_all, read_one, write_together
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Refusal


async def write_day(nursery: Nursery, caller: Caller, baby: str, day: str, form: Mapping[str, str]) -> None:
    """Keep a draft of a day in the nurse's own name; what was measured lies beside it in Observations.

    Raises Refusal `not-found`, `written-meanwhile` if somebody else wrote meanwhile, and as `read_day`, `read_told` and
    `refuse_unless_writable` do.
    """
    before, when = await _day(nursery, caller, baby, day)
    told = read_told(form)
    if form.get("version", "") != str(before.version if before is not None else 0):
        raise Refusal("written-meanwhile", next_step="reload")
    author = _author(caller)
    known = () if before is None else before.observations
    held = await read_all(nursery.store, caller, WARD_WORK, [("Observation", each) for each in known])
    by_kind = {what_is(each.value): each for each in held.values()}
    observed = observations_of(told, baby=baby, day=when, author=author, state=State.DRAFT)
    entries: list[Resource] = []
    references: list[str] = []
    for what, resource in observed.items():
        if what in by_kind:
            entries.append(changed({**resource, "id": by_kind[what].id}, version=by_kind[what].version))
            references.append(f"Observation/{by_kind[what].id}")
        else:
            name = f"urn:uuid:{uuid4()}"
            entries.append(new(resource, name=name))
            references.append(name)
    for what, record in by_kind.items():
        if what not in observed:
            entries.append(changed(restated(record.value, State.TAKEN_BACK), version=record.version))
    # A photo that was taken back does not come back by itself.
    photo = before.photo if before is not None and before.state is State.DRAFT else ""
    entry = Entry(
        id="" if before is None else before.id,
        version=0 if before is None else before.version,
        baby=baby,
        day=when,
        state=State.DRAFT,
        author=author,
        told=told,
        photo=photo,
    )
    await write_together(nursery.store, caller, [*entries, _composition(nursery, entry, references)])


async def keep_photo(nursery: Nursery, caller: Caller, baby: str, day: str, sent: bytes) -> None:
    """Put a photo to a day's draft, made anew from its pixels; one that lay there is taken back.

    Raises Refusal `not-found`, `photo-not-agreed` before the file is looked at, and as `photo_of` does.
    """
    before, when = await _day(nursery, caller, baby, day)
    refuse_unless_photo_agreed(agreed_at(await read_baby_desk(nursery, caller, baby)))
    photo = await asyncio.to_thread(photo_of, sent)
    name = f"urn:uuid:{uuid4()}"
    author = _author(caller)
    document = photo_resource(photo, baby=baby, day=when, author=author, now=nursery.clock())
    entries = [new(document, name=name), *await _without_photo(nursery, caller, before)]
    blank = Entry(id="", version=0, baby=baby, day=when, state=State.DRAFT, author=author)
    # What was taken back does not come back with a new photo.
    keeps = before if before is not None and before.state is State.DRAFT else None
    entry = keeps or (blank if before is None else replace(blank, id=before.id, version=before.version))
    references = [f"Observation/{each}" for each in entry.observations]
    pictured = replace(entry, author=author, photo=name)
    await write_together(nursery.store, caller, [*entries, _composition(nursery, pictured, references)])


async def remove_photo(nursery: Nursery, caller: Caller, baby: str, day: str) -> None:
    """Take the photo out of a day's draft; raises Refusal `not-found` where there is none."""
    before, _ = await _day(nursery, caller, baby, day)
    if before is None or not before.photo:
        raise Refusal("not-found", next_step="reload")
    entries = await _without_photo(nursery, caller, before)
    references = [f"Observation/{each}" for each in before.observations]
    bare = replace(before, author=_author(caller), photo="")
    await write_together(nursery.store, caller, [*entries, _composition(nursery, bare, references)])


async def keep_gestation(nursery: Nursery, caller: Caller, baby: str, form: Mapping[str, str]) -> None:
    """Write down how long the pregnancy was; a correction is a newer Observation.

    Raises Refusal `not-found` and `gestation-unusable`.
    """
    await read_baby_desk(nursery, caller, baby)
    days = read_gestation(form)
    day = china_date(nursery.clock())
    await write_together(
        nursery.store, caller, [new(gestation_resource(days, baby=baby, author=_author(caller), day=day))]
    )


async def _day(nursery: Nursery, caller: Caller, baby: str, day: str) -> tuple[Entry | None, date]:
    """The entry of a day that the caller may write now; None if there is none yet."""
    await read_baby_desk(nursery, caller, baby)
    patient = await read_one(nursery.store, caller, WARD_WORK, "Patient", baby)
    when = read_day(day, today=china_date(nursery.clock()), born=_birth(str(patient.value.get("birthDate", ""))))
    before = await entry_record(nursery.store, caller, baby, when)
    if before is not None:
        refuse_unless_writable(before.state)
    return before, when


async def _without_photo(nursery: Nursery, caller: Caller, before: Entry | None) -> list[Resource]:
    if before is None or not before.photo:
        return []
    record = await read_one(nursery.store, caller, WARD_WORK, "DocumentReference", before.photo)
    return [changed(restated(record.value, State.TAKEN_BACK), version=record.version)]


def _composition(nursery: Nursery, entry: Entry, references: list[str]) -> Resource:
    resource = entry_of(entry, references, now=nursery.clock())
    if entry.id:
        return changed(resource, version=entry.version)
    return new(resource, once=f"identifier={DIARY}|{name_of_day(entry.baby, entry.day)}")


def _author(caller: Caller) -> str:
    """The Practitioner who writes; raises Refusal `practitioner-missing`."""
    if caller.practitioner is None:
        raise Refusal("practitioner-missing", next_step="ask-your-office")
    return caller.practitioner


def _birth(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
