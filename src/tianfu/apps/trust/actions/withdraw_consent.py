"""A person, or a child's guardian, takes a decision back.  Ward rule: docs/rules/consent.md"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.trust.actions.give_consent import refuse_unless_decides, word_of
from tianfu.apps.trust.mapping.consents import withdrawn
from tianfu.apps.trust.mapping.elements import replaced, transaction
from tianfu.apps.trust.model.consent import offer_called
from tianfu.apps.trust.model.people import Standing
from tianfu.apps.trust.queries.consents import WHY, read_consents
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal


async def withdraw_consent(store: TrustStore, caller: Caller, patient_id: str, key: str, *, now: Instant) -> None:
    """End what was said to an offer in all records of the person with one transaction; it counts from its commit.

    Raises Refusal: not-found, consent-not-yours, consent-not-standing if there is nothing to take back.
    """
    consents = await read_consents(store, caller, patient_id, now=now)
    refuse_unless_decides(consents)
    person = consents.person
    standing = [one for one in consents.standing(offer_called(key).key).signed if one.is_active]
    if not standing:
        raise Refusal("consent-not-standing", next_step="reload-and-look")
    entries = [
        replaced(
            withdrawn(
                consents.records[one.id].value,
                by=word_of(person, one.patient),
                is_confirmed=person.standing != Standing.DESK,
                now=now,
            ),
            version=one.version,
        )
        for one in standing
    ]
    await store.transaction(caller, WHY, transaction(*entries))
