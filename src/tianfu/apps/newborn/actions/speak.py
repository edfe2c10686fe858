"""Somebody at home presses to talk, and lets go."""

from __future__ import annotations

from contextlib import suppress

from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.queries.family_visit import Watcher, coming_to
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.refusal import Refusal


async def speak(windows: Windows, watcher: Watcher, visit: str, *, is_pressed: bool) -> None:
    """Take the floor, or give it back; letting go never fails.

    Raises Refusal `not-found`, `view-only` without a consent to talk, and as `MediaPort.talk` does.
    """
    media = windows.house.media
    participant = windows.grants.participant(visit, watcher.caller.id)
    if not is_pressed:
        with suppress(Refusal):
            await media.talk(visit, participant, is_pressed=False)
        return
    coming = await coming_to(windows, watcher, visit)
    if not coming.may_speak:
        raise Refusal("view-only", next_step="start-again")
    room = await windows.house.rooms.find(visit)
    if room is not None and read(room.state).is_silenced:
        raise Refusal("silenced", next_step="wait", retryable=True)
    await media.talk(visit, participant, is_pressed=True)
