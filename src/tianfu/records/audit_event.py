"""One interaction with the store, as the trace remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tianfu.access.decision import Grant

TRAIL = "AuditEvent"
"""The resource type that is not stored as records but shown from the trail."""


class Deed(NamedTuple):
    """What is said alike of many interactions: who, for what, by which rule, which way, and how it ended.

    `practitioner`, `organisation` and `session` are those of the caller's sign-in, empty if there was none.
    """

    caller: str
    practitioner: str
    organisation: str
    session: str
    role: str
    purpose: str
    rule: str
    interaction: str
    outcome: str
    type_number: int | None


class AuditEvent(NamedTuple):
    """One interaction: `records` and `patients` are record numbers; `query` is what was asked for."""

    at: int
    deed: Deed
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
    return AuditEvent(at, deed_of(grant, interaction, type_number, outcome), records, patients, query, request)


def deed_of(grant: Grant, interaction: str, type_number: int | None, outcome: str) -> Deed:
    """What the events of such an interaction under a grant have in common."""
    caller = grant.caller
    return Deed(
        caller.id,
        caller.practitioner or "",
        caller.organisation or "",
        caller.session,
        caller.role,
        grant.purpose.value,
        grant.rule,
        interaction,
        outcome,
        type_number,
    )
