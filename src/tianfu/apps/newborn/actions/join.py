"""Somebody comes to a live visit, of a family or the nurse at the bed: the one place that decides about his grant.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.bed import visit_of
from tianfu.apps.newborn.model.consultation import CLOSED, EXPERT
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.model.watermark import FAULTS_MAX
from tianfu.apps.newborn.queries.family_visit import BedNurse, Coming, Expert, Now, Watcher, coming_to, now_of
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.services.booking.interpreters import interpreter_of
from tianfu.services.realtime.grants import Grant
from tianfu.services.realtime.port import OffersFirst
from tianfu.services.realtime.protocol.grants import Action, Ticket
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.proofs import thumbprint_of

KEY_LETTERS_MAX = 1_024

GUARDIANS_MAX = 2
"""So many guardians of a baby watch at once; whose visit it is has his place in any case. [ours]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The grant, and the key by which the page answers for its watermark.

    `offers_first`: the media server makes the offer, and a voice takes a connection of its own.
    """

    grant: Grant
    mark: str
    may_speak: bool
    offers_first: bool


async def join(windows: Windows, watcher: Watcher, visit: str, key: str) -> Joined:
    """A grant for this person, on the device whose public key (a JWK as JSON) this is.

    He shows once in each visit that it is he; whoever lost the network comes back without that, on the device by which
    he came in last: a cookie that somebody took away has not its key.  A nurse, who signed in
    for her shift, comes only while the curtain is open: she has nothing to wait for behind it.  Raises Refusal
    `not-found`, `invitation-over`, `real-name-needed`, `proof-too-old`, `slot-not-begun`, `slot-over`,
    `visit-not-there-yet`, `room-closed`, `sound-alone-not-carried`, `interpreter-waits`, `consent-missing`,
    `guardians-too-many`, `consultation-closed`, `watermark-missing`, `curtain-drawn` and `device-key-malformed`.
    """
    now = windows.nursery.clock()
    coming = await coming_to(windows, watcher, visit)
    stands = await now_of(windows, coming)
    _refuse_wrong_time(coming, stands, now)
    if isinstance(watcher, BedNurse):
        await visit_of(windows.house, watcher.caller, visit)
        if stands.state is not State.LIVE:
            raise Refusal("curtain-drawn", next_step="wait", retryable=True)
    if not coming.sees:
        refuse_sound_alone(windows)
    if coming.waits:
        raise Refusal("interpreter-waits", next_step="send-again-later")
    if not coming.may_see:
        raise _closed_to(watcher)
    if coming.part is Part.FAMILY and not coming.is_own:
        async with windows.nursery.places.asking(visit):  # of two at one moment the second finds the first
            await _refuse_unless_room(windows, watcher, visit)
            return await _let_in(windows, watcher, coming, key, now=now)
    return await _let_in(windows, watcher, coming, key, now=now)


async def _let_in(windows: Windows, watcher: Watcher, coming: Coming, key: str, *, now: Instant) -> Joined:
    visit = coming.booked.id
    device = _thumbprint(key)
    participant = windows.grants.participant(visit, watcher.caller.id)
    before = await windows.viewers.find(visit, participant)
    if before is not None and before.faults >= FAULTS_MAX:
        raise Refusal("watermark-missing", next_step="call-operator")
    if before is None or before.device != device:
        if isinstance(watcher, Expert):
            refuse_unless_fresh(watcher.signed_in, now)
        elif isinstance(watcher, SignedIn):  # at the door a nurse saw a paper, within minutes
            refuse_unless_fresh(watcher, now)
    caller = _in_the_trail(watcher.caller, coming.part)
    ticket = Ticket(
        action=_action(coming),
        visit=visit,
        camera="",
        part=coming.part,
        device=device,
        slot_until=coming.booked.end,
    )
    grant = await windows.grants.issue(caller, ticket)
    await windows.viewers.come_in(visit, participant, caller, coming.part, device=device, now=now)
    return Joined(
        grant=grant,
        mark=windows.viewers.mark(visit, participant),
        may_speak=coming.may_speak,
        offers_first=isinstance(windows.house.media, OffersFirst),
    )


async def _refuse_unless_room(windows: Windows, watcher: Watcher, visit: str) -> None:
    here = [each for each in await windows.viewers.here() if each.visit == visit and each.part is Part.FAMILY]
    if len({each.caller.id for each in here} - {watcher.caller.id}) >= GUARDIANS_MAX:
        raise Refusal("guardians-too-many", next_step="send-again-later")


def _closed_to(watcher: Watcher) -> Refusal:
    if isinstance(watcher, Expert):
        return Refusal(CLOSED, next_step="ask-the-ward")
    return Refusal("consent-missing", next_step="sign-consent")


def _in_the_trail(caller: Caller, part: Part) -> Caller:
    """Whoever interprets, or is asked as an expert, stands in the trail as such."""
    match part:
        case Part.INTERPRETER:
            return interpreter_of(caller)
        case Part.EXPERT:
            return Caller(id=caller.id, role=EXPERT, practitioner=caller.practitioner, session=caller.session)
        case _:
            return caller


def refuse_sound_alone(windows: Windows) -> None:
    """Refuse who may hear and not see where the media server makes the offers, which hold the picture.

    Raises Refusal `sound-alone-not-carried`.
    """
    if isinstance(windows.house.media, OffersFirst):
        raise Refusal("sound-alone-not-carried", next_step="ask-somebody-else")


def _action(coming: Coming) -> Action:
    if not coming.sees:
        return Action.WHEP_SOUND
    return Action.WHEP_VOICE if coming.may_speak else Action.WHEP_PICTURE


def _refuse_wrong_time(coming: Coming, stands: Now, now: Instant) -> None:
    if stands.is_over:
        raise Refusal("room-closed", next_step="start-again")
    if now < coming.booked.start:
        raise Refusal("slot-not-begun", next_step="send-again-later")
    if now >= coming.booked.end:
        raise Refusal("slot-over", next_step="start-again")
    if stands.state not in {State.ARMED, State.LIVE, State.SHIELDED}:
        raise Refusal("visit-not-there-yet", next_step="send-again-later")


def _thumbprint(key: str) -> str:
    if len(key) > KEY_LETTERS_MAX:
        raise Refusal("device-key-malformed", next_step="use-another-browser")
    try:
        jwk = msgspec.json.decode(key, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise Refusal("device-key-malformed", next_step="use-another-browser") from error
    return thumbprint_of(jwk)
