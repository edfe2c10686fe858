"""What happened at the doors of live rooms, told to the trace (docs/reference/audit-trail.md)."""

from __future__ import annotations

import structlog

from tianfu.access.caller import Caller
from tianfu.db import Transaction
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds

RULE = "live-rooms"
"""What the trace names as the rule: docs/rules/live-rooms.md"""

ISSUE, ENTER, LEAVE, REVOKE = "issue-room-grant", "enter-room", "leave-room", "revoke-room-grants"
"""What is done at the doors, as the trace calls it."""

UNTOLD = frozenset(
    {"database-unavailable", "audit-queue-full", "disk-full", "too-many-requests", "media-unavailable", "media-failed"}
)
"""Refusals that are no answer to the question; the same request may succeed when it is sent again."""

_log = structlog.get_logger("tianfu.realtime")


class RoomTrail:
    """Tells the trace who came, left, was refused and was sent away; never a name, a secret or an address."""

    def __init__(self, auditor: Auditor, clock: Clock) -> None:
        self._deeds = Deeds(RULE, auditor, clock)

    async def tell_within(self, transaction: Transaction, caller: Caller, deed: str, **facts: str) -> None:
        """Something that a transaction does: its event is there if the deed is, and comes to nothing with it."""
        await self._deeds.tell(transaction, caller, deed, **facts)

    async def refused(self, caller: Caller, deed: str, refusal: Refusal, **facts: str) -> None:
        """A refusal, once, with the reason that its sender does not learn; returns when it is durable."""
        reason = refusal.details.get("reason", "")
        _log.warning("room_refused", deed=deed, code=refusal.code, reason=reason)
        if refusal.code in UNTOLD or refusal.is_traced:
            return
        await self._deeds.tell_refused(caller, deed, refusal.code, **facts, reason=reason)
        refusal.is_traced = True
