"""A guardian invites a relative, who may look and nothing else.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.guardians import ended, invited_person
from tianfu.apps.newborn.model.windows import policy_on
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import my_baby, read_babies
from tianfu.apps.newborn.queries.free_slots import read_policies
from tianfu.apps.newborn.queries.records import PLATFORM, read_all, write
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.people import Kind, SignedIn
from tianfu.services.booking.claims import Ended

NAME_CHARACTERS_MAX = 50
NO_LONGER = "no-longer-invited"


async def invite_relative(nursery: Nursery, signed_in: SignedIn, baby: str, form: Mapping[str, str]) -> None:
    """Invite whoever bears a name and telephone; says the same whether or not there is anybody.

    Raises Refusal `not-found`, `invitation-unusable`, `invited-too-many`.
    """
    mine = await my_baby(nursery, signed_in.caller, baby)
    name, telephone = read_person(form, signed_in.account.number)
    policy = policy_on(await read_policies(nursery, mine.ward), china_date(nursery.clock()))
    related = new_uuid7()
    # First, because it counts; without his record an invitation opens nothing, and the guardian can take it back.
    await nursery.claims.invite(
        ward=mine.ward,
        baby=baby,
        guardian=mine.guardian.id,
        related=related,
        telephone=telephone,
        name=name,
        at_most=0 if policy is None else policy.invited_max,
    )
    await write(
        nursery.store, invited_person(baby, related=related, name=name, telephone=telephone, now=nursery.clock())
    )


async def end_invitation(nursery: Nursery, signed_in: SignedIn, invitation: str) -> None:
    """Take an invitation back, or lay one's own down, at once; raises Refusal `not-found`."""
    babies = [each.id for each in await read_babies(nursery, signed_in.caller)]
    await _let_go(nursery, await nursery.claims.end_invitation(signed_in, invitation, babies))


async def end_invitations_by(nursery: Nursery, caller: Caller, guardian: str) -> None:
    """Take back, at once, all that somebody wrote who is no guardian any more."""
    for each in await nursery.claims.end_invitations_by(caller, guardian):
        await _let_go(nursery, each)


async def _let_go(nursery: Nursery, invited: Ended) -> None:
    """Nobody watches by an invitation that is over; the record knows it after that."""
    if invited.account is not None and nursery.taking is not None:
        # What cannot be ended while the media server is away is no good any more, and ends when it is back.
        with suppress(Refusal):
            await nursery.taking.revoke_person(VISITS, invited.account, NO_LONGER, visit=None)
    person = (await read_all(nursery.store, VISITS, PLATFORM, [("RelatedPerson", invited.related)])).get(
        ("RelatedPerson", invited.related)
    )
    if person is not None:
        await write(nursery.store, ended(person.value, now=nursery.clock()), expected_version=person.version)


def read_person(form: Mapping[str, str], own: str, others: Sequence[Fault] = ()) -> tuple[str, str]:
    """Name and telephone of somebody else; raises Refusal `invitation-unusable`, with `others` among its faults."""
    name, telephone = form.get("name", "").strip(), normal_number(Kind.RESIDENT, form.get("telephone", ""))
    faults = list(others)
    if not name or len(name) > NAME_CHARACTERS_MAX:
        faults.append(Fault("name", "proxy-name-missing"))
    if telephone is None:
        faults.append(Fault("telephone", "proxy-telephone"))
    elif telephone == own:
        faults.append(Fault("telephone", "proxy-oneself"))
    if faults or telephone is None:
        raise Refusal("invitation-unusable", faults=tuple(faults))
    return name, telephone
