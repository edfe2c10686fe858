"""When a ward lets families see: windows, slots and closed days, as the head nurse sets them with effect from a day on.

Nothing here has a value of its own: what a ward has not set opens nothing.  Rule: docs/rules/newborn-booking.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from tianfu.kernel.instants import SECOND, Instant, day_start
from tianfu.kernel.refusal import Fault, Refusal

MINUTE = 60 * SECOND
DAY_MINUTES = 24 * 60
WINDOWS_MAX = 6
CLOSED_DAYS_MAX = 60
WEEKDAYS = range(1, 8)
"""Monday is 1, as ISO 8601 counts."""

BOUNDS: Mapping[str, tuple[int, int]] = {
    "slot_minutes": (3, 60),
    "gap_minutes": (0, 60),
    "at_once": (1, 20),
    "days_ahead": (1, 60),
    "per_baby_a_day": (1, 6),
    "cancel_minutes": (0, 2880),
    "invited_max": (0, 10),
}
"""What a ward may set, least and most: against slips of the hand, no recommendation. [inferred]"""

OPTIONAL: Mapping[str, tuple[int, int]] = {"nurse_minutes": (1, 720), "nurse_at_once": (1, 20)}
"""The same of what a ward may leave empty: then there is no such limit. [ours]"""

SHIFTS_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time of some weekdays, in minutes after midnight in China."""

    weekdays: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What holds in a ward from a day on, until a later policy takes over.

    `at_once` visits run at one time; a family may cancel until `cancel_minutes` before the start; a baby has
    `invited_max` invited relatives at most.  `are_stills_allowed`: who has no room for a picture may be sent a still
    one now and then; only a head nurse who said so allows it.  `nurse_minutes` is how long visits may keep a nurse busy
    in a shift before she is told so, `nurse_at_once` how many she has at one time at most; None is no limit.  `shifts`
    are when shifts begin, in minutes after midnight; empty as usual.
    """

    from_day: date
    windows: tuple[Window, ...]
    closed: frozenset[date]
    slot_minutes: int
    gap_minutes: int
    at_once: int
    days_ahead: int
    per_baby_a_day: int
    cancel_minutes: int
    invited_max: int
    are_stills_allowed: bool
    nurse_minutes: int | None = None
    nurse_at_once: int | None = None
    shifts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Slot:
    """A time that can be booked, by `at_once` families."""

    start: Instant
    end: Instant
    at_once: int


def policy_on(policies: Iterable[Policy], day: date) -> Policy | None:
    """What holds on a day: of those that began, the one that began last; later ones in the order go before equals."""
    begun = [each for each in policies if each.from_day <= day]
    return None if not begun else max(enumerate(begun), key=lambda each: (each[1].from_day, each[0]))[1]


def are_stills_allowed_on(policies: Iterable[Policy], day: date) -> bool:
    """Whether stills may be sent on a day; where nothing is set they may not."""
    policy = policy_on(policies, day)
    return policy is not None and policy.are_stills_allowed


def slots_on(policies: Sequence[Policy], day: date) -> tuple[Slot, ...]:
    """Every slot of a day in its order; none on a closed day, and none that would outlast its window."""
    policy = policy_on(policies, day)
    if policy is None or day in policy.closed:
        return ()
    midnight = day_start(day)
    return tuple(
        Slot(
            start=Instant(midnight + start * MINUTE),
            end=Instant(midnight + (start + policy.slot_minutes) * MINUTE),
            at_once=policy.at_once,
        )
        for start in sorted(_starts(policy, day))
    )


def _starts(policy: Policy, day: date) -> Iterator[int]:
    step = policy.slot_minutes + policy.gap_minutes
    for window in policy.windows:
        if day.isoweekday() in window.weekdays:
            yield from range(window.start, window.end - policy.slot_minutes + 1, step)


def days_open(policies: Sequence[Policy], today: date) -> tuple[date, ...]:
    """The days that can be booked today, closed ones included: as many as today's policy looks ahead."""
    policy = policy_on(policies, today)
    return () if policy is None else tuple(today + timedelta(days=each) for each in range(policy.days_ahead + 1))


def slot_at(policies: Sequence[Policy], day: date, start: Instant) -> Slot:
    """The slot of a day that begins at a moment; raises Refusal `slot-unknown`."""
    found = next((each for each in slots_on(policies, day) if each.start == start), None)
    if found is None:
        raise Refusal("slot-unknown", next_step="reload")
    return found


def unfitting(booked: Sequence[tuple[str, date, Instant, Instant]], policies: Sequence[Policy]) -> tuple[str, ...]:
    """Of what is booked (name, day, start, end), what would have no slot any more, or one too many at a time.

    In one slot those that booked first keep it: `booked` comes in that order.
    """
    room: dict[tuple[Instant, Instant], int] = {}
    lost = []
    for name, day, start, end in booked:
        key = start, end
        if key not in room:
            room[key] = next((each.at_once for each in slots_on(policies, day) if (each.start, each.end) == key), 0)
        if room[key] <= 0:
            lost.append(name)
        room[key] -= 1
    return tuple(lost)


