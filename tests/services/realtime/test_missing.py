"""Which packets a camera is asked for again."""

from __future__ import annotations

from tianfu.services.realtime.protocol.missing import ASK_AGAIN_SECONDS, ASKED_MAX, LOOK_SECONDS, MISSING_MAX, Missing


def test_gaps_are_asked_for_and_filled_ones_are_not() -> None:
    missing = Missing()
    for sequence in (65_533, 65_534, 2, 0):
        assert missing.came(sequence)
    assert list(missing.to_ask(0.0)) == [1, 65_535]


def test_it_is_asked_again_with_pauses_and_not_for_ever() -> None:
    missing = Missing()
    missing.came(1)
    missing.came(3)
    asked = [bool(missing.to_ask(step * ASK_AGAIN_SECONDS / 2)) for step in range(4 * ASKED_MAX)]
    assert asked[:4] == [True, False, True, False]
    assert sum(asked) == ASKED_MAX


def test_what_is_missing_is_not_looked_through_with_each_packet() -> None:
    missing = Missing()
    for sequence in (1, 3):
        missing.came(sequence)
    assert list(missing.to_ask(0.0)) == [2]
    missing.came(5)
    assert not missing.to_ask(LOOK_SECONDS / 2)
    assert list(missing.to_ask(LOOK_SECONDS)) == [4]


def test_after_a_long_pause_a_new_picture_is_needed() -> None:
    missing = Missing()
    missing.came(1)
    assert missing.came(MISSING_MAX + 2)
    assert len(missing.to_ask(0.0)) == MISSING_MAX
    assert not missing.came(2 * MISSING_MAX + 4)
    assert not missing.to_ask(1.0)


def test_what_is_missing_is_bounded() -> None:
    missing = Missing()
    for sequence in range(0, 8 * MISSING_MAX, 2):
        missing.came(sequence)
    assert len(missing.to_ask(0.0)) == MISSING_MAX


def test_what_comes_twice_is_no_gap() -> None:
    missing = Missing()
    for sequence in (1, 2, 2, 1, 3):
        assert missing.came(sequence)
    assert not missing.to_ask(0.0)
