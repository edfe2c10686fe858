"""A packet passes while gate and lease hold, to who is in the room; else never."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import LEASE_SECONDS_MAX, Gate, Room


def room(*, lease: float = 10.0) -> Room:
    made = Room("visit", "bed-1", lease_until_seconds=lease)
    made.let_in("mother", Part.FAMILY)
    return made


def passes(made: Room, at: float, *, who: str = "mother") -> bool:
    return made.look(at) and made.part_of(who) is not None


def code_of(act: object) -> str:
    with pytest.raises(Refusal) as refused:
        act()  # type: ignore[operator]  # a call without arguments
    return refused.value.code


def test_it_begins_shielded() -> None:
    made = room()
    assert made.gate is Gate.SHIELDED
    assert not passes(made, 0.0)


def test_it_shows_to_who_is_in_it() -> None:
    made = room()
    made.go_live(at_seconds=0.0)
    assert passes(made, 0.0)
    assert not passes(made, 0.0, who="stranger")
    made.leave("mother")
    assert not passes(made, 0.0)


def test_a_lost_lease_shields_and_its_renewal_opens_nothing() -> None:
    made = room(lease=10.0)
    made.go_live(at_seconds=0.0)
    assert passes(made, 9.999)
    assert not passes(made, 10.0)
    made.renew(40.0, at_seconds=11.0)
    assert not passes(made, 12.0)
    assert made.shielded_for == "lease-lost"
    made.go_live(at_seconds=12.0)
    assert passes(made, 12.0)


def test_a_lease_that_was_lost_unseen_is_lost_all_the_same() -> None:
    made = room(lease=10.0)
    made.go_live(at_seconds=0.0)
    made.renew(40.0, at_seconds=20.0)
    assert not passes(made, 21.0), "nobody looked between the end of the lease and its renewal"


def test_no_lease_is_longer_than_the_longest() -> None:
    made = room()
    made.renew(1_000_000.0, at_seconds=0.0)
    made.go_live(at_seconds=0.0)
    assert passes(made, LEASE_SECONDS_MAX - 0.001)
    assert not passes(made, LEASE_SECONDS_MAX)


def test_the_gate_does_not_open_without_a_lease() -> None:
    made = room(lease=10.0)
    assert code_of(lambda: made.go_live(at_seconds=10.0)) == "lease-lost"
    assert made.gate is Gate.SHIELDED


def test_what_is_closed_stays_closed() -> None:
    made = room()
    made.go_live(at_seconds=0.0)
    made.close("bed-moved")
    assert not passes(made, 1.0)
    assert not made.participants
    assert code_of(lambda: made.go_live(at_seconds=2.0)) == "room-closed"
    assert code_of(lambda: made.renew(9.0, at_seconds=2.0)) == "room-closed"
    assert code_of(lambda: made.let_in("mother", Part.FAMILY)) == "room-closed"
    made.close("again")
    assert made.shielded_for == "bed-moved"


def test_who_comes_again_is_there_once_and_has_lost_the_floor() -> None:
    made = room()
    made.go_live(at_seconds=0.0)
    made.press("mother", at_seconds=0.0)
    made.let_in("mother", Part.FAMILY)
    assert made.participants == ("mother",)
    assert made.floor.speaker is None


def test_the_last_reason_for_the_curtain_counts() -> None:
    made = room(lease=10.0)
    made.go_live(at_seconds=0.0)
    assert not made.look(10.0)
    made.shield("care")
    assert made.shielded_for == "care"


ACTS = st.sampled_from(["live", "shield", "renew", "close", "leave", "join", "look"])


@given(st.lists(st.tuples(ACTS, st.floats(0, 12)), max_size=60))
@settings(max_examples=400, deadline=None)
def test_open_means_opened_since_and_leased_without_a_break(acts: list[tuple[str, float]]) -> None:
    made = room(lease=10.0)
    now, until, is_open, inside = 0.0, 10.0, False, True
    for act, passed in acts:
        now += passed
        is_open = is_open and now < until
        with suppress(Refusal):
            match act:
                case "live":
                    made.go_live(at_seconds=now)
                    is_open = True
                case "shield":
                    made.shield("care")
                    is_open = False
                case "renew":
                    made.renew(now + 5.0, at_seconds=now)
                    until = now + 5.0
                case "close":
                    made.close("over")
                    is_open, inside = False, False
                case "leave":
                    made.leave("mother")
                    inside = False
                case "join":
                    made.let_in("mother", Part.FAMILY)
                    inside = True
                case _:
                    made.look(now)
        assert passes(made, now) is (is_open and inside)
