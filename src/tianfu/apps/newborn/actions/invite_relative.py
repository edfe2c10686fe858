"""A guardian invites a relative, who may look and nothing else.  Rule: docs/rules/newborn-booking.md"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.house import UNAVAILABLE
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.guardians import ended, invited_person
from tianfu.apps.newborn.model.windows import policy_on
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import my_baby, read_babies
from tianfu.apps.newborn.queries.free_slots import read_policies
from tianfu.apps.newborn.queries.records import PLATFORM, not_found, read_all, write
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.people import Kind, SignedIn
from tianfu.services.booking.claims import Ended

NAME_CHARACTERS_MAX = 50
INVITED_EVER_MAX = 30
"""So many invitations a guardian writes for a baby, with those that were taken back: each leaves a record. [ours]"""
NO_LONGER = "no-longer-invited"


async def invite_relative(nursery: Nursery, signed_in: SignedIn, baby: str, form: Mapping[str, str]) -> None:
    """Invite whoever bears a name and telephone; says the same whether or not there is anybody.

    Raises Refusal `not-found`, `invitation-unusable`, `invited-too-many`, `invited-too-often`.
    """
    mine = await my_baby(nursery, signed_in.caller, baby)
    name, telephone = read_person(form, signed_in.account.number)
    policy = policy_on(await read_policies(nursery, mine.ward), china_date(nursery.clock()))
    related = new_uuid7()
    # First, because it counts how many there are.
    invitation = await nursery.claims.invite(
        signed_in.caller,
        ward=mine.ward,
        baby=baby,
        guardian=mine.guardian.id,
        related=related,
        telephone=telephone,
        name=name,
        at_most=0 if policy is None else policy.invited_max,
        ever_at_most=INVITED_EVER_MAX,
    )
    person = invited_person(baby, related=related, name=name, telephone=telephone, now=nursery.clock())
    try:
        await write(nursery.store, person)
    except BaseException:
        # Whom the record does not know is not invited, or she could agree and look, and nobody could read who she was.
        await nursery.claims.end_invitation(signed_in, invitation, [baby])
        raise


async def end_invitation(nursery: Nursery, signed_in: SignedIn, invitation: str) -> None:
    """Take an invitation back, or lay one's own down, at once.

    Safe to repeat, where what let him in could not be taken back.  Raises Refusal `not-found`, and why it could not.
    """
    babies = [each.id for each in await read_babies(nursery, signed_in.caller)]
    if not await _let_go(nursery, await nursery.claims.end_invitation(signed_in, invitation, babies)):
        raise not_found()


async def end_invitations_by(nursery: Nursery, caller: Caller, guardian: str) -> None:
    """Take back, at once, all that somebody wrote who is no guardian any more; safe to repeat, as above.

    Raises the first that went wrong of those whose access could not be taken back, when all were tried.
    """
    await _let_all_go(nursery, await nursery.claims.end_invitations_by(caller, guardian))


async def end_invitations_of_stay(nursery: Nursery, baby: str, ward: str) -> None:
    """An invitation is for the stay: who was invited for one that is over is so no more.  Raises as above."""
    await _let_all_go(nursery, await nursery.claims.end_invitations_of(VISITS, baby, ward))


async def _let_all_go(nursery: Nursery, invited: Sequence[Ended]) -> None:
    failed: list[Exception] = []
    for each in invited:
        try:
            await _let_go(nursery, each)
        except Exception as error:  # one that cannot be let go keeps no other
            failed.append(error)
    if failed:
        raise failed[0]


async def _let_go(nursery: Nursery, invited: Ended) -> bool:
    """Nobody watches by an invitation that is over, and only then does the record say that he is gone.

    No if that was so before.  What cannot be ended while the media server is away is no good any more, and ends when
    it is back.
    """
    asked = ("RelatedPerson", invited.related)
    person = (await read_all(nursery.store, VISITS, PLATFORM, [asked])).get(asked)
    if invited.was_over and person is not None and not person.value.get("active", True):
        return False
    if invited.account is not None and nursery.taking is not None:
        try:
            await nursery.taking.revoke_person(VISITS, invited.account, NO_LONGER, visit=None)
        except Refusal as refusal:
            if refusal.code not in UNAVAILABLE:
                raise
    if person is not None:
        await write(nursery.store, ended(person.value, now=nursery.clock()), expected_version=person.version)
    return True


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
