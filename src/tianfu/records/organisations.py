"""The tree of organisations as numbers, asked of the index: what is below one, and what is above several.

It tells no name and no content; who may know those asks the store.  Which unit is whose comes from `partOf`:
https://hl7.org/fhir/R4/organization.html
"""

from __future__ import annotations

from collections.abc import Iterable

from tianfu.access.organisations import OrganisationTree, Unit
from tianfu.db import Database, Query, int8_array, queries
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.definitions import definitions

DEPTH_MAX = 12
"""Province, prefecture, county, township, village, hospital, department and teams within: so many steps at most."""

UNITS_MAX = 100_000
"""A province has some eighty thousand villages; a larger tree is refused rather than cut off."""

_SQL = queries("tianfu.records.sql", "organisations.sql")


class Organisations:
    """Reads how organisations hang together, as it stands now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def below(self, organisation: str) -> OrganisationTree:
        """An organisation with all units below it; raises Refusal `organisation-too-large`."""
        return await self._tree(_SQL.units_below, [organisation])

    async def above(self, organisations: Iterable[str]) -> OrganisationTree:
        """Organisations with all that they are part of: enough to say whether one is below another."""
        return await self._tree(_SQL.units_above, organisations)

    async def _tree(self, query: Query, organisations: Iterable[str]) -> OrganisationTree:
        part_of = definitions().search_parameter("Organization", "partof")
        if part_of is None:
            raise LookupError("Organization has no partof")
        numbers = sorted({record_number("Organization", each) for each in organisations})
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                query,
                organisations=int8_array(numbers),
                part_of=part_of.number,
                type=definitions().type_number("Organization"),
                depth_max=DEPTH_MAX,
                limit=UNITS_MAX + 1,
            )
        if len(rows) > UNITS_MAX:
            raise Refusal("organisation-too-large", next_step="choose-a-smaller-one")
        # Of visibility only what is inside an institution matters; here nothing is decided about records.
        return OrganisationTree(Unit(number=row[0], part_of=row[1], is_inside=False) for row in rows)
