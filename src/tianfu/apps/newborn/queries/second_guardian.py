"""Whether somebody is guardian of a baby whose visit another one booked.  Rule: docs/rules/newborn-watching.md"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.wards import is_clear
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import PLATFORM, read_all


async def guardian_as(nursery: Nursery, caller: Caller, baby: str, *, first: str) -> str:
    """As which RelatedPerson somebody is the baby's guardian now, by relation and time; empty for everybody else.

    Of several as the `first`, who booked the visit.  Whether anybody disputes it is not asked here.
    """
    wanted = [("RelatedPerson", each) for each in sorted(caller.related, key=lambda one: (one != first, one))]
    people = await read_all(nursery.store, VISITS, PLATFORM, wanted) if wanted else {}
    now = nursery.clock()
    return next((name for (_, name), each in people.items() if is_clear(each.value, baby, (), now=now)), "")
