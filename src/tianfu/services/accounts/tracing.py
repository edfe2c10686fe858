"""The audit events of accounts: who came in, who was refused, who was appointed; no number and no name in any."""

from __future__ import annotations

from tianfu.access.caller import NOBODY, Caller
from tianfu.kernel.instants import Instant
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.deeds import acting
from tianfu.services.accounts.model.people import Account, Kind

RULE = "accounts"
"""What the trace names as the rule: docs/rules/sign-in.md"""

INTERACTIONS = frozenset(
    {
        "send-code",
        "sign-in",
        "sign-in-step",
        "sign-out",
        "step-up",
        "change-credentials",
        "join",
        "appoint",
        "dismiss",
        "leave",
        "tie-record",
        "unlock",
        "write-paper",
    }
)
"""What accounts do, as the trace calls it."""


def caller_of(account: Account | None) -> Caller:
    """Who is about to sign in, as far as is known: his role comes with his place of work."""
    if account is None:
        return NOBODY
    return Caller(id=account.id, role="citizen" if account.kind is Kind.RESIDENT else NOBODY.role)


def account_event(
    caller: Caller, interaction: str, *, at: Instant, outcome: str = "success", query: str | None = None
) -> AuditEvent:
    """The event of one act of accounts."""
    if interaction not in INTERACTIONS:
        raise ValueError(interaction)
    return event(acting(caller, RULE), at=at, interaction=interaction, type_number=None, outcome=outcome, query=query)
