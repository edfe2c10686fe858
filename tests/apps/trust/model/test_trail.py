"""What an officer's search means, field by field."""

from __future__ import annotations

from datetime import date

import pytest

from tianfu.apps.trust.model.trail import DEEDS, FIELDS, NAMES_MAX, Span, TrailWish, read_wish, ways_on
from tianfu.kernel.instants import DAY, SECOND, Instant, day_start, range_of
from tianfu.kernel.refusal import Refusal

TODAY = date(2026, 11, 23)
ROLES = ("doctor", "officer")


def wish(**given: str) -> TrailWish:
    return read_wish(
        {name.replace("_", "-").rstrip("-"): text for name, text in given.items()}, roles=ROLES, today=TODAY
    )


def faults(**given: str) -> list[tuple[str, str]]:
    with pytest.raises(Refusal, match="trail-unusable") as refused:
        wish(**given)
    return [(fault.path, fault.code) for fault in refused.value.faults]


def test_nothing_asked_is_today() -> None:
    asked = wish()
    assert (asked.span, asked.since, asked.until, asked.is_narrowed) == (Span.TODAY, day_start(TODAY), None, False)


@pytest.mark.parametrize(
    ("span", "since"),
    [
        ("today", day_start(TODAY)),
        ("7", day_start(date(2026, 11, 17))),
        ("30", day_start(date(2026, 10, 25))),
        ("all", None),
        ("nonsense", day_start(TODAY)),
    ],
)
def test_a_span_counts_today_as_its_last_day(span: str, since: Instant | None) -> None:
    assert wish(span=span).since == since


def test_days_are_whole_days_in_china_and_count_more_than_a_span() -> None:
    asked = wish(from_="2026-11-01", to="2026-11-02", span="7")
    assert asked.span is None
    assert asked.since == range_of("2026-10-31T16:00:00Z")[0]
    assert asked.until == Instant(day_start(date(2026, 11, 2)) + DAY)


def test_the_last_minute_counts_in() -> None:
    asked = wish(from_="2026-11-01", from_time="09:30", to="2026-11-01", to_time="09:30")
    assert asked.since == range_of("2026-11-01T09:30:00+08:00")[0]
    assert asked.until == Instant((asked.since or 0) + 60 * SECOND)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"from_": "2026-13-01"}, [("from", "day-unusable")]),
        ({"to": "gestern"}, [("to", "day-unusable")]),
        ({"from_time": "09:30"}, [("from", "day-needed")]),
        ({"to": "2026-11-01", "to_time": "25:00"}, [("to-time", "time-unusable")]),
        ({"from_": "2026-11-02", "to": "2026-11-01"}, [("to", "ends-before-it-begins")]),
        ({"person": "510104199106099829"}, [("person", "number-in-address")]),
        ({"person": "5101 0419 9106 0998 2x"}, [("person", "number-in-address")]),
        ({"person": "510104910609982"}, [("person", "number-in-address")]),
        ({"person": "温知夏"}, [("person", "person-unusable")]),
        ({"who": "周岚"}, [("who", "who-not-found")]),
        ({"where": "a b"}, [("where", "where-not-found")]),
        ({"role": "king"}, [("role", "choice-unknown")]),
        ({"deed": "'; drop"}, [("deed", "choice-unknown")]),
        ({"outcome": "=1+1"}, [("outcome", "choice-unknown")]),
        ({"session": "a,b"}, [("session", "choice-unknown")]),
        ({"record": "Condition"}, [("record", "choice-unknown")]),
        ({"who": ",".join(f"p{each}" for each in range(NAMES_MAX + 1))}, [("who", "too-many-names")]),
        ({"role": "king", "from_": "x"}, [("from", "day-unusable"), ("role", "choice-unknown")]),
    ],
)
def test_what_cannot_be_asked_says_which_field_and_why(given: dict[str, str], told: list[tuple[str, str]]) -> None:
    assert faults(**given) == told


def test_several_names_stand_between_commas() -> None:
    asked = wish(who="p7，p8, p7", person="w-hospital,w-centre", record="Condition/c1")
    assert asked.actors == ("p7", "p8")
    assert asked.people == ("w-hospital", "w-centre")
    assert asked.record == ("Condition", "c1")


def test_a_group_of_deeds_is_all_its_interactions_and_every_other_is_itself() -> None:
    assert wish(deed="look").interactions == DEEDS["look"]
    assert wish(deed="vread").interactions == ("vread",)
    assert wish().interactions is None


def test_no_interaction_belongs_to_two_groups() -> None:
    named = [each for group in DEEDS.values() for each in group]
    assert len(named) == len(set(named))
    assert not set(named) & set(DEEDS)


def test_from_one_event_lead_ways_to_its_caller_person_session_and_refusal() -> None:
    at = range_of("2026-11-23T00:30:00+08:00")[0]
    ways = ways_on(at=at, caller="doctor-7", people=["w-hospital", "w-centre"], session="s1", outcome="not-found")
    assert {way.key: dict(way.fields) for way in ways} == {
        "caller": {"who": "doctor-7", "from": "2026-11-23", "to": "2026-11-23"},
        "person": {"person": "w-hospital,w-centre", "span": "all"},
        "session": {"session": "s1", "from": "2026-11-22", "to": "2026-11-24"},
        "refusal": {"outcome": "not-found", "from": "2026-11-22", "to": "2026-11-24"},
    }
    for way in ways:
        assert set(way.fields) <= set(FIELDS)
        read_wish(way.fields, roles=ROLES, today=TODAY)


def test_ways_that_lead_nowhere_are_not_offered() -> None:
    found = ways_on(at=Instant(0), caller="c", people=[], session="", outcome="success")
    assert [way.key for way in found] == ["caller"]
