"""How failures close a handle or an address, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.services.accounts.model.lockout import (
    ADDRESS_FAILURES_MAX,
    CLOSED_SECONDS_MAX,
    NO_FAILURES,
    Failures,
    address_failed,
    handle_failed,
    handle_forgiven,
)

NOW = Instant(1_795_406_400 * SECOND)


def later(seconds: float) -> Instant:
    return Instant(NOW + int(seconds * SECOND))


def failed(times: int) -> Failures:
    """So many failures, all now."""
    failures = NO_FAILURES
    for _ in range(times):
        failures = handle_failed(failures, NOW)
    return failures


@pytest.mark.parametrize(
    ("times", "seconds"),
    [(1, 0), (4, 0), (5, 60), (6, 120), (7, 240), (8, 480), (9, 960), (10, 1920), (11, 3600), (12, 3600), (500, 3600)],
)
def test_five_failures_close_for_a_minute_and_each_further_twice_as_long_up_to_an_hour(
    times: int, seconds: int
) -> None:
    assert failed(times).closed_seconds(NOW) == seconds


@pytest.mark.parametrize(("seconds", "left"), [(0, 60), (0.5, 60), (1, 59), (59, 1), (59.9, 1), (60, 0), (9_999, 0)])
def test_a_closed_handle_opens_when_its_time_is_over(seconds: float, left: int) -> None:
    assert failed(5).closed_seconds(later(seconds)) == left


def test_a_day_without_a_failure_begins_anew() -> None:
    assert handle_failed(failed(9), Instant(NOW + DAY)).count == 1
    assert handle_failed(failed(9), Instant(NOW + DAY - 1)).count == 10


def test_a_try_that_was_right_takes_back_only_itself() -> None:
    assert handle_forgiven(failed(3)).count == 2
    assert handle_forgiven(failed(5)).closed_seconds(NOW) == 0
    assert handle_forgiven(failed(6)).closed_seconds(NOW) == 60
    assert handle_forgiven(NO_FAILURES).count == 0


def test_an_address_closes_with_its_thirtieth_failure_and_opens_two_minutes_later() -> None:
    failures = NO_FAILURES
    for _ in range(ADDRESS_FAILURES_MAX - 1):
        failures = address_failed(failures, NOW)
    assert failures.closed_seconds(NOW) == 0
    failures = address_failed(failures, NOW)
    assert failures.closed_seconds(NOW) == 120
    assert failures.closed_seconds(later(120)) == 0


@given(st.lists(st.floats(0, 400), min_size=1, max_size=400))
def test_an_address_that_keeps_to_its_closings_fails_at_most_thirty_times_and_thirty_an_hour(gaps: list[float]) -> None:
    failures, now, at = NO_FAILURES, NOW, list[int]()
    for gap in gaps:
        now = Instant(now + int(gap * SECOND))
        if failures.closed_seconds(now):
            continue
        failures = address_failed(failures, now)
        at.append(now)
    for first in at:
        hours = (now - first) / (3_600 * SECOND)
        assert sum(first <= each for each in at) <= ADDRESS_FAILURES_MAX + ADDRESS_FAILURES_MAX * hours + 1


@given(st.lists(st.floats(0, 4_000), min_size=1, max_size=200))
def test_who_guesses_at_one_handle_for_an_hour_makes_few_guesses(gaps: list[float]) -> None:
    failures, now, tries = NO_FAILURES, NOW, 0
    for gap in gaps:
        now = Instant(now + int(gap * SECOND))
        if now - NOW > 3_600 * SECOND:
            break
        if not failures.closed_seconds(now):
            failures, tries = handle_failed(failures, now), tries + 1
    assert tries <= 10  # five at once, then after 60, 180, 420, 900 and 1860 seconds
    assert failures.closed_seconds(now) <= CLOSED_SECONDS_MAX
