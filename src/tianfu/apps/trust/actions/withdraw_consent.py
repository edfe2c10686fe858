"""A person, or a child's guardian, takes a decision back.  Ward rule: docs/rules/consent.md"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.trust.actions.give_consent import ending, refuse_unless_decides
from tianfu.apps.trust.mapping.elements import transaction
from tianfu.apps.trust.model.consent import offer_called
from tianfu.apps.trust.queries.consents import WHY, read_consents
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal


async def withdraw_consent(
    store: TrustStore, caller: Caller, patient_id: str, key: str, *, institution: str, now: Instant
) -> None:
    """End what was said to an offer, in all records of the person with one transaction; it counts from its commit.

    Where `institution` is named, only what was said for that one ends.
    Raises Refusal: not-found, consent-not-yours, consent-not-standing if there is nothing to take back.
    """
    consents = await read_consents(store, caller, patient_id, now=now)
    refuse_unless_decides(consents)
    standing = [
        one
        for one in consents.standing(offer_called(key).key).signed
        if one.is_active and institution in {"", one.institution}
    ]
    if not standing:
        raise Refusal("consent-not-standing", next_step="reload-and-look")
    await store.transaction(caller, WHY, transaction(*(ending(consents, one, now=now) for one in standing)))
