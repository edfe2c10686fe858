"""How a measured value moved through a life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from tianfu.apps.lifelong.model.entries import Finding, Flag, Range, gravest
from tianfu.apps.lifelong.model.phases import Pregnancy
from tianfu.apps.lifelong.model.pregnancy_measures import are_of_two_pregnancies, is_of_a_pregnancy
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import NOTHING, Concept

RUN_MIN = 3
"""So many steps in one direction are worth a word."""

SERIES_MAX = 6
"""More lines than this cannot be told apart (design language, section 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One Observation as a chart needs it: one finding, or several parts (systolic and diastolic)."""

    id: str
    when: When
    finding: Finding
    patient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of one series."""

    id: str
    when: When
    value: Decimal
    comparator: str
    flag: Flag | None
    range: Range | None
    patient: str
    is_preliminary: bool
    stretch: int = 0
    """Points of different stretches (of two pregnancies) share no line."""

    is_ahead: bool = False
    """Whether its date lies in the future: it can be no newest value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The values of one quantity in one unit, oldest first; those dated in the future stand apart, in `ahead`."""

    name: Concept
    unit: str
    points: tuple[Point, ...]
    ahead: tuple[Point, ...] = ()

    @property
    def last(self) -> Point:
        """The newest value."""
        return self.points[-1]

    @property
    def range(self) -> Range | None:
        """The reference range, if every value came with the same one: none is drawn over years it was not meant for."""
        first = self.points[0].range
        return first if all(_same_limits(point.range, first) for point in self.points) else None

    @property
    def lowest(self) -> Point:
        return min(self.points, key=lambda point: point.value)

    @property
    def highest(self) -> Point:
        return max(self.points, key=lambda point: point.value)

    @property
    def run(self) -> int:
        """How many steps the newest values of one stretch have gone up (positive) or down without a turn."""
        points = [point for point in self.points if point.stretch == self.last.stretch]
        steps = 0
        for earlier, later in zip(reversed(points[:-1]), reversed(points), strict=False):
            direction = (later.value > earlier.value) - (later.value < earlier.value)
            if direction == 0 or (steps and (steps > 0) != (direction > 0)):
                break
            steps += direction
        return steps


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRow:
    """The values of one Observation, one place per series."""

    id: str
    when: When
    patient: str
    points: tuple[Point | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """All series of one measure, and how many of its records (`count`) none of them can show.

    `left_out` counts values in another unit, which no axis may mix; `withdrawn` those that were taken back;
    `ahead` those dated in the future.
    """

    series: tuple[Series, ...]
    name: Concept = NOTHING
    """What most of its records call it."""

    count: int = 0
    left_out: int = 0
    withdrawn: int = 0
    ahead: int = 0
    left_out_units: tuple[str, ...] = ()
    is_cut_off: bool = False

    def latest(self, count: int) -> Trend:
        """The same trend with so many of the newest values of each series."""
        return replace(self, series=tuple(replace(one, points=one.points[-count:]) for one in self.series))

    @property
    def length(self) -> int:
        """How many values its longest series has."""
        return max((len(one.points) for one in self.series), default=0)

    @property
    def rows(self) -> tuple[TrendRow, ...]:
        """The same values as a table, newest first."""
        by_reading: dict[str, dict[int, Point]] = {}
        for place, series in enumerate(self.series):
            for point in (*series.points, *series.ahead):
                by_reading.setdefault(point.id, {})[place] = point
        rows = [(next(iter(points.values())), points) for points in by_reading.values()]
        return tuple(
            TrendRow(
                id=head.id,
                when=head.when,
                patient=head.patient,
                points=tuple(points.get(place) for place in range(len(self.series))),
            )
            for head, points in sorted(rows, key=lambda row: -row[0].when.low)
        )

    @property
    def last_flag(self) -> Flag | None:
        """The gravest flag among the newest values."""
        return gravest(series.last.flag for series in self.series)

    @property
    def steady_run(self) -> int:
        """The run that all series share in direction, by its shortest; 0 if they differ."""
        runs = [series.run for series in self.series]
        if not runs or any((run > 0) != (runs[0] > 0) for run in runs):
            return 0
        return min(runs, key=abs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What of a life decides how its values are drawn."""

    today: date
    pregnancies: tuple[Pregnancy, ...] = ()
    first_days: tuple[date, ...] = ()


def trend_of(readings: Sequence[Reading], life: Life, *, is_cut_off: bool = False) -> Trend:
    """Arrange readings into series; the unit of the newest reading is the unit of the chart.

    What was taken back is not drawn, what lies ahead is never the newest; both are counted.
    """
    ordered = sorted((one for one in readings if not one.finding.is_mistaken), key=lambda reading: reading.when.low)
    ahead = [reading for reading in ordered if reading.when.day > life.today]
    told = Trend(
        series=(),
        name=usual_name([reading.finding.name for reading in ordered]),
        count=len(readings),
        withdrawn=len(readings) - len(ordered),
        ahead=len(ahead),
        is_cut_off=is_cut_off,
    )
    numbers = [(reading, finding) for reading in ordered for finding in _numbers(reading.finding)]
    present = [finding for reading, finding in numbers if reading.when.day <= life.today]
    if not present:
        return told
    unit = present[-1].unit
    groups: dict[str, list[tuple[Reading, Finding]]] = {}
    for reading, finding in numbers:
        if finding.unit == unit:
            groups.setdefault(finding.name.key or finding.name.text, []).append((reading, finding))
    others = Counter(finding.unit for _, finding in numbers if finding.unit != unit)
    series = [one for group in groups.values() if (one := _series(group, unit, life)).points]
    series.sort(key=lambda one: -one.last.value)
    return replace(told, series=tuple(series[:SERIES_MAX]), left_out=others.total(), left_out_units=tuple(others))


def usual_name(names: Sequence[Concept]) -> Concept:
    """The name that most records give a thing, of equally usual ones the newest."""
    counts = Counter(names)
    return max(reversed(names), key=lambda name: counts[name], default=NOTHING)


def _same_limits(one: Range | None, other: Range | None) -> bool:
    return (one and (one.low, one.high)) == (other and (other.low, other.high))


def _numbers(finding: Finding) -> Iterable[Finding]:
    """The finding itself if it is a number, and its parts that are."""
    return [one for one in (finding, *finding.parts) if one.number is not None]


def _series(group: Sequence[tuple[Reading, Finding]], unit: str, life: Life) -> Series:
    name = usual_name([finding.name for _, finding in group])
    points = [
        _point(reading, finding, finding.number, life) for reading, finding in group if finding.number is not None
    ]
    return Series(
        name=name,
        unit=unit,
        points=tuple(_in_stretches([point for point in points if not point.is_ahead], _parter(name, life))),
        ahead=tuple(point for point in points if point.is_ahead),
    )


def _point(reading: Reading, finding: Finding, number: Decimal, life: Life) -> Point:
    return Point(
        id=reading.id,
        when=reading.when,
        value=number,
        comparator=finding.comparator,
        flag=finding.flag,
        range=finding.range,
        patient=reading.patient,
        is_preliminary=reading.finding.is_preliminary,
        is_ahead=reading.when.day > life.today,
    )


def _parter(name: Concept, life: Life) -> Callable[[date, date], bool]:
    """Whether a line must break between two days: only measures of a pregnancy ever do."""
    if not is_of_a_pregnancy(name):
        return lambda earlier, later: False
    return lambda earlier, later: are_of_two_pregnancies(earlier, later, life.pregnancies, life.first_days)


def _in_stretches(points: Sequence[Point], parts: Callable[[date, date], bool]) -> Iterator[Point]:
    stretch = 0
    for place, point in enumerate(points):
        stretch += place > 0 and parts(points[place - 1].when.day, point.when.day)
        yield replace(point, stretch=stretch)
