"""A nurse lets the family hear the ward, or not; takes the family's voice, or gives it back.

Both hold until she changes them or the visit ends; a media server that was started anew begins without the ward's
sound.  Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.bed import NURSES, kept_visit_of, visit_of
from tianfu.apps.newborn.live.doors import UNKNOWN_ROLE
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.sound import letting_hear
from tianfu.apps.newborn.live.standing import read, written
from tianfu.kernel.refusal import Refusal


class Sound(StrEnum):
    """What a nurse may change."""

    WARD_ON = "ward-on"
    WARD_OFF = "ward-off"
    FAMILY_OFF = "family-off"
    FAMILY_ON = "family-on"

    @property
    def is_wards(self) -> bool:
        return self in {Sound.WARD_ON, Sound.WARD_OFF}


LESS = frozenset({Sound.WARD_OFF, Sound.FAMILY_OFF})
"""By which less is heard: nobody's record can take these from the nurse."""


async def set_sound(house: House, caller: Caller, visit: str, sound: Sound) -> None:
    """Change what is heard of a visit at the bed.

    Raises Refusal `not-found`, `room-unknown`, `room-closed` or `media-unavailable`; then nothing has changed that lets
    more be heard.
    """
    booked = await (kept_visit_of if sound in LESS else visit_of)(house, caller, visit)
    deed, facts = deed_of(sound), {"visit": visit, "sound": sound.value}
    async with letting_hear(house, visit) as let_hear, house.rooms.changing(visit) as changing:
        room = changing.room
        standing = read(room.state)
        if standing.is_over:
            raise Refusal("room-closed", next_step="start-again")
        if sound.is_wards:
            after = replace(standing, is_ward_heard=sound is Sound.WARD_ON)
        else:
            after = replace(standing, is_silenced=sound is Sound.FAMILY_OFF)
        await changing.put(written(after), camera=room.camera, is_over=False, is_seen=False, at=room.changed_at)
        if sound not in LESS:
            await house.trail.did_within(changing, caller, deed, patient=booked.baby, facts=facts)
        # Within the lock: of two nurses the later one is obeyed by the media server, too.
        match sound:
            case Sound.WARD_ON:
                await let_hear()
            case Sound.WARD_OFF:
                await house.media.hear_ward(visit, is_heard=False)
            case _:
                await _silence(house, visit, is_silenced=after.is_silenced)
    if sound in LESS:  # a trail that takes nothing does not keep her from it
        await house.trail.did(caller, deed, patient=booked.baby, facts=facts)
    if sound is Sound.FAMILY_OFF:
        await _silence_who_came_meanwhile(house, visit)


NOT_OF_FAMILY = NURSES | {UNKNOWN_ROLE}
"""As whom nobody comes by a family's window."""


def deed_of(sound: Sound) -> str:
    """What a change is called in the trail."""
    return "hear-ward" if sound.is_wards else "silence-family"


async def _silence_who_came_meanwhile(house: House, visit: str) -> None:
    """Who came after everybody was asked for and before the row said so may have been given the floor since.

    Whoever comes from now on reads the row.  Within the lock, so that no later nurse is undone.
    """
    async with house.rooms.changing(visit) as changing:
        if read(changing.room.state).is_silenced:
            await _silence(house, visit, is_silenced=True)


async def _silence(house: House, visit: str, *, is_silenced: bool) -> None:
    """Everybody who came by a family's window; whoever comes once the row stands asks how it does before he speaks.

    No nurse is silenced by that, who looks from the bed.
    """
    for each in await house.media.stats():
        if each.visit == visit and (await house.doors.viewer(visit, each.participant)).role not in NOT_OF_FAMILY:
            await house.media.silence(visit, each.participant, is_silenced=is_silenced)
