"""The life strip: phases side by side, a bar for what was recorded in each stretch, a line for today.

Phases get room by weight, not by years: a pregnancy is as wide as a childhood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

STRIP_HEIGHT = 102
BOX_TOP, BOX_HEIGHT = 30, 46
BAR_STEP, BAR_WIDTH, BAR_HEIGHT_MAX = 7.0, 4.0, 38.0
GAP = 2.0
FUTURE_ROOM = 56.0
FUTURE_WEIGHT = 0.55
"""A phase that has not begun has no records to show and gets less room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A phase as the strip takes it; `ends` is the first day after it."""

    id: str
    colour: int
    weight: float
    starts: date
    ends: date
    width_min: float = 0.0
    """Room that its shortest label needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A phase's place on the strip; `lived` is how much of its width lies before today."""

    stretch: Stretch
    x: float
    width: float
    lived: float
    edges: tuple[date, ...]
    """Where its bars begin, and where the last one ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: how many records a stretch of time holds, square-rooted so that one visit is still seen."""

    x: float
    y: float
    height: float
    on_deep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StripPlan:
    """The strip before its bars are known."""

    width: int
    boxes: tuple[Box, ...]
    today_x: float | None

    @property
    def edges(self) -> tuple[date, ...]:
        """All edges between bars, in order, none twice: what the store has to count between."""
        return tuple(sorted({edge for box in self.boxes for edge in box.edges}))

    @property
    def has_future(self) -> bool:
        """Whether there is room ahead of today to say so."""
        return self.today_x is not None and self.width - self.today_x > FUTURE_ROOM

    def width_of(self, stretch_id: str) -> float:
        """How wide a phase is drawn."""
        return next(box.width for box in self.boxes if box.stretch.id == stretch_id)

    def bars(self, counts: Mapping[date, int]) -> tuple[Bar, ...]:
        """The bars, given how many records lie from each edge to the next."""
        most = max(counts.values(), default=0)
        if most == 0:
            return ()
        return tuple(
            Bar(
                x=round(box.x + 3 + place * (box.lived - 3) / max(1, len(box.edges) - 1), 1),
                y=round(BOX_TOP + BOX_HEIGHT - 2 - height, 1),
                height=height,
                on_deep=box.stretch.colour >= DEEP_FROM,
            )
            for box in self.boxes
            for place, edge in enumerate(box.edges[:-1])
            if (height := _bar_height(counts.get(edge, 0), most))
        )


DEEP_FROM = 5
"""From this step of the hibiscus scale on, bars are light on dark."""


def plan_strip(stretches: Sequence[Stretch], *, today: date, width: int) -> StripPlan:
    """Give every phase its room and cut what was lived into bars."""
    boxes: list[Box] = []
    x = 0.0
    for stretch, room in zip(stretches, _widths(stretches, today, width), strict=True):
        boxes.append(_box(stretch, x, room, today))
        x += room + GAP
    return StripPlan(width=width, boxes=tuple(boxes), today_x=_today_x(boxes, today))


def _widths(stretches: Sequence[Stretch], today: date, width: int) -> list[float]:
    """Room by weight, but never less than a label needs; if even that is too much, everybody gives a little."""
    weights = [stretch.weight * (FUTURE_WEIGHT if stretch.starts > today else 1) for stretch in stretches]
    room = width - GAP * (len(stretches) - 1)
    fixed: dict[int, float] = {}
    while True:
        free = [place for place in range(len(stretches)) if place not in fixed]
        left = room - sum(fixed.values())
        if not free or left <= 0:
            fixed.update({place: stretches[place].width_min for place in free})
            return [fixed[place] * room / sum(fixed.values()) for place in range(len(stretches))]
        unit = left / sum(weights[place] for place in free)
        tight = [place for place in free if weights[place] * unit < stretches[place].width_min]
        if not tight:
            return [fixed.get(place, weight * unit) for place, weight in enumerate(weights)]
        fixed.update({place: stretches[place].width_min for place in tight})


def _box(stretch: Stretch, x: float, width: float, today: date) -> Box:
    days = (stretch.ends - stretch.starts).days
    days_lived = min(days, max(0, (today - stretch.starts).days + 1))
    lived = width * days_lived / days
    return Box(
        stretch=stretch,
        x=round(x, 1),
        width=round(width, 1),
        lived=round(lived, 1),
        edges=_edges(stretch, days_lived, lived),
    )


def _edges(stretch: Stretch, days_lived: int, lived: float) -> tuple[date, ...]:
    if days_lived == 0:
        return ()
    bars = max(1, min(int((lived - 2) / BAR_STEP), days_lived))
    return tuple(stretch.starts + timedelta(days=round(days_lived * place / bars)) for place in range(bars + 1))


def _today_x(boxes: Sequence[Box], today: date) -> float | None:
    for box in boxes:
        if box.stretch.starts <= today < box.stretch.ends:
            return round(min(box.x + box.lived, box.x + box.width), 1)
    return None


def _bar_height(count: int, most: int) -> float:
    return round(max(3.0, BAR_HEIGHT_MAX * (count / most) ** 0.5), 1) if count else 0.0
