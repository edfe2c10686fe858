"""A media server that is stuck ends itself; one that works, or was only asleep, does not."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

pytestmark = pytest.mark.anyio

STUCK = """
import asyncio, time
from tianfu.services.realtime.embedded.watch import end_if_stuck

async def main():
    watching = asyncio.create_task(end_if_stuck(asyncio.get_running_loop()))
    await asyncio.sleep(WORKS_SECONDS)
    print("ready", flush=True)
    time.sleep(STUCK_SECONDS)
    watching.cancel()

asyncio.run(main())
"""


async def started(*, works_seconds: float, stuck_seconds: float) -> asyncio.subprocess.Process:
    text = STUCK.replace("WORKS_SECONDS", str(works_seconds)).replace("STUCK_SECONDS", str(stuck_seconds))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", text, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    return child


async def test_who_is_stuck_ends() -> None:
    child = await started(works_seconds=0.1, stuck_seconds=600)
    async with asyncio.timeout(60):
        assert await child.wait() == 1


async def test_who_works_goes_on() -> None:
    child = await started(works_seconds=5, stuck_seconds=0)
    async with asyncio.timeout(60):
        assert await child.wait() == 0


async def test_who_was_only_asleep_goes_on() -> None:
    child = await started(works_seconds=0.1, stuck_seconds=0.5)
    child.send_signal(signal.SIGSTOP)
    await asyncio.sleep(5)
    child.send_signal(signal.SIGCONT)
    async with asyncio.timeout(60):
        assert await child.wait() == 0
