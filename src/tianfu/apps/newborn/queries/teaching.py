"""Screen: what a family can tell before it takes its baby home."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.teaching import TEACHING, Taught, taught_from
from tianfu.apps.newborn.model.teaching import Plan, plan
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import BabyDesk, read_baby_desk
from tianfu.apps.newborn.queries.records import WARD_WORK, found_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """The points, and what was heard so far; `is_ready` only if everything of today's version was told."""

    desk: BabyDesk
    plan: Plan
    taught: Taught | None

    @property
    def is_ready(self) -> bool:
        """Whether the family told each point of today in its own words."""
        return self.taught is not None and self.plan.is_complete(self.taught.answers)


async def read_teaching(nursery: Nursery, caller: Caller, baby: str) -> Teaching:
    """The teaching of a baby of the caller's ward; raises Refusal `not-found`."""
    desk = await read_baby_desk(nursery, caller, baby)
    records = await found_by(nursery.store, caller, WARD_WORK, "QuestionnaireResponse", identifier=f"{TEACHING}|{baby}")
    found = [taught_from(each.value, version=each.version) for each in records]
    mine = [each for each in found if each is not None and each.baby == baby]
    return Teaching(desk=desk, plan=plan(), taught=mine[0] if mine else None)
