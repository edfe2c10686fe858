"""What happened, for whoever asks next; in memory, and only so much of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Clock
from tianfu.services.realtime.port import Happened

KEPT_MAX = 20_000
WAIT_SECONDS = 10.0
TOLD_MAX = 500
"""What is told at once fits into one line of the process's answers; the rest is there for who asks on."""


class Happenings:
    """Counts what happens in one life of a server, and lets one wait for it; `epoch` names the life."""

    def __init__(self, clock: Clock) -> None:
        self.epoch = new_uuid7()
        self._clock = clock
        self._kept: deque[Happened] = deque(maxlen=KEPT_MAX)
        self._number = 0
        self._new = asyncio.Event()

    def tell(self, what: str, *, visit: str = "", who: str = "", reason: str = "") -> None:
        """Something happened just now."""
        self._number += 1
        at = self._clock()
        told = Happened(number=self._number, at=at, what=what, epoch=self.epoch, visit=visit, who=who, reason=reason)
        self._kept.append(told)
        self._new.set()
        self._new = asyncio.Event()

    async def after(self, number: int, epoch: str = "") -> Sequence[Happened]:
        """What came after a number of this life, or all of it for who knows another; waits up to ten seconds for it."""
        if number > self._number or epoch not in {"", self.epoch}:  # of before a restart: the count has begun anew
            number = 0
        if self._number <= number:
            new = self._new
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await new.wait()
            except TimeoutError:
                return ()
        return [each for each in self._kept if each.number > number][:TOLD_MAX]
