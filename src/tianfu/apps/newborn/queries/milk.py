"""Screen: the milk of one baby, and the last checks of it."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import MILK_CHECK, NEWBORN
from tianfu.apps.newborn.mapping.milk import Check, check_from
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import BabyDesk, read_baby_desk
from tianfu.apps.newborn.queries.records import WARD_WORK
from tianfu.records.searching import SearchRequest

CHECKS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Milk:
    """The baby, and the last checks, newest first."""

    desk: BabyDesk
    checks: tuple[Check, ...]


async def read_milk(nursery: Nursery, caller: Caller, baby: str) -> Milk:
    """The checks of a baby of the caller's ward; raises Refusal `not-found`."""
    desk = await read_baby_desk(nursery, caller, baby)
    wanted = SearchRequest(
        type="Task",
        parameters=(
            ("patient", f"Patient/{baby}"),
            ("code", f"{NEWBORN}|{MILK_CHECK}"),
            ("_sort", "-authored-on"),
            ("_count", str(CHECKS_SHOWN)),
        ),
    )
    page = await nursery.store.search(caller, WARD_WORK, wanted)
    checks = [check_from(each.value) for each in page.records]
    return Milk(desk=desk, checks=tuple(each for each in checks if each is not None))
