"""How events become lines of a ledger: the table of docs/rules/ledger.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.trust.memory_store import at
from tianfu.apps.trust.model.ledger import (
    KIND_OF_TYPE,
    KINDS,
    WATCH_BEGIN,
    WATCH_END,
    Act,
    Event,
    Sort,
    act_of,
    days_of,
    kind_of,
    may_object,
    month_after,
    months_back,
    read_month,
    read_sort,
)
from tianfu.kernel.instants import SECOND, Instant
from tianfu.standards.fhir.definitions import definitions

TODAY = date(2026, 11, 23)

READ = Event(
    id="e1",
    at=at("2026-11-20T09:31:00+08:00"),
    caller="d7",
    role="doctor",
    practitioner="p7",
    organisation="house",
    purpose="TREAT",
    rule="doctor-treats",
    act=Act.READ,
    kinds=(("result", 3),),
)
LATER = replace(READ, id="e2", at=at("2026-11-20T09:42:00+08:00"), kinds=(("result", 1), ("allergy", 2)))
OWN = replace(READ, id="e3", caller="c1", role="citizen", practitioner="", organisation="", purpose="PATRQT")


def test_what_one_person_did_on_one_day_for_one_reason_is_one_line() -> None:
    [day] = days_of([READ, LATER], Sort.ALL)
    [look] = day.looks
    assert (look.since, look.until) == (READ.at, LATER.at)
    assert look.kinds == (("allergy", 2), ("result", 4))


@pytest.mark.parametrize(
    "other",
    [
        replace(LATER, caller="d8"),
        replace(LATER, practitioner="p8"),
        replace(LATER, organisation="centre"),
        replace(LATER, purpose="ETREAT"),
        replace(LATER, rule="another"),
        replace(LATER, role="nurse"),
        replace(LATER, act=Act.REFUSED),
    ],
)
def test_another_person_reason_rule_or_act_is_another_line(other: Event) -> None:
    [day] = days_of([READ, other], Sort.ALL)
    assert len(day.looks) == 2


def test_reading_and_writing_for_one_reason_is_one_line_that_says_both() -> None:
    [day] = days_of([READ, replace(LATER, act=Act.WROTE)], Sort.ALL)
    assert [look.acts for look in day.looks] == [(Act.READ, Act.WROTE)]


def test_each_view_of_a_live_picture_is_told_from_its_first_to_its_last_moment() -> None:
    moments = ["09:00:01", "09:03:02", "09:10:00", "09:10:00", "09:11:30"]
    edges = [WATCH_BEGIN, WATCH_END, WATCH_BEGIN, WATCH_END, WATCH_BEGIN]
    events = [
        replace(READ, id=f"w{place}", at=at(f"2026-11-20T{moment}+08:00"), act=Act.WATCHED, kinds=(), edge=edge)
        for place, (moment, edge) in enumerate(zip(moments, edges, strict=True))
    ]
    [day] = days_of(events, Sort.ALL)
    [look] = day.looks
    assert look.views == (
        (events[0].at, events[1].at),
        (events[2].at, events[3].at),
        (events[4].at, events[4].at),
    )
    assert look.acts == (Act.WATCHED,)


def test_the_notices_that_a_look_leaves_behind_are_no_writing_in_the_record() -> None:
    notices = replace(LATER, act=Act.WROTE, kinds=(("trust", 3),))
    [day] = days_of([READ, notices], Sort.ALL)
    [look] = day.looks
    assert look.acts == (Act.READ,)
    assert look.kinds == READ.kinds


def test_another_day_in_china_is_another_line() -> None:
    late = replace(READ, at=at("2026-11-20T23:59:59+08:00"))
    early = replace(LATER, at=at("2026-11-21T00:00:00+08:00"))
    assert [day.day for day in days_of([late, early], Sort.ALL)] == [date(2026, 11, 21), date(2026, 11, 20)]


def test_a_line_keeps_its_name_when_more_is_added() -> None:
    [first] = days_of([READ], Sort.ALL)
    [more] = days_of([READ, LATER], Sort.ALL)
    assert first.looks[0].id == more.looks[0].id == "e1"


@pytest.mark.parametrize(
    ("event", "sorts"),
    [
        (READ, {Sort.ALL, Sort.OTHERS}),
        (OWN, {Sort.ALL, Sort.OWN}),
        (replace(READ, purpose="ETREAT"), {Sort.ALL, Sort.OTHERS, Sort.EMERGENCY}),
        (replace(OWN, role="desk"), {Sort.ALL, Sort.OTHERS}),
    ],
)
def test_every_look_is_of_its_sorts(event: Event, sorts: set[Sort]) -> None:
    assert {sort for sort in Sort if days_of([event], sort)} == sorts


def test_a_person_objects_to_what_others_did() -> None:
    [[look]] = [day.looks for day in days_of([READ], Sort.ALL)]
    [[own]] = [day.looks for day in days_of([OWN], Sort.ALL)]
    [[system]] = [day.looks for day in days_of([replace(READ, role="system", caller="importer")], Sort.ALL)]
    [[tried]] = [day.looks for day in days_of([replace(READ, role="system", caller="an-account")], Sort.ALL)]
    [[exported]] = [day.looks for day in days_of([replace(READ, role="system", caller="command-line")], Sort.ALL)]
    [[machine]] = [day.looks for day in days_of([replace(READ, role="hospital-system")], Sort.ALL)]
    assert may_object(look)
    assert not may_object(own)
    assert not may_object(system)
    assert may_object(tried)  # somebody said her name and number as his own
    assert may_object(exported)
    assert may_object(machine)  # an institution answers for its machine


@pytest.mark.parametrize(
    ("interaction", "outcome", "act"),
    [
        ("read", "success", Act.READ),
        ("timeline", "success", Act.READ),
        ("create", "success", Act.WROTE),
        ("create", "matched", Act.WROTE),
        ("transaction", "success", Act.WROTE),
        ("export", "success", Act.EXPORTED),
        ("read", "not-found", Act.REFUSED),
        ("update", "version-conflict", Act.REFUSED),
    ],
)
def test_what_was_done_in_a_persons_words(interaction: str, outcome: str, act: Act) -> None:
    assert act_of(interaction, outcome) == act


def test_types_that_have_a_word_are_types() -> None:
    assert set(KIND_OF_TYPE) <= set(definitions().resource_types)
    assert kind_of("MolecularSequence") == "other"
    assert {*KIND_OF_TYPE.values(), "other"} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2026-11", date(2026, 11, 1)),
        ("2026-12", None),
        ("2026-13", None),
        ("2026-00", None),
        ("1999-12", None),
        ("2026", None),
        ("", None),
        ("２０２６-11", None),
    ],
)
def test_a_month_is_read_or_left_aside(text: str, month: date | None) -> None:
    assert read_month(text, TODAY) == month


def test_months_follow_each_other_over_the_year() -> None:
    assert month_after(date(2026, 12, 1)) == date(2027, 1, 1)
    assert months_back(date(2026, 2, 23), 3) == (date(2026, 2, 1), date(2026, 1, 1), date(2025, 12, 1))


def test_what_an_address_asks_for_is_a_sort_or_what_others_did() -> None:
    assert read_sort("emergency") == Sort.EMERGENCY
    assert read_sort("x") == Sort.OTHERS


EVENTS = st.lists(
    st.builds(
        lambda number, minute, caller: replace(
            READ, id=f"e{number}", at=Instant(READ.at + minute * 60 * SECOND), caller=caller
        ),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
        st.sampled_from(["d7", "d8", "d9"]),
    ),
    unique_by=lambda event: event.id,
    max_size=40,
)


@given(EVENTS)
def test_no_event_is_lost_or_told_twice_and_days_come_newest_first(events: list[Event]) -> None:
    days = days_of(events, Sort.ALL)
    told = [event.id for day in days for look in day.looks for event in look.events]
    assert sorted(told) == sorted(event.id for event in events)
    assert [day.day for day in days] == sorted({day.day for day in days}, reverse=True)
    for day in days:
        assert [look.until for look in day.looks] == sorted((look.until for look in day.looks), reverse=True)
