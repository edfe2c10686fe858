"""What somebody at a page may have us look at: nothing of this machine, few at once, one answer for all that is away.

Whoever may name an address could else have us try hosts and ports for him (server-side request forgery).
What an operator registers by command is not held to this: he has the machine anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.reach import Address
from tianfu.services.realtime.cameras.pulling import refuse_unfit_source
from tianfu.services.realtime.cameras.road import is_near
from tianfu.services.realtime.cameras.source import Source

LOOKS_AT_ONCE = 2
"""So many addresses a worker looks at at one time for people at pages; the others wait."""

ONE_ANSWER = frozenset({"camera-away", "camera-leads-here", "camera-no-picture"})
"""What would tell a closed port from an open one, and an open one from a host that is not there."""


class PageLooks:
    """Looks at cameras for people at pages."""

    def __init__(self, *, is_near: Callable[[Address], bool] = is_near) -> None:
        self._is_near = is_near
        self._at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def refuse_unfit(self, source: Source) -> None:
        """As `refuse_unfit_source` does, thoroughly; whatever cannot be reached is `camera-no-picture`."""
        async with self._at_once:
            try:
                await refuse_unfit_source(source, is_thorough=True, keeps_out=lambda _, address: self._is_near(address))
            except Refusal as refusal:
                raise _no_picture() if refusal.code in ONE_ANSWER else refusal from None


def _no_picture() -> Refusal:
    return Refusal("camera-no-picture", next_step="change-the-camera", retryable=True)
