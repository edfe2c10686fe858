"""What happened at the bed, written into the record: the Appointment, the live Encounter, the bindings, the calls."""

from __future__ import annotations

import orjson

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.standing import Standing
from tianfu.apps.newborn.mapping.bindings import binding_statement
from tianfu.apps.newborn.mapping.calls import answer_id, answer_resource, call_id, call_resource, unanswered
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import Booked, Resource, live_encounter, restated
from tianfu.apps.newborn.model.calls import Call
from tianfu.apps.newborn.nurse_ports import VisitStore
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Answer, Found, NotFound
from tianfu.standards.fhir.parsing import ParsedBundle, parse_bundle


async def write_standing(store: VisitStore, standing: Standing, *, was_seen: bool, now: Instant) -> None:
    """Write how a visit stands, all records or none; written again, it says the same.

    Where its Appointment is gone, the rest is written.  Raises Refusal `version-conflict` if its Appointment was
    written meanwhile: then again.
    """
    visit = standing.booked.id
    answers = await store.read_many(VISITS, Purpose.TREATMENT, [("Appointment", visit), ("Encounter", visit)])
    appointment, encounter = (each.record if isinstance(each, Found) else None for each in answers)
    resources = [
        live_encounter(
            None if encounter is None else encounter.value,
            standing.booked,
            standing.visit,
            bed=standing.bed,
            was_seen=was_seen,
            now=now,
        ),
        *(
            binding_statement(each.binding, visit, since=each.since, until=each.until, moved=each.moved)
            for each in standing.bindings
        ),
    ]
    entries = [_put(each) for each in (*resources, *await _calls_to_write(store, standing))]
    if appointment is not None:
        after = restated(appointment.value, standing.visit.state, standing.visit.reason)
        entries.insert(0, _put(after, appointment.version))
    await store.transaction(VISITS, Purpose.TREATMENT, _transaction(entries))


async def write_calls(store: VisitStore, standing: Standing) -> None:
    """Write what the record does not know of the family's calls and of their answers; safe to repeat."""
    resources = await _calls_to_write(store, standing)
    if resources:
        await store.transaction(VISITS, Purpose.TREATMENT, _transaction([_put(each) for each in resources]))


async def _calls_to_write(store: VisitStore, standing: Standing) -> list[Resource]:
    """Calls and answers that are missing; what somebody else made of one that was written stays as it is."""
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
        resources += _answer_to_write(booked, each, known[answer_id(booked, each)])
    return resources


def _answer_to_write(booked: Booked, call: Call, known: Answer) -> list[Resource]:
    before = known.record.value if isinstance(known, Found) else None
    if call.is_waiting:
        is_taken_back = before is not None and before.get("status") == "completed"
        return [unanswered(before)] if before is not None and is_taken_back else []
    after = answer_resource(booked, call)
    is_another = before is not None and before.get("sent") != after["sent"]
    return [after] if isinstance(known, NotFound) or is_another else []


def _put(resource: Resource, version: int | None = None) -> Resource:
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    if version is not None:
        request["ifMatch"] = f'W/"{version}"'
    return {"resource": resource, "request": request}


def _transaction(entries: list[Resource]) -> ParsedBundle:
    return parse_bundle(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
