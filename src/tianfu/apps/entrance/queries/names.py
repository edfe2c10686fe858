"""Names of the places among which somebody chooses."""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.access.caller import Caller
from tianfu.access.rules import purposes_of
from tianfu.apps.entrance.ports import Directory, Names
from tianfu.records.outcomes import Found
from tianfu.services.accounts.model.people import Workplace


async def names_of_places(directory: Directory, workplaces: Sequence[Workplace]) -> Names:
    """The names of the organisations of these places of work, as whoever works there may read them."""
    names: dict[str, str] = {}
    for each in workplaces:
        purpose = next(iter(purposes_of(each.role)), None)
        if purpose is None or each.organisation in names:
            continue
        caller = Caller(id=each.account, role=each.role, organisation=each.organisation, practitioner=each.practitioner)
        [answer] = await directory.read_many(caller, purpose, [("Organization", each.organisation)])
        if isinstance(answer, Found):
            names[each.organisation] = str(answer.record.value.get("name") or "")
    return names
