"""A person names somebody who may look for him.  Rule: docs/rules/family.md"""

from __future__ import annotations

from uuid import uuid4

from tianfu.access.naming import refuse_unless_may_name
from tianfu.apps.family.mapping.elements import Resource, transaction
from tianfu.apps.family.mapping.namings import end_of, naming_consent, related_person
from tianfu.apps.family.model.naming import Wish
from tianfu.apps.family.ports import FamilyStore, Ties
from tianfu.apps.family.queries.family import WHY, not_found, read_family
from tianfu.kernel.instants import Instant
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import refuse_unless_fresh


async def name_proxy(
    store: FamilyStore, ties: Ties, signed_in: SignedIn, wish: Wish, *, words: str, language: str, now: Instant
) -> str:
    """Write whom a person names into each of his records, all or none; the number of the naming.

    `words` are those that he read, and stay in his Consent.  The answer is the same whether or not anybody has that
    telephone.  Raises Refusal: proof-too-old, not-found, proxy-not-of-age, too-many-proxies,
    proxy-declined-often.
    """
    refuse_unless_fresh(signed_in, now)
    caller = signed_in.caller
    if not caller.patients:
        raise not_found()
    family = await read_family(store, ties, signed_in, now=now)
    # Refused here before anything is prepared; the store decides again, in the transaction that writes.
    refuse_unless_may_name(family.age, len(family.namings))
    await ties.refuse_unless_may_ask(signed_in, wish.telephone)
    naming = str(uuid4())
    entries: list[Resource] = []
    for patient in caller.patients:
        known_as = f"urn:uuid:{uuid4()}"
        person = related_person(wish, patient, naming, now=now)
        consent = naming_consent(wish, patient, naming, known_as, words, language, now=now)
        entries.append({"fullUrl": known_as, "resource": person, "request": {"method": "POST", "url": "RelatedPerson"}})
        entries.append({"resource": consent, "request": {"method": "POST", "url": "Consent"}})
    await store.transaction(caller, WHY, transaction(*entries))
    await ties.asked(signed_in, naming, telephone=wish.telephone, name=wish.name, until=end_of(wish.until))
    return naming
