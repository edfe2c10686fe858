"""A worker of a command ends when the command does, whatever it was waiting for."""

from __future__ import annotations

import asyncio

import pytest

from tianfu.commands_radiotherapy import waiting

pytestmark = pytest.mark.anyio


async def test_a_task_that_lost_what_cancelled_it_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result and the cancellation come in one moment: `asyncio.wait_for` gives the result, and the task goes on.

    A Python that loses nothing tells nothing here: then once is enough.
    """
    monkeypatch.setattr(waiting, "CANCEL_AGAIN_SECONDS", 0.05)
    came = asyncio.get_running_loop().create_future()
    told: list[str] = []

    async def work() -> None:
        told.append(await asyncio.wait_for(came, 60))
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    came.set_result("connected")
    async with asyncio.timeout(30):
        await waiting.cancelled(task)
    assert task.cancelled()
    assert told == ["connected"]


async def test_what_a_task_raises_as_it_ends_is_nobodys() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await waiting.cancelled(task)
    assert isinstance(task.exception(), OSError)
