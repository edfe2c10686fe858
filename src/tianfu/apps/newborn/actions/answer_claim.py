"""The ward says whether somebody is a baby's guardian, and takes that back.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.book_slot import end_for_guardian
from tianfu.apps.newborn.actions.invite_relative import end_invitations_by
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.guardians import ended, guardian_person, was_guardian
from tianfu.apps.newborn.mapping.halts import dispute_flag, lowered
from tianfu.apps.newborn.mapping.visits import id_in
from tianfu.apps.newborn.mapping.wards import is_dispute
from tianfu.apps.newborn.model.guardians import CODE_DAYS, CODE_LETTERS, Relation, read_approval
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import (
    PLATFORM,
    WARD_WORK,
    changed,
    found_all,
    found_by,
    new,
    not_found,
    read_all,
    read_one,
    ward_of_unit,
    wards_of_stays,
    write,
    write_together,
)
from tianfu.kernel.instants import DAY, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn


async def approve_claim(nursery: Nursery, caller: Caller, claim: str, form: Mapping[str, str]) -> None:
    """Write down who is the guardian and what was seen, and tie his account to it.

    Raises Refusal `not-found` for a claim of another ward or one that was answered, `evidence-missing`,
    `evidence-unfitting`.
    """
    ward = await ward_of_unit(nursery.store, caller)
    asked, account = await nursery.claims.claim(claim, ward.id)
    relation = Relation(asked.relation)
    approval = read_approval(form, relation)
    # The caller must see the baby himself: his ward's stay opens it to him.
    await read_one(nursery.store, caller, WARD_WORK, "Patient", asked.baby)
    person = guardian_person(
        asked.baby, relation, approval, related=asked.id, name=account.name, by=caller.id, now=nursery.clock()
    )
    # Under the claim's own name: of two who say yes at one moment, both write the same, and one of them answers.
    await write(nursery.store, person)
    try:
        await nursery.claims.answer(caller, asked, "approved", related=asked.id)
    except Refusal:
        if await nursery.claims.answer_to(asked.id) in {"declined", "withdrawn"}:
            # A colleague said no, or it was taken back: whom nobody approved is no guardian at the desk either.
            await write(nursery.store, ended(person, now=nursery.clock()))
        raise


async def decline_claim(nursery: Nursery, caller: Caller, claim: str) -> None:
    """Say no, and end whoever was written down by a yes that was never answered; raises Refusal `not-found`."""
    ward = await ward_of_unit(nursery.store, caller)
    asked, _ = await nursery.claims.claim(claim, ward.id)
    await nursery.claims.answer(caller, asked, "declined")
    await _end_unapproved(nursery, asked.id)


async def withdraw_claim(nursery: Nursery, signed_in: SignedIn, claim: str) -> None:
    """Take back what one asked, and end whoever was written down for it; raises Refusal `not-found`."""
    await nursery.claims.withdraw(signed_in, claim)
    await _end_unapproved(nursery, claim)


async def _end_unapproved(nursery: Nursery, claim: str) -> None:
    """Whoever was written down under a claim to which nobody said yes is no guardian at the desk."""
    key = ("RelatedPerson", claim)
    person = (await read_all(nursery.store, VISITS, PLATFORM, [key])).get(key)
    if person is not None and person.value.get("active", True):
        await write(nursery.store, ended(person.value, now=nursery.clock()), expected_version=person.version)


async def revoke_guardian(nursery: Nursery, caller: Caller, related: str) -> None:
    """End somebody's being a guardian, at once in every worker, and whatever hangs on it.

    Whom he invited is invited no more.  Safe to repeat, where something of it failed; raises Refusal `not-found`, and
    why what let them in could not be taken back.
    """
    person = await read_one(nursery.store, caller, WARD_WORK, "RelatedPerson", related)
    if not was_guardian(person.value):
        raise not_found()
    if person.value.get("active", True):
        await write(nursery.store, ended(person.value, now=nursery.clock()), expected_version=person.version)
    await nursery.claims.untie(caller, related)
    try:
        await end_invitations_by(nursery, caller, related)
    finally:
        await end_for_guardian(nursery, caller, id_in(person.value.get("patient"), "Patient"), related)


async def flag_dispute(nursery: Nursery, caller: Caller, baby: str, *, is_disputed: bool) -> None:
    """Say that guardianship is disputed, which cuts every visit, or that it is not any more.

    In the nurse's own name, so that the trail tells who raised or lifted it; the Flag names who raised it.
    """
    await read_one(nursery.store, caller, WARD_WORK, "Patient", baby)
    now = nursery.clock()
    kept = await found_all(nursery.store, caller, WARD_WORK, "Flag", patient=f"Patient/{baby}")
    standing = [each for each in kept if is_dispute(each.value)]
    if is_disputed and not standing:
        await write_together(nursery.store, caller, [new(dispute_flag(baby, caller.practitioner, now=now))])
    if not is_disputed and standing:
        entries = [changed(lowered(each.value, now=now), version=each.version) for each in standing]
        await write_together(nursery.store, caller, entries)


async def give_paper(nursery: Nursery, caller: Caller, baby: str) -> str:
    """A one-time code on paper for a baby's mother; raises Refusal `not-found` for a baby of another ward."""
    ward = await ward_of_unit(nursery.store, caller)
    await read_one(nursery.store, caller, WARD_WORK, "Patient", baby)
    stays = await found_by(
        nursery.store, VISITS, PLATFORM, "Encounter", patient=f"Patient/{baby}", status="in-progress"
    )
    wards = await wards_of_stays(nursery.store, VISITS, PLATFORM, [each.value for each in stays])
    if wards.get(baby, ("", ""))[0] != ward.id:
        raise not_found()
    until = Instant(nursery.clock() + CODE_DAYS * DAY)
    return await nursery.claims.make_paper(baby, ward.id, by=caller, until=until, letters=CODE_LETTERS)
