"""What happened at the bed, written into the record: the Appointment, the live Encounter, the bindings, the calls."""

from __future__ import annotations

import orjson

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.standing import Standing, read
from tianfu.apps.newborn.mapping.bindings import binding_statement
from tianfu.apps.newborn.mapping.calls import answer_id, answer_resource, call_id, call_resource
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import Resource, is_over, live_encounter, restated
from tianfu.apps.newborn.nurse_ports import VisitStore
from tianfu.records.outcomes import Found, NotFound
from tianfu.standards.fhir.parsing import ParsedBundle, parse_bundle


async def write_standing(house: House, visit: str) -> bool:
    """Write how a visit stands now, all records or none; whether that counts.  Written again, it says the same.

    The record is read before the row: who wrote what is newer either is seen here, or makes this one's versions old.
    Where its Appointment is gone, the rest is written.  Where the Appointment says that it is over and the row does not
    yet, nothing is: whoever ended it is not overruled, and the next look ends it in the row, too.  Raises Refusal
    `version-conflict` if somebody wrote meanwhile: then again.
    """
    store = house.store
    answers = await store.read_many(VISITS, Purpose.TREATMENT, [("Appointment", visit), ("Encounter", visit)])
    appointment, encounter = (each.record if isinstance(each, Found) else None for each in answers)
    room = await house.rooms.find(visit)
    if room is None:
        return True
    standing = read(room.state)
    if appointment is not None and not standing.is_over and is_over(appointment.value):
        return False
    stays = live_encounter(
        None if encounter is None else encounter.value,
        standing.booked,
        standing.visit,
        bed=standing.bed,
        was_seen=room.was_seen,
        now=house.clock(),
    )
    bound = [
        binding_statement(each.binding, visit, since=each.since, until=each.until, moved=each.moved)
        for each in standing.bindings
    ]
    entries = [_put(stays, None if encounter is None else encounter.version)]
    entries += [_put(each) for each in (*bound, *await _calls_to_write(store, standing))]
    if appointment is not None:
        after = restated(appointment.value, standing.visit.state, standing.visit.reason)
        entries.insert(0, _put(after, appointment.version))
    await store.transaction(VISITS, Purpose.TREATMENT, _transaction(entries))
    await house.rooms.written(visit, room.version)
    return True


async def write_calls(store: VisitStore, standing: Standing) -> None:
    """Write what the record does not know of the family's calls and of their answers; safe to repeat."""
    resources = await _calls_to_write(store, standing)
    if resources:
        await store.transaction(VISITS, Purpose.TREATMENT, _transaction([_put(each) for each in resources]))


async def _calls_to_write(store: VisitStore, standing: Standing) -> list[Resource]:
    """Calls and answers that are missing: an answer that was given is never another.

    What somebody else made of one that was written stays as it is.
    """
    booked, calls = standing.booked, standing.calls_to_tell
    if not calls:
        return []
    names = [name(booked, each) for each in calls for name in (call_id, answer_id)]
    answers = await store.read_many(VISITS, Purpose.TREATMENT, [("Communication", each) for each in names])
    known = dict(zip(names, answers, strict=True))
    resources = []
    for each in calls:
        if isinstance(known[call_id(booked, each)], NotFound):
            resources.append(call_resource(booked, each))
        if not each.is_waiting and isinstance(known[answer_id(booked, each)], NotFound):
            resources.append(answer_resource(booked, each))
    return resources


def _put(resource: Resource, version: int | None = None) -> Resource:
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    if version is not None:
        request["ifMatch"] = f'W/"{version}"'
    return {"resource": resource, "request": request}


def _transaction(entries: list[Resource]) -> ParsedBundle:
    return parse_bundle(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
