"""The viewer's numbers run on, and nothing from before a cut ever follows it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.realtime.made import packet
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.relay import KEPT_PACKETS, Relay


def relay(*, sequence: int = 65_530, timestamp: int = 2**32 - 5_000) -> Relay:
    return Relay(source=1, payload_type=100, clock_rate_hz=90_000, sequence=sequence, timestamp=timestamp)


def passed(
    to: Relay, sequence: int, *, timestamp: int | None = None, may_begin: bool = False, source: int = 7, at: float = 0.0
) -> bytes | None:
    data = packet(
        b"p%d" % sequence,
        sequence=sequence,
        timestamp=3_000 * sequence if timestamp is None else timestamp,
        source=source,
    )
    return to.pass_on(data, head_of(data), may_begin=may_begin, at_seconds=at)


def numbers(found: bytes | None) -> tuple[int, int]:
    assert found is not None
    head = head_of(found)
    assert (head.source, head.payload_type) == (1, 100)
    return head.sequence, head.timestamp


def test_nothing_passes_before_a_packet_that_may_begin() -> None:
    to = relay()
    assert passed(to, 1) is None
    assert to.is_waiting
    assert numbers(passed(to, 2, may_begin=True))[0] == 65_531
    assert numbers(passed(to, 3))[0] == 65_532


def test_a_gap_stays_a_gap_so_that_it_can_be_filled() -> None:
    to = relay()
    passed(to, 10, may_begin=True)
    assert numbers(passed(to, 13))[0] == 65_534
    assert numbers(passed(to, 11))[0] == 65_532


def test_what_came_before_the_beginning_is_not_passed_on_late() -> None:
    to = relay()
    passed(to, 10, may_begin=True)
    assert passed(to, 9) is None
    to.cut()
    assert passed(to, 11) is None
    passed(to, 20, may_begin=True)
    assert passed(to, 12) is None


@given(st.integers(0, 2**16 - 1), st.integers(1, 4_000))
@settings(max_examples=25, deadline=None)
def test_what_came_before_stays_out_however_long_it_runs(first: int, late: int) -> None:
    to = relay()
    passed(to, first, may_begin=True)
    for number in range(1, 70_000, 7):
        assert passed(to, first + number) is not None
    assert passed(to, first + 70_000 - 16_384 - 8_192 - late) is None


def test_numbers_and_time_run_on_over_a_cut() -> None:
    to = relay()
    before = numbers(passed(to, 10, may_begin=True, at=5.0))
    to.cut()
    after = numbers(passed(to, 900, may_begin=True, at=7.0))
    assert (after[0] - before[0]) % 2**16 == 1
    assert (after[1] - before[1]) % 2**32 == 2 * 90_000


def test_another_camera_needs_a_beginning_of_its_own() -> None:
    to = relay()
    passed(to, 10, may_begin=True)
    assert passed(to, 11, source=8) is None
    assert passed(to, 12, source=8, may_begin=True) is not None
    assert passed(to, 11, source=7) is None, "the first one's packets do not come between"


def test_what_was_sent_is_sent_again_until_it_is_cut_off() -> None:
    to = relay()
    sent = passed(to, 10, may_begin=True)
    assert to.again(65_531, at_seconds=0.0) == sent
    assert to.again(65_532, at_seconds=0.0) is None
    to.cut()
    assert to.again(65_531, at_seconds=0.0) is None


def test_what_is_missed_for_long_is_late_once_and_what_soon_arrives_is_not() -> None:
    to = relay(sequence=0)
    for number in range(3):
        passed(to, number, may_begin=number == 0)
    to.again(1, at_seconds=0.0)
    for tenth in range(8):
        to.again(2, at_seconds=tenth / 10)
    assert to.late == 1
    to.cut()
    passed(to, 3, may_begin=True)
    to.again(4, at_seconds=1.0)
    assert to.late == 1


def test_only_so_much_is_kept() -> None:
    to = relay(sequence=0)
    for number in range(KEPT_PACKETS + 1):
        passed(to, number, may_begin=number == 0)
    assert to.again(1, at_seconds=0.0) is None
    assert to.again(2, at_seconds=0.0) is not None


def test_timestamps_of_reports_follow_the_viewers_count() -> None:
    to = relay()
    _, timestamp = numbers(passed(to, 10, timestamp=500, may_begin=True))
    assert to.timestamp_of(500) == timestamp
    assert to.timestamp_of(3_500) == (timestamp + 3_000) % 2**32
