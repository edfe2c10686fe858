"""Doorkeepers for tests: the real ones over what is kept in memory."""

from __future__ import annotations

import time

from tianfu.access.caller import LOOPBACK, Caller
from tianfu.kernel.instants import Clock, Instant, system_clock
from tianfu.services.limits.limiter import Given, Limiter
from tianfu.services.limits.limits import Limit, LimitClass, load_limits
from tianfu.services.tickets.ticket import TicketOffice
from tianfu.web.callers import TicketCallers
from tianfu.web.site import Doorkeeping

OFFICE = TicketOffice(b"made up for tests, 32 bytes long")


class MemoryEnds:
    """Ends of sessions as one process knows them."""

    def __init__(self) -> None:
        self.ended: dict[str, Instant] = {}

    async def end(self, session: str, *, until: Instant) -> None:
        self.ended[session] = until

    async def is_ended(self, session: str) -> bool:
        return session in self.ended


class MemoryBuckets:
    """Buckets that never fill again."""

    def __init__(self) -> None:
        self.left: dict[tuple[str, LimitClass], float] = {}
        self.asked = 0

    async def take(self, caller: str, limit_class: LimitClass, limit: Limit, *, need: int, want: int) -> Given:
        self.asked += 1
        held = self.left.get((caller, limit_class), limit.burst)
        given = min(want, int(held)) if held >= need else 0
        self.left[caller, limit_class] = held - given
        return Given(given, held - given)


def doorkeeping(
    *,
    clock: Clock = system_clock,
    desk: Caller | None = LOOPBACK,
    buckets: MemoryBuckets | None = None,
    ends: MemoryEnds | None = None,
) -> Doorkeeping:
    """Lets in by tickets of `OFFICE`; without one, whoever `desk` is."""
    limiter = Limiter(buckets or MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
    callers = TicketCallers(OFFICE, ends or MemoryEnds(), limiter, clock=clock, desk=desk)
    return Doorkeeping(callers=callers, limiter=limiter)
