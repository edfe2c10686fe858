"""What an event of the trail touched, as people call it."""

from __future__ import annotations

from collections import Counter

from tianfu.apps.trust.model.ledger import KINDS, kind_of
from tianfu.records.trail.reading import TrailEvent


def kinds_of(event: TrailEvent) -> tuple[tuple[str, int], ...]:
    """How many records of which kind, what tells most about a person first; with those that the event only counts."""
    counted = Counter(kind_of(name.partition("/")[0]) for name in event.records)
    if event.further > 0:
        counted[kind_of(event.type or "")] += event.further
    return tuple(sorted(counted.items(), key=lambda pair: KINDS.index(pair[0])))


def people_of_event(event: TrailEvent) -> tuple[str, ...]:
    """The ids of the Patient records that it is about."""
    return tuple(name.partition("/")[2] for name in event.patients)
