"""A nurse writes how a baby is, and a doctor approves it before a family reads it."""

from __future__ import annotations

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.bed import visit_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.mapping.notes import approved_note, note_from, note_resource
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.outcomes import Found
from tianfu.standards.fhir.parsing import parse_bundle

NOTE_CHARACTERS_MAX = 500


async def write_note(house: House, caller: Caller, author: str, visit: str, text: str, *, now: Instant) -> None:
    """Keep a note about a visit's baby; raises Refusal `not-found` or `note-unusable`."""
    tidy = " ".join(text.split())
    if not tidy:
        raise Refusal("note-unusable", faults=(Fault("text", "text-needed"),))
    if len(tidy) > NOTE_CHARACTERS_MAX:
        raise Refusal("note-unusable", faults=(Fault("text", "text-too-long"),))
    booked = await visit_of(house, caller, visit)
    note = note_resource(tidy, baby=booked.baby, author=author, now=now)
    entry: Resource = {"resource": note, "request": {"method": "POST", "url": "Communication"}}
    await _write(house, caller, entry)


async def approve_note(house: House, caller: Caller, doctor: str, note: str, *, version: int) -> str:
    """Let families read a note as the doctor saw it; the baby that it is about.

    Raises Refusal `not-found`, `note-approved-already`, or `version-conflict` if it was changed since.
    """
    [answer] = await house.store.read_many(caller, Purpose.TREATMENT, [("Communication", note)])
    found = note_from(answer.record.value, version=answer.record.version) if isinstance(answer, Found) else None
    if not isinstance(answer, Found) or found is None:
        raise Refusal("not-found", next_step="start-again")
    if found.is_approved:
        raise Refusal("note-approved-already", next_step="reload")
    request = {"method": "PUT", "url": f"Communication/{note}", "ifMatch": f'W/"{version}"'}
    await _write(house, caller, {"resource": approved_note(answer.record.value, doctor), "request": request})
    return found.baby


async def _write(house: House, caller: Caller, entry: Resource) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    await house.store.transaction(caller, Purpose.TREATMENT, parse_bundle(orjson.dumps(bundle)))
