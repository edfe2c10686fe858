"""The media server lets of the ward be heard what stands in the visit's row, whatever failed or died in between.

Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tianfu.apps.newborn.live.house import UNAVAILABLE, House
from tianfu.apps.newborn.live.standing import read
from tianfu.kernel.refusal import Refusal


@asynccontextmanager
async def letting_hear(house: House, visit: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """How the family is let hear the ward: last of all within the row's lock, after what is put and traced there.

    If anything fails from then on, also the commit, the ward is heard only if that stands.  A media server that cannot
    be told is told by the keeper when it is back.
    """
    is_told = False

    async def let_hear() -> None:
        nonlocal is_told
        is_told = True
        await house.media.hear_ward(visit, is_heard=True)

    try:
        yield let_hear
    except BaseException as error:
        if is_told and not (isinstance(error, Refusal) and error.code in UNAVAILABLE):
            try:
                await tell_sound(house, visit)
            except Refusal:  # nobody knows what stands
                with suppress(Refusal):
                    await house.media.hear_ward(visit, is_heard=False)
        raise


async def tell_sound(house: House, visit: str, *, waits_seconds: float | None = None) -> None:
    """Tell the media server whether the ward is heard; within the lock, so that no later nurse is undone.

    Raises Refusal `room-unknown` or `media-unavailable`, or RoomHeld as `KeptRooms.changing` does.
    """
    async with house.rooms.changing(visit, waits_seconds=waits_seconds) as changing:
        await house.media.hear_ward(visit, is_heard=read(changing.room.state).is_ward_heard)
