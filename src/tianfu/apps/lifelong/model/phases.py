"""The phases of one life: before birth, childhood, youth, pregnancies, middle and older age."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from tianfu.kernel.instants import days_later

DAYS_BEFORE_BIRTH = 280
"""From the last menstrual period to a birth at term."""

PREGNANCIES_MAX = 4
"""So many of the latest pregnancies stand out as phases of their own; earlier ones stay inside their age."""


class PhaseSort(StrEnum):
    """What a phase is; the order is that of a life."""

    BEFORE_BIRTH = "before-birth"
    INFANCY = "infancy"
    SCHOOL = "school"
    YOUNG = "young"
    PREGNANCY = "pregnancy"
    MIDDLE = "middle"
    OLDER = "older"


COLOURS = {
    PhaseSort.BEFORE_BIRTH: 0,
    PhaseSort.INFANCY: 1,
    PhaseSort.SCHOOL: 2,
    PhaseSort.YOUNG: 3,
    PhaseSort.PREGNANCY: 4,
    PhaseSort.MIDDLE: 6,
    PhaseSort.OLDER: 7,
}
"""The step of the hibiscus scale; 5 is left free for what comes after a birth."""

_AGES = (
    (PhaseSort.INFANCY, 0),
    (PhaseSort.SCHOOL, 7),
    (PhaseSort.YOUNG, 18),
    (PhaseSort.MIDDLE, 45),
    (PhaseSort.OLDER, 65),
)
_AGE_MAX = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Pregnancy:
    """A pregnancy from its beginning to the end of lying-in; `until` is None while it lasts, `due` if nobody told."""

    since: date
    until: date | None
    due: date | None = None

    def ends(self, today: date) -> date:
        """The first day after it: of one that lasts the day after today, or after the day when it is due."""
        return self.until or days_later(max(today, self.due or today), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of one life; `ends` is the first day after it.  Ages are whole years at its start and at its end."""

    id: str
    sort: PhaseSort
    starts: date
    ends: date
    age_from: int
    age_to: int

    @property
    def colour(self) -> int:
        """The step of the hibiscus scale."""
        return COLOURS[self.sort]

    @property
    def last_day(self) -> date:
        """The last day of the phase."""
        return days_later(self.ends, -1)

    def covers(self, day: date) -> bool:
        """Whether a day lies in the phase."""
        return self.starts <= day < self.ends


def birthday(born: date, age: int) -> date:
    """The day on which somebody reaches an age; a child of 29 February in other years on 1 March."""
    if born.year + age > date.max.year:
        return date.max
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)


def age_on(born: date, day: date) -> int:
    """Whole years of age; negative before birth."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def phases_of(born: date, *, until: date | None, pregnancies: Sequence[Pregnancy], today: date) -> tuple[Phase, ...]:
    """All phases of a life in order, those ahead included; `until` is the day of death."""
    end_of_all = min(birthday(born, _AGE_MAX), days_later(until, 1) if until else date.max)
    conceived = days_later(born, -DAYS_BEFORE_BIRTH)
    pieces = [_phase(born, PhaseSort.BEFORE_BIRTH, conceived, born)] if conceived < born else []
    ages = [age for _, age in _AGES[1:]] + [_AGE_MAX]
    for (sort, age), next_age in zip(_AGES, ages, strict=True):
        starts, ends = birthday(born, age), min(birthday(born, next_age), end_of_all)
        if starts < ends:
            pieces.append(_phase(born, sort, starts, ends))
    for pregnancy in sorted(pregnancies, key=lambda one: one.since)[-PREGNANCIES_MAX:]:
        pieces = list(_carve(born, pieces, pregnancy.since, min(pregnancy.ends(today), end_of_all)))
    return tuple(_numbered(pieces))


def _phase(born: date, sort: PhaseSort, starts: date, ends: date) -> Phase:
    ages = {"age_from": age_on(born, starts), "age_to": age_on(born, days_later(ends, -1))}
    return Phase(id=sort, sort=sort, starts=starts, ends=ends, **ages)


def _carve(born: date, pieces: Iterable[Phase], since: date, until: date) -> Iterable[Phase]:
    """Cut a pregnancy, from `since` to before `until`, out of the ages that it lies in."""
    placed = False
    for piece in pieces:
        if until <= piece.starts or piece.ends <= since or piece.starts <= born:
            yield piece
            continue
        if piece.starts < since:
            yield _phase(born, piece.sort, piece.starts, since)
        if not placed:
            yield _phase(born, PhaseSort.PREGNANCY, max(since, piece.starts), until)
            placed = True
        if until < piece.ends:
            yield _phase(born, piece.sort, until, piece.ends)


def _numbered(pieces: Iterable[Phase]) -> Iterable[Phase]:
    seen: dict[PhaseSort, int] = {}
    for piece in pieces:
        number = seen[piece.sort] = seen.get(piece.sort, 0) + 1
        yield piece if number == 1 else replace(piece, id=f"{piece.sort}-{number}")


def phase_on(phases: Iterable[Phase], day: date) -> Phase | None:
    """The phase that a day lies in; days before the first belong to none."""
    return next((phase for phase in phases if phase.covers(day)), None)
