"""A guardian invites a relative, who may look and nothing else.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.guardians import ended, invited_person
from tianfu.apps.newborn.model.windows import policy_on
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import my_baby, read_babies
from tianfu.apps.newborn.queries.free_slots import read_policies
from tianfu.apps.newborn.queries.records import PLATFORM, read_one, write
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.people import Kind, SignedIn

NAME_CHARACTERS_MAX = 50


async def invite_relative(nursery: Nursery, signed_in: SignedIn, baby: str, form: Mapping[str, str]) -> None:
    """Invite whoever bears a name and telephone; says the same whether or not there is anybody.

    Raises Refusal `not-found`, `invitation-unusable`, `invited-too-many`.
    """
    mine = await my_baby(nursery, signed_in.caller, baby)
    name, telephone = _read(form, signed_in.account.number)
    policy = policy_on(await read_policies(nursery, mine.ward), china_date(nursery.clock()))
    if policy is None or len(await nursery.claims.invited(baby)) >= policy.invited_max:
        raise Refusal("invited-too-many", next_step="take-one-back")
    related = new_uuid7()
    person = invited_person(baby, related=related, name=name, telephone=telephone, now=nursery.clock())
    await write(nursery.store, person)
    await nursery.claims.invite(
        ward=mine.ward, baby=baby, guardian=mine.guardian.id, related=related, telephone=telephone, name=name
    )


async def end_invitation(nursery: Nursery, signed_in: SignedIn, invitation: str) -> None:
    """Take an invitation back, or lay one's own down, at once; raises Refusal `not-found`."""
    babies = [each.id for each in await read_babies(nursery, signed_in.caller)]
    related = await nursery.claims.end_invitation(signed_in, invitation, babies)
    person = await read_one(nursery.store, VISITS, PLATFORM, "RelatedPerson", related)
    await write(nursery.store, ended(person.value, now=nursery.clock()), expected_version=person.version)


def _read(form: Mapping[str, str], own: str) -> tuple[str, str]:
    name, telephone = form.get("name", "").strip(), normal_number(Kind.RESIDENT, form.get("telephone", ""))
    faults = []
    if not name or len(name) > NAME_CHARACTERS_MAX:
        faults.append(Fault("name", "proxy-name-missing"))
    if telephone is None:
        faults.append(Fault("telephone", "proxy-telephone"))
    elif telephone == own:
        faults.append(Fault("telephone", "proxy-oneself"))
    if faults or telephone is None:
        raise Refusal("invitation-unusable", faults=tuple(faults))
    return name, telephone
