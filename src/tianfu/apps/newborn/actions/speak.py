"""Somebody at home, or the nurse at the bed, presses to talk, and lets go."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum

from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.queries.family_visit import Watcher, coming_to
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part


class Reach(StrEnum):
    """Who hears somebody when he speaks: the cot, only others who are in the visit, or nobody."""

    COT = "cot"
    PEOPLE = "people"
    NOBODY = "nobody"


ASKED_SECONDS = 0.5
"""A page's beat waits no longer for a media server: it must tell of the curtain in time."""


async def known_reach(windows: Windows, visit: str, participant: str) -> Reach | None:
    """Who hears a participant now; None if the media server does not say so in time."""
    try:
        async with asyncio.timeout(ASKED_SECONDS):
            return await reach_of(windows, visit, participant)
    except (Refusal, TimeoutError):
        return None


async def reach_of(windows: Windows, visit: str, participant: str) -> Reach:
    """Who hears a participant now; raises Refusal as `MediaPort.heard_by` does."""
    heard = await windows.house.media.heard_by(visit, participant)
    if heard.at_cot:
        return Reach.COT
    return Reach.PEOPLE if heard.people else Reach.NOBODY


async def take_floor(windows: Windows, visit: str, participant: str) -> None:
    """He speaks no more; nothing happens if he did not.  Never fails."""
    with suppress(Refusal):
        await windows.house.media.talk(visit, participant, is_pressed=False)


async def speak(windows: Windows, watcher: Watcher, visit: str, *, is_pressed: bool) -> Reach:
    """Take the floor, or give it back; who hears it.  Letting go never fails.

    Nobody shall speak to a cot that does not hear: raises Refusal `nobody-hears` where nobody would, and `not-found`,
    `view-only` without a consent to talk, and as `MediaPort.talk` does.
    """
    media = windows.house.media
    participant = windows.grants.participant(visit, watcher.caller.id)
    if not is_pressed:
        await take_floor(windows, visit, participant)
        return Reach.NOBODY
    coming = await coming_to(windows, watcher, visit)
    if not coming.may_speak:
        raise Refusal("view-only", next_step="start-again")
    room = await windows.house.rooms.find(visit)
    if room is not None and read(room.state).is_silenced and coming.part is not Part.NURSE:
        raise Refusal("silenced", next_step="wait", retryable=True)
    await media.talk(visit, participant, is_pressed=True)
    try:
        reach = await reach_of(windows, visit, participant)
        if reach is Reach.NOBODY:
            raise Refusal("nobody-hears", next_step="none")
    except Refusal:
        with suppress(Refusal):
            await media.talk(visit, participant, is_pressed=False)
        raise
    return reach
