"""A security administrator takes somebody on: an account, a first place of work, and a password to hand over."""

from __future__ import annotations

from tianfu.apps.administration.model.posts import PersonWish, PostWish
from tianfu.apps.administration.ports import House
from tianfu.apps.administration.queries.units import read_unit
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Account, SignedIn
from tianfu.services.accounts.store import Post


async def join_staff(house: House, by: SignedIn, person: PersonWish, wish: PostWish) -> tuple[Account, str]:
    """The new account, and the password, which is shown once.

    Raises Refusal `organisation-unknown`, `organisation-closed`, or as the service does.
    """
    post = await post_of(house, by, wish)
    tree = await house.trees.above([post.organisation])
    return await house.staff.join(by, name=person.name, number=person.number, post=post, tree=tree)


async def post_of(house: House, by: SignedIn, wish: PostWish) -> Post:
    """The place of work for the service, if its organisation is there and open."""
    try:
        unit, _ = await read_unit(house, by, wish.organisation)
    except Refusal as refusal:
        raise Refusal("organisation-unknown") from refusal
    if not unit.is_open:
        raise Refusal("organisation-closed")
    return Post(
        organisation=wish.organisation,
        role=wish.role,
        practitioner=wish.practitioner,
        licence=wish.licence,
        title=wish.title,
        practising_since=wish.practising_since,
    )
