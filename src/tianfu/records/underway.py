"""Questions that many ask at one moment are asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


JOIN_SECONDS = 0.2
"""An answer that has been on its way for longer is too old for who asks now."""


class Underway(Generic[Key, Value]):
    """Answers that are being fetched: whoever asks for the same meanwhile waits for the answer that is on its way.

    Nothing is remembered: who asks when the answer is there asks anew.
    """

    def __init__(self) -> None:
        self._tasks: dict[Key, tuple[float, asyncio.Task[Value]]] = {}

    async def ask(self, key: Key, fetch: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The answer to `fetch`; a failure is the first one's alone, those who waited for it fetch for themselves."""
        now = asyncio.get_running_loop().time()
        began, task = self._tasks.get(key, (now, None))
        try:
            if task is None or now - began > JOIN_SECONDS:
                task = asyncio.create_task(fetch())
                self._tasks[key] = now, task
                task.add_done_callback(lambda done: self._ended(key, done))
                return await asyncio.shield(task)
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                return task.result()
        finally:
            del task  # an exception in it holds this frame: a ring, and with it everything that the caller holds
        return await fetch()

    def _ended(self, key: Key, task: asyncio.Task[Value]) -> None:
        if self._tasks[key][1] is task:
            del self._tasks[key]
        if not task.cancelled():
            task.exception()  # whoever asked first may have left: the failure is nobody's then
