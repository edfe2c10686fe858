"""A security administrator gives a member of staff one more place of work, or another instead of one."""

from __future__ import annotations

from tianfu.apps.administration.actions.join_staff import post_of
from tianfu.apps.administration.model.posts import PostWish
from tianfu.apps.administration.ports import House
from tianfu.apps.administration.queries.staff import tree_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn


async def appoint_staff(house: House, by: SignedIn, account: str, wish: PostWish) -> None:
    """One more place of work; raises Refusal as `post_of` and the service do."""
    post = await post_of(house, by, wish)
    await house.staff.appoint(by, account, post, await tree_of(house, account, post.organisation))


async def move_staff(house: House, by: SignedIn, account: str, workplace: str, wish: PostWish) -> None:
    """Another place of work instead of one of this account; sessions from the old one end with it."""
    await refuse_unless_of(house, account, workplace)
    post = await post_of(house, by, wish)
    await house.staff.move(by, workplace, post, await tree_of(house, account, post.organisation))


async def refuse_unless_of(house: House, account: str, workplace: str) -> None:
    """Whether somebody works at this place, so that an address names one person only; raises `workplace-unknown`."""
    if all(each.id != workplace for each in await house.staff.workplaces(account)):
        raise Refusal("workplace-unknown", next_step="start-again")
