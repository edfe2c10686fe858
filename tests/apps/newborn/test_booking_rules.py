"""Windows, slots, fair shares, claims and consents: tables of cases, and what holds for every policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.apps.newborn.model.booking import (
    Step,
    Taken,
    following,
    free_places,
    next_step,
    refuse_unless_bookable,
    refuse_unless_cancellable,
)
from tianfu.apps.newborn.model.consent import Scope, current_version, read_scopes, words_in
from tianfu.apps.newborn.model.fairness import Rule, Seen, Wish, in_order, is_kept, rule, seen_before
from tianfu.apps.newborn.model.guardians import FITTING, Evidence, Relation, read_approval, read_ask
from tianfu.apps.newborn.model.windows import (
    BOUNDS,
    MINUTE,
    OPTIONAL,
    Policy,
    Slot,
    Window,
    are_stills_allowed_on,
    policy_from,
    policy_on,
    read_policy,
    slot_at,
    slots_on,
    told,
    unfitting,
)
from tianfu.kernel.instants import DAY, Instant, china_date, day_start
from tianfu.kernel.refusal import Refusal

TODAY = date(2026, 11, 26)
NOW = Instant(day_start(TODAY) + 9 * 60 * MINUTE)
DAILY = Window(weekdays=frozenset(range(1, 8)), start=15 * 60, end=17 * 60)
POLICY = Policy(
    from_day=TODAY,
    windows=(DAILY,),
    closed=frozenset(),
    slot_minutes=20,
    gap_minutes=10,
    at_once=2,
    days_ahead=7,
    per_baby_a_day=1,
    cancel_minutes=60,
    invited_max=2,
    are_stills_allowed=False,
)
RULE = Rule(version=1, kept_percent=25, kept_until_hours=12, many_in_7_days=3)
FORM = {
    "from_day": "2026-11-26",
    "windows": "1-5 15:00-17:00\n6,7 09:00-10:30",
    "closed": "2026-12-31",
    **{name: str(least) for name, (least, _) in BOUNDS.items()},
}


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that a head nurse may set."""
    start = draw(st.integers(0, 20 * 60))
    windows = [Window(weekdays=draw(st.frozensets(st.integers(1, 7), min_size=1)), start=start, end=start + 180)]
    numbers = {name: draw(st.integers(*bounds)) for name, bounds in BOUNDS.items()}
    closed = draw(st.frozensets(st.integers(0, 9).map(lambda each: TODAY + timedelta(days=each)), max_size=3))
    return Policy(
        from_day=TODAY,
        windows=tuple(windows),
        closed=closed,
        are_stills_allowed=draw(st.booleans()),
        nurse_minutes=draw(st.none() | st.integers(*OPTIONAL["nurse_minutes"])),
        nurse_at_once=draw(st.none() | st.integers(*OPTIONAL["nurse_at_once"])),
        shifts=tuple(sorted(draw(st.sets(st.integers(0, 24 * 60 - 1), max_size=4)))),
        **numbers,
    )


@given(policies(), st.integers(0, 30))
def test_slots_lie_inside_their_window_and_never_overlap(policy: Policy, later: int) -> None:
    day = TODAY + timedelta(days=later)
    slots = slots_on([policy], day)
    [window] = policy.windows
    for slot in slots:
        assert day not in policy.closed
        assert day.isoweekday() in window.weekdays
        assert slot.end - slot.start == policy.slot_minutes * MINUTE
        assert day_start(day) + window.start * MINUTE <= slot.start
        assert slot.end <= day_start(day) + window.end * MINUTE
        assert slot_at([policy], day, slot.start) == slot
    for before, after in pairwise(slots):
        assert after.start - before.end == policy.gap_minutes * MINUTE


@given(policies())
def test_a_policy_is_kept_and_read_back_as_it_was(policy: Policy) -> None:
    assert policy_from(told(policy)) == policy


