"""Somebody interprets in a visit: a guardian asks for him, and a nurse lets him speak, or no more.

A relative who was invited is asked by his account; anybody else by name and telephone, for this one visit, with a
yes or no to the picture.  Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.invite_relative import read_person
from tianfu.apps.newborn.actions.join import refuse_sound_alone
from tianfu.apps.newborn.actions.stay import let_go
from tianfu.apps.newborn.live.bed import visit_of
from tianfu.apps.newborn.live.house import UNAVAILABLE
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.queries.family_visit import coming_to, helpers_of
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.people import SignedIn

NO_LONGER = "no-longer-interprets"
SAID = {"yes": True, "no": False}


async def ask_third(windows: Windows, signed_in: SignedIn, visit: str, form: Mapping[str, str]) -> None:
    """The guardian whose visit it is asks somebody to interpret, and says whether he may see it: there is no default.

    Raises Refusal `not-found` for anybody else, `slot-over`, `invitation-unusable`, `interpreters-too-many`, or
    `sound-alone-not-carried` for one who would be let in to nothing.
    """
    coming = await coming_to(windows, signed_in, visit)
    booked = coming.booked
    if not coming.is_own:
        raise not_found()
    if booked.end <= windows.nursery.clock():
        raise Refusal("slot-over", next_step="start-again")
    missing = [] if form["sees"] in SAID else [Fault("sees", "choose-one")]
    name, telephone = read_person(form, signed_in.account.number, missing)
    if not SAID[form["sees"]]:
        refuse_sound_alone(windows)
    await windows.nursery.interpreters.ask(
        signed_in.caller,
        visit=visit,
        baby=booked.baby,
        guardian=booked.guardian,
        telephone=telephone,
        name=name,
        sees=SAID[form["sees"]],
        until=booked.end,
    )


async def end_third(windows: Windows, signed_in: SignedIn, interpreter: str) -> None:
    """A guardian takes it back, or the interpreter lays it down: he is sent away at once.

    Safe to repeat, where what let him in could not be taken back.  Raises Refusal `not-found`.
    """
    interpreters, related = windows.nursery.interpreters, signed_in.caller.related
    visit, account = await interpreters.end(signed_in, interpreter, related)
    if account:
        await _sent_away(windows, account, visit)


async def ask_for_interpreter(windows: Windows, signed_in: SignedIn, visit: str, account: str) -> None:
    """The guardian whose visit it is asks that a relative may speak; raises Refusal `not-found` for anybody else."""
    coming = await coming_to(windows, signed_in, visit)
    helpers = {each.account for each in await helpers_of(windows, coming.booked) if each.sees is None}
    if not coming.is_own or account not in helpers:
        raise not_found()
    await windows.viewers.ask_interpreter(visit, account, now=windows.nursery.clock())


async def let_interpret(windows: Windows, caller: Caller, practitioner: str, visit: str, account: str) -> None:
    """A nurse of the baby's ward lets him speak in this visit: he comes in anew, with a voice.

    Raises Refusal `not-found`, also for whom no guardian asked for.
    """
    booked, nursery = await visit_of(windows.house, caller, visit), windows.nursery
    if await nursery.interpreters.agree(caller, visit, account, practitioner=practitioner, baby=booked.baby):
        return
    tell = nursery.interpreters.telling_relative(caller, visit, account, baby=booked.baby, is_let=True)
    if not await windows.viewers.agree_interpreter(visit, account, by=practitioner, now=nursery.clock(), tell=tell):
        raise not_found()
    # His page comes back by itself, and then with a line for his voice.
    participant = windows.grants.participant(visit, account)
    viewer = await windows.viewers.find(visit, participant)
    if viewer is not None and not viewer.is_away:
        await let_go(windows, caller, viewer, "interprets")


async def interpret_no_more(windows: Windows, caller: Caller, visit: str, account: str) -> None:
    """A nurse takes it back: a relative only looks again, anybody else is sent away.

    Safe to repeat, where what let him in could not be taken back.  Raises Refusal `not-found`.
    """
    booked = await visit_of(windows.house, caller, visit)
    interpreters, viewers = windows.nursery.interpreters, windows.viewers
    tell = interpreters.telling_relative(caller, visit, account, baby=booked.baby, is_let=False)
    if not (
        await interpreters.send_away(caller, visit, account)
        or await viewers.disagree_interpreter(visit, account, tell=tell)
        or await interpreters.was_taken_back(account, visit)
        or account in await viewers.interpreters(visit)  # a relative who was asked for may speak no more already
    ):
        raise not_found()
    await _sent_away(windows, account, visit)


async def _sent_away(windows: Windows, account: str, visit: str) -> None:
    """What cannot be ended while the media server is away is no good any more, and ends when it is back.

    After any other Refusal nothing is taken back: his page is looked at until it is, and he is let go with it.
    """
    try:
        await windows.grants.revoke_person(VISITS, account, NO_LONGER, visit=visit)
    except Refusal as refusal:
        if refusal.code not in UNAVAILABLE:
            raise
    await windows.viewers.goes_everywhere(account, visit=visit)
