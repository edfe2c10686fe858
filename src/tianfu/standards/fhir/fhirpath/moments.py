"""Dates, date-times and times as precise as they were written.  http://hl7.org/fhirpath/N1/#date

A moment stands for all instants that begin with what was written: `2018-03` for a whole month, up to the second,
below which it is a point.  Two moments compare as those ranges do: apart, the same, or undecided.  A date-time
without an offset may lie in any zone, from -12:00 to +14:00, when it meets one with an offset.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

SECOND = 1_000_000_000
"""Moments count nanoseconds."""
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

OFFSET_EARLIEST = "+14:00"
"""Where a day begins first."""
OFFSET_LATEST = "-12:00"
"""Where it ends last."""


class MomentKind(Enum):
    """The three types of moments in the System namespace."""

    DATE = "Date"
    DATE_TIME = "DateTime"
    TIME = "Time"


MOMENT_PREFIXES = {MomentKind.DATE: "@", MomentKind.DATE_TIME: "@", MomentKind.TIME: "@T"}
"""What a literal begins with."""

YEAR, MONTH, DAY_OF_MONTH, HOURS, MINUTES, SECONDS = range(6)
"""Places in the parts of a date-time; the parts of a time begin at HOURS."""

_CLOCK = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
_ZONE = r"(Z|[+-]\d\d:\d\d)"
_DATE_TIME = re.compile(rf"(\d{{4}})(?:-(\d\d)(?:-(\d\d))?)?(T(?:{_CLOCK}{_ZONE}?)?)?\Z")
_TIME = re.compile(rf"T?{_CLOCK}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point or stretch of time; `parts` holds as many numbers as were written, largest unit first."""

    kind: MomentKind
    parts: tuple[int, ...]
    fraction: str = ""
    offset: str | None = None

    def __str__(self) -> str:
        if self.kind is MomentKind.TIME:
            return self._clock(self.parts)
        day = "-".join(f"{part:0{4 if place == YEAR else 2}d}" for place, part in enumerate(self.parts[:3]))
        return f"{day}T{self._clock(self.parts[3:])}{self.offset or ''}" if len(self.parts) > 3 else day

    def _clock(self, parts: tuple[int, ...]) -> str:
        said = ":".join(f"{part:02d}" for part in parts)
        return f"{said}.{self.fraction}" if self.fraction else said

    @property
    def digits(self) -> int:
        """Digits written, the year counting four: FHIRPath's measure of precision."""
        years = 0 if self.kind is MomentKind.TIME else 2
        return 2 * len(self.parts) + years + len(self.fraction)

    @property
    def first(self) -> int:
        """The first nanosecond of this moment, as if at +00:00 when no offset was written."""
        return self._start(self.all_parts(last=False)) - offset_of(self.offset)

    @property
    def last(self) -> int:
        """The last nanosecond; that of the second itself if seconds were written."""
        return self._start(self.all_parts(last=True)) + self._slack - offset_of(self.offset)

    @property
    def _slack(self) -> int:
        complete = (self.kind is MomentKind.TIME and len(self.parts) == 3) or len(self.parts) == 6
        return 0 if complete else SECOND - 1

    def _start(self, parts: tuple[int, ...]) -> int:
        clock = parts if self.kind is MomentKind.TIME else parts[3:]
        days = 0 if self.kind is MomentKind.TIME else date(*parts[:3]).toordinal()
        below = int(self.fraction[:9].ljust(9, "0")) if self.fraction else 0
        return days * DAY + clock[0] * HOUR + clock[1] * MINUTE + clock[2] * SECOND + below

    def all_parts(self, *, last: bool) -> tuple[int, ...]:
        """The parts written, and the first or last value of those that were not."""
        parts = self.parts
        if self.kind is MomentKind.TIME:
            return parts + ((23, 59, 59) if last else (0, 0, 0))[len(parts) :]
        if not last:
            return parts + (1, 1, 1, 0, 0, 0)[len(parts) :]
        months = parts if len(parts) > 1 else (*parts, 12)
        days = months if len(months) > 2 else (*months, monthrange(months[0], months[1])[1])
        return days + (0, 0, 0, 23, 59, 59)[len(days) :]


def moment_of(text: str, kind: MomentKind) -> Moment | None:
    """Read a moment without its `@`; None if the text is not of this kind or no such moment exists."""
    return _time_of(text) if kind is MomentKind.TIME else _day_of(text, kind)


def _time_of(text: str) -> Moment | None:
    found = _TIME.match(text)
    if found is None:
        return None
    *clock, fraction = found.groups()
    parts = tuple(int(part) for part in clock if part is not None)
    moment = Moment(kind=MomentKind.TIME, parts=parts, fraction=fraction or "")
    return moment if _is_real(moment) else None


def _day_of(text: str, kind: MomentKind) -> Moment | None:
    found = _DATE_TIME.match(text)
    if found is None:
        return None
    year, month, day, rest, hour, minute, second, fraction, offset = found.groups()
    if kind is MomentKind.DATE and rest is not None:
        return None
    if hour is not None and day is None:
        return None
    parts = tuple(int(part) for part in (year, month, day, hour, minute, second) if part is not None)
    moment = Moment(kind=kind, parts=parts, fraction=fraction or "", offset=offset)
    return moment if _is_real(moment) else None


def constant_moment(text: str) -> Moment | None:
    """Read a literal: `@T14`, `@2015`, `@2015T`; None if no such moment exists."""
    if text.startswith("@T"):
        return moment_of(text[1:], MomentKind.TIME)
    return moment_of(text[1:], MomentKind.DATE_TIME if "T" in text else MomentKind.DATE)