@given(policies(), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 40)), max_size=12))
def test_whatever_is_booked_by_a_policy_fits_it_and_never_more_than_it_has_room_for(
    policy: Policy, wishes: list[tuple[int, int]]
) -> None:
    """Take wishes as they come, as the store does under the ward's lock."""
    taken: list[Taken] = []
    for number, (later, which) in enumerate(wishes):
        day = TODAY + timedelta(days=later)
        slots = slots_on([policy], day)
        if not slots:
            continue
        slot = slots[which % len(slots)]
        try:
            refuse_unless_bookable(
                slot, f"baby-{number % 4}", policy=policy, day_slots=slots, taken=taken, rule=RULE, now=NOW
            )
        except Refusal:
            continue
        taken.append(Taken(baby=f"baby-{number % 4}", start=slot.start, end=slot.end))
    booked = [(str(each), china_date(one.start), one.start, one.end) for each, one in enumerate(taken)]
    assert unfitting(booked, [policy]) == ()
    for one in taken:
        assert sum(each.start < one.end and one.start < each.end for each in taken) <= policy.at_once
        same = [each for each in taken if each.baby == one.baby and china_date(each.start) == china_date(one.start)]
        assert len(same) <= policy.per_baby_a_day


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 99)), max_size=20))
def test_nobody_who_was_seen_more_comes_before_somebody_who_was_seen_less(rows: list[tuple[int, int, int]]) -> None:
    seen = {str(n): Seen(in_7_days=week, in_30_days=week + more) for n, (week, more, _) in enumerate(rows)}
    wishes = [Wish(id=str(n), baby=str(n), since=Instant(since)) for n, (_, _, since) in enumerate(rows)]
    ordered = in_order(wishes, seen)
    assert sorted(each.id for each in ordered) == sorted(seen)
    for first, second in pairwise(ordered):
        a, b = seen[first.baby], seen[second.baby]
        assert (a.in_7_days, a.in_30_days, first.since) <= (b.in_7_days, b.in_30_days, second.since)


def test_a_later_policy_takes_over_from_its_day_on_and_not_before() -> None:
    later = replace(POLICY, from_day=TODAY + timedelta(days=3), slot_minutes=10)
    assert policy_on([POLICY, later], TODAY + timedelta(days=2)) == POLICY
    assert policy_on([POLICY, later], TODAY + timedelta(days=3)) == later
    assert policy_on([POLICY, later], TODAY - timedelta(days=1)) is None


def test_of_two_policies_of_one_day_the_later_counts() -> None:
    changed = replace(POLICY, at_once=5)
    assert policy_on([POLICY, changed], TODAY) == changed


def test_nothing_is_open_before_anything_was_set() -> None:
    assert slots_on([], TODAY) == ()


@pytest.mark.parametrize("said", [{}, {"stills": ""}, {"stills": "no"}, {"stills": "true"}])
def test_stills_are_shown_only_where_the_head_nurse_said_yes(said: Mapping[str, str]) -> None:
    policy = read_policy({**FORM, **said}, today=TODAY)
    assert not are_stills_allowed_on([policy], policy.from_day)
    allowing = read_policy({**FORM, "stills": "yes"}, today=TODAY)
    assert are_stills_allowed_on([allowing], allowing.from_day)
    assert not are_stills_allowed_on([allowing], allowing.from_day - timedelta(days=1)), "not before its day"
    assert not are_stills_allowed_on([allowing, policy], policy.from_day), "the later one counts"
    assert not are_stills_allowed_on([], TODAY)


def test_a_policy_from_before_stills_could_be_allowed_allows_none() -> None:
    kept = {name: value for name, value in told(replace(POLICY, are_stills_allowed=True)).items() if name != "stills"}
    assert not policy_from(kept).are_stills_allowed


