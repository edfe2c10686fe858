"""Who is heard at a cot, as the rooms on its camera say; and where nobody is, because nothing sounds there."""

from __future__ import annotations

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.cot import HeardBy, heard_by, refuse_second_voice, sounds_at_cot
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Room

PEOPLE = {
    "mother": Part.FAMILY,
    "father": Part.FAMILY,
    "helper": Part.INTERPRETER,
    "nurse": Part.NURSE,
    "aunt": Part.GUEST,
    "loudspeaker": Part.BEDSIDE,
}


def room(visit: str = "visit", *, speaker: str = "", is_live: bool = True) -> Room:
    """A room in which everybody is, and one of them has the floor."""
    made = Room(visit, "bed", lease_until_seconds=20.0)
    for who, part in PEOPLE.items():
        made.let_in(who, part)
    made.go_live(at_seconds=0.0)
    if speaker:
        made.press(speaker, at_seconds=0.0)
    if not is_live:
        made.shield("care")
    return made


@pytest.mark.parametrize(("who", "sounds"), [("mother", True), ("father", True), ("helper", True), ("nurse", False)])
def test_the_family_and_its_interpreter_sound_and_the_nurse_who_stands_there_does_not(who: str, sounds: bool) -> None:
    speaks = room(speaker=who)
    assert sounds_at_cot([speaks], speaks, who) is sounds
    others = PEOPLE.keys() - {who}
    assert not any(sounds_at_cot([speaks], speaks, each) for each in others), "only who has the floor"
    speaks.floor.release(who)
    assert not sounds_at_cot([speaks], speaks, who), "she let go"


def test_nothing_sounds_behind_the_curtain_or_of_another_cameras_room() -> None:
    drawn = room(speaker="mother", is_live=False)
    assert not sounds_at_cot([drawn], drawn, "mother")
    drawn.go_live(at_seconds=0.0)
    assert not sounds_at_cot([drawn], drawn, "mother"), "the key must be pressed anew"
    elsewhere = room("elsewhere", speaker="mother")
    assert not sounds_at_cot([room()], elsewhere, "mother")


def test_of_two_rooms_on_one_camera_one_voice_sounds_and_the_other_is_told_to_wait() -> None:
    first, second = room("twin-1", speaker="mother"), room("twin-2")
    rooms = [first, second]
    with pytest.raises(Refusal, match="somebody-speaks"):
        refuse_second_voice(rooms, second, "mother")
    refuse_second_voice(rooms, first, "father")  # of one room, its floor decides
    refuse_second_voice(rooms, second, "nurse")  # she does not sound there
    second.press("mother", at_seconds=0.0)  # although nobody should have let her
    assert sounds_at_cot(rooms, first, "mother")
    assert not sounds_at_cot(rooms, second, "mother"), "no two voices within a word"
    first.shield("care")
    assert sounds_at_cot(rooms, second, "mother")
    refuse_second_voice([room(speaker="nurse"), second], second, "father")


@pytest.mark.parametrize(
    ("who", "can_hear", "has_loudspeaker", "heard"),
    [
        ("mother", [], False, HeardBy(at_cot=False, people=0)),
        ("mother", ["mother"], False, HeardBy(at_cot=False, people=0)),
        ("mother", [], True, HeardBy(at_cot=True, people=0)),
        ("mother", ["loudspeaker"], False, HeardBy(at_cot=True, people=0)),
        ("mother", ["mother", "father", "nurse", "aunt"], False, HeardBy(at_cot=False, people=2)),
        ("helper", ["mother", "aunt"], True, HeardBy(at_cot=True, people=2)),
        ("nurse", ["loudspeaker", "mother"], True, HeardBy(at_cot=False, people=1)),
        ("aunt", ["loudspeaker", "mother"], True, HeardBy(at_cot=False, people=0)),
        ("stranger", ["loudspeaker", "mother"], True, HeardBy(at_cot=False, people=0)),
    ],
)
def test_who_would_hear_somebody(who: str, can_hear: list[str], has_loudspeaker: bool, heard: HeardBy) -> None:
    assert heard_by(room(), who, can_hear=can_hear, has_loudspeaker=has_loudspeaker) == heard
