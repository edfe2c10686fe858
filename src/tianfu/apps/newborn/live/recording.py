"""What happened at the bed, written into the record: the Appointment, the live Encounter, the bindings."""

from __future__ import annotations

import orjson

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.standing import Standing
from tianfu.apps.newborn.mapping.bindings import binding_statement
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import Resource, live_encounter, restated
from tianfu.apps.newborn.nurse_ports import VisitStore
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Found
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
    entries = [_put(each) for each in resources]
    if appointment is not None:
        after = restated(appointment.value, standing.visit.state, standing.visit.reason)
        entries.insert(0, _put(after, appointment.version))
    await store.transaction(VISITS, Purpose.TREATMENT, _transaction(entries))


def _put(resource: Resource, version: int | None = None) -> Resource:
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    if version is not None:
        request["ifMatch"] = f'W/"{version}"'
    return {"resource": resource, "request": request}


def _transaction(entries: list[Resource]) -> ParsedBundle:
    return parse_bundle(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
