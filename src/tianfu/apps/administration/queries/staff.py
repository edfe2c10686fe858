"""Screens: who works in one's own organisation and below, and one member of staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.access.organisations import OrganisationTree
from tianfu.apps.administration.model.posts import ROLES, may_give, roles_to_offer
from tianfu.apps.administration.ports import House, own_place
from tianfu.apps.administration.queries.units import Place, names_of, read_place
from tianfu.kernel.ids import record_number
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.staffing import Member, StaffPage


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffWish:
    """Whom somebody wants to see: where, in which role or in any, by what words; and after whom the page begins."""

    organisation: str = ""
    role: str = ""
    words: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffList:
    """Staff of one unit and below it, and the way there."""

    place: Place
    page: StaffPage
    names: Mapping[str, str]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPage:
    """One member of staff; `endable` are the places of work that may be ended from here."""

    member: Member
    names: Mapping[str, str]
    endable: frozenset[str]
    is_oneself: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPage:
    """Where a place of work could be, and which roles may be given there."""

    place: Place
    roles: tuple[str, ...]


async def read_staff(house: House, by: SignedIn, wish: StaffWish) -> StaffList:
    """A page of staff; raises Refusal `not-found` for a place that is not below."""
    place = await read_place(house, by, wish.organisation)
    tree = await house.trees.below(place.unit.id)
    staffed = await house.staff.counted()
    numbers = {each: record_number("Organization", each) for each in staffed}
    below = tree.below(record_number("Organization", place.unit.id))
    organisations = [each for each, number in numbers.items() if number in below]
    # What is below the chosen one is below one's own; the tree of the service must reach up to that.
    whole = await house.trees.above(organisations)
    role = wish.role if wish.role in ROLES else ""
    if wish.words:
        page = await house.staff.found(by, wish.words, organisations, whole, role=role)
    else:
        page = await house.staff.listed(by, organisations, whole, role=role, after=wish.after)
    names = await names_of(house, by, (each.workplace.organisation for each in page.staff))
    counts = {unit.id: _staff_below(unit.id, tree, staffed, numbers) for unit in place.below}
    return StaffList(place=place, page=page, names=names, counts=counts)


async def read_member(house: House, by: SignedIn, account: str) -> MemberPage:
    """One member of staff; raises Refusal `not-found` for whoever works nowhere below."""
    tree = await tree_of(house, account)
    member = await house.staff.member(by, account, tree)
    places = member.workplaces
    is_oneself = by.account.id == account
    endable = [
        each.id for each in places if not is_oneself and may_give(own_place(by), each.role, each.organisation, tree)
    ]
    return MemberPage(
        member=member,
        names=await names_of(house, by, (each.organisation for each in places)),
        endable=frozenset(endable),
        is_oneself=is_oneself,
    )


async def read_post_page(house: House, by: SignedIn, organisation: str) -> PostPage:
    """Where somebody could be appointed; raises Refusal `not-found` for a place that is not below."""
    place = await read_place(house, by, organisation)
    tree = await house.trees.above([place.unit.id])
    roles = roles_to_offer(own_place(by), place.unit.id, tree) if place.unit.is_open else ()
    return PostPage(place=place, roles=roles)


async def tree_of(house: House, account: str, *more: str) -> OrganisationTree:
    """What is above all places of work of somebody, and above some more organisations."""
    return await house.trees.above([*(each.organisation for each in await house.staff.workplaces(account)), *more])


def _staff_below(
    organisation: str, tree: OrganisationTree, staffed: Mapping[str, int], numbers: Mapping[str, int]
) -> int:
    below = tree.below(record_number("Organization", organisation))
    return sum(count for each, count in staffed.items() if numbers[each] in below)
