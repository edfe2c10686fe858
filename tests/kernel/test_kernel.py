"""Instants, ids and refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.ids import new_uuid7, packed_id, record_number, unpacked_id
from tianfu.kernel.instants import DAY, EARLIEST, LATEST, SECOND, china_date, range_of, to_fhir_instant

HOUR = 3_600 * SECOND


def test_a_partial_date_is_a_range_at_china_time() -> None:
    low, high = range_of("2019-02")
    assert to_fhir_instant(low) == "2019-01-31T16:00:00.000000Z"
    assert high - low == 28 * DAY - 1


def test_a_leap_day_is_a_day_and_its_absence_is_refused() -> None:
    assert range_of("2000-02-29")[1] - range_of("2000-02-29")[0] == DAY - 1
    with pytest.raises(ValueError, match="day is out of range"):
        range_of("1999-02-29")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2019-02-03T04:05Z", 60 * SECOND),
        ("2019-02-03T04:05:06Z", SECOND),
        ("2019-02-03T04:05:06.7Z", 100_000),
        ("2019-02-03T04:05:06.789+08:00", 1_000),
        ("2019-02-03T04:05:06.7890123Z", 1),
    ],
)
def test_a_time_covers_what_it_does_not_say(text: str, length: int) -> None:
    low, high = range_of(text)
    assert high - low == length - 1


def test_offsets_move_the_instant() -> None:
    assert range_of("2019-02-03T04:05:06+08:00")[0] == range_of("2019-02-02T20:05:06Z")[0]
    assert range_of("2019-02-03T04:05:06-03:30")[0] == range_of("2019-02-03T07:35:06Z")[0]


@pytest.mark.parametrize("text", ["", "2019-13", "2019-1", "20190101", "2019-01-01T25:00:00Z", "2019-01-01T10:61:00Z"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the calendar's or the text itself
        range_of(text)


@given(st.integers(EARLIEST, LATEST))
def test_a_written_instant_reads_back(instant: int) -> None:
    assert range_of(to_fhir_instant(instant)) == (instant, instant)


def test_the_day_in_china_starts_eight_hours_before_utc() -> None:
    assert china_date(range_of("2019-02-02T16:00:00Z")[0]).isoformat() == "2019-02-03"


@given(st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True) | st.uuids().map(str))
def test_a_packed_id_unpacks(logical_id: str) -> None:
    assert unpacked_id(packed_id(logical_id)) == logical_id


def test_ids_made_later_sort_later() -> None:
    made = [new_uuid7() for _ in range(50)]
    assert len(set(made)) == 50
    assert [each[:13] for each in made] == sorted(each[:13] for each in made)
    assert all(each[14] == "7" and each[19] in "89ab" for each in made)


def test_a_record_number_depends_on_type_and_id() -> None:
    assert record_number("Patient", "1") == record_number("Patient", "1")
    assert len({record_number("Patient", "1"), record_number("Group", "1"), record_number("Patient", "2")}) == 3
    assert -(2**63) <= record_number("Patient", "1") < 2**63
