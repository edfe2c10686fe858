"""Screen: one unit of the tree, what stands below it, and how many units and people there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.apps.administration.model.units import MAY_STAND_BELOW, UnitKind
from tianfu.apps.administration.ports import House
from tianfu.apps.administration.queries.units import Place, read_place
from tianfu.kernel.ids import record_number
from tianfu.services.accounts.model.people import SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many units stand below one, and how many people work in it and below; closed ones count too."""

    units: int
    staff: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A unit with its counts and those of each unit right below it; `kinds` are what may be added here."""

    place: Place
    counts: Mapping[str, Counts]
    staff_here: int
    kinds: tuple[UnitKind, ...]


async def read_branch(house: House, by: SignedIn, organisation: str) -> Branch:
    """A unit that is one's own or below it; an empty name means one's own.  Raises Refusal `not-found`."""
    place = await read_place(house, by, organisation)
    tree = await house.trees.below(place.unit.id)
    staffed = await house.staff.counted()
    people: dict[int, int] = {record_number("Organization", each): count for each, count in staffed.items()}
    counts = {}
    for unit in (place.unit, *place.below):
        units = tree.below(record_number("Organization", unit.id))
        counts[unit.id] = Counts(units=len(units) - 1, staff=sum(people.get(each, 0) for each in units))
    kinds = MAY_STAND_BELOW[place.unit.kind] if place.unit.is_open else ()
    return Branch(place=place, counts=counts, staff_here=staffed.get(place.unit.id, 0), kinds=kinds)
