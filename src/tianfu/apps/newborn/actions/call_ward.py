"""A family calls the nurse in a live visit, and she answers it.  Rule: docs/rules/newborn-watching.md"""

from __future__ import annotations

from dataclasses import replace

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.apps.newborn.live.bed import visit_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.standing import read, written
from tianfu.apps.newborn.mapping.calls import answer_resource, call_resource
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.calls import Answer, answered, read_answer, read_call
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.queries.family_visit import Watcher, coming_to
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part
from tianfu.standards.fhir.parsing import parse_bundle


async def call_ward(windows: Windows, watcher: Watcher, visit: str, question: str, words: str) -> None:
    """The guardian whose visit it is calls the nurse at the bed.

    Raises Refusal `not-found` for anybody else, `visit-not-there-yet` unless the visit is at the bed, `call-unusable`,
    `call-waits` or `calls-too-many`.
    """
    coming, house, now = await coming_to(windows, watcher, visit), windows.house, windows.nursery.clock()
    if coming.part is not Part.FAMILY or not coming.may_see:
        raise not_found()
    if await house.rooms.find(visit) is None:
        raise Refusal("visit-not-there-yet", next_step="send-again-later")
    async with house.rooms.changing(visit) as changing:
        room = changing.room
        standing = read(room.state)
        if standing.is_over or standing.visit.state is State.ENDING:
            raise Refusal("room-closed", next_step="start-again")
        call = read_call(question, words, before=standing.call, calls=standing.calls, now=now)
        after = replace(standing, call=call, calls=standing.calls + 1)
        await changing.put(written(after), camera=room.camera, is_over=False, is_seen=False, at=room.changed_at)
    await _write(house, call_resource(coming.booked, call))
    facts = {"visit": visit, "question": call.question.value}
    await house.trail.did(watcher.caller, "call-ward", patient=coming.booked.baby, facts=facts)


async def answer_family(
    house: House, caller: Caller, practitioner: str, visit: str, answer: str, said: str, *, now: Instant
) -> None:
    """A nurse answers the family's call: at a touch, in words, or by her voice, for which the ward is then heard.

    Raises Refusal `not-found`, `room-unknown`, `answer-unusable`, `call-answered`, `curtain-drawn` for a voice that
    nobody would hear, and as `set_sound` does; then nothing is answered.
    """
    booked = await visit_of(house, caller, visit)
    word, words = read_answer(answer, said)
    room = await house.rooms.find(visit)
    if room is None:
        raise Refusal("room-unknown", next_step="reload")
    answered(read(room.state).call, word, words, by=practitioner, now=now)
    if word is Answer.VOICE:
        if not read(room.state).is_live:
            raise Refusal("curtain-drawn", next_step="wait", retryable=True)
        await set_sound(house, caller, visit, Sound.WARD_ON)
    async with house.rooms.changing(visit) as changing:
        standing = read(changing.room.state)
        call = answered(standing.call, word, words, by=practitioner, now=now)
        after = written(replace(standing, call=call))
        at, is_over = changing.room.changed_at, changing.room.is_over
        await changing.put(after, camera=changing.room.camera, is_over=is_over, is_seen=False, at=at)
    await _write(house, answer_resource(booked, call))
    facts = {"visit": visit, "answer": word.value}
    await house.trail.did(caller, "answer-family", patient=booked.baby, facts=facts)


async def _write(house: House, resource: Resource) -> None:
    entry = {"resource": resource, "request": {"method": "PUT", "url": f"Communication/{resource['id']}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    await house.store.transaction(VISITS, Purpose.TREATMENT, parse_bundle(orjson.dumps(bundle)))
