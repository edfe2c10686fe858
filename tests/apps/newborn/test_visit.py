"""A visit's states, each way out of them, and that nothing is seen unless everything holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianfu.apps.newborn.model.binding import Binding, Known
from tianfu.apps.newborn.model.booking import WARD_REASONS
from tianfu.apps.newborn.model.reasons import OF_ITSELF, TOLD, DeclineReason
from tianfu.apps.newborn.model.visit import (
    ADJUST_WITHIN,
    AT_THE_BED,
    CAMERA_ADJUSTED,
    CARED_FOR,
    EXITS,
    FINAL_CUTS,
    HALTS,
    HEARTBEAT_WITHIN,
    NEXT,
    OVER,
    REPAIR_WITHIN,
    RESTS,
    Exit,
    State,
    Visit,
    Ward,
    adjusted,
    armed,
    closed,
    cut_of,
    ending,
    left,
    looked_at,
    may_be_seen,
    opened,
    rebound,
    shielded,
    stepped,
)
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

START = Instant(1_000_000 * SECOND)
END = Instant(START + 600 * SECOND)
KNOWN = Known(
    baby_of_wristband={"W1": "a"},
    bed_of_baby={"a": "bed-1"},
    bed_of_camera={"camera-1": "bed-1"},
    died=frozenset(),
)
BINDING = Binding(
    baby="a", wristband="W1", bed="bed-1", camera="camera-1", scanned_by="n", scanned_at=START, confirmed_by="m"
)
WARD = Ward(
    known=KNOWN,
    consent_is_active=True,
    guardianship_is_clear=True,
    is_alarmed=False,
    is_paused=False,
    is_held=False,
    camera_is_healthy=True,
    nurse_heard_at=START,
    lease_until=Instant(START + 30 * SECOND),
)
MOVED = replace(WARD, known=replace(KNOWN, bed_of_baby={"a": "bed-2"}))
CUTS = {
    "not-bound": WARD,
    "ask-the-ward": replace(WARD, known=replace(KNOWN, died=frozenset({"a"}))),
    "wristband-changed": replace(WARD, known=replace(KNOWN, baby_of_wristband={})),
    "discharged": replace(WARD, known=replace(KNOWN, bed_of_baby={})),
    "bed-moved": MOVED,
    "camera-moved": replace(WARD, known=replace(KNOWN, bed_of_camera={"camera-1": "bed-2"})),
    "guardianship-disputed": replace(WARD, guardianship_is_clear=False),
    "consent-withdrawn": replace(WARD, consent_is_active=False),
    "being-cared-for": replace(WARD, is_alarmed=True, is_paused=True),
    "doctor-asks-rest": replace(WARD, is_paused=True),
    "ward-held": replace(WARD, is_held=True),
    "nurse-gone": replace(WARD, nurse_heard_at=Instant(START - HEARTBEAT_WITHIN - 1)),
    "lease-lost": replace(WARD, lease_until=START),
    "camera-away": replace(WARD, camera_is_healthy=False),
}


def visit(state: State) -> Visit:
    binding = BINDING if state in AT_THE_BED else None
    return Visit(state=state, baby="a", slot_start=START, slot_end=END, binding=binding)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


def test_the_road_from_wish_to_summary() -> None:
    at = visit(State.DRAFT)
    for to in NEXT.values():
        at = stepped(at, to)
    assert at.state is State.WAITING
    at = armed(at, BINDING, WARD, now=START)
    assert not may_be_seen(at, WARD, now=START)
    at = opened(at, WARD, now=START)
    assert may_be_seen(at, WARD, now=START)
    at = shielded(at, "care")
    assert (at.state, at.reason, may_be_seen(at, WARD, now=START)) == (State.SHIELDED, "care", False)
    at = opened(at, WARD, now=START)
    assert closed(ending(at)).state is State.CLOSED


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("to", State)
def test_no_step_is_left_out(state: State, to: State) -> None:
    if NEXT.get(state) is to:
        assert stepped(visit(state), to).state is to
    else:
        assert code_of(lambda: stepped(visit(state), to)) == "visit-not-there-yet"


@pytest.mark.parametrize("state", State)
def test_only_a_visit_at_the_bed_can_be_opened(state: State) -> None:
    may = state in {State.ARMED, State.SHIELDED}
    if may:
        assert opened(visit(state), WARD, now=START).state is State.LIVE
    else:
        assert code_of(lambda: opened(visit(state), WARD, now=START)) == "visit-not-there-yet"


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("by", Exit)
def test_ways_out(state: State, by: Exit) -> None:
    if state in EXITS[by]:
        assert left(visit(state), by, "why").state is by.value
        assert code_of(lambda: left(visit(state), by, "")) == "reason-missing"
    else:
        assert code_of(lambda: left(visit(state), by, "why")) == "visit-not-there-yet"


@pytest.mark.parametrize("state", [each for each in State if each in OVER])
def test_what_is_over_stays_over(state: State) -> None:
    over = visit(state)
    for act in (
        lambda: opened(over, WARD, now=START),
        lambda: armed(over, BINDING, WARD, now=START),
        lambda: rebound(over, BINDING, WARD, now=START),
        lambda: ending(over),
        lambda: closed(over),
    ):
        assert code_of(act) == "visit-not-there-yet"
    assert shielded(over, "care") == over
    assert looked_at(over, MOVED, now=END) == over


@pytest.mark.parametrize("state", State)
def test_the_curtain_can_be_drawn_in_every_state(state: State) -> None:
    assert not may_be_seen(shielded(visit(state), "care"), WARD, now=START)


@pytest.mark.parametrize(("cut", "ward"), CUTS.items())
def test_each_cut_is_named_and_shuts_at_once(cut: str, ward: Ward) -> None:
    live = visit(State.LIVE)
    if cut == "not-bound":
        live = replace(live, binding=replace(BINDING, confirmed_by=None))
    assert cut_of(live, ward, now=START) == cut
    assert not may_be_seen(live, ward, now=START)
    after = looked_at(live, ward, now=START)
    assert after.state is (State.ABORTED if cut in FINAL_CUTS else State.SHIELDED)
    assert after.reason == cut
    assert code_of(lambda: opened(replace(live, state=State.SHIELDED), ward, now=START)) == "visit-cut"
    assert (
        code_of(lambda: armed(replace(live, state=State.WAITING), live.binding or BINDING, ward, now=START))
        == "visit-cut"
    )


def test_another_baby_than_the_booked_one_is_never_shown() -> None:
    twin = replace(BINDING, baby="b", wristband="W2")
    known = Known(
        baby_of_wristband={"W1": "a", "W2": "b"},
        bed_of_baby={"a": "bed-2", "b": "bed-1"},
        bed_of_camera={"camera-1": "bed-1"},
        died=frozenset(),
    )
    ward = replace(WARD, known=known)
    assert cut_of(replace(visit(State.LIVE), binding=twin), ward, now=START) == "another-baby"
    assert code_of(lambda: armed(visit(State.WAITING), twin, ward, now=START)) == "visit-cut"


def test_nothing_begins_before_its_time_nor_goes_on_after() -> None:
    assert code_of(lambda: armed(visit(State.WAITING), BINDING, WARD, now=Instant(START - 1))) == "slot-not-begun"
    late = replace(WARD, nurse_heard_at=END, lease_until=Instant(END + SECOND))
    assert not may_be_seen(visit(State.LIVE), late, now=END)
    assert looked_at(visit(State.LIVE), late, now=END).state is State.ENDING


def test_what_was_repaired_in_time_stays_shielded_until_it_is_opened() -> None:
    cut = looked_at(visit(State.LIVE), MOVED, now=START)
    again = replace(BINDING, bed="bed-2", camera="camera-2")
    known = replace(MOVED.known, bed_of_camera={"camera-2": "bed-2"})
    ward = replace(WARD, known=known)
    mended = looked_at(rebound(cut, again, ward, now=START), ward, now=START)
    assert (mended.state, mended.fault_since) == (State.SHIELDED, None)
    assert opened(mended, ward, now=START).state is State.LIVE


def test_what_nobody_repairs_is_given_up() -> None:
    cut = looked_at(visit(State.LIVE), MOVED, now=START)
    assert looked_at(cut, MOVED, now=Instant(START + REPAIR_WITHIN)).state is State.SHIELDED
    gone = looked_at(cut, MOVED, now=Instant(START + REPAIR_WITHIN + 1))
    assert (gone.state, gone.reason) == (State.ABORTED, "bed-moved")


def test_a_fault_behind_the_drawn_curtain_counts_from_its_own_beginning() -> None:
    care = shielded(visit(State.LIVE), "care")
    later = Instant(START + 2 * REPAIR_WITHIN)
    moved = replace(MOVED, nurse_heard_at=later, lease_until=Instant(later + SECOND))
    found = looked_at(care, moved, now=later)
    assert (found.state, found.reason, found.fault_since) == (State.SHIELDED, "care", later)


@pytest.mark.parametrize("cut", sorted(HALTS))
def test_an_alarm_or_a_doctors_pause_keeps_a_visit_behind_the_curtain_until_it_is_over_and_gives_up_none(
    cut: str,
) -> None:
    late = Instant(START + 5 * REPAIR_WITHIN)
    halted = replace(CUTS[cut], nurse_heard_at=late, lease_until=END, camera_is_healthy=False)
    calm = replace(WARD, nurse_heard_at=late, lease_until=END)
    for state in (State.ARMED, State.LIVE, State.SHIELDED):
        at = looked_at(visit(state), CUTS[cut], now=START)
        assert (at.state, at.reason) == (State.ARMED if state is State.ARMED else State.SHIELDED, cut)
        at = looked_at(at, halted, now=late)
        assert at.fault_since is None, "whoever cares for the baby is asked to repair nothing"
        assert code_of(lambda at=at: opened(at, halted, now=late)) == "visit-cut"  # type: ignore[misc]  # bound now
        at = looked_at(at, calm, now=late)
        assert (at.state is State.LIVE, at.reason) == (False, "" if state is State.ARMED else cut)
        assert opened(at, calm, now=late).state is State.LIVE
    moved = looked_at(visit(State.LIVE), replace(MOVED, is_alarmed=True), now=START)
    assert moved.binding is not None
    assert not moved.binding.is_confirmed, "what was moved meanwhile needs new scans"


FLAGS = st.fixed_dictionaries(
    {
        "consent_is_active": st.booleans(),
        "guardianship_is_clear": st.booleans(),
        "is_alarmed": st.booleans(),
        "is_paused": st.booleans(),
        "is_held": st.booleans(),
        "camera_is_healthy": st.booleans(),
        "nurse_heard_at": st.integers(START - 20 * SECOND, END).map(Instant),
        "lease_until": st.integers(START - 20 * SECOND, END).map(Instant),
    }
)
WARDS = st.builds(
    lambda flags, known: Ward(known=known, **flags),
    FLAGS,
    st.sampled_from([KNOWN, KNOWN, *[each.known for each in CUTS.values()]]),
)
ACTS = st.sampled_from(["look", "arm", "open", "open", "shield", "rebind", "end", "close", "abort", "cancel"])


@given(st.lists(st.tuples(ACTS, WARDS, st.integers(0, 40)), max_size=40))
@settings(max_examples=500)
def test_whatever_happens_nothing_is_seen_unless_everything_holds(acts: list[tuple[str, Ward, int]]) -> None:
    at, now = visit(State.WAITING), START
    for act, ward, passed in acts:
        now = Instant(now + passed * SECOND)
        before = at
        with suppress(Refusal):
            match act:
                case "arm":
                    at = armed(at, BINDING, ward, now=now)
                case "open":
                    at = opened(at, ward, now=now)
                case "shield":
                    at = shielded(at, "care")
                case "rebind":
                    at = rebound(at, BINDING, ward, now=now)
                case "end":
                    at = ending(at)
                case "close":
                    at = closed(at)
                case "abort":
                    at = left(at, Exit.ABORT, "why")
                case "cancel":
                    at = left(at, Exit.CANCEL, "why")
                case _:
                    at = looked_at(at, ward, now=now)
        if before.state in OVER:
            assert at == before
        if at.state is State.LIVE and before.state is not State.LIVE:
            assert act == "open", "nothing but the nurse's hand opens"
        if may_be_seen(at, ward, now=now):
            assert at.binding is not None
            assert at.binding.is_confirmed
            assert ward.known.baby_of_wristband[at.binding.wristband] == at.baby
            assert ward.known.bed_of_baby[at.baby] == at.binding.bed == ward.known.bed_of_camera[at.binding.camera]
            assert ward.consent_is_active
            assert ward.guardianship_is_clear
            assert ward.camera_is_healthy
            assert (ward.is_held, ward.is_alarmed, ward.is_paused) == (False, False, False)
            assert ward.nurse_heard_at <= now < min(ward.lease_until, at.slot_end)
        if act == "look" and at.state is State.LIVE:
            assert may_be_seen(at, ward, now=now), "what is not to be seen does not stay open"


def test_what_was_moved_and_moved_back_opens_only_after_new_scans() -> None:
    cut = looked_at(visit(State.LIVE), MOVED, now=START)
    back = looked_at(cut, WARD, now=START)
    assert code_of(lambda: opened(back, WARD, now=START)) == "visit-cut"
    assert opened(rebound(back, BINDING, WARD, now=START), WARD, now=START).state is State.LIVE


def test_the_gravest_of_several_cuts_counts() -> None:
    gone = replace(WARD, known=replace(KNOWN, bed_of_baby={}, baby_of_wristband={}))
    withdrawn = replace(MOVED, consent_is_active=False)
    assert cut_of(visit(State.LIVE), gone, now=START) == "discharged"
    assert cut_of(visit(State.LIVE), withdrawn, now=START) == "consent-withdrawn"
    assert cut_of(visit(State.LIVE), MOVED, now=END) == "slot-ended"
    died = replace(gone, known=replace(gone.known, died=frozenset({"a"})), guardianship_is_clear=False)
    for binding in (None, BINDING, replace(BINDING, baby="b", wristband="W2")):
        assert cut_of(replace(visit(State.LIVE), binding=binding), died, now=END) == "ask-the-ward"


@pytest.mark.parametrize("who", ["", "n"])
def test_a_binding_that_one_person_confirmed_himself_is_none(who: str) -> None:
    alone = replace(BINDING, confirmed_by=who)
    assert code_of(lambda: armed(visit(State.WAITING), alone, WARD, now=START)) == "visit-cut"


def test_a_binding_of_before_arms_nothing() -> None:
    old = replace(BINDING, scanned_at=Instant(START - 241 * SECOND))
    assert code_of(lambda: armed(visit(State.WAITING), old, WARD, now=START)) == "scans-too-old"
    assert code_of(lambda: rebound(visit(State.SHIELDED), old, WARD, now=START)) == "scans-too-old"


@pytest.mark.parametrize("state", State)
def test_a_camera_that_was_moved_by_hand_binds_nothing_until_it_is_scanned_and_confirmed_anew(state: State) -> None:
    now = Instant(START + 10 * SECOND)
    if state not in {State.ARMED, State.LIVE, State.SHIELDED}:
        assert code_of(lambda: adjusted(visit(state), now=now)) == "visit-not-there-yet"
        return
    moved = adjusted(visit(state), now=now)
    assert (moved.reason, moved.is_adjusted) == (CAMERA_ADJUSTED, True)
    assert moved.state is (State.ARMED if state is State.ARMED else State.SHIELDED)
    assert code_of(lambda: opened(moved, WARD, now=now)) == "visit-cut"
    before = replace(BINDING, scanned_at=now)
    assert code_of(lambda: rebound(moved, before, WARD, now=now)) == "scans-too-old"
    anew = replace(BINDING, scanned_at=Instant(now + 1))
    assert opened(rebound(moved, anew, WARD, now=Instant(now + 1)), WARD, now=Instant(now + 1)).state is State.LIVE


def test_who_moves_a_camera_has_longer_than_a_fault_and_the_visit_is_given_up_then() -> None:
    ward = replace(WARD, nurse_heard_at=Instant(START + ADJUST_WITHIN), lease_until=END)
    at = looked_at(adjusted(visit(State.LIVE), now=START), ward, now=START)
    assert (at.state, at.fault_since) == (State.SHIELDED, START)
    assert looked_at(at, ward, now=Instant(START + REPAIR_WITHIN + 1)).state is State.SHIELDED
    assert looked_at(at, ward, now=Instant(START + ADJUST_WITHIN)).state is State.SHIELDED
    late = looked_at(at, ward, now=Instant(START + ADJUST_WITHIN + 1))
    assert (late.state, late.reason) == (State.ABORTED, CAMERA_ADJUSTED)
    gone = looked_at(at, replace(ward, consent_is_active=False), now=START)
    assert (gone.state, gone.reason) == (State.ABORTED, "consent-withdrawn")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_whatever_ends_or_hides_a_visit_has_words_for_nurses_and_for_the_report(language: str) -> None:
    words = orjson.loads(files("tianfu.apps.newborn").joinpath("languages", f"{language}.json").read_bytes())
    assert [each for each in sorted(TOLD) if f"nurse.reason-{each}" not in words] == []
    reported = {*OF_ITSELF, *DeclineReason, *WARD_REASONS}
    assert [each for each in sorted(reported) if f"newborn.reason-{each}" not in words] == []
    family = {each for each in OF_ITSELF if f"newborn.watch-title-{each}" in words}
    assert {CARED_FOR, RESTS} <= family
