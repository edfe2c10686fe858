"""One interaction with the store, as the trace remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.access.decision import Grant

TRAIL = "AuditEvent"
"""The resource type that is not stored as records but shown from the trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One interaction: `records` and `patients` are record numbers; `query` is what was asked for.

    `practitioner`, `organisation` and `session` are those of the caller's sign-in, empty if there was none.
    """

    at: int
    caller: str
    practitioner: str = ""
    organisation: str = ""
    session: str = ""
    role: str
    purpose: str
    rule: str
    interaction: str
    outcome: str
    type_number: int | None
    records: Sequence[int]
    patients: Sequence[int]
    query: str | None
    request: str


def event(
    grant: Grant,
    *,
    at: int,
    interaction: str,
    type_number: int | None,
    outcome: str = "success",
    records: Sequence[int] = (),
    patients: Sequence[int] = (),
    query: str | None = None,
    request: str = "",
) -> AuditEvent:
    """The event of one interaction under a grant."""
    return AuditEvent(
        at=at,
        caller=grant.caller.id,
        practitioner=grant.caller.practitioner or "",
        organisation=grant.caller.organisation or "",
        session=grant.caller.session,
        role=grant.caller.role,
        purpose=grant.purpose.value,
        rule=grant.rule,
        interaction=interaction,
        outcome=outcome,
        type_number=type_number,
        records=records,
        patients=patients,
        query=query,
        request=request,
    )
