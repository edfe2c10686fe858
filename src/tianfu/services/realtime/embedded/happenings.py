"""What happened, for whoever asks next; in memory, and only so much of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from tianfu.kernel.instants import Clock
from tianfu.services.realtime.port import Happened

KEPT_MAX = 20_000
WAIT_SECONDS = 10.0
TOLD_MAX = 500
"""What is told at once fits into one line of the process's answers; the rest is there for who asks on."""


class Happenings:
    """Counts what happens, and lets one wait for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Happened] = deque(maxlen=KEPT_MAX)
        self._number = 0
        self._new = asyncio.Event()

    def tell(self, what: str, *, visit: str = "", who: str = "", reason: str = "") -> None:
        """Something happened just now."""
        self._number += 1
        told = Happened(number=self._number, at=self._clock(), what=what, visit=visit, who=who, reason=reason)
        self._kept.append(told)
        self._new.set()
        self._new = asyncio.Event()

    async def after(self, number: int) -> Sequence[Happened]:
        """What came after a number; waits up to ten seconds for it."""
        if number > self._number:  # of before a restart: the count has begun anew
            number = 0
        if self._number <= number:
            new = self._new
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await new.wait()
            except TimeoutError:
                return ()
        return [each for each in self._kept if each.number > number][:TOLD_MAX]
