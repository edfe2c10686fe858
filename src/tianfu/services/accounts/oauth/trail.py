"""What programs did and were refused, told to the trace (docs/reference/audit-trail.md)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import structlog

from tianfu.access.caller import NOBODY, Caller
from tianfu.access.decision import nothing
from tianfu.access.purpose import Purpose
from tianfu.db import Transaction
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.write import leave_trace

_log = structlog.get_logger("tianfu.accounts.oauth")

UNTOLD = frozenset({"database-unavailable", "audit-queue-full", "disk-full", "too-many-requests"})
"""Refusals that are no answer to the question; the same request may succeed when it is sent again."""


class ProgramTrail:
    """Tells the trace; what it says names clients, sessions and reasons, and never a secret or a person's number."""

    def __init__(self, auditor: Auditor, clock: Clock) -> None:
        self._auditor = auditor
        self._clock = clock

    async def tell(self, caller: Caller, deed: str, outcome: str = "success", **facts: str) -> None:
        """Something that was done, or was not and why; returns when it is durable."""
        await self._auditor.record([self._event(caller, deed, outcome, facts)])

    async def tell_within(self, transaction: Transaction, caller: Caller, deed: str, **facts: str) -> None:
        """Something that a transaction does: its event is there if the deed is, and comes to nothing with it."""
        await leave_trace(transaction, [self._event(caller, deed, "success", facts)], self._auditor.writer)

    async def refused(self, caller: Caller, deed: str, refusal: Refusal, **facts: str) -> None:
        """A refusal, with the reason that its sender does not learn."""
        reason = refusal.details.get("reason", "")
        _log.warning("program_refused", deed=deed, code=refusal.code, reason=reason)
        if refusal.code in UNTOLD or refusal.is_traced:
            return
        await self.tell(caller, deed, refusal.code, reason=reason, **facts)
        refusal.is_traced = True

    def _event(self, caller: Caller, deed: str, outcome: str, facts: Mapping[str, str]) -> AuditEvent:
        return event(
            nothing(caller, Purpose.SYSTEM_ADMINISTRATION),
            at=self._clock(),
            interaction=deed,
            type_number=None,
            outcome=outcome,
            query=urlencode({name: value for name, value in facts.items() if value}) or None,
        )


def program(client: str, *, organisation: str | None = None, role: str = "program") -> Caller:
    """A program as the trace names it; a name that is no id of ours is not repeated."""
    return Caller(id=client, role=role, organisation=organisation) if FHIR_ID.match(client) else NOBODY
