"""The head nurse sets windows and policies, with effect from a day on.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.keep_offer import Written, write_offer
from tianfu.apps.newborn.model.windows import Policy, read_policy, told, unfitting
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.free_slots import read_policies
from tianfu.apps.newborn.queries.records import ward_of_unit
from tianfu.kernel.instants import DAY, Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.places import Place

LOOK_AHEAD_DAYS = 100

_log = structlog.get_logger("tianfu.newborn")


async def set_policy(nursery: Nursery, caller: Caller, form: Mapping[str, str]) -> tuple[Policy, tuple[Place, ...]]:
    """Keep a policy and say which booked visits have no slot by it; those stand until somebody cancels them.

    Where there are such, `form["agreed"]` must be their number: nobody breaks a booking without having been told.
    Raises Refusal `policy-unusable` and `bookings-would-break`, whose details say how many.
    """
    now = nursery.clock()
    today = china_date(now)
    policy = read_policy(form, today=today)
    ward = await ward_of_unit(nursery.store, caller)
    lost = await broken_by(nursery, ward.id, policy)
    if lost and form.get("agreed", "") != str(len(lost)):
        raise Refusal("bookings-would-break", next_step="look-and-agree", details={"count": str(len(lost))})
    await nursery.places.set_policy(ward.id, policy.from_day, told(policy), by=caller.id)
    try:
        await write_offer(nursery, ward.id, Written())
    except Refusal as refusal:  # what is set is set: the next look writes what is offered
        _log.info("offer_not_written_yet", ward=ward.id, code=refusal.code)
    return policy, lost


async def broken_by(nursery: Nursery, ward: str, policy: Policy | None) -> tuple[Place, ...]:
    """Booked visits to come that have no slot by what is set, with this policy beside the others."""
    now = nursery.clock()
    policies = [*await read_policies(nursery, ward), *([] if policy is None else [policy])]
    places = await nursery.places.taken(ward, now, Instant(now + LOOK_AHEAD_DAYS * DAY))
    booked = [(each.id, china_date(each.start), each.start, each.end) for each in places]
    lost = set(unfitting(booked, policies))
    return tuple(each for each in places if each.id in lost)
