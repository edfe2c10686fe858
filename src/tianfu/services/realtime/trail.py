"""What happened at the doors of live rooms, told to the trace (docs/reference/audit-trail.md)."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog

from tianfu.access.caller import Caller
from tianfu.access.decision import Grant
from tianfu.access.purpose import Purpose
from tianfu.access.rules import purposes_of
from tianfu.db import Transaction
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.write import leave_trace

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
        self._auditor = auditor
        self._clock = clock

    async def tell_within(self, transaction: Transaction, caller: Caller, deed: str, **facts: str) -> None:
        """Something that a transaction does: its event is there if the deed is, and comes to nothing with it."""
        await leave_trace(transaction, [self._event(caller, deed, "success", facts)], self._auditor.writer)

    async def refused(self, caller: Caller, deed: str, refusal: Refusal, **facts: str) -> None:
        """A refusal, once, with the reason that its sender does not learn; returns when it is durable."""
        reason = refusal.details.get("reason", "")
        _log.warning("room_refused", deed=deed, code=refusal.code, reason=reason)
        if refusal.code in UNTOLD or refusal.is_traced:
            return
        await self._auditor.record([self._event(caller, deed, refusal.code, {**facts, "reason": reason})])
        refusal.is_traced = True

    def _event(self, caller: Caller, deed: str, outcome: str, facts: dict[str, str]) -> AuditEvent:
        purpose = next(iter(purposes_of(caller.role)), Purpose.OPERATIONS)
        return event(
            Grant(caller=caller, purpose=purpose, rule=RULE, types=()),
            at=self._clock(),
            interaction=deed,
            type_number=None,
            outcome=outcome,
            query=urlencode({name: value for name, value in facts.items() if value}) or None,
        )
