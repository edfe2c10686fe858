"""Somebody agrees to look for another, says no, thinks again, or lays it down.  Rule: docs/rules/family.md"""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.apps.family.mapping.elements import Element, id_in, value_in
from tianfu.apps.family.mapping.namings import NAMING, is_named
from tianfu.apps.family.ports import FamilyStore, Ties
from tianfu.apps.family.queries.family import WHY, Family, not_found, read_family
from tianfu.kernel.instants import Instant, range_of
from tianfu.records.outcomes import Found
from tianfu.services.accounts.model.namings import Named
from tianfu.services.accounts.model.people import SignedIn


async def accept_offer(store: FamilyStore, ties: Ties, signed_in: SignedIn, naming: str, *, now: Instant) -> None:
    """Look for somebody who asked for it, from now on; raises Refusal `not-found` for an offer that is not his."""
    family = await read_family(store, ties, signed_in, now=now)
    await ties.accept(signed_in, await _offered(ties, signed_in, family, naming))


async def decline_offer(store: FamilyStore, ties: Ties, signed_in: SignedIn, naming: str, *, now: Instant) -> None:
    """Say no to somebody who asked, who sees it; raises Refusal `not-found` for an offer that is not his."""
    family = await read_family(store, ties, signed_in, now=now)
    await ties.decline(signed_in, await _offered(ties, signed_in, family, naming))


async def reconsider_offer(ties: Ties, signed_in: SignedIn, naming: str) -> None:
    """Take one's no back, so that the offer waits again; raises Refusal `not-found` where there was none."""
    if not await ties.reconsider(signed_in, naming):
        raise await ties.refused(signed_in, not_found())


async def lay_down(store: FamilyStore, ties: Ties, signed_in: SignedIn, naming: str) -> None:
    """Look for somebody no more; raises Refusal `not-found` where that is not so, and for a child."""
    references = [("RelatedPerson", each) for each in signed_in.caller.related]
    answers = await store.read_many(signed_in.caller, WHY, references) if references else []
    mine = [
        answer.record.value
        for answer in answers
        if isinstance(answer, Found)
        and is_named(answer.record.value)
        and value_in(answer.record.value, NAMING) == naming
    ]
    if not mine:
        raise await ties.refused(signed_in, not_found())
    await ties.lay_down(signed_in, _named_by(naming, mine))


def _named_by(naming: str, people: Sequence[Element]) -> Named:
    """What joins the RelatedPersons of one naming; one without an end is over at once, for it opens nothing."""
    ends = [each["period"]["end"] for each in people if "end" in each.get("period", {})]
    return Named(
        naming=naming,
        related=tuple(each["id"] for each in people),
        patients=tuple(id_in(each.get("patient"), "Patient") for each in people),
        until=max((Instant(range_of(each)[1] + 1) for each in ends), default=Instant(0)),
    )


async def _offered(ties: Ties, signed_in: SignedIn, family: Family, naming: str) -> Named:
    for offer in family.offers:
        if offer.naming == naming:
            return offer.named
    raise await ties.refused(signed_in, not_found())