def test_bookings_beyond_a_smaller_capacity_are_told_and_the_earliest_booked_stays() -> None:
    first, *_ = slots_on([POLICY], TODAY)
    booked = [(name, TODAY, first.start, first.end) for name in ("a", "b")]
    assert unfitting(booked, [replace(POLICY, at_once=1)]) == ("b",)
    assert unfitting(booked, [replace(POLICY, closed=frozenset({TODAY}))]) == ("a", "b")
    assert unfitting(booked, [POLICY]) == ()


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"windows": ""}, "windows", "missing"),
        ({"windows": "8 15:00-17:00"}, "windows", "window-not-understood"),
        ({"windows": "1-7 17:00-15:00"}, "windows", "window-not-understood"),
        ({"windows": "1- 08:00-09:00"}, "windows", "window-not-understood"),
        ({"windows": "1-1000000000 08:00-09:00"}, "windows", "window-not-understood"),
        ({"windows": "5-2,1 08:00-09:00"}, "windows", "window-not-understood"),
        ({"windows": "1-7 15:00-17:00\n1 16:00-18:00"}, "windows", "windows-overlap"),
        ({"closed": "31.12.2026"}, "closed", "day-not-understood"),
        ({"from_day": "2026-11-25"}, "from_day", "day-is-over"),
        ({"from_day": ""}, "from_day", "missing"),
        *(({name: ""}, name, "missing") for name in BOUNDS),
        *(({name: str(most + 1)}, name, "number-out-of-range") for name, (_, most) in BOUNDS.items()),
    ],
)
def test_a_policy_that_lacks_something_or_says_too_much_is_not_taken(
    change: Mapping[str, str], path: str, code: str
) -> None:
    with pytest.raises(Refusal) as raised:
        read_policy({**FORM, **change}, today=TODAY)
    assert [(each.path, each.code) for each in raised.value.faults] == [(path, code)]


def test_a_policy_is_read_as_it_is_typed() -> None:
    policy = read_policy(FORM, today=TODAY)
    assert policy.windows[1] == Window(weekdays=frozenset({6, 7}), start=540, end=630)
    assert policy.closed == {date(2026, 12, 31)}


SLOTS = slots_on([POLICY], TODAY)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"now": SLOTS[0].start}, "slot-over"),
        ({"now": Instant(SLOTS[0].start - 8 * DAY)}, "slot-too-far"),
        ({"taken": [Taken(baby="a", start=SLOTS[0].start, end=SLOTS[0].end)]}, "slot-yours-already"),
        ({"taken": [Taken(baby="a", start=SLOTS[1].start, end=SLOTS[1].end)]}, "too-many-that-day"),
        ({"taken": [Taken(baby=b, start=SLOTS[0].start, end=SLOTS[0].end) for b in "bc"]}, "slot-taken"),
    ],
)
def test_a_slot_is_refused_for_its_reason(change: Mapping[str, object], code: str) -> None:
    said: dict[str, object] = {"policy": POLICY, "day_slots": SLOTS, "taken": [], "rule": RULE, "now": NOW, **change}
    with pytest.raises(Refusal) as raised:
        refuse_unless_bookable(SLOTS[0], "a", **said)  # type: ignore[arg-type]  # a table of cases
    assert raised.value.code == code


def test_what_runs_into_a_slot_takes_a_place_of_it() -> None:
    slot = Slot(start=Instant(100), end=Instant(200), at_once=2)
    taken = [
        Taken(baby="a", start=Instant(150), end=Instant(250)),
        Taken(baby="b", start=Instant(200), end=Instant(300)),
    ]
    assert free_places(slot, taken) == 1


@pytest.mark.parametrize(
    ("often", "free", "hours", "kept"),
    [(3, 2, 24, True), (2, 2, 24, False), (3, 3, 24, False), (3, 2, 12, False), (9, 1, 13, True)],
)
def test_the_last_places_are_kept_from_who_was_seen_often_until_shortly_before(
    often: int, free: int, hours: int, kept: bool
) -> None:
    start = Instant(NOW + hours * 60 * MINUTE)
    assert is_kept(RULE, Seen(in_7_days=often), free=free, in_all=8, slot_start=start, now=NOW) is kept


