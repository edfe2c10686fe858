"""How a measured value moved through a life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tianfu.apps.lifelong.model.entries import Finding, Flag, Range, gravest
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import Concept

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
    flag: Flag | None
    range: Range | None
    patient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The values of one quantity in one unit, oldest first."""

    name: Concept
    unit: str
    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        """The newest value."""
        return self.points[-1]

    @property
    def range(self) -> Range | None:
        """The reference range that the newest value came with."""
        return self.last.range

    @property
    def lowest(self) -> Decimal:
        return min(point.value for point in self.points)

    @property
    def highest(self) -> Decimal:
        return max(point.value for point in self.points)

    @property
    def run(self) -> int:
        """How many steps the newest values have gone up (positive) or down (negative) without a turn."""
        steps = 0
        for earlier, later in zip(reversed(self.points[:-1]), reversed(self.points), strict=False):
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
    """All series of one measure; `left_out` counts values in another unit, which no axis may mix."""

    series: tuple[Series, ...]
    left_out: int = 0
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
            for point in series.points:
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


def trend_of(readings: Sequence[Reading], *, is_cut_off: bool = False) -> Trend:
    """Arrange readings into series; the unit of the newest reading is the unit of the chart."""
    ordered = sorted(readings, key=lambda reading: reading.when.low)
    numbers = [(reading, finding) for reading in ordered for finding in _numbers(reading.finding)]
    if not numbers:
        return Trend(series=(), is_cut_off=is_cut_off)
    unit = numbers[-1][1].unit
    groups: dict[str, list[tuple[Reading, Finding]]] = {}
    for reading, finding in numbers:
        if finding.unit == unit:
            groups.setdefault(finding.name.key or finding.name.text, []).append((reading, finding))
    others = Counter(finding.unit for _, finding in numbers if finding.unit != unit)
    series = sorted((_series(group, unit) for group in groups.values()), key=lambda one: -one.last.value)
    return Trend(
        series=tuple(series[:SERIES_MAX]), left_out=others.total(), left_out_units=tuple(others), is_cut_off=is_cut_off
    )


def _numbers(finding: Finding) -> Iterable[Finding]:
    """The finding itself if it is a number, and its parts that are."""
    return [one for one in (finding, *finding.parts) if one.number is not None]


def _series(group: Sequence[tuple[Reading, Finding]], unit: str) -> Series:
    return Series(
        name=group[-1][1].name,
        unit=unit,
        points=tuple(
            Point(
                id=reading.id,
                when=reading.when,
                value=finding.number,
                flag=finding.flag,
                range=finding.range,
                patient=reading.patient,
            )
            for reading, finding in group
            if finding.number is not None
        ),
    )
