"""What may have been seen by what people did."""

from __future__ import annotations

import pytest

from tests.services.realtime.sights import HELD_MS, Lens, Seat, Seen, Sights, Verdict

MOTHER, FATHER, TWIN = Seat("visit", "mother"), Seat("visit", "father"), Seat("twin", "mother")
HERE, ANEW, THERE = Lens(1, 1), Lens(1, 3), Lens(2, 2)
RIGHT, WRONG_BED = Verdict.RIGHT, Verdict.WRONG_BED
BEHIND, NOT_IN = Verdict.BEHIND_THE_CURTAIN, Verdict.NOT_IN_THE_ROOM
HELD = int(HELD_MS)


def a_day() -> Sights:
    """The curtain is open from 10,000 to 20,000, and from 30,000 on a device that came anew; the father is let go."""
    sights = Sights()
    for seat in (MOTHER, FATHER):
        sights.comes(seat, at_ms=9_000)
    sights.opens("visit", HERE, at_ms=10_000)
    sights.goes(FATHER, at_ms=15_000)
    sights.comes(FATHER, at_ms=17_000)
    sights.draws("visit", at_ms=20_000)
    sights.opens("visit", ANEW, at_ms=30_000)
    return sights


@pytest.mark.parametrize(
    ("seat", "lens", "drawn", "shown", "verdict"),
    [
        pytest.param(MOTHER, HERE, 12_000, 12_050, RIGHT, id="while it is open"),
        pytest.param(MOTHER, HERE, 20_000, 21_000, RIGHT, id="shown late, but drawn before"),
        pytest.param(MOTHER, HERE, 20_001, 20_050, BEHIND, id="drawn after the curtain"),
        pytest.param(MOTHER, HERE, 25_000, 31_000, BEHIND, id="behind the curtain, shown when it is open again"),
        pytest.param(MOTHER, HERE, 31_000, 31_050, BEHIND, id="the device that was there before"),
        pytest.param(MOTHER, ANEW, 19_000, 19_050, BEHIND, id="the device that comes, before somebody has looked"),
        pytest.param(MOTHER, ANEW, 31_000, 31_050, RIGHT, id="the device that came"),
        pytest.param(MOTHER, HERE, 9_900, 9_950, BEHIND, id="shown before it was opened"),
        pytest.param(MOTHER, HERE, 10_000 - HELD, 10_050, RIGHT, id="held by the bed's browser while it was opened"),
        pytest.param(MOTHER, HERE, 9_999 - HELD, 10_050, BEHIND, id="older than any browser holds it"),
        pytest.param(MOTHER, THERE, 12_000, 12_050, WRONG_BED, id="another bed"),
        pytest.param(MOTHER, Lens(2, 1), 12_000, 12_050, WRONG_BED, id="another bed, whatever the device says"),
        pytest.param(TWIN, HERE, 12_000, 12_050, WRONG_BED, id="another visit"),
        pytest.param(FATHER, HERE, 15_000, 15_050, RIGHT, id="drawn before he was let go"),
        pytest.param(FATHER, HERE, 15_001, 15_050, NOT_IN, id="drawn after he was let go"),
        pytest.param(FATHER, HERE, 16_000, 17_050, RIGHT, id="what his visit saw, when he is there again"),
        pytest.param(MOTHER, HERE, 15_001, 15_050, RIGHT, id="who was not let go"),
    ],
)
def test_what_may_be_seen(seat: Seat, lens: Lens, drawn: int, shown: int, verdict: Verdict) -> None:
    assert a_day().judge(Seen(seat=seat, lens=lens, drawn_ms=drawn, shown_ms=shown)) is verdict


def test_what_is_said_twice_changes_nothing() -> None:
    sights = a_day()
    sights.opens("visit", HERE, at_ms=31_000)
    sights.comes(FATHER, at_ms=31_000)
    sights.draws("visit", at_ms=40_000)
    sights.draws("visit", at_ms=50_000)
    late = Seen(seat=MOTHER, lens=ANEW, drawn_ms=45_000, shown_ms=45_050)
    assert sights.judge(late) is BEHIND
