"""A visit from the first wish to its summary, and every way in which it may end before.

```
draft → requested → identity-verified → guardian-verified → approved → slot-confirmed → waiting → armed
      → live ⇄ shielded → ending → closed
side exits: declined, cancelled, no-show, expired, aborted
```

Rules: docs/rules/newborn-visits.md .
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from tianfu.apps.newborn.model.binding import ASK_THE_WARD, Binding, Known, broken_by, refuse_old
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

REPAIR_WITHIN = 60 * SECOND
"""What is shielded for a fault and not repaired so soon is given up."""

ADJUST_WITHIN = 300 * SECOND
"""A camera that somebody moved by hand is set up, scanned and confirmed again so soon, or the visit is given up."""

HEARTBEAT_WITHIN = 15 * SECOND
"""A nurse's tablet that has been silent for longer counts as gone."""

SLOT_ENDED = "slot-ended"
NOT_OPENED = "not-opened"
"""The bed was checked, and the time was over before anybody opened the curtain."""

NOT_BOUND = "not-bound"
CARED_FOR = "being-cared-for"
"""An alarm sounds at the baby's bed.  The word says nothing of it: it stands where families read."""

RESTS = "doctor-asks-rest"
"""A doctor of the ward lets this baby have no visits for now."""

HALTS = frozenset({CARED_FOR, RESTS})
"""Why nothing opens for as long as somebody says so: nothing to repair, and no visit is given up for it."""

CAMERA_ADJUSTED = "camera-adjusted"
"""Somebody of the ward moved the camera by hand, and said so."""

LENS_TURNED = "lens-turned"
"""Why a camera was moved that stands still: at the cart somebody turned to its other lens."""


class State(Enum):
    """Where a visit stands."""

    DRAFT = "draft"
    REQUESTED = "requested"
    IDENTITY_VERIFIED = "identity-verified"
    GUARDIAN_VERIFIED = "guardian-verified"
    APPROVED = "approved"
    SLOT_CONFIRMED = "slot-confirmed"
    WAITING = "waiting"
    ARMED = "armed"
    LIVE = "live"
    SHIELDED = "shielded"
    ENDING = "ending"
    CLOSED = "closed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    NO_SHOW = "no-show"
    EXPIRED = "expired"
    ABORTED = "aborted"


OVER = frozenset({State.CLOSED, State.DECLINED, State.CANCELLED, State.NO_SHOW, State.EXPIRED, State.ABORTED})
AT_THE_BED = frozenset({State.ARMED, State.LIVE, State.SHIELDED, State.ENDING})
BEFORE_THE_BED = frozenset(State) - OVER - AT_THE_BED

NEXT: Mapping[State, State] = {
    State.DRAFT: State.REQUESTED,
    State.REQUESTED: State.IDENTITY_VERIFIED,
    State.IDENTITY_VERIFIED: State.GUARDIAN_VERIFIED,
    State.GUARDIAN_VERIFIED: State.APPROVED,
    State.APPROVED: State.SLOT_CONFIRMED,
    State.SLOT_CONFIRMED: State.WAITING,
}
"""The steps before the bed, each taken by whoever may: `step`."""


class Exit(Enum):
    """How a visit ends before its time."""

    DECLINE = State.DECLINED
    CANCEL = State.CANCELLED
    NO_SHOW = State.NO_SHOW
    EXPIRE = State.EXPIRED
    ABORT = State.ABORTED


