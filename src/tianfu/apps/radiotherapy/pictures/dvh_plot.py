"""Cumulative dose-volume histograms as a drawing that every reader can tell apart, on paper and on a telephone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.dvh_figures import curve_points
from tianfu.apps.radiotherapy.pictures.labels import Box, Stand, Wish, dense, stands
from tianfu.apps.radiotherapy.pictures.marks import Look, Marker, look_of
from tianfu.apps.radiotherapy.pictures.scales import Layout, ticks
from tianfu.apps.radiotherapy.pictures.svg import (
    Attributes,
    drawing,
    element,
    exact_path,
    in_full,
    joined,
    number,
    shortened,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats
from tianfu.web.drawing.text import text_width

CURVES_MAX = 96
"""Four times as many as can be told apart; a page offers a choice long before. [ours]"""

POINTS_MAX = 100
"""Of one curve; corners are kept, so the line drawn passes within a fraction of a unit of all others. [ours]"""

SECOND_DASH = "6 4"
"""The second plan of a comparison; the first is solid."""

NAME_LETTERS = 10
GOAL_LETTERS = 16
"""So much room, in the height of letters, words have at a curve and at a goal. [ours]"""

ANCHOR_PERCENTS = (85.0, 75.0, 65.0, 55.0, 45.0, 92.0, 35.0, 25.0, 15.0, 8.0, 4.0)
"""Where a name may stand beside its curve, by volume, the best first. [ours]"""

NAME_COVERED_MAX = 6
"""A name may cross about one steep curve, since its letters have an edge of the ground's colour. [ours]"""

AXIS_NEAR = 6.0

SAMPLE = 30.0
"""The length of a line in the key below the plot."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DvhCurve:
    """A structure in a plan; `series` (from 1) is its look, the same in both plans."""

    name: str
    series: int
    dvh: Dvh
    is_second: bool = False


@dataclass(frozen=True, kw_only=True)
class DvhGoal:
    """A point that a curve of this series must pass on its left (`is_limit`) or right, and what is said of it."""

    dose_gy: float
    volume_percent: float
    words: str
    series: int
    is_limit: bool


@dataclass(frozen=True, kw_only=True)
class DvhWords:
    """`dose` and `volume` name the axes; `first` and `second` are the plans' names, needed only for two plans."""

    key: str
    title: str
    description: str
    dose: str
    volume: str
    first: str = ""
    second: str = ""


@dataclass(frozen=True, kw_only=True)
class DvhSpace:
    """Where doses and volumes are in a plot."""

    layout: Layout
    end_gy: float

    def places(self, points: Floats) -> Floats:
        """Points (n, 2) of dose (Gy) and volume (percent) as places in the view box."""
        scale = np.array([self.layout.plot_width / self.end_gy, -self.layout.plot_height / 100])
        return np.asarray(points * scale + np.array([self.layout.left, self.layout.top + self.layout.plot_height]))


def dvh_plot(curves: Sequence[DvhCurve], goals: Sequence[DvhGoal], *, words: DvhWords, layout: Layout) -> Markup:
    """The plot, from 0 Gy to a round dose above all curves and goals; below it the key of what found no room.

    Raises Refusal `dvh-plot-empty`, `dvh-plot-too-many` and `dvh-goal-out-of-range`.
    """
    _refuse_unfit(curves, goals)
    space = dvh_space(curves, goals, layout=layout)
    is_comparison = any(curve.is_second for curve in curves)
    looks = [_look(curve, is_comparison=is_comparison) for curve in curves]
    lines = [space.places(curve_points(curve.dvh, at_most=POINTS_MAX)) for curve in curves]
    goal_texts, goal_stands = _goal_stands(goals, space, lines)
    names, name_stands = _name_stands(curves, lines, [stand.box for stand in goal_stands if stand], space)
    key = _key(curves, looks, name_stands, words if is_comparison else None)
    rows, height = _rows(key, layout)
    return drawing(
        (layout.width, height),
        _axes(space, words),
        joined(_curve(*each, words) for each in zip(curves, looks, lines, strict=True)),
        joined(_goal(*each, space) for each in zip(goals, goal_texts, goal_stands, strict=True)),
        joined(_name(*each, layout) for each in zip(names, looks, name_stands, strict=True)),
        rows,
        css_class="rt-chart rt-dvh",
        key=words.key,
        title=words.title,
        description=words.description,
    )


def dvh_space(curves: Sequence[DvhCurve], goals: Sequence[DvhGoal], *, layout: Layout) -> DvhSpace:
    """Where the plot of these curves has its doses: a page's cursor needs to know it too."""
    most = max([*(curve.dvh.max_gy for curve in curves), *(goal.dose_gy for goal in goals)])
    return DvhSpace(layout=layout, end_gy=ticks(most * 1.02, at_most=layout.ticks_max)[-1])


