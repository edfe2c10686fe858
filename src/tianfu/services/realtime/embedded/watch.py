"""A media server that answers nobody any more ends itself, so that its supervisor starts another.

What is stuck shows nothing, which is safe, but it would show nothing for ever.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress

import structlog

LOOK_SECONDS = 1.0

LOOKS_MAX = 3
"""So many looks in a row at which the loop has done nothing; one alone may be that the whole machine was asleep."""

_log = structlog.get_logger("tianfu.media")


async def end_if_stuck(loop: asyncio.AbstractEventLoop) -> None:
    """Watch over the loop from a thread of its own until cancelled; a stuck loop ends the process at once."""
    is_over = threading.Event()
    threading.Thread(target=_watch, args=(loop, is_over), name="media-watch", daemon=True).start()
    try:
        await asyncio.Future()
    finally:
        is_over.set()


def _watch(loop: asyncio.AbstractEventLoop, is_over: threading.Event) -> None:
    beat = threading.Event()
    missed = 0
    while missed < LOOKS_MAX:
        with suppress(RuntimeError):  # the loop is closed: the process is about to end
            loop.call_soon_threadsafe(beat.set)
        if is_over.wait(LOOK_SECONDS):
            return
        missed = 0 if beat.is_set() else missed + 1
        beat.clear()
    _log.error("media_stuck", seconds=LOOK_SECONDS * LOOKS_MAX)
    os._exit(1)
