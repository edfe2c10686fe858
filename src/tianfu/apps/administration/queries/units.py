"""Units as several screens need them: one, the way from one's own to it, what stands below it, and names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tianfu.apps.administration.mapping.units import unit_of
from tianfu.apps.administration.model.units import Unit, in_order
from tianfu.apps.administration.ports import WHY, House, own_place
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.refusal import Refusal
from tianfu.records.organisations import DEPTH_MAX
from tianfu.records.outcomes import Found, Record
from tianfu.records.store import SearchRequest
from tianfu.services.accounts.model.people import SignedIn

BELOW_MAX = 300
"""So many units below one are listed; the page says so loudly if there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A unit with the way to it from one's own organisation, both ends included, and what stands right below it."""

    path: tuple[Unit, ...]
    below: tuple[Unit, ...]
    is_cut_off: bool

    @property
    def unit(self) -> Unit:
        """The unit itself."""
        return self.path[-1]

    @property
    def is_own(self) -> bool:
        """Whether it is the organisation from which whoever looks at it acts."""
        return len(self.path) == 1


async def read_unit(house: House, by: SignedIn, organisation: str) -> tuple[Unit, Record]:
    """A unit and its record; raises Refusal `not-found`."""
    if not FHIR_ID.match(organisation):
        raise not_found()
    match await house.directory.read(by.caller, WHY, "Organization", organisation):
        case Found(record):
            return unit_of(record), record
        case _:
            raise not_found()


async def way_to(house: House, by: SignedIn, organisation: str) -> tuple[Unit, ...]:
    """The units from one's own organisation down to one; raises Refusal `not-found` if it does not lead there."""
    own = own_place(by).organisation
    way: list[Unit] = []
    step = organisation
    while len(way) < DEPTH_MAX and step:
        unit, _ = await read_unit(house, by, step)
        way.append(unit)
        if unit.id == own:
            return tuple(reversed(way))
        step = unit.part_of
    raise not_found()


async def read_place(house: House, by: SignedIn, organisation: str) -> Place:
    """A unit that is one's own or below it; an empty name means one's own.  Raises Refusal `not-found`."""
    path = await way_to(house, by, organisation or own_place(by).organisation)
    asked = (("partof", f"Organization/{path[-1].id}"), ("_count", str(BELOW_MAX)))
    page = await house.directory.search(by.caller, WHY, SearchRequest(type="Organization", parameters=asked))
    below = in_order([unit_of(record) for record in page.records])
    return Place(path=path, below=below, is_cut_off=page.next_cursor is not None)


async def names_of(house: House, by: SignedIn, organisations: Iterable[str]) -> Mapping[str, str]:
    """The names of organisations, asked together; whatever cannot be read has none."""
    wanted = sorted({each for each in organisations if FHIR_ID.match(each)})
    if not wanted:
        return {}
    answers = await house.directory.read_many(by.caller, WHY, [("Organization", each) for each in wanted])
    units = [unit_of(each.record) for each in answers if isinstance(each, Found)]
    return {unit.id: unit.name for unit in units}


def not_found() -> Refusal:
    """For whoever may not see it, and for whoever asks after what is not there."""
    return Refusal("not-found", next_step="start-again")
