"""A nurse at the ward's door sees a paper and gives a code for one visit.  Rule: docs/rules/newborn-diary.md"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.visits import Booked, booked_from
from tianfu.apps.newborn.model.consent import Scope
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import read_baby_desk
from tianfu.apps.newborn.queries.records import WARD_WORK, not_found, read_one
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

EARLY = 15 * 60 * SECOND
"""How long before its slot a visit is let to the door. [inferred]"""

BEFORE_THE_DOOR = frozenset({State.SLOT_CONFIRMED, State.WAITING, State.ARMED, State.LIVE, State.SHIELDED})


class Paper(StrEnum):
    """What a nurse sees at the door; never chosen beforehand."""

    IDENTITY_CARD = "identity-card"
    PASSPORT = "passport"
    HOUSEHOLD_BOOK = "household-book"


def is_at_the_door(booked: Booked, now: Instant) -> bool:
    """Whether a visit may be let to the door now."""
    return booked.state in BEFORE_THE_DOOR and booked.start - EARLY <= now < booked.end


async def give_door_code(nursery: Nursery, caller: Caller, visit: str, form: Mapping[str, str]) -> str:
    """The code to hand to a guardian whose paper was seen; it lets talk only where the guardian agreed to.

    Raises Refusal `not-found`, `paper-not-seen`, `door-not-now`, or `consent-missing`.
    """
    record = await read_one(nursery.store, caller, WARD_WORK, "Appointment", visit)
    booked = booked_from(record.value, version=record.version)
    if booked is None:
        raise not_found()
    desk = await read_baby_desk(nursery, caller, booked.baby)
    if desk.ward != booked.ward:
        raise not_found()
    if form.get("paper", "") not in {each.value for each in Paper} or form.get("seen", "") != "yes":
        raise Refusal("paper-not-seen")
    if not is_at_the_door(booked, nursery.clock()):
        raise Refusal("door-not-now")
    given = next((given for each, given in desk.guardians if each.id == booked.guardian), None)
    if desk.is_disputed or given is None or Scope.VIEW not in given.scopes:
        raise Refusal("consent-missing")
    return await nursery.stations.give_code(
        desk.ward,
        visit,
        visit_until=booked.end,
        may_talk=Scope.TALK in given.scopes,
        seen=form["paper"],
        by=caller,
    )
