"""A cart is turned to its other lens: before that sends anything, every curtain is drawn and nothing is bound.

Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.move_camera import move_camera
from tianfu.apps.newborn.live.house import UNAVAILABLE, House
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.visit import LENS_TURNED, State
from tianfu.apps.newborn.queries.carts import CartDoor, connection_of
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.grants import Connection

BINDS = frozenset({State.ARMED, State.LIVE, State.SHIELDED})


class LensDoor(CartDoor, Protocol):
    """How a cart that is on air is known again, and let go."""

    async def end(self, connection: Connection, reason: str) -> None:
        """End a connection; raises Refusal `media-unavailable`."""
        ...


async def turn_lens(
    house: House, door: LensDoor, caller: Caller, practitioner: str, camera: str, secret: str, *, now: Instant
) -> None:
    """Let a cart's connection go, with all that was bound by what it showed; one connection is one lens.

    What was scanned of this camera binds nothing any more, whether or not its visit is at the bed already.  Raises
    Refusal `connection-unknown` for whoever is not the cart that is on air, `not-found`, and `media-unavailable` if the
    media server could not be told: nothing is bound all the same, and the lens must not be turned.
    """
    connection = await connection_of(door, caller, camera, secret)
    await house.rooms.forget_scans_with(Code.CAMERA.value, camera)
    unheard = await _unbound(house, caller, practitioner, camera, now=now)
    await door.end(connection, LENS_TURNED)
    # Who confirmed at the same moment may have read what was scanned before it was forgotten.
    unheard = await _unbound(house, caller, practitioner, camera, now=now) or unheard
    if unheard is not None:
        raise unheard


async def _unbound(house: House, caller: Caller, practitioner: str, camera: str, *, now: Instant) -> Refusal | None:
    """Draw every curtain on a camera and end its bindings; why the media server could not be told, if it could not."""
    unheard: Refusal | None = None
    for room in await house.rooms.at_work():
        visit = read(room.state).visit
        if room.camera != camera or visit.state not in BINDS or (visit.is_adjusted and visit.adjusted_at == now):
            continue
        try:
            await move_camera(house, caller, practitioner, room.visit, LENS_TURNED, now=now, follows_touch=False)
        except Refusal as refusal:
            if refusal.code == "visit-not-there-yet":  # over meanwhile
                continue
            if refusal.code not in UNAVAILABLE:
                raise
            unheard = refusal
    return unheard