def _is_real(moment: Moment) -> bool:
    try:
        clock = moment.parts if moment.kind is MomentKind.TIME else moment.parts[3:]
        in_range = all(part <= most for part, most in zip(clock, (23, 59, 59), strict=False))
        return in_range and moment.first <= moment.last
    except ValueError:
        return False


def offset_of(offset: str | None) -> int:
    """Nanoseconds that a zone is ahead of UTC; raises ValueError for one that no place has."""
    if offset is None or offset == "Z":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(offset)
    ahead = hours * HOUR + minutes * MINUTE
    return -ahead if offset[0] == "-" else ahead


def compared(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1 as left is before, the same as or after right; None when their precision leaves it open."""
    left_first, left_last, right_first, right_last = left.first, left.last, right.first, right.last
    if (left.offset is None) is not (right.offset is None) and left.kind is not MomentKind.TIME:
        if left.offset is None:
            left_first, left_last = left_first - 14 * HOUR, left_last + 12 * HOUR
        else:
            right_first, right_last = right_first - 14 * HOUR, right_last + 12 * HOUR
    if left_last < right_first:
        return -1
    if left_first > right_last:
        return 1
    return 0 if (left_first, left_last) == (right_first, right_last) else None


def comparable_kinds(left: Moment, right: Moment) -> bool:
    """Dates compare with date-times, times with times only."""
    return (left.kind is MomentKind.TIME) == (right.kind is MomentKind.TIME)


def moved(moment: Moment, amount: int, unit: str) -> Moment | None:
    """`moment` moved by whole calendar units, as precise as before; None when it leaves the calendar.

    A unit finer than the moment is first made into whole units of the moment's precision.
    The last day of a month stands in for days that the month reached does not have.
    """
    if unit in ("year", "month"):
        months = amount * 12 if unit == "year" else amount
        return moment if moment.kind is MomentKind.TIME else _moved_months(moment, months)
    return _moved_exactly(moment, amount * EXACT_UNITS[unit])


EXACT_UNITS = {
    "week": 7 * DAY,
    "day": DAY,
    "hour": HOUR,
    "minute": MINUTE,
    "second": SECOND,
    "millisecond": SECOND // 1000,
}
"""Nanoseconds of the calendar units that always last the same."""


def _moved_months(moment: Moment, months: int) -> Moment | None:
    if len(moment.parts) == 1:
        months = _whole(months, 12) * 12
    total = moment.parts[YEAR] * 12 + (moment.parts[MONTH] - 1 if len(moment.parts) > 1 else 0) + months
    year, month = divmod(total, 12)
    if not 1 <= year <= 9999:
        return None
    parts = (year, month + 1, *moment.parts[2:])[: len(moment.parts)]
    if len(parts) > 2:
        parts = (*parts[:2], min(parts[2], monthrange(year, month + 1)[1]), *parts[3:])
    return replace(moment, parts=parts)


_QUANTUM = {3: DAY, 4: HOUR, 5: MINUTE}
"""What a date-time of so many parts counts in."""


def _moved_exactly(moment: Moment, nanoseconds: int) -> Moment | None:
    length = len(moment.parts) + (3 if moment.kind is MomentKind.TIME else 0)
    if length < 3:
        # A year of 365 days and a month of 30 turn days into what a coarser moment can hold.
        months = _whole(nanoseconds, 365 * DAY) * 12 if length == 1 else _whole(nanoseconds, 30 * DAY)
        return _moved_months(moment, months)
    quantum = _QUANTUM.get(length, 1)
    local = moment.first + offset_of(moment.offset) + _whole(nanoseconds, quantum) * quantum
    return _at(moment, local % DAY if moment.kind is MomentKind.TIME else local)


def _whole(amount: int, size: int) -> int:
    """How often `size` fits into `amount`, rounded towards zero."""
    return -(-amount // size) if amount < 0 else amount // size


def _at(moment: Moment, local: int) -> Moment | None:
    """A moment like this one, at a local time given in nanoseconds."""
    day, clock = divmod(local, DAY)
    if moment.kind is not MomentKind.TIME and not 1 <= day <= date.max.toordinal():
        return None
    hours, rest = divmod(clock, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, below = divmod(rest, SECOND)
    parts: tuple[int, ...] = (hours, minutes, seconds)
    if moment.kind is not MomentKind.TIME:
        there = date.fromordinal(day)
        parts = (there.year, there.month, there.day, *parts)
    digits = f"{below:09d}"
    fraction = digits[: len(moment.fraction)] if len(moment.parts) == len(parts) else ""
    if len(moment.parts) == len(parts) and digits[len(fraction) :].strip("0"):
        fraction = digits.rstrip("0")
    return replace(moment, parts=parts[: len(moment.parts)], fraction=fraction)


def boundary(moment: Moment, digits: int, *, high: bool) -> Moment | None:
    """The earliest or latest moment of so many digits that `moment` may stand for; None if none has so many."""
    is_time = moment.kind is MomentKind.TIME
    lengths = _DIGITS[moment.kind]
    if digits not in lengths:
        return None
    parts = moment.all_parts(last=high)[: lengths.index(digits) + 1]
    fraction = ""
    if digits == lengths[-1] and moment.kind is not MomentKind.DATE:
        fraction = (moment.fraction + ("999" if high else "000"))[:3]
    offset = None
    if not is_time and len(parts) > 3:
        offset = moment.offset or (OFFSET_LATEST if high else OFFSET_EARLIEST)
    return replace(moment, parts=parts, fraction=fraction, offset=offset)


_DIGITS = {
    MomentKind.DATE: (4, 6, 8),
    MomentKind.DATE_TIME: (4, 6, 8, 10, 12, 14, 17),
    MomentKind.TIME: (2, 4, 6, 9),
}
"""The precisions of each kind in digits."""
