"""How tasks are ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

CANCEL_AGAIN_SECONDS = 10.0
"""What is cancelled has mostly ended within one. [ours]"""


async def cancelled(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until all have ended; what they raise is nobody's any more.

    Once may not be enough: in Python 3.11 `asyncio.wait_for`, with which the database's driver waits, loses what
    cancels it in the very moment of its result (python/cpython issue 86296).  What is cancelled again and was about to
    say goodbye is broken off in that: a job's worker is then known as dead a while later.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
