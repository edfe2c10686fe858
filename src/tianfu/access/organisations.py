"""Which units, people and roles stand for a caller in relations: his organisation's tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tianfu.access.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An Organization record: its number, that of what it is part of, and whether it is a part of an institution.

    `is_inside` is true for types `dept` and `team` (`is_inside_type`): such a unit has no life of its own.
    """

    number: int
    part_of: int | None
    is_inside: bool


class OrganisationTree:
    """All units; loops in `part_of` are borne."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self.units = tuple(units)


def is_inside_type(codings: Iterable[tuple[str, str]]) -> bool:
    """Whether an Organization with these types is a department or team within an institution."""
    raise NotImplementedError


def actors_of(caller: Caller, tree: OrganisationTree) -> tuple[int, ...]:
    """The record numbers that count for a caller: his Practitioner, his RelatedPersons, his unit, all units below it,
    and upwards as long as one is still inside the same institution; a supervising bureau never."""
    return tuple(unit.number for unit in tree.units)
