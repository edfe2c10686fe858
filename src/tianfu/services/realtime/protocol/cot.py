"""What sounds at a cot: one voice at a time, of a room that is live on the cot's camera, and nothing else.

And when what sounds in the ward is heard elsewhere: never what a voice made sound there.

Several rooms may be live on one camera (twins in one bed); whoever speaks in one of them is heard by nobody of another.
Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Room
from tianfu.services.realtime.protocol.talk import HEARS

ECHO_SECONDS = 0.8
"""So long after the last packet of a voice the ward is not heard: what the device still has to play, what a room gives
back, and the way of the sound to us. [inferred]"""

PULLED_ECHO_SECONDS = 2.5
"""The same where a camera of the network hears it: its encoder, its link and ours hold sound for longer. [inferred]"""

BY_THE_COT = frozenset({Part.NURSE, Part.BEDSIDE})
"""Whose devices may play a voice beside the cot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardBy:
    """Who hears somebody when he speaks: whether it sounds at the cot, and how many of his room hear it."""

    at_cot: bool
    people: int


def sounds_at_cot(rooms: Iterable[Room], room: Room, participant: str) -> bool:
    """Whether a participant's voice sounds at the cot now; `rooms` are those on its camera.

    Of two rooms only the first whose speaker may be heard there sounds: nothing is mixed, and no two voices take turns
    within a word.  `refuse_second_voice` keeps it from coming to that.
    """
    speaks = next((each for each in rooms if _is_heard(each)), None)
    return speaks is room and room.floor.speaker == participant


def echoes(
    rooms: Collection[Room],
    *,
    has_loudspeaker: bool,
    sounded_at: float | None,
    at_seconds: float,
    lasts_seconds: float = ECHO_SECONDS,
) -> bool:
    """Whether what a cot's microphone hears now may be a voice that sounds there, by the same device or a nurse's.

    `rooms` are those on its camera; `sounded_at` is when a packet of a voice was last sent to it, or to a
    device that may stand beside it; for `lasts_seconds` it may come back.  Then nobody is sent
    it: who speaks would hear himself, and others what is not for them, guests and the families of other rooms.
    A nurse who looks may stand there with a tablet that lets her hear the family; what she says herself reaches it by
    her key, and would come a second time.
    """
    if any(_stands_by(each) and each.is_live and each.floor.speaker is not None for each in rooms):
        return True
    if sounded_at is not None and at_seconds - sounded_at < lasts_seconds:
        return True
    return has_loudspeaker and any(_is_heard(each) for each in rooms)


def hears_ward(room: Room, *, has_echo: bool) -> bool:
    """Whether a packet of the ward's sound passes to who is in a room: it is live, a nurse let it, and nothing echoes.

    Whoever asks has looked just now whether the room's lease holds.
    """
    return room.is_live and room.is_ward_heard and not has_echo


def refuse_second_voice(rooms: Iterable[Room], room: Room, participant: str) -> None:
    """Raise Refusal `somebody-speaks` for who would sound at the cot while somebody of another room does."""
    if room.part_of(participant) not in HEARS[Part.BEDSIDE]:
        return
    if any(each is not room and _is_heard(each) for each in rooms):
        raise Refusal("somebody-speaks", next_step="wait", retryable=True)


def heard_by(room: Room, participant: str, *, can_hear: Collection[str], has_loudspeaker: bool) -> HeardBy:
    """Who would hear a participant if he spoke now; nobody hears who is not in the room, or only looks.

    `can_hear` are those who agreed to a line for voices; `has_loudspeaker`: what stands for the camera lets them sound.
    A device that joined as `Part.BEDSIDE` does, too.
    """
    part = room.part_of(participant)
    hears = [room.part_of(each) for each in can_hear if each != participant]
    heard = [each for each in hears if each is not None and part in HEARS[each]]
    is_for_cot = part in HEARS[Part.BEDSIDE] and (has_loudspeaker or Part.BEDSIDE in heard)
    return HeardBy(at_cot=is_for_cot, people=sum(each is not Part.BEDSIDE for each in heard))


def _stands_by(room: Room) -> bool:
    """Whether a nurse is in a room."""
    return any(room.part_of(each) is Part.NURSE for each in room.participants)


def _is_heard(room: Room) -> bool:
    """Whether somebody speaks in a room who may be heard at the cot."""
    speaker = room.floor.speaker
    return room.is_live and speaker is not None and room.floor.hears(Part.BEDSIDE, speaker)
