"""Requests that arrive together share a statement: a group runs while the next one gathers.

The first request starts at once, those that come while it runs form the next group: the busier it is, the more
requests share the cost of a round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from tianfu.kernel.refusal import Refusal

Request = TypeVar("Request")
Answer = TypeVar("Answer")

GROUP_MAX = 128
WAITING_MAX = 4_096

PATIENCE_SECONDS = 0.005
"""How long a group is waited for before another runs beside it: as long as a group takes if nothing is slow."""


class Grouped(Generic[Request, Answer]):
    """Runs `work` on groups of requests, at most `parallel` groups at a time.

    With `patient`, another group begins beside one that runs only once that one has taken longer than usual.
    `work` answers each request of a group, an exception in the place of an answer refusing that request alone.
    If `work` itself raises, each request of the group is tried alone, so that one bad request harms no other;
    but not if the work may have been done all the same.
    Requests with the same `key` never share a group, nor run at the same time.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Request]], Awaitable[Sequence[Answer | Exception]]],
        *,
        parallel: int,
        patient: bool = False,
        key: Callable[[Request], Hashable] | None = None,
    ) -> None:
        self._work = work
        self._parallel = parallel
        self._patience_seconds = PATIENCE_SECONDS if patient else 0.0
        self._begin_again_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._key = key
        self._waiting: list[tuple[Request, asyncio.Future[Answer]]] = []
        self._busy: set[Hashable] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def ask(self, request: Request) -> Answer:
        """The answer to one request; raises what `work` put in its place."""
        if len(self._waiting) >= WAITING_MAX:
            raise Refusal("too-busy", next_step="send-again-later", retryable=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((request, answer))
        if not self._scheduled and len(self._running) < self._parallel:
            self._scheduled = True
            loop.call_soon(self._start)
        try:
            return await answer
        finally:
            del answer  # an exception in it holds this frame: a ring, and with it everything that the caller holds

    def _start(self) -> None:
        self._scheduled = False
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._running) < self._parallel:
            if self._running and self._is_patient(loop):
                return
            group = self._take()
            if not group:
                return
            self._running.add(loop.create_task(self._run(group)))
            self._begin_again_at = loop.time() + self._patience_seconds

    def _is_patient(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the group that runs is still waited for; then we come back when it has taken too long."""
        if not self._patience_seconds or loop.time() >= self._begin_again_at:
            return False
        if self._timer is None:
            self._timer = loop.call_at(self._begin_again_at, self._look_again)
        return True

    def _look_again(self) -> None:
        self._timer = None
        self._start()

    def _take(self) -> list[tuple[Request, asyncio.Future[Answer]]]:
        if self._key is None:
            group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
            return group
        group, later = [], []
        for entry in self._waiting:
            key = self._key(entry[0])
            if key in self._busy or len(group) >= GROUP_MAX:
                later.append(entry)
            else:
                self._busy.add(key)
                group.append(entry)
        self._waiting = later
        return group

    async def _run(self, group: list[tuple[Request, asyncio.Future[Answer]]]) -> None:
        try:
            await self._answer(group)
        finally:
            if self._key is not None:
                self._busy.difference_update(self._key(request) for request, _ in group)
            task = asyncio.current_task()
            if task is not None:
                self._running.discard(task)
            for _, future in group:
                if not future.done():
                    future.cancel()
            self._start()

    async def _answer(self, group: list[tuple[Request, asyncio.Future[Answer]]]) -> None:
        answers: Sequence[Answer | Exception] | None = None
        try:
            answers = await self._work([request for request, _ in group])
        except Exception as error:
            if len(group) == 1 or (isinstance(error, Refusal) and error.is_uncertain):
                waiting = [future for _, future in group]
                group = []  # the error holds this frame: with its requests that would be a ring
                while waiting:
                    _settle(waiting.pop(), error)
                return
        if answers is None:
            for entry in group:
                await self._answer([entry])
            return
        for (_, future), answer in zip(group, answers, strict=True):
            _settle(future, answer)


def _settle(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
