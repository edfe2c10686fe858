"""A line chart: series with markers and dashes, limits with their number, the last value at the line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tianfu.web.drawing.text import text_width

MARKERS = ("circle", "square", "diamond", "triangle")
LABEL_HEIGHT = 30.0
LABEL_GAP = 10.0
GRID_STEPS = 5
DOT_ROOM = 9.0
TYPE_SIZE = 12.0
STEP = 4.0
VALUE_MAX = 1e300
"""Larger values are drawn here: the distance between two must still be a number."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit of a series, and the words that stand at it; `short` where there is no room for them."""

    value: float
    words: str
    short: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One value at its place along the x axis, in words for those who point at it."""

    x: float
    y: float
    said: str
    is_outside: bool = False
    is_critical: bool = False
    is_preliminary: bool = False
    stretch: int = 0
    """The line breaks between spots of different stretches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series and its limits."""

    name: str
    spots: tuple[Spot, ...]
    last_label: str
    low: Bound | None = None
    high: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The outer size in units of the view box and the room around the plot.

    On a narrow screen a drawing is seen from `seen_from` on, before anybody scrolls: words of limits stand after it.
    """

    width: int = 406
    height: int = 216
    left: int = 38
    right: int = 64
    top: int = 20
    bottom: int = 26
    seen_from: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A marker."""

    x: float
    y: float
    spot: Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A series as drawn; `label_y` is moved so that no label covers another."""

    number: int
    marker: str
    paths: tuple[str, ...]
    """One per stretch."""

    dots: tuple[Dot, ...]
    name: str
    last_label: str
    label_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line with its number: grid, or a limit of a series."""

    y: float
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit of one series as drawn; its words stand where they cover the least of the lines."""

    y: float
    words: str
    words_x: float
    words_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """Everything a template needs to write the chart down."""

    frame: Frame
    lines: tuple[Drawn, ...]
    grid: tuple[Level, ...]
    limits: tuple[Limit, ...]
    band: tuple[float, float] | None
    ticks: tuple[tuple[float, str], ...]

    @property
    def is_dense(self) -> bool:
        """Whether markers would run into each other at their usual size."""
        most = max(len(line.dots) for line in self.lines)
        return (self.right_edge - self.frame.left) / most < DOT_ROOM

    @property
    def right_edge(self) -> int:
        """Where the plot ends."""
        return self.frame.width - self.frame.right


def draw_lines(lines: Sequence[Line], *, ticks: Sequence[tuple[float, str]], frame: Frame) -> LineChart:
    """Lay out the chart; `ticks` are places on the x axis with their words."""
    steps = _steps([value for line in lines for value in _values(line, is_alone=len(lines) == 1)])
    y_of = _scale(steps[0], steps[-1], frame.height - frame.bottom, frame.top)
    places = [spot.x for line in lines for spot in line.spots]
    x_of = _scale(min(places), max(places), frame.left + 4, frame.width - frame.right)
    label_ys = _apart([y_of(line.spots[-1].y) for line in lines], lowest=frame.height - frame.bottom)
    drawn = tuple(
        _drawn(line, number, label_y, x_of, y_of, frame)
        for number, (line, label_y) in enumerate(zip(lines, label_ys, strict=True))
    )
    return LineChart(
        frame=frame,
        lines=drawn,
        grid=tuple(Level(y=round(y_of(step), 1), value=step, text=_plain(step)) for step in steps),
        limits=_limits(lines, drawn, y_of, frame),
        band=_band(lines, y_of, steps),
        ticks=tuple((round(x_of(x), 1), words) for x, words in _spaced(ticks, x_of, frame)),
    )


def _drawn(line: Line, number: int, label_y: float, x_of: _scale, y_of: _scale, frame: Frame) -> Drawn:
    return Drawn(
        number=number + 1,
        marker=MARKERS[number % len(MARKERS)],
        paths=tuple(
            " ".join(f"{x_of(spot.x):.1f},{y_of(spot.y):.1f}" for spot in stretch)
            for _, stretch in itertools.groupby(line.spots, key=lambda spot: spot.stretch)
        ),
        dots=tuple(Dot(x=round(x_of(spot.x), 1), y=round(y_of(spot.y), 1), spot=spot) for spot in line.spots),
        name=_shortened(line.name, frame.right - LABEL_GAP),
        last_label=line.last_label,
        label_y=label_y,
    )


