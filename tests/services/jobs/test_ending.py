"""What is ended has ended, also where it did not hear of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tianfu.services.jobs import ending
from tianfu.services.jobs.ending import cancelled
from tianfu.supervision.job_worker import ended

pytestmark = pytest.mark.anyio

End = Callable[[asyncio.Task[None]], Coroutine[Any, Any, None]]


async def forever() -> None:
    await asyncio.Event().wait()


async def alone(task: asyncio.Task[None]) -> None:
    await cancelled([task])


async def beside_one_that_ended(task: asyncio.Task[None]) -> None:
    await ended([asyncio.create_task(asyncio.sleep(0)), task])


@pytest.mark.parametrize("end", [alone, beside_one_that_ended])
async def test_a_task_that_lost_what_cancelled_it_is_cancelled_again(end: End, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `asyncio.wait_for` of Python 3.11 does where its result comes in the same moment."""
    monkeypatch.setattr(ending, "CANCEL_AGAIN_SECONDS", 0.05)
    lost = []

    async def work() -> None:
        try:
            await forever()
        except asyncio.CancelledError as error:
            lost.append(error)
        await forever()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await end(task)
    assert task.cancelled()
    assert len(lost) == 1


async def test_what_says_goodbye_in_time_is_cancelled_once() -> None:
    said = []

    async def work() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.01)
            said.append("goodbye")

    tasks = [asyncio.create_task(work()) for _ in range(2)]
    await asyncio.sleep(0)
    await cancelled(tasks)
    assert said == ["goodbye"] * 2


async def test_what_a_task_raises_as_it_ends_is_nobodys() -> None:
    async def work() -> None:
        try:
            await forever()
        finally:
            raise OSError

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await cancelled([task])
    assert isinstance(task.exception(), OSError)


async def test_what_has_ended_before_is_left_as_it_is() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "done"))
    await task
    await cancelled([task])
    assert task.result() == "done"
    await cancelled([])
