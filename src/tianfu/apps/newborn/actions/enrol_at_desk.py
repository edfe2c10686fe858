"""The ward enrols a family that has no telephone: guardian, consent on paper, and a slot at the ward's door.

Rule: docs/rules/newborn-booking.md
"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.book_slot import For, book
from tianfu.apps.newborn.mapping.codes import NEWBORN, VISITS
from tianfu.apps.newborn.mapping.consents import consent_of, given_of
from tianfu.apps.newborn.mapping.guardians import guardian_person
from tianfu.apps.newborn.model.consent import Scope, read_scopes, words_in
from tianfu.apps.newborn.model.guardians import Relation, read_approval
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.desk import BabyDesk, read_baby_desk
from tianfu.apps.newborn.queries.records import PLATFORM, found_by, not_found, write
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

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
) -> None:
    """Keep what a guardian signed on paper, in her name; raises Refusal `not-found`, and as `read_scopes` does."""
    desk = await read_baby_desk(nursery, caller, baby)
    guardian = _guardian(desk, form.get("guardian", ""))
    scopes = read_scopes(form, version=form.get("version", ""))
    kept = await found_by(nursery.store, VISITS, PLATFORM, "Consent", patient=f"Patient/{baby}")
    before = [each for each in kept if (g := given_of(each.value, version=each.version)) and g.guardian == guardian]
    resource = consent_of(guardian, baby, words_in(language), scopes, now=nursery.clock())
    resource["id"] = before[0].id if before else new_uuid7()
    resource["extension"] = [{"url": f"{NEWBORN}-signed-on-paper-before", "valueString": caller.id}]
    await write(nursery.store, resource, expected_version=before[0].version if before else None)


async def book_at_desk(nursery: Nursery, caller: Caller, baby: str, guardian: str, start: Instant) -> None:
    """Book a slot for a family; the rules are those of every family.  Raises as `book`, and `consent-missing`."""
    desk = await read_baby_desk(nursery, caller, baby)
    _guardian(desk, guardian)
    given = {each.id: consent for each, consent in desk.guardians}[guardian]
    if given is None or Scope.VIEW not in given.scopes:
        raise Refusal("consent-missing", next_step="sign-first")
    await book(nursery, [For(baby=baby, guardian=guardian, ward=desk.ward)], start, by_staff=True, who=caller)


def _guardian(desk: BabyDesk, guardian: str) -> str:
    if guardian not in {each.id for each, _ in desk.guardians}:
        raise not_found()
    return guardian
