"""Somebody interprets in a visit: a guardian asks for an invited relative, and a nurse lets him speak.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.stay import let_go
from tianfu.apps.newborn.live.bed import visit_of
from tianfu.apps.newborn.queries.family_visit import coming_to, helpers_of
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.realtime.protocol.parts import Part


async def ask_for_interpreter(windows: Windows, signed_in: SignedIn, visit: str, account: str) -> None:
    """A guardian asks that a relative whom he invited may speak; raises Refusal `not-found` for anybody else."""
    coming = await coming_to(windows, signed_in, visit)
    helpers = {each.account for each in await helpers_of(windows, coming.booked)}
    if coming.part is not Part.FAMILY or account not in helpers:
        raise not_found()
    await windows.viewers.ask_interpreter(visit, account, now=windows.nursery.clock())


async def let_interpret(windows: Windows, caller: Caller, practitioner: str, visit: str, account: str) -> None:
    """A nurse of the baby's ward lets him speak in this visit: he comes in anew, with a voice.

    Raises Refusal `not-found`, also for whom no guardian asked for.
    """
    await visit_of(windows.house, caller, visit)
    if not await windows.viewers.agree_interpreter(visit, account, by=practitioner, now=windows.nursery.clock()):
        raise not_found()
    # His page comes back by itself, and then with a line for his voice.
    participant = windows.grants.participant(visit, account)
    viewer = await windows.viewers.find(visit, participant)
    if viewer is not None and not viewer.is_away:
        await let_go(windows, caller, viewer, "interprets")
