"""Room for bodies: how many bytes of what is being sent one web worker holds at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Room:
    """Room for so many bytes; whoever finds none waits at the door with his body unread, the first come first."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._left = bytes_max
        self._door = asyncio.Lock()
        self._given_back = asyncio.Event()

    @asynccontextmanager
    async def of(self, wanted: int) -> AsyncIterator[None]:
        """Hold room; more than there is at all counts as all of it."""
        size = min(wanted, self._bytes_max)
        async with self._door:
            while self._left < size:
                self._given_back.clear()
                await self._given_back.wait()
            self._left -= size
        try:
            yield
        finally:
            self._left += size
            self._given_back.set()
