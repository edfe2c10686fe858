"""Whether anything changed among records on which somebody's safety hangs: versions alone, nothing of what they say.

The feed tells everything in order, and therefore waits for the oldest transaction that still runs, be it an import of
minutes.  Who must act within a second asks here: what is committed is seen by the next look.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tianfu.db import Database, int2_array, int8_array, queries
from tianfu.kernel.ids import record_number
from tianfu.standards.fhir.definitions import definitions

_SQL = queries("tianfu.records.sql", "watching.sql")

Versions = tuple[tuple[int, int, int], ...]
"""Type, record and version of each; equal answers mean that nothing changed."""


class Watch:
    """Looks at versions.  It names no caller and leaves no trace: numbers tell of nobody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(
        self,
        types: Collection[str],
        patients: Sequence[str],
        named: Sequence[tuple[str, str]],
        *,
        places: Sequence[str] = (),
    ) -> Versions:
        """The versions of all records of some types about these patients, of these records, and of all Encounters,
        whoever they are about, that name one of these places (Locations).

        Raises Refusal `database-unavailable`.
        """
        numbers = definitions().type_number
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                _SQL.versions_now,
                types=int2_array(sorted(map(numbers, types))),
                patients=int8_array(sorted(record_number("Patient", each) for each in patients)),
                named_types=int2_array(sorted({numbers(kind) for kind, _ in named})),
                named=int8_array(sorted(record_number(kind, each) for kind, each in named)),
                places=int8_array(sorted(record_number("Location", each) for each in places)),
                place_param=_location_of_encounter(),
                encounter=numbers("Encounter"),
            )
        return tuple((kind, record, version) for kind, record, version in rows)


def _location_of_encounter() -> int:
    found = definitions().search_parameter("Encounter", "location")
    if found is None:
        raise LookupError("Encounter has no location")
    return found.number
