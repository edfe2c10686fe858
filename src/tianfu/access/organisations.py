"""Which records stand for a caller in relations: his own, and the units of his organisation's tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.relation import OFFICERS
from tianfu.kernel.ids import record_number

INSIDE_TYPES = frozenset(
    {
        ("http://terminology.hl7.org/CodeSystem/organization-type", "dept"),
        ("http://terminology.hl7.org/CodeSystem/organization-type", "team"),
    }
)
"""Types of an Organization that is a part of an institution and has no records of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An Organization record: its number, that of what it is part of, and whether it is a part of an institution.

    `is_inside` is what `is_inside_type` says of its types; whoever does not say so is an institution.
    """

    number: int
    part_of: int | None
    is_inside: bool


class OrganisationTree:
    """All units; one that is part of itself, by whatever way round, is borne."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units = {unit.number: unit for unit in units}
        parts: dict[int, list[int]] = defaultdict(list)
        for unit in self._units.values():
            if unit.part_of is not None:
                parts[unit.part_of].append(unit.number)
        self._parts = dict(parts)

    def has(self, number: int) -> bool:
        """Whether a unit is there."""
        return number in self._units

    def around(self, number: int) -> tuple[int, ...]:
        """A unit, all below it, and what it is inside of up to its institution; sorted."""
        return tuple(sorted(self.below(number) | self._above(number)))

    def below(self, number: int) -> set[int]:
        """A unit and all that is part of it, by whatever steps; an unknown one stands alone."""
        found, rest = {number}, [number]
        while rest:
            for part in self._parts.get(rest.pop(), ()):
                if part not in found:
                    found.add(part)
                    rest.append(part)
        return found

    def _above(self, number: int) -> set[int]:
        found: set[int] = set()
        unit = self._units.get(number)
        while unit is not None and unit.is_inside and unit.part_of is not None and unit.part_of not in found:
            found.add(unit.part_of)
            unit = self._units.get(unit.part_of)
        return found


OFFICER_ROLE = "officer"

NO_ORGANISATIONS = OrganisationTree(())


def is_inside_type(codings: Iterable[tuple[str, str]]) -> bool:
    """Whether an Organization with these types is a department or team within an institution."""
    return not INSIDE_TYPES.isdisjoint(codings)


def actors_of(caller: Caller, tree: OrganisationTree) -> tuple[int, ...]:
    """The record numbers that count for a caller: his Practitioner, his RelatedPersons, his unit, all units below it,
    and upwards as long as one is still inside the same institution; a supervising bureau never.  An officer is one of
    the officers of the province."""
    found: list[int] = [record_number("RelatedPerson", related) for related in caller.related]
    if caller.practitioner is not None:
        found.append(record_number("Practitioner", caller.practitioner))
    if caller.organisation is not None:
        found.extend(tree.around(record_number("Organization", caller.organisation)))
    if caller.role == OFFICER_ROLE:
        found.append(OFFICERS)
    return tuple(found)