EXITS: Mapping[Exit, frozenset[State]] = {
    Exit.DECLINE: frozenset(NEXT) - {State.DRAFT} | {State.WAITING},
    Exit.CANCEL: BEFORE_THE_BED | {State.ARMED},
    Exit.NO_SHOW: frozenset({State.SLOT_CONFIRMED, State.WAITING, State.ARMED}),
    Exit.EXPIRE: BEFORE_THE_BED,
    Exit.ABORT: AT_THE_BED,
}
"""From which states each way out leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """What is true of a ward, a baby and its family at this moment; everything that may cut a visit short.

    `nurse_heard_at` is when the nurse's tablet last told that somebody is there, `lease_until` how long the visit's
    lease holds.  What is not known to be so counts as not so.
    """

    known: Known
    consent_is_active: bool
    guardianship_is_clear: bool
    is_alarmed: bool
    is_paused: bool
    is_held: bool
    camera_is_healthy: bool
    nurse_heard_at: Instant
    lease_until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit; `reason` tells in one word why nothing is seen, `fault_since` since when a repair is due.

    `adjusted_at` is when somebody last said that the camera was moved by hand: what was scanned before binds nothing.
    """

    state: State
    baby: str
    slot_start: Instant
    slot_end: Instant
    binding: Binding | None = None
    reason: str = ""
    fault_since: Instant | None = None
    adjusted_at: Instant | None = None

    @property
    def is_adjusted(self) -> bool:
        """Whether the camera was moved by hand, and nobody has bound it anew."""
        return self.reason == CAMERA_ADJUSTED and self.binding is not None and not self.binding.is_confirmed


FINAL_CUTS = frozenset({ASK_THE_WARD, "another-baby", "discharged", "consent-withdrawn", "guardianship-disputed"})
"""Cuts after which this visit never opens again.  All others can be repaired: by a new scan, or by who comes back."""


def cut_of(visit: Visit, ward: Ward, *, now: Instant) -> str | None:
    """Why nothing may be seen now, in one word; None if all that must hold holds.  The gravest comes first."""
    binding = visit.binding
    broken = broken_by(binding, ward.known) if binding is not None else NOT_BOUND
    if visit.baby in ward.known.died:
        return ASK_THE_WARD
    if binding is not None and binding.baby != visit.baby:
        return "another-baby"
    if broken == "discharged" or visit.baby not in ward.known.bed_of_baby:
        return "discharged"
    if not ward.guardianship_is_clear:
        return "guardianship-disputed"
    if not ward.consent_is_active:
        return "consent-withdrawn"
    if now >= visit.slot_end:
        return SLOT_ENDED
    if ward.is_alarmed:
        return CARED_FOR
    if ward.is_paused:
        return RESTS
    if broken is not None:
        return broken
    if binding is None or not binding.is_confirmed:
        return NOT_BOUND
    if ward.is_held:
        return "ward-held"
    if not 0 <= now - ward.nurse_heard_at <= HEARTBEAT_WITHIN:
        return "nurse-gone"
    if now >= ward.lease_until:
        return "lease-lost"
    if not ward.camera_is_healthy:
        return "camera-away"
    return None


def stepped(visit: Visit, to: State) -> Visit:
    """The next step before the bed; raises Refusal `visit-not-there-yet`."""
    if NEXT.get(visit.state) is not to:
        raise _not_there_yet(visit)
    return replace(visit, state=to)


def armed(visit: Visit, binding: Binding, ward: Ward, *, now: Instant) -> Visit:
    """Ready at the bed, still shielded.

    Raises Refusal `visit-not-there-yet`, `slot-not-begun`, `scans-too-old` or `visit-cut`.
    """
    if visit.state is not State.WAITING:
        raise _not_there_yet(visit)
    if now < visit.slot_start:
        raise Refusal("slot-not-begun", next_step="wait")
    refuse_old(binding, now=now)
    ready = replace(visit, state=State.ARMED, binding=binding)
    _refuse_cut(ready, ward, now)
    return ready


def opened(visit: Visit, ward: Ward, *, now: Instant) -> Visit:
    """With the curtain open; raises Refusal `visit-not-there-yet` or `visit-cut`."""
    if visit.state not in {State.ARMED, State.SHIELDED}:
        raise _not_there_yet(visit)
    _refuse_cut(visit, ward, now)
    return replace(visit, state=State.LIVE, reason="", fault_since=None)


def shielded(visit: Visit, reason: str) -> Visit:
    """With the curtain drawn.  Possible in every state; where nothing was open nothing changes."""
    return replace(visit, state=State.SHIELDED, reason=reason) if visit.state is State.LIVE else visit


def adjusted(visit: Visit, *, now: Instant) -> Visit:
    """With the curtain drawn and bound by nobody, because the camera was moved by hand.

    Raises Refusal `visit-not-there-yet`.
    """
    if visit.state not in {State.ARMED, State.LIVE, State.SHIELDED}:
        raise _not_there_yet(visit)
    drawn = shielded(visit, CAMERA_ADJUSTED)
    binding = None if drawn.binding is None else replace(drawn.binding, confirmed_by=None)
    return replace(drawn, binding=binding, reason=CAMERA_ADJUSTED, fault_since=None, adjusted_at=now)


