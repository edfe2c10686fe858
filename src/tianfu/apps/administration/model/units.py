"""What an organisation's unit is, what may stand below what, and when one may be moved or closed.

The levels are those of China's administration; below an institution stand departments.
Told in docs/roles/administrator.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tianfu.kernel.refusal import Fault, Refusal

NAME_CHARACTERS_MAX = 100


class UnitKind(StrEnum):
    """What a unit is, from the top down."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"
    INSTITUTION = "institution"
    DEPARTMENT = "department"
    OTHER = "other"
    """What others wrote without a kind of ours."""


MAY_STAND_BELOW: Mapping[UnitKind, tuple[UnitKind, ...]] = {
    UnitKind.PROVINCE: (UnitKind.PREFECTURE, UnitKind.INSTITUTION),
    UnitKind.PREFECTURE: (UnitKind.COUNTY, UnitKind.INSTITUTION),
    UnitKind.COUNTY: (UnitKind.TOWNSHIP, UnitKind.INSTITUTION),
    UnitKind.TOWNSHIP: (UnitKind.VILLAGE, UnitKind.INSTITUTION),
    UnitKind.VILLAGE: (UnitKind.INSTITUTION,),
    UnitKind.INSTITUTION: (UnitKind.DEPARTMENT,),
    UnitKind.DEPARTMENT: (UnitKind.DEPARTMENT,),
    UnitKind.OTHER: (UnitKind.INSTITUTION, UnitKind.DEPARTMENT),
}
"""An institution may stand at every level: a county hospital, a township's health centre, a village clinic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One organisation as these pages know it; `part_of` is empty at the top."""

    id: str
    name: str
    kind: UnitKind
    version: int
    is_open: bool
    part_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnit:
    """A unit that is to be made."""

    name: str
    kind: UnitKind


def read_name(text: str) -> str:
    """A unit's name; raises Refusal `unit-unusable`."""
    name = " ".join(text.split())
    if not name:
        raise _fault("name", "unit-name-missing")
    if len(name) > NAME_CHARACTERS_MAX:
        raise _fault("name", "unit-name-too-long", most=str(NAME_CHARACTERS_MAX))
    if not name.isprintable():
        raise _fault("name", "unit-name-unreadable")
    return name


def read_new_unit(name: str, kind: str, *, above: Unit) -> NewUnit:
    """A unit to stand below another; raises Refusal `unit-unusable`."""
    faults: list[Fault] = []
    try:
        named = read_name(name)
    except Refusal as refusal:
        named = ""
        faults += refusal.faults
    if kind not in MAY_STAND_BELOW[above.kind]:
        faults.append(Fault("kind", "unit-kind-missing" if not kind else "unit-kind-not-here"))
    if not above.is_open:
        faults.append(Fault("kind", "unit-closed-above"))
    if faults:
        raise Refusal("unit-unusable", faults=tuple(faults))
    return NewUnit(name=named, kind=UnitKind(kind))


def refuse_unless_movable(unit: Unit, to: Unit, path_of_to: Sequence[Unit]) -> None:
    """Whether a unit may stand below another, to which `path_of_to` leads from the top.  Raises `unit-unusable`."""
    if any(each.id == unit.id for each in path_of_to):
        raise _fault("to", "unit-into-itself")
    if to.id == unit.part_of:
        raise _fault("to", "unit-there-already")
    if not to.is_open:
        raise _fault("to", "unit-closed-above")
    if not may_stand(unit.kind, to.kind):
        raise _fault("to", "unit-kind-not-here")


def may_stand(kind: UnitKind, above: UnitKind) -> bool:
    """Whether such a unit may stand below such another; what has no kind of ours may stand below anything."""
    return kind == UnitKind.OTHER or kind in MAY_STAND_BELOW[above]


def refuse_unless_closable(unit: Unit, *, open_below: int, staff: int) -> None:
    """Whether a unit may be closed: nothing open stands below it, and nobody works there.

    Raises Refusal `unit-closed-already`, `unit-has-units` or `unit-has-staff`.
    """
    if not unit.is_open:
        raise Refusal("unit-closed-already")
    if open_below:
        raise Refusal("unit-has-units", details={"count": str(open_below)})
    if staff:
        raise Refusal("unit-has-staff", details={"count": str(staff)})


def in_order(units: Sequence[Unit]) -> tuple[Unit, ...]:
    """Open ones first, then from the top kind down, then by name."""
    kinds = list(UnitKind)
    return tuple(sorted(units, key=lambda each: (not each.is_open, kinds.index(each.kind), each.name, each.id)))


def _fault(path: str, code: str, **details: str) -> Refusal:
    return Refusal("unit-unusable", faults=(Fault(path, code, details),))
