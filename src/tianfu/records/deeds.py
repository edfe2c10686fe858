"""What is done beside the records, told to the trail: who did it, under which rule, and with which facts."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from tianfu.access.caller import Caller
from tianfu.access.decision import Grant
from tianfu.access.purpose import Purpose
from tianfu.access.rules import purposes_of
from tianfu.db import Transaction
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import Clock
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.write import leave_trace


def purpose_of(role: str) -> Purpose:
    """For what somebody in this role acts when he names no purpose: the first one that the rules give it."""
    return next(iter(purposes_of(role)), Purpose.OPERATIONS)


def acting(caller: Caller, rule: str) -> Grant:
    """As what somebody does something that opens no record."""
    return Grant(caller=caller, purpose=purpose_of(caller.role), rule=rule, types=())


class Deeds:
    """Tells the deeds of one rule; facts that are empty are left out."""

    def __init__(self, rule: str, auditor: Auditor, clock: Clock) -> None:
        self._rule = rule
        self._auditor = auditor
        self._clock = clock

    async def tell(
        self, transaction: Transaction, caller: Caller, deed: str, *, patient: str = "", **facts: str
    ) -> None:
        """What a transaction does: its event is there if the deed is, and comes to nothing with it."""
        await leave_trace(transaction, [self._event(caller, deed, "success", patient, facts)], self._auditor.writer)

    async def tell_refused(self, caller: Caller, deed: str, outcome: str, **facts: str) -> None:
        """What was refused, with its code; returns when it is durable."""
        await self._auditor.record([self._event(caller, deed, outcome, "", facts)])

    def _event(self, caller: Caller, deed: str, outcome: str, patient: str, facts: Mapping[str, str]) -> AuditEvent:
        return event(
            acting(caller, self._rule),
            at=self._clock(),
            interaction=deed,
            type_number=None,
            outcome=outcome,
            patients=[record_number("Patient", patient)] if patient else [],
            query=urlencode({name: value for name, value in facts.items() if value}) or None,
        )
