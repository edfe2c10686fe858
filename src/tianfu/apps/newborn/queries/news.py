"""That a visit of the reader's begins soon, or that somebody invited him: told at each of his pages."""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.apps.newborn.pages import ROOT
from tianfu.apps.newborn.ports import Nursery
from tianfu.services.accounts.model.people import Kind, SignedIn
from tianfu.web.news import News


async def news_of_visits(nursery: Nursery, place: str, signed_in: SignedIn) -> Sequence[News]:
    """How many visits of a family begin within a day, and how many invitations wait; nothing for staff."""
    if signed_in.account.kind is not Kind.RESIDENT:
        return ()
    soon = await nursery.places.soon(signed_in.caller.related)
    invitations = await nursery.claims.invitations(signed_in)
    waiting = sum(each.accepted_at is None and each.declined_at is None for each in invitations)
    asked = sum(
        each.accepted_at is None and each.declined_at is None
        for each in await nursery.interpreters.for_person(signed_in)
    )
    counted = {"newborn.news-visits": soon, "newborn.news-invitations": waiting, "newborn.news-interpreting": asked}
    return [News(place=place, address=ROOT, says=says, count=count) for says, count in counted.items() if count]
