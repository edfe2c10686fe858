"""Records out of sight for tests: a condition of sight that hides what a test has put on the highest level."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from tests.records.conftest import WHO, WHY, Desk
from tests.records.search.linked_world import Resource

from tianfu.access.decision import Grant
from tianfu.db import Query
from tianfu.kernel.ids import record_number
from tianfu.standards.fhir.parsing import parse_resource

HIDDEN_LEVEL = 5


def seen_below_the_hidden_level(alias: str, grant: Grant) -> str:
    """A condition of sight for tests: records that a test has put on the highest level are hidden."""
    return f"({alias}.sensitivity < {HIDDEN_LEVEL})"


async def filled(desk: Desk, resources: Sequence[Resource], hidden: Sequence[Resource] = ()) -> None:
    """Put all records into the store, and those of `hidden` out of sight."""
    for each in resources:
        await desk.store.update(WHO, WHY, parse_resource(orjson.dumps(each)), each["id"])
    numbers = [record_number(each["resourceType"], each["id"]) for each in hidden]
    async with desk.database.transaction("owner") as owner:
        text = f"update resource set sensitivity = {HIDDEN_LEVEL} where rid = any(%(rids)s::bigint[])"  # noqa: S608
        await owner.run(Query.composed("hide", text), rids=numbers)