def _limits(lines: Sequence[Line], drawn: Sequence[Drawn], y_of: _scale, frame: Frame) -> tuple[Limit, ...]:
    """Of several lines only the upper limits: the lower of one and the upper of another would hide each other."""
    bounds = [bound for line in lines for bound in (line.high, line.low if len(lines) == 1 else None) if bound]
    placed: list[Limit] = []
    for bound in bounds:
        left, right = max(frame.left + 4, frame.seen_from), frame.width - frame.right
        words = bound.words if text_width(bound.words) <= right - left or not bound.short else bound.short
        y, width = y_of(bound.value), text_width(words)
        corners = [
            (x, below)
            for below in (y - 5, y + TYPE_SIZE + 1)
            for x in (left, (left + right - width) / 2, right - width)
        ]
        x, words_y = min(corners, key=lambda corner: _covered(corner, width, drawn, placed))
        placed.append(Limit(y=round(y, 1), words=words, words_x=round(x, 1), words_y=round(words_y, 1)))
    return tuple(placed)


def _covered(corner: tuple[float, float], width: float, drawn: Sequence[Drawn], placed: Sequence[Limit]) -> int:
    """How much of the lines and of other words would lie behind words at a place."""
    x, y = corner
    spots = [spot for line in drawn for spot in _along(line.dots)]
    hidden = sum(x - 4 <= each <= x + width + 4 and y - TYPE_SIZE - 3 <= level <= y + 6 for each, level in spots)
    others = sum(abs(limit.words_y - y) < TYPE_SIZE and abs(limit.words_x - x) < width for limit in placed)
    return hidden + len(spots) * others


def _along(dots: Sequence[Dot]) -> Iterator[tuple[float, float]]:
    """Places along a line, a few units apart."""
    yield (dots[0].x, dots[0].y)
    for one, other in itertools.pairwise(dots):
        if one.spot.stretch != other.spot.stretch:
            yield (other.x, other.y)
            continue
        steps = max(1, int(max(abs(other.x - one.x), abs(other.y - one.y)) / STEP))
        for step in range(1, steps + 1):
            share = step / steps
            yield (one.x + (other.x - one.x) * share, one.y + (other.y - one.y) * share)


def _values(line: Line, *, is_alone: bool) -> list[float]:
    bounds = [bound.value for bound in (line.low if is_alone else None, line.high) if bound]
    return [min(max(value, -VALUE_MAX), VALUE_MAX) for value in [*(spot.y for spot in line.spots), *bounds]]


def _steps(values: Sequence[float]) -> list[float]:
    """Round numbers that cover all values with a little air: 1, 2 or 5 times a power of ten apart."""
    low, high = min(values), max(values)
    air = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    low, high = (max(0.0, low - air) if low >= 0 else low - air), high + air
    rough = max((high - low) / GRID_STEPS, 1 / VALUE_MAX)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough)
    first = math.floor(low / step)
    return [float(f"{place * step:.10g}") for place in range(first, math.ceil(high / step) + 1)]


class _scale:  # noqa: N801 - reads as a function where it is used
    """A straight map from a range of values to a range of places; a single value lies in the middle."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = low, start
        self._ratio = (end - start) / (high - low) if high > low else 0.0
        self._alone = (start + end) / 2 if high <= low else None

    def __call__(self, value: float) -> float:
        return self._alone if self._alone is not None else self._start + (value - self._low) * self._ratio


def _band(lines: Sequence[Line], y_of: _scale, steps: Sequence[float]) -> tuple[float, float] | None:
    """The reference range of a single series; an open side reaches to the edge of the plot."""
    if len(lines) != 1 or not (lines[0].low or lines[0].high):
        return None
    top = lines[0].high.value if lines[0].high else steps[-1]
    bottom = lines[0].low.value if lines[0].low else steps[0]
    return round(y_of(top), 1), round(y_of(bottom) - y_of(top), 1)


def _apart(wished: Sequence[float], *, lowest: float) -> list[float]:
    """Move labels so far apart that none covers another, and keep them on the picture."""
    order = sorted(range(len(wished)), key=lambda place: wished[place])
    placed: dict[int, float] = {}
    edge = -math.inf
    for place in order:
        placed[place] = max(wished[place], edge)
        edge = placed[place] + LABEL_HEIGHT
    over = max(0.0, max(placed.values()) - lowest)
    return [round(placed[place] - over, 1) for place in range(len(wished))]


def _spaced(ticks: Sequence[tuple[float, str]], x_of: _scale, frame: Frame) -> list[tuple[float, str]]:
    """Leave out words that would run into the one before; the newest always stays."""
    kept: list[tuple[float, str]] = []
    for place, words in reversed(ticks):
        room = text_width(words) + 14
        if not kept or x_of(kept[-1][0]) - x_of(place) >= room:
            kept.append((place, words))
    return kept[::-1]


def _shortened(name: str, room: float) -> str:
    """As much of a name as fits; the table has all of it."""
    if text_width(name) <= room:
        return name
    kept = name
    while kept and text_width(kept + "…") > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def _plain(value: float) -> str:
    return f"{value:g}"
