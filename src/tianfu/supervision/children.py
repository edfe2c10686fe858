"""A program under supervision: started, restarted with growing pauses when it ends by itself, stopped when asked."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from tianfu.supervision.parentage import PARENT_VARIABLE

PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 30.0
STEADY_SECONDS = 60.0
"""A program that ran this long starts again without a pause."""

STOP_SECONDS = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run; `name` is its name in the log.  No pause before a new start is longer than `pause_seconds_max`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    pause_seconds_max: float = PAUSE_SECONDS_MAX


async def keep_running(program: Program, stop: asyncio.Event) -> None:
    """Run a program until `stop` is set, starting it again whenever it ends."""
    pause_seconds = PAUSE_SECONDS_FIRST
    while not stop.is_set():
        started = time.monotonic()
        code = await _run_once(program, stop)
        if stop.is_set():
            return
        if time.monotonic() - started > STEADY_SECONDS:
            pause_seconds = PAUSE_SECONDS_FIRST
        log.error("program_ended", program=program.name, code=code, starts_again_in_seconds=pause_seconds)
        await _stopped_within(stop, pause_seconds)
        pause_seconds = min(2 * pause_seconds, program.pause_seconds_max)


async def _run_once(program: Program, stop: asyncio.Event) -> int:
    child = await asyncio.create_subprocess_exec(
        *program.command,
        env={**program.environment, PARENT_VARIABLE: str(os.getpid())},
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor alone, which stops all in order
    )
    log.info("program_started", program=program.name, process=child.pid)
    ended = asyncio.ensure_future(child.wait())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await _end(child)
        return await ended
    finally:
        stopping.cancel()
        _signal_group(child.pid, signal.SIGKILL)  # whatever it started and left behind


async def _end(child: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it ended in the same moment
        child.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        log.error("program_killed", process=child.pid, after_seconds=STOP_SECONDS)
        _signal_group(child.pid, signal.SIGKILL)


def _signal_group(leader: int, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, sign)


async def _stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
