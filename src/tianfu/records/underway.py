"""Questions that many ask at one moment are asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Underway(Generic[Key, Value]):
    """Answers that are being fetched: whoever asks for the same meanwhile waits for the answer that is on its way.

    Nothing is remembered: who asks when the answer is there asks anew.
    """

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Value]] = {}

    async def ask(self, key: Key, fetch: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The answer to `fetch`; a failure is the first one's alone, those who waited for it fetch for themselves."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(fetch())
            task.add_done_callback(lambda done: self._ended(key, done))
            return await asyncio.shield(task)
        await asyncio.wait([task])
        if task.cancelled() or task.exception() is not None:
            return await fetch()
        return task.result()

    def _ended(self, key: Key, task: asyncio.Task[Value]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # whoever asked first may have left: the failure is nobody's then
