"""Whether a family may have a slot, and what is next on its way.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tianfu.apps.newborn.model.fairness import Rule, is_kept, seen_before
from tianfu.apps.newborn.model.windows import MINUTE, Policy, Slot
from tianfu.kernel.instants import Instant, china_date
from tianfu.kernel.refusal import Refusal

FAMILY_REASONS = ("no-time", "not-well", "at-the-ward", "other")
"""Why a family cancels; told to the ward in one word."""

WARD_REASONS = ("window-changed", "baby-needs-care", "ward-busy", "other")
"""Why the ward cancels."""


class Step(StrEnum):
    """The one thing that is next on a family's way."""

    REAL_NAME = "real-name"
    ENROL = "enrol"
    AWAIT = "await"
    CONSENT = "consent"
    BOOK = "book"
    READY = "ready"


class KeptBack(StrEnum):
    """Why a family that waits for a slot does not move up; it goes on waiting, and is told, except of what we miss."""

    CONSENT = "consent"
    GUARDIANSHIP = "guardianship"
    GONE = "gone"
    UNKNOWN = "not-known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A place that somebody has: which baby, when."""

    baby: str
    start: Instant
    end: Instant


def next_step(*, is_named: bool, is_guardian: bool, is_waiting: bool, has_consent: bool, has_visit: bool) -> Step:
    """What is next; the first that is missing."""
    if not is_named:
        return Step.REAL_NAME
    if not is_guardian:
        return Step.AWAIT if is_waiting else Step.ENROL
    if not has_consent:
        return Step.CONSENT
    return Step.READY if has_visit else Step.BOOK


def free_places(slot: Slot, taken: Sequence[Taken]) -> int:
    """How many families may still have a slot; what runs into it takes a place too."""
    return max(0, slot.at_once - sum(each.start < slot.end and slot.start < each.end for each in taken))


def refuse_unless_bookable(
    slot: Slot,
    baby: str,
    *,
    policy: Policy,
    day_slots: Sequence[Slot],
    taken: Sequence[Taken],
    rule: Rule,
    now: Instant,
) -> None:
    """Raise Refusal unless this baby may have this slot now.

    Codes: slot-over, slot-too-far, slot-yours-already (also one that overlaps), too-many-that-day, slot-taken,
    slot-kept-for-others (who was seen less; opens to all shortly before).  `taken` is the ward's, 30 days back.
    """
    if slot.start <= now:
        raise Refusal("slot-over", next_step="choose-another")
    day = china_date(slot.start)
    if (day - china_date(now)).days > policy.days_ahead:
        raise Refusal("slot-too-far", next_step="choose-another")
    own = [each for each in taken if each.baby == baby]
    if any(each.start < slot.end and slot.start < each.end for each in own):
        raise Refusal("slot-yours-already", next_step="choose-another")
    if sum(china_date(each.start) == day for each in own) >= policy.per_baby_a_day:
        raise Refusal("too-many-that-day", next_step="choose-another")
    if free_places(slot, taken) < 1:
        raise Refusal("slot-taken", next_step="choose-another-or-wait")
    free = sum(free_places(each, taken) for each in day_slots if each.start > now)
    seen = seen_before([each.start for each in own], slot.start)
    in_all = sum(each.at_once for each in day_slots)
    if is_kept(rule, seen, free=free, in_all=in_all, slot_start=slot.start, now=now):
        raise Refusal("slot-kept-for-others", next_step="choose-another-or-wait")


def is_cancellable(start: Instant, *, policy: Policy, now: Instant) -> bool:
    """Whether a family may still give up what it booked."""
    return start - now >= policy.cancel_minutes * MINUTE


def refuse_unless_cancellable(start: Instant, *, policy: Policy, now: Instant) -> None:
    """Raise Refusal `cancel-too-late` for a family; the ward may cancel whenever."""
    if not is_cancellable(start, policy=policy, now=now):
        raise Refusal("cancel-too-late", next_step="call-the-ward")


def refuse_unless_a_reason(reason: str, reasons: Sequence[str]) -> None:
    """Raise Refusal `reason-missing` unless one of these was chosen; none is chosen beforehand."""
    if reason not in reasons:
        raise Refusal("reason-missing")


def following(slots: Sequence[Slot], first: Slot, count: int) -> tuple[Slot, ...]:
    """Slots one after the other for twins, from the first on; raises Refusal `no-slots-in-a-row`."""
    own = [each for each in slots if each.start >= first.start][:count]
    if len(own) < count:
        raise Refusal("no-slots-in-a-row", next_step="choose-another")
    return tuple(own)
