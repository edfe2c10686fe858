"""Events of the audit trail as lines of a person's ledger."""

from __future__ import annotations

from collections import Counter

from tianfu.apps.trust.model.ledger import WATCH_BEGIN, WATCH_END, Event, act_of, kind_of
from tianfu.apps.trust.store import LedgerEvent


def event_of(event: LedgerEvent) -> Event:
    """What an event says to the person."""
    kinds: Counter[str] = Counter()
    for resource_type, count in event.types:
        kinds[kind_of(resource_type)] += count
    return Event(
        id=event.id,
        at=event.at,
        caller=event.caller,
        role=event.role,
        practitioner=event.practitioner or "",
        organisation=event.organisation or "",
        purpose=event.purpose,
        rule=event.rule,
        act=act_of(event.interaction, event.outcome),
        kinds=tuple(sorted(kinds.items())),
        edge=event.interaction if event.interaction in {WATCH_BEGIN, WATCH_END} else "",
    )
