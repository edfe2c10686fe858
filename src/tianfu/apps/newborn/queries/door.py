"""Screen: the visits that may be let to the ward's door now."""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.give_door_code import is_at_the_door
from tianfu.apps.newborn.mapping.visits import Booked, booked_from
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import WardBaby, ward_babies
from tianfu.apps.newborn.queries.records import WARD_WORK, read_all, ward_of_unit
from tianfu.kernel.instants import DAY, Instant


async def read_door_visits(nursery: Nursery, caller: Caller) -> tuple[tuple[Booked, WardBaby], ...]:
    """Visits of the caller's ward that are at the door, earliest first; raises Refusal `not-found`."""
    ward, now = await ward_of_unit(nursery.store, caller), nursery.clock()
    babies = await ward_babies(nursery, caller)
    places = await nursery.places.taken(ward.id, Instant(now - DAY), Instant(now + DAY))
    found = await read_all(nursery.store, caller, WARD_WORK, [("Appointment", each.id) for each in places])
    booked = [booked_from(each.value, version=each.version) for each in found.values()]
    here = [each for each in booked if each is not None and is_at_the_door(each, now) and each.baby in babies]
    return tuple((each, babies[each.baby]) for each in sorted(here, key=lambda one: (one.start, one.id)))