def _refuse_unfit(curves: Sequence[DvhCurve], goals: Sequence[DvhGoal]) -> None:
    if not curves:
        raise Refusal("dvh-plot-empty")
    if len(curves) > CURVES_MAX:
        raise Refusal("dvh-plot-too-many", details={"count": str(len(curves)), "most": str(CURVES_MAX)})
    for goal in goals:
        if not (math.isfinite(goal.dose_gy) and goal.dose_gy >= 0 and 0 <= goal.volume_percent <= 100):
            raise Refusal("dvh-goal-out-of-range", details={"goal": goal.words})


def _look(curve: DvhCurve, *, is_comparison: bool) -> Look:
    """In a comparison dashes tell the plans, so structures are told by marker and name beside the colour."""
    look = look_of(curve.series)
    dash = SECOND_DASH if curve.is_second else ""
    return Look(colour=look.colour, dash=dash, marker=look.marker) if is_comparison else look


def _axes(space: DvhSpace, words: DvhWords) -> Markup:
    layout = space.layout
    bottom, right = layout.top + layout.plot_height, layout.left + layout.plot_width
    drawn = []
    for percent in (0, 25, 50, 75, 100):
        y = float(space.places(np.array([0.0, percent]))[1])
        drawn.append(_line(layout.left, y, right, y))
        drawn.append(_text(f"{percent}", layout.left - 6, y + layout.type_size / 3, layout, anchor="end"))
    for dose in ticks(space.end_gy, at_most=layout.ticks_max):
        x = float(space.places(np.array([dose, 0.0]))[0])
        drawn.append(_line(x, layout.top, x, bottom))
        drawn.append(_text(number(dose), x, bottom + 1.3 * layout.type_size, layout, anchor="middle"))
    drawn.append(_text(f"{words.volume} %", layout.left, layout.top - 9, layout))
    drawn.append(_text(f"{words.dose} Gy", right, bottom + 2.7 * layout.type_size, layout, anchor="end"))
    return joined(drawn)


def _line(x0: float, y0: float, x1: float, y1: float) -> Markup:
    return element("path", {"class": "rt-grid", "d": f"M{number(x0)},{number(y0)}L{number(x1)},{number(y1)}"})


def _text(words: str, x: float, y: float, layout: Layout, *, anchor: str | None = None) -> Markup:
    attributes: Attributes = {"class": "rt-axis", "x": x, "y": y, "font-size": layout.type_size, "text-anchor": anchor}
    return element("text", attributes, words)


def _curve(curve: DvhCurve, look: Look, line: Floats, words: DvhWords) -> Markup:
    plan = words.second if curve.is_second else words.first
    title = f"{in_full(curve.name)} · {in_full(plan)}" if plan else in_full(curve.name)
    attributes: Attributes = {
        "class": f"rt-curve {look.css_class}",
        "stroke-dasharray": look.dash or None,
        "d": exact_path(line),
    }
    return element("path", attributes, element("title", {}, title))


def _plot_box(layout: Layout) -> Box:
    return Box(
        left=layout.left + 1,
        top=layout.top + 1,
        right=layout.left + layout.plot_width,
        bottom=layout.top + layout.plot_height - 1,
    )


def _goal_stands(
    goals: Sequence[DvhGoal], space: DvhSpace, lines: Sequence[Floats]
) -> tuple[list[str], list[Stand | None]]:
    size = space.layout.type_size
    texts = [shortened(goal.words, GOAL_LETTERS * size, size) for goal in goals]
    wishes = []
    for goal, text in zip(goals, texts, strict=True):
        x, y = space.places(np.array([goal.dose_gy, goal.volume_percent])).tolist()
        above = np.arange(0, min(120.0, y - space.layout.top), size / 2)
        anchors = np.column_stack([np.full(len(above), x), y - above])
        wishes.append(Wish(width=text_width(text, size), height=1.1 * size, anchors=anchors))
    covered = np.concatenate([dense(line, step=3) for line in lines])
    return texts, stands(wishes, within=_plot_box(space.layout), lines=covered, taken=(), covered_max=12)


def _name_stands(
    curves: Sequence[DvhCurve], lines: Sequence[Floats], taken: Sequence[Box], space: DvhSpace
) -> tuple[list[str], list[Stand | None]]:
    """The names of the first plan's curves, and of those that only the second has."""
    size, first = space.layout.type_size, {curve.series for curve in curves if not curve.is_second}
    texts, wishes = [], []
    for curve, line in zip(curves, lines, strict=True):
        is_named = not (curve.is_second and curve.series in first)
        text = shortened(curve.name, NAME_LETTERS * size, size) if is_named else ""
        anchors = _anchors(line, space) if text else np.empty((0, 2))
        texts.append(text)
        wishes.append(Wish(width=text_width(text, size), height=1.1 * size, anchors=anchors))
    covered = np.concatenate([dense(line, step=3) for line in lines])
    within = _plot_box(space.layout)
    return texts, stands(wishes, within=within, lines=covered, taken=taken, covered_max=NAME_COVERED_MAX)


