"""A family calls the nurse in a live visit, and she answers it.  Rule: docs/rules/newborn-watching.md"""

from __future__ import annotations

from dataclasses import replace

import structlog

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.set_sound import Sound, deed_of
from tianfu.apps.newborn.live.bed import visit_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.recording import write_calls
from tianfu.apps.newborn.live.sound import letting_hear
from tianfu.apps.newborn.live.standing import Standing, read, written
from tianfu.apps.newborn.model.calls import Answer, answered, read_answer, read_call
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.model.workload import ANSWERED
from tianfu.apps.newborn.queries.family_visit import Watcher, coming_to
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.kept import Changing

ANSWER_FAMILY = "answer-family"

_log = structlog.get_logger("tianfu.newborn")


async def call_ward(windows: Windows, watcher: Watcher, visit: str, question: str, words: str) -> None:
    """The guardian whose visit it is calls the nurse at the bed.

    Raises Refusal `not-found` for anybody else, `visit-not-there-yet` unless the visit is at the bed, `call-unusable`,
    `call-waits` or `calls-too-many`.
    """
    coming, house, now = await coming_to(windows, watcher, visit), windows.house, windows.nursery.clock()
    if not coming.is_own or not coming.may_see:
        raise not_found()
    if await house.rooms.find(visit) is None:
        raise Refusal("visit-not-there-yet", next_step="send-again-later")
    async with house.rooms.changing(visit) as changing:
        room = changing.room
        standing = read(room.state)
        if standing.is_over or standing.visit.state is State.ENDING:
            raise Refusal("room-closed", next_step="start-again")
        call = read_call(question, words, before=standing.call, calls=standing.calls, now=now)
        after = standing.calling(call, is_written=room.written >= room.version)
        await _put(changing, after)
        facts = {"visit": visit, "question": call.question.value}
        await house.trail.did_within(changing, watcher.caller, "call-ward", patient=coming.booked.baby, facts=facts)
    await _write(house, after)


async def answer_family(
    house: House, caller: Caller, practitioner: str, visit: str, answer: str, said: str, *, seen: str, now: Instant
) -> None:
    """A nurse answers the call that she has seen: at a touch, in words, or by her voice, for which the ward is heard.

    Raises Refusal `not-found`, `room-unknown`, `answer-unusable`, `call-answered`, `curtain-drawn` for a voice that
    nobody would hear, and `media-unavailable`; then nothing is answered, and nothing more is heard.
    """
    booked = await visit_of(house, caller, visit)
    word, words = read_answer(answer, said)
    async with letting_hear(house, visit) as let_hear, house.rooms.changing(visit) as changing:
        standing = read(changing.room.state)
        call = answered(standing.call, word, words, seen=seen, by=practitioner, now=now)
        if word is Answer.VOICE and not standing.is_live:
            raise Refusal("curtain-drawn", next_step="wait", retryable=True)
        is_ward_heard = standing.is_ward_heard or word is Answer.VOICE
        after = replace(standing, call=call, is_ward_heard=is_ward_heard).having(ANSWERED, by=practitioner, at=now)
        await _put(changing, after)
        deeds = [(ANSWER_FAMILY, {"visit": visit, "answer": word.value})]
        if word is Answer.VOICE:
            deeds.append((deed_of(Sound.WARD_ON), {"visit": visit, "sound": Sound.WARD_ON.value}))
        for deed, facts in deeds:
            await house.trail.did_within(changing, caller, deed, patient=booked.baby, facts=facts)
        if word is Answer.VOICE:
            await let_hear()
    await _write(house, after)


async def _put(changing: Changing, standing: Standing) -> None:
    room = changing.room
    await changing.put(written(standing), camera=room.camera, is_over=room.is_over, is_seen=False, at=room.changed_at)


async def _write(house: House, standing: Standing) -> None:
    """Have the record know it at once; what it does not know then, the keeper writes."""
    try:
        await write_calls(house.store, standing)
    except Refusal as refusal:
        _log.warning("call_not_written", visit=standing.booked.id, refusal=refusal.code)
