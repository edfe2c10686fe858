"""Somebody agrees to look for another, or lays it down.  Rule: docs/rules/family.md"""

from __future__ import annotations

from tianfu.apps.family.mapping.elements import value_in
from tianfu.apps.family.mapping.namings import NAMING, is_named
from tianfu.apps.family.ports import FamilyStore, Ties
from tianfu.apps.family.queries.family import WHY, not_found, read_family
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Found
from tianfu.services.accounts.model.people import SignedIn


async def accept_offer(store: FamilyStore, ties: Ties, signed_in: SignedIn, naming: str, *, now: Instant) -> None:
    """Look for somebody who asked for it, from now on; raises Refusal `not-found` for an offer that is not his."""
    family = await read_family(store, ties, signed_in, now=now)
    for offer in family.offers:
        if offer.naming == naming:
            await ties.accept(signed_in, offer.related)
            return
    raise await ties.refused(signed_in, not_found())


async def lay_down(store: FamilyStore, ties: Ties, signed_in: SignedIn, naming: str) -> None:
    """Look for somebody no more; raises Refusal `not-found` where that is not so, and for a child."""
    references = [("RelatedPerson", each) for each in signed_in.caller.related]
    answers = await store.read_many(signed_in.caller, WHY, references) if references else []
    mine = [
        answer.record.id
        for answer in answers
        if isinstance(answer, Found)
        and is_named(answer.record.value)
        and value_in(answer.record.value, NAMING) == naming
    ]
    if not mine:
        raise await ties.refused(signed_in, not_found())
    await ties.lay_down(signed_in, mine)
