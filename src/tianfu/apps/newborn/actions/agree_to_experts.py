"""A guardian agrees that experts from elsewhere are asked, by itself and apart from visits, and takes it back.

Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

from collections.abc import Collection

import orjson

from tianfu.apps.newborn.actions.keep_consultations import end_without_ground
from tianfu.apps.newborn.mapping.codes import CONSULTATION
from tianfu.apps.newborn.mapping.consents import VERSION, withdrawn
from tianfu.apps.newborn.mapping.consultations import agreement_of, is_agreement
from tianfu.apps.newborn.mapping.visits import id_in
from tianfu.apps.newborn.model.consultation import text_in
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import my_baby, own_baby
from tianfu.apps.newborn.queries.records import FAMILY, found_all, not_found
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.standards.fhir.parsing import parse_resource


async def agreements(
    nursery: Nursery, signed_in: SignedIn, guardians: Collection[str], baby: str
) -> tuple[Record, ...]:
    """What these guardians signed of this, in force or taken back; read in his own name."""
    records = await found_all(nursery.store, signed_in.caller, FAMILY, "Consent", patient=f"Patient/{baby}")
    return tuple(
        each
        for each in records
        if is_agreement(each.value)
        and any(id_in(one, "RelatedPerson") in guardians for one in each.value.get("performer", ()))
    )


async def agree_to_experts(nursery: Nursery, signed_in: SignedIn, baby: str, version: str, *, language: str) -> None:
    """Sign; needs a fresh proof.  Raises Refusal `proof-too-old`, `not-found`, `consent-outdated`."""
    now, text = nursery.clock(), text_in(language)
    refuse_unless_fresh(signed_in, now)
    mine = await my_baby(nursery, signed_in.caller, baby)
    if version != text.version:
        raise Refusal("consent-outdated", next_step="reload")
    resource = agreement_of(mine.guardian.id, baby, text, now=now)
    standing = await agreements(nursery, signed_in, [mine.guardian.id], baby)
    caller = signed_in.caller
    if not standing:
        once = f"identifier={VERSION}|{mine.guardian.id}.{baby}.{CONSULTATION}"
        await nursery.store.create(caller, FAMILY, parse_resource(orjson.dumps(resource)), if_none_exist=once)
        return
    first = standing[0]
    content = parse_resource(orjson.dumps({**resource, "id": first.id}))
    await nursery.store.update(caller, FAMILY, content, first.id, expected_version=first.version)


async def agree_no_more(nursery: Nursery, signed_in: SignedIn, baby: str) -> None:
    """Take it back, wherever the baby is; counts with its commit, and ends every consultation that stands on it.

    Also what was signed under another RelatedPerson of the same account.  Needs no fresh proof.  Raises Refusal
    `not-found`.
    """
    await own_baby(nursery, signed_in.caller, baby)
    standing = await agreements(nursery, signed_in, signed_in.caller.related, baby)
    if not standing:
        raise not_found()
    for each in standing:
        if each.value.get("status") == "active":
            content = parse_resource(orjson.dumps(withdrawn(each.value)))
            await nursery.store.update(signed_in.caller, FAMILY, content, each.id, expected_version=each.version)
    for guardian in signed_in.caller.related:
        await end_without_ground(nursery, baby, guardian)
