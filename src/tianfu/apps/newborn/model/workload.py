"""How long visits keep a ward's nurses busy in a shift, how often they are interrupted, and where its limits lie.

A visit takes a nurse's time from the first scan to its end.  It is the time of who scanned; from the moment another
nurse opens the curtain or binds the bed anew it is hers.  Two beds at one time take a nurse's minutes once.
Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise

import orjson

from tianfu.apps.newborn.model.visit import OVER, State
from tianfu.apps.newborn.model.windows import MINUTE, Policy, minutes_of, policy_on
from tianfu.kernel.instants import Instant, china_date, day_start
from tianfu.kernel.refusal import Refusal

SCANNED = "scanned"
"""The first scan of what came to the bed then."""

RESCANNED = "rescanned"
"""The bed was bound anew: something was moved, or a fault repaired."""

ANSWERED = "answered"
"""A family's call was answered."""

ENDS = frozenset({State.ENDING.value, *(each.value for each in OVER)})
TAKES = frozenset({SCANNED, RESCANNED, State.LIVE.value})
INTERRUPTS = frozenset({RESCANNED, ANSWERED, State.SHIELDED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What happened at a visit, and which Practitioner did it; empty if nobody of the ward did."""

    what: str
    at: Instant
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Everything that happened at a visit, in its order."""

    visit: str
    deeds: tuple[Deed, ...]

    @property
    def is_over(self) -> bool:
        return any(each.what in ENDS for each in self.deeds)

    @property
    def nurse(self) -> str:
        """Whose visit it is now, or was at the last; empty if nobody knows."""
        return next((each.by for each in reversed(self.deeds) if each.what in TAKES and each.by), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """That a visit was a nurse's from `since` to `until`."""

    visit: str
    nurse: str
    since: Instant
    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A shift of nurses."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What visits took of a nurse in a shift; `micros` are microseconds in which at least one was hers."""

    micros: int = 0
    visits: int = 0
    interruptions: int = 0

    @property
    def minutes(self) -> int:
        """Whole minutes."""
        return self.micros // MINUTE

    def reaches(self, limit: int | None) -> bool:
        """Whether it is as many minutes as the ward has set, or more; never where it has set none."""
        return limit is not None and self.micros >= limit * MINUTE


@cache
def usual_starts() -> tuple[int, ...]:
    """When shifts begin where a ward has set nothing, in minutes after midnight in China. [ours]"""
    data = orjson.loads(files("tianfu.apps.newborn.model").joinpath("workload.json").read_bytes())
    return tuple(minutes_of(each) for each in data["shift_starts"])


def shifts_on(policies: Sequence[Policy], day: date) -> tuple[Shift, ...]:
    """The shifts that begin on a day, by what holds in the ward then; each lasts until the next begins."""
    starts = [start for each in range(2) for start in _starts(policies, day + timedelta(days=each))]
    return tuple(Shift(start=one, end=next_one) for one, next_one in pairwise(starts) if china_date(one) == day)


def shift_at(policies: Sequence[Policy], at: Instant) -> Shift:
    """The shift of a moment."""
    day = china_date(at)
    around = (*shifts_on(policies, day - timedelta(days=1)), *shifts_on(policies, day))
    return next(each for each in around if each.start <= at < each.end)


def _starts(policies: Sequence[Policy], day: date) -> list[Instant]:
    policy = policy_on(policies, day)
    starts = usual_starts() if policy is None or not policy.shifts else policy.shifts
    return [Instant(day_start(day) + each * MINUTE) for each in sorted(starts)]


def stretches(course: Course, *, now: Instant) -> tuple[Stretch, ...]:
    """Whose a visit was, from when to when; one that is not over lasts until now."""
    end = next((each.at for each in course.deeds if each.what in ENDS), now)
    taken = [each for each in course.deeds if each.what in TAKES and each.by and each.at < end]
    until = [*(each.at for each in taken[1:]), end][: len(taken)]
    return tuple(
        Stretch(visit=course.visit, nurse=each.by, since=each.at, until=Instant(max(each.at, last)))
        for each, last in zip(taken, until, strict=True)
    )


def work_in(courses: Iterable[Course], shift: Shift, *, now: Instant) -> Mapping[str, Work]:
    """What visits took of each nurse in a shift until now."""
    spans: dict[str, list[tuple[int, int, str]]] = {}
    interrupted: dict[str, int] = {}
    for course in courses:
        for each in stretches(course, now=now):
            since, until = max(each.since, shift.start), min(each.until, shift.end)
            if since < until:
                spans.setdefault(each.nurse, []).append((since, until, each.visit))
        for nurse, at in _interruptions(course):
            if shift.start <= at < shift.end:
                interrupted[nurse] = interrupted.get(nurse, 0) + 1
    return {
        nurse: Work(
            micros=_union([(since, until) for since, until, _ in own]),
            visits=len({visit for _, _, visit in own}),
            interruptions=interrupted.get(nurse, 0),
        )
        for nurse, own in spans.items()
    }


def _interruptions(course: Course) -> Iterator[tuple[str, Instant]]:
    """Who was interrupted, and when: whose the visit was at that moment."""
    nurse = ""
    for deed in course.deeds:
        if deed.what in ENDS:
            return
        if deed.what in TAKES and deed.by:
            nurse = deed.by
        if deed.what in INTERRUPTS and nurse:
            yield nurse, deed.at


def whole_in(courses: Sequence[Course], shift: Shift, *, now: Instant) -> Work:
    """What visits took of all nurses of a shift together until now; a visit that two of them had is one visit."""
    work = work_in(courses, shift, now=now).values()
    own = [each for course in courses for each in stretches(course, now=now)]
    return Work(
        micros=sum(each.micros for each in work),
        visits=len({each.visit for each in own if max(each.since, shift.start) < min(each.until, shift.end)}),
        interruptions=sum(each.interruptions for each in work),
    )


def _union(spans: Iterable[tuple[int, int]]) -> int:
    total, reached = 0, 0
    for since, until in sorted(spans):
        total += max(0, until - max(since, reached))
        reached = max(reached, until)
    return total


def hers_now(courses: Iterable[Course], nurse: str) -> tuple[str, ...]:
    """The visits at the bed that are a nurse's now."""
    return tuple(each.visit for each in courses if not each.is_over and each.nurse == nurse)


def refuse_beyond(policy: Policy | None, courses: Iterable[Course], nurse: str) -> None:
    """Raise Refusal `nurse-at-capacity`, with her visits, if she has as many at one time as the ward lets a nurse have.

    A ward that has set no number lets her have any.
    """
    hers = hers_now(courses, nurse)
    if policy is not None and policy.nurse_at_once is not None and len(hers) >= policy.nurse_at_once:
        raise Refusal(
            "nurse-at-capacity",
            next_step="end-a-visit-or-ask-a-colleague",
            details={"visits": " ".join(hers), "most": str(policy.nurse_at_once)},
        )