def rebound(visit: Visit, binding: Binding, ward: Ward, *, now: Instant) -> Visit:
    """With a new binding after a move, still shielded; raises as `armed` does."""
    if visit.state not in {State.ARMED, State.SHIELDED}:
        raise _not_there_yet(visit)
    refuse_old(binding, now=now)
    if visit.adjusted_at is not None and binding.scanned_at <= visit.adjusted_at:
        raise Refusal("scans-too-old", next_step="scan-again")
    ready = replace(visit, binding=binding)
    _refuse_cut(ready, ward, now)
    return replace(ready, fault_since=None)


def looked_at(visit: Visit, ward: Ward, *, now: Instant) -> Visit:
    """What becomes of a visit by itself: cut where something no longer holds, given up where nobody repairs it.

    What was repaired stays shielded until the nurse opens it again.
    """
    if visit.state not in AT_THE_BED or visit.state is State.ENDING:
        return visit
    cut = cut_of(visit, ward, now=now)
    if cut is None:
        # What is armed says no more why it could not be opened; behind a drawn curtain it still says why that fell.
        is_halted = visit.state is State.ARMED and visit.reason in HALTS
        return replace(visit, fault_since=None, reason="" if is_halted else visit.reason)
    if cut == SLOT_ENDED and visit.state is State.ARMED:
        return left(visit, Exit.ABORT, NOT_OPENED)
    if cut == SLOT_ENDED:
        return replace(visit, state=State.ENDING, reason=cut)
    if cut in FINAL_CUTS:
        return left(visit, Exit.ABORT, cut)
    cut_off = shielded(visit, cut)
    if cut_off.binding is not None and broken_by(cut_off.binding, ward.known):
        # Somebody moved something: only new scans say what is to be seen, even if the records say again what they said.
        cut_off = replace(cut_off, binding=replace(cut_off.binding, confirmed_by=None))
    if cut in HALTS:
        is_adjusted = visit.reason == CAMERA_ADJUSTED
        return replace(cut_off, fault_since=None, reason=visit.reason if is_adjusted else cut)
    if visit.fault_since is None:
        return replace(cut_off, fault_since=now)
    within, why = (ADJUST_WITHIN, CAMERA_ADJUSTED) if cut == NOT_BOUND and visit.is_adjusted else (REPAIR_WITHIN, cut)
    return left(visit, Exit.ABORT, why) if now - visit.fault_since > within else cut_off


def ending(visit: Visit) -> Visit:
    """Over for the family, while its summary is written; raises Refusal `visit-not-there-yet`."""
    if visit.state not in {State.LIVE, State.SHIELDED}:
        raise _not_there_yet(visit)
    return replace(visit, state=State.ENDING)


def closed(visit: Visit) -> Visit:
    """With its summary; raises Refusal `visit-not-there-yet`."""
    if visit.state is not State.ENDING:
        raise _not_there_yet(visit)
    return replace(visit, state=State.CLOSED)


def left(visit: Visit, by: Exit, reason: str) -> Visit:
    """Over before its time; raises Refusal `visit-not-there-yet`, and `reason-missing`."""
    if visit.state not in EXITS[by]:
        raise _not_there_yet(visit)
    if not reason:
        raise Refusal("reason-missing")
    return replace(visit, state=by.value, reason=reason)


def may_be_seen(visit: Visit, ward: Ward, *, now: Instant) -> bool:
    """Whether anything may be seen or heard at this moment."""
    return visit.state is State.LIVE and cut_of(visit, ward, now=now) is None


def _refuse_cut(visit: Visit, ward: Ward, now: Instant) -> None:
    cut = cut_of(visit, ward, now=now)
    if cut is not None:
        raise Refusal("visit-cut", next_step="repair-and-try-again", details={"reason": cut})


def _not_there_yet(visit: Visit) -> Refusal:
    return Refusal("visit-not-there-yet", next_step="reload", details={"state": visit.state.value})
