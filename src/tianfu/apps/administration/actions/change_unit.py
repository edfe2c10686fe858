"""A system administrator adds a unit below his own organisation, renames, moves or closes one.

Each is one write of an Organization; a change names the version that was seen.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianfu.apps.administration.mapping.units import closed, created, moved, renamed
from tianfu.apps.administration.model.units import (
    Unit,
    read_name,
    read_new_unit,
    refuse_unless_closable,
    refuse_unless_movable,
)
from tianfu.apps.administration.ports import WHY, House, own_place
from tianfu.apps.administration.queries.units import read_place, read_unit, way_to
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.standards.fhir.parsing import ParsedResource, parse_resource


async def add_unit(house: House, by: SignedIn, above: str, *, name: str, kind: str) -> str:
    """The id of a new unit below one's own organisation or one below it.

    Raises Refusal `not-found`, `unit-unusable` or `proof-too-old`.
    """
    way = await way_to(house, by, above)
    new = read_new_unit(name, kind, above=way[-1])
    refuse_unless_fresh(by, house.clock())
    written = await house.directory.create(by.caller, WHY, _parsed(created(new, way[-1])))
    return written.id


async def rename_unit(house: House, by: SignedIn, organisation: str, *, name: str, version: int) -> None:
    """Another name for a unit; also for one's own.

    Raises Refusal `not-found`, `unit-unusable`, `version-conflict` or `proof-too-old`.
    """
    await way_to(house, by, organisation)
    _, record = await read_unit(house, by, organisation)
    await _write(house, by, record, renamed(record, read_name(name)), version=version)


async def move_unit(house: House, by: SignedIn, organisation: str, *, to: str, version: int) -> None:
    """Put a unit below another; both must be below one's own organisation, which itself stays where it is.

    Raises Refusal `not-found`, `unit-is-own`, `unit-unusable`, `version-conflict` or `proof-too-old`.
    """
    unit, record = await _below(house, by, organisation)
    way = await way_to(house, by, to)
    refuse_unless_movable(unit, way[-1], way)
    await _write(house, by, record, moved(record, way[-1]), version=version)


async def close_unit(house: House, by: SignedIn, organisation: str, *, version: int) -> None:
    """Take a unit out of use; it stays in the records.

    Raises Refusal `not-found`, `unit-is-own`, `unit-has-units`, `unit-has-staff`, `unit-closed-already`,
    `version-conflict` or `proof-too-old`.
    """
    unit, record = await _below(house, by, organisation)
    place = await read_place(house, by, organisation)
    staff = (await house.staff.counted()).get(organisation, 0)
    refuse_unless_closable(unit, open_below=sum(each.is_open for each in place.below), staff=staff)
    await _write(house, by, record, closed(record), version=version)


async def _below(house: House, by: SignedIn, organisation: str) -> tuple[Unit, Record]:
    if organisation == own_place(by).organisation:
        raise Refusal("unit-is-own", next_step="ask-your-office")
    await way_to(house, by, organisation)
    return await read_unit(house, by, organisation)


async def _write(house: House, by: SignedIn, record: Record, changed: dict[str, Any], *, version: int) -> None:
    refuse_unless_fresh(by, house.clock())
    if record.version != version:
        raise Refusal("version-conflict", next_step="reload-and-look")
    await house.directory.update(by.caller, WHY, _parsed(changed), record.id, expected_version=version)


def _parsed(resource: dict[str, Any]) -> ParsedResource:
    return parse_resource(orjson.dumps(resource))
