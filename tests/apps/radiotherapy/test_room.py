"""Bodies have their room: what is held at once is bounded, and nobody is passed by or loses room."""

from __future__ import annotations

import asyncio

import pytest

from tianfu.apps.radiotherapy.room import Room

pytestmark = pytest.mark.anyio


async def test_no_more_than_the_room_is_held_at_once_and_all_come_in_the_end() -> None:
    room, held, most, came = Room(10), 0, 0, []

    async def come(number: int, size: int) -> None:
        nonlocal held, most
        async with room.of(size):
            held += min(size, 10)
            most = max(most, held)
            came.append(number)
            await asyncio.sleep(0)
            held -= min(size, 10)

    await asyncio.gather(*(come(number, 1 + number * 7 % 12) for number in range(40)))
    assert most <= 10
    assert came == list(range(40))


async def test_one_who_goes_away_at_the_door_or_inside_takes_no_room_with_him() -> None:
    room = Room(10)
    async with room.of(10):
        waiting = asyncio.create_task(room.of(1).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    with pytest.raises(ConnectionError):
        async with room.of(10):
            raise ConnectionError
    async with asyncio.timeout(1), room.of(10):
        pass
