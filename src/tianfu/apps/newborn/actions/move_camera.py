"""Somebody of the ward moved the camera by hand and says so: at a touch the curtain is drawn and nothing is bound.

Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from contextlib import suppress

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.live.bed import kept_visit_of
from tianfu.apps.newborn.live.house import UNAVAILABLE, House
from tianfu.apps.newborn.live.standing import Moved, Standing, read, written
from tianfu.apps.newborn.model.visit import CAMERA_ADJUSTED, LENS_TURNED, adjusted
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.rooms import Gate


async def move_camera(
    house: House, caller: Caller, practitioner: str, visit: str, why: str, *, now: Instant, follows_touch: bool = True
) -> None:
    """Draw the curtain, and let nothing open it but new scans and a second person.

    `follows_touch`: of a camera of which somebody said that it was moved, `why` only says why; else it was moved once
    more.  Raises Refusal `not-found`, `room-unknown`, `visit-not-there-yet`, and `media-unavailable` if the media
    server could not be told: then its lease ends what it shows, and the binding is gone all the same.
    """
    unheard: Refusal | None = None
    try:
        await draw_curtain(house, caller, visit, CAMERA_ADJUSTED, now=now)
    except Refusal as refusal:
        if refusal.code not in UNAVAILABLE:
            raise
        unheard = refusal
    booked = await kept_visit_of(house, caller, visit)
    async with house.rooms.changing(visit) as changing:
        standing = read(changing.room.state)
        is_told_already = follows_touch and bool(why) and standing.visit.is_adjusted and not standing.is_over
        after = _moved(standing, Moved(by=practitioner, at=now, why=why), is_told_already=is_told_already)
        since = changing.room.changed_at if is_told_already else now
        await changing.put(written(after), camera=changing.room.camera, is_over=False, is_seen=False, at=since)
        if not is_told_already:
            await changing.forget_scans()
        # Somebody may have opened it between the touch and the row's lock.
        with suppress(Refusal):
            await house.media.gate(visit, Gate.SHIELDED, CAMERA_ADJUSTED)
    facts = {"visit": visit, "camera": changing.room.camera, **({"reason": why} if why else {})}
    await house.trail.did(caller, "move-camera", patient=booked.baby, facts=facts)
    if unheard is not None:
        raise unheard


def _moved(standing: Standing, moved: Moved, *, is_told_already: bool) -> Standing:
    if is_told_already:
        return standing.with_note(moved)
    after = standing.becoming(adjusted(standing.visit, now=moved.at), now=moved.at, by=moved.by)
    if moved.why == LENS_TURNED and after.bindings == standing.bindings:
        return after  # what ended the last binding came before
    return after.with_note(moved)
