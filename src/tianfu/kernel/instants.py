"""Instants as UTC microseconds, and the ranges that FHIR's partial dates stand for.

FHIR R4 datatypes: https://hl7.org/fhir/R4/datatypes.html#dateTime .  A date without a zone is read at
+08:00, fixed: China has one time, and zone history must not move a birthday.
"""

from __future__ import annotations

import re
import time
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NewType

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""

Clock = Callable[[], Instant]

SECOND = 1_000_000
DAY = 86_400 * SECOND
CHINA_OFFSET = 8 * 3_600 * SECOND
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
EARLIEST = Instant((1 - EPOCH_ORDINAL) * DAY)
LATEST = Instant((date.max.toordinal() + 1 - EPOCH_ORDINAL) * DAY - 1)

_FHIR_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(Z|[+-]\d\d:\d\d)?)?)?)?\Z"
)


def system_clock() -> Instant:
    """The machine's time now."""
    return Instant(time.time_ns() // 1_000)


def to_fhir_instant(instant: int) -> str:
    """Write an instant as FHIR `instant` in UTC with microseconds: `2026-11-23T01:02:03.000004Z`."""
    seconds, microseconds = divmod(instant, SECOND)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds:06d}Z".rjust(27, "0")  # glibc writes the year 26 as 26


def china_date(instant: int) -> date:
    """The calendar day of an instant in China; what lies before the calendar or behind it is its first or last day."""
    ordinal = (instant + CHINA_OFFSET) // DAY + EPOCH_ORDINAL
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))


def days_later(day: date, days: int) -> date:
    """The day so many days later, or earlier; the calendar's first or last day if it ends before."""
    return date.fromordinal(min(max(day.toordinal() + days, 1), date.max.toordinal()))


def day_start(day: date) -> Instant:
    """The first microsecond of a calendar day in China."""
    return Instant((day.toordinal() - EPOCH_ORDINAL) * DAY - CHINA_OFFSET)


def range_of(text: str) -> tuple[Instant, Instant]:
    """The first and last microsecond that a FHIR date, dateTime or instant covers.

    `2019-02` covers the whole of February at +08:00; `2019-02-03T04:05:06Z` covers one second.
    Raises ValueError if the text is not such a date.
    """
    parts = _FHIR_DATE_TIME.match(text)
    if parts is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, zone = parts.groups()
    if hour is None:
        return _range_of_days(int(year), month, day)
    start = (date(int(year), int(month), int(day)).toordinal() - EPOCH_ORDINAL) * DAY - _offset(zone)
    if int(hour) > 24 or int(minute or 0) > 59 or int(second or 0) > 60:
        raise ValueError(text)
    start += (int(hour) * 3_600 + int(minute or 0) * 60 + int(second or 0)) * SECOND
    if minute is None:
        length = 3_600 * SECOND
    elif second is None:
        length = 60 * SECOND
    elif fraction is None:
        length = SECOND
    else:
        start += int(fraction[:6].ljust(6, "0"))
        length = 10 ** max(0, 6 - len(fraction))
    return Instant(start), Instant(start + length - 1)


def _range_of_days(year: int, month: str | None, day: str | None) -> tuple[Instant, Instant]:
    if month is None:
        first, last = date(year, 1, 1), date(year, 12, 31)
    elif day is None:
        first = date(year, int(month), 1)
        last = date(year, int(month), monthrange(year, int(month))[1])
    else:
        first = last = date(year, int(month), int(day))
    return day_start(first), Instant(day_start(last) + DAY - 1)


def _offset(zone: str | None) -> int:
    if zone is None:
        return CHINA_OFFSET
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    offset = (hours * 3_600 + minutes * 60) * SECOND
    return -offset if zone[0] == "-" else offset
