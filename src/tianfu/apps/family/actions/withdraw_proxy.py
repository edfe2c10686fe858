"""A person takes back that somebody may look for him.  Rule: docs/rules/family.md"""

from __future__ import annotations

from tianfu.apps.family.mapping.elements import transaction
from tianfu.apps.family.mapping.namings import withdrawn
from tianfu.apps.family.ports import FamilyStore, Ties
from tianfu.apps.family.queries.family import WHY, not_found, read_family
from tianfu.kernel.instants import Instant
from tianfu.services.accounts.model.people import SignedIn


async def withdraw_proxy(store: FamilyStore, ties: Ties, signed_in: SignedIn, naming: str, *, now: Instant) -> None:
    """End a naming in all records with one transaction; it counts from its commit.  Raises Refusal `not-found`.

    Needs no fresh proof: taking away is never made harder than giving.
    """
    family = await read_family(store, ties, signed_in, now=now)
    entries = [
        {
            "resource": withdrawn(value, now=now),
            "request": {"method": "PUT", "url": f"Consent/{given.id}", "ifMatch": f'W/"{given.version}"'},
        }
        for given, value in family.given
        if given.naming == naming
    ]
    if not entries:
        raise await ties.refused(signed_in, not_found())
    await store.transaction(signed_in.caller, WHY, transaction(*entries))
    await ties.taken_back(signed_in, naming)
