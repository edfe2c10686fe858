"""A nurse opens the curtain by hand: nothing else ever does.  Rule: docs/rules/newborn-visits.md"""

from __future__ import annotations

from contextlib import suppress

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.bed import visit_of, ward_behind_lock
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.standing import read, written
from tianfu.apps.newborn.model.visit import opened
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.rooms import Gate


async def open_curtain(house: House, caller: Caller, visit: str, *, now: Instant) -> None:
    """Let the family see, if everything that must hold holds at this moment.

    Raises Refusal `not-found`, `room-unknown`, `room-closed`, `visit-cut`, `visit-not-there-yet`, `camera-away`,
    `lease-lost` or `media-unavailable`; then the curtain is drawn.  What was refused is in the trail.
    """
    booked = await visit_of(house, caller, visit)
    facts = {"visit": visit}
    try:
        await _open(house, visit, by=caller.practitioner or "", now=now)
    except BaseException as error:
        # Whatever failed after the gate opened: what is not kept as open must not be open.
        with suppress(Refusal):
            await house.media.gate(visit, Gate.SHIELDED, "not-opened")
        if isinstance(error, Refusal):
            await house.trail.did(caller, "open-curtain", patient=booked.baby, outcome=error.code, facts=facts)
        raise
    await house.trail.did(caller, "open-curtain", patient=booked.baby, facts=facts)


async def _open(house: House, visit: str, *, by: str, now: Instant) -> None:
    # She touches the tablet just now: that is heard too.
    await house.rooms.heard([visit], at=now)
    async with house.rooms.changing(visit) as changing:
        # What must hold is read behind the lock: what was true before somebody else let go of it counts no more.
        standing = read(changing.room.state)
        ward = await ward_behind_lock(house, changing, nurse_heard_at=now, now=now)
        after = standing.becoming(opened(standing.visit, ward, now=now), now=now, by=by)
        await changing.put(written(after), camera=changing.room.camera, is_over=False, is_seen=True, at=now)
        await house.media.gate(visit, Gate.LIVE, "nurse")
