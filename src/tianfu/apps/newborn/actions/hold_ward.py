"""Somebody of a ward holds all its visits at a touch, or lets them be opened again; no curtain opens by that."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.bed import change_standing
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.model.visit import shielded
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.kept import KeptRoom
from tianfu.services.realtime.protocol.rooms import Gate

REASON = "ward-held"


async def hold_ward(house: House, caller: Caller, person: str, ward: str, *, now: Instant) -> None:
    """Draw every curtain of a ward and keep them drawn; `person` is a Practitioner, `ward` one of hers."""
    rooms = await _at_bed(house, ward)
    await asyncio.gather(*(_draw(house, room) for room in rooms))
    await house.rooms.hold(ward, by=person, at=now)
    # Once more: one that was opened in between was opened by a look at the ward before it was held.
    await asyncio.gather(*(_draw(house, room) for room in rooms))
    for room in await _at_bed(house, ward):
        with suppress(Refusal):  # the keeper writes it too; whoever looks at once must not read that it is live
            await change_standing(house, room.visit, lambda visit: shielded(visit, REASON), by=person, now=now)
    # And again: a nurse who was opening held the row until her gate was open, and her room may have come since.
    await asyncio.gather(*(_draw(house, room) for room in await _at_bed(house, ward)))
    await house.trail.did(caller, "hold-ward", patient=None, facts={"ward": ward})


async def release_ward(house: House, caller: Caller, ward: str) -> None:
    """Let the curtains of a ward be opened again, each by hand."""
    await house.rooms.release(ward)
    await house.trail.did(caller, "release-ward", patient=None, facts={"ward": ward})


async def _at_bed(house: House, ward: str) -> list[KeptRoom]:
    return [room for room in await house.rooms.at_work() if room.ward == ward and not room.is_over]


async def _draw(house: House, room: KeptRoom) -> None:
    with suppress(Refusal):  # the keeper draws it too, and the lease ends
        await house.media.gate(room.visit, Gate.SHIELDED, REASON)
