"""A guardian agrees to visits, and takes it back.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import orjson

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.house import UNAVAILABLE
from tianfu.apps.newborn.mapping.consents import VERSION, consent_of, given_of, withdrawn
from tianfu.apps.newborn.model.consent import Scope, read_scopes, words_in
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import consent_records, my_baby, own_baby
from tianfu.apps.newborn.queries.records import FAMILY, not_found
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.standards.fhir.parsing import parse_resource

WITHDRAWN = "consent-withdrawn"
KEPT_OTHERWISE = "consent-kept-otherwise"


async def sign_consent(
    nursery: Nursery, signed_in: SignedIn, baby: str, form: Mapping[str, str], *, language: str
) -> None:
    """Write down what a guardian chose, in his own name; a signature, so it needs a fresh proof.

    Raises Refusal `proof-too-old`, `not-found`, and as `read_scopes` and `refuse_unless_kept` do.
    """
    now = nursery.clock()
    refuse_unless_fresh(signed_in, now)
    scopes = read_scopes(form, version=form.get("version", ""))
    caller = signed_in.caller
    mine = await my_baby(nursery, caller, baby)
    resource = consent_of(mine.guardian.id, baby, words_in(language), scopes, now=now)
    before = await consent_records(nursery.store, caller, [mine.guardian.id], baby)
    if not before:
        # Of two that sign at one moment, one writes; the other finds it.
        once = f"identifier={VERSION}|{mine.guardian.id}.{baby}"
        await nursery.store.create(caller, FAMILY, parse_resource(orjson.dumps(resource)), if_none_exist=once)
        # The store keeps the first one's, and says no word of it.
        kept = await consent_records(nursery.store, caller, [mine.guardian.id], baby)
        refuse_unless_kept(kept, scopes)
        return
    # What else was in force says what he chose before: only what he signs now counts.
    standing, *others = before
    await _take_back(nursery, signed_in, others)
    text = orjson.dumps({**resource, "id": standing.id})
    await nursery.store.update(caller, FAMILY, parse_resource(text), standing.id, expected_version=standing.version)
    if Scope.VIEW not in scopes:
        await sees_no_more(nursery, caller, signed_in.account.id)


async def withdraw_consent(nursery: Nursery, signed_in: SignedIn, baby: str) -> None:
    """Take everything back, wherever the baby is; counts with its commit.  Needs no fresh proof.

    Also what was signed under another RelatedPerson of the same account.  Raises Refusal `not-found`.
    """
    caller = signed_in.caller
    await own_baby(nursery, caller, baby)
    before = await consent_records(nursery.store, caller, caller.related, baby)
    if not before:
        raise not_found()
    await _take_back(nursery, signed_in, before)
    await sees_no_more(nursery, caller, signed_in.account.id)
    for each in caller.related:
        await waits_no_more(nursery, each, baby)


def refuse_unless_kept(consents: Iterable[Record], scopes: Collection[Scope]) -> None:
    """Raise Refusal `consent-kept-otherwise` where what stands is not what was signed, but another signature.

    Of two who sign at one moment one is kept.
    """
    read = [given_of(each.value, version=each.version) for each in consents]
    if not any(each is not None and each.scopes == frozenset(scopes) for each in read):
        raise Refusal(KEPT_OTHERWISE, next_step="sign-again")


async def waits_no_more(nursery: Nursery, guardian: str, baby: str) -> None:
    """Who waits moves up by himself: nobody does who has not agreed."""
    for wish in await nursery.places.waiting(baby):
        if wish.related == guardian:
            await nursery.places.wait_no_more(wish.id, [baby])


async def sees_no_more(nursery: Nursery, by: Caller, account: str) -> None:
    """He watches no visit any more, whoever booked it; of another baby, to which he agrees still, he comes back.

    What cannot be ended while the media server is away is no good any more, and ends when it is back.
    """
    if nursery.taking is None:
        return
    try:
        await nursery.taking.revoke_person(by, account, WITHDRAWN, visit=None)
    except Refusal as refusal:
        if refusal.code not in UNAVAILABLE:
            raise


async def _take_back(nursery: Nursery, signed_in: SignedIn, consents: Iterable[Record]) -> None:
    for each in consents:
        if each.value.get("status") == "active":
            text = orjson.dumps(withdrawn(each.value))
            await nursery.store.update(
                signed_in.caller, FAMILY, parse_resource(text), each.id, expected_version=each.version
            )
