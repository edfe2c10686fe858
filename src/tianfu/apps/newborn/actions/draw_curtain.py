"""Somebody of the ward draws a curtain: at a touch, in every state, before anything else is looked at."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.bed import change_standing, kept_visit_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.keeper import ROOM_GONE
from tianfu.apps.newborn.model.visit import State, Visit, shielded
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.rooms import Gate

NOT_ASKABLE = frozenset({"database-unavailable", "overloaded", "audit-queue-full"})
"""Where nobody can be asked whether she may, she may: it shows nothing to anybody."""


async def draw_curtain(house: House, caller: Caller, visit: str, reason: str, *, now: Instant) -> None:
    """Draw the curtain; where nothing is open nothing changes, but for the reason that a family reads.

    Raises Refusal `not-found` for a visit that is none of hers, and `media-unavailable` if the media server could not
    be told: then its lease ends what it shows.
    """
    baby: str | None = None
    try:
        baby = (await kept_visit_of(house, caller, visit)).baby
    except Refusal as refusal:
        if refusal.code not in NOT_ASKABLE:
            raise
    unheard: Refusal | None = None
    try:
        await house.media.gate(visit, Gate.SHIELDED, reason)
    except Refusal as refusal:
        unheard = None if refusal.code in ROOM_GONE else refusal
    with suppress(Refusal):  # what no table or media server knows needs no curtain; who could not be told is told below
        by = caller.practitioner or ""
        await change_standing(house, visit, lambda now_stands: _drawn(now_stands, reason), by=by, now=now)
        # Somebody may have opened it between the touch and the row: what stands as drawn is drawn.
        await house.media.gate(visit, Gate.SHIELDED, reason)
    await house.trail.did(caller, "draw-curtain", patient=baby, facts={"visit": visit, "reason": reason})
    if unheard is not None:
        raise unheard


def _drawn(visit: Visit, reason: str) -> Visit:
    """With the curtain drawn; a reason that follows a touch takes the place of the touch's."""
    if visit.state is State.SHIELDED and visit.fault_since is None:
        return replace(visit, reason=reason)
    return shielded(visit, reason)
