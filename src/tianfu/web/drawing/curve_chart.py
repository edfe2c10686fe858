"""One line among curves that belong to many others: a child's weights among centiles, each named at its end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LABEL_STEP = 13.0
"""The least way from one curve's name to the next."""

GRID_STEPS = 6
TICKS_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A curve of others, by places along both axes; `is_middle` is drawn stronger."""

    name: str
    points: tuple[tuple[float, float], ...]
    is_middle: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """One value of the line, in words for those who point at it."""

    x: float
    y: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFrame:
    """The outer size in units of the view box and the room around the plot."""

    width: int = 406
    height: int = 300
    left: int = 44
    right: int = 44
    top: int = 14
    bottom: int = 28


@dataclass(frozen=True, slots=True)
class DrawnCurve:
    """A curve as drawn; `label_y` is moved so that no name covers another."""

    path: str
    name: str
    is_middle: bool
    label_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveChart:
    """Everything a template needs to write the chart down."""

    frame: CurveFrame
    curves: tuple[DrawnCurve, ...]
    line: str
    dots: tuple[Spot, ...]
    grid: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def right_edge(self) -> int:
        """Where the plot ends."""
        return self.frame.width - self.frame.right


def draw_curves(
    curves: Sequence[Curve], spots: Sequence[Spot], *, frame: CurveFrame, tick_of: Callable[[float], str]
) -> CurveChart:
    """Lay out the chart; `spots` are at least one, and `tick_of` gives the words of a whole place on the x axis."""
    points = [point for curve in curves for point in curve.points] + [(each.x, each.y) for each in spots]
    left, right = _around([x for x, _ in points])
    steps = _steps([y for _, y in points])
    plot_right, plot_bottom = frame.width - frame.right, frame.height - frame.bottom
    wide = (plot_right - frame.left) / (right - left)
    high = (plot_bottom - frame.top) / (steps[-1] - steps[0])

    def placed(x: float, y: float) -> tuple[float, float]:
        return round(frame.left + (x - left) * wide, 1), round(plot_bottom - (y - steps[0]) * high, 1)

    def path(line: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in (placed(*point) for point in line))

    labels = _apart([placed(*curve.points[-1])[1] for curve in curves])
    first, last = math.ceil(left), math.floor(right)
    stride = max(1, math.ceil((last - first + 1) / TICKS_MAX))
    return CurveChart(
        frame=frame,
        curves=tuple(
            DrawnCurve(path(curve.points), curve.name, curve.is_middle, label)
            for curve, label in zip(curves, labels, strict=True)
        ),
        line=path([(each.x, each.y) for each in spots]),
        dots=tuple(Spot(*placed(each.x, each.y), each.said) for each in spots),
        grid=tuple((placed(left, step)[1], f"{step:g}") for step in steps),
        ticks=tuple((placed(x, steps[0])[0], tick_of(x)) for x in range(first, last + 1, stride)),
    )


def _around(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the x axis; a single place lies in the middle of two steps."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1, high + 1)


def _steps(values: Sequence[float]) -> list[float]:
    """Round numbers that cover all values: 1, 2 or 5 times a power of ten apart."""
    low, high = min(values), max(values)
    span = high - low or abs(high) * 0.2 or 1.0
    magnitude = 10.0 ** math.floor(math.log10(span / GRID_STEPS))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= span / GRID_STEPS)
    begin, end = math.floor(low / step), math.ceil(high / step)
    return [round(place * step, 10) for place in range(begin, max(end, begin + 1) + 1)]


def _apart(wished: Sequence[float]) -> list[float]:
    """Names so far apart that none covers another, from the lowest upwards."""
    order = sorted(range(len(wished)), key=lambda place: wished[place], reverse=True)
    placed: dict[int, float] = {}
    for before, place in itertools.pairwise([-1, *order]):
        floor = placed[before] - LABEL_STEP if before >= 0 else math.inf
        placed[place] = round(min(wished[place], floor), 1)
    return [placed[place] for place in range(len(wished))]
