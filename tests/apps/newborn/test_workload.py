"""How long visits keep nurses busy, in whose shift, and where a ward's limits lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.newborn.test_booking_rules import FORM, POLICY, TODAY
from tianfu.apps.newborn.model.windows import MINUTE, policy_from, read_policy, told
from tianfu.apps.newborn.model.workload import (
    Course,
    Deed,
    Shift,
    Work,
    hers_now,
    refuse_beyond,
    shift_at,
    shifts_on,
    stretches,
    usual_starts,
    whole_in,
    work_in,
)
from tianfu.kernel.instants import DAY, Instant, day_start
from tianfu.kernel.refusal import Refusal

EIGHT = Instant(day_start(TODAY) + 8 * 60 * MINUTE)
SHIFT = Shift(start=EIGHT, end=Instant(EIGHT + 480 * MINUTE))


def at(minute: float) -> Instant:
    """So many minutes after eight."""
    return Instant(EIGHT + int(minute * MINUTE))


def course(*deeds: tuple[str, float, str], visit: str = "one") -> Course:
    return Course(visit=visit, deeds=tuple(Deed(what=what, at=at(minute), by=by) for what, minute, by in deeds))


SHORT = course(
    ("scanned", 0, "qin"), ("armed", 0.5, "qin"), ("live", 1, "qin"), ("ending", 2, "qin"), ("closed", 9, "")
)


def test_a_visit_that_ended_after_two_minutes_took_two_minutes_of_a_slot_of_twenty() -> None:
    assert work_in([SHORT], SHIFT, now=at(30)) == {"qin": Work(micros=2 * MINUTE, visits=1, interruptions=0)}
    assert work_in([SHORT], SHIFT, now=at(30))["qin"].minutes == 2


def test_a_visit_is_hers_who_scanned_until_another_opens_it_or_binds_its_bed_anew() -> None:
    taken = course(
        ("scanned", 0, "qin"),
        ("armed", 1, "qin"),
        ("live", 2, "xiang"),
        ("shielded", 5, "he"),
        ("rescanned", 7, "qin"),
        ("live", 8, "qin"),
        ("aborted", 9, ""),
    )
    assert [(each.nurse, each.since, each.until) for each in stretches(taken, now=at(60))] == [
        ("qin", at(0), at(2)),
        ("xiang", at(2), at(7)),
        ("qin", at(7), at(8)),
        ("qin", at(8), at(9)),
    ]
    work = work_in([taken], SHIFT, now=at(60))
    assert work["qin"] == Work(micros=4 * MINUTE, visits=1, interruptions=1)
    assert work["xiang"] == Work(micros=5 * MINUTE, visits=1, interruptions=1)
    assert "he" not in work, "who draws a curtain takes no visit over"
    assert whole_in([taken], SHIFT, now=at(60)) == Work(micros=9 * MINUTE, visits=1, interruptions=2)


def test_curtains_answers_and_new_scans_interrupt_and_nothing_else_does() -> None:
    busy = course(
        ("scanned", 0, "qin"),
        ("armed", 1, "qin"),
        ("live", 2, "qin"),
        ("answered", 3, "xiang"),
        ("shielded", 4, ""),
        ("rescanned", 5, "qin"),
        ("live", 6, "qin"),
        ("ending", 10, ""),
    )
    assert work_in([busy], SHIFT, now=at(60))["qin"].interruptions == 3


def test_two_beds_at_one_time_take_a_nurses_minutes_once_and_two_nurses_minutes_twice() -> None:
    second = course(("scanned", 1, "qin"), ("live", 2, "qin"), ("ending", 5, "qin"), visit="two")
    assert work_in([SHORT, second], SHIFT, now=at(60))["qin"] == Work(micros=5 * MINUTE, visits=2)
    other = course(("scanned", 1, "xiang"), ("ending", 5, "xiang"), visit="two")
    assert whole_in([SHORT, other], SHIFT, now=at(60)) == Work(micros=6 * MINUTE, visits=2)


def test_what_lasts_over_the_end_of_a_shift_counts_in_both_and_what_lasts_on_counts_until_now() -> None:
    late = course(("scanned", 478, "qin"), ("live", 479, "qin"))
    after = Shift(start=SHIFT.end, end=Instant(SHIFT.end + 480 * MINUTE))
    assert work_in([late], SHIFT, now=at(483))["qin"].minutes == 2
    assert work_in([late], after, now=at(483))["qin"].minutes == 3
    assert work_in([SHORT], after, now=at(483)) == {}
    assert work_in([late], SHIFT, now=at(478)) == {}, "it begins at this moment"


@pytest.mark.parametrize(("minutes", "limit", "is_reached"), [(3, 3, True), (2, 3, False), (9, None, False)])
def test_a_limit_is_reached_with_its_last_minute_and_there_is_none_unless_a_ward_sets_one(
    minutes: int, limit: int | None, is_reached: bool
) -> None:
    assert Work(micros=minutes * MINUTE).reaches(limit) is is_reached
    assert POLICY.nurse_minutes is POLICY.nurse_at_once is None


def test_shifts_begin_as_usual_where_a_ward_sets_none_and_as_it_sets_from_that_day_on() -> None:
    assert usual_starts() == (0, 480, 960)
    own = replace(POLICY, from_day=TODAY + timedelta(days=1), shifts=(7 * 60, 19 * 60))
    assert shift_at([POLICY, own], at(0)) == SHIFT
    tomorrow = TODAY + timedelta(days=1)
    night = shift_at([POLICY, own], Instant(day_start(tomorrow) + 60 * MINUTE))
    assert night.start == SHIFT.end, "the last shift of the day before lasts until the first of this one"
    assert night.end == day_start(tomorrow) + 7 * 60 * MINUTE
    assert [each.end - each.start for each in shifts_on([own], TODAY + timedelta(days=2))] == [720 * MINUTE] * 2


@given(st.sets(st.integers(0, 1439), min_size=1, max_size=6), st.integers(0, 3 * 1440))
def test_every_moment_lies_in_one_shift(starts: set[int], minute: int) -> None:
    policies = [replace(POLICY, from_day=date(2026, 1, 1), shifts=tuple(sorted(starts)))]
    moment = Instant(day_start(TODAY) + minute * MINUTE)
    shift = shift_at(policies, moment)
    assert shift.start <= moment < shift.end
    assert shift.end - shift.start <= DAY
    assert shift_at(policies, shift.end).start == shift.end


def test_a_nurse_has_no_more_visits_at_one_time_than_the_ward_lets_her() -> None:
    open_ones = [course(("scanned", 0, "qin"), ("armed", 1, "qin"), visit=each) for each in ("one", "two")]
    assert hers_now([*open_ones, replace(SHORT, visit="over")], "qin") == ("one", "two")
    refuse_beyond(POLICY, open_ones, "qin")
    refuse_beyond(None, open_ones, "qin")
    two = replace(POLICY, nurse_at_once=2)
    refuse_beyond(two, open_ones[:1], "qin")
    refuse_beyond(two, open_ones, "xiang")
    with pytest.raises(Refusal) as refused:
        refuse_beyond(two, open_ones, "qin")
    assert (refused.value.code, refused.value.details["visits"]) == ("nurse-at-capacity", "one two")


def test_limits_and_shifts_may_be_left_empty_and_what_is_written_is_read() -> None:
    empty = read_policy(FORM, today=TODAY)
    assert (empty.nurse_minutes, empty.nurse_at_once, empty.shifts) == (None, None, ())
    said = {**FORM, "nurse_minutes": "60", "nurse_at_once": "2", "shifts": "16:00 00:00 08:00"}
    policy = read_policy(said, today=TODAY)
    assert (policy.nurse_minutes, policy.nurse_at_once, policy.shifts) == (60, 2, (0, 480, 960))
    before = {name: value for name, value in told(empty).items() if name not in {"nurse_minutes", "nurse_at_once"}}
    before.pop("shifts")
    assert policy_from(before) == empty, "a policy from before says nothing of them"


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("nurse_minutes", "0", "number-out-of-range"),
        ("nurse_at_once", "x", "number-out-of-range"),
        ("shifts", "8", "shifts-not-understood"),
        ("shifts", "24:00", "shifts-not-understood"),
        ("shifts", "1:00 2:00 3:00 4:00 5:00 6:00 7:00", "too-many"),
    ],
)
def test_what_cannot_be_read_of_limits_and_shifts_is_told(field: str, text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_policy({**FORM, field: text}, today=TODAY)
    assert [(each.path, each.code) for each in refused.value.faults] == [(field, code)]
