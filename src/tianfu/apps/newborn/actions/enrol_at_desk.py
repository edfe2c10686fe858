"""The ward enrols a family that has no telephone: guardian, consent on paper, and a slot at the ward's door.

Rule: docs/rules/newborn-booking.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.book_slot import For, book
from tianfu.apps.newborn.actions.sign_consent import refuse_unless_kept, sees_no_more, waits_no_more
from tianfu.apps.newborn.mapping.codes import NEWBORN, VISITS
from tianfu.apps.newborn.mapping.consents import VERSION, consent_of, withdrawn
from tianfu.apps.newborn.mapping.guardians import guardian_person
from tianfu.apps.newborn.mapping.visits import Resource
from tianfu.apps.newborn.model.consent import Scope, read_scopes, words_in
from tianfu.apps.newborn.model.guardians import Relation, read_approval
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import BabyDesk, read_baby_desk
from tianfu.apps.newborn.queries.family_home import consents_by
from tianfu.apps.newborn.queries.records import PLATFORM, changed, found_all, new, not_found, write, write_together
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record

NAME_CHARACTERS_MAX = 50


async def enrol_at_desk(nursery: Nursery, caller: Caller, baby: str, form: Mapping[str, str]) -> None:
    """Write down a guardian who stands at the desk; raises Refusal `guardian-unusable`, as `read_approval`."""
    desk = await read_baby_desk(nursery, caller, baby)
    name, relation = form.get("name", "").strip(), form.get("relation", "")
    if not name or len(name) > NAME_CHARACTERS_MAX or relation not in set(Relation):
        raise Refusal("guardian-unusable")
    approval = read_approval(form, Relation(relation))
    person = guardian_person(
        desk.baby.id,
        Relation(relation),
        approval,
        related=new_uuid7(),
        name=name,
        by=caller.id,
        now=nursery.clock(),
    )
    await write(nursery.store, person)


async def keep_paper_consent(
    nursery: Nursery, caller: Caller, baby: str, form: Mapping[str, str], *, language: str
) -> bool:
    """Keep what a guardian signed on paper, in her name; in place of all that she signed before.

    No to everything takes that back, and is told by True.  Raises Refusal `not-found`, and as `read_scopes` and
    `refuse_unless_kept` do.
    """
    desk = await read_baby_desk(nursery, caller, baby)
    guardian = _guardian(desk, form.get("guardian", ""))
    before = await _consents(nursery, guardian, baby)
    try:
        scopes = read_scopes(form, version=form.get("version", ""))
    except Refusal as refusal:
        if refusal.code != "consent-empty" or not _standing(before):
            raise
        # Who signs no to everything takes back what she signed before.
        await _take_back(nursery, caller, guardian, baby, before)
        return True
    resource = consent_of(guardian, baby, words_in(language), scopes, now=nursery.clock())
    resource["extension"] = [{"url": f"{NEWBORN}-signed-on-paper-before", "valueString": caller.id}]
    if not before:
        # Of two that are kept at one moment, one is written, and the other is told if it says something else.
        once = f"identifier={VERSION}|{guardian}.{baby}"
        await write_together(nursery.store, VISITS, [new(resource, once=once)])
        refuse_unless_kept(await _consents(nursery, guardian, baby), scopes)
        return False
    first, *others = before
    entries = [changed({**resource, "id": first.id}, version=first.version)]
    entries += [_taken_back(each, caller) for each in _standing(others)]
    await write_together(nursery.store, VISITS, entries)
    if Scope.VIEW not in scopes:
        await _sees_no_more(nursery, caller, guardian)
    return False


async def withdraw_at_desk(nursery: Nursery, caller: Caller, baby: str, guardian: str) -> None:
    """Take back everything that a guardian signed about visits, as he says at the desk; counts with its commit.

    Raises Refusal `not-found`, also where nothing stands.
    """
    _guardian(await read_baby_desk(nursery, caller, baby), guardian)
    before = await _consents(nursery, guardian, baby)
    if not _standing(before):
        raise not_found()
    await _take_back(nursery, caller, guardian, baby, before)


async def _consents(nursery: Nursery, guardian: str, baby: str) -> tuple[Record, ...]:
    kept = await found_all(nursery.store, VISITS, PLATFORM, "Consent", patient=f"Patient/{baby}")
    return consents_by([guardian], kept)


def _standing(consents: Iterable[Record]) -> list[Record]:
    return [each for each in consents if each.value.get("status") == "active"]


async def _take_back(nursery: Nursery, caller: Caller, guardian: str, baby: str, consents: Iterable[Record]) -> None:
    await write_together(nursery.store, VISITS, [_taken_back(each, caller) for each in _standing(consents)])
    await _sees_no_more(nursery, caller, guardian)
    await waits_no_more(nursery, guardian, baby)


def _taken_back(consent: Record, caller: Caller) -> Resource:
    """A consent taken back, with who heard it."""
    said = [*consent.value.get("extension", ()), {"url": f"{NEWBORN}-taken-back-before", "valueString": caller.id}]
    return changed({**withdrawn(consent.value), "extension": said}, version=consent.version)


async def _sees_no_more(nursery: Nursery, caller: Caller, guardian: str) -> None:
    account = await nursery.claims.account_of(guardian)
    if account is not None:
        await sees_no_more(nursery, caller, account)


async def book_at_desk(nursery: Nursery, caller: Caller, baby: str, guardian: str, start: Instant) -> None:
    """Book a slot for a family; the rules are those of every family.

    Raises Refusal as `book` does, `consent-missing`, and `consent-outdated` where another text was signed than today's.
    """
    desk = await read_baby_desk(nursery, caller, baby)
    _guardian(desk, guardian)
    given = {each.id: consent for each, consent in desk.guardians}[guardian]
    if given is None or Scope.VIEW not in given.scopes:
        raise Refusal("consent-missing", next_step="sign-first")
    if not given.lets_begin:
        raise Refusal("consent-outdated", next_step="sign-again")
    await book(nursery, [For(baby=baby, guardian=guardian, ward=desk.ward)], start, by_staff=True, who=caller)


def _guardian(desk: BabyDesk, guardian: str) -> str:
    if guardian not in {each.id for each, _ in desk.guardians}:
        raise not_found()
    return guardian