def read_policy(form: Mapping[str, str], *, today: date) -> Policy:
    """What the head nurse typed; raises Refusal `policy-unusable` with a fault for each field.

    A window is a line such as `1-7 15:00-17:00` or `1,3,5 09:00-10:30`; a closed day a line such as `2026-12-31`.
    """
    faults: list[Fault] = []
    numbers = {name: _number(form, name, faults) for name in BOUNDS}
    limits = {name: _number(form, name, faults) if form.get(name, "").strip() else None for name in OPTIONAL}
    shifts = _shifts(form.get("shifts", ""), faults)
    from_day = _day(form.get("from_day", ""), "from_day", faults)
    if from_day is not None and from_day < today:
        faults.append(Fault("from_day", "day-is-over"))
    windows = _windows(form.get("windows", ""), faults)
    closed = [_day(line, "closed", faults) for line in form.get("closed", "").split()]
    if len(closed) > CLOSED_DAYS_MAX:
        faults.append(Fault("closed", "too-many"))
    if faults or from_day is None:
        raise Refusal("policy-unusable", faults=tuple({each.path: each for each in faults}.values()))
    return Policy(
        from_day=from_day,
        windows=windows,
        closed=frozenset(each for each in closed if each),
        are_stills_allowed=form.get("stills", "") == "yes",  # whatever is not clearly a yes is a no
        shifts=shifts,
        **numbers,
        nurse_minutes=limits["nurse_minutes"],
        nurse_at_once=limits["nurse_at_once"],
    )


def _number(form: Mapping[str, str], name: str, faults: list[Fault]) -> int:
    text, (least, most) = form.get(name, "").strip(), {**BOUNDS, **OPTIONAL}[name]
    if not text:
        faults.append(Fault(name, "missing"))
    elif not (text.isascii() and text.isdigit() and len(text) <= 4 and least <= int(text) <= most):
        faults.append(Fault(name, "number-out-of-range"))
    else:
        return int(text)
    return least


def _day(text: str, path: str, faults: list[Fault]) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        faults.append(Fault(path, "day-not-understood" if text.strip() else "missing"))
        return None


def _windows(text: str, faults: list[Fault]) -> tuple[Window, ...]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or len(lines) > WINDOWS_MAX:
        faults.append(Fault("windows", "too-many" if lines else "missing"))
        return ()
    try:
        windows = tuple(_window(line) for line in lines)
    except ValueError:
        faults.append(Fault("windows", "window-not-understood"))
        return ()
    if _overlap(windows):
        faults.append(Fault("windows", "windows-overlap"))
    return windows


def _window(line: str) -> Window:
    days, times = line.replace("：", ":").replace("，", ",").replace("–", "-").split()
    weekdays: set[int] = set()
    for part in days.split(","):
        first, dash, last = part.partition("-")
        begin, end = int(first), int(last if dash else first)
        if not 1 <= begin <= end <= 7:
            raise ValueError(line)
        weekdays |= set(range(begin, end + 1))
    opens, closes = (minutes_of(each) for each in times.split("-"))
    if opens >= closes:
        raise ValueError(line)
    return Window(weekdays=frozenset(weekdays), start=opens, end=closes)


def _shifts(text: str, faults: list[Fault]) -> tuple[int, ...]:
    said = text.replace("：", ":").split()
    if len(said) > SHIFTS_MAX:
        faults.append(Fault("shifts", "too-many"))
        return ()
    try:
        starts = {minutes_of(each) for each in said}
    except ValueError:
        starts = {DAY_MINUTES}
    if any(each >= DAY_MINUTES for each in starts):
        faults.append(Fault("shifts", "shifts-not-understood"))
    return tuple(sorted(starts))


def minutes_of(text: str) -> int:
    """Minutes after midnight, of a time such as `08:00`; raises ValueError for anything else."""
    hours, minutes = text.split(":")
    if not (len(minutes) == 2 and 0 <= int(minutes) < 60 and 0 <= int(hours) * 60 + int(minutes) <= DAY_MINUTES):
        raise ValueError(text)
    return int(hours) * 60 + int(minutes)


def _overlap(windows: Sequence[Window]) -> bool:
    for weekday in WEEKDAYS:
        those = sorted((each.start, each.end) for each in windows if weekday in each.weekdays)
        if any(before[1] > after[0] for before, after in pairwise(those)):
            return True
    return False


def window_line(window: Window) -> str:
    """A window as `read_policy` takes it."""
    days = sorted(window.weekdays)
    is_row = len(days) > 2 and days == list(range(days[0], days[-1] + 1))
    said = f"{days[0]}-{days[-1]}" if is_row else ",".join(map(str, days))
    return f"{said} {_clock(window.start)}-{_clock(window.end)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def told(policy: Policy) -> dict[str, Any]:
    """A policy as plain values, for keeping."""
    return {
        "from_day": policy.from_day.isoformat(),
        "windows": [window_line(each) for each in policy.windows],
        "closed": sorted(each.isoformat() for each in policy.closed),
        **{name: getattr(policy, name) for name in BOUNDS},
        "stills": "yes" if policy.are_stills_allowed else "",
        **{name: getattr(policy, name) for name in OPTIONAL},
        "shifts": [_clock(each) for each in policy.shifts],
    }


def policy_from(kept: Mapping[str, Any]) -> Policy:
    """A policy as it was kept."""
    return Policy(
        from_day=date.fromisoformat(kept["from_day"]),
        windows=tuple(_window(each) for each in kept["windows"]),
        closed=frozenset(date.fromisoformat(each) for each in kept["closed"]),
        **{name: int(kept[name]) for name in BOUNDS},
        are_stills_allowed=kept.get("stills", "") == "yes",  # a policy from before there was a choice says nothing
        nurse_minutes=kept.get("nurse_minutes"),
        nurse_at_once=kept.get("nurse_at_once"),
        shifts=tuple(minutes_of(each) for each in kept.get("shifts", ())),
    )