def test_visits_are_counted_by_week_and_month_before_a_slot() -> None:
    starts = [Instant(NOW - each * DAY) for each in (1, 7, 8, 30, 31)] + [Instant(NOW + DAY)]
    assert seen_before(starts, NOW) == Seen(in_7_days=2, in_30_days=4)


def test_the_rule_of_fair_shares_is_data_with_a_version() -> None:
    assert rule().version >= 1


def test_twins_have_slots_in_a_row_or_none() -> None:
    assert following(SLOTS, SLOTS[1], 2) == (SLOTS[1], SLOTS[2])
    with pytest.raises(Refusal, match="no-slots-in-a-row"):
        following(SLOTS, SLOTS[-1], 2)


def test_a_family_cancels_in_time() -> None:
    refuse_unless_cancellable(Instant(NOW + 60 * MINUTE), policy=POLICY, now=NOW)
    with pytest.raises(Refusal, match="cancel-too-late"):
        refuse_unless_cancellable(Instant(NOW + 59 * MINUTE), policy=POLICY, now=NOW)


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ((False, False, False, False, False), Step.REAL_NAME),
        ((True, False, False, False, False), Step.ENROL),
        ((True, False, True, False, False), Step.AWAIT),
        ((True, True, False, False, False), Step.CONSENT),
        ((True, True, False, True, False), Step.BOOK),
        ((True, True, False, True, True), Step.READY),
    ],
)
def test_one_thing_is_next(said: tuple[bool, bool, bool, bool, bool], step: Step) -> None:
    named, guardian, waiting, consent, visit = said
    assert (
        next_step(is_named=named, is_guardian=guardian, is_waiting=waiting, has_consent=consent, has_visit=visit)
        is step
    )


@pytest.mark.parametrize(
    ("form", "paths"),
    [
        ({}, ["relation", "inpatient", "tail"]),
        ({"relation": "MTH", "code": "short"}, ["code"]),
        ({"relation": "aunt", "inpatient": "ZY 1", "tail": "12345"}, ["relation", "inpatient", "tail"]),
        ({"relation": "MTH", "inpatient": "ZY1", "tail": "1234", "certificate": "P1"}, ["certificate"]),
    ],
)
def test_what_is_typed_wrongly_is_named(form: Mapping[str, str], paths: list[str]) -> None:
    with pytest.raises(Refusal) as raised:
        read_ask(form)
    assert [each.path for each in raised.value.faults] == paths


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("evidence", Evidence)
def test_evidence_shows_what_it_shows_and_nothing_else(relation: Relation, evidence: Evidence) -> None:
    form = {"evidence": evidence.value, "seen": "P110000001"}
    if evidence in FITTING[relation]:
        assert read_approval(form, relation).evidence is evidence
    else:
        with pytest.raises(Refusal, match="evidence-unfitting"):
            read_approval(form, relation)


def test_a_yes_says_what_was_seen() -> None:
    with pytest.raises(Refusal, match="evidence-missing"):
        read_approval({"evidence": "birth-certificate", "seen": " "}, Relation.MOTHER)


ALL_NO = {each.value: "no" for each in Scope}


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({}, "consent-incomplete"),
        (ALL_NO, "consent-empty"),
        ({**ALL_NO, "talk": "yes"}, "consent-needs-view"),
        ({**ALL_NO, "view": "maybe"}, "consent-incomplete"),
    ],
)
def test_a_consent_that_is_not_whole_is_none(chosen: Mapping[str, str], code: str) -> None:
    with pytest.raises(Refusal) as raised:
        read_scopes(chosen, version=current_version())
    assert raised.value.code == code


def test_a_consent_to_an_older_text_is_none() -> None:
    with pytest.raises(Refusal, match="consent-outdated"):
        read_scopes({**ALL_NO, "view": "yes"}, version="2025")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_text_is_whole_in_both_languages_and_says_that_no_lawyer_checked_it(language: str) -> None:
    words = words_in(language)
    assert words.words
    assert all(words.scopes[each] for each in Scope)
    assert not words.is_checked
