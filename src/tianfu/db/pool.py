"""Connections kept open for one role, lent to one task at a time; the most recently used is lent first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tianfu.db.errors import database_unavailable
from tianfu.db.link import Link
from tianfu.kernel.refusal import Refusal

Opening = Callable[[], Awaitable[Link]]


class Pool:
    """At most `links_max` connections; at most `waiting_max` tasks queue for one, none longer than `wait_seconds`."""

    def __init__(self, opening: Opening, *, links_max: int, waiting_max: int, wait_seconds: float) -> None:
        self._opening = opening
        self._links_max = links_max
        self._waiting_max = waiting_max
        self._wait_seconds = wait_seconds
        self._idle: list[Link] = []
        self._lent: set[Link] = set()
        self._opened = 0
        self._waiting: deque[asyncio.Future[Link | None]] = deque()
        self._closed = False

    @property
    def opened(self) -> int:
        """How many connections exist."""
        return self._opened

    def lend_now(self) -> Link | None:
        """An idle connection, if there is one; the quick way in."""
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                self._lent.add(link)
                return link
            self._drop(link)
        return None

    async def lend(self) -> Link:
        """A connection, opened or waited for; raises the refusal "database-unavailable"."""
        if self._closed:
            raise database_unavailable("closed")
        if link := self.lend_now():
            return link
        if self._opened < self._links_max:
            return await self._open()
        return await self._wait()

    def give_back(self, link: Link) -> None:
        """Take a connection back; one that is broken or in the middle of something is closed instead."""
        self._lent.discard(link)
        if not link.usable or self._closed:
            self._drop(link)
            self._wake_next(None)
            return
        if not self._wake_next(link):
            self._idle.append(link)

    def close(self) -> None:
        """Close all connections, also those lent out."""
        self._closed = True
        for link in [*self._idle, *self._lent]:
            link.close()
        self._idle.clear()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(database_unavailable("closed"))
        self._waiting.clear()

    async def _open(self) -> Link:
        self._opened += 1
        try:
            link = await self._opening()
        except BaseException:
            self._opened -= 1
            self._wake_next(None)
            raise
        self._lent.add(link)
        return link

    async def _wait(self) -> Link:
        if len(self._waiting) >= self._waiting_max:
            raise database_unavailable("too-many-waiting")
        waiter: asyncio.Future[Link | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._wait_seconds):
                link = await waiter
        except TimeoutError:
            raise database_unavailable("all-connections-busy") from None
        except asyncio.CancelledError:
            self._pass_on(waiter)
            raise
        finally:
            with suppress(ValueError):  # whoever woke this task took it off the queue
                self._waiting.remove(waiter)
        return link if link is not None else await self.lend()

    def _pass_on(self, waiter: asyncio.Future[Link | None]) -> None:
        """A task was cancelled in the moment in which it got a connection: the next one gets it."""
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            link = waiter.result()
            if link is None:
                self._wake_next(None)
            else:
                self.give_back(link)

    def _wake_next(self, link: Link | None) -> bool:
        """Hand `link` to the task that waits longest; None tells it to open one itself."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                if link is not None:
                    self._lent.add(link)
                waiter.set_result(link)
                return True
        return False

    def _drop(self, link: Link) -> None:
        self._opened -= 1
        link.close()


async def connected(opening: Opening, *, within_seconds: float) -> Link:
    """Open a connection, trying again while the server is starting."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + within_seconds
    while True:
        try:
            return await opening()
        except Refusal:
            if loop.time() > give_up_at:
                raise
            await asyncio.sleep(0.1)
