"""What does works: kinds of work by name, and the port through which one tells how far it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import orjson

from tianfu.db import Database, queries
from tianfu.kernel.instants import Clock

TELL_SECONDS = 0.5
"""How often the row of a running work is written at most; people look about once a second. [ours]"""

LATEST_BYTES_MAX = 16_384
"""Of what a running work shows of itself: the schema holds no more. [ours]"""

_SQL = queries("tianfu.services.jobs.sql", "works.sql")


class GivenUp(Exception):  # noqa: N818 - says what happened; nobody wants this work any more
    """Raised where a work tells its progress, once it is given up; it goes through the work untouched."""


class Doing(Protocol):
    """A running work, for whoever does it; its calls may come from any thread of the worker."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What was asked for."""
        ...

    @property
    def finished(self) -> Mapping[str, str]:
        """Parts that were finished before, by name; also those of a worker that died."""
        ...

    @property
    def asked_by(self) -> str:
        """Who asked for it first."""
        ...

    def progress(self, step: str, done: int, total: int, *, latest: str | None = None) -> None:
        """Tell from a thread how far it is; raises GivenUp once nobody wants it.

        `latest` is what may be seen of it now, of at most LATEST_BYTES_MAX; None leaves what was seen before.
        """
        ...

    async def tell(self, step: str, done: int, total: int) -> None:
        """The same from the loop itself, which may not wait for a thread."""
        ...

    def finish(self, name: str, result: str) -> None:
        """Keep a part's result, so that it need not be done again; durable on return."""
        ...

    def give_up(self) -> None:
        """Have the next progress that is told end it."""
        ...


Value = TypeVar("Value")

Do = Callable[[Doing], Awaitable[str]]
"""Does a work and gives its result; what it raises as a Refusal is what people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of work by the name under which it is asked for."""

    name: str
    do: Do


async def in_thread(doing: Doing, work: Callable[..., Value], *arguments: object) -> Value:
    """What a work computes in a thread that tells its progress.

    Whoever is cancelled has the thread give up and waits for its end: the next work has all cores and the memory.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.wait({running})  # which leaves it alone when it is cancelled itself
    except asyncio.CancelledError:
        doing.give_up()
        while not running.done():
            # Told twice is told: a thread cannot be left behind.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({running})
        if not running.cancelled():
            running.exception()  # how it ended is nobody's any more
        raise
    return running.result()


@dataclass(kw_only=True)
class KeptDoing:
    """A running work whose progress lies in the database.

    Whoever computes sits in a thread; what he tells goes to the loop that holds the connections.
    """

    work: str
    asked_by: str
    arguments: Mapping[str, Any]
    finished: dict[str, str]
    database: Database
    clock: Clock
    loop: asyncio.AbstractEventLoop
    _given_up: threading.Event = field(default_factory=threading.Event)
    _told_at: float = field(default=-TELL_SECONDS)

    def progress(self, step: str, done: int, total: int, *, latest: str | None = None) -> None:
        """As `Doing.progress`."""
        self._go_on()
        if self._is_due(done, total) or latest is not None:
            self._wait_for(self._write(step, done, total, latest))
        self._go_on()

    async def tell(self, step: str, done: int, total: int) -> None:
        """As `Doing.tell`."""
        self._go_on()
        if self._is_due(done, total):
            await self._write(step, done, total, None)
        self._go_on()

    def _go_on(self) -> None:
        if self._given_up.is_set():
            raise GivenUp(self.work)

    def _is_due(self, done: int, total: int) -> bool:
        now = self.loop.time()
        is_due = now - self._told_at >= TELL_SECONDS or done >= total
        if is_due:
            self._told_at = now
        return is_due

    def finish(self, name: str, result: str) -> None:
        """As `Doing.finish`."""
        self._wait_for(self._keep(name, result))
        self.finished[name] = result

    def give_up(self) -> None:
        """Have the next progress that is told end it."""
        self._given_up.set()

    async def _write(self, step: str, done: int, total: int, latest: str | None) -> None:
        async with self.database.connection("app") as connection:
            changed = await connection.run(
                _SQL.tell_progress, work=self.work, step=step, done=done, total=total, latest=latest
            )
        if not changed:
            self.give_up()

    async def _keep(self, name: str, result: str) -> None:
        async with self.database.connection("app") as connection:
            await connection.run(_SQL.add_part, work=self.work, name=name, result=result, now=self.clock())

    def _wait_for(self, telling: Any) -> None:
        asyncio.run_coroutine_threadsafe(telling, self.loop).result()


def told(details: Mapping[str, str]) -> str:
    """Details of a refusal as they are kept."""
    return orjson.dumps(dict(details), option=orjson.OPT_SORT_KEYS).decode()