def _anchors(line: Floats, space: DvhSpace) -> Floats:
    """Places on a curve by volume; the curve falls, so each volume is at one place at least."""
    heights = space.places(np.array([[0.0, percent] for percent in ANCHOR_PERCENTS]))[:, 1]
    found = np.column_stack([np.interp(heights, line[:, 1], line[:, 0]), heights])
    # On the axis all curves of partly spared structures fall together: only where nothing else is left.
    return found[np.argsort(found[:, 0] < space.layout.left + AXIS_NEAR, kind="stable")]


def _goal(goal: DvhGoal, text: str, stand: Stand | None, space: DvhSpace) -> Markup:
    """A triangle at the point, towards where the curve must be, a dotted line to the dose, and the words."""
    look, size = look_of(goal.series), space.layout.type_size
    x, y = space.places(np.array([goal.dose_gy, goal.volume_percent])).tolist()
    way = -1 if goal.is_limit else 1
    top = min(y, stand.box.bottom if stand is not None else y)
    guide = f"M{number(x)},{number(top)}V{number(space.layout.top + space.layout.plot_height)}"
    mark = f"M{number(x)},{number(y - 5)}v10l{8 * way},-5z"
    drawn = element("path", {"class": f"rt-goal {look.css_class}", "d": guide})
    drawn += element("path", {"class": f"rt-goal-mark {look.css_class}", "d": mark}, element("title", {}, goal.words))
    return drawn + (_words(text, stand, look, size) if stand is not None else Markup())


def _name(text: str, look: Look, stand: Stand | None, layout: Layout) -> Markup:
    if stand is None:
        return Markup()
    return _marker(look, *stand.anchor) + _words(text, stand, look, layout.type_size)


def _words(text: str, stand: Stand, look: Look, size: float) -> Markup:
    place: Attributes = {"x": stand.box.left, "y": stand.box.bottom - 0.25 * size, "font-size": size}
    return element("text", {"class": f"rt-name {look.css_class}", **place}, text)


def _marker(look: Look, x: float, y: float) -> Markup:
    css_class = f"rt-mark {look.css_class}"
    match look.marker:
        case Marker.CIRCLE:
            return element("circle", {"class": css_class, "cx": x, "cy": y, "r": 3.5})
        case Marker.SQUARE:
            return element("rect", {"class": css_class, "x": x - 3, "y": y - 3, "width": 6, "height": 6})
        case Marker.DIAMOND:
            return element(
                "path", {"class": css_class, "d": f"M{number(x)},{number(y - 4.5)}l4.5,4.5l-4.5,4.5l-4.5,-4.5z"}
            )
        case Marker.TRIANGLE:
            return element("path", {"class": css_class, "d": f"M{number(x)},{number(y - 4.5)}l4.5,8h-9z"})


@dataclass(frozen=True, kw_only=True)
class _Entry:
    look: Look | None
    dash: str
    text: str


def _key(
    curves: Sequence[DvhCurve], looks: Sequence[Look], names: Sequence[Stand | None], words: DvhWords | None
) -> list[_Entry]:
    """The two plans of a comparison, and the curves whose name found no room in the plot."""
    plans = () if words is None else (("", words.first), (SECOND_DASH, words.second))
    entries = [_Entry(look=None, dash=dash, text=text) for dash, text in plans]
    first = {curve.series for curve in curves if not curve.is_second}
    for curve, look, stand in zip(curves, looks, names, strict=True):
        if stand is None and not (curve.is_second and curve.series in first):
            entries.append(_Entry(look=look, dash=look.dash, text=curve.name))
    return entries


def _rows(entries: Sequence[_Entry], layout: Layout) -> tuple[Markup, float]:
    """The key in one column or two, and the height of the drawing with it."""
    columns = 2 if layout.width >= 400 else 1
    step, width = 1.6 * layout.type_size, (layout.width - layout.left) / columns
    drawn = []
    for place, entry in enumerate(entries):
        x, y = layout.left + place % columns * width, layout.height + (place // columns + 0.5) * step
        css_class = "rt-edge" if entry.look is None else f"rt-curve {entry.look.css_class}"
        data = f"M{number(x)},{number(y)}h{SAMPLE:g}"
        drawn.append(element("path", {"class": css_class, "stroke-dasharray": entry.dash or None, "d": data}))
        if entry.look is not None:
            drawn.append(_marker(entry.look, x + SAMPLE / 2, y))
        text = shortened(entry.text, width - SAMPLE - 16, layout.type_size)
        drawn.append(_text(text, x + SAMPLE + 8, y + layout.type_size / 3, layout))
    return joined(drawn), layout.height + math.ceil(len(entries) / columns) * step + (4 if entries else 0)
